"""Recursive filters: ``lfilter``, ``filtfilt``, filters in sections.

``A y = B x + z``, with sequences as polynomials in the delay: ``x`` convolved with ``b``, the initial state added to
its beginning, divided by ``a``. So ``y`` moves by ``(dB x + dz - dA y) / A``, and the transpose of a division is the
division of the sequence read backwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.signal
from scipy import signal

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.convolution import convolved
from functrans.ops.family import broadcast_shapes, normalize_axis, operand, result_dtype
from functrans.ops.plain import plain
from functrans.ops.scalars import strong
from functrans.primitives import Primitive, Rules
from functrans.scipy import twin
from functrans.scipy.covering import covers
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer

# Division of the last axis by polynomials that begin with one.


def divide_rows(v, a):  # type: ignore[no-untyped-def]
    """Sequences along the last axis divided by polynomials, of which each begins with one."""
    if a.ndim == 1:
        return scipy.signal.lfilter(np.ones(1, a.dtype), a, v)
    lead = np.broadcast_shapes(v.shape[:-1], a.shape[:-1])
    v = np.broadcast_to(v, (*lead, v.shape[-1]))
    out = np.empty(v.shape, np.result_type(v, a))
    places = np.broadcast_to(np.arange(a[..., 0].size).reshape(a.shape[:-1]), lead)
    for place, row in enumerate(a.reshape(-1, a.shape[-1])):
        chosen = places == place
        out[chosen] = scipy.signal.lfilter(np.ones(1, a.dtype), row, v[chosen])
    return out


def _divide_spec(v: ArraySpec, a: ArraySpec) -> ArraySpec:
    lead = broadcast_shapes("scipy.signal.lfilter", [x.with_shape(x.shape[:-1]) for x in (v, a)])
    return ArraySpec((*lead, v.shape[-1]), result_dtype([v, a]))


def _divided_back(ct: Any, a: Any) -> Any:
    return bind(divide_p, ct[..., ::-1], a)[..., ::-1]


def _to_divisor(ct: Any, out: Any, v: Any, a: Any) -> Any:
    """What the divisor gets: correlations of the quotient with what the dividend gets."""
    n, count = out.shape[-1], a.shape[-1]
    pulled = _divided_back(ct, a)
    if count > n:
        zeros = np.zeros((*out.shape[:-1], count - n), out.dtype)
        pulled, out = np.concatenate([pulled, zeros], axis=-1), np.concatenate([out, zeros], axis=-1)
        n = count
    behind = np.concatenate([pulled, np.zeros((*pulled.shape[:-1], count - 1), pulled.dtype)], axis=-1)
    return -convolved(behind, out[..., ::-1], "valid") if n >= 1 else -behind


divide_p: Primitive = Primitive(
    "scipy.signal.divide_rows",
    divide_rows,
    _divide_spec,
    Rules(
        jvp=[
            lambda dv, out, v, a: bind(divide_p, dv, a),
            lambda da, out, v, a: -bind(divide_p, convolved(out, da)[..., : out.shape[-1]], a),
        ],
        vjp=[lambda ct, out, v, a: _divided_back(ct, a), _to_divisor],
    ),
    source=lambda args, params: f"divide_rows({args[0]}, {args[1]})",
    helpers={"divide_rows": divide_rows},
    batch=lambda primitive, operands, batched, size, params: _divide_batch(operands, batched),
    masks=True,
)


def _divide_batch(operands: Sequence[Any], batched: Sequence[bool]) -> Any:
    from functrans.ops.batching import stacked

    return stacked(1, 1)(divide_p, operands, batched, 0, {})


# lfilter


def _filtered(b: Any, a: Any, x: Any, zi: Any, axis: int) -> tuple[Any, Any]:
    """The twin: the filtered signal, and the state in which the filter ends."""
    b, a = b / a[0], a / a[0]
    order = max(b.shape[0], a.shape[0]) - 1
    x = np.moveaxis(x, axis, -1)
    n = x.shape[-1]

    def filled(y: Any, length: int) -> Any:
        return np.concatenate([y, np.zeros((*y.shape[:-1], length - y.shape[-1]), y.dtype)], axis=-1)

    whole = filled(convolved(x, b), n + order)
    if zi is not None:
        zi = np.moveaxis(zi, axis, -1)
        whole = whole + filled(np.broadcast_to(zi, (*x.shape[:-1], order)), n + order)
    y = bind(divide_p, whole[..., :n], a)
    end = (whole - filled(convolved(y, a), n + order))[..., n:]
    return np.moveaxis(y, -1, axis), np.moveaxis(end, -1, axis)


def _lfilter_twin(b: Any, a: Any, x: Any, *, axis: int) -> Any:
    return _filtered(b, a, x, None, axis)[0]


def _lfilter_state_twin(b: Any, a: Any, x: Any, zi: Any, *, axis: int) -> Any:
    return _filtered(b, a, x, zi, axis)


def _lfilter_state_spec(*specs: ArraySpec, axis: int) -> tuple[ArraySpec, ArraySpec]:
    b, a, x, _ = specs
    dtype = result_dtype(specs)
    order = max(b.shape[0], a.shape[0]) - 1
    return ArraySpec(x.shape, dtype), ArraySpec((*x.shape[:axis], order, *x.shape[axis + 1 :]), dtype)


def _rows_of_examples(written: Any) -> Any:
    """Filters that all examples share work along one axis more."""
    of_twin = twin.batch(written)

    def rule(
        primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
    ) -> Any:
        if batched[0] or (len(operands) != 2 and batched[1]) or not batched[-1] or not all(batched[2:]):
            return of_twin(primitive, operands, batched, size, params)
        return bind(primitive, *operands, axis=params["axis"] + 1)

    return rule


_written = twin.rules(_lfilter_twin, 3)


def _filtered_back(ct: Any, out: Any, b: Any, a: Any, x: Any, *, axis: int) -> Any:
    return np.flip(bind(lfilter_p, b, a, np.flip(ct, axis), axis=axis), axis)


lfilter_p: Primitive = Primitive(
    "scipy.signal.lfilter",
    signal.lfilter,
    lambda b, a, x, *, axis: ArraySpec(x.shape, result_dtype([b, a, x])),
    Rules(
        jvp=[*_written.jvp[:2], lambda dx, out, b, a, x, *, axis: bind(lfilter_p, b, a, dx, axis=axis)],
        vjp=[*(_written.vjp or ())[:2], _filtered_back],
    ),
    masks=True,
    batch=_rows_of_examples(_lfilter_twin),
)
lfilter_state_p = Primitive(
    "scipy.signal.lfilter_state",
    lambda b, a, x, zi, *, axis: tuple(signal.lfilter(b, a, x, axis, zi)),
    _lfilter_state_spec,
    twin.rules(_lfilter_state_twin, 4),
    source=lambda args, params: f"scipy.signal.lfilter({args[0]}, {args[1]}, {args[2]}, {params['axis']}, {args[3]})",
    multiple=True,
    masks=True,
    batch=_rows_of_examples(_lfilter_state_twin),
)


def _vector(value: Any) -> Any:
    value = strong(operand(value))
    return np.reshape(value, (1,)) if np.ndim(value) == 0 else np.asarray(value) if type(value) is list else value


@covers(signal.lfilter)
def lfilter(b: Any, a: Any, x: Any, axis: Any = -1, zi: Any = None) -> Any:
    """With all keywords; the coefficients and the initial state may be traced, too."""
    b, a, x = _vector(b), _vector(a), _vector(x)
    if b.ndim != 1 or a.ndim != 1:
        raise ValueError("object of too small depth for desired array")
    axis = normalize_axis(axis, x.ndim)
    first = plain(a)
    if type(first) is not ArraySpec and first[0] == 0:
        raise ValueError("the first coefficient of `a` is zero")
    if zi is None:
        return bind(lfilter_p, b, a, x, axis=axis)
    order = max(b.shape[0], a.shape[0]) - 1
    zi = _vector(zi)
    shape = (*x.shape[:axis], order, *x.shape[axis + 1 :])
    if zi.ndim != x.ndim or any(m not in (1, n) for m, n in zip(zi.shape, shape, strict=True)):
        raise ValueError(f"Unexpected shape for parameter zi: expected {shape}, found {tuple(zi.shape)}.")
    return bind(lfilter_state_p, b, a, x, np.broadcast_to(zi, shape), axis=axis)


@covers(signal.lfilter_zi)
def lfilter_zi(b: Any, a: Any) -> Any:
    """The state in which a filter's step response is steady; ``a`` may not begin with zeros."""
    b, a = _vector(b), _vector(a)
    if b.ndim != 1:
        raise ValueError("Numerator b must be 1-D.")
    if a.ndim != 1:
        raise ValueError("Denominator a must be 1-D.")
    known = plain(a)
    if type(known) is ArraySpec or known[0] != 1.0:
        b, a = b / a[0], a / a[0]
    n = max(a.shape[0], b.shape[0])
    if a.shape[0] < n:
        a = np.concatenate([a, np.zeros(n - a.shape[0], a.dtype)])
    elif b.shape[0] < n:
        b = np.concatenate([b, np.zeros(n - b.shape[0], b.dtype)])
    shifts = np.eye(n - 1, k=1)
    first = np.eye(1, n - 1)
    # The companion matrix of `a`, transposed, taken from the identity.
    matrix = np.eye(n - 1) - (np.reshape(-a[1:] / (1.0 * a[0]), (-1, 1)) * first + shifts)
    return np.linalg.solve(matrix.astype(np.result_type(a.dtype, b.dtype)), b[1:] - a[1:] * b[0])


