"""What whole families of primitives share: how they are declared, how shapes and dtypes follow."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.ir.spec import WEAK, ArraySpec
from functrans.ops.scalars import is_weak, strong
from functrans.primitives import (
    REAL,
    Constant,
    Derivative,
    Derivatives,
    Domain,
    Primitive,
    Rule,
    Rules,
    Source,
)
from functrans.tracing.bind import bind, bind_unary
from functrans.tracing.dispatch import UFUNCS, UNARY, ufunc_name
from functrans.tracing.tracer import Tracer

_PLAIN = frozenset({Tracer, float, int, complex, bool, np.ndarray, np.float64, np.float32, np.complex128, np.int64})


def operand(value: Any) -> Any:
    """An operand as NumPy would take it: lists and other array-likes become arrays."""
    if type(value) in _PLAIN:
        return value
    if hasattr(value, "__array_ufunc__") or hasattr(value, "dtype"):
        check_kind(value)
        return value
    return np.asarray(value)


def check_kind(value: Any) -> None:
    """Refuse arrays of other kinds (`np.matrix`, masked arrays, data frames), whose operators mean something else.

    Raises:
        UncoveredFunctionError: it is one.
    """
    if getattr(value, "__array_priority__", 0.0) > 0.0:
        kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
        raise UncoveredFunctionError(
            f"an operation on a traced value and a `{kind}` is not covered",
            "take the plain array that it holds: `np.asarray(x)`, `x.filled(value)`, `x.to_numpy()`.",
        )


def broadcast_shapes(name: str, specs: Sequence[ArraySpec]) -> tuple[int, ...]:
    """The common shape of some operands.

    Raises:
        ShapeError: there is none.
    """
    try:
        return np.broadcast_shapes(*[spec.shape for spec in specs])
    except ValueError:
        given = ", ".join(map(repr, specs))
        raise ShapeError(
            f"`{name}` of {given}: the shapes do not broadcast",
            "shapes are compared from the last axis; each pair must be equal, or one of them 1. Add axes with "
            "`x[:, None]` or `np.expand_dims`.",
        ) from None


def result_dtype(values: Sequence[Any]) -> np.dtype[Any]:
    """The dtype to which values (or specs) promote together; Python scalars are weak."""
    specs = [ArraySpec.of(value) for value in values]
    return np.result_type(*[spec.dtype.type(0).item() if spec.weak else spec.dtype for spec in specs])


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the modulus of such numbers."""
    return np.dtype(dtype.char.lower()) if dtype.kind == "c" else dtype


def real_spec(x: ArraySpec) -> ArraySpec:
    """The spec of a real part, or of a modulus."""
    return ArraySpec(x.shape, real_dtype(x.dtype), x.weak)


_dtypes: dict[tuple[Any, ...], Any] = {}


def ufunc_spec(ufunc: np.ufunc) -> Callable[..., ArraySpec]:
    """Shape and dtype of a ufunc's result, by NumPy's own promotion rules."""

    def spec(*specs: ArraySpec) -> ArraySpec:
        key = (ufunc, *[s.promoting for s in specs])
        dtype = _dtypes.get(key)
        if dtype is None:
            kinds = [s.promoting for s in specs]
            if all(s.weak for s in specs):  # NumPy takes lone Python scalars for arrays
                kinds = [s.dtype for s in specs]
            # resolve_dtypes takes Python's types for weak operands, but not bool, which is never weak in NumPy.
            kinds = [np.dtype(np.bool_) if kind is bool else kind for kind in kinds]
            dtype = _dtypes[key] = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))[-1]
        return ArraySpec(broadcast_shapes(ufunc.__name__, specs), dtype)

    return spec


def operator_spec(ufunc: np.ufunc, function: Callable[..., Any]) -> Callable[..., ArraySpec]:
    """As :func:`ufunc_spec`, but the operator on Python scalars alone gives a Python scalar."""
    by_ufunc = ufunc_spec(ufunc)

    def spec(*specs: ArraySpec) -> ArraySpec:
        for s in specs:
            if not s.weak:
                return by_ufunc(*specs)
        out = type(function(*[WEAK[s.dtype.kind](1) for s in specs]))
        return ArraySpec.of(out(1))

    return spec


