"""``scipy.linalg``, as far as functrans covers it: SciPy's own functions, unless an argument is traced.

Example:
    >>> import functrans as ft
    >>> import functrans.scipy.linalg as linalg
    >>> import numpy as np
    >>> a = np.array([[0.0, 1.0], [0.0, 0.0]])
    >>> round(ft.grad(lambda t: linalg.expm(t * a)[0, 1])(2.0), 6)
    1.0
"""

from typing import TYPE_CHECKING

from functrans.scipy.covering import namespace
from functrans.scipy.linalg import banded as banded
from functrans.scipy.linalg import cholesky_factors as cholesky_factors
from functrans.scipy.linalg import eigenvectors as eigenvectors
from functrans.scipy.linalg import equations as equations
from functrans.scipy.linalg import functions as functions
from functrans.scipy.linalg import hermitian as hermitian
from functrans.scipy.linalg import inverses as inverses
from functrans.scipy.linalg import lu_factors as lu_factors
from functrans.scipy.linalg import norms as norms
from functrans.scipy.linalg import orthogonal_factors as orthogonal_factors
from functrans.scipy.linalg import refusals as refusals
from functrans.scipy.linalg import roots_and_logarithms as roots_and_logarithms
from functrans.scipy.linalg import schur_forms as schur_forms
from functrans.scipy.linalg import shared_factors as shared_factors
from functrans.scipy.linalg import singular_values as singular_values
from functrans.scipy.linalg import solving as solving
from functrans.scipy.linalg import structured as structured
from functrans.scipy.linalg import toeplitz_equations as toeplitz_equations
from functrans.scipy.linalg import tridiagonal as tridiagonal

if TYPE_CHECKING:
    from scipy.linalg import *  # noqa: F403

__getattr__, __dir__ = namespace("scipy.linalg")
