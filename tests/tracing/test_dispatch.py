"""How NumPy's calls on traced values arrive, and what is said when they do not."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedAssignmentError, UncoveredFunctionError
from functrans.tracing import dispatch
from functrans.tracing.dispatch import FUNCTIONS, METHODS, UFUNCS, function_name, implements, ufunc_name


def test_a_declared_function_is_called_with_the_same_arguments():
    calls = []

    def handler(*args, **kwargs):
        calls.append((args, kwargs))
        return args[0] * 2.0

    before = FUNCTIONS.get(np.unpackbits)
    implements(np.unpackbits)(handler)
    try:
        assert ft.grad(lambda x: np.unpackbits(x, axis=0, count=None))(3.0) == 2.0
    finally:
        del FUNCTIONS[np.unpackbits]
        if before is not None:
            FUNCTIONS[np.unpackbits] = before
    ((args, kwargs),) = calls
    assert len(args) == 1
    assert kwargs == {"axis": 0, "count": None}


def test_several_functions_may_share_a_handler():
    @implements(np.packbits, np.unpackbits)
    def handler(x):
        return x

    try:
        assert FUNCTIONS[np.packbits] is FUNCTIONS[np.unpackbits] is handler
    finally:
        del FUNCTIONS[np.packbits], FUNCTIONS[np.unpackbits]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (np.sum, "np.sum"),
        (np.linalg.norm, "np.linalg.norm"),
        (np.fft.fft, "np.fft.fft"),
    ],
)
def test_names_of_functions(function, name):
    assert function_name(function) == name


def test_names_of_ufuncs():
    assert ufunc_name(np.add) == "np.add"
    assert ufunc_name(np.frompyfunc(abs, 1, 1)) == "abs (vectorized)"


@pytest.mark.parametrize("out", [lambda: np.zeros(2), lambda: (np.zeros(2),)])
def test_out_is_refused(out):
    for call in (
        lambda x: np.exp(x, out=out()),
        lambda x: np.add(x, 1.0, out=out()),
        lambda x: np.add.accumulate(x, out=out()),
        lambda x: np.sum(x, axis=0, out=out()),
        lambda x: np.cumsum(x, out=out()),
        lambda x: x.sum(axis=0, out=out()),
    ):
        with pytest.raises((TracedAssignmentError, TypeError)):
            ft.vjp(call, np.ones(2))


@pytest.mark.parametrize(
    "call",
    [
        lambda x, out: np.dot(np.eye(3), x, out),
        lambda x, out: x.dot(np.eye(3), out),
        lambda x, out: x.dot(np.eye(3), out=out),
        lambda x, out: np.outer(x, x, np.eye(3)),
        lambda x, out: np.take(x, [0, 1, 2], 0, out),
        lambda x, out: x.take([0, 1, 2], out=out),
        lambda x, out: np.compress([1, 1, 1], x, 0, out),
        lambda x, out: x.compress([1, 1, 1], out=out),
        lambda x, out: np.choose([0, 0, 0], [x], out),
        lambda x, out: np.stack([x[0], x[1], x[2]], 0, out),
        lambda x, out: np.concatenate([x], 0, out),
        lambda x, out: np.trace(np.diag(x), 0, 0, 1, None, out[0, ...]),
        lambda x, out: np.diag(x).trace(out=out[0, ...]),
        lambda x, out: np.fix(x, out),
        lambda x, out: np.isposinf(x, out.astype(bool)),
        lambda x, out: np.round(x, 1, out),
        lambda x, out: x.round(1, out),
        lambda x, out: np.sum(x, 0, None, out[0, ...]),
        lambda x, out: x.cumsum(0, None, out),
        lambda x, out: x.clip(0, 1, out),
        lambda x, out: np.add(x, 1, out),
    ],
)
def test_out_by_position_and_of_methods_is_refused(call):
    """It was left unwritten, in silence, and with it the derivative was lost."""
    for run in (lambda f: ft.vjp(f, np.arange(3.0)), lambda f: ft.trace(f)(np.arange(3.0))):
        with pytest.raises(TracedAssignmentError, match=r"`out=` of `.*` would write a traced value"):
            run(lambda x: call(x, np.zeros(3)))


def test_out_may_be_none():
    assert ft.grad(lambda x: np.sum(np.exp(x, out=None), out=None))(np.zeros(2)).tolist() == [1.0, 1.0]
    assert ft.grad(lambda x: np.clip(x, 0.0, 1.0, out=None))(0.5) == 1.0


def test_traced_out_is_refused():
    with pytest.raises((TracedAssignmentError, TypeError)):
        ft.vjp(lambda x: np.exp(np.zeros(2), out=x), np.ones(2))


@pytest.mark.parametrize(
    "statement",
    [
        *(f"a {op}= x" for op in ("+", "-", "*", "/", "//", "%", "**", "@")),
        "a += 2 * x",
    ],
)
def test_in_place_operators_on_plain_arrays(statement):
    scope = {"np": np}
    exec(f"def f(x):\n    a = np.eye(2)\n    {statement}\n    return np.sum(a)\n", scope)
    for run in (lambda f: ft.grad(f)(np.ones((2, 2))), lambda f: ft.trace(f)(np.ones((2, 2)))):
        with pytest.raises(TracedAssignmentError) as caught:
            run(scope["f"])
        op = next(part for part in statement.split() if part.endswith("="))
        assert f"`a {op} x` would write" in str(caught.value)
        assert f"`a = a {op[:-1]} x`" in str(caught.value)


@pytest.mark.parametrize("place", [":", "0, :", "[0, 1]", "1:", "a > 0"])
@pytest.mark.parametrize(
    ("op", "instead"),
    [
        ("+", "add(x)"),
        ("-", "subtract(x)"),
        ("*", "multiply(x)"),
        ("/", "divide(x)"),
        ("**", "power(x)"),
        ("%", "set(a[index] % x)"),
    ],
)
def test_in_place_operators_on_entries_of_plain_arrays(place, op, instead):
    def run(statement):
        scope = {"np": np, "functrans": ft}
        exec(f"def f(x):\n    a = np.eye(2) + 1\n    {statement}\n    return np.sum(a)\n", scope)
        return scope["f"]

    refused, advised = run(f"a[{place}] {op}= x"), f"a = functrans.numpy.at(a)[index].{instead}"
    for transform in (ft.grad, ft.trace):
        with pytest.raises(TracedAssignmentError) as caught:
            transform(refused)(1.5)
        assert f"`a[index] {op}= x` would write" in str(caught.value)
        assert f"`{advised}`" in str(caught.value)
    mended = run(advised.replace("index", place))
    assert mended(1.5) == refused(1.5) == ft.value_and_grad(mended)(1.5)[0]


def test_uncovered_methods_and_attributes():
    for name in sorted(set(dir(np.ndarray)) - set(METHODS) - set(dir(ft.tracing.tracer.Tracer))):
        if name.startswith("_"):
            continue
        with pytest.raises(UncoveredFunctionError, match=rf"`\.{name}` of a traced value is not covered"):
            ft.vjp(lambda x, name=name: getattr(x, name), np.ones(2))


@pytest.mark.parametrize(("name", "instead"), [("exp", r"np\.exp\(x\)"), ("add", r"np\.add\(x, y\)")])
def test_a_function_that_is_no_method_is_named(name, instead):
    with pytest.raises(AttributeError, match=f"write `{instead}`"):
        ft.grad(lambda x: getattr(x, name))(1.0)


def test_uncovered_functions_are_named(monkeypatch):
    monkeypatch.delitem(FUNCTIONS, np.sum)
    with pytest.raises(UncoveredFunctionError, match=r"`np\.sum` on a traced value is not covered"):
        ft.vjp(lambda x: np.sum(x), np.ones(2))


def test_uncovered_ufuncs_are_named(monkeypatch):
    monkeypatch.delitem(UFUNCS, np.sin)
    monkeypatch.delitem(dispatch.UNARY, np.sin)
    with pytest.raises(UncoveredFunctionError, match=r"`np\.sin` on a traced value is not covered"):
        ft.vjp(np.sin, np.ones(2))


def test_uncovered_ufunc_methods_are_named(monkeypatch):
    monkeypatch.delitem(dispatch.UFUNC_METHODS, "outer")
    monkeypatch.delitem(dispatch.UFUNC_METHODS, "__call__")
    with pytest.raises(UncoveredFunctionError, match=r"`np\.add\.outer` on a traced value"):
        ft.vjp(lambda x: np.add.outer(x, x), np.ones(2))
    with pytest.raises(UncoveredFunctionError, match=r"`np\.add` with `dtype=` on a traced value"):
        ft.vjp(lambda x: np.add(x, x, dtype=float), np.ones(2))


def test_a_traced_value_anywhere_among_the_arguments_is_seen():
    x = np.array([1.0, 2.0])
    for call in (
        lambda x: np.add(1.0, x),
        lambda x: np.add(np.ones(2), x),
        lambda x: np.add([1.0, 1.0], x),
        lambda x: np.where([True, False], 1.0, x),
        lambda x: np.concatenate([np.ones(2), x]),
        lambda x: np.stack([np.ones(2), x, [3.0, 4.0]]),
        lambda x: np.clip(np.ones(2), 0.0, x),
        lambda x: np.linspace(0.0, x, 3),
        lambda x: np.dot(np.ones((2, 2)), x),
        lambda x: np.einsum("i,i", np.ones(2), x),
    ):
        expected = np.asarray(call(x))
        value = ft.vjp(call, x)[0]
        assert np.asarray(value).dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)


def test_plain_calls_do_not_come_here(monkeypatch):
    monkeypatch.setattr(dispatch, "array_function", None)
    assert np.sum(np.ones(3)) == 3.0