def elementwise(
    ufunc: np.ufunc,
    derivatives: Sequence[Rule | float | None] | None = None,
    *,
    constant: str = "",
    derivative: Derivative | None = None,
    singular: bool | Rule = False,
    masks: bool = False,
    domain: Domain | Sequence[Domain] = REAL,
    symbol: str = "",
    python: Callable[..., Any] | None = None,
) -> Primitive:
    """Declare a ufunc as a primitive: both modes, every order, broadcasting and dtypes follow.

    Args:
        ufunc: NumPy's function; calls of it on traced values arrive here.
        derivatives: one per operand, ``d(out, *operands)``, a constant number, or ``None``: there is no rule.
        constant: instead, why the derivative is zero.
        derivative: instead, any other kind.
        singular: a local derivative can be infinite or NaN (or: a function of the operands that tells); a zero
            cotangent absorbs it.
        masks: the derivative picks entries, so it makes exact zeros.
        domain: where its real operands live, one interval or one per operand.
        symbol: the operator that prints it.
        python: the operator as a function, when it is that which computes (it keeps Python scalars weak).
    """
    if derivatives is not None:
        every = [d for d in derivatives if d is not None]
        derivative = Derivatives(every, singular) if len(every) == ufunc.nin else partly(derivatives, singular)
    elif constant:
        derivative = Constant(constant)
    domains: Sequence[Domain] = [domain] * ufunc.nin if isinstance(domain[0], float) else domain  # type: ignore[list-item,assignment]
    made = Primitive(
        ufunc_name(ufunc).removeprefix("np."),
        ufunc if python is None else python,
        ufunc_spec(ufunc) if python is None else operator_spec(ufunc, python),
        derivative,
        source=_symbol_source(symbol, ufunc.nin) if symbol else None,
        masks=masks,
        domain=domains,
    )
    UFUNCS[ufunc] = _ufunc_handler(made, ufunc.nin, python is not None)
    if ufunc.nin == 1 and python is None:
        UNARY[ufunc] = made
    return made


def partly(derivatives: Sequence[Rule | float | None], singular: bool | Rule = True) -> Rules:
    """Local derivatives of which some are missing, as rules: whoever asks for those gets an error that names them."""

    def rule(local: Rule | float | None) -> Rule | None:
        if local is None:
            return None
        if not callable(local):
            return lambda t, out, *operands: t * local

        def product(t: Any, out: Any, *operands: Any) -> Any:
            from functrans.ops.duals import absorb  # which imports this module

            with np.errstate(all="ignore"):
                found = local(out, *operands)
                return absorb(t, found) if singular is True or (singular and singular(*operands)) else t * found

        return product

    rules = [rule(local) for local in derivatives]
    return Rules(rules, rules)


def _ufunc_handler(primitive: Primitive, nin: int, by_operator: bool) -> Callable[..., Any]:
    if nin == 1:
        if by_operator:
            return lambda x: bind_unary(primitive, strong(x))
        return lambda x: bind_unary(primitive, x)

    def handler(*args: Any) -> Any:
        args = tuple([operand(arg) for arg in args])
        if by_operator:
            for arg in args:
                if not is_weak(arg):
                    return bind(primitive, *args)
            args = (strong(args[0]), *args[1:])
        return bind(primitive, *args)

    return handler


def _symbol_source(symbol: str, nin: int) -> Source:
    if nin == 1:
        return lambda args, params: f"{symbol}{args[0]}"
    return lambda args, params: f"{args[0]} {symbol} {args[1]}"


def normalize_axes(axis: Any, ndim: int, name: str = "axis") -> tuple[int, ...]:
    """``axis`` as NumPy takes it (``None``, an integer, a tuple) as a sorted tuple of non-negative integers.

    Raises:
        numpy.exceptions.AxisError: out of bounds.
        ValueError: an axis is repeated.
    """
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple | list) else (axis,)
    axes = [normalize_axis(a, ndim, name) for a in given]
    if len(set(axes)) != len(axes):
        raise ValueError(f"duplicate value in '{name}'")
    return tuple(sorted(axes))


def normalize_axis(axis: Any, ndim: int, name: str = "axis") -> int:
    """One axis, counted from the front."""
    index = operator.index(axis)
    if not -ndim <= index < ndim:
        raise np.exceptions.AxisError(index, ndim)
    return index % ndim


def keywords(params: Mapping[str, Any], **defaults: Any) -> dict[str, Any]:
    """The parameters that differ from their defaults: printed programs show no more than they must."""
    return {name: value for name, value in params.items() if name not in defaults or defaults[name] != value}
