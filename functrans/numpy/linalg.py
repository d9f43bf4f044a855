"""``numpy.linalg``, as far as functrans covers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.linalg import *  # noqa: F403


def __getattr__(name: str) -> Any:
    import numpy as np

    from functrans.numpy._covered import covered

    if name == "__all__":
        return __dir__()
    found = globals()[name] = np.linalg.LinAlgError if name == "LinAlgError" else covered(np.linalg, name)
    return found


def __dir__() -> list[str]:
    import numpy as np

    from functrans.numpy._covered import covered_names

    return sorted(covered_names(np.linalg) | {"LinAlgError"})