def _slice(x: Any, axis: int, *span: Any) -> Any:
    return x[(*[slice(None)] * axis, slice(*span))]


def extended(x: Any, edge: int, axis: int, kind: str) -> Any:
    """A signal continued by ``edge`` entries at both ends: oddly, evenly or by constants."""
    if edge < 1:
        return x
    first, last = _slice(x, axis, 0, 1), _slice(x, axis, -1, None)
    if kind == "constant":
        shape = [1] * x.ndim
        shape[axis] = edge
        ones = np.ones(shape, x.dtype)
        return np.concatenate([ones * first, x, ones * last], axis=axis)
    before, after = _slice(x, axis, edge, 0, -1), _slice(x, axis, -2, -(edge + 2), -1)
    if kind == "odd":
        before, after = 2 * first - before, 2 * last - after
    return np.concatenate([before, x, after], axis=axis)


def _padded(padtype: Any, padlen: Any, x: Any, axis: int, ntaps: int) -> tuple[int, Any]:
    if padtype not in ("even", "odd", "constant", None):
        raise ValueError(
            f"Unknown value '{padtype}' given to padtype. padtype must be 'even', 'odd', 'constant', or None."
        )
    edge = 0 if padtype is None else ntaps * 3 if padlen is None else padlen
    if x.shape[axis] <= edge:
        raise ValueError(f"The length of the input vector x must be greater than padlen, which is {edge}.")
    return edge, extended(x, edge, axis, padtype) if edge else x


