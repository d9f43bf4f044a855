"""The catalogue's calls of NumPy's functions: each with its keywords, at arguments off the kinks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.catalogue.draws import A, C, P, U

#: By name, what is called and the arguments that move; arrays of integers and booleans stay as they are.
CALLS: dict[str, list[tuple[Any, ...]]] = {}


def calls(names: str, *made: tuple[Any, ...]) -> None:
    """Each of ``made`` is ``(function, *operands)``, for all names; a string stands for the function of that name."""
    for name in names.split():
        CALLS[f"np.{name}"] = [(getattr(np, name) if call[0] is None else call[0], *call[1:]) for call in made]


# Elementwise.
calls(
    "sin cos sinh cosh tanh arctan exp expm1 square negative positive exp2 arcsinh",
    (None, (2, 3)),
    (None, ()),
    (None, C(2)),
)
calls("i0", (None, (2, 3)))  # of a number NumPy gives an array without axes
calls("tan cbrt degrees radians deg2rad rad2deg fabs sinc", (None, (2, 3)), (None, ()))
calls("sqrt log log2 log10 log1p", (None, P(2, 3)), (None, P()), (None, C(2)))
calls("arcsin arccos arctanh", (None, U(2, 3)), (None, C(2)))
calls("arccosh", (None, A(2, 3)))
calls("reciprocal", (None, P(2, 3)), (None, C(2)))
calls("absolute", (None, (2, 3)), (None, C(2)))
calls(
    "add subtract multiply",
    (None, (2, 3), (3,)),
    (None, (2, 1), ()),
    (None, C(2), (2,)),
    (lambda x: np.add(x, 2), (3,)),
)
calls("divide", (None, (2, 3), P(3)), (None, (2, 1), A()), (None, C(2), P(2)))
calls("power", (None, P(2, 3), (3,)), (lambda x: np.power(x, 3), (3,)), (None, C(2), (2,)))
calls("float_power", (None, P(2, 3), (3,)))
calls("arctan2 hypot logaddexp logaddexp2 maximum minimum fmax fmin", (None, (2, 3), (3,)), (None, (2,), ()))
calls("copysign", (None, (3,), (3,)))
calls("remainder fmod", (None, (2, 3), A(3)), (None, (2,), A()))
calls("ldexp", (lambda x: np.ldexp(x, 2), (3,)))
calls("nextafter", (lambda x: np.nextafter(x, 9.0), (3,)))
calls("divmod", (lambda x, y: np.divmod(x, y)[1], (2, 3), A(3)))
calls("modf", (lambda x: np.modf(x)[0], (2, 3)))
calls("frexp", (lambda x: np.frexp(x)[0], (2, 3)))
calls(
    "clip",
    (lambda x: np.clip(x, -0.5, 0.5), (2, 3)),
    (np.clip, (2, 3), (lambda rng: -0.6), P(3)),
    (lambda x: np.clip(x, min=0.1), (3,)),
)
calls("nan_to_num", (None, (3,)), (lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0), (3,)))
calls("real_if_close", (None, (3,)), (lambda x: np.real_if_close(x + 0j), (3,)))
calls("conjugate imag real", (None, C(2, 3)), (None, (3,)))
calls("angle", (None, C(2, 3)), (lambda z: np.angle(z, deg=True), C(3)))
calls(
    "unwrap",
    (None, (5,)),
    (lambda x: np.unwrap(4 * x, period=2.0, axis=0), (4, 2)),
    (lambda x: np.unwrap(x, discont=4.0), (4,)),
)
calls("spacing sign floor ceil trunc rint round fix ones_like zeros_like heaviside floor_divide around", (None, (3,)))
CALLS["np.heaviside"] = [(lambda x: np.heaviside(x, 0.5), (3,))]
CALLS["np.floor_divide"] = [(np.floor_divide, (3,), A(3))]

# Reductions and statistics.
_MASK = np.array([True, False, True])
for _name in ("sum", "prod", "mean"):
    _f = getattr(np, _name)
    calls(
        _name,
        (None, (2, 3)),
        (lambda x, f=_f: f(x, axis=1, keepdims=True), (2, 3)),
        (lambda x, f=_f: f(x, axis=(0, 2), where=_MASK), (2, 2, 3)),
        (None, C(3)),
    )
for _name in ("var", "std"):
    _f = getattr(np, _name)
    calls(
        _name,
        (None, (2, 3)),
        (lambda x, f=_f: f(x, axis=0, ddof=1, keepdims=True), (3, 2)),
        (lambda x, f=_f: f(x, axis=-1, where=_MASK), (2, 3)),
        (lambda x, f=_f: f(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), (2, 3)),
        (lambda x, f=_f: f(x, correction=1), (4,)),
        (None, C(3)),
    )
for _name in ("max", "min", "amax", "amin"):
    _f = getattr(np, _name)
    calls(
        _name,
        (None, (2, 3)),
        (lambda x, f=_f: f(x, axis=1, keepdims=True), (2, 3)),
        (lambda x, y, f=_f: f(x, axis=1, where=_MASK, initial=y), (2, 3), ()),
    )
calls("ptp", (None, (2, 3)), (lambda x: np.ptp(x, axis=1, keepdims=True), (2, 3)))
calls(
    "average",
    (None, (2, 3)),
    (lambda x, w: np.average(x, weights=w), (2, 3), P(2, 3)),
    (lambda x, w: np.average(x, axis=1, weights=w, keepdims=True), (2, 3), P(3)),
    (lambda x, w: np.average(x, axis=0, weights=w, returned=True), (2, 3), P(2)),
)
calls(
    "median",
    (None, (5,)),
    (None, (2, 3)),
    (lambda x: np.median(x, axis=1, keepdims=True), (2, 4)),
    (lambda x: np.median(x, axis=(0, 2)), (2, 2, 2)),
)
_METHODS = (
    "linear",
    "lower",
    "higher",
    "nearest",
    "midpoint",
    "hazen",
    "weibull",
    "median_unbiased",
    "normal_unbiased",
)
_METHODS += ("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf")
calls(
    "quantile",
    (lambda x, q: np.quantile(x, q, axis=0), (5, 2), U(2)),
    (lambda x, w: np.quantile(x, 0.4, weights=w, method="inverted_cdf"), (5,), P(5)),
    *[(lambda x, m=m: np.quantile(x, 0.37, method=m, keepdims=True), (5,)) for m in _METHODS],
)
calls(
    "percentile",
    (lambda x: np.percentile(x, [10, 60], axis=-1), (2, 5)),
    (lambda x, q: np.percentile(x, 100 * q), (5,), U()),
    *[(lambda x, m=m: np.percentile(x, 37, method=m), (5,)) for m in _METHODS],
)
for _name in ("nansum", "nanprod", "nanmean", "nanmax", "nanmin", "nanvar", "nanstd", "nanmedian"):
    _f = getattr(np, _name)
    calls(
        _name,
        (None, (2, 3)),
        (lambda x, f=_f: f(np.where(_MASK, x, np.nan)), (2, 3)),
        (lambda x, f=_f: f(np.where(_MASK, x, np.nan), axis=1, keepdims=True), (2, 3)),
    )
for _name in ("nanquantile", "nanpercentile"):
    _f = getattr(np, _name)
    calls(
        _name,
        (lambda x, f=_f: f(np.where(_MASK, x, np.nan), 0.3), (2, 3)),
        (lambda x, f=_f: f(np.where(_MASK, x, np.nan), [0.3, 0.8], axis=1, keepdims=True), (2, 3)),
    )
for _name in ("cumsum", "cumprod", "nancumsum", "nancumprod"):
    _f = getattr(np, _name)
    calls(_name, (None, (2, 3)), (lambda x, f=_f: f(x, axis=1), (2, 3)), (None, C(3)))
for _name in ("cumulative_sum", "cumulative_prod"):
    _f = getattr(np, _name)
    calls(
        _name,
        (None, (4,)),
        (lambda x, f=_f: f(x, axis=1, include_initial=True), (2, 3)),
    )
calls(
    "cov",
    (None, (2, 4)),
    (lambda x, y: np.cov(x, y, bias=True), (4,), (4,)),
    (lambda x, w: np.cov(x, rowvar=False, ddof=0, aweights=w, fweights=np.array([1, 2, 1, 1])), (4, 2), P(4)),
    (None, C(2, 3)),
)
calls("corrcoef", (None, (3, 5)), (lambda x, y: np.corrcoef(x, y, rowvar=False), (5, 2), (5, 1)))
calls("histogram", (lambda x, w: np.histogram(x, 3, weights=w, range=(-2, 2))[0], (4,), P(4)))
calls("histogram2d", (lambda x, y, w: np.histogram2d(x, y, 2, weights=w, range=[(-2, 2)] * 2)[0], (4,), (4,), P(4)))
calls("histogramdd", (lambda x, w: np.histogramdd(x, 2, weights=w, range=[(-2, 2)] * 2)[0], (4, 2), P(4)))
calls("histogram_bin_edges", (lambda x: np.histogram_bin_edges(x, 3), (4,)))
calls("bincount", (lambda w: np.bincount(np.array([0, 2, 2]), w, minlength=4), (3,)))

# Differences.
calls(
    "diff",
    (None, (4,)),
    (lambda x: np.diff(x, n=2, axis=0), (4, 2)),
    (lambda x, a, b: np.diff(x, prepend=a, append=b), (2, 3), (2, 1), ()),
)
calls("ediff1d", (None, (4,)), (lambda x, a, b: np.ediff1d(x, to_begin=a, to_end=b), (4,), (), (2,)))
calls(
    "gradient",
    (None, (5,)),
    (None, (3, 4)),
    (lambda x, t: np.gradient(x, t, axis=1, edge_order=2), (2, 4), lambda rng: np.array([0.0, 0.7, 1.1, 2.0])),
    (lambda x, h: np.gradient(x, h, 2.0), (3, 3), P()),
)
calls(
    "trapezoid",
    (None, (4,)),
    (lambda y, x: np.trapezoid(y, x, axis=0), (4, 2), lambda rng: np.array([0.0, 0.7, 1.1, 2.0])),
    (lambda y, h: np.trapezoid(y, dx=h), (2, 3), P()),
)

# Order.
calls(
    "sort",
    (None, (2, 4)),
    (lambda x: np.sort(x, axis=None, kind="stable"), (2, 3)),
    (lambda x: np.sort(x, axis=0, stable=True), (3, 2)),
)
calls("sort_complex", (None, C(4)))
calls("partition", (lambda x: np.partition(x, 2), (5,)), (lambda x: np.partition(x, (1, 2), axis=0), (4, 2)))
calls("unique unique_values", (None, (4,)))
CALLS["np.unique"].append((lambda x: np.unique(x, return_counts=True, axis=0), (3, 2)))
calls("unique_all unique_counts unique_inverse", (lambda x: np.unique_all(x).values, (4,)))
CALLS["np.unique_counts"] = [(lambda x: np.unique_counts(x).values, (4,))]
CALLS["np.unique_inverse"] = [(lambda x: np.unique_inverse(x).values, (4,))]
calls("union1d setxor1d setdiff1d", (None, (3,), (2,)))
calls("intersect1d", (lambda x, y: np.intersect1d(np.append(x, y), np.append(y, 0.5)), (3,), (2,)))
