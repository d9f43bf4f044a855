"""SciPy on traced values: ``import functrans.scipy.special as special`` in place of ``import scipy.special``.

SciPy computes the values; functrans declares the derivatives. With plain arguments every name here is SciPy's own
function, or calls it at once. The ufuncs of ``scipy.special`` need none of this: NumPy's protocol brings their calls on
traced values here by itself. A name that functrans does not cover raises
:class:`~functrans.errors.UncoveredFunctionError`.

Needs SciPy: ``pip install 'functrans[scipy]'``.

Example:
    >>> import functrans as ft
    >>> import scipy.special
    >>> round(ft.grad(scipy.special.gammaln)(3.0), 6)
    0.922784
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functrans.scipy import fft as fft
    from functrans.scipy import integrate as integrate
    from functrans.scipy import interpolate as interpolate
    from functrans.scipy import linalg as linalg
    from functrans.scipy import ndimage as ndimage
    from functrans.scipy import signal as signal
    from functrans.scipy import special as special
    from functrans.scipy import stats as stats

SUBMODULES = ("fft", "integrate", "interpolate", "linalg", "ndimage", "signal", "special", "stats")


def __getattr__(name: str) -> Any:
    if name not in SUBMODULES:
        raise AttributeError(f"module 'functrans.scipy' has no attribute {name!r}; it has {', '.join(SUBMODULES)}")
    return import_module(f"functrans.scipy.{name}")


def __dir__() -> list[str]:
    return list(SUBMODULES)
