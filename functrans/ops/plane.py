"""Functions of two numbers that stand their ground far out: ``hypot``, ``arctan2``, ``logaddexp``.

Their local derivatives are primitives, so that those of every order are of their own size, and neither overflow nor
cancel before they must.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.ops.duals import scaled
from functrans.ops.family import elementwise, ufunc_spec
from functrans.primitives import REAL, Derivatives, Primitive
from functrans.tracing.bind import bind, bind_unary


def _safe_radius(x: Any, y: Any) -> Any:
    radius = np.hypot(x, y)
    return np.where(radius == 0, 1.0, radius)


def direction(x, y):  # type: ignore[no-untyped-def]
    """``x / hypot(x, y)``; at the origin 0, as the subgradient of least norm."""
    radius = np.hypot(x, y)
    if not radius.max(initial=0.0) < np.inf:  # of what overflows, half; of infinities, the limit
        far, ends = np.isinf(radius), np.isinf(x) | np.isinf(y)
        x, y = [np.where(far, np.where(ends, np.copysign(np.isinf(v), v), v / 2), v) for v in (x, y)]
        radius = np.hypot(x, y)
    return np.divide(x, radius + (radius == 0))


# A primitive of its own: as a quotient its derivative would be 1 / r - x**2 / r**3, where all digits of y**2 / r**3 are
# lost far out on the x axis.
direction_p: Primitive = Primitive(
    "direction",
    direction,
    ufunc_spec(np.hypot),
    Derivatives(
        [lambda out, x, y: _turn(bind(direction_p, y, x), x, y), lambda out, x, y: _turn(-out, x, y)], singular=True
    ),
    source=lambda args, params: f"direction({', '.join(args)})",
    helpers={"direction": direction},
    domain=(REAL, REAL),
)


def _turn(u: Any, x: Any, y: Any) -> Any:
    """``u * v / r``, where ``v`` is the direction of ``y``, in an order that neither underflows nor overflows early."""
    return u * np.divide(bind(direction_p, y, x), _safe_radius(x, y))


hypot = elementwise(
    np.hypot,
    [lambda out, x, y: bind(direction_p, x, y), lambda out, x, y: bind(direction_p, y, x)],
    singular=True,
)


def inversion(x, y):  # type: ignore[no-untyped-def]
    """``x / (x**2 + y**2)``; at the origin 0."""
    radius = np.hypot(x, y)
    radius = radius + (radius == 0)
    return np.divide(np.divide(x, radius), radius)


# The real part of 1 / z, whose derivative is -1 / z**2: a primitive, so that the derivatives are of its own size and
# overflow no earlier than they must.
inversion_p: Primitive = Primitive(
    "inversion",
    inversion,
    ufunc_spec(np.hypot),
    Derivatives(
        [
            lambda out, x, y: _squares_apart(bind(inversion_p, y, x), out),
            lambda out, x, y: -2.0 * out * bind(inversion_p, y, x),
        ],
        singular=True,
    ),
    source=lambda args, params: f"inversion({', '.join(args)})",
    helpers={"inversion": inversion},
    domain=(REAL, REAL),
)


def _squares_apart(a: Any, b: Any) -> Any:
    """``a**2 - b**2``."""
    return (a - b) * (a + b)


arctan2 = elementwise(
    np.arctan2,
    [lambda out, y, x: bind(inversion_p, x, y), lambda out, y, x: -bind(inversion_p, y, x)],
    singular=True,
)


def _difference(x: Any, y: Any) -> Any:
    # inf - inf is taken as 0: equal infinities share the weight.
    return np.where(np.isinf(x) & (x == y), 0.0, x - y)


# The weights, as primitives: they lose no digit in either tail, and neither do their derivatives, the products of both.
def logistic(x):  # type: ignore[no-untyped-def]
    """``1 / (1 + exp(-x))``."""
    power = np.exp(-np.fabs(x))
    return np.where(x < 0, power, 1.0) / (1.0 + power)


def logistic2(x):  # type: ignore[no-untyped-def]
    """``1 / (1 + 2**-x)``."""
    power = np.exp2(-np.fabs(x))
    return np.where(x < 0, power, 1.0) / (1.0 + power)


def _weight(impl: Callable[[Any], Any], rate: float) -> Primitive:
    made: Primitive = Primitive(
        impl.__name__,
        impl,
        ufunc_spec(np.fabs),
        Derivatives([lambda out, x: scaled(out * bind_unary(made, -x), rate)]),
        source=lambda args, params: f"{impl.__name__}({args[0]})",
        helpers={impl.__name__: impl},
        domain=(REAL,),
    )
    return made


def _weights(weight: Primitive) -> list[Callable[..., Any]]:
    return [
        lambda out, x, y: bind_unary(weight, _difference(x, y)),
        lambda out, x, y: bind_unary(weight, _difference(y, x)),
    ]


logaddexp = elementwise(np.logaddexp, _weights(_weight(logistic, 1.0)), singular=True)
logaddexp2 = elementwise(np.logaddexp2, _weights(_weight(logistic2, 0.6931471805599453)), singular=True)
