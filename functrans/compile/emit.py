"""How an equation is written in the generated code: the shortest call of NumPy's that gives the same bits."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir import Equation, Program
from functrans.ops.index_template import MASK, index_source, may_repeat

_BINARY = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "pow": "**",
    "floor_divide": "//",
    "remainder": "%",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
    "left_shift": "<<",
    "right_shift": ">>",
}
_UNARY = {"negative": "-", "positive": "+", "invert": "~"}
#: What Python's operators call for arrays. (Not ``**``, which looks at the exponent first.)
OPERATORS: dict[Any, np.ufunc] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.divide,
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
    operator.neg: np.negative,
    operator.pos: np.positive,
    operator.abs: np.absolute,
    operator.lt: np.less,
    operator.le: np.less_equal,
    operator.gt: np.greater,
    operator.ge: np.greater_equal,
    operator.eq: np.equal,
    operator.ne: np.not_equal,
    operator.and_: np.bitwise_and,
    operator.or_: np.bitwise_or,
    operator.xor: np.bitwise_xor,
    operator.invert: np.invert,
    operator.lshift: np.left_shift,
    operator.rshift: np.right_shift,
}
_REDUCE = {"sum": np.add.reduce, "prod": np.multiply.reduce, "max": np.maximum.reduce, "min": np.minimum.reduce}
_REDUCE_NAMES = {"sum": "add_reduce", "prod": "multiply_reduce", "max": "maximum_reduce", "min": "minimum_reduce"}
#: What gives an array of its own, which nothing else holds, beside ufuncs.
FRESH = frozenset(
    {*_BINARY, *_UNARY, *_REDUCE, "block", "mean", "absolute", "where", "concatenate", "stack", "scatter", "index_add"}
    | {"index_set", "absorbing_multiply", "absorbing_product", "sech_squared", "one_minus_square", "logistic"}
    | {"plus_zero", "clip_low", "clip_high", "clip", "solve", "inv", "cholesky", "cumsum", "dot", "outer", "inner"}
)
#: Whose result lies in memory in C order if its operands do.
KEEPS_ORDER = frozenset(
    {*_BINARY, *_UNARY, "absolute", "where", "absorbing_multiply", "sech_squared", "one_minus_square", "logistic"}
)


def ufunc_of(equation: Equation) -> np.ufunc | None:
    """The ufunc that computes an equation, if one does with the operands alone, and gives one result."""
    impl = equation.primitive.impl
    ufunc = impl if isinstance(impl, np.ufunc) else OPERATORS.get(impl)
    if ufunc is None or equation.params or ufunc.nout != 1 or ufunc.nin != len(equation.inputs):
        return None
    return ufunc if ufunc.signature is None or ufunc is np.matmul else None


def symbolic(equation: Equation, args: Sequence[str]) -> str | None:
    """The equation with Python's operators, if it is one of them."""
    name = equation.primitive.name
    if name in _BINARY:
        return f"{args[0]} {_BINARY[name]} {args[1]}"
    if name in _UNARY:
        return f"{_UNARY[name]}{args[0]}"
    return f"abs({args[0]})" if name in ("absolute", "abs_complex") else None


def expression(equation: Equation, args: list[str], scope: Scope) -> str:
    """The right-hand side of an equation: a call with the constants that it needs in ``scope``."""
    text = symbolic(equation, args)
    if text is not None:
        return text
    special = _SPECIAL.get(equation.primitive.name)
    if special is not None:
        text = special(args, equation, scope)
        if text is not None:
            return text
    function = scope.function(equation.primitive.name.replace(".", "_"), equation.primitive.impl)
    keywords = [f"{name}={scope.param(value)}" for name, value in equation.params.items()]
    return f"{function}({', '.join([*args, *keywords])})"


def in_entries(equation: Equation) -> bool:
    """Whether it adds to entries of an array, each of which is chosen once."""
    if equation.primitive.name not in ("scatter", "index_add") or not equation.outputs[0].spec.shape:
        return False
    template = equation.params["template"]
    return not (may_repeat(template) or any(type(part) is tuple and part[0] == MASK for part in template))


def written(equation: Equation, args: list[str], ours: bool, scope: Scope) -> list[str] | None:
    """Assignments into entries, as lines with ``{0}`` for the result; ``ours``: the array may be written into."""
    name = equation.primitive.name
    if not in_entries(equation):
        return None
    template, out = equation.params["template"], equation.outputs[0].spec
    values = args[0] if name == "scatter" else args[1]
    arrays = args[1:] if name == "scatter" else args[2:]
    if name == "scatter":
        start = f"{scope.function('zeros', np.zeros)}({out.shape!r}, {scope.constant(out.dtype)})"
    else:
        start = args[0] if ours else f"{scope.function('array', np.array)}({args[0]})"
    return [f"{{0}} = {start}", f"{{0}}[{index_source(template, arrays)}] += {values}"]


