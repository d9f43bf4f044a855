"""Tables and JSON."""

from __future__ import annotations

import itertools
import json
import math
import sys
from collections.abc import Sequence
from typing import Any, TextIO

import numpy as np

from functrans.cli.derivatives import Derivative, Table
from functrans.cli.target import Target
from functrans.viz.curves import prime

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_ASCII = str.maketrans({"∂": "d", **{mark: f"^{digit}" for digit, mark in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}})
_WIDTH = 120


def partial(name: str, variable: str, order: int) -> str:
    """``∂f/∂x``, ``∂²f/∂x²``: Leibniz's notation."""
    power = "" if order == 1 else str(order).translate(_SUPERSCRIPTS)
    return f"∂{power}{name}/∂{variable}{power}"


def _heading(target: Target, derivative: Derivative) -> str:
    several = len(target.names) > 1
    if derivative.kind != "derivative":
        return f"{derivative.kind} in {derivative.variable}" if several else derivative.kind
    if several:
        return partial(target.name, derivative.variable, derivative.order)
    return f"{prime(target.name, derivative.order)}({derivative.variable})"


def as_text(target: Target, table: Table) -> str:
    """The table: a row for each derivative; a column, where those of an array in a number have its shape."""
    headings = [f"{target.name}({', '.join(target.names)})", *[_heading(target, d) for d in table.derivatives]]
    entries = [table.value, *[derivative.value for derivative in table.derivatives]]
    if np.ndim(table.value) and all(derivative.kind == "derivative" for derivative in table.derivatives):
        return _columns(headings, [np.asarray(entry) for entry in entries])
    width = max(map(len, headings)) + 2
    numbers = iter(_numbers([entry for entry in entries if not np.ndim(entry)]))
    texts = [_array(entry, width) if np.ndim(entry) else next(numbers) for entry in entries]
    return "\n".join(f"{heading:<{width}}{text}" for heading, text in zip(headings, texts, strict=True))


def _columns(headings: Sequence[str], entries: Sequence[Any]) -> str:
    index = [str(list(place)) for place in np.ndindex(entries[0].shape)]
    columns = [["", *index], *[[h, *_numbers(list(e.flat))] for h, e in zip(headings, entries, strict=True)]]
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _numbers(values: Sequence[Any]) -> list[str]:
    """Numbers with all their digits, decimal points below one another."""
    texts = [repr(_positive_zero(value).item()) for value in values]
    whole = [min((text + mark).index(mark) for mark in ".e") for text in texts]
    return [" " * (max(whole, default=0) - places) + text for places, text in zip(whole, texts, strict=True)]


def _array(value: Any, indent: int) -> str:
    return np.array2string(_positive_zero(value), max_line_width=_WIDTH - indent).replace("\n", "\n" + " " * indent)


def _positive_zero(value: Any) -> Any:
    """An array, its zeros without a sign, which would say nothing to a reader; JSON keeps it."""
    array = np.asarray(value)
    return array if array.dtype.kind in "biu" else array + 0.0


def heading_line(target: Target, values: dict[str, Any]) -> str:
    """What the numbers are of: ``sin(x) at x = 0.5``."""
    point = ", ".join(f"{name} = {json.dumps(plain(value))}" for name, value in values.items())
    return f"{target.text} at {point}" if point else target.text


def as_json(target: Target, values: dict[str, Any], table: Table | None, program: str | None, plot: str | None) -> str:
    """One JSON object; infinities and NaNs are the strings ``inf``, ``-inf`` and ``nan``."""
    answer: dict[str, Any] = {"function": target.text}
    if table is not None:
        answer["at"] = {name: plain(value) for name, value in values.items()}
        answer["value"] = plain(table.value)
        by_variable = itertools.groupby(table.derivatives, key=lambda derivative: derivative.variable)
        answer["derivatives"] = {name: [plain(derivative.value) for derivative in group] for name, group in by_variable}
    if program is not None:
        answer["source"] = program
    if plot is not None:
        answer["plot"] = plot
    return json.dumps(answer, allow_nan=False)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, complex):
        return {"real": plain(value.real), "imag": plain(value.imag)}
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


def emit(text: str, stream: TextIO | None = None) -> None:
    """Print, also to a terminal that has few characters."""
    stream = sys.stdout if stream is None else stream
    try:
        print(text, file=stream)
    except UnicodeEncodeError:
        encoding = stream.encoding
        print(text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding), file=stream)
