"""Products of constant sparse matrices with traced arrays."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import functrans as ft
from functrans.errors import ShapeError
from functrans.testing import check_grads
from functrans.testing.compare import assert_same_bits

RNG = np.random.default_rng(0)
DENSE = RNG.normal(size=(5, 4)) * (RNG.uniform(size=(5, 4)) < 0.4)
DENSE[2] = 0.0
KINDS = ["csr", "csc", "coo", "dia", "lil"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 0)])
def test_values_are_scipys(kind, shape):
    a, x = scipy.sparse.csr_array(DENSE).asformat(kind), RNG.normal(size=shape)
    assert_same_bits(ft.sparse.matmul(a, x), a @ x)
    for f in (ft.jit(lambda x: ft.sparse.matmul(a, x)), lambda x: ft.vjp(lambda x: ft.sparse.matmul(a, x), x)[0]):
        assert np.array_equal(f(x), scipy.sparse.csr_array(a) @ x)
    assert ft.eval_shape(lambda x: ft.sparse.matmul(a, x), x) == ft.ArraySpec.of(a @ x)


@pytest.mark.parametrize("shape", [(4,), (4, 3)])
def test_derivatives(shape):
    a, x = scipy.sparse.csr_array(DENSE), RNG.normal(size=shape)
    check_grads(lambda x: np.sin(ft.sparse.matmul(a, x)), (x,), order=2, modes=("forward", "reverse"))
    w = RNG.normal(size=(5, *shape[1:]))
    assert np.allclose(ft.vjp(lambda x: ft.sparse.matmul(a, x), x)[1](w)[0], DENSE.T @ w, rtol=1e-14)
    assert np.allclose(ft.vmap(lambda x: ft.sparse.matmul(a, x))(np.stack([x, 2 * x])), [DENSE @ x, 2 * DENSE @ x])


def test_the_pattern_is_that_of_the_matrix():
    a, x = scipy.sparse.csr_array(DENSE), np.ones(4)
    assert np.array_equal(ft.sparse.pattern(lambda x: ft.sparse.matmul(a, x))(x).toarray(), DENSE != 0)
    second = ft.sparse.pattern(lambda x: np.sum(ft.sparse.matmul(a, x) ** 2), second=True)(x).toarray()
    assert np.array_equal(second, (DENSE != 0).T.astype(int) @ (DENSE != 0) > 0)


def test_a_matrix_without_entries():
    a = scipy.sparse.csr_array((3, 4))
    assert np.array_equal(ft.grad(lambda x: np.sum(ft.sparse.matmul(a, x)))(np.ones(4)), np.zeros(4))


@pytest.mark.parametrize("x", [np.ones(5), np.ones((4, 1, 1)), 1.0])
def test_shapes_that_do_not_fit(x):
    with pytest.raises(ShapeError, match="has as many rows"):
        ft.sparse.matmul(scipy.sparse.csr_array(DENSE), x)
    with pytest.raises(ShapeError, match=r"no matrix of `scipy\.sparse`"):
        ft.sparse.matmul(DENSE, x)
