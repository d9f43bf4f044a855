"""functrans.scipy.ndimage."""

import warnings

import numpy as np
import pytest
import scipy.ndimage

import functrans as ft
import functrans.scipy.ndimage as ndimage
from functrans.errors import UncoveredFunctionError
from functrans.testing import check_grads
from functrans.testing.compare import assert_close
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.scipy.test_signal import batched

RNG = np.random.default_rng(5)
X, Z = drawn(RNG, 5, 4), drawn(RNG, 5, 4, kind="c")
MODES = ("reflect", "mirror", "nearest", "wrap", "constant", "grid-mirror", "grid-wrap", "grid-constant")
LABELS = np.array([[1, 1, 2, 0], [2, 2, 0, 1], [3, 3, 3, 0], [0, 1, 2, 3], [4, 4, 2, 1]])


def like_scipy(name, x, *args, **keywords):
    """SciPy's value to the bit, plain and traced."""

    def f(x):
        return getattr(ndimage, name)(x, *args, **keywords)

    expected = getattr(scipy.ndimage, name)(x, *args, **keywords)
    same_bits(f(x), expected)
    same_bits(ft.vjp(f, x)[0], expected)
    same_value(f, x)
    return f


@pytest.mark.parametrize("mode", MODES)
def test_correlations(mode):
    for name in ("correlate1d", "convolve1d"):
        for weights, origin in (([0.2, 0.5, -0.3], 0), ([1.0, 2.0, 0.5, -1.0], -1), ([0.5, 1.0], 0), ([1, 2, 1], 1)):
            for axis in (0, -1):
                f = like_scipy(name, X, weights, axis, mode=mode, cval=0.3, origin=origin)
        check(f, X)
        f = getattr(ndimage, name)
        check(lambda x, w: f(x, w, 0, mode=mode, cval=0.3, origin=-1), X, drawn(RNG, 4))
        check(lambda x, w: f(x, w, mode=mode), Z, drawn(RNG, 3))
        check(lambda x, w: f(x, w, mode=mode), X, drawn(RNG, 3, kind="c"))
        stays_single(lambda x, w: f(x, w, mode=mode), X, drawn(RNG, 3))
    for name in ("correlate", "convolve"):
        f = like_scipy(name, X, drawn(RNG, 3, 2), mode=mode, cval=0.3, origin=(0, -1))
        check(f, X)
        f = getattr(ndimage, name)
        check(lambda x, w: f(x, w, mode=mode, cval=-0.5), X, drawn(RNG, 2, 3))
        check(lambda x, w: f(x, w, mode=mode), Z, drawn(RNG, 2, 2, kind="c"))
        check(lambda x, w: f(x, w, mode=mode, axes=1), X, drawn(RNG, 3))
    for size, origin in ((3, 0), (4, -1), (2, 0)):
        like_scipy("uniform_filter1d", X, size, 0, mode=mode, cval=0.3, origin=origin)
        f = like_scipy("uniform_filter", X, size, mode=mode, origin=origin)
        check(f, X)
    like_scipy("uniform_filter", Z, (3, 1), mode=mode)
    stays_single(lambda x: ndimage.uniform_filter(x, 3, mode=mode), X)


def test_windows_wider_than_the_picture():
    for mode in MODES:
        check(lambda x: ndimage.correlate1d(x, np.arange(1.0, 8), mode=mode), X[0, :2])
        check(lambda x: ndimage.uniform_filter1d(x, 7, mode=mode), X[0, :2])


@pytest.mark.parametrize("mode", ["reflect", "constant"])
def test_gaussians_and_edges(mode):
    for name, args in [
        ("gaussian_filter1d", (0.8, 0)),
        ("gaussian_filter1d", (1.1, 1, 2)),
        ("gaussian_filter", (0.8,)),
        ("gaussian_filter", ((0.8, 1.2), (1, 0))),
        ("gaussian_filter", ((0.0, 1.2), (3, 2))),
        ("gaussian_laplace", (0.9,)),
        ("gaussian_gradient_magnitude", ((0.9, 0.7),)),
        ("laplace", ()),
        ("sobel", ()),
        ("sobel", (0,)),
        ("prewitt", (1,)),
    ]:
        for x in (X, X.astype(np.float32)):
            f = like_scipy(name, x, *args, mode=mode, cval=0.2)
        check(f, X)
    like_scipy("gaussian_filter", Z, 0.8, mode=mode, radius=2)
    like_scipy("gaussian_filter", X, 0.8, mode=mode, truncate=2.0, axes=(1,))
    for order in (0, 1, 2):
        check(lambda x, s: ndimage.gaussian_filter1d(x, s, 0, order, mode=mode, radius=2), X, np.array(0.8))
    check(lambda x, s: ndimage.gaussian_filter(x, s, mode=mode, radius=(1, 2)), X, np.array([0.6, 0.8]))
    check_grads(lambda s: np.sum(ndimage.gaussian_filter(X, s, mode=mode) ** 2), (0.7,), order=2)
    check_grads(lambda s: np.sum(ndimage.gaussian_laplace(X, s, mode=mode) ** 2), (0.7,), order=2)


