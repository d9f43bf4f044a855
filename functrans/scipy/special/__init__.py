"""``scipy.special``, as far as functrans covers it: the ufuncs are SciPy's own, the others call SciPy unless traced.

Example:
    >>> import functrans as ft
    >>> import functrans.scipy.special as special
    >>> round(ft.grad(special.erf)(0.5), 6)
    0.878783
"""

from typing import TYPE_CHECKING

from functrans.scipy.covering import namespace
from functrans.scipy.special import airy as airy
from functrans.scipy.special import bessel as bessel
from functrans.scipy.special import combinatorial as combinatorial
from functrans.scipy.special import distributions as distributions
from functrans.scipy.special import elliptic as elliptic
from functrans.scipy.special import empirical as empirical
from functrans.scipy.special import error as error
from functrans.scipy.special import exponential_sums as exponential_sums
from functrans.scipy.special import gamma_family as gamma_family
from functrans.scipy.special import harmonics as harmonics
from functrans.scipy.special import hypergeometric as hypergeometric
from functrans.scipy.special import incomplete_beta as incomplete_beta
from functrans.scipy.special import incomplete_gamma as incomplete_gamma
from functrans.scipy.special import integrals as integrals
from functrans.scipy.special import logistic as logistic
from functrans.scipy.special import polynomials as polynomials
from functrans.scipy.special import several_distributions as several_distributions
from functrans.scipy.special import spherical_bessel as spherical_bessel
from functrans.scipy.special import student as student
from functrans.scipy.special import transformations as transformations

if TYPE_CHECKING:
    from scipy.special import *  # noqa: F403

__getattr__, __dir__ = namespace("scipy.special")
