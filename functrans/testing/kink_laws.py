"""The laws of what is not smooth: exact zeros that meet infinities; kinks, where the slopes to both sides differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import functrans as ft
from functrans import tree
from functrans.ir.spec import ArraySpec
from functrans.primitives import Derivatives
from functrans.testing.case import Case
from functrans.testing.compare import assert_inner_equal, double, flat, leaves
from functrans.testing.law import law, rounding
from functrans.testing.numerical import judge, richardson

# A zero absorbs.


def _is_finite(value: Any) -> bool:
    return bool(np.all(np.isfinite(flat(value))))


def _is_elementwise(case: Case) -> bool:
    return case.primitive is not None and isinstance(case.primitive.derivative, Derivatives)


def _may_absorb(case: Case) -> bool:
    """Whether a zero must absorb there: elsewhere a rule may meet `0 * inf` of its own."""
    if _is_elementwise(case):
        return _is_finite(case.args) or _is_finite(case.value())
    return _is_finite(case.args) and _is_finite(case.value())


@law(order=1, anywhere=True)
def zero_absorbs(case: Case) -> None:
    """J 0 == 0 and J^T 0 == 0 at every finite x, also where J is infinite or undefined.

    A derivative that can be infinite or undefined says so: `singular=True`.
    """
    if not _may_absorb(case):
        return
    nothing: Any = lambda like: tree.map(lambda leaf: leaf * 0, like)  # noqa: E731
    tangent = ft.jvp(case.f, case.point, nothing(case.tangent()))[1]
    assert not np.any(flat(tangent)), f"J 0 is {tangent}"
    pulled = ft.vjp(case.f, *case.point)[1](nothing(case.cotangent()))
    assert not np.any(flat(pulled)), f"J^T 0 is {pulled}"


@law(order=1, anywhere=True, primitives_only=True)
def each_zero_absorbs(case: Case) -> None:
    """J^T (m w) == m J^T w for m of zeros and ones, elementwise, in operands of the value's shape; J (m v) likewise.

    A derivative that can be infinite or undefined says so: `singular=True`.
    """
    out = case.value()
    if not _is_elementwise(case) or not _may_absorb(case) or np.size(out) < 2:
        return
    chosen = np.arange(np.size(out)).reshape(np.shape(out)) % 2 == case.seed % 2
    pullback, w = ft.vjp(case.f, *case.point)[1], case.cotangent()
    for all_of_it, part in zip(pullback(w), pullback(w * chosen), strict=True):
        if np.shape(part) == np.shape(out):
            expected = np.where(chosen, all_of_it, 0)
            assert np.array_equal(part, expected, equal_nan=True), f"J^T (m w) is {part}, m J^T w is {expected}"
    v = case.tangent()
    if all(np.shape(dx) == np.shape(out) for dx in v):
        part = ft.jvp(case.f, case.point, tuple(dx * chosen for dx in v))[1]
        expected = np.where(chosen, ft.jvp(case.f, case.point, v)[1], 0)
        assert np.array_equal(part, expected, equal_nan=True), f"J (m v) is {part}, m J v is {expected}"


@law(order=1, primitives_only=True)
def zeros_beside_numbers_absorb(case: Case) -> None:
    """Where x has no part in f(x), though other entries have: gradient of <w, f(y x)> in y == 0, also if x is infinite.

    A transpose that puts zeros beside other numbers says so: `masks=True`.
    """
    if _is_elementwise(case):  # a local derivative that is zero is a number like any other
        return
    f, w = case.f, case.cotangent()
    if case.primitive is not None and case.primitive.multiple:  # of several outputs one is used
        chosen = case.seed % len(w)
        f, w = (lambda *point: case.f(*point)[chosen]), w[chosen]
    unused = [np.asarray(g) == 0 for g in ft.vjp(f, *case.point)[1](w)]
    for i, zero in enumerate(unused):
        if zero.all() or not zero.any() or np.iscomplexobj(case.point[i]):
            continue
        for infinite in (np.inf, -np.inf):
            point = list(case.point)
            point[i] = np.where(zero, np.asarray(infinite, point[i].dtype), point[i])
            scaled: Any = lambda y: f(*point[:i], y * point[i], *point[i + 1 :])  # noqa: E731
            try:
                value, pullback = ft.vjp(f, *point)
            except ValueError:  # SciPy looks for infinities in what it does not read, too
                continue
            if _is_finite(value) and not np.any(pullback(w)[i][zero]):
                found = ft.vjp(scaled, np.ones_like(point[i]))[1](w)[0]
                assert not np.any(found[zero]), f"the gradient in y is {found}, x is {point[i]}"


# Kinks.


def _flat_point(case: Case) -> np.ndarray[Any, Any]:
    return np.concatenate([np.zeros(0), *[np.ravel(leaf) for leaf in leaves(case.point)]])


def _with_entries(like: Any, entries: np.ndarray[Any, Any]) -> Any:
    """A tree with other entries, one after the other."""
    rest = [entries]

    def take(leaf: Any) -> Any:
        spec, size = ArraySpec.of(leaf), int(np.size(leaf))
        taken, rest[0] = rest[0][:size], rest[0][size:]
        if spec.dtype.kind != "c":
            taken = np.real(taken)
        made = taken.reshape(spec.shape).astype(spec.dtype)[()]
        return made.item() if spec.weak else made

    return tree.map(take, like)


def _kinked(case: Case) -> Iterator[tuple[Any, Any]]:
    """Points at which two entries tie, or one vanishes, or all are alike; and directions."""
    x, v = _flat_point(case), np.concatenate([np.zeros(0), *[np.ravel(leaf) for leaf in leaves(case.tangent())]])
    if not x.size:
        return
    rng = np.random.default_rng([case.seed, 3])
    j, k = rng.integers(x.size, size=2)
    elementwise = case.primitive is not None and len(case.primitive.domain) > 1
    apart = (np.arange(x.size) < np.size(leaves(case.point)[0])) == (case.seed % 2 == 0) if elementwise else None
    for entries, direction in (
        (np.where(np.arange(x.size) == j, x[k], x), v),
        (np.where(np.arange(x.size) == j, 0, x), v),
        (np.full_like(x, x[k]), np.full_like(v, v[k])),
        # Where all vanish, some functions of two numbers have a derivative only if one operand moves.
        (np.zeros_like(x), np.full_like(v, v[k]) if apart is None else np.where(apart, v, 0)),
    ):
        yield _with_entries(case.point, entries), _with_entries(case.point, direction)


#: Whose derivative at a kink is another, or undefined.
_OTHERWISE = {
    "clip": "a bound belongs to the feasible set: an optimiser there can move back",
    "clip_low": "likewise",
    "clip_high": "likewise",
    "interp": "a knot belongs to the cell on its right, the last one to that on its left",
    "roots": "undefined at multiple roots; and where two are conjugate, which is the first can change",
    "sort": "entries that tie keep the order of their positions: no permutation is in the middle of two",
    "partition": "likewise",
    "scipy.ndimage.rank_filter": "likewise",
    "cluster_turn": "undefined where eigenvalues tie",
    "eigenvalue_gradient": "likewise",
    "eigenvalue_tangent": "likewise",
    "eigh": "likewise",
    "eigvalsh": "likewise",
    "eig": "likewise",
    "eigvals": "likewise",
    "inverse_of_eigenvectors": "undefined at singular matrices",
    "svd": "undefined where singular values tie",
    "svdvals": "likewise",
    "lstsq": "likewise, which it returns, too",
    "polar_factor": "undefined at singular matrices",
    "scipy.interpolate.PchipInterpolator": "a slope that changes its sign is taken for zero on both sides",
    "scipy.interpolate.Akima1DInterpolator": "slopes that do not change have weights that jump",
    "qr": "undefined where columns are dependent, and it jumps where one has nothing to be removed",
    "spectral_direction": "undefined where the largest singular values tie",
    "scipy.linalg.lu": "undefined where the leading columns are dependent, and pivots jump where two entries tie",
    "scipy.linalg.lu_indices": "likewise",
    "scipy.linalg.lu_permuted": "likewise",
    "scipy.linalg.lu_factor": "likewise",
    "scipy.linalg.regular_lu": "likewise",
    "scipy.linalg.qr": "undefined where columns are dependent, and pivots jump where two of them tie",
    "scipy.linalg.rsf2csf": "an entry below the diagonal that is zero is no part of a block: it jumps there",
    "scipy.linalg.polar": "undefined where the rank is not full",
    "scipy.linalg.orthogonal_procrustes": "likewise",
    "scipy.linalg.lstsq": "singular values tie, which it returns, too",
    "scipy.linalg.svd": "undefined where singular values tie",
    "scipy.linalg.svdvals": "likewise",
    "scipy.linalg.eigh": "undefined where eigenvalues tie",
    "scipy.linalg.eigvalsh": "likewise",
    "scipy.linalg.eigh_pencil": "likewise",
    "scipy.linalg.eigvalsh_pencil": "likewise",
    "scipy.linalg.eig": "likewise",
    "scipy.linalg.eigvals": "likewise",
    "scipy.linalg.eigh_tridiagonal": "likewise",
    "scipy.linalg.eigvalsh_tridiagonal": "likewise",
    "scipy.linalg.sqrtm": "undefined at singular matrices",
    "scipy.linalg.real_sqrtm": "likewise",
    "scipy.linalg.logm": "likewise",
    "scipy.linalg.real_logm": "likewise",
    "scipy.linalg.frechet_of_logarithm": "likewise",
    "scipy.linalg.higher_frechet_of_logarithm": "likewise",
    "scipy.linalg.fractional_matrix_power": "likewise",
    "scipy.linalg.real_fractional_matrix_power": "likewise",
    "scipy.linalg.solve_sylvester": "undefined where an eigenvalue of one matrix is the negative of one of the other",
    "scipy.linalg.solve_continuous_lyapunov": "likewise",
    **{
        f"scipy.linalg.solve_{kind}_are{operands}": "undefined where the closed loop is not stable"
        for kind in ("continuous", "discrete")
        for operands in ("", "_5", "_6")
    },
}


@law(order=1, primitives_only=True)
def kinks_get_their_middle(case: Case) -> None:
    """J v == the mean of the slopes to both sides, where two entries tie, one vanishes, or all are alike; J^T too.

    Usually broken by a comparison: at a tie it chooses one of two, and `sign(0)` is 0. See docs/kinks.md.
    """
    if case.primitive is None or case.primitive.name in _OTHERWISE:
        return
    case = case.widened()
    for point, v in _kinked(case):
        try:
            value = case.f(*point)
        except Exception:  # it has no value there: a matrix is singular
            continue
        if not _is_finite(value) or not _is_in_domain(case, point):
            continue
        expected = judge(case.f, point, v)
        tangent = ft.jvp(case.f, point, v)[1]
        found = flat(tangent)
        kinked = expected.jump != 0
        # There the judge does not decide; but the central difference is the mean of the slopes to both sides.
        slopes = np.where(kinked, richardson(case.f, point, v).value, expected.value)
        # The judge's error is that of rounding in values; with steps as small as a tie wants them, that in the
        # arguments counts too.
        error = np.where(kinked, 0.0, 4 * expected.error)
        allowed = np.where(kinked, 1e-2, rounding(case)) * np.maximum(expected.natural, 1.0) + error
        wrong = (expected.decided | kinked) & ~(np.abs(found - slopes) <= allowed)
        assert not np.any(wrong), f"J v is {found}, the mean of the slopes {slopes}, at {point} along {v}"
        if np.all(np.isfinite(found)):
            w = case.cotangent()
            assert_inner_equal(w, tangent, ft.vjp(case.f, *point)[1](w), v, rounding(case))


def _is_in_domain(case: Case, point: Any) -> bool:
    domains = case.primitive.domain if case.primitive is not None else ()
    if not domains:
        return True
    pairs = [(domains[i], np.real(x)) for i, x in zip(case.moving, point, strict=True)]
    return all(bool(np.all((low < x) & (x < high))) for (low, high), x in pairs)


#: Norms (and condition numbers) whose second derivatives do not exist at singular matrices.
_SPECTRAL = ("nuc", 2, -2)


@law(order=2, primitives_only=True)
def second_derivatives_are_right_at_ties_and_zeros(case: Case) -> None:
    """jvp(x -> J(x)^T w, x, v) == d/dt J(x + t v)^T w at t = 0, where two entries tie, one vanishes, or all are alike.

    Usually broken by `np.where`: what it chooses is right at the point, but has lost its derivative there.
    """
    if (
        case.primitive is None
        or case.primitive.name in _OTHERWISE
        or case.params.get("ord", case.params.get("p")) in _SPECTRAL
    ):
        return
    case, w = case.widened(), double(case.cotangent())
    gradient: Any = lambda *point: ft.vjp(case.f, *point)[1](w)  # noqa: E731
    for point, v in _kinked(case):
        try:
            value = gradient(*point)
        except Exception:  # it has no value there: a matrix is singular
            continue
        if _is_finite(value) and _is_in_domain(case, point):
            expected = judge(gradient, point, v)
            found = flat(ft.jvp(gradient, point, v)[1])
            allowed = rounding(case) * np.maximum(expected.natural, 1.0) + 4 * expected.error
            wrong = expected.decided & ~(np.abs(found - expected.value) <= allowed)
            assert not np.any(wrong), f"H v is {found}, numerically {expected.value}, at {point} along {v}"
