"""``custom_jvp`` and ``custom_vjp`` under every transform, and what a misfit says."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import functrans as ft
from functrans.errors import DerivativeError, MissingRuleError, ShapeError, TreeError
from functrans.testing import assert_laws

X, Y = np.array([0.3, 0.7]), np.array([1.5, -0.4])


@ft.custom_vjp
def wave(x, y):
    return np.sin(x) * y


wave.defvjp(
    lambda x, y: (np.sin(x) * y, (np.cos(x), np.sin(x), y)),
    lambda residuals, ct: (ct * residuals[0] * residuals[2], ct * residuals[1]),
)


@ft.custom_jvp
def soft(x, y):
    return np.log(1 + np.exp(x)) * y


soft.defjvps(lambda t, out, x, y: t * y / (1 + np.exp(-x)), lambda t, out, x, y: t * np.log(1 + np.exp(x)))


@ft.custom_jvp
def trees(p):
    return {"a": p["u"] * p["v"], "b": (p["u"] ** 2,)}


@trees.defjvp
def _(primals, tangents):
    (p,), (dp,) = primals, tangents
    return trees(p), {"a": dp["u"] * p["v"] + p["u"] * dp["v"], "b": (2 * p["u"] * dp["u"],)}


@pytest.mark.parametrize("f", [wave, soft])
def test_laws(f):
    assert_laws(f, at=[(X, Y), (0.4, 1.2)])


def test_laws_of_trees():
    assert_laws(trees, at=[({"u": X, "v": Y},)])


def test_the_rule_is_what_counts():
    @ft.custom_vjp
    def identity(x):
        return x

    identity.defvjp(lambda x: (x, None), lambda _, ct: (7.0 * ct,))
    assert ft.grad(identity)(1.0) == 7.0
    assert ft.jvp(identity, (1.0,), (1.0,))[1] == 7.0
    np.testing.assert_array_equal(ft.vmap(ft.grad(identity))(X), [7.0, 7.0])
    assert ft.evaluate(ft.trace(ft.grad(identity))(1.0), 2.0) == 7.0
    program = ft.trace(identity)(1.0)
    assert ft.grad(lambda x: ft.evaluate(program, x))(1.0) == 7.0
    assert ft.hessian(lambda x: identity(x) ** 2)(1.0) == 14.0  # the forward rule is differentiated as it is written
    shared = ft.grad(lambda x: np.sum(ft.vmap(lambda u: identity(x) * u)(X)))
    np.testing.assert_allclose(shared(1.0), 7.0 * X.sum())


def test_values_in_the_function():
    @ft.custom_jvp
    def kink(x):
        return x if x > 0 else -x

    kink.defjvps(lambda t, out, x: t * 3.0)
    assert ft.grad(kink)(-2.0) == 3.0
    assert kink(-2.0) == 2.0


def test_arguments_that_do_not_move():
    @partial(ft.custom_jvp, nondiff_argnums=(0,))
    def applied(f, x):
        return f(x)

    @applied.defjvp
    def _(f, primals, tangents):
        return f(primals[0]), 2.0 * tangents[0]

    assert ft.grad(lambda x: applied(np.sin, x))(1.0) == 2.0

    @partial(ft.custom_vjp, nondiff_argnums=1)
    def power(x, n):
        return x**n

    power.defvjp(lambda x, n: (x**n, x), lambda n, x, ct: (ct * n * x ** (n - 1) + 100.0,))
    assert ft.grad(power)(2.0, 3) == 112.0
    assert power(x=2.0, n=3) == 8.0
    assert ft.grad(lambda x: power(x, n=3))(2.0) == 112.0


def test_defaults_are_filled_in():
    @ft.custom_vjp
    def scaled(x, by=2.0):
        return x * by

    scaled.defvjp(lambda x, by: (x * by, by), lambda by, ct: (ct * by, None))
    assert ft.grad(scaled)(3.0) == 2.0
    assert ft.grad(scaled, 1)(3.0, 5.0) == 0.0  # as the rule says


def with_backward(rule):
    @ft.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(lambda x, y: (x * y, None), rule)
    return lambda: ft.grad(lambda x, y: np.sum(f(x, y)), (0, 1))(X, Y)


def with_forward(rule):
    @ft.custom_jvp
    def f(x):
        return {"a": x}

    f.defjvp(rule)
    return lambda: ft.trace(ft.grad(lambda x: np.sum(f(x)["a"])))(X)


MISFITS = {
    "too few": (with_backward(lambda r, ct: (ct,)), TreeError, "backward rule of `f` .* 1 cotangents for 2 arguments"),
    "no tuple": (with_backward(lambda r, ct: ct), TreeError, "returned a ndarray for 2 arguments"),
    "structure": (with_backward(lambda r, ct: (ct, {"a": ct})), TreeError, "cotangent 1 of the structure .*'a'"),
    "shape": (
        with_backward(lambda r, ct: (np.ones(3), None)),
        ShapeError,
        "argument 0, Float64\\[3\\].* to Float64\\[2\\]",
    ),
    "dtype": (with_backward(lambda r, ct: (ct * 1j, None)), ShapeError, "Complex128\\[2\\].* to Float64\\[2\\]"),
    "jvp: no pair": (with_forward(lambda p, t: p), TreeError, "jvp rule of `f`"),
    "jvp: value": (with_forward(lambda p, t: (p[0], t[0])), TreeError, "returned a result of the structure"),
    "jvp: tangent": (with_forward(lambda p, t: ({"a": p[0]}, t[0])), TreeError, "tangent of the structure"),
    "jvp: shape": (
        with_forward(lambda p, t: ({"a": p[0]}, {"a": t[0][:1]})),
        ShapeError,
        "out\\['a'\\] Float64\\[1\\]",
    ),
}


def test_the_options_of_a_ufunc_are_no_arguments():
    doubled = ft.custom_jvp(np.sin)
    doubled.defjvps(lambda tangent, out, x: 2.0 * tangent * np.cos(x))
    assert ft.grad(doubled)(0.5) == 2.0 * np.cos(0.5)
    with pytest.raises(TreeError, match="`where`, which the rule does not know"):
        doubled(np.ones(2), where=np.array([True, False]))


def test_options_of_a_builtin_without_a_signature_are_not_lost():
    greatest = ft.custom_jvp(max)
    greatest.defjvps(lambda tangent, out, x, y: tangent * (x >= y), lambda tangent, out, x, y: tangent * (y > x))
    assert ft.custom_jvp(max)(1.0, 2.0) == 2.0
    with pytest.raises(TreeError, match="`key`, which the rule does not know"):
        greatest(1.0, 2.0, key=lambda x: -x)


@pytest.mark.parametrize(("call", "error", "text"), MISFITS.values(), ids=MISFITS)
def test_misfit(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_no_rule():
    for kind in (ft.custom_vjp, ft.custom_jvp):
        bare = kind(np.sin)
        assert bare(0.0) == 0.0
        assert ft.trace(bare)(0.5).outputs[0].spec == ft.ArraySpec((), float)
        with pytest.raises(MissingRuleError, match="without a rule"):
            ft.grad(bare)(1.0)
    f = ft.custom_jvp(lambda x, y: x * y)
    f.defjvps(lambda t, out, x, y: t * y)
    with pytest.raises(MissingRuleError, match="1 rules for 2 arguments"):
        ft.grad(f)(1.0, 2.0)


def test_a_forward_rule_without_residuals():
    f = ft.custom_vjp(np.sin)
    f.defvjp(np.sin, lambda r, ct: (ct,))
    with pytest.raises(TreeError, match="pair `\\(out, residuals\\)`"):
        ft.grad(lambda x: f(x))(1.0)


def test_what_it_closes_over_has_no_derivative():
    def outer(z):
        f = ft.custom_vjp(lambda x: x * z)
        f.defvjp(lambda x: (x * z, z), lambda z, ct: (ct * z,))
        return f(z * 2.0)

    with pytest.raises(DerivativeError, match="closes over a traced value"):
        ft.grad(outer)(2.0)
    with pytest.raises(DerivativeError, match="closes over"):
        ft.jvp(outer, (2.0,), (1.0,))
    with pytest.raises(DerivativeError, match="closes over"):
        ft.trace(ft.grad(outer))(2.0)


def test_keywords_that_the_rule_does_not_know():
    f = ft.custom_vjp(lambda x, *, by=2.0: x * by)
    assert ft.grad(lambda x: x * f(2.0))(1.0) == 4.0
    with pytest.raises(TreeError, match="keyword `by`"):
        ft.grad(lambda x: f(x, by=3.0))(1.0)


def test_nondiff_argnums_that_are_not_there():
    f = ft.custom_vjp(lambda x: x, nondiff_argnums=(3,))
    with pytest.raises(DerivativeError, match="nondiff_argnums"):
        ft.grad(lambda x: f(x))(1.0)


def test_second_derivatives_go_by_the_rule_too():
    f = ft.custom_jvp(lambda x: np.round(np.exp(x), 12))  # which has no derivative of its own
    f.defjvps(lambda t, out, x: t * out)
    np.testing.assert_allclose(ft.grad(ft.grad(ft.grad(f)))(1.0), np.e)
    np.testing.assert_allclose(ft.evaluate(ft.trace(ft.grad(ft.grad(f)))(0.0), 1.0), np.e)


def test_results_of_rules_that_are_not_the_functions():
    doubled = ft.custom_vjp(lambda x: x * 2)
    doubled.defvjp(lambda x: (np.stack([x, x]), None), lambda _, ct: (np.sum(ct),))
    pushed = ft.custom_jvp(lambda x: x * 2)
    pushed.defjvp(lambda primals, tangents: (np.stack([primals[0]] * 2), np.stack([tangents[0]] * 2)))
    for f in (doubled, pushed):
        for transform in (ft.trace, ft.vmap):
            with pytest.raises(ShapeError, match=r"rule of .* gives the result Float64\[2\].*, but the function gives"):
                transform(ft.grad(lambda x: np.sum(f(x))))(X if transform is ft.vmap else 1.0)


def test_arguments_that_are_no_numbers():
    f = ft.custom_vjp(lambda x, mode: x)
    f.defvjp(lambda x, mode: (x, None), lambda _, ct: (ct, None))
    for transform in (ft.grad, ft.trace):
        with pytest.raises(TreeError, match=r"a str (.|\n)*nondiff_argnums"):
            transform(lambda x: f(x, "fast"))(1.0)


def test_a_traced_argument_that_does_not_move():
    for kind in (ft.custom_vjp, ft.custom_jvp):
        f = kind(lambda x, n: x * n, nondiff_argnums=1)
        with pytest.raises(DerivativeError, match=r"traced value as argument 1(.|\n)*nondiff_argnums"):
            ft.grad(lambda x: f(x, [x]))(1.0)
