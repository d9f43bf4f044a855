"""``docs/coverage.md``: made of the catalogue, ``python -m tests.catalogue.page``; the tests check each of its rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.catalogue import linalg_calls as _linalg_calls  # noqa: F401
from tests.catalogue import scipy_calls
from tests.catalogue import shape_calls as _shape_calls  # noqa: F401
from tests.catalogue.judging import COLUMNS, cases, row
from tests.catalogue.numpy_calls import CALLS
from tests.catalogue.others import PLAIN, REFUSED, VALUES
from tests.catalogue.scipy_calls import SCIPY

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"

_TEXT = """# What functrans covers

Every public function of NumPy, method of its arrays, and function of SciPy that functrans differentiates. This page is
made by `python -m tests.catalogue.page` from calls of each (`tests/catalogue`), and `pytest` checks each row: a mark
stands for laws that hold at all calls, with the keywords that they have.

| column | says |
|---|---|
| forward | the value is NumPy's to the bit; the tangent agrees with a numerical derivative |
| reverse | it is the adjoint of forward mode |
| second | the derivative of the gradient agrees with a numerical one |
| staged | it can be written as a program, which gives the same bits; so can its derivatives |
| batched | `vmap` is the stack of a loop, for derivatives too |

| mark | means |
|---|---|
| ✓ | it does |
| values | it needs the numbers: there it raises an error that says so |
| 0 | the derivative is zero wherever there is one |
"""


def sections() -> dict[str, list[str]]:
    """The names of the table, by section."""
    found: dict[str, list[str]] = {"NumPy": [], "Methods of ufuncs": [], "np.linalg": [], "np.fft": [], "Arrays": []}
    for name in sorted(CALLS, key=str.lower):
        parts = name.split(".")
        if name.startswith("ndarray."):
            section = "Arrays"
        elif parts[1] in ("linalg", "fft"):
            section = f"np.{parts[1]}"
        elif len(parts) == 3:
            section = "Methods of ufuncs"
        else:
            section = "NumPy"
        found.setdefault(section, []).append(name)
    for name in sorted(SCIPY, key=str.lower):
        found.setdefault(name.rpartition(".")[0], []).append(name)
    return found


def aliases() -> dict[str, str]:
    """Other names of the same functions: ``np.acos`` of ``np.arccos``."""
    by_identity = {id(getattr(np, name[3:], None)): name for name in CALLS if name.count(".") == 1}
    return {
        f"np.{name}": by_identity[id(value)]
        for name, value in vars(np).items()
        if not name.startswith("_") and callable(value) and id(value) in by_identity and f"np.{name}" not in CALLS
    }


def row_text(name: str) -> str:
    """The row of a function."""
    found = scipy_calls.cases(name) if name in SCIPY else cases(name, CALLS[name])
    return f"| `{name}` | {' | '.join(row(found))} | {len(found)} |"


def page() -> str:
    """The page."""
    text = [_TEXT]
    for section, names in sections().items():
        head = f"| function | {' | '.join(COLUMNS)} | calls |\n|---|{'---|' * len(COLUMNS)}---|"
        text.append(f"## {section}\n\n{head}\n" + "\n".join(map(row_text, names)) + "\n")
        if section.startswith("scipy."):
            rest = ", ".join(f"`{name}`" for name in scipy_calls.others(section.removeprefix("scipy.")))
            text.append(f"Of these and of NumPy's functions are made, and tested in `tests/scipy`: {rest}.\n")
    same = ", ".join(f"`{name}` is `{other}`" for name, other in sorted(aliases().items()))
    text.append(f"Other names of the same functions: {same}.\n")
    text.append(
        "## Refused\n\nWhat writes into arrays, reads their memory, or loses the derivative in another way raises an "
        "error.\n\n| call | instead |\n|---|---|\n"
        + "\n".join(f"| `{name}` | `{way}` |" for name, (_, way) in REFUSED.items())
        + "\n"
    )
    text.append(
        "## Integers, booleans, words\n\nThese have no derivative. Of traced values whose numbers are known they give "
        "what they give of the numbers.\n\n" + ", ".join(f"`{name}`" for name in VALUES) + "\n"
    )
    text.append(
        "## Without arrays of numbers\n\nThese take counts, shapes, dtypes, files, settings.\n\n"
        + ", ".join(f"`np.{name}`" for name in PLAIN)
        + "\n"
    )
    return "\n".join(text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
