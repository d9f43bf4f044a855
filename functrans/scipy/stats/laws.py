"""What functrans knows of each univariate distribution of ``scipy.stats``: its density as a formula that traces.

The formulas are of the standard form, location 0 and scale 1. Values never come from them, only derivatives; and those
of a cumulative function in the variable, or of a quantile, come from the density.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import scipy.stats

Formula = Callable[..., Any]
CONTINUOUS = ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf")
DISCRETE = ("pmf", "logpmf", "cdf", "logcdf", "sf", "logsf")
MOMENTS = ("mean", "var", "std", "entropy", "median")


class Law:
    """A distribution. Formulas are called with the variable first, then the shapes.

    Attributes:
        name: SciPy's.
        shapes: the names of its shape parameters.
        log: the logarithm of the density, or of the probability.
        cdf: of the shapes' sake alone: what the cumulative function is without ``scale``.
        sf: its complement, where that is known better; else it is ``1 - cdf``.
        density: where ``log`` misses what the density has (a zero inside of the support).
        support: ``support(*shapes)``, its ends; left out, they are numbers.
        logs: the logarithms of both, ``(logcdf, logsf)``, or None, where their slopes are known better in the tails.
        slopes: the derivative of the cumulative function in a shape, where that is written directly.
        fixed: the shapes in which there is no derivative (integers, say).
        coarse: those in which only ``log`` has one.
        mean, var, entropy: functions of the shapes.
    """

    __slots__ = (
        *(
            "cdf",
            "coarse",
            "density",
            "fixed",
            "log",
            "logs",
            "moments",
            "name",
            "sf",
            "shapes",
            "slopes",
            "support",
            "theirs",
        ),
    )

    def __init__(
        self,
        name: str,
        log: Formula,
        cdf: Formula | None = None,
        sf: Formula | None = None,
        *,
        density: Formula | None = None,
        support: Formula | None = None,
        logs: tuple[Formula | None, Formula | None] = (None, None),
        slopes: Mapping[str, Formula] | None = None,
        fixed: Sequence[str] = (),
        coarse: Sequence[str] = (),
        moments: Mapping[str, Formula] | None = None,
    ) -> None:
        self.theirs = getattr(scipy.stats, name)
        self.name = name
        self.shapes = tuple(self.theirs.shapes.split(", ")) if self.theirs.shapes else ()
        self.log, self.cdf, self.sf, self.density, self.support = log, cdf, sf, density, support
        self.logs, self.slopes, self.moments = logs, dict(slopes or {}), dict(moments or {})
        self.fixed, self.coarse = frozenset(fixed), frozenset(coarse)

    @property
    def discrete(self) -> bool:
        """Whether it is one of counts."""
        return isinstance(self.theirs, scipy.stats.rv_discrete)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that are differentiated."""
        return DISCRETE if self.discrete else CONTINUOUS

    def below(self) -> Formula | None:
        """The cumulative function, of the shapes' sake."""
        cdf, sf = self.cdf, self.sf
        if cdf is None and sf is not None:
            return lambda *args: -sf(*args)
        return cdf

    def above(self) -> Formula | None:
        """Its complement."""
        cdf, sf = self.cdf, self.sf
        if sf is None and cdf is not None:
            return lambda *args: -cdf(*args)
        return sf

    def ends(self, shapes: Sequence[Any]) -> tuple[Any, Any]:
        """The ends of the support."""
        return self.support(*shapes) if self.support is not None else (self.theirs.a, self.theirs.b)


LAWS: dict[str, Law] = {}


def law(name: str, *formulas: Any, **how: Any) -> None:
    """Declare a distribution, as far as the SciPy that is installed has it."""
    if hasattr(scipy.stats, name):
        LAWS[name] = Law(name, *formulas, **how)
