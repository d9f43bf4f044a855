"""Wrong derivatives: the source of rules, and of the functions that they call, with one small change at a time.

Nothing is imported anew: a function's code is compiled from its changed syntax tree and put in its place.
"""

from __future__ import annotations

import ast
import dis
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from mutants import ROOT, Mutant, clear_residuals, noticed, other_axis, stopped
from rule_mutants import slots
from source_edits import edits

from functrans.ops import duals, einsum, index_template
from functrans.primitives import Derivatives, Linear, Primitive, lookup, primitives
from functrans.tracing.dispatch import FUNCTIONS, METHODS, UFUNC_METHODS, UFUNCS
from functrans.tracing.tracer import Tracer

_ANNOTATIONS = __import__("__future__").annotations.compiler_flag


# Which functions a primitive's derivative is made of.


@cache
def _handlers() -> frozenset[int]:
    tables: tuple[dict[Any, Any], ...] = (FUNCTIONS, METHODS, UFUNCS, UFUNC_METHODS)
    own = vars(Tracer).values()  # `x[index]` and the operators
    return frozenset([id(handler) for table in tables for handler in table.values()] + [id(method) for method in own])


@cache
def _readers() -> frozenset[int]:
    """What reads an index or a list of letters, which is the same for values, specs and rules."""
    spaces = (vars(index_template), {"axes_of": einsum.axes_of, "_lengths": einsum._lengths})
    return frozenset(id(value) for space in spaces for value in space.values())


def _functions_in(value: Any) -> Iterator[FunctionType]:
    """The functions of functrans.ops in a value: it, those it wraps, those in a container, the methods of a class."""
    while hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    if isinstance(value, FunctionType):
        if value.__module__.startswith("functrans.ops") and id(value) not in _handlers() | _readers():
            yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _functions_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _functions_in(part)
    elif isinstance(value, type) and value.__module__.startswith("functrans.ops"):
        for part in vars(value).values():
            yield from _functions_in(part)


def _globals_read(code: CodeType) -> set[str]:
    names = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _globals_read(constant)
    return names


def functions_of(primitive: Primitive) -> list[FunctionType]:
    """The rules of a primitive and, transitively, the functions of functrans.ops that they call."""
    waiting = [function for slot in slots(primitive) for function in _functions_in(slot.rule)]
    match primitive.derivative:
        case Derivatives(singular=singular):
            waiting += _functions_in(singular)
        case Linear(collector=collector):
            waiting += _functions_in(collector)
    found: dict[int, FunctionType] = {}
    while waiting:
        function = waiting.pop(0)
        if id(function) in found:
            continue
        found[id(function)] = function
        reached = [function.__globals__.get(name) for name in sorted(_globals_read(function.__code__))]
        reached += [cell.cell_contents for cell in function.__closure__ or ()]
        reached += list(function.__defaults__ or ())
        for value in reached:
            waiting += _functions_in(value)
    return list(found.values())


# From a function to its syntax tree, and back to code.


