"""Curves: what is drawn are the values, all of them, and nothing else."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans as ft
from functrans.errors import DerivativeError, NonScalarOutputError, TracedValueError

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure


def axes():
    return Figure().add_subplot()


def drawn(ax):
    """The curves, by their labels: points and values."""
    lines = [line for line in ax.get_lines() if not line.get_label().startswith("_")]
    return {line.get_label(): (np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in lines}


def test_values_are_those_of_closed_forms():
    ax = axes()
    assert ft.viz.plot(np.sin, -3, 3, order=3, points=201, ax=ax) is ax
    curves = drawn(ax)
    assert list(curves) == ["sin", "sin'", "sin''", "sin'''"]
    for (x, y), f in zip(curves.values(), (np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x)), strict=True):
        np.testing.assert_array_equal(x, np.linspace(-3, 3, 201))
        np.testing.assert_allclose(y, f(x), rtol=0, atol=1e-15)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=6), st.integers(0, 4))
@settings(max_examples=15)
def test_polynomials(coefficients, order):
    def f(x):
        total = 0.0
        for c in coefficients:
            total = total * x + c
        return total

    ax = axes()
    ft.viz.plot(f, -1.5, 2, order=order, points=7, ax=ax)
    for n, (x, y) in enumerate(drawn(ax).values()):
        exact = np.polyder(np.poly1d(coefficients), n) if n else np.poly1d(coefficients)
        np.testing.assert_allclose(y, exact(x) + 0 * x, rtol=1e-12, atol=1e-11)
    assert n == order


def test_control_flow_on_values():
    calls = []

    def f(x):
        calls.append(x)
        return x**2 if x > 0 else -x

    ax = axes()
    ft.viz.plot(f, -1, 1, points=5, order=2, ax=ax)
    curves = drawn(ax)
    np.testing.assert_array_equal(curves["f"][1], [1.0, 0.5, 0.0, 0.25, 1.0])
    np.testing.assert_array_equal(curves["f'"][1], [-1.0, -1.0, -1.0, 1.0, 2.0])
    np.testing.assert_array_equal(curves["f''"][1], [0.0, 0.0, 0.0, 2.0, 2.0])
    assert len(calls) > 15  # one after the other


def test_all_points_at_once():
    calls = []

    def f(x):
        calls.append(x)
        return np.exp(x)

    ft.viz.plot(f, -1, 1, order=3, ax=axes())
    assert len(calls) == 4  # once for each curve


def test_what_is_not_finite_leaves_a_gap():
    ax = axes()
    ft.viz.plot(np.log, -1, 1, points=5, ax=ax)
    for _, y in drawn(ax).values():  # also the derivative, whose formula has values below zero
        np.testing.assert_array_equal(np.isfinite(y), [False, False, False, True, True])
    ft.viz.plot(lambda x: 1 / x, -1, 1, points=400, order=0, labels=["inverse"], ax=ax)
    x, y = drawn(ax)["inverse"]
    assert np.isnan(y[200])  # the line does not go from -inf to inf
    np.testing.assert_allclose(np.delete(y, 200), np.delete(1 / x, 200), rtol=1e-15)


def test_nowhere_finite():
    ax = axes()
    ft.viz.plot(lambda x: np.log(-1 - x**2), -1, 1, ax=ax)
    assert all(np.isnan(y).all() for _, y in drawn(ax).values())


def test_several_functions_on_the_same_axes():
    ax = axes()
    ft.viz.plot(np.sin, 0, 3, ax=ax)
    before = ax.get_xlim()
    ft.viz.plot(np.exp, -1, 2, order=0, ax=ax, color="black", linewidth=3)
    assert list(drawn(ax)) == ["sin", "sin'", "exp"]
    assert before == (0, 3)
    line = ax.get_lines()[-1]
    assert (line.get_color(), line.get_linewidth()) == ("black", 3)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["sin", "sin'", "exp"]


def test_a_dot_at_a_point():
    ax = axes()
    ft.viz.plot(np.cos, -2, 2, at=0.5, order=1, ax=ax)
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.get_lines() if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, [(0.5, np.cos(0.5)), (0.5, -np.sin(0.5))], rtol=1e-15)


def test_short_names_of_styles():
    ax = axes()
    ft.viz.plot(np.sin, 0, 1, ax=ax, lw=3, c="black")
    assert {(line.get_linewidth(), line.get_color()) for line in ax.get_lines()[:2]} == {(3, "black")}


def test_a_private_function_stands_in_the_legend():
    def _loss(x):
        return x * x

    ax = axes()
    ft.viz.plot(_loss, 0, 1, ax=ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss", "loss'"]


def test_labels():
    ax = axes()
    ft.viz.plot(lambda x: x**6, 0, 1, order=5, ax=ax)
    assert list(drawn(ax)) == ["f", "f'", "f''", "f'''", "f^(4)", "f^(5)"]
    ax = axes()
    ft.viz.plot(np.sin, 0, 1, labels=["height", "slope"], ax=ax)
    assert list(drawn(ax)) == ["height", "slope"]


def test_without_axes_the_current_ones():
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots()
    try:
        assert ft.viz.plot(np.sin, 0, 1) is ax
    finally:
        plt.close(fig)


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda x: (x, x), NonScalarOutputError, "returned a tuple"),
        (lambda x: x * np.ones(3), NonScalarOutputError, "returned an array of shape (3,)"),
        (lambda x: None, NonScalarOutputError, "returned a NoneType"),
        (lambda x: x * 1j, DerivativeError, "returned complex ones"),
        (lambda x: float(x), TracedValueError, "float"),
        (3.0, DerivativeError, "was given a float"),
    ],
)
def test_what_is_no_function_of_one_number(f, error, words):
    ax = axes()
    with pytest.raises(error) as caught:
        ft.viz.plot(f, -1, 1, ax=ax)
    assert words in str(caught.value)
    assert not ax.has_data()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"low": 1, "high": 1}, "the smaller first"),
        ({"low": 0, "high": np.inf}, "two finite numbers"),
        ({"order": -1}, "an order of 0 or more"),
        ({"points": 1}, "2 points or more"),
        ({"labels": ["f"]}, "draws 2 curves, but 1 labels"),
    ],
)
def test_no_picture(arguments, words):
    with pytest.raises(ValueError, match=words):
        ft.viz.plot(np.sin, **{"low": 0, "high": 1, **arguments}, ax=axes())


def test_tracebacks_end_in_the_users_code():
    def f(x):
        return float(x)

    with pytest.raises(TracedValueError) as caught:
        ft.viz.plot(f, -1, 1, ax=axes())
    # Of this test, of what hides the rest, and of the user's function.
    assert {entry.frame.f_globals["__name__"].rpartition(".")[2] for entry in caught.traceback} <= {
        __name__.rpartition(".")[2],
        "frames",
    }
    assert caught.traceback[-1].name == "f"


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"`viz.plot` needs matplotlib.*\nFix: `pip install 'functrans\[viz\]'"
    ):
        ft.viz.plot(np.sin, 0, 1)
