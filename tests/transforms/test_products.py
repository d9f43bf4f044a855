"""functrans.transforms.products: the Hessian times a vector."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import DerivativeError, IntegerInputError, NonScalarOutputError, ShapeError, TreeError

both = pytest.mark.parametrize("product", [ft.hvp, ft.vhp], ids=["hvp", "vhp"])


@both
def test_of_a_closed_form(product):
    x, v = np.array([0.3, -0.5, 2.0]), np.array([1.0, 2.0, -1.0])
    np.testing.assert_allclose(product(lambda x: np.sum(x) ** 3)(x, v), np.full(3, 6 * np.sum(x) * np.sum(v)))
    assert product(lambda x: x**4)(2.0, 3.0) == 12 * 4 * 3
    assert type(product(lambda x: x**4)(2.0, 3.0)) is float


@both
def test_of_trees_and_several_arguments(product):
    f = lambda p, y: np.sum(p["w"] ** 2) * y  # noqa: E731
    w = np.array([1.0, 2.0])
    assert np.array_equal(product(f)({"w": w}, 3.0, {"w": np.array([1.0, 0.0])})["w"], [6.0, 0.0])
    found = product(f, (0, 1))({"w": w}, 3.0, ({"w": np.array([1.0, 0.0])}, 2.0))
    assert np.array_equal(found[0]["w"], [6.0 + 4.0, 8.0])
    assert found[1] == 2.0
    assert product(lambda x, y: x * y**3, argnames="y")(2.0, 1.0, y=3.0) == 2 * 6 * 3
    assert product(lambda x: (x**3, "kept"), has_aux=True)(2.0, 1.0) == (12.0, "kept")


@both
def test_follows_control_flow(product):
    assert product(lambda x: x**3 if x > 0 else x**2)(2.0, 1.0) == 12.0
    assert product(lambda x: x**3 if x > 0 else x**2)(-2.0, 1.0) == 2.0


@both
def test_errors(product):
    with pytest.raises(NonScalarOutputError):
        product(np.sin)(np.ones(2), np.ones(2))
    with pytest.raises(ShapeError):
        product(np.sum)(np.ones(2), np.ones(3))
    with pytest.raises(TreeError):
        product(lambda p: p["w"])({"w": 1.0}, 1.0)
    with pytest.raises(DerivativeError, match="and then the vector"):
        product(np.sum)(np.ones(2))


@both
def test_an_error_names_the_users_argument(product):
    f = lambda x, y: np.sum(x**3) * np.sum(y)  # noqa: E731
    with pytest.raises(IntegerInputError, match="argument `y` of `<lambda>` \\(test_products"):
        product(f, 1)(np.ones(2), np.arange(2), np.ones(2))
    with pytest.raises(NonScalarOutputError, match="`<lambda>` \\(test_products"):
        product(lambda x: x**3)(np.ones(2), np.ones(2))
