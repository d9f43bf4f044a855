"""Prints and callbacks happen when they are executed: in order, once, under every transform, with values."""

import pickle

import numpy as np
import pytest

import functrans as ft
from functrans.primitives import lookup

PRINTED = lookup("debug_print")
X = np.array([1.0, 2.0])


def f(x):
    y = x * x
    ft.debug.print("y = {y} {}", 2 * y, y=y)
    return np.sum(2 * y)


def loop(x):
    def body(c, i):
        ft.debug.print("{}: {c:.1f}", i, c=c)
        return c * x, None

    return ft.scan(body, x, np.arange(3))[0]


def nested(x):
    def body(c, i):
        inner = ft.while_loop(lambda c: c < 10.0, lambda c: (ft.debug.print("in {:.2f}", c), c * c)[1], c + x)
        ft.debug.print("out {:.2f}", inner)
        return inner / 20.0, None

    return ft.scan(body, x, None, length=2)[0]


@ft.custom_jvp
def ruled(x):
    ft.debug.print("ruled {}", x)
    return 2.0 * x


ruled.defjvp(lambda primals, tangents: (ruled(*primals), 2.0 * tangents[0]))

ONCE = "y = [1. 4.] [2. 8.]\n"
EACH = "[0] y = 1.0 2.0\n[1] y = 4.0 8.0\n"
STEPS = "0: 2.0\n1: 4.0\n2: 8.0\n"
NESTED = "in 4.00\nout 16.00\nin 2.80\nin 7.84\nout 61.47\n"
PROGRAM = ft.trace(f)(X)
LOOP = ft.trace(loop)(2.0)

