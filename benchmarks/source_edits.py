"""What is done to the syntax of rules: one node at a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Edit = tuple[str, str, ast.expr]

_SWAPS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_FLIPS: dict[type, list[tuple[str, type]]] = {
    ast.Eq: [("comparison", ast.NotEq)],
    ast.NotEq: [("comparison", ast.Eq)],
    ast.Lt: [("comparison", ast.GtE), ("boundary", ast.LtE)],
    ast.GtE: [("comparison", ast.Lt), ("boundary", ast.Gt)],
    ast.Gt: [("comparison", ast.LtE), ("boundary", ast.GtE)],
    ast.LtE: [("comparison", ast.Gt), ("boundary", ast.Lt)],
    ast.Is: [("comparison", ast.IsNot)],
    ast.IsNot: [("comparison", ast.Is)],
    ast.In: [("comparison", ast.NotIn)],
    ast.NotIn: [("comparison", ast.In)],
}
_AXES = ("axis", "axes", "axis1", "axis2")
#: Calls whose arguments are shapes, types, places: there is no derivative in them.
_PLAIN = {"len", "range", "tuple", "list", "sorted", "isinstance", "type", "set", "map", "zip", "enumerate", "is_weak"}
_PLAIN |= {
    "shape",
    "ndim",
    "iscomplexobj",
    "zeros",
    "eye",
    "argsort",
    "callable",
    "is_complex",
    "zeros_like",
    "getattr",
}
_PLAIN |= {"_rank", "_free", "is_weak", "isfinite"}


def _pick(chosen: int, *among: ast.expr) -> ast.expr:
    """One of several expressions, all of which are evaluated: no variable is lost."""
    return ast.Subscript(ast.Tuple(list(among), ast.Load()), ast.Constant(chosen), ast.Load())


def _negated(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), node)


def _call(name: str, node: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), [node], [])


def _called(node: Any) -> str:
    """The bare name of what a call calls."""
    function = getattr(node, "func", None)
    return getattr(function, "attr", getattr(function, "id", ""))


def _is_ufunc(node: ast.Call) -> bool:
    function = node.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "np"
        and isinstance(getattr(np, function.attr, None), np.ufunc)
    )


def edits(node: Any, parents: Sequence[Any], variables: set[str]) -> Iterator[Edit]:
    """What can be done to one node: kind, text of the new one, and it."""
    parent = parents[-1]
    if isinstance(parent, ast.Expr):  # called for what it does
        return
    match node:
        case ast.BinOp(left=a, op=op, right=b):
            if type(op) in _SWAPS:
                yield "swap", "", ast.BinOp(a, _SWAPS[type(op)](), b)
            if isinstance(op, ast.Add | ast.Sub):
                right = _pick(1, a, b)
                yield "drop term", ast.unparse(a), _pick(0, a, b)
                negative = isinstance(op, ast.Sub)
                yield "drop term", "-" * negative + ast.unparse(b), _negated(right) if negative else right
            if isinstance(op, ast.Mult | ast.Div | ast.BitAnd | ast.BitOr | ast.MatMult | ast.Pow):
                yield "drop factor", ast.unparse(a), _pick(0, a, b)
            if isinstance(op, ast.Mult | ast.BitAnd | ast.BitOr | ast.MatMult):
                yield "drop factor", ast.unparse(b), _pick(1, a, b)
            if isinstance(op, ast.MatMult):
                yield "swap", "", ast.BinOp(b, op, a)
        case ast.Constant(value=bool() as value):
            yield "flag", "", ast.Constant(not value)
        case ast.Constant(value=int() | float() | complex() as value):
            yield "number", "", ast.Constant(value + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
            yield "negate", ast.unparse(operand), operand
        case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=operand):
            yield "branch", ast.unparse(operand), operand
        case ast.Attribute(attr="mT" | "T" | "real" | "imag", value=value):
            yield "drop call", ast.unparse(value), value
        case ast.Call(func=function, args=args, keywords=keywords):
            yield from _edits_of_call(node, function, args, keywords)
        case ast.Name(id=name, ctx=ast.Load()) if name in variables:
            inside = {_called(outer) for outer in parents} & _PLAIN
            shape = isinstance(parent, ast.Attribute) and parent.attr in ("shape", "ndim", "dtype", "size")
            compared = any(isinstance(outer, ast.Compare) for outer in parents)
            called = isinstance(parent, ast.Call) and parent.func is node
            if not (inside or shape or compared or called or isinstance(parent, ast.keyword)):
                yield "detached", f"stop_gradient({name})", _call("_mutant_stop", node)
        case ast.Compare(left=a, ops=[op], comparators=[b]):
            for kind, other in _FLIPS[type(op)]:
                yield kind, "", ast.Compare(a, [other()], [b])
        case ast.BoolOp(op=op, values=values):
            yield "branch", "", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.IfExp(test=test, body=a, orelse=b) if not isinstance(test, ast.Compare):
            yield "branch", "", ast.IfExp(ast.UnaryOp(ast.Not(), test), a, b)
    is_test = isinstance(parent, ast.If) and parent.test is node
    if is_test and not isinstance(node, ast.Compare | ast.UnaryOp):
        yield "branch", "", ast.UnaryOp(ast.Not(), node)
    returned = isinstance(parent, ast.Return) or (isinstance(parent, ast.Lambda) and parent.body is node)
    argument = isinstance(parent, ast.Call) and node in parent.args and _is_ufunc(parent)
    is_truth = isinstance(node, ast.Tuple | ast.UnaryOp | ast.Compare | ast.BoolOp | ast.Constant)
    if (returned or argument) and isinstance(node, ast.expr) and not is_truth:
        yield "negate", "", _negated(node)


def _edits_of_call(node: ast.Call, function: ast.expr, args: list[Any], keywords: list[Any]) -> Iterator[Edit]:
    name = _called(node)
    method = isinstance(function, ast.Attribute) and not (
        isinstance(function.value, ast.Name | ast.Attribute) and ast.unparse(function.value).startswith("np")
    )
    if name == "where" and len(args) == 3:
        yield "drop term", ast.unparse(args[1]), _pick(1, *args)
        yield "drop term", ast.unparse(args[2]), _pick(2, *args)
    elif name == "bind" or name in _PLAIN or any(isinstance(arg, ast.Starred) for arg in args):
        pass
    elif method:
        yield "drop call", ast.unparse(function.value), _pick(1, node, function.value)  # type: ignore[attr-defined]
    elif args:
        yield "drop call", ast.unparse(args[0]), _pick(1, node, args[0])
        if len(args) == 2 and isinstance(function, ast.Attribute) and not keywords:
            if _is_ufunc(node):
                yield "drop factor", ast.unparse(args[1]), _pick(1, node, args[1])
            if name not in ("add", "multiply", "maximum", "hypot", "logaddexp", "logaddexp2", "minimum", "equal"):
                yield "swap", "", ast.Call(function, args[::-1], keywords)
    for i, keyword in enumerate(keywords):
        if keyword.arg in _AXES and not isinstance(keyword.value, ast.Constant):
            changed = ast.keyword(keyword.arg, _call("_mutant_axis", keyword.value))
            yield (
                "wrong axis",
                f"another {keyword.arg}",
                ast.Call(function, args, [*keywords[:i], changed, *keywords[i + 1 :]]),
            )
