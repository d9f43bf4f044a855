"""``einsum``: every form of subscripts, against derivatives that are numerical or themselves sums."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
from functrans.errors import ShapeError
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.ops.batches import agree, check_batches, looped

RNG = np.random.default_rng(14)


array = partial(drawn, RNG)


CASES = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ba", (2, 3)),
    ("ij , jk -> i k", (2, 3), (3, 4)),
    ("->", ()),
    (",", (), ()),
    (",i", (), (3,)),
    ("i,j", (3,), (2,)),
    ("i,i->i", (3,), (3,)),
    # repeated indices: traces and diagonals
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("iji->ij", (3, 2, 3)),
    ("iii->i", (3, 3, 3)),
    ("iijj->ij", (2, 2, 3, 3)),
    ("ii,jj->ij", (3, 3), (2, 2)),
    ("iij,jkk->ik", (3, 3, 2), (2, 4, 4)),
    ("ii,i->", (3, 3), (3,)),
    # an index of one operand alone
    ("ij->", (2, 3)),
    ("ij->i", (2, 3)),
    ("ij,k->k", (2, 3), (4,)),
    ("ij,jk->k", (2, 3), (3, 4)),
    ("ii,j->j", (3, 3), (2,)),
    # ellipses
    ("...i,i", (2, 4, 3), (3,)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
    ("...ij,...jk", (5, 1, 2, 3), (6, 3, 4)),
    ("...->...", (2, 3)),
    ("i...i->...i", (3, 2, 3)),
    ("ijk,k->j...", (2, 3, 4), (4,)),
    ("...,...->...", (2, 1), (3,)),
    ("i...,...->i...", (2, 3), ()),
    # broadcasting of axes of length 1
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("ij,ij->ij", (1, 3), (2, 1)),
    ("i,i", (1,), (3,)),
    ("ij,kj->ik", (2, 3), (1, 3)),
    ("ij->j", (1, 3)),
    ("ij,ij->", (1, 3), (1, 1)),
    ("ii->i", (1, 1)),
    ("i,ii->i", (1,), (3, 3)),
    # many operands
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("bij,bjk,b", (2, 3, 4), (2, 4, 5), (2,)),
    ("a,b,c,d->dcba", (2,), (3,), (2,), (3,)),
    # empty
    ("ij,jk->ik", (2, 0), (0, 3)),
    ("ij->i", (0, 3)),
]


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(map(str, case)))
def test_agreement(case, optimize):
    subscripts, *shapes = case
    f = lambda *operands: np.einsum(subscripts, *operands, optimize=optimize)  # noqa: E731
    kinds = "fcf" if optimize else "fff"
    check(f, *[array(*shape, kind=kind) for shape, kind in zip(shapes, kinds * 2, strict=False)])


@pytest.mark.parametrize("case", CASES[::7], ids=lambda case: " ".join(map(str, case)))
def test_single_precision(case):
    subscripts, *shapes = case
    stays_single(lambda *operands: np.einsum(subscripts, *operands), *[array(*shape) for shape in shapes])


def test_lists_of_integers():
    a, b = array(2, 3), array(3, 4)
    check(lambda a, b: np.einsum(a, [0, 1], b, [1, 2]), a, b)
    check(lambda a, b: np.einsum(a, [0, 1], b, [1, 30], [30, 0]), a, b)
    check(lambda a, b: np.einsum(a, [..., 1], b, [1, 30], [30, ...]), a, b)
    check(lambda a, b: np.einsum(a, (51, 26), b, (26, 25)), a, b)


def test_ways_to_optimize():
    a, b, c = array(2, 3), array(3, 4), array(4, 5)
    path = np.einsum_path("ij,jk,kl", a, b, c, optimize="optimal")[0]
    for optimize in ("greedy", "optimal", ("greedy", 1000), path):
        check(lambda a, b, c, o=optimize: np.einsum("ij,jk,kl", a, b, c, optimize=o), a, b, c)


def test_dtype_casting_order():
    x, y = np.float32(array(2, 3)), array(3, 2)
    same_value(lambda x: np.einsum("ij->i", x, dtype=np.float64), x)
    same_value(lambda x: np.einsum("ij->i", x, dtype="f4", casting="same_kind"), y)
    same_value(lambda x: np.einsum("ij->ji", x, dtype="f8"), x)  # a view, in single precision
    same_value(lambda x, y: np.einsum("ij,jk->ik", x, y, dtype="c16"), x, y)
    same_value(lambda x: np.einsum("ij->ji", x, order="F"), x)
    same_value(lambda x: np.einsum("ij->i", x, dtype=None), x)
    assert ft.grad(lambda x: np.einsum("ij->", x, dtype=np.float64))(x).dtype == np.float32


def test_traces_and_diagonals_by_hand():
    x = array(3, 3)
    same_bits(ft.grad(lambda x: np.einsum("ii", x))(x), np.eye(3))
    w = array(3)
    same_bits(ft.grad(lambda x: np.sum(w * np.einsum("ii->i", x)))(x), np.diag(w))


def test_infinities_stay_on_the_diagonal():
    """The zeros beside it are zeros, not infinity times zero."""
    (g,) = ft.vjp(lambda x: np.einsum("ii->i", x), np.ones((2, 2)))[1](np.array([np.inf, 1.0]))
    same_bits(g, np.array([[np.inf, 0.0], [0.0, 1.0]]))


def test_sum_of_products_of_one_matrix():
    """The trace of the third power: its gradient is three times the square, transposed."""
    x = array(4, 4)
    f = lambda x: np.einsum("ij,jk,ki->", x, x, x)  # noqa: E731
    np.testing.assert_allclose(ft.grad(f)(x), 3 * (x @ x).T, rtol=1e-12)
    hessian_times = ft.jvp(ft.grad(f), (x,), (np.eye(4),))[1]
    np.testing.assert_allclose(hessian_times, 6 * x.T, rtol=1e-12)


@st.composite
def sums(draw):
    """Subscripts and shapes at random: repeated, broadcast, missing and shared indices."""
    lengths = dict(zip("abcd", draw(st.permutations([1, 2, 3, 4])), strict=True))
    terms = draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    kept = draw(st.permutations(used)) if used else []
    out = "".join(kept[: draw(st.integers(0, len(used)))])
    return f"{','.join(terms)}->{out}", [tuple(lengths[label] for label in term) for term in terms]


@given(sums(), st.booleans(), st.integers(0, 2**16))
def test_any_sum(case, optimize, seed):
    subscripts, shapes = case
    rng = np.random.default_rng(seed)
    operands = [np.asarray(rng.uniform(-1, 1, shape)) for shape in shapes]
    check(lambda *operands: np.einsum(subscripts, *operands, optimize=optimize), *operands)


def test_large_transposes_go_to_blas():
    x, y = array(40, 50), array(50, 60)
    program = ft.trace(ft.grad(lambda x, y: np.sum(np.einsum("ij,jk->ik", x, y))))(x, y)
    (equation,) = [e for e in program.equations if e.primitive.name == "einsum"]
    assert equation.params["optimize"] is True
    np.testing.assert_allclose(ft.evaluate(program, x, y), np.ones((40, 60)) @ y.T, rtol=1e-13)


def test_refusals():
    x = array(2, 3)
    for subscripts in ("ij,jk", "ijk", "i", "ii", "i...->i"):
        with pytest.raises(ValueError):
            np.einsum(subscripts, x)
        for transform in (ft.trace, lambda f: lambda *args: ft.vjp(f, *args)):
            with pytest.raises(ShapeError):
                transform(lambda x, s=subscripts: np.einsum(s, x))(x)
    with pytest.raises(ShapeError, match="'j' has length 3 in one place and 2"):
        ft.trace(lambda x: np.einsum("ij,jk", x, x))(x)


def test_an_index_twice_in_the_result_is_refused():
    for transform in (lambda f: ft.trace(f), lambda f: ft.grad(f)):
        with pytest.raises(ShapeError, match="twice"):
            transform(lambda x: np.einsum("i->ii", x))(np.ones(3))


@pytest.mark.parametrize("case", [case for case in CASES if len(case) < 5], ids=lambda case: " ".join(map(str, case)))
def test_batches(case):
    subscripts, *shapes = case
    operands = [array(3, *shape, kind=kind) for shape, kind in zip(shapes, "cfc", strict=False)]
    check_batches(lambda *operands: np.einsum(subscripts, *operands), *operands)


@pytest.mark.parametrize(
    ("subscripts", "left", "right"),
    [
        ("ij,kj->ik", (2, 3), (4, 3)),
        ("ij,jk->ki", (2, 3), (3, 4)),
        ("bij,bjk->ikb", (5, 2, 3), (5, 3, 4)),
        ("ijb,bjk->bik", (2, 3, 5), (5, 3, 4)),
        ("ijkl,lk->ji", (2, 3, 4, 5), (5, 4)),
        ("ilj,jk->lki", (2, 5, 3), (3, 4)),
        ("ij,jk->ik", (2, 70), (70, 64)),
    ],
)
def test_batches_of_products(subscripts, left, right):
    """Whatever the order of the axes, matrix products do it."""
    f = lambda a, b: np.einsum(subscripts, a, b)  # noqa: E731
    a, b = array(3, *left), array(3, *right)
    check_batches(f, a, b)
    names = {equation.primitive.name for equation in ft.trace(vmap(f))(a, b).equations}
    assert names <= {"matmul", "reshape", "transpose"}


@pytest.mark.parametrize("optimize", [False, "optimal", ("greedy", 9), ["einsum_path", (2, 3), (0, 1), (0, 1)]])
def test_batches_of_long_products(optimize):
    """Too long for a plain loop over all indices: two factors at a time."""
    f = lambda *operands: np.einsum("ij,jk,kl,lm->jm", *operands, optimize=optimize)  # noqa: E731
    chain = [array(3, 20, 30), array(3, 30, 15), array(3, 15, 25), array(3, 25, 5)]
    for axes in ((0, 0, 0, 0), (None, 0, None, 0), (0, None, None, None)):
        args = [x if axis == 0 else x[0] for x, axis in zip(chain, axes, strict=True)]
        agree(vmap(f, axes)(*args), looped(f, args, axes))


def test_batches_and_dtypes():
    a, b = array(3, 2, 4).astype(np.float32), array(3, 4, 2).astype(np.float32)
    assert vmap(lambda a, b: np.einsum("ij,jk->k", a, b))(a, b).dtype == np.float32
    check_batches(lambda a: np.einsum(",ij->ji", 2.0, a), a)
    assert vmap(lambda a, b: np.einsum("ij,jk->ik", a, b, dtype=np.float64))(a, b).dtype == np.float64
    whole = np.arange(24).reshape(3, 2, 4).astype(np.int8)
    check_batches(lambda a: np.einsum("ij,kl->i", a, a), whole)
