"""functrans.testing.check_grads: right derivatives pass; of wrong ones it names argument, entry and order."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
from functrans.errors import DerivativeError, IntegerInputError
from functrans.ops.family import ufunc_spec
from functrans.primitives import Derivatives, Linear, Primitive, Rules, forget
from functrans.testing import GradientError, check_grads
from functrans.tracing.bind import bind

sg = ft.stop_gradient
rng = np.random.default_rng(3)
SQUARE = rng.normal(size=(3, 3)) + 3 * np.eye(3)


@dataclass
class Layer:
    w: np.ndarray
    b: np.ndarray


def network(layers, x, labels):
    for layer in layers:
        x = np.tanh(x @ layer.w + layer.b)
    return {"loss": -np.mean(x[np.arange(len(labels)), labels]), "x": x, "right": np.argmax(x, axis=1) == labels}


def power(x, n):
    """Python's control flow; and it returns a Python float for a Python float."""
    found = 1.0
    while n > 0:
        found, n = found * x, n - 1
    return found if x > 0 else -found


def both_precisions(x):
    return np.sin(x) * (2 if x.dtype == np.float32 else 2.0)


def noisy_warnings(x):
    warnings.warn("not worth a word", RuntimeWarning, stacklevel=2)
    return np.where(x > 0, np.log(x), 0.0)


RIGHT = {
    "a Python float": (np.sin, (0.5,)),
    "Python numbers": (lambda x, n, z: x**n * z, (0.5, 2, 1 + 2j)),
    "an integer counts as a float": (lambda x: x * x, (3,)),
    "0-d": (lambda x: np.exp(x) * x, (np.array(0.5),)),
    "broadcasting": (lambda x, y: x * np.sin(y), (rng.normal(size=(2, 1)), rng.normal(size=3))),
    "matrices": (lambda a, b: np.linalg.solve(a, b) + np.linalg.det(a), (SQUARE, np.ones(3))),
    "reductions": (lambda x: (np.prod(x), np.std(x, axis=1), np.max(x)), (rng.normal(size=(2, 3)),)),
    "indexing": (lambda x, i: x[i, ::-1] * x[0], (rng.normal(size=(3, 2)), np.array([2, 0, 2]))),
    "masks are held fixed": (lambda x, m: np.where(m, x * x, -x), (rng.normal(size=3), np.array([True, False, True]))),
    "other objects are held fixed": (lambda x, name: x * x if name == "square" else x, (2.0, "square")),
    "complex to real": (lambda z: np.abs(z) ** 2 * np.angle(z), (np.array([1 + 2j, -1 + 1j]),)),
    "complex to complex": (lambda z: np.conj(z) * np.exp(z), (np.array([1 + 2j, -0.5j]),)),
    "real to complex": (lambda x: np.exp(1j * x), (np.array([0.3, -2.0]),)),
    "trees": (network, ([Layer(SQUARE[:2, :2], np.zeros(2)) for _ in "ab"], np.ones((2, 2)), np.array([0, 1]))),
    "None and empty trees": (lambda p: p["x"] ** 2, ({"x": 2.0, "y": None, "z": []},)),
    "control flow": (power, (1.5, np.int64(4))),
    "a constant": (lambda x: (3.0, np.ones(2), x), (1.0,)),
    "closures": (lambda x: SQUARE @ x, (np.ones(3),)),
    "empty": (lambda x: np.sum(x, axis=0) + 1.0, (np.zeros((0, 3)),)),
    "empty beside others": (lambda x, y: np.sum(x) + y * y, (np.zeros((0, 3)), 2.0)),
    "integers beside others": (lambda x: (np.argmax(x), x * x, "name"), (np.array([1.0, 2.0]),)),
    "float32": (lambda x: np.exp(np.sin(x)) / (1 + x * x), (np.linspace(-1, 2, 4, dtype=np.float32),)),
    "float32, badly conditioned": (lambda x: np.sin(1000 * x), (np.linspace(-1, 2, 4, dtype=np.float32),)),
    "float32 and float64": (lambda x, y: x * np.sin(y), (np.float32(0.3), np.array([1.0, 2.0]))),
    "float16": (lambda x: x * np.sin(x), (np.array([0.3, 1.2], np.float16),)),
    "complex64": (lambda z: np.real(z * np.exp(z)), (np.array([1 + 2j], np.complex64),)),
    "branches on the dtype": (both_precisions, (np.float32(0.7),)),
    "single precision within": (lambda x: np.sin(x.astype(np.float32)).astype(float) * x, (np.array([0.3, 1.2]),)),
    "warnings": (noisy_warnings, (np.array([1.0, -1.0]),)),
    "far from a kink": (lambda x: np.maximum(x, 0) * np.abs(x), (np.array([0.01, -0.01, 3.0]),)),
    "tiny arguments": (lambda x: x * np.log(x), (np.array([1e-8, 1e-3, 1e-12]),)),
    "huge arguments": (lambda x: np.sqrt(x) + np.log(x), (np.array([1e8, 1e12, 1.0]),)),
    "tiny and huge values": (lambda x: (1e-20 * np.sin(x), 1e20 * np.cos(x)), (0.7,)),
    "zero but for rounding": (lambda x: (np.log(np.exp(x) / np.exp(x)), np.sin(x) ** 2 + np.cos(x) ** 2), (0.7,)),
    "sums to nothing": (lambda x: np.sum(x - np.mean(x)), (rng.normal(size=5),)),
    "large": (lambda x, y: np.tanh(x @ y), (rng.normal(size=(20, 30)), rng.normal(size=(30, 2)))),
    "large, relu": (lambda x: np.sum(np.maximum(x @ x.T, 0) ** 2), (rng.normal(size=(20, 30)),)),
    "large, of two sizes": (lambda x, y: np.sum(np.sin(x / 1e8)) * np.exp(y * 1e8), (1e8 * np.ones(30), 1e-8)),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name):
    assert check_grads(*RIGHT[name]) is None


