"""``numpy.fft``, of which functrans covers nothing yet."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    import numpy as np

    from functrans.numpy._covered import covered

    return covered(np.fft, name)


def __dir__() -> list[str]:
    import numpy as np

    from functrans.numpy._covered import covered_names

    return sorted(covered_names(np.fft))
