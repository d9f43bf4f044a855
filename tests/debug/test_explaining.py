"""The report of `explain`: norms of values and gradients by their definitions, and where a gradient ends."""

import numpy as np
import pytest

import functrans as ft

X = np.array([3.0, 4.0])


def table(f, *args, **kwargs):
    return [(row.primitive, row.value, row.gradient, row.mark) for row in ft.debug.explain(f, **kwargs)(*args)]


def test_norms_of_values_and_gradients():
    def f(x, y):
        return np.sum(2.0 * (x * x)) * y

    product = 2.0 * (9.0 + 16.0)
    assert table(f, X, 3.0) == [
        ("multiply", pytest.approx(np.hypot(9.0, 16.0)), pytest.approx(6.0 * np.sqrt(2.0)), ""),
        ("multiply", pytest.approx(2.0 * np.hypot(9.0, 16.0)), pytest.approx(3.0 * np.sqrt(2.0)), ""),
        ("sum", product, 3.0, ""),
        ("multiply", 3.0 * product, 1.0, ""),
    ]
    assert [row[0] for row in table(f, X, 3.0, argnums=1)] == ["multiply"]


def clipped(x):
    y = 2.0 * x
    z = np.maximum(y, 10.0)
    return np.sum(z) * 2.0


def rounded(x):
    y = np.round(3.0 * x)
    return np.sum(y) * 2.0 if x[0] > 0 else 0.0


MARKS = {
    "zero": (clipped, X, "maximum", "the gradient becomes zero"),
    "constant": (rounded, X, "round", "no gradient: it is constant between its jumps"),
    "vanishing": (lambda x: np.sum(np.tanh(60.0 * x)), X, "tanh", "the gradient vanishes"),
    "infinite": (lambda x: np.sum(np.sqrt(x)), 0.0 * X, "sqrt", "the gradient becomes infinite"),
    "nan": (lambda x: np.sum(np.sqrt(x * x) * 1.0), 0.0 * X, "sqrt", "the gradient becomes infinite"),
    "product": (lambda x: np.sum((1e200 * x) * 1e200 * 0.0), X, "multiply", "the value becomes infinite"),
    "value": (lambda x: np.sum(np.log(-x)), X, "log", "the value becomes NaN"),
    "nothing": (lambda x: np.sum(x * x), X, None, None),
}


@pytest.mark.parametrize("name", MARKS)
def test_the_first_place_where_it_goes_wrong(name):
    f, x, primitive, mark = MARKS[name]
    with np.errstate(all="ignore"):
        report = ft.debug.explain(f)(x)
    if primitive is None:
        assert report.first is None
        assert ">" not in str(report).replace("<lambda>", "")
        return
    assert (report.first.primitive, report.first.mark) == (primitive, mark)
    assert f"first: {mark}" in str(report)


def test_the_text():
    report = ft.debug.explain(clipped)(X)
    line = clipped.__code__.co_firstlineno
    rows = [" ".join(row.split()) for row in str(report).splitlines()[:6]]
    assert rows == [
        f"`clipped` (test_explaining.py:{line}): 4 operations",
        "line operation |value| |gradient|",
        f"test_explaining.py:{line + 1} multiply 10 0",
        f"> test_explaining.py:{line + 2} maximum 14.1 2.83 the gradient becomes zero",
        f"test_explaining.py:{line + 3} sum 20 2",
        f"test_explaining.py:{line + 3} multiply 40 1",
    ]
    starts = [
        row.index(word) for row, word in zip(str(report).splitlines()[1:6], ("op", "mu", "ma", "su", "mu"), strict=True)
    ]
    assert len(set(starts)) == 1
    assert str(report).splitlines()[6:] == [
        "first: the gradient becomes zero",
        f"  at test_explaining.py:{line + 2}, in clipped",
        "    z = np.maximum(y, 10.0)",
        "        ^^^^^^^^^^^^^^^^^^^",
    ]
    assert len(report) == 4
    assert repr(report) == str(report)
    assert repr(report.rows[1]).startswith(f"<test_explaining.py:{line + 2} maximum: 14.1, 2.8")


def test_functions_without_a_gradient_have_values():
    report = ft.debug.explain(lambda x: 2.0 * x)(X)
    assert [row.gradient for row in report] == [None]
    assert "it does not return one real number" in str(report)
    assert [row.gradient for row in ft.debug.explain(lambda x: np.sum(x * 1j))(X)] == [None, None]


def test_what_loops_and_prints_is_one_operation_or_none(capsys):
    def f(x):
        ft.debug.print("{}", x)
        q, r = np.linalg.qr(x)
        return np.sum(q) + np.sum(ft.scan(lambda c, i: (c * 2.0, None), r, None, length=2)[0])

    rows = table(f, np.eye(2) + 1.0)
    assert [row[0] for row in rows] == ["qr", "sum", "scan", "sum", "add"]
    assert rows[2][2] == pytest.approx(2.0)
    assert capsys.readouterr().out
