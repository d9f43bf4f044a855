"""``np.pad`` in all its modes: most are linear, and their transposes fold the margins back onto the entries."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.ir.source import param_source
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.broadcast import stretch
from functrans.ops.convert import to_dtype
from functrans.ops.family import normalize_axis, real_dtype
from functrans.ops.join import concatenate, stack
from functrans.ops.shape import operand_array
from functrans.primitives import Batch, Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements
from functrans.tracing.tracer import Tracer

Widths: TypeAlias = tuple[tuple[int, int], ...]

_OPTIONS = {
    "constant": ("constant_values",),
    "edge": (),
    "linear_ramp": ("end_values",),
    "maximum": ("stat_length",),
    "mean": ("stat_length",),
    "median": ("stat_length",),
    "minimum": ("stat_length",),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
    "wrap": (),
}


def _pad_spec(x: ArraySpec, widths: Widths) -> ArraySpec:
    return ArraySpec(tuple([n + before + after for n, (before, after) in zip(x.shape, widths, strict=True)]), x.dtype)


def _along(axis: int, start: int, stop: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(start, stop))


def _weigh(weights: np.ndarray, part: Any, axis: int) -> Any:
    """``weights`` (margin by entries), transposed, applied along an axis of a margin's cotangent."""
    weights = weights.astype(real_dtype(part.dtype))
    return np.moveaxis(np.matmul(np.moveaxis(part, axis, -1), weights), -1, axis)


def _fold(ct: Any, shape: tuple[int, ...], widths: Widths, weights: Callable[[int], Any]) -> Iterator[Any]:
    """Undo padding axis by axis, the last one first, since NumPy pads the first one first.

    Yields ``(axis, left, right, rest)``: the margins' cotangents and that of what was padded. ``weights(axis)`` says
    how the margins depend on the entries (two matrices; None: they do not).
    """
    for axis in range(len(shape) - 1, -1, -1):
        n, (before, after) = shape[axis], widths[axis]
        if not before and not after:
            yield axis, None, None, ct
            continue
        left = ct[_along(axis, 0, before)] if before else None
        right = ct[_along(axis, before + n, before + n + after)] if after else None
        ct = ct[_along(axis, before, before + n)]
        for part, matrix in zip((left, right), weights(axis) or (None, None), strict=True):
            if part is not None and matrix is not None:
                ct = ct + _weigh(matrix, part, axis)
        yield axis, left, right, ct


def _folded(ct: Any, shape: tuple[int, ...], widths: Widths, weights: Callable[[int], Any]) -> Any:
    rest = ct
    for *_, folded in _fold(ct, shape, widths, weights):
        rest = folded
    return rest


# Modes whose margins depend linearly on the array alone


def _pad_impl(x: Any, widths: Widths, mode: str, **options: Any) -> Any:
    return np.pad(x, widths, mode, **options)  # type: ignore[call-overload]