@pytest.mark.parametrize("mode", ["fwd", "rev", "forward", "reverse"])
def test_one_mode(mode):
    check_grads(lambda x: np.exp(np.sin(x)), (np.array([0.3, 1.0]),), order=3, modes=mode)
    check_grads(lambda x: np.exp(np.sin(x)), (np.array([0.3, 1.0]),), order=2, modes=[mode, mode])


@pytest.mark.parametrize(
    "f", [lambda x: np.exp(np.sin(x)), lambda x: np.prod(x), lambda x: x**3 / (1 + x[::-1] ** 2), np.linalg.norm]
)
def test_order_3_in_every_nesting(f):
    check_grads(f, (np.array([0.3, 1.0, -0.7]),), order=3)


@given(st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3), st.sampled_from([np.sin, np.arctan, np.tanh, np.square]))
def test_right_at_any_point(x, f):
    check_grads(f, (x,))


# Mistakes.


def failure(f, args, *rest, **keywords):
    with pytest.raises(GradientError) as caught:
        check_grads(f, args, *rest, **keywords)
    return caught.value


def value_of(error, f):
    """The number that the snippet computes."""
    namespace = {"np": np, "ft": ft, "f": f, getattr(f, "__name__", "f"): f}
    *rows, last = error.snippet.splitlines()
    exec("\n".join(rows), namespace)
    return eval(last, namespace)


def test_the_whole_report():
    def area(width, height):
        return width * height + sg(width) * height

    error = failure(area, (np.array([0.3, 0.7]), 2.0))
    line = area.__code__.co_firstlineno
    assert str(error) == (
        f"The derivative of `area` (test_gradients.py:{line}) is wrong, at order 1, forward mode.\n"
        "  in argument `width`, entry [0], of the output, entry [0]\n"
        "  functrans gives        2\n"
        "  the numerical derivative is 4 +- " + str(error).partition("+- ")[2].partition(" ")[0] + " (complex step)\n"
        "  they differ by 2; " + str(error).partition("by 2; ")[2].partition(" ")[0] + " is allowed\n"
        "  2 of 3 probes fail; likewise reverse mode\n"
        "  the smallest case found:\n"
        "    width = np.array([0.0, 0.0])\n"
        "    height = 2.0\n"
        "    ft.jvp(area, (width, height), (np.array([1.0, 0.0]), 0.0))[1]"
    )
    assert (error.kind, error.order, error.nesting) == ("wrong", 1, ("forward",))
    assert (error.argument, error.entry, error.found, error.expected) == ("`width`", (0,), 2.0, pytest.approx(4.0))
    assert value_of(error, area)[0] == 2.0


