"""Colourings: every entry can be read, checked by the definitions and not by what decompresses; few colours."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from functrans.sparse.coloring import Coloring, color_jacobian, color_symmetric, is_valid


@st.composite
def patterns(draw, square=False):
    height = draw(st.integers(0, 9))
    width = height if square else draw(st.integers(0, 9))
    seed, density = draw(st.integers(0, 10**6)), draw(st.sampled_from([0.05, 0.2, 0.5, 0.9]))
    dense = np.random.default_rng(seed).random((height, width)) < density
    for row in draw(st.lists(st.integers(0, 8), max_size=1)):
        dense[row : row + 1] = True
    for column in draw(st.lists(st.integers(0, 8), max_size=1)):
        dense[:, column : column + 1] = True
    return dense


def banded(n, half):
    return np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= half


def arrow(n):
    dense = np.eye(n, dtype=bool)
    dense[0] = dense[:, 0] = True
    return dense


def readable(dense, coloring):
    """By the definition of a direct method: each entry is alone in its row of a forward product, or likewise backwards.

    What goes backwards is used for the rows that have a colour, what goes forwards for the others.
    """
    for i, j in np.argwhere(dense):
        ok = False
        if coloring.columns is not None and coloring.columns[j] >= 0:
            ok |= np.count_nonzero(dense[i] & (coloring.columns == coloring.columns[j])) == 1
            if coloring.mode == "symmetric" and not ok:
                ok = np.count_nonzero(dense[j] & (coloring.columns == coloring.columns[i])) == 1
        if coloring.rows is not None and coloring.rows[i] >= 0:
            ok |= np.count_nonzero(dense[:, j] & (coloring.rows == coloring.rows[i])) == 1
        if not ok:
            return False
    return True


@pytest.mark.parametrize("mode", [None, "forward", "reverse", "both"])
@given(dense=patterns())
def test_every_entry_of_a_jacobian_can_be_read(mode, dense):
    coloring = color_jacobian(sp.csr_array(dense), mode)
    if mode is not None and coloring.colors:
        assert coloring.mode == mode
    assert readable(dense, coloring)
    assert is_valid(sp.csr_array(dense), coloring)


@given(dense=patterns())
def test_the_mode_with_the_fewest_products_is_taken(dense):
    matrix = sp.csr_array(dense)
    best = color_jacobian(matrix)
    assert best.colors <= min(color_jacobian(matrix, mode).colors for mode in ("forward", "reverse"))


@given(dense=patterns(square=True))
def test_star_colourings(dense):
    dense = dense | dense.T
    matrix = sp.csr_array(dense)
    coloring = color_symmetric(matrix)
    assert readable(dense, coloring)
    assert is_valid(matrix, coloring)
    colors, n = coloring.columns, len(dense)
    off = dense & ~np.eye(n, dtype=bool)
    for v in range(n):
        for w in np.flatnonzero(off[v]):
            assert colors[v] != colors[w]
            for x in np.flatnonzero(off[w]):
                for y in np.flatnonzero(off[x]):
                    if len({v, w, x, y}) == 4:
                        assert len({colors[v], colors[w], colors[x], colors[y]}) >= 3


@pytest.mark.parametrize("half", [1, 2, 4])
def test_banded_matrices_need_as_many_as_a_row_has_entries(half):
    matrix = sp.csr_array(banded(60, half))
    assert color_jacobian(matrix).colors == 2 * half + 1
    assert color_symmetric(matrix).colors <= 2 * half + 1


def test_arrows():
    matrix = sp.csr_array(arrow(40))
    assert color_symmetric(matrix).colors == 2
    assert color_symmetric(matrix[::-1, ::-1]).colors == 2
    coloring = color_jacobian(matrix)
    assert (coloring.mode, coloring.colors) == ("both", 3)
    wide = np.eye(40, dtype=bool)
    wide[3] = True
    assert color_jacobian(sp.csr_array(wide)).colors == 2
    assert color_jacobian(sp.csr_array(wide), "forward").colors == 40
    assert color_jacobian(sp.csr_array(wide), "reverse").colors == 2


def test_modes_of_equal_price_go_forwards():
    assert color_jacobian(sp.csr_array(np.eye(5, dtype=bool))).mode == "forward"
    assert color_jacobian(sp.csr_array(np.ones((1, 5), dtype=bool))).mode == "reverse"
    assert color_jacobian(sp.csr_array(np.ones((5, 1), dtype=bool))).mode == "forward"


def test_the_checker_finds_what_is_wrong():
    matrix = sp.csr_array(banded(6, 1))
    right = np.arange(6) % 3
    assert is_valid(matrix, Coloring("forward", right, None))
    assert is_valid(matrix, Coloring("reverse", None, right))
    assert not is_valid(matrix, Coloring("forward", np.arange(6) % 2, None))
    assert not is_valid(matrix, Coloring("reverse", None, np.arange(6) % 2))
    assert not is_valid(matrix, Coloring("symmetric", np.arange(6) % 2, None))
    assert not is_valid(matrix, Coloring("both", np.full(6, -1), np.array([0, 1, 2, 0, 1, -1])))


def test_large_stencils():
    n = 150
    line = sp.diags_array([np.ones(n - 1), np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1])
    heat = sp.csr_array(sp.kron(line, sp.eye_array(n)) + sp.kron(sp.eye_array(n), line), dtype=bool)
    coloring = color_jacobian(heat)
    assert is_valid(heat, coloring)
    assert 5 <= coloring.colors <= 7
    coloring = color_symmetric(heat)
    assert is_valid(heat, coloring)
    assert coloring.colors <= 6


def test_two_fields_on_a_line_need_four_whatever_their_order():
    n = 50
    two = sp.csr_array(np.block([[banded(n, 1), np.eye(n)], [np.eye(n), banded(n, 1)]]).astype(bool))
    shuffled = np.random.default_rng(0).permutation(2 * n)
    assert color_jacobian(two).colors == 4
    assert color_jacobian(two[:, shuffled]).colors <= 5


def test_nearly_full_rows_and_columns():
    dense = arrow(200)
    dense[0, -1] = dense[-1, 0] = False
    coloring = color_jacobian(sp.csr_array(dense))
    assert (coloring.mode, coloring.colors) == ("both", 3)
    assert readable(dense, coloring)
