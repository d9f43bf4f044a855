"""Statistics of samples, of ``scipy.stats``: means, moments, scores, tests, distances, written in NumPy's functions.

``nan_policy`` is "propagate"; others are refused. What is a rank is known where values are, and constant around them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.stats as theirs
from scipy import special

from functrans.errors import UncoveredFunctionError
from functrans.ops.plain import known
from functrans.scipy.covering import covers
from functrans.scipy.stats.univariate import call


def _check(nan_policy: str) -> None:
    if nan_policy != "propagate":
        raise UncoveredFunctionError(
            f"nan_policy={nan_policy!r} is not covered of traced values",
            "select the entries without NaN before: `x[~np.isnan(x)]`.",
        )


def _unusual(name: str, **given: Any) -> None:
    """Refuse options that are not covered."""
    for key, value in given.items():
        if value is not None and value is not False and value != 0:
            raise UncoveredFunctionError(
                f"`scipy.stats.{name}` with {key}={value!r} is not covered", f"leave {key} out."
            )


def _count(a: Any, axis: Any) -> int:
    return int(np.size(a) if axis is None else np.shape(a)[axis])


def _average(a: Any, axis: Any, weights: Any, keepdims: bool) -> Any:
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    return np.average(a, axis=axis, weights=weights, keepdims=keepdims)  # type: ignore[call-overload]


@covers(theirs.gmean)
def gmean(
    a: Any,
    axis: Any = 0,
    dtype: Any = None,
    weights: Any = None,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """The geometric mean."""
    _check(nan_policy)
    a = a if dtype is None else np.asarray(a).astype(dtype) if isinstance(a, list) else a.astype(dtype)
    with np.errstate(divide="ignore"):
        return np.exp(_average(np.log(a), axis, weights, keepdims))


@covers(theirs.hmean)
def hmean(
    a: Any,
    axis: Any = 0,
    dtype: Any = None,
    *,
    weights: Any = None,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """The harmonic mean."""
    _check(nan_policy)
    a = a if dtype is None else a.astype(dtype)
    with np.errstate(divide="ignore"):
        return 1.0 / _average(1.0 / np.where(a < 0, np.nan, a), axis, weights, keepdims)


@covers(theirs.pmean)
def pmean(
    a: Any,
    p: Any,
    *,
    axis: Any = 0,
    dtype: Any = None,
    weights: Any = None,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    """The power mean."""
    _check(nan_policy)
    if type(p) in (int, float) and p == 0:
        return gmean(a, axis, dtype, weights, keepdims=keepdims)
    a = a if dtype is None else a.astype(dtype)
    with np.errstate(divide="ignore"):
        return _average(np.where(a < 0, np.nan, a) ** p, axis, weights, keepdims) ** (1.0 / p)


def _central(a: Any, order: int, axis: Any, keepdims: bool, mean: Any = None) -> Any:
    away = a - (np.mean(a, axis=axis, keepdims=True) if mean is None else mean)
    power = away * away if order > 1 else away
    for _ in range(order - 2):
        power = power * away
    return np.mean(power, axis=axis, keepdims=keepdims)


@covers(theirs.moment)
def moment(
    a: Any, order: Any = 1, axis: Any = 0, nan_policy: str = "propagate", *, center: Any = None, keepdims: bool = False
) -> Any:
    """The moment about the mean (or ``center``)."""
    _check(nan_policy)
    if np.ndim(order):
        return np.stack([moment(a, n, axis, center=center, keepdims=keepdims) for n in order])
    if order == 0:
        return np.ones_like(np.mean(a, axis=axis, keepdims=keepdims))
    if order == 1 and center is None:
        return 0.0 * np.mean(a, axis=axis, keepdims=keepdims)
    return _central(a, int(order), axis, keepdims, center)


@covers(theirs.skew)
def skew(a: Any, axis: Any = 0, bias: bool = True, nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:
    """The skewness; NaN where all entries are equal."""
    _check(nan_policy)
    with np.errstate(all="ignore"):
        second, third = _central(a, 2, axis, keepdims), _central(a, 3, axis, keepdims)
        out = third / second**1.5
    n = _count(a, axis)
    if not bias and n > 2:
        out = np.sqrt((n - 1.0) * n) / (n - 2.0) * out
    return out


@covers(theirs.kurtosis)
def kurtosis(
    a: Any,
    axis: Any = 0,
    fisher: bool = True,
    bias: bool = True,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Any:
    """The kurtosis; NaN where all entries are equal."""
    _check(nan_policy)
    with np.errstate(all="ignore"):
        second, fourth = _central(a, 2, axis, keepdims), _central(a, 4, axis, keepdims)
        out = fourth / (second * second)
    n = _count(a, axis)
    if not bias and n > 3:
        out = 1.0 / (n - 2) / (n - 3) * ((n**2 - 1.0) * out - 3 * (n - 1) ** 2.0) + 3.0
    return out - 3.0 if fisher else out


@covers(theirs.sem)
def sem(a: Any, axis: Any = 0, ddof: Any = 1, nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:
    """The standard error of the mean."""
    _check(nan_policy)
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / _count(a, axis) ** 0.5


@covers(theirs.variation)
def variation(a: Any, axis: Any = 0, nan_policy: str = "propagate", ddof: Any = 0, *, keepdims: bool = False) -> Any:
    """The standard deviation over the mean."""
    _check(nan_policy)
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / np.mean(a, axis=axis, keepdims=keepdims)


@covers(theirs.zscore)
def zscore(a: Any, axis: Any = 0, ddof: Any = 0, nan_policy: str = "propagate") -> Any:
    """How many standard deviations above the mean."""
    return zmap(a, a, axis, ddof, nan_policy)


@covers(theirs.zmap)
def zmap(scores: Any, compare: Any, axis: Any = 0, ddof: Any = 0, nan_policy: str = "propagate") -> Any:
    """How many standard deviations above the mean of others."""
    _check(nan_policy)
    return (scores - np.mean(compare, axis=axis, keepdims=True)) / np.std(compare, axis=axis, ddof=ddof, keepdims=True)


@covers(theirs.gzscore)
def gzscore(a: Any, *, axis: Any = 0, ddof: Any = 0, nan_policy: str = "propagate") -> Any:
    """The ``zscore`` of logarithms."""
    return zscore(np.log(a), axis, ddof, nan_policy)


@covers(theirs.gstd)
def gstd(a: Any, axis: Any = 0, ddof: Any = 1, *, keepdims: bool = False, nan_policy: str = "propagate") -> Any:
    """The geometric standard deviation."""
    _check(nan_policy)
    return np.exp(np.std(np.log(a), axis=axis, ddof=ddof, keepdims=keepdims))


@covers(theirs.iqr)
def iqr(
    x: Any,
    axis: Any = None,
    rng: Any = (25, 75),
    scale: Any = 1.0,
    nan_policy: str = "propagate",
    interpolation: str = "linear",
    keepdims: bool = False,
) -> Any:
    """The range between quartiles."""
    _check(nan_policy)
    if isinstance(scale, str):
        if scale.lower() != "normal":
            raise ValueError(f"{scale} not a valid scale for `iqr`")
        scale = 2 * np.sqrt(2) * special.erfinv(0.5)
    low, high = sorted(rng)
    ends = np.percentile(x, [low, high], axis=axis, method=interpolation, keepdims=keepdims)  # type: ignore[call-overload]
    out = ends[1] - ends[0]
    return out if type(scale) is float and scale == 1.0 else out / scale


@covers(theirs.trim_mean)
def trim_mean(
    a: Any, proportiontocut: Any, axis: Any = 0, *, nan_policy: str = "propagate", keepdims: bool = False
) -> Any:
    """The mean without what is cut off at both ends."""
    _check(nan_policy)
    n = _count(a, axis)
    cut = int(proportiontocut * n)
    if cut >= n - cut:
        raise ValueError("Proportion too big.")
    flat = np.reshape(a, -1) if axis is None else np.moveaxis(a, axis, -1)
    out = np.mean(np.sort(flat, axis=-1)[..., cut : n - cut], axis=-1)
    if not keepdims:
        return out
    return np.reshape(out, [1] * np.ndim(a)) if axis is None else np.expand_dims(out, axis)


@covers(theirs.entropy)
def entropy(
    pk: Any, qk: Any = None, base: Any = None, axis: Any = 0, *, nan_policy: str = "propagate", keepdims: bool = False
) -> Any:
    """The entropy of (normalized) probabilities, or how far they diverge from others."""
    _check(nan_policy)
    pk = pk / np.sum(pk, axis=axis, keepdims=True)
    terms = special.entr(pk) if qk is None else special.rel_entr(pk, qk / np.sum(qk, axis=axis, keepdims=True))
    out = np.sum(terms, axis=axis, keepdims=keepdims)
    return out if base is None else out / np.log(base)


@covers(theirs.boxcox)
def boxcox(x: Any, lmbda: Any = None, alpha: Any = None, optimizer: Any = None) -> Any:
    """The power transformation of Box and Cox, of a parameter that is given."""
    if lmbda is None:
        raise UncoveredFunctionError(
            "`scipy.stats.boxcox` of a traced value is not covered where it looks for the parameter",
            "give `lmbda`, found by SciPy from plain values, or maximize `boxcox_llf`.",
        )
    return special.boxcox(x, lmbda)


@covers(theirs.boxcox_llf)
def boxcox_llf(lmb: Any, data: Any, *, axis: Any = 0, keepdims: bool = False, nan_policy: str = "propagate") -> Any:
    """The log-likelihood of the parameter of Box and Cox's transformation."""
    _check(nan_policy)
    # The variance of boxcox(x, c) is that of boxcox(x / g, c), times a power of the geometric mean g: no overflow.
    logs = np.log(data)
    middle = np.mean(logs, axis=axis, keepdims=True)
    spread = np.var((logs - middle) * special.exprel(lmb * (logs - middle)), axis=axis, keepdims=keepdims)
    mean = np.mean(logs, axis=axis, keepdims=keepdims)
    return _count(data, axis) * ((lmb - 1.0) * mean - 0.5 * np.log(spread) - lmb * mean)


