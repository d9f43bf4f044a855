"""Statistics of two samples, of ``scipy.stats``: correlation, regression, Student's test, distances, ranks.

What is a rank is known where values are, and constant around them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.stats as theirs
from scipy import special

from functrans.errors import UncoveredFunctionError
from functrans.ops.plain import known
from functrans.scipy.covering import covers
from functrans.scipy.stats.summaries import check, count
from functrans.scipy.stats.univariate import call


def _unusual(name: str, **given: Any) -> None:
    """Refuse options that are not covered."""
    for key, value in given.items():
        if value is not None and value is not False and value != 0:
            raise UncoveredFunctionError(
                f"`scipy.stats.{name}` with {key}={value!r} is not covered", f"leave {key} out."
            )


class Statistic(NamedTuple):
    """As SciPy's results of tests."""

    statistic: Any
    pvalue: Any


class _Line(NamedTuple):
    slope: Any
    intercept: Any
    rvalue: Any
    pvalue: Any
    stderr: Any


class Regression(_Line):
    """As SciPy's: five fields, and an attribute ``intercept_stderr``."""

    intercept_stderr: Any = None


def _tail(cdf: Callable[[Any], Any], statistic: Any, alternative: str) -> Any:
    """The probability of what is at least so extreme, for a symmetric distribution."""
    if alternative == "less":
        return cdf(statistic)
    if alternative == "greater":
        return cdf(-statistic)
    if alternative != "two-sided":
        raise ValueError("alternative must be one of two-sided, less, greater")
    return 2.0 * cdf(-np.abs(statistic))


@covers(theirs.pearsonr)
def pearsonr(x: Any, y: Any, *, alternative: str = "two-sided", method: Any = None, axis: Any = 0) -> Any:
    """The coefficient of correlation, and the probability of one as extreme."""
    _unusual("pearsonr", method=method)
    x, y = (x - np.mean(x, axis=axis, keepdims=True), y - np.mean(y, axis=axis, keepdims=True))
    x, y = (x / np.sqrt(np.sum(x * x, axis=axis, keepdims=True)), y / np.sqrt(np.sum(y * y, axis=axis, keepdims=True)))
    r = np.clip(np.sum(x * y, axis=axis), -1.0, 1.0)
    shape = 0.5 * count(x, axis) - 1.0
    return Statistic(r, _tail(lambda s: call("beta", "cdf", s, shape, shape, -1.0, 2.0), r, alternative))


@covers(theirs.linregress)
def linregress(x: Any, y: Any, alternative: str = "two-sided", *, axis: Any = 0, nan_policy: str = "propagate") -> Any:
    """The line of least squares: slope, intercept, correlation, its probability, standard errors."""
    check(nan_policy)
    n = count(x, axis)
    x_mean, y_mean = np.mean(x, axis=axis, keepdims=True), np.mean(y, axis=axis, keepdims=True)
    xx = np.mean(np.square(x - x_mean), axis=axis)
    yy = np.mean(np.square(y - y_mean), axis=axis)
    xy = np.mean((x - x_mean) * (y - y_mean), axis=axis)
    slope = xy / xx
    r = np.clip(xy / np.sqrt(xx * yy), -1.0, 1.0)
    x_mean, y_mean = np.mean(x, axis=axis), np.mean(y, axis=axis)
    df = n - 2.0
    t = r * np.sqrt(df / ((1.0 - r + 1e-20) * (1.0 + r + 1e-20)))
    stderr = np.sqrt((1.0 - r * r) * yy / xx / df)
    pvalue = _tail(lambda s: special.stdtr(df, s), t, alternative)
    out = Regression(slope, y_mean - slope * x_mean, r, pvalue, stderr)
    out.intercept_stderr = stderr * np.sqrt(xx + x_mean * x_mean)
    return out


@covers(theirs.ttest_ind)
def ttest_ind(
    a: Any,
    b: Any,
    *,
    axis: Any = 0,
    equal_var: bool = True,
    nan_policy: str = "propagate",
    alternative: str = "two-sided",
    trim: Any = 0,
    method: Any = None,
    keepdims: bool = False,
    **others: Any,
) -> Any:
    """Student's (or Welch's) t of two samples, and the probability of one as extreme."""
    check(nan_policy)
    _unusual("ttest_ind", trim=trim, method=method, **others)
    n, m = count(a, axis), count(b, axis)
    first, second = (np.var(x, axis=axis, ddof=1, keepdims=keepdims) for x in (a, b))
    if equal_var:
        df: Any = n + m - 2.0
        error = np.sqrt(((n - 1.0) * first + (m - 1.0) * second) / df * (1.0 / n + 1.0 / m))
    else:
        first, second = first / n, second / m
        df = np.square(first + second) / (np.square(first) / (n - 1.0) + np.square(second) / (m - 1.0))
        error = np.sqrt(first + second)
    t = (np.mean(a, axis=axis, keepdims=keepdims) - np.mean(b, axis=axis, keepdims=keepdims)) / error
    return Statistic(t, _tail(lambda s: special.stdtr(df, s), t, alternative))


def _gaps(u: Any, v: Any, u_weights: Any, v_weights: Any) -> tuple[Any, Any]:
    """The differences of two empirical distribution functions between neighbours, and how far those are apart."""
    together = np.concatenate([u, v])
    order = np.argsort(together)
    mine = order < np.shape(u)[0]

    def cumulative(members: Any, weights: Any, before: int, count: int) -> Any:
        if weights is None:
            return np.cumsum(np.where(members, 1.0, 0.0))[:-1] / count
        full = np.concatenate([np.zeros(before), weights, np.zeros(np.shape(together)[0] - before - count)])
        return np.cumsum(full[order])[:-1] / np.sum(weights)

    n, m = np.shape(u)[0], np.shape(v)[0]
    apart = cumulative(mine, u_weights, 0, n) - cumulative(~mine, v_weights, n, m)
    return apart, np.diff(together[order])


@covers(theirs.wasserstein_distance)
def wasserstein_distance(u_values: Any, v_values: Any, u_weights: Any = None, v_weights: Any = None) -> Any:
    """The first Wasserstein distance of two samples on a line."""
    apart, gaps = _gaps(u_values, v_values, u_weights, v_weights)
    return np.sum(np.abs(apart) * gaps)


@covers(theirs.energy_distance)
def energy_distance(u_values: Any, v_values: Any, u_weights: Any = None, v_weights: Any = None) -> Any:
    """The energy distance of two samples on a line."""
    apart, gaps = _gaps(u_values, v_values, u_weights, v_weights)
    return np.sqrt(2.0) * np.sqrt(np.sum(apart * apart * gaps))


# Ranks, which are constant around values that differ.


def _ranked(name: str) -> None:
    function = getattr(theirs, name)

    def of_known(*args: Any, **kwds: Any) -> Any:
        why = "ranks depend on values"
        values = [known(arg, f"scipy.stats.{name}", why) for arg in args]
        return function(*values, **{key: known(value, f"scipy.stats.{name}", why) for key, value in kwds.items()})

    of_known.__doc__ = "A number that no small change of values alters; they must be known."
    covers(function, module="scipy.stats", name=name)(of_known)


for _name in ("rankdata", "spearmanr", "kendalltau"):
    _ranked(_name)
