"""Compiled functions within transforms, and transforms within compiled functions: the same numbers in any nesting."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans import tree
from functrans.errors import NonFiniteError, ShapeError, UncoveredFunctionError
from tests.compile.comparing import assert_same

X = np.array([0.5, -1.25, 2.0])
A = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.5]])
ROWS = np.random.default_rng(0).normal(size=(4, 3))


def f(x):
    return np.sum(np.sin(x) * x**2)


def g(x):
    return np.tanh(A @ x) * x


def _pulled(f):
    def pull(x):
        y, pullback = ft.vjp(f, x)
        return y, pullback(np.ones(3)), pullback(x)

    return pull


def _linearized(f):
    def both(x):
        y, push = ft.linearize(f, x)
        return y, push(np.ones(3)), push(x)

    return both


OF_NUMBER = {
    "grad": ft.grad,
    "value_and_grad": ft.value_and_grad,
    "hessian": ft.hessian,
    "value_grad_and_hessian": ft.value_grad_and_hessian,
    "hvp": lambda f: lambda x: ft.hvp(f)(x, np.ones(3)),
    "grad of grad": lambda f: ft.grad(lambda x: np.sum(ft.grad(f)(x) ** 2)),
    "vmap of grad": lambda f: lambda x: ft.vmap(ft.grad(f))(ROWS * x),
    "grad of vmap": lambda f: ft.grad(lambda x: np.sum(ft.vmap(f)(ROWS * x))),
    "checkpoint": lambda f: ft.grad(ft.checkpoint(f)),
    "jvp of grad": lambda f: lambda x: ft.jvp(ft.grad(f), (x,), (x,)),
}
OF_ARRAY = {
    "jacobian": ft.jacobian,
    "jacfwd": ft.jacfwd,
    "jacrev": ft.jacrev,
    "jvp": lambda f: lambda x: ft.jvp(f, (x,), (np.ones(3),)),
    "vjp": _pulled,
    "linearize": _linearized,
    "vmap": lambda f: lambda x: ft.vmap(f)(ROWS * x),
    "scan": lambda f: lambda x: ft.scan(lambda c, r: (f(c) * r, c), x, ROWS),
    "grad of scan": lambda f: ft.grad(lambda x: np.sum(ft.scan(lambda c, r: (f(c) * r, c), x, ROWS)[1])),
    "while_loop": lambda f: lambda x: ft.while_loop(lambda c: np.sum(c) < 9, lambda c: f(c) + 1, x),
    "fori_loop": lambda f: lambda x: ft.fori_loop(0, 4, lambda i, c: f(c) * i, x),
    "cond": lambda f: lambda x: ft.cond(x[0] > 0, f, np.cos, x),
    "stop_gradient": lambda f: ft.grad(lambda x: np.sum(ft.stop_gradient(f(x)) * f(x))),
}


def _cases():
    for table, function in ((OF_NUMBER, f), (OF_ARRAY, g)):
        for name, transform in table.items():
            yield pytest.param(transform, function, id=name)


@pytest.mark.parametrize(("transform", "function"), list(_cases()))
def test_inside_and_outside(transform, function):
    want, within = transform(function)(X), transform(ft.jit(function))(X)
    for _ in range(2):
        assert_same(ft.jit(transform(function))(X), want)
    assert_same(ft.jit(ft.jit(transform(ft.jit(ft.jit(function)))))(X), within)
    assert_same(ft.jit(transform(ft.jit(function)))(X), within)
    # The cotangents of the function's own uses of an argument are added up first.
    assert tree.flatten(within)[1] == tree.flatten(want)[1]
    for a, b in zip(tree.flatten(within)[0], tree.flatten(want)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
        assert np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.parametrize("in_axes", [(0, None), (None, 0), (0, 0), (1, 0), (0, 1), (-1, None)])
@pytest.mark.parametrize("out_axes", [0, 1, -1])
def test_axes(in_axes, out_axes):
    def h(a, b):
        return np.sin(a * b) + a

    args = [A if axis is not None else X for axis in in_axes]
    want = ft.vmap(h, in_axes=in_axes, out_axes=out_axes)(*args)
    assert_same(ft.vmap(ft.jit(h), in_axes=in_axes, out_axes=out_axes)(*args), want)
    assert_same(ft.jit(ft.vmap(h, in_axes=in_axes, out_axes=out_axes))(*args), want)


@pytest.mark.parametrize(
    "within",
    [
        lambda f: ft.jit(f),
        lambda f: ft.checkpoint(f),
        lambda f: ft.jit(ft.checkpoint(ft.jit(f))),
        lambda f: lambda v: ft.cond(v[0] > -100, f, lambda v: v, v),
        lambda f: lambda v: ft.scan(lambda c, _: (f(c), None), v, None, length=1)[0],
        lambda f: lambda v: ft.scan(lambda c, _: (ft.jit(f)(c), None), v, None, length=1)[0],
        lambda f: lambda v: ft.while_loop(lambda c: c[1] < 1, lambda c: (f(c[0]), c[1] + 1), (v, 0))[0],
    ],
    ids=["jit", "checkpoint", "checkpoint in jit", "cond", "scan", "jit in scan", "while_loop"],
)
def test_what_examples_know_of_one_another_inside_of_programs(within):
    def shared(v):
        return v / ft.psum(v * v, "batch") + ft.axis_index("batch") * ft.psum(1.0, "batch")

    def mapped(f):
        return ft.vmap(f, axis_name="batch")

    inner = within(shared)
    for transform in (
        mapped,
        lambda f: ft.grad(lambda rows: np.sum(mapped(f)(rows) ** 3)),
        lambda f: lambda rows: ft.jvp(mapped(f), (rows,), (rows,)),
        lambda f: mapped(lambda v: ft.jvp(f, (v,), (v,))),
        lambda f: lambda rows: ft.vmap(mapped(f))(np.stack([rows, rows * 2])),
    ):
        for rows in (ROWS, ROWS[:2]):
            want = tree.flatten(transform(shared)(rows))[0]
            for got in (transform(inner)(rows), ft.jit(transform(inner))(rows)):
                for a, b in zip(tree.flatten(got)[0], want, strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_a_derivative_of_that_inside_of_the_batch_is_right_or_refused():
    def shared(v):
        return np.sum(v / ft.psum(v * v, "batch"))

    want = ft.vmap(ft.grad(shared), axis_name="batch")(ROWS)
    assert_same(ft.jit(ft.vmap(ft.grad(shared), axis_name="batch"))(ROWS), want)
    assert_same(ft.vmap(ft.grad(ft.jit(shared)), axis_name="batch")(ROWS), want)
    with pytest.raises(UncoveredFunctionError, match="the derivative of what the examples of the batch 'batch' know"):
        ft.vmap(ft.grad(ft.checkpoint(shared)), axis_name="batch")(ROWS)


def test_a_jitted_function_that_needs_a_batch():
    fast = ft.jit(lambda v: v / ft.psum(v, "batch"))
    for rows in (ROWS, ROWS[:2]):
        assert_same(ft.vmap(fast, axis_name="batch")(rows), rows / np.sum(rows, axis=0))
    with pytest.raises(ShapeError, match="no batch is called 'batch' here"):
        fast(X)
    plain = ft.jit(lambda v: v * 2)
    plain(X)
    assert_same(
        ft.vmap(lambda v: plain(v) / ft.psum(v, "batch"), axis_name="batch")(ROWS), ROWS * 2 / np.sum(ROWS, axis=0)
    )


def test_rules_of_users():
    @ft.custom_jvp
    def forwards(x):
        return np.sin(x)

    @ft.custom_vjp
    def backwards(x):
        return np.sin(x)

    @ft.custom_vjp
    def jitted(x):
        return np.sin(x)

    forwards.defjvp(lambda p, t: (np.sin(p[0]), 5 * p[0] * t[0]))
    backwards.defvjp(lambda x: (np.sin(x), x), lambda x, ct: (ct * x * 5,))
    jitted.defvjp(ft.jit(lambda x: (np.sin(x), x)), ft.jit(lambda x, ct: (ct * x * 5,)))
    for rule in (forwards, backwards, jitted):

        def q(x, rule=rule):
            return np.sum(rule(x) * x)

        want = np.sin(X) + 5 * X * X
        np.testing.assert_allclose(ft.grad(q)(X), want, rtol=1e-15)
        for transform in (ft.grad, ft.hessian, lambda q: ft.vmap(ft.grad(q))):
            x = ROWS if transform not in (ft.grad, ft.hessian) else X
            assert_same(ft.jit(transform(q))(x), transform(q)(x))
            assert_same(transform(ft.jit(q))(x), transform(q)(x))


def test_primitives_of_users():
    calls = []

    def slow(x):
        calls.append(type(x))
        return np.sin(x)

    sine = ft.primitive(slow, derivatives=[lambda out, x: np.cos(x)])
    want = ft.value_and_grad(lambda x: np.sum(np.sin(x) * x))(X)
    assert_same(ft.jit(ft.value_and_grad(lambda x: np.sum(sine(x) * x)))(X), want)
    assert set(calls) <= {np.ndarray, np.float64}


def test_tags():
    def tagged(x):
        return np.sum(ft.tag(np.sin(x), "hidden") * x)

    want = ft.grad(tagged, wrt="hidden")(X)
    assert_same(want, X)
    assert_same(ft.jit(ft.grad(tagged, wrt="hidden"))(X), want)
    assert_same(ft.grad(ft.jit(tagged), wrt="hidden")(X), want)
    both = ft.grad(lambda x: ft.jit(tagged)(x) * 2, wrt=("hidden", 0))
    assert_same(both(X), ft.grad(lambda x: tagged(x) * 2, wrt=("hidden", 0))(X))


def test_solutions_of_equations():
    times = np.linspace(0.0, 1.0, 4)

    def flow(x):
        return ft.odeint(lambda y, t: -y * t, x, times)

    assert_same(ft.jit(flow)(X), flow(X))
    assert_same(ft.odeint(ft.jit(lambda y, t: -y * t), X, times), flow(X))
    slope = ft.grad(lambda x: np.sum(flow(x)))
    np.testing.assert_allclose(ft.jit(slope)(X), slope(X), rtol=1e-12)

    def root(a):
        def solve(f, x):
            return ft.fori_loop(0, 30, lambda _, y: (y + a / y) / 2, x)

        return ft.custom_root(lambda x: x**2 - a, 1.0, solve, lambda g, y: y / g(1.0))

    np.testing.assert_allclose(ft.jit(ft.grad(root))(2.0), 0.5 / np.sqrt(2.0), rtol=1e-12)


def test_python_integers_have_gradients():
    assert ft.jit(ft.grad(lambda a: a * a))(3) == ft.grad(ft.jit(lambda a: a * a))(3) == 6.0
    assert type(ft.jit(ft.grad(lambda a: a * a))(3)) is float


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: f,
        lambda f: ft.grad(lambda x: np.sum(f(x))),
        lambda f: lambda x: ft.vmap(f)(np.stack([x, x * 2])),
        lambda f: lambda x: ft.jvp(f, (x,), (x,)),
        lambda f: lambda x: ft.scan(lambda c, _: (f(c), None), x, None, length=3)[0],
        lambda f: lambda x: ft.cond(x[0] > 0, f, lambda x: x, x),
        lambda f: ft.hessian(lambda x: np.sum(f(x))),
    ],
    ids=["itself", "grad", "vmap", "jvp", "scan", "cond", "hessian"],
)
def test_prints_come_in_their_order_once_for_each_call(transform, capsys):
    def talking(x):
        ft.debug.print("a {}", x[0])
        y = np.sin(x)
        ft.debug.print("b {}", y[1])
        return y * 2

    transform(talking)(X)
    want = capsys.readouterr().out
    assert want.count("a ") == want.count("b ") > 0
    for compiled in (ft.jit(transform(talking)), transform(ft.jit(talking))):
        for _ in range(2):
            compiled(X)
            assert capsys.readouterr().out == want


def test_an_effect_that_no_result_depends_on(capsys):
    @ft.jit
    def only(x):
        ft.debug.print("now")

    for _ in range(2):
        assert only(X) is None
        assert capsys.readouterr().out == "now\n"

    w = np.ones(2)

    def talking(x):
        for i in range(2):
            ft.debug.print("{} {}", i, w[1])
        return x * w[0]

    fast = ft.jit(ft.grad(talking))
    for _ in range(2):
        w[1] += 1
        fast(1.0)
        got = capsys.readouterr().out
        ft.grad(talking)(1.0)
        assert got == capsys.readouterr().out


def test_the_first_nan_is_found_within():
    bad = ft.jit(lambda x: np.log(x - 10) * 2)
    for compiled in (bad, ft.grad(lambda x: np.sum(bad(x))), ft.jit(ft.grad(lambda x: np.sum(bad(x) ** 2)))):
        with np.errstate(all="ignore"):
            compiled(X)
        with ft.debug_nans(), pytest.raises(NonFiniteError, match=r"(?s)`log` of .*at test_nested.py"):
            compiled(X)


def test_auxiliary_results_and_selected_arguments():
    def with_aux(a, b):
        return np.sum(a * b["k"]), {"a": a, "n": 3}

    for arguments in ({"argnums": (0, 1)}, {"argnums": 1}, {"argnames": "b"}):
        want = ft.grad(with_aux, has_aux=True, **arguments)(X, {"k": X})
        assert_same(ft.jit(ft.grad(with_aux, has_aux=True, **arguments))(X, {"k": X}), want)
        got = ft.grad(ft.jit(with_aux), has_aux=True, **arguments)(X, {"k": X})
        assert_same(got, want)
