"""Integrals of samples: the rules of the trapezoid, of Simpson and of Romberg, with traced samples, places and steps.

SciPy's values, and the derivatives of the same sums written in functions that trace; Simpson's rule with an even number
of samples closes with a parabola through the last three (Cartwright, J. Math. Sci. Math. Educ. 11 (2016)).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import integrate

from functrans.ir.spec import ArraySpec
from functrans.ops.family import normalize_axis, operand, result_dtype
from functrans.ops.plain import plain
from functrans.ops.scalars import strong
from functrans.primitives import Batch, Primitive
from functrans.scipy import twin
from functrans.scipy.covering import covers
from functrans.tracing.bind import bind

# The twins work along the last axis, with steps that broadcast against those between the samples.


def _trapezoids(y: Any, h: Any) -> Any:
    return h * (y[..., 1:] + y[..., :-1]) / 2.0


def _trapezoid(y: Any, h: Any) -> Any:
    return np.sum(_trapezoids(y, h), axis=-1)


def _over(a: Any, b: Any) -> Any:
    """A quotient that is zero where the divisor is: steps of length zero add nothing."""
    none = b == 0
    return np.where(none, 0.0, a / np.where(none, 1, b))


def _first_parts(y: Any, h: Any) -> Any:
    """The integral over the first of each two neighbouring steps, of the parabola through three samples."""
    h1, h2 = h[..., :-1], h[..., 1:]
    low = _over(h1, h1 + h2)
    product = low * _over(h1, h2)
    return h1 / 6 * ((3 - low) * y[..., :-2] + (3 + product + low) * y[..., 1:-1] + -product * y[..., 2:])


def _even_parts(y: Any, h: Any) -> Any:
    """As above, with steps of one length."""
    return h / 3 * (5 * y[..., :-2] / 4 + 2 * y[..., 1:-1] - y[..., 2:] / 4)


def _parts(y: Any, h: Any) -> tuple[Any, Any]:
    """The integrals over the first and over the second of each two neighbouring steps."""
    count = y.shape[-1] - 1
    if np.ndim(h) == 0 or h.shape[-1] != count or count == 1:
        return _even_parts(y, h), _even_parts(y[..., ::-1], h)[..., ::-1]
    h = np.broadcast_to(h, (*y.shape[:-1], count))
    return _first_parts(y, h), _first_parts(y[..., ::-1], h[..., ::-1])[..., ::-1]


def _simpson(y: Any, h: Any) -> Any:
    n = y.shape[-1]
    if n < 2:
        return 0.0 * np.sum(y, axis=-1)
    if n == 2:
        return _trapezoid(y, h)
    first, second = _parts(y, h)
    total = np.sum((first + second)[..., ::2][..., : (n - 1) // 2], axis=-1)
    return total + second[..., -1] if n % 2 == 0 else total


def _cumulative_trapezoid(y: Any, h: Any) -> Any:
    return np.cumsum(_trapezoids(y, h), axis=-1)


def _cumulative_simpson(y: Any, h: Any) -> Any:
    n = y.shape[-1]
    if n < 3:
        return _cumulative_trapezoid(y, h)
    first, second = _parts(y, h)
    last = second[..., -1:]
    # By turns the first part of a parabola and the second of the one before.
    turns = np.arange(n - 2) % 2 == 0
    before = np.concatenate([first[..., :1], second[..., :-1]], axis=-1)
    return np.cumsum(np.concatenate([np.where(turns, first, before), last], axis=-1), axis=-1)


def _romb(y: Any, h: Any) -> Any:
    n = y.shape[-1] - 1
    rows = []
    step = n
    while step >= 1:
        rows.append(_trapezoid(y[..., ::step], step * h))
        step //= 2
    for j in range(1, len(rows)):
        rows = [b + (b - a) / (4**j - 1) for a, b in pairwise(rows)]
    return rows[0]


def _twin(rule: Callable[..., Any], spaced: bool, cumulative: bool) -> Callable[..., Any]:
    """The rule along an axis; ``spaced``: by places, not by a step."""

    def written(y: Any, x: Any, *, axis: int) -> Any:
        y = np.moveaxis(y, axis, -1)
        if not spaced:
            h = np.moveaxis(x, axis, -1) if np.ndim(x) else x
        else:
            x = x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1)
            h = x[..., 1:] - x[..., :-1]
        out = rule(y, h)
        return np.moveaxis(out, -1, axis) if cumulative else out

    return written


def _batch(spec: Callable[..., ArraySpec], written: Callable[..., Any]) -> Batch:
    """The twin of all examples, in the dtype that SciPy gives."""

    def one(y: Any, x: Any, *, axis: int) -> Any:
        out = written(y, x, axis=axis)
        dtype = spec(ArraySpec.of(y), ArraySpec.of(x), axis=axis).dtype
        return out if ArraySpec.of(out).dtype == dtype else out.astype(dtype)

    return twin.batch(one)


def _spec(cumulative: bool) -> Callable[..., ArraySpec]:
    def spec(y: ArraySpec, x: ArraySpec, *, axis: int) -> ArraySpec:
        kept = (max(y.shape[axis] - 1, 0),) if cumulative else ()
        dtype = np.result_type(result_dtype([y, x]), np.float32 if y.dtype.kind in "fc" else np.float64)
        return ArraySpec((*y.shape[:axis], *kept, *y.shape[axis + 1 :]), dtype)

    return spec


def _declare(name: str, rule: Callable[..., Any], cumulative: bool = False, places: bool = True) -> None:
    function = getattr(integrate, name)

    def primitive(spaced: bool) -> Primitive:
        keyword = "x" if spaced else "dx"
        written = _twin(rule, spaced, cumulative)

        def impl(y: Any, x: Any, *, axis: int) -> Any:
            return np.asarray(function(y, axis=axis, **{keyword: x}))[()]

        def source(args: list[str], params: dict[str, Any]) -> str:
            return f"np.asarray(scipy.integrate.{name}({args[0]}, axis={params['axis']}, {keyword}={args[1]}))[()]"

        def primitive_spec(y: ArraySpec, x: ArraySpec, *, axis: int) -> ArraySpec:
            return _typed(function, keyword, _spec(cumulative)(y, x, axis=axis), y, x, axis)

        return Primitive(
            f"scipy.integrate.{name}" + ("" if spaced else "_steps"),
            impl,
            primitive_spec,
            twin.rules(written, 2),
            source=source,
            batch=_batch(primitive_spec, written),
        )

    by_places = primitive(True) if places else None
    by_steps = primitive(False)
    written_by_places = _twin(rule, True, cumulative)

    def apply(y: Any, x: Any, dx: Any, axis: Any) -> Any:
        y = strong(operand(y))
        axis = normalize_axis(axis, y.ndim)
        if x is None:
            return bind(by_steps, y, operand(dx), axis=axis)
        x = strong(operand(x))
        length = x.shape[0 if x.ndim == 1 else axis]
        if x.ndim not in (1, y.ndim) or length != y.shape[axis]:
            raise ValueError("If given, shape of x must be 1-D or the same as y.")
        if by_places is not None:
            return bind(by_places, y, x, axis=axis)
        values = plain(x)
        if type(values) is not ArraySpec and np.any(np.diff(values, axis=0 if x.ndim == 1 else axis) <= 0):
            raise ValueError("Input x must be strictly increasing.")
        return written_by_places(y, x, axis=axis)

    if cumulative:

        @covers(function)
        def along(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1, initial: Any = None) -> Any:
            """With all keywords; samples, places and steps may be traced."""
            out = apply(y, x, dx, axis)
            if initial is None:
                return out
            axis = normalize_axis(axis, out.ndim)
            shape = tuple([1 if i == axis else n for i, n in enumerate(out.shape)])
            if name == "cumulative_trapezoid":
                if initial != 0:
                    raise ValueError("`initial` must be `None` or `0`.")
                return np.concatenate([np.zeros(shape, out.dtype), out], axis=axis)
            start = np.broadcast_to(strong(operand(initial)), shape)
            start = start.astype(np.result_type(start.dtype, np.float32)) if start.dtype.kind not in "fc" else start
            return np.concatenate([start, out + start], axis=axis)

    elif places:

        @covers(function)
        def of_samples(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
            """With all keywords; samples, places and steps may be traced."""
            return apply(y, x, dx, axis)

    else:

        @covers(function)
        def of_steps(y: Any, dx: Any = 1.0, axis: Any = -1, show: bool = False) -> Any:
            """With all keywords but ``show``; samples and step may be traced."""
            count = np.shape(y)[axis] - 1
            if count < 1 or count & (count - 1):
                raise ValueError("Number of samples must be one plus a non-negative power of 2.")
            return apply(y, None, dx, axis)


def _typed(function: Any, keyword: str, spec: ArraySpec, y: ArraySpec, x: ArraySpec, axis: int) -> ArraySpec:
    """The dtype is what SciPy's Python code makes of a few samples like these."""
    count = 2 if y.shape[axis] == 2 else 3 + (y.shape[axis] % 2 == 0)
    beside: Any = x.dtype.type(1).item() if x.weak else x.dtype.type(1)
    if keyword == "x":
        beside = np.arange(count, dtype=x.dtype).reshape(-1, *[1] * (x.ndim - 1))
    ones = np.ones((count, *[1] * (y.ndim - 1)), y.dtype)
    return ArraySpec(spec.shape, np.asarray(function(ones, axis=0, **{keyword: beside})).dtype)


_declare("trapezoid", _trapezoid)
_declare("simpson", _simpson)
_declare("cumulative_trapezoid", _cumulative_trapezoid, cumulative=True)
# It refuses places that do not rise; with such, it is a composite that adds as SciPy does.
_declare("cumulative_simpson", _cumulative_simpson, cumulative=True, places=False)
_declare("romb", _romb, places=False)


@covers(integrate.fixed_quad)
def fixed_quad(func: Any, a: Any, b: Any, args: Any = (), n: Any = 5) -> tuple[Any, None]:
    """Of traced limits or arguments; the integrand may close over traced values anyway."""
    from scipy.special import roots_legendre

    x, w = roots_legendre(n)
    y = (b - a) * (np.real(x) + 1) / 2.0 + a
    return (b - a) / 2.0 * np.sum(w * func(y, *args), axis=-1), None
