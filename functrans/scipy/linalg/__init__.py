"""``scipy.linalg``, as far as functrans covers it: SciPy's own functions, unless an argument is traced.

Example:
    >>> import functrans as ft
    >>> import functrans.scipy.linalg as linalg
    >>> import numpy as np
    >>> a = np.array([[0.0, 1.0], [0.0, 0.0]])
    >>> round(ft.grad(lambda t: linalg.expm(t * a)[0, 1])(2.0), 6)
    1.0
"""

from functrans.scipy.covering import namespace
from functrans.scipy.linalg import banded as banded
from functrans.scipy.linalg import equations as equations
from functrans.scipy.linalg import factorizations as factorizations
from functrans.scipy.linalg import functions as functions
from functrans.scipy.linalg import norms as norms
from functrans.scipy.linalg import refusals as refusals
from functrans.scipy.linalg import solving as solving
from functrans.scipy.linalg import spectra as spectra
from functrans.scipy.linalg import structured as structured
from functrans.scipy.linalg import toeplitz_equations as toeplitz_equations

__getattr__, __dir__ = namespace("scipy.linalg")