def _margins(n: int, pair: tuple[int, int], mode: str, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """How the margins of an axis depend on its entries: what NumPy makes of the unit vectors."""
    padded = np.pad(np.eye(n), (pair, (0, 0)), mode, **options)  # type: ignore[call-overload]
    return padded[: pair[0]], padded[pair[0] + n :]


def _pad_transpose(
    ct: Any, x: ArraySpec, widths: Widths, mode: str, stat_length: Widths | None = None, **options: Any
) -> Any:
    def weights(axis: int) -> Any:
        if stat_length is not None:
            options["stat_length"] = (stat_length[axis], (1, 1))
        return _margins(x.shape[axis], widths[axis], mode, **options)

    return _folded(ct, x.shape, widths, weights)


def _pad_source(args: list[str], params: dict[str, Any]) -> str:
    options = "".join([f", {name}={param_source(params[name])}" for name in params if name not in ("widths", "mode")])
    return f"np.pad({args[0]}, {param_source(params['widths'])}, {params['mode']!r}{options})"


def _pad_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    (x,) = operands
    moved = {**params, "widths": _none_in_front(params["widths"])}
    if not size:  # of no entries there is no mean
        return np.zeros(_pad_spec(ArraySpec.of(x), moved["widths"]).shape, x.dtype)
    if "stat_length" in params:
        moved["stat_length"] = ((1, 1), *params["stat_length"])
    return bind(primitive, x, **moved)


def _none_in_front(widths: Widths) -> Widths:
    return ((0, 0), *widths)


pad_p = Primitive(
    "pad",
    _pad_impl,
    lambda x, widths, mode, **options: _pad_spec(x, widths),
    Linear((_pad_transpose,)),
    source=_pad_source,
    batch=_pad_batch,
)


# Modes whose margins depend on given values too: linear in the array and in the values together


def _values_transpose(
    ct: Any, x: ArraySpec, widths: Widths, share: Callable[[int], Any], weights: Callable[[int], Any]
) -> Any:
    """The cotangent of the values, as (axes, 2); ``share(n)`` is how a margin of length n depends on its value."""
    zero = np.zeros((), ct.dtype)[()]
    rows: list[Any] = [None] * x.ndim
    for axis, left, right, _ in _fold(ct, x.shape, widths, weights):
        pair = []
        for part, turned in ((left, False), (right, True)):
            if part is None:
                pair.append(zero)
                continue
            by_margin = share(part.shape[axis])[:: -1 if turned else 1]
            by_margin = by_margin.reshape((-1,) + (1,) * (x.ndim - 1 - axis))
            pair.append(np.sum(part * by_margin.astype(real_dtype(ct.dtype))))
        rows[axis] = np.stack(pair)
    return np.stack(rows) if rows else np.zeros((0, 2), ct.dtype)


def _constant_transpose(ct: Any, x: ArraySpec, values: Any, widths: Widths) -> Any:
    slices = [slice(before, before + n) for n, (before, _) in zip(x.shape, widths, strict=True)]
    return ct[tuple(slices)]


def _ramp_weights(x: ArraySpec, widths: Widths) -> Callable[[int], Any]:
    return lambda axis: _margins(x.shape[axis], widths[axis], "linear_ramp")


def _ones(n: int) -> Any:
    return np.ones(n)


def _ramp_share(n: int) -> Any:
    return np.linspace(1.0, 0.0, n, endpoint=False)


def _pair_each(values: Any, lead: tuple[int, ...], ndim: int) -> Any:
    """Margin values as a pair for each axis, behind the axes ``lead``."""
    shape = np.shape(values)[len(lead) :]
    count = math.prod(shape)
    if count == 1:
        values = np.reshape(values, (*lead, 1, 1))
    elif count == 2 and shape != (2, 1):
        values = np.reshape(values, (*lead, 1, 2))
    return np.broadcast_to(values, (*lead, ndim, 2))


def _valued_batch(margin: Callable[..., Any]) -> Batch:
    """Padding by values; ``margin(value, edge, width, axis, at_end)`` is one margin, where each example has its own."""

    def rule(
        primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
    ) -> Any:
        (x, values), widths = operands, params["widths"]
        ndim = len(widths)
        x = batching.full(x, batched[0], size)
        if not size:
            return np.zeros(_pad_spec(ArraySpec.of(x), _none_in_front(widths)).shape, x.dtype)
        if not batched[1]:
            if np.size(values) > 2 or np.shape(values) == (2, 1):
                pairs = _pair_each(values, (), ndim)
                values = concatenate([np.zeros((1, 2), pairs.dtype), pairs])
            return bind(primitive, x, values, widths=_none_in_front(widths))
        # NumPy has one value for all: margins are joined on, axis by axis, as NumPy does.
        pairs = _pair_each(values, (size,), ndim)
        for axis, pair in enumerate(widths, 1):
            parts = [x]
            for side, width in enumerate(pair):
                if width:
                    n = x.shape[axis]
                    edge = x[_along(axis, n - 1, n) if side else _along(axis, 0, 1)]
                    value = np.reshape(pairs[:, axis - 1, side], (size,) + (1,) * ndim)
                    parts.insert(side * len(parts), margin(value, edge, width, axis, bool(side)))
            x = concatenate(parts, axis)
        return x

    return rule


def _constant_margin(value: Any, edge: Any, width: int, axis: int, at_end: bool) -> Any:
    shape = edge.shape
    return stretch(to_dtype(value, edge.dtype), (*shape[:axis], width, *shape[axis + 1 :]))


def _ramp_margin(value: Any, edge: Any, width: int, axis: int, at_end: bool) -> Any:
    start, stop = (np.reshape(end, end.shape[:axis] + end.shape[axis + 1 :]) for end in (value, edge))
    ramp = np.linspace(start, stop, width, endpoint=False, dtype=edge.dtype, axis=axis)
    return np.flip(ramp, axis) if at_end else ramp


pad_constant = Primitive(
    "pad_constant",
    lambda x, values, widths: np.pad(x, widths, constant_values=values),
    lambda x, values, widths: _pad_spec(x, widths),
    Linear(
        (
            _constant_transpose,
            lambda ct, x, values, widths: _values_transpose(ct, x, widths, _ones, lambda axis: None),
        )
    ),
    source=lambda args, params: f"np.pad({args[0]}, {param_source(params['widths'])}, constant_values={args[1]})",
    batch=_valued_batch(_constant_margin),
)
pad_linear_ramp = Primitive(
    "pad_linear_ramp",
    lambda x, values, widths: np.pad(x, widths, "linear_ramp", end_values=values),
    lambda x, values, widths: _pad_spec(x, widths),
    Linear(
        (
            lambda ct, x, values, widths: _folded(ct, x.shape, widths, _ramp_weights(x, widths)),
            lambda ct, x, values, widths: _values_transpose(ct, x, widths, _ramp_share, _ramp_weights(x, widths)),
        )
    ),
    source=lambda args, params: (
        f"np.pad({args[0]}, {param_source(params['widths'])}, 'linear_ramp', end_values={args[1]})"
    ),
    batch=_valued_batch(_ramp_margin),
)


# Modes which choose among the entries


def _rounded(value: Any, dtype: np.dtype[Any]) -> Any:
    return np.round(value).astype(dtype) if dtype.kind in "iu" else value


def _pad_statistic(x: Any, widths: Widths, statistic: Callable[..., Any], lengths: Any) -> Any:
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        parts = [x]
        whole = None
        for width, length, at_end in ((before, lengths[axis][0], False), (after, lengths[axis][1], True)):
            if not width:
                continue
            taken = n if length is None else min(length, n)
            if not taken:
                raise ValueError("stat_length of 0 yields no value for padding")
            if taken < n:
                chunk = x[_along(axis, n - taken if at_end else 0, n if at_end else taken)]
                value = _rounded(statistic(chunk, axis=axis, keepdims=True), x.dtype)
            else:
                value = whole = _rounded(statistic(x, axis=axis, keepdims=True), x.dtype) if whole is None else whole
            value = stretch(value, (*x.shape[:axis], width, *x.shape[axis + 1 :]))
            parts.insert(len(parts) if at_end else 0, value)
        x = concatenate(parts, axis)
    return x


_STATISTICS: dict[str, Callable[..., Any]] = {"maximum": np.max, "minimum": np.min, "median": np.median}


def _pairs(values: Any, ndim: int, what: str) -> Widths:
    """Non-negative integers per axis and side, given in any of NumPy's short forms."""
    if isinstance(values, dict):
        by_axis = {normalize_axis(axis, ndim): pair for axis, pair in values.items()}
        values = [np.broadcast_to(np.asarray(by_axis.get(axis, 0)), (2,)) for axis in range(ndim)]
        values = np.asarray(values).reshape((ndim, 2))
    given = np.asarray(values)
    if given.dtype.kind not in "iu":
        raise TypeError(f"`{what}` must be of integral type.")
    try:
        pairs = np.broadcast_to(given, (ndim, 2))
    except ValueError:
        raise ShapeError(
            f"`{what}` of shape {given.shape} for an array of {ndim} axes",
            f"give one number, a pair (before, after), or one pair per axis ({ndim} of them).",
        ) from None
    if pairs.size and pairs.min() < 0:
        raise ValueError(f"`{what}` can't contain negative values")
    return tuple([(int(before), int(after)) for before, after in pairs])


def _lengths(stat_length: Any, ndim: int) -> Any:
    if stat_length is None:
        return None
    given = np.asarray(stat_length)
    if given.dtype == object:  # None beside numbers: no limit
        return tuple(
            [
                tuple([None if n is None else operator.index(n) for n in pair])
                for pair in np.broadcast_to(given, (ndim, 2))
            ]
        )
    return _pairs(stat_length, ndim, "stat_length")


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """``np.pad``."""
    x = operand_array(array)
    if not isinstance(mode, str) or mode == "empty":
        what = "leaves the margins undefined" if mode == "empty" else "writes into an array in place"
        raise UncoveredFunctionError(
            f"`np.pad` with mode={mode!r}, which {what}",
            "use another mode, or join the margins to the array with `np.concatenate`.",
        )
    if mode not in _OPTIONS:
        raise ValueError(f"mode '{mode}' is not supported")
    unknown = set(kwargs) - set(_OPTIONS[mode])
    if unknown:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {unknown}")
    widths = _pairs(pad_width, x.ndim, "pad_width")
    if not widths:
        return np.copy(x)
    if mode in ("constant", "linear_ramp"):
        values = kwargs.get("constant_values" if mode == "constant" else "end_values", 0)
        if mode == "linear_ramp" and not _extends(x, widths, mode):
            return x
        values = _check_values(values, x)
        return bind(pad_constant if mode == "constant" else pad_linear_ramp, x, values, widths=widths)
    if not _extends(x, widths, mode):
        return x
    if mode in ("reflect", "symmetric"):
        kind = kwargs.get("reflect_type", "even")
        return bind(pad_p, x, widths=widths, mode=mode, **({} if kind == "even" else {"reflect_type": kind}))
    lengths = _lengths(kwargs.get("stat_length"), x.ndim)
    if mode in _STATISTICS:
        return _pad_statistic(x, widths, _STATISTICS[mode], lengths or ((None, None),) * x.ndim)
    return bind(pad_p, x, widths=widths, mode=mode, **({} if lengths is None else {"stat_length": lengths}))


def _extends(x: Any, widths: Widths, mode: str) -> bool:
    """Whether there is anything to pad.

    Raises:
        ValueError: an empty axis has no entries from which margins could be made.
    """
    for axis, pair in enumerate(widths):
        if any(pair) and x.shape[axis] == 0:
            raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
    return any(map(any, widths))


def _assembled(values: Any) -> Any:
    """Nested sequences, which may hold traced values, as an array."""
    return stack([_assembled(value) for value in values]) if isinstance(values, tuple | list) else values


def _check_values(values: Any, x: Any) -> Any:
    values = _assembled(values)
    if type(values) is not Tracer:
        return values if np.isscalar(values) else np.asarray(values)
    if math.prod(values.shape) != 1 and np.broadcast_shapes(values.shape, (x.ndim, 2)) != (x.ndim, 2):
        raise ShapeError(
            f"margin values {values.spec} for an array of {x.ndim} axes",
            f"give one value, a pair (before, after), or one pair per axis ({x.ndim} of them).",
        )
    return to_dtype(values, x.dtype) if values.dtype != x.dtype else values
