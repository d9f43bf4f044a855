"""Costs of derivatives: those of their programs, in bars as high as they should be."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import functrans as ft
from functrans.errors import NonScalarOutputError

W, X, Y = np.zeros(5), np.ones((20, 5)), np.ones(20)


def loss(w, x, y):
    return np.mean((np.tanh(x @ w) - y) ** 2)


def axes():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    return Figure().add_subplot()


def test_costs_are_those_of_the_programs():
    found = ft.viz.costs(loss, W, X, Y)
    assert list(found) == ["f", "grad", "hvp", "hessian"]
    assert found["f"] == ft.trace(loss)(W, X, Y).cost()
    assert found["grad"] == ft.trace(ft.grad(loss))(W, X, Y).cost()
    assert found["hvp"] == ft.trace(ft.hvp(loss))(W, X, Y, W).cost()
    assert found["hessian"] == ft.trace(ft.hessian(loss))(W, X, Y).cost()


def test_matrix_products_by_hand():
    # Of 200 flops each: X @ w; X.T @ of what comes back; for hvp X @ v too, and of what comes back the tangent alone.
    # For the Hessian X @ of all directions is known before, and five tangents come back.
    found = ft.viz.costs(lambda w: np.sum(np.sin(X @ w)), W)
    products = {name: cost.by_primitive["matmul"].flops for name, cost in found.items()}
    assert products == {"f": 200, "grad": 400, "hvp": 600, "hessian": 1200}


def test_a_hessian_that_is_known_before():
    found = ft.viz.costs(lambda w: np.sum((X @ w) ** 2), W)
    assert found["hessian"].flops == 0  # the same for all w: nothing is left to compute
    assert "x 0" in str(found)


def test_which_arguments():
    one, both = ft.viz.costs(loss, W, X, Y, argnums=2), ft.viz.costs(loss, W, X, Y, argnums=(0, 2))
    assert one["grad"] == ft.trace(ft.grad(loss, 2))(W, X, Y).cost()
    assert one["hvp"] == ft.trace(ft.hvp(loss, 2))(W, X, Y, Y).cost()
    assert both["hessian"] == ft.trace(ft.hessian(loss, (0, 2)))(W, X, Y).cost()
    assert "25 columns" in both.remark
    by_last = ft.viz.costs(loss, W, X, Y, argnums=-1)
    assert by_last == one


@pytest.mark.parametrize("x", [2, 2.0, {"a": [1.0, 2]}, np.ones((2, 2), np.float32), ft.ArraySpec((3,), float)])
def test_arguments(x):
    def f(x):
        leaves = ft.tree.flatten(x)[0]
        return sum(np.sum(leaf**2) for leaf in leaves)

    assert ft.viz.costs(f, x)["hvp"].operations > 0


def test_as_text():
    text = str(ft.viz.costs(loss, W, X, Y))
    head, *rows, remark = text.splitlines()
    assert head.split() == ["operations", "flops", "bytes", "moved", "peak", "memory"]
    assert [row.split()[0] for row in rows] == ["f", "grad", "hvp", "hessian"]
    assert remark == "hessian: 5 columns; hvp: one product with it"
    found = ft.viz.costs(loss, W, X, Y)
    assert rows[1].split()[1:4] == [
        str(found["grad"].operations),
        "x",
        f"{(found['grad'] / found['f']).operations:.3g}",
    ]


def test_a_hessian_that_is_too_large():
    found = ft.viz.costs(lambda x: np.sum(np.exp(x)), ft.ArraySpec((10**6,), float))
    assert list(found) == ["f", "grad", "hvp"]
    assert "1,000,000 columns, left out" in str(found)


def test_bars():
    ax = axes()
    assert ft.viz.cost(loss, W, X, Y, ax=ax) is ax
    found = ft.viz.costs(loss, W, X, Y)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(found)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["operations", "flops", "bytes moved", "peak memory"]
    for bars, cost in zip(ax.containers, found.values(), strict=True):
        ratio = cost / found["f"]
        moved = (cost.read + cost.written) / (found["f"].read + found["f"].written)
        np.testing.assert_allclose(
            [bar.get_height() for bar in bars], [ratio.operations, ratio.flops, moved, ratio.peak], rtol=1e-15
        )
    low, high = ax.get_ylim()
    assert low < 1 < max(bar.get_height() for bars in ax.containers for bar in bars) < high
    labels = [text.get_text() for text in ax.texts]
    assert len(labels) == 16
    assert labels[0] == str(found["f"].operations)


def test_nothing_to_compare_with():
    ax = axes()
    ft.viz.cost(lambda x: x[0], np.ones(3), ax=ax)  # no flops
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize(("f", "words"), [(lambda w: w, "returned Float64[5]"), (lambda w: None, "returned None")])
def test_what_is_not_one_number(f, words):
    with pytest.raises(NonScalarOutputError) as caught:
        ft.viz.costs(f, W)
    assert words in str(caught.value)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"`viz.cost` needs matplotlib.*\nFix: `pip install 'functrans\[viz\]'"
    ):
        ft.viz.cost(loss, W, X, Y)
    assert "grad" in ft.viz.costs(loss, W, X, Y)  # text needs nothing
