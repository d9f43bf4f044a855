"""The primitives behind ``print`` and ``callback``: they do something in their place, and give nothing back.

They have no derivative: under a transform the values are seen, once, and no tangent. In a program they are equations
without outputs, which stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from functrans import tree
from functrans.ir.program import frozen_key
from functrans.ir.source import param_source
from functrans.primitives import Constant, Primitive
from functrans.tracing.bind import bind

#: Whether nothing is to be done, since it has been: a program is run again to find where a NaN arose.
DONE: ContextVar[bool] = ContextVar("functrans_done", default=False)

_CONTAINERS: dict[Any, str] = {list: "[{}]", tuple: "({},)", type(None): "None"}
#: For each batch, the outermost first: which operands have it as their first axis.
Levels = tuple[tuple[bool, ...], ...]


def print_each(text, levels, arguments, operands, label=""):  # type: ignore[no-untyped-def]
    """Print a text with these operands; with those of each example where they are batches."""
    if not levels:
        args, kwargs = arguments(*operands)
        print(label + text.format(*args, **kwargs))
        return
    for i in range(next(len(x) for x, flag in zip(operands, levels[0]) if flag)):  # noqa: B905
        one = [x[i] if flag else x for x, flag in zip(operands, levels[0])]  # noqa: B905
        print_each(text, levels[1:], arguments, one, f"{label}[{i}] ")


class Arguments:
    """What an effect is called with: the operands, put among what is known already in ``(args, kwargs)``."""

    __slots__ = ("fixed", "structure")

    def __init__(self, structure: tree.TreeDef, fixed: Mapping[int, Any]) -> None:
        self.structure, self.fixed = structure, dict(fixed)

    def leaves(self, operands: Sequence[Any]) -> list[Any]:
        """All leaves, in their order."""
        given = iter(operands)
        return [self.fixed[i] if i in self.fixed else next(given) for i in range(self.structure.size)]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Arguments)
            and self.structure == other.structure
            and frozen_key(self.fixed) == frozen_key(other.fixed)
        )

    def __hash__(self) -> int:
        return hash(self.structure)

    def __call__(self, *operands: Any) -> Any:
        return tree.unflatten(self.structure, self.leaves(operands))

    def source(self, operands: Sequence[str]) -> list[str]:
        """The arguments of a call, as text."""
        names = {i: repr(value) for i, value in self.fixed.items()}
        given = iter(operands)
        leaves = iter([names[i] if i in names else next(given) for i in range(self.structure.size)])
        positional, keywords = self.structure.children
        args = [_written(child, leaves) for child in positional.children]
        pairs = zip(keywords.metadata, keywords.children, strict=True)
        return [*args, *[f"{key}={_written(child, leaves)}" for key, child in pairs]]


def _written(structure: tree.TreeDef, leaves: Iterator[str]) -> str:
    """A tree as text; a container that is none of Python's as a tuple."""
    if structure.cls is None:
        return next(leaves)
    inside = [_written(child, leaves) for child in structure.children]
    if issubclass(structure.cls, dict):
        return "{" + ", ".join(f"{k!r}: {v}" for k, v in zip(structure.metadata, inside, strict=False)) + "}"
    return _CONTAINERS.get(structure.cls, "({},)").format(", ".join(inside)) if inside else "()"


def _print(*operands: Any, text: str, arguments: Arguments, levels: Levels) -> tuple[()]:
    if not DONE.get():
        print_each(text, levels, arguments, operands)
    return ()


def _print_source(args: list[str], params: dict[str, Any]) -> str:
    text, levels, arguments = repr(params["text"]), params["levels"], params["arguments"]
    if not levels:
        return f"print({text}.format({', '.join(arguments.source(args))}))"
    names = [f"x{i}" for i in range(len(args))]
    call = f"lambda *args, **kwargs: (args, kwargs))({', '.join(arguments.source(names))})"
    return f"print_each({text}, {param_source(levels)}, lambda {', '.join(names)}: ({call}, [{', '.join(args)}])"


def _each(f: Callable[..., Any], levels: Levels, arguments: Arguments, operands: Sequence[Any]) -> None:
    if not levels:
        args, kwargs = arguments(*operands)
        f(*args, **kwargs)
        return
    for i in range(next(len(x) for x, flag in zip(operands, levels[0], strict=True) if flag)):
        _each(f, levels[1:], arguments, [x[i] if b else x for x, b in zip(operands, levels[0], strict=True)])


def _call(*operands: Any, f: Callable[..., Any], arguments: Arguments, levels: Levels) -> tuple[()]:
    if not DONE.get():
        _each(f, levels, arguments, operands)
    return ()


def _batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    return bind(primitive, *operands, **{**params, "levels": (tuple(batched), *params["levels"])})


_NOTHING = Constant("it gives nothing")

print_p = Primitive(
    "debug_print",
    _print,
    lambda *specs, **params: (),
    _NOTHING,
    source=_print_source,
    helpers={"print_each": print_each},
    multiple=True,
    batch=_batch,
    effect=True,
)
callback_p = Primitive(
    "debug_callback",
    _call,
    lambda *specs, **params: (),
    _NOTHING,
    source=lambda args, params: f"None  # functrans.debug.callback: {getattr(params['f'], '__name__', 'f')}",
    multiple=True,
    batch=_batch,
    effect=True,
)