@covers(theirs.yeojohnson)
def yeojohnson(x: Any, lmbda: Any = None) -> Any:
    """The power transformation of Yeo and Johnson, of a parameter that is given."""
    if lmbda is None:
        raise UncoveredFunctionError(
            "`scipy.stats.yeojohnson` of a traced value is not covered where it looks for the parameter",
            "give `lmbda`, found by SciPy from plain values.",
        )
    positive = x >= 0
    up, down = np.where(positive, x, 0.0), np.where(positive, 0.0, -x)
    return np.where(positive, special.boxcox1p(up, lmbda), -special.boxcox1p(down, 2.0 - lmbda))


# Two samples.


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


@covers(theirs.pearsonr)
def pearsonr(x: Any, y: Any, *, alternative: str = "two-sided", method: Any = None, axis: Any = 0) -> Any:
    """The coefficient of correlation, and the probability of one as extreme."""
    _unusual("pearsonr", method=method)
    x, y = (x - np.mean(x, axis=axis, keepdims=True), y - np.mean(y, axis=axis, keepdims=True))
    x, y = (x / np.sqrt(np.sum(x * x, axis=axis, keepdims=True)), y / np.sqrt(np.sum(y * y, axis=axis, keepdims=True)))
    r = np.clip(np.sum(x * y, axis=axis), -1.0, 1.0)
    shape = 0.5 * _count(x, axis) - 1.0
    return Statistic(r, _tail(lambda s: call("beta", "cdf", s, shape, shape, -1.0, 2.0), r, alternative))


@covers(theirs.linregress)
def linregress(x: Any, y: Any, alternative: str = "two-sided", *, axis: Any = 0, nan_policy: str = "propagate") -> Any:
    """The line of least squares: slope, intercept, correlation, its probability, standard errors."""
    _check(nan_policy)
    n = _count(x, axis)
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
    _check(nan_policy)
    _unusual("ttest_ind", trim=trim, method=method, **others)
    n, m = _count(a, axis), _count(b, axis)
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
