"""Functions whose result is no real number: plain in live traces, recorded or refused in staged ones."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import FunctransError, TracedValueError
from functrans.testing.compare import bits
from tests.ops.agreement import check, run_source, same_bits, same_value

A = np.array([0.3, -1.2, 0.7, 0.3, 2.0, -1.2])
B = np.sin(np.arange(1.0, 7.0)).reshape(2, 3)
Z = np.array([1 + 2j, 3.0, 0.0])
SORTED = np.array([-1.0, 0.0, 0.5, 0.5, 2.0])

# Their shape is foretold, so a staged trace records them.
FORETOLD = {
    "isclose": (lambda x: np.isclose(x, 0.3), A),
    "isclose tolerances": (lambda x: np.isclose(x, B[0], rtol=0.1, atol=np.array([0.1, 0.2, 1.0]), equal_nan=True), B),
    "allclose": (lambda x: np.allclose(x, x + 1e-12), A),
    "allclose no": (lambda x: np.allclose(x, 0.0, 0.0, 1.0), A),
    "array_equal": (lambda x: np.array_equal(x, A), A),
    "array_equal no": (lambda x: np.array_equal(x, A[1:], equal_nan=True), A),
    "array_equiv": (lambda x: np.array_equiv(x, np.stack([B, B])), B),
    "argsort": (lambda x: np.argsort(x), A),
    "argsort axis": (lambda x: np.argsort(x, axis=0), B),
    "argsort flat": (lambda x: np.argsort(x, axis=None), B),
    "argsort stable": (lambda x: np.argsort(x, kind="stable"), A),
    "argsort stable keyword": (lambda x: np.argsort(x, stable=True), A),
    "argsort method": (lambda x: x.argsort(0), B),
    "argsort scalar": (lambda x: np.argsort(x), np.array(2.0)),
    "argpartition": (lambda x: np.argpartition(x, 2), A),
    "argpartition several": (lambda x: x.argpartition((0, 1), axis=0), B),
    "lexsort": (lambda x: np.lexsort((x, np.array([0, 1, 0, 1, 0, 1]))), A),
    "lexsort rows": (lambda x: np.lexsort(x), B),
    "lexsort axis": (lambda x: np.lexsort((x, x * 0), axis=0), B),
    "searchsorted": (lambda x: np.searchsorted(x, [0.5, 3.0]), SORTED),
    "searchsorted side": (lambda x: np.searchsorted(x, 0.5, side="right"), SORTED),
    "searchsorted values": (lambda x: np.searchsorted(SORTED, x, "right"), B),
    "searchsorted sorter": (lambda x: np.searchsorted(x, [0.0, 1.0], sorter=np.argsort(A)), A),
    "searchsorted method": (lambda x: x.searchsorted([[0.5], [0.4]], "left"), SORTED),
    "digitize": (lambda x: np.digitize(x, SORTED), A),
    "digitize right": (lambda x: np.digitize(x, SORTED[::-1], right=True), B),
    "digitize bins": (lambda x: np.digitize([0.0, 0.7], x), SORTED),
    "isin": (lambda x: np.isin(x, [0.3, 2.0]), A),
    "isin invert": (lambda x: np.isin(x, [0.3, 2.0], assume_unique=False, invert=True), A),
    "isin kind": (lambda x: np.isin(A, x, kind="sort"), SORTED),
    "isposinf": (lambda x: np.isposinf(np.where(x > 0, np.inf, x)), A),
    "isneginf": (lambda x: np.isneginf(np.where(x > 0, np.inf, x)), A),
    "isreal": (np.isreal, Z),
    "isreal of reals": (np.isreal, A),
    "iscomplex": (np.iscomplex, Z),
    "iscomplex of reals": (np.iscomplex, B),
}


def live(f, x):
    """What ``f`` gives inside of a gradient, and inside of two transforms."""
    seen = []

    def loss(x):
        seen.append(f(x))
        return np.sum(np.real(x) * 1.0)

    ft.grad(loss)(x)
    ft.jvp(ft.grad(loss), (x,), (x,))
    return seen


@pytest.mark.parametrize("name", FORETOLD)
def test_plain_in_live_traces(name):
    f, x = FORETOLD[name]
    for found in live(f, x):
        assert bits(found) == bits(f(x))


@pytest.mark.parametrize("name", FORETOLD)
def test_recorded_in_staged_traces(name):
    f, x = FORETOLD[name]
    program = ft.trace(f)(x).validate()
    assert program.equations
    for atom in program.outputs:
        assert atom.spec == ft.ArraySpec.of(f(x))
    same_bits(ft.evaluate(program, x), f(x))
    same_bits(run_source(program, x), f(x))
    y = x[::-1].copy() if x.ndim and x is not SORTED else x * 0.5
    same_bits(ft.evaluate(program, y), f(y))


KNOWN = {
    "nonzero": (lambda x: np.nonzero(x > 0.5), A),
    "nonzero of numbers": (lambda x: np.nonzero(x), Z),
    "nonzero method": (lambda x: x.nonzero(), B),
    "flatnonzero": (lambda x: np.flatnonzero(x - A[0]), A),
    "argwhere": (lambda x: np.argwhere(x), B),
    "min_scalar_type": (lambda x: np.min_scalar_type(x[0]), A),
    "may_share_memory": (lambda x: np.may_share_memory(x, A), A),
    "shares_memory": (lambda x: np.shares_memory(x, B, max_work=10), A),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_values_only(name):
    f, x = KNOWN[name]
    if name == "nonzero":
        for found in live(f, x):
            assert bits(found) == bits(f(x))
    else:
        for found in live(f, x):
            assert type(found) is type(f(x))
            assert np.array_equal(found, f(x))
        with pytest.raises(TracedValueError, match=r"needs the value of a staged .*Fix|needs the value"):
            ft.trace(lambda x: f(x) and None)(x)


def test_shape_that_depends_on_values_says_so():
    with pytest.raises(TracedValueError, match="the shape of the result depends on values"):
        ft.trace(np.flatnonzero)(A)
    with pytest.raises(TracedValueError, match=r"np\.where"):
        ft.trace(np.unique)(A)


METADATA = {
    "shape": np.shape,
    "ndim": np.ndim,
    "size": np.size,
    "size axis": lambda x: np.size(x, 0),
    "size axes": lambda x: np.size(x, -1),
    "result_type": lambda x: np.result_type(x, np.float32),
    "result_type weak": lambda x: np.result_type(x, 3.0, np.float32),
    "can_cast": lambda x: (np.can_cast(x, np.float32), np.can_cast(x, np.float32, casting="same_kind")),
    "common_type": lambda x: np.common_type(x, np.ones(2, np.float32)),
    "iscomplexobj": np.iscomplexobj,
    "isrealobj": np.isrealobj,
    "iterable": np.iterable,
    "len": len,
    "dtype": lambda x: (x.dtype, x.shape, x.ndim, x.size, x.nbytes, x.itemsize),
    "min_scalar_type": np.min_scalar_type,
}


@pytest.mark.parametrize("name", METADATA)
@pytest.mark.parametrize("x", [A, B.astype(np.float32), Z, np.zeros((2, 0))], ids=str)
def test_metadata(name, x):
    f = METADATA[name]
    if name == "can_cast":
        f = lambda x: f_dtype(x)  # noqa: E731

        def f_dtype(x):
            given = x if not isinstance(x, np.ndarray) else x.dtype  # NumPy refuses arrays, a traced one counts as one
            return np.can_cast(given, np.float32), np.can_cast(given, np.float32, casting="same_kind")

    expected = f(x)
    seen = live(f, x)
    ft.trace(lambda x: seen.append(f(x)))(x)
    assert seen == [expected] * 3
    assert {type(found) for found in seen} == {type(expected)}


def test_python_scalars_promote_weakly():
    seen = live(lambda x: np.result_type(x, np.float32(1)), 1.5)
    assert seen == [np.float32] * 2
    assert live(lambda x: np.result_type(x * np.float64(1), np.float32(1)), 1.5) == [np.float64] * 2
    assert live(lambda x: (np.shape(x), np.ndim(x), np.size(x)), 1.5) == [((), 0, 1)] * 2


def test_text():
    for f in (np.array_repr, np.array_str, np.array2string, lambda x: np.array2string(x, precision=2, separator=",")):
        assert live(f, A) == [f(A)] * 2
    seen = []
    ft.trace(lambda x: seen.append((np.array_repr(x), np.array2string(x))))(A)
    assert "Float64[6]" in seen[0][0] + seen[0][1]


def test_branch_on_a_verdict():
    def f(x):
        return np.sum(x**2) if np.allclose(x, A) else np.sum(x)

    same_bits(ft.grad(f)(A), 2 * A)
    same_bits(ft.grad(f)(A + 1), np.ones(6))


def test_sorting_by_order_has_a_derivative():
    check(lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1), B)
    check(lambda x: x[np.lexsort((x,))], B[0])


UNIQUE = {
    "values": lambda x: np.unique(x),
    "index": lambda x: np.unique(x, return_index=True),
    "inverse": lambda x: np.unique(x, return_inverse=True),
    "all": lambda x: np.unique(x, True, True, True),
    "counts": lambda x: np.unique(x, return_counts=True, equal_nan=False),
    "unique_values": lambda x: np.unique_values(x),
    "unique_counts": lambda x: np.unique_counts(x),
    "unique_inverse": lambda x: np.unique_inverse(x),
    "unique_all": lambda x: np.unique_all(x),
}


@pytest.mark.parametrize("name", UNIQUE)
def test_unique(name):
    f = UNIQUE[name]
    for x in (A, B, np.array(2.0), np.zeros(0)):
        out, _ = ft.vjp(f, x)
        same_bits(tuple(out) if isinstance(out, tuple) else out, tuple(f(x)) if isinstance(out, tuple) else f(x))
        assert type(out).__name__ == type(f(x)).__name__ or not isinstance(out, tuple)


def test_derivative_of_unique():
    """Of equal entries the first one has the derivative, as one-sided as any choice between ties."""
    found = ft.grad(lambda x: np.sum(np.unique(x) * np.arange(1.0, 5.0)))(A)
    same_bits(found, np.array([2.0, 1.0, 3.0, 0.0, 4.0, 0.0]))
    rows = np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0]])
    same_bits(ft.vjp(lambda x: np.unique(x, axis=0), rows)[0], np.unique(rows, axis=0))
    found = ft.grad(lambda x: np.sum(np.unique(x, axis=0)[1] ** 2))(rows)
    same_bits(found, np.array([[2.0, 4.0], [0.0, 0.0], [0.0, 0.0]]))


def test_bincount():
    places = np.array([0, 3, 3, 1, 0, 5])
    check(lambda w: np.bincount(places, w), A)
    check(lambda w: np.bincount(places, weights=w, minlength=9), A)
    same_value(lambda w: np.bincount(places[:0], weights=w[:0], minlength=2), A)
    same_bits(ft.vjp(lambda w: np.bincount(places, w), A.astype(np.float32))[0], np.bincount(places, A.astype("f")))
    assert ft.grad(lambda w: np.bincount(places, w)[3])(A.astype(np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match="same length"):
        ft.vjp(lambda w: np.bincount(places, w), A[:3])
    with pytest.raises(TypeError, match="complex"):
        ft.vjp(lambda w: np.bincount(places, w), A + 0j)
    with pytest.raises(TracedValueError, match=r"np\.bincount"):
        ft.trace(np.bincount)(places)


HISTOGRAMS = [
    {},
    {"bins": 4},
    {"bins": 3, "range": (-1, 1)},
    {"bins": np.array([-1.0, 0.0, 0.3, 2.0])},
    {"density": True},
    {"bins": np.array([-1.0, 0.0, 0.3, 2.0]), "density": True},
]
DATA = np.sin(np.arange(40.0)) * 1.5
WEIGHTS = 1.0 + np.cos(np.arange(40.0)) ** 2


@pytest.mark.parametrize("options", HISTOGRAMS, ids=str)
def test_histogram(options):
    check(lambda w: np.histogram(DATA, weights=w, **options)[0], WEIGHTS)
    for f, x in (
        (lambda a: np.histogram(a, **options), DATA),
        (lambda a: np.histogram(a, weights=WEIGHTS, **options), DATA),
        (lambda w: np.histogram(DATA, weights=w, **options), WEIGHTS),
    ):
        same_bits(ft.vjp(f, x)[0], f(x))


def test_edges_follow_the_data():
    """Edges spread over the data move with it; so does a density, whose bins have widths."""
    dx = np.cos(np.arange(40.0))
    low, high = np.argmin(DATA), np.argmax(DATA)
    expected = np.linspace(dx[low], dx[high], 5)
    for f in (lambda a: np.histogram(a, 4)[1], lambda a: np.histogram_bin_edges(a, 4)):
        out, tangent = ft.jvp(f, (DATA,), (dx,))
        same_bits(out, f(DATA))
        assert np.allclose(tangent, expected, rtol=1e-13)
    width = (DATA[high] - DATA[low]) / 4
    counts = np.histogram(DATA, 4)[0]
    tangent = ft.jvp(lambda a: np.histogram(a, 4, density=True)[0], (DATA,), (dx,))[1]
    assert np.allclose(tangent, -counts / 40 / width**2 * (dx[high] - dx[low]) / 4, rtol=1e-12)
    edges = np.array([-1.0, 0.0, 0.3, 2.0])
    assert np.array_equal(ft.grad(lambda e: np.sum(np.histogram(DATA, e)[1] ** 2))(edges), 2 * edges)
    with pytest.raises(NotImplementedError, match="bins='auto'"):
        ft.grad(lambda a: np.sum(np.histogram(a, "auto")[1]))(DATA)
    same_bits(
        ft.vjp(lambda a: np.histogram(a, "auto", range=(0, 1)), DATA)[0], np.histogram(DATA, "auto", range=(0, 1))
    )


def test_entries_on_an_edge_count_as_in_numpy():
    edges = np.array([0.0, 1.0, 2.0])
    data = np.array([0.0, 1.0, 2.0, -0.1, 2.1, 0.5])
    gradient = ft.grad(lambda w: np.histogram(data, edges, weights=w)[0] @ np.array([3.0, 5.0]))(np.ones(6))
    same_bits(gradient, np.array([3.0, 5.0, 5.0, 0.0, 0.0, 3.0]))


def test_places_are_told_from_shapes():
    square = np.ones((3, 3))
    for f, x in [
        (np.tril_indices_from, B),
        (np.triu_indices_from, B),
        (lambda x: np.tril_indices_from(x, k=-1), B),
        (np.diag_indices_from, square),
        (lambda x: np.mask_indices(2, lambda n, k: np.triu(np.ones((2, 2)), k)), square),
    ]:
        for transformed in (lambda x, f=f: ft.vjp(f, x)[0], ft.trace(f)):
            found = transformed(x)
            if not isinstance(found, ft.Program):
                same_bits(found, f(x))
    same_bits(ft.vjp(lambda x: x[np.tril_indices_from(x)], square)[0], square[np.tril_indices_from(square)])
    assert ft.trace(lambda x: x[np.triu_indices_from(x)])(square).outputs[0].spec.shape == (6,)
    paths = []
    ft.trace(lambda x: paths.append(np.einsum_path("ij,jk,kl", x, square, x, optimize="optimal")) or x)(square)
    assert paths[0][0] == np.einsum_path("ij,jk,kl", square, square, square, optimize="optimal")[0]


def test_functions_of_integers():
    rows = np.array([0, 2, 1])
    for f in (
        lambda i: np.ravel_multi_index((i, i), (3, 4), mode="clip"),
        lambda i: np.unravel_index(i, (2, 2)),
        lambda i: np.ix_(i, i),
        lambda i: np.packbits(i > 0),
        lambda i: np.unpackbits(i.astype(np.uint8), count=5),
    ):
        expected = f(rows)
        same_bits(ft.vjp(lambda x, f=f: f(x.astype(int)), rows * 1.0)[0], expected)
        with pytest.raises(FunctransError):
            ft.trace(lambda x, f=f: f(x.astype(int)))(rows * 1.0)
    with pytest.raises(TracedValueError, match="integers"):
        ft.trace(lambda x: np.unravel_index(x.astype(int), (2, 2)))(rows * 1.0)
