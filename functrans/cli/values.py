"""Numbers and arrays from the command line."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.cli.derivatives import MAX_ORDER
from functrans.cli.mistakes import UsageError, one_line


def parse_values(given: Sequence[str]) -> dict[str, Any]:
    """The values of ``--at``: numbers and truth values as JSON gives them, arrays of numbers as arrays.

    Raises:
        UsageError: no name, a name twice, or no finite value.
    """
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())  # as Python reads names
        if not equals or not name.isidentifier():
            raise UsageError(f"--at {text.strip()}: write it as --at name=value, such as --at x=0.5")
        if name in values:
            raise UsageError(f"--at gives `{name}` twice")
        values[name] = _value(name, value.strip())
    return values


def _value(name: str, text: str) -> Any:
    try:
        value = float(text) if not text.lstrip("+-").isdecimal() else int(text)
    except ValueError:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            why = one_line(error) if text[:1] in ("[", "{", '"') else "arrays are JSON, such as [1, 2.5]"
            raise UsageError(f"--at {name}={text}: not a number ({why})") from None
    if isinstance(value, list):
        value = _array(name, text, value)
    if isinstance(value, int | float | np.ndarray) and not _is_finite(value):
        raise UsageError(f"--at {name}={text}: the value must be finite")
    return value


def _array(name: str, text: str, value: list[Any]) -> Any:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        raise UsageError(f"--at {name}={text}: the rows of an array must have equal lengths") from None
    if array.dtype.kind not in "biuf":
        raise UsageError(f"--at {name}={text}: an array must consist of numbers")
    return array


def _is_finite(value: Any) -> bool:
    try:
        return bool(np.all(np.isfinite(value))) if isinstance(value, np.ndarray) else math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def as_variable(name: str, value: Any) -> Any:
    """A value in which one can differentiate: a number or an array of NumPy's, so that 1/0 is infinite.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind != "b":
        return value.astype(np.float64)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return np.float64(value)
    kind = "an array of truth values" if isinstance(value, np.ndarray) else f"the JSON value {json.dumps(value)}"
    raise UsageError(f"`{name}` is {kind}: choose another variable with --wrt")


def parse_order(text: str) -> int:
    """The order of the highest derivative.

    Raises:
        UsageError: it is no integer from 0 to ``MAX_ORDER``.
    """
    try:
        order = int(text)
    except ValueError:
        order = -1
    if not 0 <= order <= MAX_ORDER:
        raise UsageError(
            f"--order {text.strip()}: give an integer from 0 to {MAX_ORDER} (each order costs several times the last)"
        )
    return order


def parse_range(texts: Sequence[str]) -> tuple[float, float]:
    """Where a plot starts and ends.

    Raises:
        UsageError: these are no two finite numbers, the smaller one first.
    """
    try:
        low, high = (float(text) for text in texts)
    except ValueError:
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high and math.isfinite(high - low)):
        raise UsageError(
            f"--range {' '.join(text.strip() for text in texts)}: give two finite numbers, the smaller first"
        )
    return low, high
