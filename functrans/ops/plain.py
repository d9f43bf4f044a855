"""Functions of traced values whose result is no real number: shapes, dtypes, truth, text."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir.spec import WEAK, ArraySpec
from functrans.ops import batching
from functrans.ops.family import broadcast_shapes, operand
from functrans.primitives import Batch, Constant, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements, refuse_out
from functrans.tracing.refusal import unknown
from functrans.tracing.tracer import Tracer

_TRUTH = "it is a truth value"


def plain(value: Any) -> Any:
    """What a value is without any trace; its spec, where a staged trace knows no more. Lists and tuples likewise."""
    if type(value) in (list, tuple):
        return type(value)([plain(item) for item in value])
    while type(value) is Tracer:
        value = value.value
    return value


def known(value: Any, name: str, why: str = "the shape of the result depends on values") -> Any:
    """A value without any trace; lists and tuples likewise.

    Raises:
        TracedValueError: it is not known while a program is staged.
    """
    if type(value) in (list, tuple):
        return type(value)([known(item, name, why) for item in value])
    found = plain(value)
    if type(found) is ArraySpec:
        way = "compute it outside of what is traced, or keep all entries and mask them with `np.where`"
        raise unknown(value, f"`{name}`", why, way)
    return found


# Shapes and dtypes, which every trace knows.


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    """``np.shape``."""
    return a.shape if type(a) is Tracer else np.shape(np.asarray(a))


@implements(np.ndim)
def ndim(a: Any) -> int:
    """``np.ndim``."""
    return len(shape(a))


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    """``np.size``."""
    return np.size(_like(a), axis)


def _like(a: Any) -> Any:
    """An array of the same shape and dtype, without memory of its own."""
    spec = ArraySpec.of(a)
    return np.broadcast_to(np.zeros((), spec.dtype), spec.shape)


def _promoting(value: Any) -> Any:
    """What stands for a value where dtypes promote: its dtype, or a Python scalar."""
    if type(value) is not Tracer:
        return value
    spec = value.spec
    return WEAK[spec.dtype.kind](0) if spec.weak else spec.dtype


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """``np.result_type``."""
    return np.result_type(*map(_promoting, arrays_and_dtypes))


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """``np.can_cast``; of a traced value its dtype counts."""
    return np.can_cast(from_.dtype if type(from_) is Tracer else from_, to, casting=casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> np.dtype[Any]:
    """``np.min_scalar_type``; the value of a scalar must be known."""
    if np.ndim(a):
        return a.dtype  # type: ignore[no-any-return]
    return np.min_scalar_type(known(a, "np.min_scalar_type", "it is of a type just wide enough for it"))


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    """``np.common_type``."""
    return np.common_type(*map(_like, arrays))


def _places(function: Callable[..., Any]) -> None:
    """What lists places in an array of this shape."""

    @implements(function)
    def places(arr: Any, *args: Any, **kwargs: Any) -> Any:
        return function(_like(arr), *args, **kwargs)


for _listing in (np.tril_indices_from, np.triu_indices_from, np.diag_indices_from):
    _places(_listing)


@implements(np.einsum_path)
def einsum_path(*operands: Any, **options: Any) -> Any:
    """``np.einsum_path``, which is told from the shapes."""
    return np.einsum_path(*[_like(x) if type(x) is Tracer else x for x in operands], **options)


def _of_integers(function: Callable[..., Any]) -> None:
    @implements(function)
    def of_integers(*args: Any, **kwargs: Any) -> Any:
        name = f"np.{function.__name__}"
        why = "it is a function of integers or truth values, not of what a program could compute later"
        return function(*known(args, name, why), **{key: known(value, name, why) for key, value in kwargs.items()})


for _integral in (np.ravel_multi_index, np.unravel_index):
    _of_integers(_integral)


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """``np.iscomplexobj``."""
    return bool(x.dtype.kind == "c")


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """``np.isrealobj``."""
    return bool(x.dtype.kind != "c")


@implements(np.may_share_memory)
def may_share_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    """``np.may_share_memory``; the values must be known."""
    a, b = known((a, b), "np.may_share_memory", "a spec has no memory")
    return bool(np.may_share_memory(a, b, max_work=max_work or 0))


@implements(np.shares_memory)
def shares_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    """``np.shares_memory``; the values must be known."""
    a, b = known((a, b), "np.shares_memory", "a spec has no memory")
    return bool(np.shares_memory(a, b, **({} if max_work is None else {"max_work": max_work})))


# Truth, entry by entry or as a whole.


def _truth(function: Callable[..., Any]) -> Primitive:
    return Primitive(
        function.__name__,
        function,
        lambda *specs, **params: ArraySpec(broadcast_shapes(f"np.{function.__name__}", specs), np.bool_),
        Constant(_TRUTH),
        batch=batching.elementwise,
    )


def _verdict(function: Callable[..., Any], entrywise: Callable[..., Any], fit: Callable[..., bool]) -> Primitive:
    return Primitive(
        function.__name__,
        function,
        lambda *specs, **params: ArraySpec((), np.bool_, True),
        Constant(_TRUTH),
        batch=_verdict_batch(entrywise, fit),
    )


def _verdict_batch(entrywise: Callable[..., Any], fit: Callable[..., bool]) -> Batch:
    """Whether ``entrywise`` is true of all entries; of shapes that do not ``fit`` it is not."""

    def rule(
        primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
    ) -> Any:
        a, b = [np.shape(x)[flag:] for x, flag in zip(operands[:2], batched[:2], strict=True)]
        if not fit(a, b):
            return np.zeros(size, np.bool_)
        rank = max(batching.ranks(operands, batched))
        aligned = [batching.aligned(x, flag, rank) for x, flag in zip(operands, batched, strict=True)]
        truth = entrywise(*aligned, **params)
        return np.all(truth, axis=tuple(range(1, np.ndim(truth))))

    return rule


def _broadcastable(*shapes: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def _equal(a: Any, b: Any, equal_nan: bool = False) -> Any:
    return (a == b) | (np.isnan(a) & np.isnan(b)) if equal_nan else np.equal(a, b)


isclose_p = _truth(np.isclose)
allclose_p = _verdict(
    np.allclose, lambda *args, equal_nan: bind(isclose_p, *args, equal_nan=equal_nan), lambda a, b: True
)
array_equal_p = _verdict(np.array_equal, _equal, operator.eq)
array_equiv_p = _verdict(np.array_equiv, _equal, _broadcastable)


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    """``np.isclose``."""
    return bind(isclose_p, operand(a), operand(b), operand(rtol), operand(atol), equal_nan=bool(equal_nan))


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    """``np.allclose``."""
    return bind(allclose_p, operand(a), operand(b), operand(rtol), operand(atol), equal_nan=bool(equal_nan))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """``np.array_equal``."""
    return bind(array_equal_p, operand(a1), operand(a2), equal_nan=bool(equal_nan))


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    """``np.array_equiv``."""
    return bind(array_equiv_p, operand(a1), operand(a2))


def _test(function: Callable[..., Any]) -> None:
    primitive = _truth(function)

    @implements(function)
    def test(x: Any, out: None = None) -> Any:
        if out is not None:
            refuse_out(f"np.{function.__name__}")
        return bind(primitive, x)


for _function in (np.isposinf, np.isneginf, np.isreal, np.iscomplex):
    _test(_function)


# Text.


def _text(function: Callable[..., Any]) -> None:
    @implements(function)
    def text(a: Any, *args: Any, **kwargs: Any) -> str:
        found = plain(a)
        return repr(a) if type(found) is ArraySpec else function(np.asarray(found), *args, **kwargs)


for _formatter in (np.array_repr, np.array_str, np.array2string):
    _text(_formatter)
