"""Operands for the primitives that are not elementwise: the calls of NumPy's that lead to them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from functrans.primitive import POSITIVE
from tests.strategies import FLOATS, OPERANDS, Operands, recorded, seeded

_COMPLEX = ("complex128", "complex64")
_ANY = [(), (3,), (2, 3), (2, 0)]


def _unary(dtypes: Any) -> Any:
    return seeded(lambda draw, shape: ([draw(shape)], {}), _ANY, dtypes=dtypes)


def _where(draw: Any, shapes: Any) -> Operands:
    c, x, y = shapes
    return [draw(c).real > 0, draw(x), draw(y)], {}


def _clip(draw: Any, shapes: Any) -> Operands:
    low = draw(shapes[1], place=1)
    return [draw(shapes[0]), low, low + draw(shapes[2], POSITIVE, 2)], {}


OPERANDS.update(
    {
        "strong": st.builds(lambda x: ([x], {}), st.sampled_from([0.5, 0.25 + 1j])),
        "weak": seeded(lambda draw: ([draw(())], {}), dtypes=("float64", "complex128")),
        "absorbing_multiply": seeded(
            lambda draw, s: ([draw(s[0]), draw(s[1])], {}), [((3,), (3,)), ((2, 3), (3,)), ((), (2,)), ((0,), (1,))]
        ),
        "absolute_complex": _unary(_COMPLEX),
        "sign_complex": _unary(_COMPLEX),
        "modf": _unary(FLOATS),
        "frexp": _unary(FLOATS),
        "stop_gradient": _unary(FLOATS),
        "where": seeded(_where, [((3,), (3,), ()), ((2, 1), (3,), (2, 3)), ((), (), ()), ((), (3,), (2, 1))]),
        "clip": seeded(_clip, [((3,), (), ()), ((2, 3), (3,), (2, 1)), ((), (2,), ()), ((0,), (), ())], dtypes=FLOATS),
    }
)


def calls(name: str, *made: Any, dtypes: Any = ("float64", "float32", "complex128", "complex64")) -> None:
    """Operands of ``name`` from some calls of NumPy functions: each is ``(f, *operands)``, the operands as shapes."""

    def make(draw: Any, call: Any) -> Operands:
        f, *operands = call
        args = [
            draw(o, place=i) if isinstance(o, tuple) else (o(draw) if callable(o) else o)
            for i, o in enumerate(operands)
        ]
        return recorded(name, f, *args)

    OPERANDS[name] = seeded(make, made, dtypes=dtypes)


REAL_ONLY = {"dtypes": FLOATS}
