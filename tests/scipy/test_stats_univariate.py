"""Univariate distributions: SciPy's values to the bit; derivatives of every method in every parameter."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.stats

import functrans as ft
import functrans.scipy.stats as stats
from functrans.errors import MissingRuleError, UncoveredFunctionError
from functrans.scipy.stats.laws import CONTINUOUS, DISCRETE, LAWS
from functrans.testing import check_grads

# Shapes at which each distribution is judged.
SHAPES: dict[str, tuple[float, ...]] = {
    "anglit": (),
    "arcsine": (),
    "cauchy": (),
    "cosine": (),
    "expon": (),
    "gibrat": (),
    "gumbel_l": (),
    "gumbel_r": (),
    "halfcauchy": (),
    "halflogistic": (),
    "halfnorm": (),
    "hypsecant": (),
    "laplace": (),
    "levy": (),
    "levy_l": (),
    "logistic": (),
    "maxwell": (),
    "moyal": (),
    "norm": (),
    "rayleigh": (),
    "semicircular": (),
    "uniform": (),
    "wald": (),
    "alpha": (3.57,),
    "argus": (1.0,),
    "beta": (2.31, 1.63),
    "betaprime": (5.0, 6.0),
    "bradford": (0.3,),
    "burr": (10.5, 4.3),
    "burr12": (4.0, 3.2),
    "chi": (7.8,),
    "chi2": (5.5,),
    "crystalball": (2.0, 3.0),
    "dgamma": (1.1,),
    "dweibull": (2.07,),
    "erlang": (2.5,),
    "exponnorm": (1.5,),
    "exponpow": (2.7,),
    "exponweib": (2.9, 1.95),
    "f": (2.9, 8.1),
    "fatiguelife": (1.3,),
    "fisk": (3.1,),
    "foldcauchy": (4.7,),
    "foldnorm": (1.95,),
    "gamma": (1.99,),
    "gengamma": (4.4, 3.1),
    "genextreme": (-0.1,),
    "gennorm": (1.3,),
    "genlogistic": (0.41,),
    "genpareto": (0.1,),
    "gompertz": (0.95,),
    "halfgennorm": (0.68,),
    "invgamma": (4.1,),
    "invgauss": (0.15,),
    "invweibull": (10.6,),
    "johnsonsb": (4.3, 3.2),
    "johnsonsu": (2.6, 2.2),
    "kappa4": (0.1, 0.2),
    "loggamma": (0.41,),
    "loglaplace": (3.25,),
    "lognorm": (0.95,),
    "lomax": (1.88,),
    "loguniform": (0.01, 1.25),
    "mielke": (10.4, 4.6),
    "nakagami": (4.97,),
    "ncx2": (21.0, 1.06),
    "norminvgauss": (1.25, 0.5),
    "pareto": (1.2,),
    "pearson3": (-1.2,),
    "powerlaw": (1.66,),
    "powernorm": (4.4,),
    "powerlognorm": (2.1, 0.45),
    "rdist": (1.6,),
    "recipinvgauss": (0.63,),
    "reciprocal": (0.01, 1.25),
    "rice": (0.77,),
    "skewnorm": (4.0,),
    "t": (2.74,),
    "triang": (0.16,),
    "truncexpon": (4.7,),
    "truncnorm": (-1.1, 2.7),
    "tukeylambda": (0.31,),
    "vonmises": (3.99,),
    "wrapcauchy": (0.03,),
    "weibull_max": (2.87,),
    "weibull_min": (1.79,),
    "bernoulli": (0.3,),
    "betabinom": (5, 2.3, 0.63),
    "betanbinom": (5, 9.3, 1.0),
    "binom": (5, 0.4),
    "boltzmann": (1.4, 19),
    "dlaplace": (0.8,),
    "geom": (0.5,),
    "logser": (0.6,),
    "nbinom": (4.4, 0.5),
    "planck": (0.51,),
    "poisson": (2.6,),
    "skellam": (15.0, 8.0),
    "yulesimon": (11.0,),
    "zipf": (6.6,),
}
LOC, SCALE = 0.3, 1.7


def cases() -> list[Any]:
    return [pytest.param(name, method, id=f"{name}.{method}") for name, law in LAWS.items() for method in law.methods]


def point(name: str, method: str) -> list[Any]:
    """Arguments inside of the support, away from kinks."""
    theirs, shapes, q = getattr(scipy.stats, name), SHAPES[name], np.array([0.13, 0.46, 0.77])
    if method in DISCRETE and LAWS[name].discrete:
        return [theirs.ppf(q, *shapes).clip(1, 4) if name != "bernoulli" else np.zeros(3), *shapes]
    x = q if method in ("ppf", "isf") else theirs.ppf(q, *shapes, loc=LOC, scale=SCALE)
    return [x, *shapes, LOC, SCALE]


def test_the_table_has_every_distribution():
    assert set(SHAPES) == set(LAWS) <= set(dir(stats))
    assert {name: len(LAWS[name].shapes) for name in LAWS} == {name: len(SHAPES[name]) for name in LAWS}


@pytest.mark.filterwarnings("ignore")  # SciPy's: of logarithms of zero, and of erlang with a shape that is no integer
@pytest.mark.parametrize(("name", "method"), cases())
def test_each_method_in_each_parameter(name, method):
    law, args = LAWS[name], point(name, method)
    # In turn, as float arrays of their own: central differences of SciPy's own values, of order six.
    ours, theirs = getattr(getattr(stats, name), method), getattr(getattr(scipy.stats, name), method)
    roles = ["x", *law.shapes, "loc", "scale"]
    # Location and scale are the same code for all: they are judged in few.
    last = len(args) if law.discrete or name in ("norm", "gamma", "truncnorm") else len(args) - 2
    for i in range(1 if law.discrete else 0, last):
        if roles[i] in law.fixed or (roles[i] in law.coarse and method not in ("pdf", "logpdf")):
            with pytest.raises(MissingRuleError, match=f"'{roles[i]}'"):
                ft.grad(lambda v, i=i: np.sum(ours(*args[:i], v, *args[i + 1 :])))(float(np.ravel(args[i])[0]))
            continue
        at = args[i] * np.ones(3)
        step = 4e-3 * (np.minimum(at, 1 - at) if i == 0 and method in ("ppf", "isf") else np.maximum(np.abs(at), 0.05))
        if i in (0, len(args) - 2) and not law.discrete and method not in ("ppf", "isf"):  # no farther than the edge
            step = np.minimum(step, 0.02 * np.abs(args[0] - LOC))

        def moved(f, v, i=i):
            return f(*args[:i], v, *args[i + 1 :])

        value, slope = ft.jvp(lambda v, m=moved: m(ours, v), (at,), (np.ones(3),))
        np.testing.assert_array_equal(value, moved(theirs, at))

        def difference(f, at=at, step=step):
            weights = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))
            return sum(c * (f(at + k * step) - f(at - k * step)) for k, c in weights) / step

        # As far as what the difference itself can tell.
        size = np.max(np.abs(value), where=np.isfinite(value), initial=1e-300)
        close = {"rtol": 2e-6, "atol": 1e-7 * size + 1e-9 * np.max(np.abs(slope))}
        np.testing.assert_allclose(slope, difference(lambda v, m=moved: m(theirs, v)), err_msg=roles[i], **close)

        if method not in ("logpdf", "logpmf") and not (i > 0 and method in ("cdf", "ppf")):  # the rest is made of these
            continue

        def slopes(v, m=moved):
            return ft.jvp(lambda u: m(ours, u), (v,), (np.ones(3),))[1]

        second = ft.grad(lambda v: np.sum(slopes(v)))(at)
        close["atol"] = 1e-7 * np.max(np.abs(slope)) + 1e-8 * np.max(np.abs(second)) + 1e-13
        np.testing.assert_allclose(second, difference(slopes), err_msg=f"{roles[i]}, order 2", **close)


@pytest.mark.parametrize("name", ["norm", "gamma", "poisson"])
def test_every_parameter_at_once_to_the_second_order(name):
    for method in ("logpdf", "cdf") if name != "poisson" else ("logpmf", "sf"):
        args = point(name, method)
        if name == "poisson":
            check_grads(lambda mu, m=method: getattr(stats.poisson, m)(np.arange(4), mu), args[1:], order=2)
        else:
            check_grads(getattr(getattr(stats, name), method), args, order=2)


# Values.


@pytest.mark.parametrize("name", ["norm", "gamma", "uniform", "genpareto", "beta", "t", "truncnorm"])
@pytest.mark.parametrize("method", CONTINUOUS)
def test_edges_and_invalid_parameters(name, method):
    x = np.array([-np.inf, -2.0, 0.0, 0.5, 1.0, 3.0, np.inf, np.nan])
    shapes, ours, theirs = SHAPES[name], getattr(stats, name), getattr(scipy.stats, name)
    for scale in (1.0, np.array([[1.0], [-1.0], [0.0], [np.nan]])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = getattr(theirs, method)(x, *shapes, 0.0, scale)
            value, slope = ft.jvp(lambda y, s=scale: getattr(ours, method)(y, *shapes, 0.0, s), (x,), (np.ones(8),))
            np.testing.assert_array_equal(value, expected)
            assert value.dtype == expected.dtype == slope.dtype
            inside = np.isfinite(expected) & (x > 0) & (x < 1)
            assert np.all(np.isfinite(slope[inside]))
            if method != "ppf" and method != "isf":
                assert np.all(np.isnan(slope[np.isnan(expected)]))
            outside = (x < 0) & np.isfinite(x) & (np.isinf(expected) | (expected == 0) | (expected == 1))
            assert np.all(slope[outside] == 0)


def test_outside_of_the_support_no_nan_leaks_into_parameters():
    x = np.array([-1.0, 0.5, 2.0])
    for method in ("logpdf", "pdf", "cdf", "logsf", "sf"):
        inside = ft.grad(lambda a, m=method: np.sum(getattr(stats.gamma, m)(x[1:], a)))(2.5)
        assert ft.grad(lambda a, m=method: np.sum(getattr(stats.gamma, m)(x, a)))(2.5) == pytest.approx(inside, 1e-14)
    assert ft.hessian(lambda p: np.sum(stats.gamma.pdf(x, p[0], p[1], p[2])))(np.array([2.5, 0.1, 1.2])).shape == (3, 3)


def test_single_precision_gives_what_scipy_gives():
    x = np.array([0.5, 1.0], np.float32)
    value, slope = ft.jvp(stats.norm.logpdf, (x,), (x,))
    assert value.dtype == slope.dtype == scipy.stats.norm.logpdf(x).dtype
    assert ft.grad(lambda y: np.sum(stats.norm.logpdf(y)))(x).dtype == np.float32


def test_programs_print_scipys_names():
    program = ft.trace(lambda x, a: stats.gamma.logpdf(x, a, scale=2.0))(np.array([0.5, 1.5]), 2.5)
    program.validate()
    source = program.to_source()
    assert "scipy.stats.gamma.logpdf(x, a, 0.0, 2.0)" in source
    space: dict[str, Any] = {}
    exec(source, space)
    expected = scipy.stats.gamma.logpdf(np.array([0.5, 1.5]), 2.5, scale=2.0)
    np.testing.assert_array_equal(space["program"](np.array([0.5, 1.5]), 2.5), expected)
    gradient = ft.trace(ft.grad(lambda a: np.sum(stats.gamma.cdf(np.array([0.5, 1.5]), a))))(2.5)
    assert ft.evaluate(gradient, 2.5) == ft.grad(lambda a: np.sum(stats.gamma.cdf(np.array([0.5, 1.5]), a)))(2.5)


# Tails, against mpmath.


def _exact(f: Any, *at: float) -> float:
    with mpmath.workdps(50):
        return float(mpmath.diff(f, tuple(map(mpmath.mpf, at)), (1,) + (0,) * (len(at) - 1)))


def test_far_tails_of_the_normal_distribution():
    def log_sf(x):
        return mpmath.log(mpmath.erfc(x / mpmath.sqrt(2)) / 2)

    for x in (0.0, 3.0, 37.0, 1e3, 1e5):
        exact = _exact(log_sf, x)
        assert ft.grad(stats.norm.logsf)(x) == pytest.approx(exact, rel=1e-14)
        assert ft.grad(stats.norm.logcdf)(-x) == pytest.approx(-exact, rel=1e-14)
    assert ft.grad(stats.norm.logpdf)(1e10) == -1e10
    assert ft.grad(stats.norm.isf)(1e-200) == pytest.approx(-1 / scipy.stats.norm.pdf(scipy.stats.norm.isf(1e-200)))


def test_far_tails_of_gamma_beta_and_t():
    def gamma_log_sf(x, a):
        return mpmath.log(mpmath.gammainc(a, x, mpmath.inf, regularized=True))

    def beta_log_cdf(x, a, b):
        return mpmath.log(mpmath.betainc(a, b, 0, x, regularized=True))

    def t_log_cdf(x, df):
        return mpmath.log(mpmath.betainc(df / 2, mpmath.mpf(1) / 2, 0, df / (df + x * x), regularized=True) / 2)

    def gamma_in_shape(a, x):
        return gamma_log_sf(x, a)

    def t_in_shape(df, x):
        return t_log_cdf(x, df)

    for x in (0.5, 30.0, 600.0):
        assert ft.grad(stats.gamma.logsf)(x, 2.5) == pytest.approx(_exact(gamma_log_sf, x, 2.5), rel=2e-13)
        assert ft.grad(stats.gamma.logsf, 1)(x, 2.5) == pytest.approx(_exact(gamma_in_shape, 2.5, x), rel=1e-11)
    for x in (1e-40, 0.1, 0.7):
        assert ft.grad(stats.beta.logcdf)(x, 2.5, 1.5) == pytest.approx(_exact(beta_log_cdf, x, 2.5, 1.5), rel=2e-13)
    for x in (-0.5, -40.0, -1e6):
        assert ft.grad(stats.t.logcdf)(x, 3.5) == pytest.approx(_exact(t_log_cdf, x, 3.5), rel=2e-13)
        assert ft.grad(stats.t.logcdf, 1)(x, 3.5) == pytest.approx(_exact(t_in_shape, 3.5, x), rel=1e-10)


# Objects.


def test_plain_arguments_call_scipy():
    assert stats.norm.logpdf(0.3, 1.0, 2.0) == scipy.stats.norm.logpdf(0.3, 1.0, 2.0)
    assert stats.gamma.rvs(2.0, random_state=0) == scipy.stats.gamma.rvs(2.0, random_state=0)
    assert stats.gamma(2.0).var() == 2.0
    assert stats.gamma(2.0).interval(0.9) == scipy.stats.gamma(2.0).interval(0.9)
    assert stats.gamma.shapes == "a"
    assert "logpdf" in dir(stats.gamma)
    assert "logpdf" in dir(stats.gamma(2.0))
    assert repr(stats.gamma(2.0)) == "<frozen <functrans.scipy.stats.gamma>>"
    assert pickle.loads(pickle.dumps(stats.norm)).name == "norm"
    assert scipy.stats.kstest([0.1, 0.2], stats.norm.cdf).pvalue == scipy.stats.kstest([0.1, 0.2], "norm").pvalue


def test_frozen_distributions_of_traced_parameters():
    x = np.array([0.5, 1.5])
    frozen = ft.grad(lambda m, s: np.sum(stats.norm(m, scale=s).logpdf(x)), (0, 1))(0.3, 2.0)
    assert frozen == ft.grad(lambda m, s: np.sum(stats.norm.logpdf(x, m, s)), (0, 1))(0.3, 2.0)
    assert ft.grad(stats.gamma(2.0).cdf)(1.0) == scipy.stats.gamma.pdf(1.0, 2.0)
    with pytest.raises(UncoveredFunctionError, match="`rvs` of a frozen"):
        ft.grad(lambda m: stats.norm(m).rvs())(0.3)


def test_moments():
    assert ft.grad(lambda s: stats.norm.entropy(0.0, s))(2.0) == 0.5
    for name, shapes in (("gamma", (2.3,)), ("t", (4.5,))):
        for method in ("mean", "var", "std", "entropy"):
            check_grads(lambda *a, d=name, m=method: getattr(getattr(stats, d), m)(*a), [*shapes, LOC, SCALE])
    check_grads(stats.gamma.median, [2.3, LOC, SCALE])
    for name, shapes in (("beta", (2.3, 1.4)), ("lognorm", (0.7,)), ("pareto", (5.5,)), ("binom", (0.3,))):
        check_grads(lambda *a, d=name: getattr(stats, d).var(*([5] if d == "binom" else []), *a), shapes)
    with pytest.raises(MissingRuleError, match="'c'"):
        ft.grad(stats.burr.mean)(10.5, 4.3)


def test_batches():
    a, x = np.array([3.0, 5.0, 7.0]), np.array([-30.0, 0.0, 2.0])
    slope = ft.grad(lambda df, y: stats.t.logcdf(y, df))
    np.testing.assert_allclose(ft.vmap(slope)(a, x), [slope(*one) for one in zip(a, x, strict=True)], 1e-15)
    slope = ft.grad(lambda mu, k: stats.skellam.logpmf(k, mu, 2.0))
    counts = np.array([-1, 0, 4])
    np.testing.assert_allclose(ft.vmap(slope)(a, counts), [slope(*one) for one in zip(a, counts, strict=True)], 1e-15)


def test_errors():
    with pytest.raises(MissingRuleError, match="counts are integers"):
        ft.grad(lambda k: stats.poisson.pmf(k, 2.0))(1.0)
    with pytest.raises(UncoveredFunctionError, match=r"norm\.fit"):
        ft.grad(lambda x: stats.norm.fit(x))(np.ones(3))
    with pytest.raises(TypeError, match="does not take 'nope'"):
        ft.grad(lambda x: stats.norm.pdf(x, nope=1))(1.0)
    with pytest.raises(TypeError, match="misses 'a'"):
        ft.grad(lambda x: stats.gamma.pdf(x))(1.0)
    with pytest.raises(UncoveredFunctionError, match="mode"):
        stats.mode
