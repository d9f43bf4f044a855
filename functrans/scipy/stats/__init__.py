"""``scipy.stats``, as far as functrans covers it: distributions and statistics that are SciPy's unless traced.

Example:
    >>> import functrans as ft
    >>> import functrans.scipy.stats as stats
    >>> ft.grad(stats.norm.logpdf, argnums=1)(3.0, 1.0, 2.0)
    0.5
"""

from typing import TYPE_CHECKING

import scipy.stats

from functrans.scipy.covering import COVERED, namespace
from functrans.scipy.stats import continuous as continuous
from functrans.scipy.stats import discrete as discrete
from functrans.scipy.stats import kde as kde
from functrans.scipy.stats import samples as samples
from functrans.scipy.stats import shaped as shaped
from functrans.scipy.stats import summaries as summaries
from functrans.scipy.stats.laws import LAWS
from functrans.scipy.stats.multivariate import JOINTS
from functrans.scipy.stats.multivariate_wrappers import Multivariate
from functrans.scipy.stats.wrappers import Distribution

if TYPE_CHECKING:
    from scipy.stats import *  # noqa: F403

COVERED.setdefault("scipy.stats", {}).update({name: Distribution(law) for name, law in LAWS.items()})
COVERED["scipy.stats"].update({name: Multivariate(name) for name in JOINTS if hasattr(scipy.stats, name)})

__getattr__, __dir__ = namespace("scipy.stats")