class Scope:
    """The names that generated code can see: functions and constants."""

    __slots__ = ("_by_id", "taken", "values")

    def __init__(self, taken: set[str]) -> None:
        self.values: dict[str, Any] = {}
        self.taken = taken
        self._by_id: dict[int, str] = {}

    def name(self, wanted: str, value: Any) -> str:
        """A name for a value; the same for the same object."""
        known = self._by_id.get(id(value))
        if known is None:
            known, count = wanted, 1
            while known in self.taken:
                known, count = f"{wanted}_{count}", count + 1
            self.taken.add(known)
            self._by_id[id(value)] = known
            self.values[known] = value
        return known

    def function(self, name: str, function: Any) -> str:
        """The name of a function."""
        return self.name(name, function)

    def constant(self, value: Any) -> str:
        """A constant: written out if that is short and costs nothing, else a name."""
        if type(value) is bool or value is None or type(value) is int:
            return repr(value) if value is None or value >= 0 else f"({value!r})"
        if type(value) is float and value == value and abs(value) != np.inf:
            return f"({value!r})" if value < 0 or str(value)[0] == "-" else repr(value)
        return self.name(f"c{len(self.values)}", value)

    def param(self, value: Any) -> str:
        """A parameter."""
        if isinstance(value, Program):
            return self.name(value.name, value)
        if isinstance(value, str) or (isinstance(value, tuple) and all(type(v) in (int, bool) for v in value)):
            return repr(value)
        return self.constant(value)


def _reduce(args: list[str], equation: Equation, scope: Scope) -> str | None:
    params: Mapping[str, Any] = equation.params
    if len(args) != 1 or not equation.inputs[0].spec.shape or set(params) - {"axis", "keepdims"}:
        return None
    name = equation.primitive.name
    axis = params["axis"]
    function = scope.function(_REDUCE_NAMES[name], _REDUCE[name])
    rest = ", None, None, True" if params.get("keepdims") else ""
    return f"{function}({args[0]}, {axis[0] if len(axis) == 1 else axis!r}{rest})"


def _mean(args: list[str], equation: Equation, scope: Scope) -> str | None:
    spec, params = equation.inputs[0].spec, equation.params
    if len(args) != 1 or spec.dtype != np.float64 or not spec.size or not spec.shape or set(params) - {"axis"}:
        return None
    axis = params["axis"]
    count = int(np.prod([spec.shape[i] for i in axis]))
    function = scope.function("add_reduce", _REDUCE["sum"])
    return f"{function}({args[0]}, {axis[0] if len(axis) == 1 else axis!r}) / {count}"


def _transpose(args: list[str], equation: Equation, scope: Scope) -> str | None:
    axes = equation.params["axes"]
    if not axes:
        return None
    return f"{args[0]}.T" if axes == tuple(range(len(axes)))[::-1] else f"{args[0]}.transpose({axes!r})"


def _reshape(args: list[str], equation: Equation, scope: Scope) -> str | None:
    if "order" in equation.params or not equation.inputs[0].spec.shape:
        return None
    return f"{args[0]}.reshape({equation.params['shape']!r})"


def _getitem(args: list[str], equation: Equation, scope: Scope) -> str | None:
    template = equation.params["template"]
    if len(args) > 1 or any(type(part) is str for part in template):
        return None
    return f"{args[0]}[{index_source(template, args[1:])}]"


def _joined(args: list[str], equation: Equation, scope: Scope) -> str | None:
    if equation.primitive.name == "stack" and not equation.inputs[0].spec.shape:
        return None
    function = scope.function(equation.primitive.name, getattr(np, equation.primitive.name))
    return f"{function}(({', '.join(args)},), {equation.params['axis']})"


def _plus_zero(args: list[str], equation: Equation, scope: Scope) -> str:
    return f"{scope.function('add', np.add)}({args[0]}, 0, order='C')"


_SPECIAL: dict[str, Callable[[list[str], Equation, Scope], str | None]] = {
    **dict.fromkeys(_REDUCE, _reduce),
    "mean": _mean,
    "transpose": _transpose,
    "reshape": _reshape,
    "getitem": _getitem,
    "concatenate": _joined,
    "stack": _joined,
    "plus_zero": _plus_zero,
}
