"""Multivariate distributions, statistics of samples, kernel estimates: SciPy's values, numerical derivatives."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.stats

import functrans as ft
import functrans.scipy.stats as stats
from functrans.errors import MissingRuleError, TracedValueError, UncoveredFunctionError
from functrans.testing import check_grads

RNG = np.random.default_rng(0)


def positive(n):
    a = RNG.normal(size=(n, n))
    return a @ a.T + n * np.eye(n)


S2, S3 = positive(2), positive(3)
X3, P3, A3 = RNG.normal(size=(2, 3)), np.array([0.2, 0.3, 0.5]), np.array([1.5, 2.0, 0.7])
JOINT = {
    "multivariate_normal": (X3, X3[0], S3),
    "multivariate_t": (X3[1], X3[0], S3, 4.5),
    "matrix_normal": (RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2)), S3, S2),
    "wishart": (0.3 * S3, 5.5, S3),
    "invwishart": (0.3 * S3, 5.5, S3),
    "dirichlet": (P3[:2], A3),
}


@pytest.mark.parametrize("name", JOINT)
def test_multivariate_densities(name):
    for method in ("logpdf", "pdf"):
        ours, args = getattr(getattr(stats, name), method), JOINT[name]
        value = ft.jvp(lambda *a, f=ours: f(*a), args, tuple(np.ones_like(a) for a in args))[0]
        np.testing.assert_array_equal(value, getattr(getattr(scipy.stats, name), method)(*args))
    check_grads(
        getattr(stats, name).logpdf, args, order=2 if name in ("multivariate_normal", "wishart", "dirichlet") else 1
    )
    check_grads(getattr(stats, name).pdf, args)


def test_counts_of_several_kinds():
    check_grads(lambda z: stats.multinomial.logpmf([1, 2, 3], 6, np.exp(z) / np.sum(np.exp(z))), [P3], order=2)
    check_grads(lambda a: stats.dirichlet_multinomial.pmf(np.array([[1, 2, 3], [0, 0, 6]]), a, 6), [A3], order=2)
    slope = ft.grad(lambda p: stats.multinomial.pmf([1, 2, 2], 6, p))(P3)  # of another number: outside
    np.testing.assert_array_equal(slope, np.zeros(3))
    with pytest.raises(MissingRuleError, match="'x': counts"):
        ft.grad(lambda x: stats.multinomial.logpmf(x, 6, P3))(np.array([1.0, 2.0, 3.0]))


def test_shapes_of_multivariate_arguments():
    check_grads(stats.multivariate_normal.logpdf, [X3[0], 0.3, 1.7], order=1)
    check_grads(
        lambda x, c: stats.multivariate_normal.logpdf(x, np.zeros(3), c), [X3, np.array([1.0, 2.0, 3.0])], order=1
    )
    check_grads(lambda x, c: stats.multivariate_normal(cov=c).logpdf(x), [X3, S3], order=1)
    check_grads(lambda x: stats.multivariate_normal.logpdf(x), [0.7], order=1)
    check_grads(lambda x, a: stats.dirichlet.logpdf(x, a), [np.stack([P3[:2], P3[1:]], axis=1), A3], order=1)
    check_grads(stats.wishart.logpdf, [np.stack([S2, 2 * S2], axis=-1), 5.5, S2], order=1)
    covariance = scipy.stats.Covariance.from_cholesky(np.linalg.cholesky(S3))
    frozen = ft.grad(lambda m: stats.multivariate_normal(m, covariance).logpdf(X3[0]))(X3[1])
    np.testing.assert_allclose(frozen, np.linalg.solve(S3, X3[0] - X3[1]), 1e-12)


def test_batches_of_multivariate_normals():
    covs = np.stack([S3, 2 * S3])
    slope = ft.grad(stats.multivariate_normal.logpdf, (1, 2))
    batch = ft.vmap(slope)(X3, 0.5 * X3, covs)
    for i, parts in enumerate(zip(X3, 0.5 * X3, covs, strict=True)):
        for found, expected in zip(batch, slope(*parts), strict=True):
            np.testing.assert_allclose(found[i], expected, 1e-12)


def test_what_multivariate_distributions_refuse():
    with pytest.raises(np.linalg.LinAlgError):
        ft.grad(lambda x: stats.multivariate_normal.logpdf(x, np.zeros(2), np.ones((2, 2))))(np.ones(2))
    with pytest.raises(UncoveredFunctionError, match="allow_singular"):
        ft.grad(lambda x: stats.multivariate_normal.logpdf(x, allow_singular=True))(1.0)
    with pytest.raises(UncoveredFunctionError, match="cdf"):
        ft.grad(lambda x: stats.multivariate_normal.cdf(x))(1.0)
    with pytest.raises(TypeError, match="misses 'alpha'"):
        ft.grad(lambda x: stats.dirichlet.logpdf(x))(P3)
    assert stats.multivariate_normal.rvs(random_state=0) == scipy.stats.multivariate_normal.rvs(random_state=0)
    assert stats.multivariate_normal([0.0]).mean == 0.0


# Statistics of samples, each of a positive matrix; those of columns have several.

Q = np.exp(RNG.normal(size=(5, 3)))
W = np.array([1.0, 2.0, 3.0])
SAMPLES = {
    "gmean": lambda s, a: (s.gmean(a), s.gmean(a, axis=1, weights=W)),
    "hmean": lambda s, a: (s.hmean(a, axis=None), s.hmean(a, axis=1, keepdims=True)),
    "pmean": lambda s, a: (s.pmean(a, 2.5), s.pmean(a, 0, axis=1)),
    "moment": lambda s, a: (s.moment(a, 3), s.moment(a, [2, 4], axis=1), s.moment(a, 2, center=0.5)),
    "skew": lambda s, a: (s.skew(a, bias=False), s.skew(a, axis=None)),
    "kurtosis": lambda s, a: (s.kurtosis(a, bias=False, axis=None), s.kurtosis(a, fisher=False)),
    "sem": lambda s, a: (s.sem(a), s.sem(a, axis=None, ddof=0)),
    "variation": lambda s, a: (s.variation(a, ddof=1), s.variation(a, axis=1, keepdims=True)),
    "zscore": lambda s, a: (s.zscore(a, ddof=1),),
    "zmap": lambda s, a: (s.zmap(a, a[::-1] ** 2, axis=1),),
    "gzscore": lambda s, a: (s.gzscore(a),),
    "gstd": lambda s, a: (s.gstd(a), s.gstd(a, axis=None, ddof=0)),
    "iqr": lambda s, a: (s.iqr(a), s.iqr(a, axis=0, scale="normal", rng=(20, 70))),
    "trim_mean": lambda s, a: (s.trim_mean(a, 0.2), s.trim_mean(a, 0.1, axis=None)),
    "entropy": lambda s, a: (s.entropy(a), s.entropy(a, a[::-1] ** 2, base=2, axis=1)),
    "boxcox": lambda s, a: (s.boxcox(a[:, 0], 0.3),),
    "boxcox_llf": lambda s, a: (s.boxcox_llf(0.4, a), s.boxcox_llf(a[0, 0], a[:, 1])),
    "yeojohnson": lambda s, a: (s.yeojohnson(np.log(a[:, 0]), 0.3),),
    "pearsonr": lambda s, a: tuple(s.pearsonr(a[:, 0], a[:, 1])),
    "linregress": lambda s, a: (*s.linregress(a[:, 0], a[:, 1]), s.linregress(a[:, 0], a[:, 1]).intercept_stderr),
    "ttest_ind": lambda s, a: (*s.ttest_ind(a, a**0.5), *s.ttest_ind(a[:, 0], a[:3, 1], equal_var=False)),
    "wasserstein_distance": lambda s, a: (
        s.wasserstein_distance(a[:, 0], a[:3, 1]),
        s.wasserstein_distance(a[:, 0], a[:, 1], a[:, 2], a[::-1, 2]),
    ),
    "energy_distance": lambda s, a: (s.energy_distance(a[:, 0], a[:3, 1]),),
    "gaussian_kde": lambda s, a: (
        s.gaussian_kde(a[:, 0])(a[:2, 1]),
        s.gaussian_kde(a[:, :2].T, weights=a[:, 2]).logpdf(a[:3, :2].T),
        s.gaussian_kde(Q[:, 0], "silverman").evaluate(a[:2, 1]),
        s.gaussian_kde(a[:, 0], weights=a[:, 2]).integrate_box_1d(0.2, a[0, 1]),
        s.gaussian_kde(Q[:, 0]).integrate_box_1d(a[0, 0], a[0, 1]),
        s.gaussian_kde(a[:, :2].T).integrate_gaussian(a[0, 1:], np.eye(2)),
        s.gaussian_kde(Q[:, 0]).integrate_gaussian(a[0, 0], a[0, 1]),
        s.gaussian_kde(a[:, 0]).integrate_kde(s.gaussian_kde(a[:, 1], 0.3)),
        s.gaussian_kde(Q[:, 0]).integrate_kde(s.gaussian_kde(a[:3, 1])),
        s.gaussian_kde(a[:, :2].T, 0.7).marginal([1]).pdf([0.7]),
        s.gaussian_kde(a[:, 0]).covariance_factor(),
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_statistics_of_samples(name):
    f = SAMPLES[name]
    traced = ft.jvp(lambda a: f(stats, a), (Q,), (Q,))[0]
    for found, expected in zip(traced, f(scipy.stats, Q), strict=True):
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    check_grads(
        lambda a: sum(np.sum(np.cos(part)) for part in f(stats, a)), [Q], order=1 if name == "gaussian_kde" else 2
    )


def test_batches_and_programs_of_samples():
    slope = ft.grad(lambda a: stats.skew(a, axis=None))
    np.testing.assert_allclose(ft.vmap(slope)(np.stack([Q, Q**2])), [slope(Q), slope(Q**2)], 1e-12)
    program = ft.trace(ft.grad(lambda a: stats.energy_distance(a[0], a[1])))(Q)
    np.testing.assert_allclose(ft.evaluate(program, Q), ft.grad(lambda a: stats.energy_distance(a[0], a[1]))(Q), 1e-14)


def test_ranks_are_known_or_refused():
    x, y = np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ft.grad(lambda a: np.sum(a * stats.rankdata(a)))(x), [3.0, 1.0, 2.0])
    assert ft.grad(lambda a: a[0] * stats.spearmanr(a, y).statistic)(x)[0] == scipy.stats.spearmanr(x, y).statistic
    assert ft.grad(lambda a: a[0] * stats.kendalltau(a, y).statistic)(x)[0] == scipy.stats.kendalltau(x, y).statistic
    with pytest.raises(TracedValueError, match="ranks depend on values"):
        ft.trace(lambda a: a * stats.rankdata(a))(x)


def test_second_derivatives_of_densities():
    check_grads(lambda a: stats.gaussian_kde(a, 0.5).integrate_box_1d(0.2, a[1]), [Q[:3, 0]], order=2)
    check_grads(lambda a: stats.gaussian_kde(a, 0.5).logpdf(a[1]), [Q[:3, 0]], order=2)


def test_densities_are_of_one_class():
    density = stats.gaussian_kde(Q[:, 0])
    assert isinstance(density, scipy.stats.gaussian_kde)
    np.testing.assert_array_equal(copy.deepcopy(density)(0.3), scipy.stats.gaussian_kde(Q[:, 0])(0.3))
    assert ft.jvp(lambda x: stats.gaussian_kde.evaluate(density, x), (0.3,), (1.0,))[0] == density.pdf(0.3)
    for f, what in (
        (lambda a: stats.gaussian_kde(a[:, :2].T).integrate_box_1d(0, 1), "1D"),
        (lambda a: stats.gaussian_kde(a[:, 0]).integrate_kde(stats.gaussian_kde(Q[:, :2].T)), "dimensionality"),
        (lambda a: stats.gaussian_kde(a[:, 0]).integrate_gaussian(a[:2, 0], 1.0), "mean"),
        (lambda a: stats.gaussian_kde(a[:, 0]).integrate_gaussian(0.5, np.eye(2)), "covariance"),
    ):
        with pytest.raises(ValueError, match=what):
            ft.jvp(f, (Q,), (Q,))


def test_options_that_are_not_covered():
    for f in (
        lambda a: stats.skew(a, nan_policy="omit"),
        lambda a: stats.boxcox(a),
        lambda a: stats.yeojohnson(a),
        lambda a: stats.ttest_ind(a, a, trim=0.1),
        lambda a: stats.gaussian_kde(a).resample(3),
    ):
        with pytest.raises(UncoveredFunctionError):
            ft.grad(f)(Q[:, 0])