def _forth_and_back(run: Any, zi: Any, padded: Any, axis: int, edge: int) -> Any:
    y = run(padded, zi * _slice(padded, axis, 0, 1))
    y = run(np.flip(y, axis), zi * _slice(y, axis, -1, None))
    y = np.flip(y, axis)
    return _slice(y, axis, edge, -edge) if edge > 0 else y


@covers(signal.filtfilt)
def filtfilt(
    b: Any,
    a: Any,
    x: Any,
    axis: Any = -1,
    padtype: Any = "odd",
    padlen: Any = None,
    method: str = "pad",
    irlen: Any = None,
) -> Any:
    """With ``method="pad"``; the coefficients may be traced, too."""
    if method == "gust":
        raise UncoveredFunctionError(
            "`scipy.signal.filtfilt` of a traced value with `method='gust'` is not covered", "use `method='pad'`."
        )
    if method != "pad":
        raise ValueError("method must be 'pad' or 'gust'.")
    b, a, x = _vector(b), _vector(a), _vector(x)
    axis = normalize_axis(axis, x.ndim)
    edge, padded = _padded(padtype, padlen, x, axis, max(b.shape[0], a.shape[0]))
    zi = lfilter_zi(b, a)
    zi = np.reshape(zi, [zi.shape[0] if i == axis else 1 for i in range(x.ndim)])
    return _forth_and_back(lambda x, zi: lfilter(b, a, x, axis, zi)[0], zi, padded, axis, edge)


# Filters in sections of second order.


def _sections_twin(b: Any, a: Any, x: Any, zi: Any, *, axis: int) -> tuple[Any, Any]:
    ends = []
    for k in range(b.shape[0]):
        x, end = _filtered(b[k], np.concatenate([np.ones(1, a.dtype), a[k]]), x, zi[k], axis)
        ends.append(end)
    return x, np.stack(ends)


def _sections_spec(*specs: ArraySpec, axis: int) -> tuple[ArraySpec, ArraySpec]:
    dtype = result_dtype(specs)
    return ArraySpec(specs[2].shape, dtype), ArraySpec(specs[3].shape, dtype)


def sections(b, a, x, axis, zi):  # type: ignore[no-untyped-def]
    """Filters one after the other, with numerators ``b`` and denominators that begin with one and go on with ``a``."""
    return scipy.signal.sosfilt(np.concatenate([b, np.ones((len(b), 1), a.dtype), a], axis=1), x, axis, zi)


