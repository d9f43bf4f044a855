"""``numpy.fft``, as far as functrans covers it: all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.fft import *  # noqa: F403

#: NumPy computes these with operators alone, which trace.
_OPERATORS = frozenset({"fftfreq", "rfftfreq"})


def __getattr__(name: str) -> Any:
    import numpy as np

    from functrans.numpy._covered import covered

    if name == "__all__":
        return __dir__()
    found = globals()[name] = getattr(np.fft, name) if name in _OPERATORS else covered(np.fft, name)
    return found


def __dir__() -> list[str]:
    import numpy as np

    from functrans.numpy._covered import covered_names

    return sorted(covered_names(np.fft) | _OPERATORS)