@pytest.mark.parametrize("place", [(0, 0), (1, 2), (2, 1)])
@pytest.mark.parametrize("size", [3, 30])
def test_the_entry_is_named(place, size):
    """Probed entry by entry, or found by halving a random direction."""

    def f(p, n):
        return np.sum(np.sin(p["x"])) + sg(p["x"][place]) * p["x"][0, 1], {"y": np.cos(p["y"]) * n}

    x = rng.normal(size=(3, size))
    error = failure(f, ({"y": 2.0, "x": x}, 3))
    assert (error.argument, error.entry, error.order) == ("`p`['x']", place, 1)
    assert f"in argument `p`['x'], entry {list(place)}, of output [0]" in str(error)
    point = value_of(error, f)
    assert point[0] == pytest.approx(error.found)


@pytest.mark.parametrize("entry", range(4))
def test_the_output_is_named(entry):
    def f(x):
        return {"a": np.sin(x), "b": [x * (1 + np.arange(4)) + (np.arange(4) == entry) * sg(x)]}

    for modes in ("forward", "reverse"):
        error = failure(f, (0.7,), modes=modes)
        assert f"in argument `x`, of output ['b'][0], entry [{entry}]" in str(error)


def test_a_small_mistake_beside_large_outputs():
    error = failure(lambda x: (1e8 * np.sin(x), 1e-8 * (np.sin(x) + 1e-5 * sg(x))), (0.7,))
    assert "of output [1]" in str(error)


@pytest.mark.parametrize("factor", [1.01, -1.0, 0.0, 1 + 1e-8])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_wrong_factor_at_any_scale(factor, scale):
    error = failure(lambda x: factor * np.sin(x / scale) + sg((1 - factor) * np.sin(x / scale)), (0.7 * scale,))
    assert error.found == pytest.approx(factor * error.expected, abs=1e-12 / scale)


def test_lower_orders_first():
    """Wrong at every order; the report is of the first."""
    assert failure(lambda x, y: x**2 * y * sg(x), (2.0, 3.0), order=3).order == 1


@pytest.fixture
def declare():
    made = []

    def make(*args, **keywords):
        made.append(Primitive(*args, **keywords))
        return lambda *xs: bind(made[-1], *xs)

    yield make
    for primitive in made:
        forget(primitive)


X = np.array([[0.5, 1.5, -0.7]])


def test_a_detached_second_order(declare):
    f = declare("wrong_sin", np.sin, ufunc_spec(np.sin), Derivatives([lambda out, x: sg(np.cos(x))]))
    check_grads(f, (X,), order=1)
    error = failure(f, (X,))
    assert (error.order, error.kind, error.found) == (2, "wrong", 0.0)
    assert "the lower orders are right" in str(error)
    assert "order 1, forward: the derivative in argument" in str(error)
    assert f"in argument `xs0`, entry {list(error.entry)}" in str(error)
    for nesting in ("reverse over forward", "forward over reverse", "reverse over reverse"):
        assert nesting in str(error)


def test_a_detached_third_order(declare):
    f = declare("wrong_exp", np.exp, ufunc_spec(np.exp), Derivatives([lambda out, x: np.exp(sg(x)) * (1 + x - sg(x))]))
    check_grads(f, (X,), order=2)
    error = failure(f, (X,), order=3)
    assert (error.order, error.nesting, error.found) == (3, ("forward", "forward", "forward"), 0.0)
    assert "order 2, forward: the derivative in argument" in str(error)
    assert value_of(error, f) is not None


