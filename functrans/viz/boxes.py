"""``graph``: a program as a picture of boxes and arrows, in DOT, Graphviz's language."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np

from functrans.errors import FunctransError
from functrans.frames import boundary
from functrans.ir.program import Atom, Equation, Literal, Program, Var, held_programs
from functrans.ir.source import Listing, literal_source
from functrans.ir.spec import ArraySpec
from functrans.tracing.trace import trace
from functrans.viz.extras import need
from functrans.viz.outline import KINDS, Line, Outline, kind_of

#: Programs of more equations are drawn in groups: a picture of so many boxes helps nobody, and takes long.
LIMIT = 200
#: In a picture of more equations than that, arrows have no text, which would take Graphviz most of its time.
_LABELED = 100
#: Fill and border of equations, by kind.
_FILLS = (("#e8f0fe", "#2f6fde"), ("#ffeede", "#bc4c00"), ("#f3ebff", "#8250df"))
#: Of the user's lines; those behind the last one start again.
_LINES = ("#7fb2e5", "#e8b04b", "#77c593", "#e58e9c", "#b79be0", "#6cc3c9", "#c9a27a", "#a9b665", "#d58fc4", "#9fb0c3")
_GREY = "#57606a"
#: Up to so many equations a notebook is given the picture along with the table.
_SMALL = 60
_WIDTH = 80
_LEGEND = 24
_INLINE = 24


class Graph:
    """A program as a picture: ``dot`` is its text in DOT, ``svg()`` the picture, ``save(path)`` writes either.

    Notebooks show the picture where Graphviz's program is installed.

    Example:
        >>> import functrans as ft
        >>> graph = ft.viz.graph(lambda x: x * x, 3.0)
        >>> "multiply" in graph.dot
        True
    """

    __slots__ = ("dot",)

    def __init__(self, dot: str) -> None:
        #: The text, which many programs and web pages draw; made without Graphviz.
        self.dot = dot

    def svg(self) -> str:
        """The picture as SVG.

        Raises:
            ModuleNotFoundError: the Python package ``graphviz`` is missing.
            GraphvizError: Graphviz's program ``dot`` is missing.
        """
        # Graphviz makes links of what has a tip, which go nowhere, and which pages underline.
        linked = self._drawn("svg").decode()
        return re.sub(r'<a xlink:title="([^"]*)">', r"<g><title>\1</title>", linked).replace("</a>", "</g>")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file; its suffix says what: ``.dot`` or ``.gv`` the text, ``.svg``, ``.png``, ``.pdf`` the picture.

        Raises:
            ModuleNotFoundError, GraphvizError: as :meth:`svg` does; not for the text.
            ValueError: there is no suffix.
        """
        suffix = os.path.splitext(os.fspath(path))[1][1:].lower()
        if not suffix:
            raise ValueError(f"{os.fspath(path)!r} has no suffix: .dot, .svg, .png or .pdf says what to write")
        texts = {"dot": lambda: self.dot, "gv": lambda: self.dot, "svg": self.svg}
        data = texts[suffix]().encode() if suffix in texts else self._drawn(suffix)
        with open(path, "wb") as file:
            file.write(data)

    def _drawn(self, kind: str) -> bytes:
        graphviz = need("graphviz", "a graph as a picture")
        try:
            return graphviz.Source(self.dot).pipe(kind)  # type: ignore[no-any-return]
        except graphviz.ExecutableNotFound:
            raise GraphvizError(
                "a graph as a picture needs Graphviz's program `dot`, which is not installed",
                "install Graphviz (`apt install graphviz`, `brew install graphviz`); the text is there without it: "
                "`graph.dot`, `graph.save('graph.dot')`.",
                False,
            ) from None

    def _repr_svg_(self) -> str | None:
        return self.svg() if can_draw() else None

    def __repr__(self) -> str:
        return f"<Graph: {len(self.dot.splitlines())} lines of DOT>"


class GraphvizError(FunctransError, RuntimeError):
    """Graphviz's program ``dot``, which draws, is not installed."""


def can_draw() -> bool:
    """Whether all that draws graphs is installed."""
    if shutil.which("dot") is None:
        return False
    try:
        need("graphviz", "a graph as a picture")
    except ModuleNotFoundError:
        return False
    return True