class Source:
    """A function's syntax tree within its statement of the module, and where its code is among the compiled."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        path = Path(code.co_filename)
        self.file = str(path.relative_to(ROOT))
        body = ast.parse(path.read_text()).body
        # Attributes of what is imported are compiled otherwise than those of other names.
        self.imports = [statement for statement in body if isinstance(statement, ast.Import | ast.ImportFrom)]
        for statement in body:
            first = min([statement.lineno, *[d.lineno for d in getattr(statement, "decorator_list", [])]])
            if first <= code.co_firstlineno <= (statement.end_lineno or 0):
                self.statement = statement
        self.filename = code.co_filename
        self.node = self._find()
        self.way = _way(self.compiled(), code)

    def _find(self) -> Any:
        named: list[Any] = []
        for node in ast.walk(self.statement):
            if isinstance(node, ast.FunctionDef) and node.name == self.code.co_name:
                lines = [node.lineno, *[d.lineno for d in node.decorator_list]]
                if min(lines) == self.code.co_firstlineno:
                    return node
            elif isinstance(node, ast.Lambda) and self.code.co_name == "<lambda>":
                named.append(node)
        found = [(line, column) for line, _, column, end in self.code.co_positions() if line and end]
        start = min((line, column) for line, column in found if column is not None)
        for node in named:
            if (node.body.lineno, node.body.col_offset) == start:
                return node
        raise LookupError(f"no source of {self.code}")

    def compiled(self) -> CodeType:
        """The code of the statement as its tree is now."""
        module = ast.Module([*self.imports, self.statement], [])
        return compile(module, self.filename, "exec", flags=_ANNOTATIONS, dont_inherit=True)

    def mutated(self) -> CodeType:
        """The code of the function as its tree is now."""
        code = self.compiled()
        for step in self.way:
            code = _nested(code)[step]
        if code.co_name != self.code.co_name:
            raise LookupError("the code has moved")
        return code


def _nested(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _way(outer: CodeType, wanted: CodeType) -> tuple[int, ...]:
    """The positions, level by level, at which the same code is nested in another."""
    same = (wanted.co_name, wanted.co_firstlineno, wanted.co_code)
    matches: list[tuple[int, ...]] = []

    def look(code: CodeType, way: tuple[int, ...]) -> None:
        for i, inner in enumerate(_nested(code)):
            if (inner.co_name, inner.co_firstlineno, inner.co_code) == same and list(inner.co_positions()) == list(
                wanted.co_positions()
            ):
                matches.append((*way, i))
            look(inner, (*way, i))

    look(outer, ())
    if len(matches) != 1:
        raise LookupError(f"{len(matches)} compiled are {wanted}")
    return matches[0]


def _same(a: CodeType, b: CodeType) -> bool:
    if a.co_code != b.co_code or len(a.co_consts) != len(b.co_consts) or a.co_names != b.co_names:
        return False
    return all(
        _same(x, y) if isinstance(x, CodeType) and isinstance(y, CodeType) else repr(x) == repr(y)
        for x, y in zip(a.co_consts, b.co_consts, strict=True)
    )


# Every change of every function.


def sites(source: Source) -> Iterator[tuple[Any, list[Any], Any, str, int | None]]:
    """The expressions of a function: node, what it is in, and the field (and place there) of its parent."""

    def walk(node: Any, parents: list[Any]) -> Iterator[Any]:
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "args") and isinstance(value, ast.expr | ast.arguments):
                continue
            for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                    continue  # a docstring
                if isinstance(child, ast.keyword) and child.arg == "strict":
                    continue
                if isinstance(child, ast.Raise) or _only_raises(child):
                    continue
                if isinstance(child, ast.AST):
                    if isinstance(child, ast.expr):
                        yield child, [*parents, node], node, field, i
                    yield from walk(child, [*parents, node])

    yield from walk(source.node, [])


def _only_raises(node: Any) -> bool:
    """Whether a statement refuses what it is given, and does nothing else."""
    return isinstance(node, ast.If) and not node.orelse and all(isinstance(part, ast.Raise) for part in node.body)


def _variables(code: CodeType) -> set[str]:
    found = {*code.co_varnames, *code.co_cellvars}
    for inner in _nested(code):
        found |= _variables(inner)
    return found


@contextmanager
def written(functions: Sequence[Any], code: CodeType, touched: list[bool]) -> Iterator[None]:
    """Other code in the place of that of some functions."""
    before = [function.__code__ for function in functions]
    spaces = {id(f.__globals__): f.__globals__ for f in functions}.values()

    def stop(value: Any) -> Any:
        return noticed(stopped(value), value, touched)

    for space in spaces:
        space["_mutant_stop"] = stop
        space["_mutant_axis"] = lambda axis: noticed(_shifted(axis), axis, touched)
    for function in functions:
        function.__code__ = code
    clear_residuals()
    try:
        yield
    finally:
        for function, own in zip(functions, before, strict=True):
            function.__code__ = own
        for space in spaces:
            del space["_mutant_stop"], space["_mutant_axis"]
        clear_residuals()


def _shifted(axis: Any) -> Any:
    """Another axis, where it is not known how many there are."""
    match axis:
        case int():
            return axis - 1
        case tuple() | list():
            return type(axis)(a - 1 if type(a) is int else other_axis(a, 2) for a in axis)
        case _:
            return axis


def source_mutants(wanted: Sequence[Primitive]) -> Iterator[Mutant]:
    """Every change of the source of the rules of some primitives. One of a shared function is made once."""
    owners: dict[int, list[Primitive]] = {}
    functions: dict[int, dict[int, FunctionType]] = {}
    for primitive in primitives():
        for function in functions_of(primitive):
            code = id(function.__code__)
            owners.setdefault(code, []).append(primitive)
            functions.setdefault(code, {})[id(function)] = function
    everyone = [lookup(name) for name in ("log", "divide", "multiply", "sum")]
    for code, shared in owners.items():
        first = next(iter(functions[code].values()))
        if first.__module__ == duals.__name__:  # what every derivative goes through, whether a rule calls it or not
            shared += [primitive for primitive in everyone if primitive not in shared]
        if any(primitive in wanted for primitive in shared):
            yield from _mutants_of(list(functions[code].values()), tuple(shared))


def _mutants_of(functions: list[FunctionType], owners: tuple[Primitive, ...]) -> Iterator[Mutant]:
    code = functions[0].__code__
    source = Source(code)
    variables = _variables(code)
    name = code.co_name if code.co_name != "<lambda>" else f"<lambda {owners[0].name}>"
    seen: Counter[str] = Counter()
    for node, parents, parent, field, index in sites(source):
        before = ast.unparse(node)
        around = ast.unparse(_around(node, parents))
        for kind, text, edited in edits(node, parents, variables):
            new = ast.fix_missing_locations(ast.copy_location(edited, node))
            _put(parent, field, index, new)
            try:
                mutated = source.mutated()
            except (LookupError, SyntaxError):
                continue
            finally:
                _put(parent, field, index, node)
            if _same(mutated, code) or mutated.co_freevars != code.co_freevars:
                continue
            touched = [False] if kind in ("detached", "wrong axis") else None
            shown = text or ast.unparse(new)
            change = f"{name}: {before} -> {shown}" + (f" in {around}" if around != before else "")
            seen[kind + change] += 1
            if seen[kind + change] > 1:  # the same at another place
                change += f" ({seen[kind + change]})"
            plant = partial(written, functions, mutated, touched or [False])
            yield Mutant(kind, owners, f"{source.file}:{node.lineno}", change, plant, touched)


def _around(node: Any, parents: Sequence[Any]) -> Any:
    """The smallest statement, or body of a lambda, around a node; of compound statements, the test."""
    inner = node
    for outer in reversed(parents):
        if isinstance(outer, ast.Lambda | ast.If | ast.FunctionDef | ast.For | ast.IfExp | ast.comprehension):
            return inner
        inner = outer
    return inner


def _put(parent: Any, field: str, index: int | None, node: Any) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node
