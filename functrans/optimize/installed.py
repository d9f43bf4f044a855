"""SciPy, which is loaded when it is used."""

from __future__ import annotations

from typing import Any


def scipy_optimize() -> Any:
    """``scipy.optimize``.

    Raises:
        ImportError: SciPy is not installed.
    """
    try:
        import scipy.optimize
    except ImportError:
        raise ImportError(
            "functrans.optimize needs SciPy, which is not installed\nFix: `pip install 'functrans[scipy]'`.",
            name="scipy",
        ) from None
    return scipy.optimize
