"""Every public function of NumPy: each row of ``docs/coverage.md`` is what its calls say."""

from __future__ import annotations

import types
from functools import cache

import numpy as np
import pytest

import functrans as ft
from functrans.errors import FunctransError
from functrans.testing.compare import leaves
from tests.catalogue.numpy_calls import CALLS
from tests.catalogue.others import PLAIN, REFUSED, VALUES
from tests.catalogue.page import PAGE, aliases, row_text, sections
from tests.catalogue.scipy_calls import SCIPY


@cache
def rows() -> dict[str, str]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return {line.split("`")[1]: line for line in lines if line.startswith("| `") and line.count("|") > 4}


@pytest.mark.parametrize("name", [*CALLS, *SCIPY])
def test_row(name):
    assert rows()[name] == row_text(name)


def test_the_table_has_no_other_rows():
    assert list(rows()) == [name for names in sections().values() for name in names]


X = np.array([0.3, 0.7, 0.5])


@pytest.mark.parametrize("name", VALUES)
def test_of_known_numbers_the_same(name):
    expected = VALUES[name](X)
    found = []

    def f(x):
        found.append(ft.tree.map(ft.stop_gradient, VALUES[name](x)))
        return np.sum(x)

    ft.grad(f)(X)
    if isinstance(expected, str):
        assert isinstance(found[0], str)
        return
    assert type(found[0]) is type(expected) or isinstance(found[0], np.ndarray | np.generic | bool | int)
    for a, b in zip(leaves(found[0]), leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, instead = REFUSED[name]
    with pytest.raises(FunctransError) as caught:
        ft.grad(lambda x: (call(x), np.sum(x))[1])(X)
    assert instead in str(caught.value)


def test_every_function_of_numpy_is_in_one_place():
    public = {
        f"{home}.{name}"
        for home, module in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft))
        for name in dir(module)
        if not name.startswith("_")
        and name != "test"
        and callable(getattr(module, name))
        and not isinstance(getattr(module, name), type)
        and not isinstance(getattr(module, name), types.ModuleType)
    }
    known = {*CALLS, *aliases(), *REFUSED, *VALUES, *(f"np.{name}" for name in PLAIN)}
    assert public - known == set()
    places = [name for name in public for place in (CALLS, aliases(), REFUSED, VALUES) if name in place]
    assert len(places) == len(set(places))