sosfilt_p = Primitive(
    "scipy.signal.sosfilt",
    lambda b, a, x, zi, *, axis: sections(b, a, x, axis, zi),
    _sections_spec,
    twin.rules(_sections_twin, 4),
    source=lambda args, params: f"sections({args[0]}, {args[1]}, {args[2]}, {params['axis']}, {args[3]})",
    helpers={"sections": sections},
    multiple=True,
    masks=True,
    batch=twin.batch(_sections_twin),
)


def _sections(sos: Any) -> Any:
    sos = strong(operand(sos))
    if sos.ndim == 1:
        sos = np.reshape(sos, (1, -1))
    if sos.ndim != 2:
        raise ValueError("sos array must be 2D")
    if sos.shape[1] != 6:
        raise ValueError("sos array must be shape (n_sections, 6)")
    known = plain(sos)
    if type(known) is not ArraySpec and not np.all(known[:, 3] == 1):
        raise ValueError("sos[:, 3] should be all ones")
    return sos


@covers(signal.sosfilt)
def sosfilt(sos: Any, x: Any, axis: Any = -1, zi: Any = None) -> Any:
    """With all keywords; the sections and the initial state may be traced, too."""
    sos, x = _sections(sos), strong(operand(x))
    if x.ndim == 0:
        raise ValueError("x must be at least 1-D")
    axis = normalize_axis(axis, x.ndim)
    shape = (sos.shape[0], *x.shape[:axis], 2, *x.shape[axis + 1 :])
    if zi is None:
        zi = np.zeros(shape, result_dtype([sos, x]))
        return bind(sosfilt_p, sos[:, :3], sos[:, 4:], x, zi, axis=axis)[0]
    zi = strong(operand(zi))
    if tuple(zi.shape) != shape:
        raise ValueError(f"Invalid zi shape: expected {shape}, got {tuple(zi.shape)}.")
    return bind(sosfilt_p, sos[:, :3], sos[:, 4:], x, zi, axis=axis)


@covers(signal.sosfilt_zi)
def sosfilt_zi(sos: Any) -> Any:
    """The states in which the sections' step response is steady."""
    sos = strong(operand(sos))
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise ValueError("sos must be shape (n_sections, 6)")
    scale: Any = 1.0
    states = []
    for k in range(sos.shape[0]):
        b, a = sos[k, :3], sos[k, 3:]
        states.append((scale * lfilter_zi(b, a)).astype(sos.dtype))
        scale = scale * (np.sum(b) / np.sum(a))
    return np.stack(states)


@covers(signal.sosfiltfilt)
def sosfiltfilt(sos: Any, x: Any, axis: Any = -1, padtype: Any = "odd", padlen: Any = None) -> Any:
    """With all keywords; of traced sections, which are of second order, the values decide how far it pads."""
    sos, x = _sections(sos), strong(operand(x))
    axis = normalize_axis(axis, x.ndim)
    known = plain(sos)
    ntaps = 2 * sos.shape[0] + 1
    if type(known) is not ArraySpec:
        ntaps -= min(np.count_nonzero(known[:, 2] == 0), np.count_nonzero(known[:, 5] == 0))
    elif padlen is None and padtype is not None:
        raise UncoveredFunctionError(
            "`scipy.signal.sosfiltfilt` of sections that are not known while a program is staged",
            "give `padlen`, which is found from their zeros otherwise.",
        )
    edge, padded = _padded(padtype, padlen, x, axis, int(ntaps))
    zi = sosfilt_zi(sos) if type(sos) is Tracer else signal.sosfilt_zi(sos)
    zi = np.reshape(zi, (sos.shape[0], *[2 if i == axis else 1 for i in range(x.ndim)]))
    return _forth_and_back(lambda x, zi: sosfilt(sos, x, axis, zi)[0], zi, padded, axis, edge)


@covers(signal.deconvolve)
def deconvolve(signal: Any, divisor: Any) -> tuple[Any, Any]:
    """Quotient and remainder; both operands may be traced."""
    from functrans.scipy.signal.convolution import convolved as convolve

    num, den = _vector(signal), _vector(divisor)
    for name, x in (("signal", num), ("divisor", den)):
        if x.ndim != 1 or not x.size:
            raise ValueError(f"Parameter {name} must be non-empty 1d array, but its shape is {tuple(x.shape)}!")
    n, d = num.shape[0], den.shape[0]
    if d > n:
        return [], num
    start = np.zeros(n - d + 1)
    start[0] = 1
    quotient = lfilter(num, den, start)
    return quotient, num - convolve(den, quotient)