CASES = {
    "plain": (lambda: f(X), ONCE),
    "grad": (lambda: ft.grad(f)(X), ONCE),
    "value_and_grad": (lambda: ft.value_and_grad(f)(X), ONCE),
    "jvp": (lambda: ft.jvp(f, (X,), (X,)), ONCE),
    "hessian": (lambda: ft.hessian(f)(X), ONCE),
    "jacfwd": (lambda: ft.jacfwd(f)(X), ONCE),
    "linearize": (lambda: ft.linearize(f, X)[1](X), ONCE),
    "vjp, many times": (lambda: [pullback(1.0) for pullback in [ft.vjp(f, X)[1]] * 4], ONCE),
    "derivative": (lambda: ft.derivative(f, 3)(2.0), "y = 4.0 8.0\n"),
    "vmap": (lambda: ft.vmap(f)(X), EACH),
    "vmap of grad": (lambda: ft.vmap(ft.grad(f))(X), EACH),
    "grad of vmap": (lambda: ft.grad(lambda x: np.sum(ft.vmap(f)(x)))(X), EACH),
    "map": (lambda: ft.map(f, X), "y = 1.0 2.0\ny = 4.0 8.0\n"),
    "two batches": (lambda: ft.vmap(ft.vmap(f))(X[None]), EACH.replace("[", "[0] [")),
    "evaluate": (lambda: ft.evaluate(PROGRAM, X), ONCE),
    "grad of a program": (lambda: ft.grad(lambda x: ft.evaluate(PROGRAM, x))(X), ONCE),
    "a staged gradient": (lambda: ft.evaluate(ft.trace(ft.grad(f))(X), X), ONCE),
    "checkpoint": (lambda: ft.grad(ft.checkpoint(f))(X), ONCE),
    "custom_jvp": (lambda: ft.grad(ruled)(1.0), "ruled 1.0\n"),
    "scan": (lambda: loop(2.0), STEPS),
    "grad of scan": (lambda: ft.grad(loop)(2.0), STEPS),
    "grad of grad of scan": (lambda: ft.grad(ft.grad(loop))(2.0), STEPS),
    "jvp of scan": (lambda: ft.jvp(loop, (2.0,), (1.0,)), STEPS),
    "linearize of scan": (lambda: ft.linearize(loop, 2.0)[1](1.0), STEPS),
    "scan in a program": (lambda: ft.evaluate(LOOP, 2.0), STEPS),
    "scan whose result nobody reads": (lambda: ft.evaluate(ft.trace(lambda x: (loop(x), x)[1])(2.0), 2.0), STEPS),
    "scan in a batch": (
        lambda: ft.vmap(ft.grad(loop))(np.array([1.0, 2.0])),
        "[0] 0: 1.0\n[1] 0: 2.0\n[0] 1: 1.0\n[1] 1: 4.0\n[0] 2: 1.0\n[1] 2: 8.0\n",
    ),
    "scan in pieces": (
        lambda: ft.grad(
            lambda x: ft.scan(lambda c, i: ((ft.debug.print("{}", i), c * x)[1], None), x, np.arange(4), checkpoint=2)[
                0
            ]
        )(2.0),
        "0\n1\n2\n3\n",
    ),
    "what does not change in a loop": (
        lambda: ft.grad(
            lambda x: ft.scan(
                lambda c, i: ((ft.debug.print("{}", np.sin(c[1])), (c[0] * x, c[1]))[1], None),
                (x, 0.0 * x),
                None,
                length=2,
            )[0][0]
        )(2.0),
        "0.0\n0.0\n",
    ),
    "a while in a scan": (lambda: ft.grad(nested)(2.0), NESTED),
    "a while in a scan, forwards": (lambda: ft.linearize(nested, 2.0)[1](1.0), NESTED),
    "a branch": (
        lambda: ft.evaluate(
            ft.trace(
                lambda x: ft.cond(x > 0, lambda x: (ft.debug.print("+"), ft.debug.print("{}", x), x)[2], np.sin, x)
            )(1.0),
            3.0,
        ),
        "3.0\n",
    ),
    "no value": (lambda: ft.grad(lambda x: (ft.debug.print("here"), x)[1])(1.0), "here\n"),
    "no text": (lambda: ft.grad(lambda x: (ft.debug.print(x, "of", None), x)[1])(1.0), "1.0 of None\n"),
    "trees": (
        lambda: ft.grad(lambda x: (ft.debug.print("{p[w][0]} {n:>4}", p={"w": [x], "b": None}, n="n"), x)[1])(1.0),
        "1.0    n\n",
    ),
    "numbers beside a batch": (
        lambda: ft.vmap(lambda x: (ft.debug.print("{} {}", x, 3), x)[1])(X),
        "[0] 1.0 3\n[1] 2.0 3\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_printed_in_order_and_once(name, capsys):
    call, printed = CASES[name]
    capsys.readouterr()
    call()
    out = capsys.readouterr().out
    assert out.removeprefix("+\n") == printed if name == "a branch" else out == printed


def test_tracing_prints_nothing(capsys):
    ft.trace(f)(X), ft.trace(loop)(2.0), ft.trace(ft.vmap(ft.grad(loop)))(X)
    assert capsys.readouterr().out == ""


def test_values_and_derivatives_are_those_without():
    silent = lambda x: np.sum(2 * (x * x))  # noqa: E731
    for transform in (ft.grad, ft.hessian, ft.jacfwd):
        np.testing.assert_array_equal(transform(f)(X), transform(silent)(X))
    assert ft.grad(ft.grad(loop))(2.0) == 12 * 2.0**2


SHOWN = {
    "f": (f, (X,), ONCE),
    "vmap_f": (ft.vmap(f), (X,), EACH),
    "loop": (loop, (2.0,), STEPS),
    "vmap_loop": (
        ft.vmap(loop),
        (np.array([2.0]),),
        STEPS.replace("\n", "\n[0] ").removesuffix("[0] ").join(["[0] ", ""]),
    ),
    "tree": (
        lambda x: (ft.debug.print("{p[a]} {q} {n}", p={"a": x, 2: (x, [3.0])}, q=(x,), n="n"), x)[1],
        (1.0,),
        "1.0 (1.0,) n\n",
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_printed_programs_print_and_pickled_ones_too(name, capsys):
    function, args, printed = SHOWN[name]
    program = ft.trace(function)(*args).validate()
    space = {}
    exec(program.to_source(), space)
    expected = ft.evaluate(program, *args)
    assert capsys.readouterr().out == printed
    np.testing.assert_array_equal(space[program.name](*args), expected)
    assert capsys.readouterr().out == printed
    again = pickle.loads(pickle.dumps(program))
    assert again == program
    assert hash(again) == hash(program)
    ft.evaluate(again, *args)
    assert capsys.readouterr().out == printed
    assert str(program).count("print") >= 1
    assert program != ft.trace(lambda x: np.sum(x) * 1.0)(*args)


def test_a_print_is_an_equation_without_outputs():
    equation = next(e for e in PROGRAM.equations if e.primitive is PRINTED)
    assert equation.outputs == ()
    assert PRINTED.effect
    assert [e.primitive.name for e in ft.trace(lambda x: (np.sin(x), x * 2.0)[1])(1.0).equations] == ["multiply"]


def test_callbacks_get_plain_values():
    seen = []

    def g(x):
        ft.debug.callback(lambda *args, **kwargs: seen.append((args, kwargs)), x * x, [x], name="n", k=3 * x)
        return np.sum(x * x)

    assert ft.grad(g)(2.0) == 4.0
    assert seen == [((4.0, [2.0]), {"name": "n", "k": 6.0})]
    assert type(seen[0][0][0]) is float
    seen.clear()
    ft.vmap(ft.grad(g))(X)
    assert [args[0] for args, _ in seen] == [1.0, 4.0]
    seen.clear()
    program = ft.trace(g)(2.0).validate()
    assert not seen
    ft.evaluate(program, 3.0)
    assert seen[0][0][0] == 9.0
    space = {}
    exec(program.to_source(), space)
    assert space["g"](3.0) == 9.0
    assert len(seen) == 1


def test_a_linear_function_may_print(capsys):
    transposed = ft.linear_transpose(lambda x: (ft.debug.print("{}", x), 2.0 * x)[1], 1.0)
    capsys.readouterr()
    assert transposed(3.0) == (6.0,)


def test_what_is_no_function_is_refused():
    with pytest.raises(ft.errors.DerivativeError, match="needs a function"):
        ft.debug.callback(3.0, 1.0)
