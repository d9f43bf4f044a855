"""A program as a piece of HTML: equations beside the user's lines that they come from. Standard library alone.

Without scripts it is a table to read; with them, equations are searched, and linked to their line and back.
"""

from __future__ import annotations

from html import escape
from typing import Any

from functrans.ir.program import Equation, Program, held_programs
from functrans.ir.source import Listing
from functrans.ir.spec import ArraySpec
from functrans.viz.looks import SCRIPT, STYLE
from functrans.viz.outline import KINDS, Line, Outline, kind_of

#: How many equations, and how many of the user's lines, a page shows at most.
LIMIT = 2000
#: How many characters of an equation, a line of the user's, or a name.
_WIDTH = 300


def page(program: Program, limit: int = LIMIT) -> str:
    """The program as HTML; of more equations than ``limit`` the first ones."""
    return _Page(program, limit).html()


class _Page:
    def __init__(self, program: Program, limit: int) -> None:
        self.outline = Outline(program)
        self.left = limit
        self.limit = limit

    def html(self) -> str:
        outline, listing = self.outline, self.outline.listing
        body = self.table(listing, 0)
        shown = self.limit - self.left
        hidden = outline.size - shown
        more = (
            f'<p class="ft-more">{hidden:,} of {outline.size:,} equations are not shown, and not searched: '
            "<code>print(program)</code> has all.</p>"
            if hidden
            else ""
        )
        count = "1 equation" if outline.size == 1 else f"{outline.size:,} equations"
        return (
            f'<div class="functrans-program"><style>{STYLE}</style>'
            f"<details open><summary><code>{_head(outline.program, listing)}</code> <small>{count}</small></summary>"
            f"{self.tools(shown)}"
            f'<div class="ft-parts">{self.lines()}<section class="ft-equations">{self.constants()}{body}'
            f'<p class="ft-result"><code>{_text(listing.result)}</code></p>{more}</section></div></details>'
            f"<script>{SCRIPT}</script></div>"
        )

    def tools(self, shown: int) -> str:
        """The search field (hidden where no script runs), and what the colours mean."""
        totals = [sum(line.counts[kind] for line in self.outline.lines) for kind in range(len(KINDS))]
        keys = "".join(
            f'<button type="button" class="ft-key ft-k{kind}" data-kind="{kind}" aria-pressed="false" '
            f'title="show these alone">{name} <small>{totals[kind]:,}</small></button>'
            for kind, name in enumerate(KINDS)
            if totals[kind]
        )
        return (
            '<div class="ft-tools"><input type="search" class="ft-search" hidden placeholder="Search equations" '
            f'aria-label="Search equations">{keys}<output class="ft-count" data-all="{shown}"></output></div>'
        )

    def lines(self) -> str:
        """The user's lines, with how many equations come from each."""
        if not self.outline.lines:
            return ""
        rows = []
        file = None
        for line in self.outline.lines[: self.limit]:
            if line.location.filename != file:
                file = line.location.filename
                rows.append(f'<tr class="ft-file"><th colspan="3">{_text(line.place.rpartition(":")[0])}</th></tr>')
            counts = "".join(
                f'<span class="ft-n ft-k{kind}" title="{KINDS[kind]}">{n:,}</span>'
                for kind, n in enumerate(line.counts)
                if n
            )
            rows.append(
                f'<tr class="ft-line" tabindex="0" data-line="{line.number}" title="{_text(line.place)}, in '
                f'{_text(line.location.function)}"><td class="ft-no">{line.location.line}</td>'
                f"<td><code>{_text(line.text) or '<i>(its text is not known)</i>'}</code></td><td>{counts}</td></tr>"
            )
        more = len(self.outline.lines) - self.limit
        if more > 0:
            rows.append(f'<tr><td colspan="3" class="ft-more">and {more:,} more lines</td></tr>')
        return f'<section class="ft-lines"><h4>Your lines</h4><table><tbody>{"".join(rows)}</tbody></table></section>'

    def constants(self) -> str:
        """Large constants, by name."""
        rows = "".join(
            f"<li><code>{_text(name)}</code> {_text(repr(ArraySpec.of(value)))}</li>"
            for name, value in [*self.outline.listing.constants.items()][: self.limit]
        )
        return f'<ul class="ft-constants">{rows}</ul>' if rows else ""

    def table(self, listing: Listing, within: int) -> str:
        """A row for each equation; below it, the programs that it holds."""
        rows = []
        for equation, code in listing.lines:
            if self.left <= 0:
                break
            self.left -= 1
            kind = kind_of(equation, within)
            line = self.outline.line(equation)
            rows.append(self.row(equation, code, kind, line))
            for held in held_programs(equation.params):
                inner = self.outline.listing.held[id(held)]
                if self.left > 0:
                    n = len(held.equations)
                    rows.append(
                        f'<tr class="ft-held"><td colspan="3"><details><summary><code>{_head(held, inner)}</code> '
                        f"<small>{n:,} equation{'s' * (n != 1)}</small></summary>"
                        f"{self.table(inner, kind)}"
                        f'<p class="ft-result"><code>{_text(inner.result)}</code></p></details></td></tr>'
                    )
        return f"<table><tbody>{''.join(rows)}</tbody></table>" if rows else ""

    def row(self, equation: Equation, code: str, kind: int, line: Line | None) -> str:
        """One equation: its text, what it gives, and the place that it comes from."""
        specs = "<br>".join(_text(repr(var.spec)) for var in equation.outputs)
        linked = "" if line is None else f' data-line="{line.number}"'
        place = "" if line is None else f'<span title="{_text(line.text)}">{_text(line.place)}</span>'
        return (
            f'<tr class="ft-eq ft-k{kind}" tabindex="0" data-kind="{kind}"{linked}><td><code>{_text(code)}</code></td>'
            f'<td class="ft-spec">{specs}</td><td class="ft-place">{place}</td></tr>'
        )


def _head(program: Program, listing: Listing) -> str:
    """``f(x: Float64[3]) → Float64[]``."""
    inputs = ", ".join(f"{listing.names[var]}: {var.spec!r}" for var in program.inputs)
    outputs = ", ".join(repr(atom.spec) for atom in program.outputs)
    return _text(f"{listing.name}({inputs}) → {outputs}")


def _text(value: Any) -> str:
    """As text of HTML or of an attribute, cut where it is very long."""
    text = str(value)
    return escape(text if len(text) <= _WIDTH else f"{text[:_WIDTH]} …")