def test_a_flat_picture_has_no_gradient():
    gradient = ft.grad(lambda x: np.sum(ndimage.gaussian_gradient_magnitude(x, 1.0)))(np.zeros((3, 3)))
    same_bits(gradient, np.zeros((3, 3)))


def test_filters_refuse():
    for f in (
        lambda x: ndimage.laplace(x, output=np.zeros(3)),
        lambda x: ndimage.correlate1d(x, [1.0], cval=x[0]),
        lambda x: ndimage.correlate(np.arange(3), x),
        lambda x: ndimage.correlate(x, x, mode=["reflect"]),
    ):
        with pytest.raises(UncoveredFunctionError):
            ft.vjp(f, np.ones(3))
    for f, kind in [
        (lambda x: ndimage.correlate1d(x, [[1.0]]), RuntimeError),
        (lambda x: ndimage.correlate1d(x, [1.0], origin=2), ValueError),
        (lambda x: ndimage.correlate(x, [[1.0]]), RuntimeError),
        (lambda x: ndimage.uniform_filter1d(x, 0), RuntimeError),
        (lambda x: ndimage.correlate1d(x, [1.0], mode="none"), RuntimeError),
    ]:
        with pytest.raises(kind):
            f(np.ones(3))
        with pytest.raises(kind):
            ft.vjp(f, np.ones(3))


@pytest.mark.parametrize("mode", MODES[:5])
def test_selections(mode):
    ring = np.array([[0, 1, 0], [1, 0, 1]], bool)
    for name, args in [
        ("maximum_filter", ()),
        ("minimum_filter", ()),
        ("median_filter", ()),
        ("rank_filter", (1,)),
        ("rank_filter", (-2,)),
        ("percentile_filter", (30,)),
        ("percentile_filter", (100,)),
    ]:
        for keywords in ({"size": 3}, {"size": (2, 3), "origin": (0, -1)}, {"footprint": ring}):
            f = like_scipy(name, X, *args, mode=mode, cval=0.3, **keywords)
            if mode in ("reflect", "constant"):
                check(f, X)
    for name in ("maximum_filter1d", "minimum_filter1d"):
        f = like_scipy(name, X, 3, 0, mode=mode, cval=0.3, origin=-1)
        check(f, X)
    stays_single(lambda x: ndimage.rank_filter(x, rank=1, size=3, mode=mode), X)
    same_bits(
        ft.vjp(lambda x: ndimage.percentile_filter(x, percentile=40, size=2), X)[0],
        scipy.ndimage.percentile_filter(X, percentile=40, size=2),
    )


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("mode", MODES)
def test_map_coordinates(order, mode):
    points = RNG.uniform(0.1, 3.9, (2, 3)) + np.array([[0], [-0.9]])
    outside = np.array([[-1.3, 5.2, 2.1], [1.2, -0.3, 7.6]])
    for c in (points, outside):
        for prefilter in (True, False):
            keywords = {"order": order, "mode": mode, "cval": 0.3, "prefilter": prefilter}
            like_scipy("map_coordinates", X, c, **keywords)
    keywords = {"order": order, "mode": mode}
    stays_single(lambda x, c: ndimage.map_coordinates(x, c, **keywords), X, points)
    if order in (1, 3) or mode in ("constant", "grid-wrap"):
        everywhere = np.concatenate([points[:, :2], outside[:, :2]], axis=1)
        check(lambda x, c: ndimage.map_coordinates(x, c, **keywords), X, everywhere)
    if order == 2:
        check(lambda x, c: ndimage.map_coordinates(x, c, prefilter=False, **keywords), Z, points)
    check(lambda x: ndimage.map_coordinates(x, [[0.5, 2.0]], **keywords), X[:, 0])
    if mode in ("mirror", "constant"):
        batched(lambda x, c: ndimage.map_coordinates(x, c, **keywords), X, points)