def test_a_wrong_transpose(declare):
    rules = Rules(jvp=[lambda dx, out, x: dx * np.cos(x)], vjp=[lambda ct, out, x: ct * np.sin(x)])
    f = declare("wrong_sin", np.sin, ufunc_spec(np.sin), rules)
    check_grads(f, (X,), modes="forward")
    for modes in (("forward", "reverse"), ("rev",)):
        error = failure(f, (X,), modes=modes)
        assert (error.order, error.nesting, error.argument) == (1, ("reverse",), "`xs0`")
        gradient = value_of(error, f)[0]
        assert gradient[error.entry] == pytest.approx(error.found)


def test_a_wrong_tangent_of_a_right_gradient(declare):
    rules = Rules(jvp=[lambda dx, out, x: 2 * dx * np.cos(x)], vjp=[lambda ct, out, x: ct * np.cos(x)])
    f = declare("wrong_sin", np.sin, ufunc_spec(np.sin), rules)
    check_grads(f, (X,), modes="reverse")
    error = failure(f, (X,), order=1)
    assert error.nesting == ("forward",)
    assert "likewise forward against reverse mode" in str(error)


def test_a_wrong_second_argument(declare):
    f = declare(
        "wrong_sub",
        np.subtract,
        ufunc_spec(np.subtract),
        Linear((lambda ct, x, y: ct, lambda ct, x, y: ct)),
    )
    error = failure(lambda left, right: f(left, right), (X, 2 * X))
    assert (error.argument, error.nesting, error.found) == ("`right`", ("reverse",), pytest.approx(-error.expected))


def test_single_precision_that_loses_digits():
    """Right in double precision; in single precision the two large numbers cancel."""

    def f(x):
        big = np.asarray(3e7, x.dtype)
        return x * x if x.dtype != np.float32 else ((x + big) - big) * x

    error = failure(lambda x: np.where(x.dtype == np.float32, 1.02, 1.0) * x, (np.float32(0.3),))
    assert (error.kind, error.order) == ("precision", 1)
    assert error.found == pytest.approx(1.02)
    assert error.expected == pytest.approx(1.0)
    assert failure(f, (np.float32(0.3),)).kind == "precision"


def test_a_derivative_of_another_dtype(declare, monkeypatch):
    from functrans.testing import probes

    real = probes.jvp

    def widening(f, primals, tangents):
        out, tangent = real(f, primals, tangents)
        return out, tuple(np.asarray(t, np.float64)[()] for t in tangent)

    monkeypatch.setattr(probes, "jvp", widening)
    error = failure(np.sin, (np.float32(0.3),))
    assert error.kind == "specs"
    assert "the tangent is Float64[], but the value Float32[]" in str(error)


def test_nan_is_wrong_where_the_derivative_exists():
    error = failure(lambda x: np.sqrt(x**4), (0.0,), 1, modes="reverse")
    assert error.kind == "wrong"
    assert np.isnan(error.found)
    assert error.expected == 0


def test_complex_directions():
    def f(z):
        return np.real(z) + 1j * sg(np.imag(z)) + 1j * np.imag(z)

    error = failure(f, (np.array([1 + 2j, 3j]),))
    assert "in argument `z`, entry [" in str(error)
    assert "in the imaginary direction" in str(error)


def test_the_smallest_case_is_small():
    def f(x, y):
        return np.sum(np.sin(x) * np.outer(y, y)) + np.where(x[1, 1] > 2.0, sg(x[0, 0]) * x[0, 0], 0.0)

    x = rng.normal(size=(3, 3))
    x[0, 0], x[1, 1] = 1.7, 4.31
    error = failure(f, (x, rng.normal(size=3)))
    namespace = {"np": np}
    exec("\n".join(row for row in error.snippet.splitlines() if row.startswith(("x =", "y ="))), namespace)
    assert namespace["x"].tolist() == [[2.0, 0, 0], [0, 4.0, 0], [0, 0, 0]]
    assert not np.any(namespace["y"])
    assert error.argument == "`x`"
    assert error.entry == (0, 0)


def test_what_cannot_be_written_out():
    class Thing:
        pass

    error = failure(lambda x, thing: x * sg(x), (2.0, Thing()))
    assert error.snippet is None
    assert "cannot be written out" in str(error)
    assert failure(lambda p: p[0] * sg(p[0]), ((2.0, "held"),)).snippet is None


