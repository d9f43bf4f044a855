"""Special functions of NumPy: ``sinc``, ``i0``, and the powers in ``vander``.

Each has its derivatives of every order in one primitive, computed without cancellation:

- With ``y = pi x``, the n-th derivative of ``sin(y) / y`` is the integral of ``t**n cos(t y + n pi / 2)`` over [0, 1].
  Near zero that is its Taylor series; further out ``y s_n + n s_{n-1} = sin(y + n pi / 2)``, the product rule.
- The n-th derivative of ``i0`` is the mean of ``cos(t)**n exp(x cos(t))`` over a period (DLMF 10.32.1). The rectangle
  rule converges on it geometrically (Trefethen and Weideman, SIAM Review 56, 2014), and all its terms are positive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import keywords, operand
from functrans.ops.scalars import strong
from functrans.primitives import REAL, Derivatives, Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements

# sinc


def sinc_derivative(x, order):  # type: ignore[no-untyped-def]
    """The derivative of ``np.sinc`` of this order, which is at least one."""
    x = np.asarray(x)
    dtype = np.result_type(x.dtype, 0.0)
    y = np.pi * x.astype(np.result_type(dtype, np.float64))
    near = np.abs(y) < max(1.6, 0.5 * order + 0.6)  # there the series loses less than what comes of dividing by y
    far = np.where(near, 1.0, y)
    waves = [np.sin(far), np.cos(far)]
    out = waves[0] / far
    for n in range(1, order + 1):
        wave = waves[n % 2] if n % 4 < 2 else -waves[n % 2]
        out = (wave - n * out) / far
    if np.any(near):
        z = y[near]
        factor, series, reach = np.ones_like(z), np.zeros_like(z), 1.0
        m = 0
        while m < 4 or reach > 1e-20:
            if (order + m) % 2 == 0:
                series = series + factor * ((-1.0) ** ((order + m) // 2) / (order + m + 1))
            m += 1
            factor = factor * (z / m)
            reach = reach * max(1.6, 0.5 * order + 0.6) / m
        out = np.asarray(out)
        out[near] = series
    return (np.pi**order * out).astype(dtype)[()]


def _float_spec(x: ArraySpec, **params: Any) -> ArraySpec:
    return ArraySpec(x.shape, np.result_type(x.dtype, 0.0))


def _next_sinc(t: Any, out: Any, x: Any, *, order: int) -> Any:
    return absorb(t, bind(sinc_derivative_p, x, order=order + 1))


sinc_derivative_p = Primitive(
    "sinc_derivative",
    sinc_derivative,
    _float_spec,
    Rules(jvp=[_next_sinc], vjp=[_next_sinc]),
    source=lambda args, params: call_source("sinc_derivative", args, params),
    helpers={"sinc_derivative": sinc_derivative},
    batch=batching.elementwise,
)
sinc_p = Primitive(
    "sinc",
    np.sinc,
    _float_spec,
    Derivatives(
        [lambda out, x: bind(sinc_derivative_p, x, order=1)],
        singular=lambda x: ArraySpec.of(x).dtype.kind == "c",  # far off the real line it overflows
    ),
    domain=(REAL,),
)


@implements(np.sinc)
def sinc(x: Any) -> Any:
    """``np.sinc``, smooth at zero."""
    return bind(sinc_p, strong(operand(x)))


# i0


def i0_derivative(x, order):  # type: ignore[no-untyped-def]
    """The derivative of ``np.i0`` of this order, which is at least one."""
    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    x = x.astype(np.result_type(dtype, np.float64))
    size = np.abs(x)
    out = np.full(x.shape, np.nan, x.dtype)
    low = -1.0
    for high in (8.0, 64.0, np.inf):
        chosen = (size > low) & (size <= high)
        low = high
        if not np.any(chosen):
            continue
        z = size[chosen]
        # So many points are enough in a quarter of the period: the rest is I_n / I_0 of n beyond sqrt(80 z).
        points = int(order + 20 + np.sqrt(80 * min(high, 800.0))) // 4 + 1
        total = np.zeros_like(z)
        for i in range(points):
            angle = np.pi * (i + 0.5) / (2 * points)
            c, s = np.cos(angle), np.sin(angle / 2)
            # The cosines c and -c together. The largest power, exp(z), is left to the end.
            pair = -np.expm1(-2 * c * z) if order % 2 else 1 + np.exp(-2 * c * z)
            total += c**order * (np.exp(-2 * s * s * z) * pair)
        with np.errstate(over="ignore", invalid="ignore"):
            out[chosen] = np.exp(z) * (total / (2 * points))
    if order % 2:
        out = np.where(x < 0, -out, out)
    with np.errstate(over="ignore"):
        return out.astype(dtype)[()]


def _real_spec(x: ArraySpec, **params: Any) -> ArraySpec:
    if x.dtype.kind == "c":
        raise TypeError("i0 not supported for complex values")
    return ArraySpec(x.shape, x.dtype if x.dtype.kind == "f" else np.float64)


def _next_i0(t: Any, out: Any, x: Any, *, order: int) -> Any:
    return absorb(t, bind(i0_derivative_p, x, order=order + 1))


i0_derivative_p = Primitive(
    "i0_derivative",
    i0_derivative,
    _real_spec,
    Rules(jvp=[_next_i0], vjp=[_next_i0]),
    source=lambda args, params: call_source("i0_derivative", args, params),
    helpers={"i0_derivative": i0_derivative},
    batch=batching.elementwise,
)
i0_p = Primitive(
    "i0",
    lambda x: np.i0(x)[()],
    _real_spec,
    Derivatives([lambda out, x: bind(i0_derivative_p, x, order=1)], singular=True),  # it overflows
    source=lambda args, params: f"np.i0({args[0]})[()]",
    domain=(REAL,),
)


@implements(np.i0)
def i0(x: Any) -> Any:
    """``np.i0``."""
    return bind(i0_p, strong(operand(x)))


# vander


def _slopes(x: Any, count: int, increasing: bool) -> Any:
    """The derivative of each row of powers in its number: ``j x**(j - 1)``."""
    if count <= 1:
        return np.zeros((*x.shape, count), x.dtype)
    lower = bind(vander_p, x, count=count - 1, increasing=increasing)
    place = np.arange(1.0, count)
    nothing = np.zeros((*x.shape, 1), x.dtype)
    if increasing:
        return np.concatenate([nothing, lower * place], axis=-1)
    return np.concatenate([lower * place[::-1], nothing], axis=-1)


def _vander_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    (x,) = operands
    out = bind(primitive, np.ravel(x), **params)
    return np.reshape(out, (*x.shape, params["count"]))


vander_p = Primitive(
    "vander",
    lambda x, *, count, increasing: np.vander(x, count, increasing),
    lambda x, *, count, increasing: ArraySpec((*x.shape, count), np.promote_types(x.dtype, int)),
    Rules(
        jvp=[lambda dx, out, x, *, count, increasing: dx[:, None] * _slopes(x, count, increasing)],
        vjp=[lambda ct, out, x, *, count, increasing: np.sum(ct * _slopes(x, count, increasing), axis=1)],
    ),
    source=lambda args, params: call_source(
        "np.vander", [*args, str(params["count"])], keywords(params, count=params["count"], increasing=False)
    ),
    batch=_vander_batch,
)


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:  # noqa: N803
    """``np.vander``: powers of each number, by column."""
    if np.ndim(x) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = len(x) if N is None else int(N)
    if count < 0:
        raise ValueError("negative dimensions are not allowed")
    return bind(vander_p, x, count=count, increasing=bool(increasing))
