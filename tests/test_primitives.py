"""functrans.primitives: a declaration is enough; a trace keeps what the rules read, and no more."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.special import _ufuncs

import functrans as ft
from functrans.errors import MissingRuleError
from functrans.ops.family import elementwise, ufunc_spec
from functrans.primitives import (
    POSITIVE,
    Bilinear,
    Constant,
    Derivatives,
    Each,
    Joint,
    Linear,
    Primitive,
    Rules,
    forget,
    lookup,
    primitives,
    residual_key,
    used_parameters,
)
from functrans.testing import assert_laws, laws
from functrans.testing.laws import LawBroken
from functrans.testing.strategies import cases
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import UFUNCS, UNARY


@pytest.fixture
def declare():
    """Declares, and forgets afterwards."""
    before = primitives()
    tables = (dict(UFUNCS), dict(UNARY))
    yield lambda make: make()
    for primitive in primitives():
        if primitive not in before:
            forget(primitive)
    for table, saved in zip((UFUNCS, UNARY), tables, strict=True):
        table.clear()
        table.update(saved)


def _density(out, x):
    return (1 + np.cos(x)) / (2 * np.pi)


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.name)
def test_one_line_makes_a_primitive(declare, law):
    """A ufunc that NumPy does not have, so that nothing knows it but its declaration."""
    primitive = declare(lambda: elementwise(_ufuncs._cosine_cdf, [_density], domain=(-3.0, 3.0)))
    if law is not laws.printing_changes_nothing and not law.name.startswith("staged_derivatives"):  # no NumPy name
        assert_laws(primitive, laws=[law])


# The laws can fail: a wrong declaration breaks the law that is about it.


WRONG = {
    "a wrong factor": (lambda out, x: 1.01 * np.cos(x), laws.jvp_is_the_numerical_derivative),
    "a second order that is lost": (
        lambda out, x: ft.stop_gradient(np.cos(x)),
        laws.second_derivative_is_the_numerical_one,
    ),
    "a derivative that is not the operands'": (lambda out, x: np.cos(x) + 1e-6, laws.jvp_is_the_numerical_derivative),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_derivative_breaks_a_law(declare, wrong):
    local, law = WRONG[wrong]
    primitive = declare(
        lambda: Primitive("wrong_sin", np.sin, ufunc_spec(np.sin), Derivatives([local]), domain=(POSITIVE,))
    )
    with pytest.raises(LawBroken, match=law.name):
        assert_laws(primitive, laws=[law])


def test_a_wrong_transpose_breaks_the_adjoint_law(declare):
    rules = Rules(jvp=[lambda dx, out, x: dx * np.cos(x)], vjp=[lambda ct, out, x: ct * np.sin(x)])
    primitive = declare(lambda: Primitive("wrong_sin", np.sin, ufunc_spec(np.sin), rules, domain=(POSITIVE,)))
    with pytest.raises(LawBroken, match="<w, J v> == <J"):
        assert_laws(primitive, laws=[laws.forward_and_reverse_are_adjoint])


def test_a_wrong_spec_breaks_its_law(declare):
    primitive = declare(
        lambda: Primitive("wrong_sin", np.sin, lambda x: x.with_shape((7,)), Derivatives([1.0]), domain=(POSITIVE,))
    )
    with pytest.raises(LawBroken, match="foretold"):
        assert_laws(primitive, laws=[laws.spec_foretells])


# The registry.


def test_registry():
    assert lookup("sin") in primitives()
    assert pickle.loads(pickle.dumps(lookup("sin"))) is lookup("sin")
    assert repr(lookup("sin")) == "<primitive sin>"
    with pytest.raises(KeyError):
        lookup("no such primitive")
    with pytest.raises(ValueError, match="'sin' is declared already"):
        Primitive("sin", np.sin, lambda x: x, None)


#: Whose derivative has no formula; differentiating them is an error.
UNKNOWN = {"scipy.special.ncfdtr", "scipy.special.nctdtr", "scipy.special.riemann_zeta", "scipy.special.zetac"}


def test_every_primitive_says_how_it_is_derived():
    kinds = (Derivatives, Linear, Bilinear, Rules, Joint, Constant)
    for primitive in primitives():
        assert isinstance(primitive.derivative, kinds) or primitive.effect or primitive.name in UNKNOWN, primitive
        if isinstance(primitive.derivative, Constant):
            assert primitive.derivative.reason


# The kinds of derivative.


def test_no_rule_is_an_error_that_names_the_primitive(declare):
    bare = declare(lambda: Primitive("bare", np.sin, lambda x: x, None))
    assert ft.evaluate(ft.trace(lambda x: bind(bare, x))(0.5), 0.5) == np.sin(0.5)
    for run in (lambda: ft.grad(lambda x: bind(bare, x))(0.5), lambda: ft.jvp(lambda x: bind(bare, x), (0.5,), (1.0,))):
        with pytest.raises(MissingRuleError, match="`bare` has no derivative rule"):
            run()


def test_no_rule_for_one_operand(declare):
    half = declare(
        lambda: Primitive("half", np.multiply, ufunc_spec(np.multiply), Linear((lambda ct, x, y: ct * y, None)))
    )
    assert ft.grad(lambda x: bind(half, x, 3.0))(2.0) == 3
    with pytest.raises(MissingRuleError, match="in operand 1"):
        ft.grad(lambda y: bind(half, 2.0, y))(3.0)


def test_the_transpose_of_a_jvp_that_has_no_vjp(declare):
    rules = Rules(jvp=[lambda dx, out, x, y: dx * y, lambda dy, out, x, y: x * dy], vjp=None)
    times = declare(lambda: Primitive("times", np.multiply, ufunc_spec(np.multiply), rules))
    f = lambda x, y: np.sum(np.sin(bind(times, x, y)))  # noqa: E731
    g = lambda x, y: np.sum(np.sin(x * y))  # noqa: E731
    x, y = np.array([[0.5], [1.5]]), np.array([0.3, 0.7, 2.0])
    for a, b in zip(ft.grad(f, (0, 1))(x, y), ft.grad(g, (0, 1))(x, y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-15)
    second = lambda h: ft.grad(lambda x: np.sum(ft.grad(h, 1)(x, y)))(x)  # noqa: E731
    np.testing.assert_allclose(second(f), second(g), rtol=1e-14)


def test_each_serves_any_number_of_operands(declare):
    total = declare(
        lambda: Primitive(
            "total",
            lambda *xs: sum(i * x for i, x in enumerate(xs)),
            lambda *xs: xs[0],
            Linear(Each(lambda position, ct, *xs: ct * position)),
        )
    )
    gradient = ft.grad(lambda *xs: bind(total, *xs), (0, 1, 2, 3))(1.0, 1.0, 1.0, 1.0)
    assert gradient == (0, 1, 2, 3)


# What a trace keeps.


def sample_rules():
    return SimpleNamespace(
        none=lambda out, x, y: 2.0,
        last=lambda out, x, y: np.sin(y),
        closed=lambda out, x, y: (lambda: x)(),  # noqa: PLC3002
        default=lambda out, x, y=1.0: out + y,
        nested=lambda out, x, y: [x for _ in range(2)],
        starred=lambda out, *xs: xs[0],
    )


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("none", set()),
        ("last", {2}),
        ("closed", {1}),
        ("default", {0, 2}),
        ("nested", {1}),
        ("starred", {1, 2}),
    ],
)
def test_used_parameters(name, used):
    assert used_parameters(getattr(sample_rules(), name), 3) == used


def test_used_parameters_of_what_cannot_be_seen():
    assert used_parameters(np.sin, 2) == {0, 1}
    assert used_parameters(SimpleNamespace(), 1) == {0}


@pytest.mark.parametrize(
    ("name", "traced", "count", "keeps"),
    [
        ("add", 0b11, 2, (False, (False, False))),
        ("subtract", 0b11, 2, (False, (False, False))),
        ("negative", 0b1, 1, (False, (False,))),
        ("sin", 0b1, 1, (False, (True,))),
        ("exp", 0b1, 1, (True, (False,))),
        ("sqrt", 0b1, 1, (True, (False,))),
        ("multiply", 0b01, 2, (False, (False, True))),
        ("multiply", 0b10, 2, (False, (True, False))),
        ("multiply", 0b11, 2, (False, (True, True))),
        ("divide", 0b01, 2, (False, (False, True))),
        ("sum", 0b1, 1, (False, (False,))),
        ("reshape", 0b1, 1, (False, (False,))),
        ("where", 0b110, 3, (False, (True, False, False))),
        ("matmul", 0b01, 2, (False, (False, True))),
        ("matmul", 0b10, 2, (False, (True, False))),
    ],
)
def test_residuals(name, traced, count, keeps):
    assert lookup(name).residuals[residual_key(traced, count)] == keeps


def test_cases_cover_every_kind():
    """The strategies reach each kind of derivative, and operands that do not move."""
    kinds = {type(p.derivative) for p in primitives() if p.derivative is not None}
    assert kinds == {Derivatives, Linear, Bilinear, Rules, Joint, Constant}
    assert isinstance(cases(lookup("sin")), st.SearchStrategy)
