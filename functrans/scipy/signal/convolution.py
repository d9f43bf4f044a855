"""Convolutions and correlations of ``scipy.signal``, in any number of dimensions; bilinear.

The transpose in one operand is the convolution with the other one, read backwards: of the full result all that overlaps
wholly, of what overlaps wholly all. ``"same"`` cuts the middle out of the full result, as large as the first operand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import signal

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.contract import conj
from functrans.ops.convolution import rows_p
from functrans.ops.family import broadcast_shapes, keywords, normalize_axes, operand, real_dtype, result_dtype
from functrans.ops.scalars import strong
from functrans.primitives import Bilinear, Primitive, Rule
from functrans.scipy import twin
from functrans.scipy.covering import covers
from functrans.tracing.bind import bind

Axes = tuple[int, ...]
Shape = tuple[int, ...]
_MODES = ("full", "same", "valid")


def _larger(a: Shape, v: Shape, axes: Axes) -> bool:
    return all(a[axis] >= v[axis] for axis in axes)


def _lengths(a: Shape, v: Shape, axes: Axes, mode: str) -> dict[int, int]:
    if mode == "full":
        return {axis: a[axis] + v[axis] - 1 for axis in axes}
    return {axis: a[axis] if mode == "same" else abs(a[axis] - v[axis]) + 1 for axis in axes}


def _embedded(ct: Any, lengths: Mapping[int, tuple[int, int]]) -> Any:
    """Zeros around, so that an axis has ``lengths[axis]``: its new length and where the old entries begin."""
    widths = [(0, 0)] * ct.ndim
    for axis, (length, start) in lengths.items():
        widths[axis] = (start, length - start - ct.shape[axis])
    return np.pad(ct, widths)


def _pulled(ct: Any, shape: Shape, other: Any, first: bool, axes: Axes, mode: str, again: Callable[..., Any]) -> Any:
    """The cotangent of the operand of this shape (the ``first`` or the second), convolved with the other."""
    back = np.flip(other, axes)
    if mode == "same":
        # The middle of the full result, as large as the first operand.
        extents = shape if first else other.shape
        rest = other.shape if first else shape
        ct = _embedded(ct, {axis: (extents[axis] + rest[axis] - 1, (rest[axis] - 1) // 2) for axis in axes})
    if mode == "valid":
        if _larger(shape, other.shape, axes):
            return again(ct, back, "full")
        return again(back, ct, "valid")
    return again(ct, back, "valid")


# Of whole arrays.


def _every(a: ArraySpec) -> Axes:
    return tuple(range(a.ndim))


def _spec(a: ArraySpec, v: ArraySpec, *, mode: str, **_: Any) -> ArraySpec:
    lengths = _lengths(a.shape, v.shape, _every(a), mode)
    return ArraySpec(tuple(lengths.values()), result_dtype([a, v]))


def convolved(a: Any, v: Any, mode: str = "full", **how: Any) -> Any:
    """The convolution of two arrays with as many axes."""
    return bind(convolve_p, a, v, mode=mode, **how)


def _transpose(position: int) -> Rule:
    def rule(ct: Any, a: Any, v: Any, *, mode: str, **how: Any) -> Any:
        shape, other = (a.shape, v) if position == 0 else (v.shape, a)
        axes = tuple(range(len(shape)))
        if not axes:
            return ct * other
        return _pulled(ct, shape, other, position == 0, axes, mode, lambda x, y, mode: convolved(x, y, mode, **how))

    return rule


def _batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """As one convolution with one more axis; of pairs, with Fourier's transforms or along rows."""
    a, v = operands
    rank = a.ndim - batched[0]
    mode = params["mode"]
    if rank == 0:
        return a * v
    shapes = [x.shape[flag:] for x, flag in zip(operands, batched, strict=True)]
    axes = tuple(range(rank))
    start = tuple([(n - 1) // 2 for n in shapes[1]])
    if all(batched):
        if rank == 1:
            if mode != "same":
                return bind(rows_p, a, v, mode=mode)
            out = bind(rows_p, a, v, mode="full")
        else:
            return fftconvolved(a, v, mode, tuple(range(1, rank + 1)))
    else:
        one = [x if flag else np.reshape(x, (1, *x.shape)) for x, flag in zip(operands, batched, strict=True)]
        if mode == "full" or (mode == "valid" and _larger(shapes[0], shapes[1], axes) == batched[0]):
            return convolved(one[0], one[1], mode)
        if mode == "valid":  # the one that all examples share is the larger one
            out = convolved(one[0], one[1])
            smaller = [min(m, n) - 1 for m, n in zip(*shapes, strict=True)]
            stops = [max(m, n) for m, n in zip(*shapes, strict=True)]
            return out[(slice(None), *[slice(i, stop) for i, stop in zip(smaller, stops, strict=True)])]
        out = convolved(one[0], one[1])
    return out[(slice(None), *[slice(i, i + n) for i, n in zip(start, shapes[0], strict=True)])]


convolve_p = Primitive(
    "scipy.signal.convolve",
    signal.convolve,
    _spec,
    Bilinear((_transpose(0), _transpose(1))),
    batch=_batch,
)


def _back_conj(x: Any) -> Any:
    return conj(np.flip(x))


def _correlate_twin(a: Any, v: Any, *, mode: str, **how: Any) -> Any:
    return convolved(a, _back_conj(v), mode, **how) if a.ndim else a * conj(v)


correlate_p = Primitive(
    "scipy.signal.correlate",
    signal.correlate,
    _spec,
    twin.bilinear(_correlate_twin),
    batch=twin.batch(_correlate_twin),
)


def _operands(in1: Any, in2: Any, mode: Any) -> tuple[Any, Any, str]:
    a, v = [strong(operand(x)) for x in (in1, in2)]
    a, v = [np.asarray(x) if isinstance(x, np.generic) and not hasattr(x, "recorder") else x for x in (a, v)]
    if mode not in _MODES:
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    return a, v, mode


def _whole(function: Callable[..., Any], primitive: Primitive) -> None:
    @covers(function)
    def handler(in1: Any, in2: Any, mode: Any = "full", method: Any = "auto") -> Any:
        """With all keywords."""
        a, v, mode = _operands(in1, in2, mode)
        if a.ndim != v.ndim:
            raise ValueError("volume and kernel should have the same dimensionality")
        if method not in ("auto", "direct", "fft"):
            raise ValueError("Acceptable method flags are 'auto', 'direct', or 'fft'.")
        if not (a.size and v.size):
            return np.zeros((0,))
        _check_valid(a, v, tuple(range(a.ndim)), mode)
        return bind(primitive, a, v, **keywords({"mode": mode, "method": method}, method="auto"))


def _check_valid(a: Any, v: Any, axes: Axes, mode: str) -> None:
    if mode == "valid" and not (_larger(a.shape, v.shape, axes) or _larger(v.shape, a.shape, axes)):
        raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")


_whole(signal.convolve, convolve_p)
_whole(signal.correlate, correlate_p)


# Along some axes; the others broadcast.


def _along_spec(a: ArraySpec, v: ArraySpec, *, mode: str, axes: Axes) -> ArraySpec:
    rest = [x.with_shape(tuple([1 if i in axes else n for i, n in enumerate(x.shape)])) for x in (a, v)]
    shape = list(broadcast_shapes("scipy.signal.fftconvolve", rest))
    for axis, length in _lengths(a.shape, v.shape, axes, mode).items():
        shape[axis] = length
    return ArraySpec(tuple(shape), np.result_type(result_dtype([a, v]), np.float32))


def fftconvolved(a: Any, v: Any, mode: str, axes: Axes) -> Any:
    """The convolution along some axes, with Fourier's transforms."""
    return bind(fftconvolve_p, a, v, mode=mode, axes=axes)


def _along_transpose(position: int) -> Rule:
    def rule(ct: Any, a: Any, v: Any, *, mode: str, axes: Axes) -> Any:
        shape, other = (a.shape, v) if position == 0 else (v.shape, a)
        return _pulled(ct, shape, other, position == 0, axes, mode, lambda x, y, mode: fftconvolved(x, y, mode, axes))

    return rule


def _along_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    a, v = [x if flag else np.reshape(x, (1, *x.shape)) for x, flag in zip(operands, batched, strict=True)]
    if params["mode"] == "same":  # SciPy cuts what comes out to the shape of the first one
        a = batching.full(operands[0], batched[0], size)
    return bind(primitive, a, v, mode=params["mode"], axes=batching.shifted(params["axes"]))


def _along(function: Callable[..., Any]) -> Primitive:
    primitive = Primitive(
        f"scipy.signal.{function.__name__}",
        function,
        _along_spec,
        Bilinear((_along_transpose(0), _along_transpose(1))),
        batch=_along_batch,
    )

    @covers(function)
    def handler(in1: Any, in2: Any, mode: Any = "full", axes: Any = None) -> Any:
        """With all keywords."""
        a, v, mode = _operands(in1, in2, mode)
        if a.ndim != v.ndim:
            raise ValueError("in1 and in2 should have the same dimensionality")
        if a.ndim == 0:
            return a * v
        if not (a.size and v.size):
            return np.zeros((0,))
        along = normalize_axes(axes, a.ndim)
        if not along:
            raise ValueError("when provided, axes cannot be empty")
        _check_valid(a, v, along, mode)
        if mode == "same" and any(
            m == 1 < n for i, (m, n) in enumerate(zip(a.shape, v.shape, strict=True)) if i not in along
        ):
            raise UncoveredFunctionError(
                f"`scipy.signal.{function.__name__}` of a traced value, with `mode='same'`, that cuts what broadcasts",
                "broadcast the first operand with `np.broadcast_to`.",
            )
        return bind(primitive, a, v, mode=mode, axes=along)

    return primitive


fftconvolve_p = _along(signal.fftconvolve)
oaconvolve_p = _along(signal.oaconvolve)


# Of pictures, with boundaries: those of a picture that is continued.

_CONTINUED = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def _picture_twin(a: Any, v: Any, fillvalue: Any, *, mode: str, boundary: str) -> Any:
    if mode == "valid":
        return convolved(a, v, mode, method="direct")
    widths = tuple([(n - 1, n - 1) for n in v.shape])
    if boundary == "fill":
        outside = 1 - np.pad(np.ones(a.shape, real_dtype(ArraySpec.of(a).dtype)), widths)
        continued = np.pad(a, widths) + fillvalue * outside
    else:
        continued = np.pad(a, widths, _CONTINUED[boundary])  # type: ignore[call-overload]
    out = convolved(continued, v, "valid", method="direct")
    if mode == "full":
        return out
    index = [slice((n - 1) // 2, (n - 1) // 2 + m) for m, n in zip(a.shape, v.shape, strict=True)]
    return out[tuple(index)]


def _correlated_twin(a: Any, v: Any, fillvalue: Any, *, mode: str, boundary: str) -> Any:
    if mode == "same":  # the middle is another one, of an even number
        out = _picture_twin(a, _back_conj(v), fillvalue, mode="full", boundary=boundary)
        index = [slice(n // 2, n // 2 + m) for m, n in zip(a.shape, v.shape, strict=True)]
        return out[tuple(index)]
    return _picture_twin(a, _back_conj(v), fillvalue, mode=mode, boundary=boundary)


def _picture(function: Callable[..., Any], written: Callable[..., Any]) -> None:
    name = f"scipy.signal.{function.__name__}"

    def impl(a: Any, v: Any, fillvalue: Any, *, mode: str, boundary: str) -> Any:
        return function(a, v, mode, boundary, fillvalue)

    primitive = Primitive(
        name,
        impl,
        lambda a, v, fillvalue, *, mode, boundary: ArraySpec(
            tuple(_lengths(a.shape, v.shape, (0, 1), mode).values()), result_dtype([a, v])
        ),
        twin.rules(written, 3),
        source=lambda args, params: (
            f"{name}({args[0]}, {args[1]}, {params['mode']!r}, {params['boundary']!r}, {args[2]})"
        ),
        batch=twin.batch(written),
    )

    @covers(function)
    def handler(in1: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", fillvalue: Any = 0) -> Any:
        """With all keywords; ``fillvalue`` may be traced, too."""
        a, v, mode = _operands(in1, in2, mode)
        if not a.ndim == v.ndim == 2:
            raise ValueError(f"{function.__name__} inputs must both be 2-D arrays")
        if boundary not in ("fill", "pad", "wrap", "circular", "symm", "symmetric"):
            raise ValueError("Acceptable boundary flags are 'fill', 'circular' (or 'wrap'), and 'symmetric'")
        boundary = {"pad": "fill", "circular": "wrap", "symmetric": "symm"}.get(boundary, boundary)
        _check_valid(a, v, (0, 1), mode)
        if boundary != "fill" and mode != "valid" and not _larger(a.shape, v.shape, (0, 1)):
            raise UncoveredFunctionError(
                f"`{name}` of a traced value with `boundary={boundary!r}` and a kernel larger than the picture",
                "continue the picture with `np.pad` first.",
            )
        return bind(primitive, a, v, fillvalue, mode=mode, boundary=boundary)


_picture(signal.convolve2d, _picture_twin)
_picture(signal.correlate2d, _correlated_twin)