@boundary
def graph(program: Program | Callable[..., Any], *args: Any, limit: int = LIMIT, held: bool = True) -> Graph:
    """A program as a graph: boxes are operations, arrows the values that go from one to the next.

    Equations are filled by what they are for (forward, backward), and have a flag in the colour of the user's line
    that caused them, which the legend shows. Loops, branches and calls frame the programs that they run. What an
    equation says in full is told when the mouse rests on it.

    Args:
        program: a :class:`~functrans.Program`; or a function, which is traced with ``args``.
        *args: arguments of the function, of which shape and dtype count.
        limit: a program of more equations is drawn in groups, a box for each of the user's lines.
        held: whether to draw the programs that equations hold, too.

    Returns:
        A :class:`Graph`: ``.dot``, ``.svg()``, ``.save(path)``; notebooks show it.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> graph = ft.viz.graph(ft.grad(lambda x: np.sin(x) ** 2), 0.5)
        >>> print(graph.dot)  # doctest: +ELLIPSIS
        digraph "grad_lambda" {
        ...
        >>> graph.save("sin.svg")  # doctest: +SKIP
    """
    if not isinstance(program, Program):
        program = trace(program)(*args)
    elif args:
        raise TypeError("`graph` of a program takes no arguments: they are known since it was traced")
    outline = Outline(program)
    size = outline.size if held else len(program.equations)
    writer = _Writer(outline, held) if size <= limit else _Groups(outline, limit)
    return Graph(writer.text())


def small_picture(program: Program) -> str | None:
    """The picture of a program, if it is small and what draws it is installed."""
    if len(program.equations) > _SMALL or not can_draw():
        return None
    return graph(program, limit=_SMALL).svg()


class _Text:
    """The lines of a graph in DOT."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.rows: list[str] = []
        self._count = 0

    def text(self) -> str:
        head = [
            f"digraph {quoted(self.outline.program.name)} {{",
            '  graph [bgcolor="white", compound=true, fontname="Helvetica,Arial,sans-serif", fontsize=11, '
            f'nodesep=0.25, ranksep=0.35, style="rounded", color="#afb8c1", fontcolor="{_GREY}", charset="utf-8", '
            "nslimit=2, mclimit=0.5];",
            '  node [shape=plain, fontname="Helvetica,Arial,sans-serif", fontsize=12];',
            f'  edge [color="{_GREY}", fontcolor="{_GREY}", fontname="Helvetica,Arial,sans-serif", fontsize=9, '
            "arrowsize=0.6];",
        ]
        self.write()
        return "\n".join([*head, *self.rows, *self.legend(), "}"]) + "\n"

    def write(self) -> None:
        """Write nodes and edges."""
        raise NotImplementedError

    def new(self) -> str:
        """The name of a new node."""
        self._count += 1
        return f"n{self._count}"

    def add(self, row: str, depth: int = 1) -> None:
        self.rows.append("  " * depth + row)

    def color(self, line: Line) -> str:
        return _LINES[line.number % len(_LINES)]

    def box(self, kind: int, title: str, below: list[str], line: Line | None) -> str:
        """A box with a flag in the colour of the user's line."""
        fill, border = _FILLS[kind]
        flag = "" if line is None else f'<td bgcolor="{self.color(line)}" width="6"></td>'
        small = "".join(f'<br/><font point-size="9" color="{_GREY}">{text}</font>' for text in below)
        return (
            f'<<table border="1" color="{border}" bgcolor="{fill}" cellborder="0" cellspacing="0" cellpadding="4">'
            f"<tr>{flag}<td><b>{title}</b>{small}</td></tr></table>>"
        )

    def legend(self) -> list[str]:
        """What the colours mean: kinds, and the user's lines."""
        lines = self.outline.lines
        kinds = [kind for kind in range(len(KINDS)) if any(line.counts[kind] for line in lines)]
        rows = [
            f'<tr><td bgcolor="{_FILLS[kind][0]}" color="{_FILLS[kind][1]}" border="1" width="14"></td>'
            f'<td align="left" colspan="2">{KINDS[kind]}</td></tr>'
            for kind in kinds
        ]
        rows += [
            f'<tr><td bgcolor="{self.color(line)}" width="14"></td><td align="left"><font color="{_GREY}">'
            f'{label(line.place)}</font></td><td align="left"><font face="monospace">{label(line.text) or " "}</font>'
            "</td></tr>"
            for line in lines[:_LEGEND]
        ]
        if len(lines) > _LEGEND:
            rows.append(f'<tr><td></td><td align="left" colspan="2">and {len(lines) - _LEGEND:,} more lines</td></tr>')
        if not rows:
            return []
        table = f'<table border="0" cellspacing="2" cellpadding="2">{"".join(rows)}</table>'
        return [f'  {{ rank=sink; legend [label=<{table}>, fontsize=10, tooltip="what the colours mean"]; }}']


