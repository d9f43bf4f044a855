"""Statistics of a sample, of ``scipy.stats``: means, moments, scores, transformations, written in NumPy's functions.

``nan_policy`` is "propagate"; others are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.stats as theirs
from scipy import special

from functrans.errors import UncoveredFunctionError
from functrans.scipy.covering import covers


def check(nan_policy: str) -> None:
    """Refuse what leaves out NaN."""
    if nan_policy != "propagate":
        raise UncoveredFunctionError(
            f"nan_policy={nan_policy!r} is not covered of traced values",
            "select the entries without NaN before: `x[~np.isnan(x)]`.",
        )


def count(a: Any, axis: Any) -> int:
    """How many entries are taken together."""
    return int(np.size(a) if axis is None else np.shape(a)[axis])


def _average(a: Any, axis: Any, weights: Any, keepdims: bool) -> Any:
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    return np.average(a, axis=axis, weights=weights, keepdims=keepdims)  # type: ignore[call-overload]


def _mean(
    a: Any,
    there: Callable[[Any], Any],
    back: Callable[[Any], Any],
    axis: Any,
    dtype: Any,
    weights: Any,
    nan_policy: str,
    keepdims: bool,
) -> Any:
    """The mean of a function of the entries, where that function is undone."""
    check(nan_policy)
    a = a if dtype is None else np.asarray(a).astype(dtype) if isinstance(a, list) else a.astype(dtype)
    with np.errstate(divide="ignore"):
        return back(_average(there(a), axis, weights, keepdims))


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
    return _mean(a, np.log, np.exp, axis, dtype, weights, nan_policy, keepdims)


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
    there = lambda a: 1.0 / np.where(a < 0, np.nan, a)  # noqa: E731
    return _mean(a, there, lambda mean: 1.0 / mean, axis, dtype, weights, nan_policy, keepdims)


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
    if type(p) in (int, float) and p == 0:
        return gmean(a, axis, dtype, weights, nan_policy=nan_policy, keepdims=keepdims)
    there = lambda a: np.where(a < 0, np.nan, a) ** p  # noqa: E731
    return _mean(a, there, lambda mean: mean ** (1.0 / p), axis, dtype, weights, nan_policy, keepdims)


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
    check(nan_policy)
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
    check(nan_policy)
    with np.errstate(all="ignore"):
        second, third = _central(a, 2, axis, keepdims), _central(a, 3, axis, keepdims)
        out = third / second**1.5
    n = count(a, axis)
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
    check(nan_policy)
    with np.errstate(all="ignore"):
        second, fourth = _central(a, 2, axis, keepdims), _central(a, 4, axis, keepdims)
        out = fourth / (second * second)
    n = count(a, axis)
    if not bias and n > 3:
        out = 1.0 / (n - 2) / (n - 3) * ((n**2 - 1.0) * out - 3 * (n - 1) ** 2.0) + 3.0
    return out - 3.0 if fisher else out


@covers(theirs.sem)
def sem(a: Any, axis: Any = 0, ddof: Any = 1, nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:
    """The standard error of the mean."""
    check(nan_policy)
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / count(a, axis) ** 0.5


@covers(theirs.variation)
def variation(a: Any, axis: Any = 0, nan_policy: str = "propagate", ddof: Any = 0, *, keepdims: bool = False) -> Any:
    """The standard deviation over the mean."""
    check(nan_policy)
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / np.mean(a, axis=axis, keepdims=keepdims)


@covers(theirs.zscore)
def zscore(a: Any, axis: Any = 0, ddof: Any = 0, nan_policy: str = "propagate") -> Any:
    """How many standard deviations above the mean."""
    return zmap(a, a, axis, ddof, nan_policy)


@covers(theirs.zmap)
def zmap(scores: Any, compare: Any, axis: Any = 0, ddof: Any = 0, nan_policy: str = "propagate") -> Any:
    """How many standard deviations above the mean of others."""
    check(nan_policy)
    return (scores - np.mean(compare, axis=axis, keepdims=True)) / np.std(compare, axis=axis, ddof=ddof, keepdims=True)


@covers(theirs.gzscore)
def gzscore(a: Any, *, axis: Any = 0, ddof: Any = 0, nan_policy: str = "propagate") -> Any:
    """The ``zscore`` of logarithms."""
    return zscore(np.log(a), axis, ddof, nan_policy)


@covers(theirs.gstd)
def gstd(a: Any, axis: Any = 0, ddof: Any = 1, *, keepdims: bool = False, nan_policy: str = "propagate") -> Any:
    """The geometric standard deviation."""
    check(nan_policy)
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
    check(nan_policy)
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
    check(nan_policy)
    n = count(a, axis)
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
    check(nan_policy)
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
    check(nan_policy)
    # The variance of boxcox(x, c) is that of boxcox(x / g, c), times a power of the geometric mean g: no overflow.
    logs = np.log(data)
    middle = np.mean(logs, axis=axis, keepdims=True)
    spread = np.var((logs - middle) * special.exprel(lmb * (logs - middle)), axis=axis, keepdims=keepdims)
    mean = np.mean(logs, axis=axis, keepdims=keepdims)
    return count(data, axis) * ((lmb - 1.0) * mean - 0.5 * np.log(spread) - lmb * mean)


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