def test_a_large_argument_is_written_by_its_entries():
    def f(x):
        return np.sum(x * x) + sg(x[3, 4]) * x[3, 4]

    error = failure(f, (rng.normal(size=(20, 30)),), 1)
    assert error.entry == (3, 4)
    assert "np.zeros((20, 30))" in error.snippet
    assert value_of(error, f) == pytest.approx(error.found)


# Where no derivative exists, or none can be told.


@pytest.mark.parametrize("modes", ["forward", "reverse", ("forward", "reverse")])
def test_a_kink(modes):
    error = failure(np.abs, (np.array([0.4, 0.0, 1.0]),), modes=modes)
    assert (error.kind, error.argument, error.entry, error.found) == ("kink", "`x`", (1,), 0.0)
    assert "the slope is -1 to the left and 1 to the right; functrans gives 0:" in str(error)
    assert "no derivative exists here (docs/kinks.md says what is returned); move the point" in str(error)


def test_a_kink_of_the_derivative():
    f = lambda x: np.abs(x) * x  # noqa: E731
    check_grads(f, (0.0,), order=1)
    error = failure(f, (0.0,))
    assert (error.kind, error.order) == ("kink", 2)
    assert "the slope is -2 to the left and 2 to the right" in str(error)


def test_a_kink_among_many_entries():
    x = rng.normal(size=(20, 5))
    x[7, 2] = 0.0
    error = failure(np.abs, (x,), 1)
    assert (error.kind, error.entry) == ("kink", (7, 2))


@pytest.mark.parametrize(
    ("f", "x", "says"),
    [
        (np.floor, 1.0, "the function jumps there"),
        (np.sqrt, 0.0, "the function is not finite to the left"),
        (np.log, -1.0, "the function is not finite there"),
        (np.cbrt, 0.0, "the slope grows beyond all bounds there"),
        (lambda x: x + 1e-3 * np.sin(1e19 * x), 1.0, "too noisy"),
    ],
)
def test_what_cannot_be_judged(f, x, says):
    error = failure(f, (x,), 1)
    assert error.kind == "noise"
    assert says in str(error)
    assert "functrans gives" in str(error)


def test_a_wrong_entry_before_an_undecided_one():
    error = failure(lambda x: np.array([1.0, 0.0]) * np.abs(x) + x * sg(x), (np.array([0.0, 2.0]),), 1)
    assert (error.kind, error.entry) == ("wrong", (1,))


# What it is called with.


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda: check_grads(3.0, (1.0,)), DerivativeError, "needs a function, but was given a float"),
        (lambda: check_grads(np.sin, 1.0), DerivativeError, "not a tuple of arguments"),
        (lambda: check_grads(np.sin, (1.0,), order=0), DerivativeError, "order=0"),
        (lambda: check_grads(np.sin, (1.0,), order=1.5), DerivativeError, "order=1.5"),
        (lambda: check_grads(np.sin, (1.0,), modes=()), DerivativeError, "modes=()"),
        (lambda: check_grads(np.sin, (1.0,), modes=("back",)), DerivativeError, "forward or in reverse"),
        (lambda: check_grads(np.sin, (np.arange(3),)), IntegerInputError, "none of the arguments"),
        (lambda: check_grads(lambda: 1.0, ()), IntegerInputError, "none of the arguments"),
        (lambda: check_grads(np.argmax, (np.ones(3),)), DerivativeError, "returned nothing that has a derivative"),
    ],
)
def test_bad_input_is_one_clear_error(call, kind, says):
    with pytest.raises(kind) as caught:
        call()
    assert says in str(caught.value)
    assert not isinstance(caught.value, AssertionError)


def test_errors_of_the_function_are_its_own():
    with pytest.raises(ZeroDivisionError):
        check_grads(lambda x: 1 / 0, (1.0,))
    with pytest.raises(ft.errors.TracedValueError):
        check_grads(lambda x: x * float(x), (1.0,))


def test_arguments_are_not_written_into():
    x = np.array([1.0, 2.0])
    failure(lambda x: x * sg(x), (x,))
    assert x.tolist() == [1.0, 2.0]