class _Writer(_Text):
    """A box for each equation."""

    def __init__(self, outline: Outline, held: bool) -> None:
        super().__init__(outline)
        self.held = held

    def write(self) -> None:
        program, listing = self.outline.program, self.outline.listing
        self.program(program, listing, 0, 1)

    def program(self, program: Program, listing: Listing, kind: int, depth: int) -> str | None:
        """Inputs, equations and outputs of a program; gives the name of one of its nodes."""
        nodes: dict[Atom, str] = {}
        first: str | None = None
        for var in program.inputs:
            nodes[var] = self.new()
            first = first or nodes[var]
            self.add(f"{nodes[var]} [{self.end(listing.names[var], var.spec, 'input')}];", depth)
        for equation, code in listing.lines:
            node = self.equation(equation, code, kind, depth)
            first = first or node
            for position, atom in enumerate(equation.inputs):
                self.edge(atom, node, nodes, listing, depth, f"operand {position}")
            nodes.update(dict.fromkeys(equation.outputs, node))
        for position, atom in enumerate(program.outputs):
            node = self.new()
            name = "output" if len(program.outputs) == 1 else f"output {position}"
            self.add(f"{node} [{self.end(name, atom.spec, 'output')}];", depth)
            self.edge(atom, node, nodes, listing, depth, name)
            first = first or node
        return first

    def end(self, name: str, spec: ArraySpec, what: str) -> str:
        """Where a program starts or ends."""
        border = "2" if what == "output" else "1"
        table = (
            f'<<table border="{border}" color="#1a7f37" bgcolor="#e6f6ea" cellborder="0" cellspacing="0" '
            f'cellpadding="4"><tr><td><b>{label(name)}</b><br/><font point-size="9" color="{_GREY}">'
            f"{label(spec)}</font></td></tr></table>>"
        )
        return f"label={table}, tooltip={quoted(f'{what} {name}: {spec}')}"

    def equation(self, equation: Equation, code: str, within: int, depth: int) -> str:
        """The box of an equation, and a frame for the programs that it holds."""
        kind = kind_of(equation, within)
        line = self.outline.line(equation)
        specs = [label(var.spec) for var in equation.outputs[:4]] + ["…"] * (len(equation.outputs) > 4)
        below = [*specs, *([] if line is None else [label(line.place)])]
        tip = f"{code}\n" + ("" if line is None else f"{line.place}: {line.text}")
        node = self.new()
        text = f"{node} [label={self.box(kind, label(equation.primitive.name), below, line)}, tooltip={quoted(tip)}];"
        programs = held_programs(equation.params) if self.held else []
        if not programs:
            self.add(text, depth)
            return node
        self.add(f"subgraph cluster_{node} {{", depth)
        self.add(f"label={quoted(_title(equation))}; color={quoted(_FILLS[kind][1])};", depth + 1)
        self.add(text, depth + 1)
        for number, held in enumerate(programs):
            inner = self.outline.listing.held[id(held)]
            self.add(f"subgraph cluster_{node}_{number} {{", depth + 1)
            self.add(f'label={quoted(inner.name)}; style="rounded,dashed";', depth + 2)
            start = self.program(held, inner, kind, depth + 2)
            self.add("}", depth + 1)
            if start is not None:
                self.add(
                    f"{node} -> {start} [lhead=cluster_{node}_{number}, style=dotted, arrowhead=none, "
                    f"tooltip={quoted(f'runs {inner.name}')}];",
                    depth + 1,
                )
        self.add("}", depth)
        return node

    def edge(self, atom: Atom, node: str, nodes: dict[Atom, str], listing: Listing, depth: int, tip: str) -> None:
        """An arrow to a node, from where the value is made; a constant is made beside it."""
        name = ""
        if isinstance(atom, Literal):
            source = self.new()
            text = _constant(atom, self.outline.listing.constants)
            constant = f"constant {text}: {atom.spec}"
            self.add(
                f'{source} [label=<<font color="{_GREY}" point-size="10">{label(text)}</font>>, shape=plaintext, '
                f'margin="0.04,0.02", height=0.2, tooltip={quoted(constant)}];',
                depth,
            )
        else:
            source, name = nodes[atom], listing.names[atom]
        shape = " ".join(map(str, atom.spec.shape))
        shown = ""
        if name and self.outline.size <= _LABELED:
            shown = f"{name} [{shape}]" if shape else name
        tip = f"{tip}: {name or 'constant'}, {atom.spec}"
        self.add(
            f"{source} -> {node} [label={quoted(f'  {shown}' if shown else '')}, edgetooltip={quoted(tip)}];", depth
        )