def test_a_linear_picture_has_its_slope():
    """At entries it is that of the cell on the right, at the last one of that on the left."""
    x = np.array([0.0, 1.0, 3.0, 6.0])
    f = lambda c: np.sum(ndimage.map_coordinates(x, c, order=1, mode="nearest"))  # noqa: E731
    same_bits(ft.grad(f)(np.array([[0.0, 0.5, 1.0, 2.5, 3.0, 3.5]])), np.array([[1.0, 1.0, 2.0, 3.0, 3.0, 0.0]]))
    f = lambda c: np.sum(ndimage.map_coordinates(x, c, order=0))  # noqa: E731
    same_bits(ft.grad(f)(np.array([[0.2, 1.7]])), np.zeros((1, 2)))


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("mode", ["constant", "nearest", "wrap", "reflect"])
def test_maps_of_pictures(order, mode):
    keywords = {"order": order, "mode": mode}
    matrix, offset = np.array([[0.9, 0.2], [-0.1, 1.1]]), np.array([0.3, -0.2])
    like_scipy("affine_transform", X, matrix, offset, (3, 6), **keywords)
    like_scipy("affine_transform", X, np.c_[matrix, offset], **keywords)
    like_scipy("affine_transform", X, np.array([0.9, 1.1]), 0.25, **keywords)
    like_scipy("shift", X, (0.3, -1.2), **keywords)
    like_scipy("shift", Z, 0.3, **keywords)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for grid_mode in (False, True):
            f = like_scipy("zoom", X, (1.6, 0.7), grid_mode=grid_mode, **keywords)
            check(f, X)
    for args in ((30.0,), (90,), (25.0, (0, 1), False)):
        f = like_scipy("rotate", X, *args, **keywords)
        check(f, X)
    like_scipy("rotate", np.stack([X, X + 1], axis=1), 20.0, (0, 2), **keywords)
    if order != 0:
        check(lambda x, m, o: ndimage.affine_transform(x, m, o, **keywords), X, matrix, offset)
        check(lambda x, m, o: ndimage.affine_transform(x, m, o, **keywords), X, np.array([0.9, 1.1]), offset)
        check(lambda x, s: ndimage.shift(x, s, **keywords), X, np.array([0.3, -1.2]))
        f = lambda x, angle: ndimage.rotate(x, angle, reshape=False, **keywords)  # noqa: E731
        assert_close(ft.vjp(f, X, 25.0)[0], f(X, 25.0), precise=1e-13)
        numeric = (f(X, 25.0 + 1e-4) - f(X, 25.0 - 1e-4)) / 2e-4
        assert_close(ft.jvp(lambda a: f(X, a), (25.0,), (1.0,))[1], numeric, precise=1e-6)
    if order == 3:
        like_scipy("spline_filter", X, 4, mode=mode)
        check(lambda x: ndimage.spline_filter(x, 4, mode=mode), X)
        like_scipy("spline_filter1d", X, 3, 0, mode=mode)
        check(lambda x: ndimage.spline_filter1d(x, 3, 0, mode=mode), X)
        batched(lambda x, s: ndimage.shift(x, s, **keywords), X, np.array([0.3, -1.2]))


@pytest.mark.parametrize("name", ["sum_labels", "mean", "variance", "standard_deviation", "maximum", "minimum"])
def test_measurements(name):
    for args in ((), (LABELS,), (LABELS, 2), (LABELS, [1, 3]), (LABELS, np.array([[4, 1], [2, 3]]))):
        f = like_scipy(name, X, *args)
        like_scipy(name, X.astype(np.float32), *args)
        check(f, X)
    batched(lambda x: getattr(ndimage, name)(x, LABELS, [2, 1]), X)
    with pytest.raises(UncoveredFunctionError):
        ft.vjp(lambda x: getattr(ndimage, name)(x, LABELS + 0.5), X)
    with pytest.raises(UncoveredFunctionError):
        ft.vjp(getattr(ndimage, name), Z)


def test_centres():
    for args in ((), (LABELS,), (LABELS, 2), (LABELS, [1, 3])):
        like_scipy("center_of_mass", np.abs(X), *args)
        check(lambda x: ndimage.center_of_mass(x, *args), np.abs(X))


def test_batches():
    batched(lambda x, w: ndimage.correlate1d(x, w, 0, mode="mirror"), X, drawn(RNG, 3))
    batched(lambda x, w: ndimage.convolve(x, w), X, drawn(RNG, 2, 3))
    batched(lambda x: ndimage.gaussian_filter(x, 0.8), X)
    batched(lambda x: ndimage.uniform_filter1d(x, 3, 0), X)
    batched(lambda x: ndimage.median_filter(x, 3), X)
    batched(lambda x: ndimage.zoom(x, 2, order=1), X)
    batched(lambda x, m: ndimage.affine_transform(x, m, order=1), X, np.array([[0.9, 0.2], [-0.1, 1.1]]))