class _Groups(_Text):
    """A box for all equations of one kind that come from one of the user's lines."""

    def __init__(self, outline: Outline, limit: int) -> None:
        super().__init__(outline)
        self.limit = limit

    def write(self) -> None:
        program = self.outline.program
        groups: dict[tuple[int, int], Counter[str]] = {}
        lines: dict[tuple[int, int], Line | None] = {}
        made: dict[Var, Any] = {}
        arrows: Counter[tuple[Any, Any]] = Counter()
        for equation in program.equations:
            line, kind = self.outline.line(equation), kind_of(equation)
            key = (-1 if line is None else line.number, kind)
            lines[key] = line
            self._count_in(groups.setdefault(key, Counter()), equation)
            for atom in equation.inputs:
                if isinstance(atom, Var):
                    arrows[made.get(atom, "inputs"), key] += 1
            made.update(dict.fromkeys(equation.outputs, key))
        for atom in program.outputs:
            if isinstance(atom, Var):
                arrows[made.get(atom, "outputs" if atom in program.inputs else "inputs"), "outputs"] += 1
        kept = {key for key, _ in sorted(groups.items(), key=lambda item: -item[1].total())[: max(self.limit, 1)]}
        nodes: dict[Any, str] = {}
        for key, group in groups.items():
            if key in kept:
                nodes[key] = self.new()
                line = lines[key]
                kinds = [f"{n:,} {label(name)}" for name, n in group.most_common(4)]
                more = [f"and {len(group) - 4} other operations"] if len(group) > 4 else []
                place = [] if line is None else [label(line.place)]
                total = group.total()
                title = f"{total:,} equation{'s' * (total != 1)}"
                tip = "" if line is None else f"{line.place}: {line.text}"
                box = self.box(key[1], title, [*place, *kinds, *more], line)
                self.add(f"{nodes[key]} [label={box}, tooltip={quoted(tip)}];")
        left = len(groups) - len(kept)
        if left:
            nodes["others"] = self.new()
            rest = sum(group.total() for key, group in groups.items() if key not in kept)
            self.add(f"{nodes['others']} [label={quoted(f'{rest:,} equations of {left:,} other groups')}, shape=box];")
        for end, atoms in (("inputs", program.inputs), ("outputs", program.outputs)):
            nodes[end] = self.new()
            text = f"{len(atoms)} {end if len(atoms) != 1 else end[:-1]}"
            self.add(
                f'{nodes[end]} [label={quoted(text)}, shape=box, style=filled, fillcolor="#e6f6ea", color="#1a7f37"];'
            )
        between: Counter[tuple[str, str]] = Counter()
        for (source, target), n in arrows.items():
            between[nodes.get(source, nodes.get("others", "")), nodes.get(target, nodes.get("others", ""))] += n
        for (start, stop), n in between.items():
            if start != stop:
                self.add(f"{start} -> {stop} [label={quoted(f'  {n:,}')}, tooltip={quoted(f'{n:,} values')}];")
        size = self.outline.size
        self.add(
            "label="
            + quoted(
                f"{size:,} equations, in groups by your lines: more than {self.limit:,} are not drawn one by one\n"
                f"(graph(program, limit={size}) does)"
            )
            + "; labelloc=t;"
        )

    def _count_in(self, group: Counter[str], equation: Equation) -> None:
        group[equation.primitive.name] += 1
        for held in held_programs(equation.params):
            for inner in held.equations:
                self._count_in(group, inner)


def _title(equation: Equation) -> str:
    length = equation.params.get("length")
    return equation.primitive.name + (f", {length} steps" if isinstance(length, int) else "")


def _constant(literal: Literal, constants: Mapping[str, Any]) -> str:
    value = literal.value
    if hasattr(value, "recorder"):  # a traced value of an outer transform
        return "traced"
    for name, known in constants.items():
        if known is value:
            return f"{name} {literal.spec!r}"
    if isinstance(value, np.ndarray) and value.ndim:
        text = np.array2string(value, separator=", ", threshold=4, precision=4).replace("\n", "")
    else:
        text = literal_source(value) if not isinstance(value, np.generic) else repr(value.item())
    return text if len(text) <= _INLINE else repr(literal.spec)


def label(value: Any) -> str:
    """As text of a label in DOT's HTML."""
    text = "".join([c if c.isprintable() else " " for c in str(value)])
    text = escape(text if len(text) <= _WIDTH else f"{text[:_WIDTH]} …")
    return re.sub(r"\\(?=[NGETHL])", "\\\\&#8203;", text)  # `\N` would be the name of the node: a space of no width


def quoted(value: str) -> str:
    """As a string of DOT."""
    text = "".join([c if c.isprintable() or c == "\n" else " " for c in value[:400]])
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
