"""A traced value behaves like the array that it stands for."""

import copy
import itertools
import operator
import warnings

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedAssignmentError, TracedBoolError, TracedValueError
from functrans.testing import check_grads
from functrans.tracing.tracer import Tracer


def live(f, *args):
    """What `f` gives under a derivative."""
    return ft.vjp(f, *args)[0]


def forwards(f, *args):
    return ft.jvp(f, args, args)[0]


def staged(f, *args):
    """What the program of `f` gives."""
    program = ft.trace(f)(*args)
    program.validate()
    return ft.evaluate(program, *args)


def printed(f, *args):
    """What the printed program of `f` gives."""
    program = ft.trace(f)(*args)
    scope = {}
    exec(program.to_source(), scope)
    return scope[program.name](*args)


def inside(f, x):
    """What `f` gives while `x` is traced live, whatever it is."""
    found = []
    ft.vjp(lambda x: found.append(f(x)) or x, x)
    return found[0]


def same(actual, expected, label=""):
    assert type(actual) is type(expected) or {type(actual), type(expected)} == {bool, np.bool_}, (label, actual)
    if isinstance(expected, tuple):
        for a, e in zip(actual, expected, strict=True):
            same(a, e, label)
        return
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype, label
    assert actual.shape == expected.shape, label
    np.testing.assert_array_equal(actual, expected, err_msg=str(label))


# Operators.

INEXACT = [
    2.5,
    1.5 + 2j,
    np.float32(2.5),
    np.float64(2.5),
    np.complex64(1.5 + 2j),
    np.array([2.5, 3.5], np.float16),
    np.array([2.5, 3.5], np.float32),
    np.array([2.5, 3.5]),
    np.array([[2.5], [0.5]]),
    np.array([1.5 + 2j, 1j], np.complex64),
    np.array([1.5 + 2j, 1j]),
    np.array(2.5),
    np.ones((0, 2)),
]
EXACT = [
    True,
    3,
    np.bool_(True),
    np.int8(3),
    np.int64(3),
    np.uint8(3),
    np.array([True, False]),
    np.array([3, 1], np.int8),
    np.array([3, 1], np.uint16),
    np.array([3, 1]),
    np.array([[3], [1]], np.uint64),
]
ARITHMETIC = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    pow,
    divmod,
]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
BITWISE = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]


def outcome(function, *args):
    """The result, or the kind of error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args)
        except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
            return "error" if isinstance(error, TypeError | ValueError) else type(error).__name__


def agree(run, op, x, y):
    """`op` of a traced `x` and a plain `y`, of them exchanged, and of both traced, is what it is of plain ones."""
    label = (op.__name__, x, y)
    same(outcome(run, lambda x: op(x, y), x), outcome(op, x, y), label)
    # NumPy's scalars and arrays on the left do not ask: they call `np.power`, whose last bit can differ.
    reflected = np.power if op is pow and isinstance(y, np.generic | np.ndarray) else op
    same(outcome(run, lambda x: op(y, x), x), outcome(reflected, y, x), ("reflected", *label))


@pytest.mark.parametrize("op", [*ARITHMETIC, *COMPARISONS])
@pytest.mark.parametrize("run", [live, forwards])
def test_live_operators(run, op):
    for x in INEXACT:
        for y in (*INEXACT, *EXACT):
            agree(run, op, x, y)


@pytest.mark.parametrize("op", [*ARITHMETIC, *COMPARISONS, *BITWISE])
@pytest.mark.parametrize("run", [staged, printed])
def test_staged_operators(run, op):
    operands = [*INEXACT[::2], *EXACT] if op not in BITWISE else EXACT
    for x in operands[:: 1 if run is staged else 3]:
        for y in operands[:: 1 if run is staged else 2]:
            agree(run, op, x, y)


@pytest.mark.parametrize("op", ARITHMETIC)
def test_operators_of_two_traced_values(op):
    for x, y in itertools.product(INEXACT, INEXACT):
        same(outcome(live, op, x, y), outcome(op, x, y), (op.__name__, x, y))
        same(outcome(staged, op, x, y), outcome(op, x, y), (op.__name__, x, y))


@pytest.mark.parametrize("op", [*ARITHMETIC[:-1], *COMPARISONS])
@pytest.mark.parametrize("other", [[1.0, 2.0], (1, 2), [[1.0], [2.0]], [1j, 2.0], [True, False]])
def test_operators_with_lists(op, other):
    for x in (np.array([[2.5], [3.5]], np.float32), np.array([2.5, 3.5])):
        agree(live, op, x, other)
        agree(staged, op, x, other)


@pytest.mark.parametrize("op", [operator.neg, operator.pos, abs, operator.invert])
def test_unary_operators(op):
    for x in INEXACT:
        same(outcome(live, op, x), outcome(op, x))
    for x in (*INEXACT, *EXACT[1:]):
        same(outcome(staged, op, x), outcome(op, x))


@pytest.mark.parametrize("ndigits", [(), (1,), (-1,)])
def test_round(ndigits):
    x = np.array([12.345, -0.5])
    same(live(lambda x: round(x, *ndigits), x), np.round(x, *ndigits))


def test_matmul():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    for run in (live, forwards, staged, printed):
        same(run(lambda x: x @ b, a), a @ b)
        same(run(lambda x: a @ x, b), a @ b)
        same(run(lambda x, y: x @ y, a, b), a @ b)
        same(run(lambda x: x @ [1.0, 2.0, 3.0], a), a @ [1.0, 2.0, 3.0])
        same(run(lambda x: [1, 2] @ x, a), [1, 2] @ a)


@pytest.mark.parametrize("op", ARITHMETIC)
@pytest.mark.parametrize("other", ["a", None, {}, object(), {1}])
def test_operators_with_what_is_no_number(op, other):
    for x in (2.5, np.ones(2)):
        with pytest.raises(TypeError):
            live(lambda x: op(x, other), x)
        with pytest.raises(TypeError):
            live(lambda x: op(other, x), x)


def test_in_place_operators_make_new_values():
    def f(x):
        y = x
        y += 1.0
        y *= x
        y **= 2
        return y, x

    x = np.array([1.0, 2.0])
    same(live(f, x), (((x + 1.0) * x) ** 2, x))


# What is known without a value.


@pytest.mark.parametrize("x", [*INEXACT, *EXACT])
def test_attributes(x):
    expected = np.asarray(x)
    seen = []

    def f(x):
        seen.append((x.shape, x.dtype, x.ndim, x.size, x.itemsize, x.nbytes, np.shape(x), np.ndim(x), np.size(x)))
        return x

    ft.trace(f)(x)
    if expected.dtype.kind in "fc":
        ft.vjp(f, x)
        ft.vjp(lambda x: ft.vjp(f, x)[0], x)
    for row in seen:
        assert row[:6] == (
            expected.shape,
            expected.dtype,
            expected.ndim,
            expected.size,
            expected.itemsize,
            expected.nbytes,
        )
        assert row[6:] == (expected.shape, expected.ndim, expected.size)


@pytest.mark.parametrize("name", ["T", "mT", "real", "imag"])
def test_views(name):
    for x in (np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3) * (1 + 2j)):
        for run in (live, forwards, staged, printed):
            same(run(lambda x: getattr(x, name), x), getattr(x, name))


@pytest.mark.parametrize("op", [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow])
def test_in_place_operators_differentiate(op):
    x, y = np.array([[1.5, 0.7], [2.2, 0.4]]), np.array([1.3, 2.7])
    f = lambda x, y: op(1.0 * x, y)  # noqa: E731  (a plain `x` would be written into)
    for run in (live, forwards, staged, printed):
        same(run(lambda x, y: op(x, y), x, y), f(x, y))
    check_grads(f, (x, y), order=2)


def test_in_place_matmul():
    x, y = np.array([[1.5, 0.7], [2.2, 0.4]]), np.array([[0.3, 1.0], [-1.0, 2.0]])
    f = lambda x, y: operator.imatmul(1.0 * x, y)  # noqa: E731
    for run in (live, forwards, staged, printed):
        same(run(f, x, y), x @ y)
    check_grads(f, (x, y), order=2)
    same(ft.vmap(f)(np.stack([x, y]), np.stack([y, x])), np.stack([x @ y, y @ x]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: divmod(x, y),
        lambda x, y: divmod(x, 1.75),
        lambda x, y: divmod(7.1, y),
        lambda x, y: divmod([7.1, 1.0], y),
        lambda x, y: np.divmod(x, y),
        lambda x, y: (operator.ifloordiv(1.0 * x, y), operator.imod(1.0 * x, y)),
    ],
)
def test_divmod(f):
    x, y = np.array([5.3, -2.6]), np.array([1.5, 0.7])
    for run in (live, forwards, staged, printed):
        same(run(f, x, y), f(x, y))
    check_grads(lambda x, y: f(x, y)[1], (x, y), order=2)
    check_grads(lambda x, y: f(x, y)[0] * x, (x, y), order=2)
    quotient, rest = ft.vmap(f)(np.stack([x, -x]), np.stack([y, y]))
    for i, sign in enumerate((1, -1)):
        same((quotient[i], rest[i]), f(sign * x, y))


def test_transposes_differentiate():
    x = np.sin(np.arange(12.0)).reshape(2, 3, 2)
    check_grads(lambda x: x.mT**2, (x,), order=2)
    check_grads(lambda x: x.T**2, (x,), order=2)
    same(ft.vmap(lambda x: x.mT)(x[None]), x.mT[None])
    for run in (live, staged):
        with pytest.raises(ValueError, match="2"):
            run(lambda x: x.mT, x[0, 0])


def test_flat_differentiates():
    x = np.arange(1.0, 7.0).reshape(2, 3)
    check_grads(lambda x: x.flat[[0, 4, 4]] ** 2, (x,), order=2)
    assert np.array_equal(ft.grad(lambda x: sum(entry * entry for entry in x.flat))(x), 2 * x)
    same(ft.vmap(lambda x: x.flat[2:])(np.stack([x, -x])), np.stack([x.flat[2:], -x.flat[2:]]))


ASSIGNMENTS = {
    "shape": ("shape", (6,), r"x\.reshape"),
    "dtype": ("dtype", np.float32, r"x\.astype"),
    "flat": ("flat", 1.0, r"np\.broadcast_to"),
    "real": ("real", 1.0, r"x\.imag"),
    "imag": ("imag", 1.0, r"x\.real"),
}


@pytest.mark.parametrize(("name", "value", "instead"), ASSIGNMENTS.values(), ids=ASSIGNMENTS)
def test_attributes_cannot_be_assigned(name, value, instead):
    for transform in (ft.grad, ft.trace, ft.vmap):
        with pytest.raises(TracedAssignmentError, match=instead):
            transform(lambda x: setattr(x, name, value))(np.ones((2, 3)))


def test_entries_of_the_flat_view_cannot_be_assigned():
    for index in (0, slice(None), [1, 2]):
        with pytest.raises(TracedAssignmentError, match=r"functrans\.numpy\.at"):
            ft.grad(lambda x: x.flat.__setitem__(index, 0.0))(np.ones((2, 3)))


def test_device():
    x = np.ones(2)
    assert inside(lambda x: x.device, x) == x.device
    for run in (live, staged):
        same(run(lambda x: 2 * x.to_device("cpu"), x), 2 * x)
        with pytest.raises(ValueError, match="device"):
            run(lambda x: x.to_device("gpu"), x)


@pytest.mark.parametrize("run", ["grad", "jvp", "trace", "vmap"])
@pytest.mark.parametrize(("f", "instead"), [(lambda x: x.item(0), "reshape"), (lambda x: x.tolist(), r"list\(x\)")])
def test_python_numbers_of_a_traced_value_are_refused(run, f, instead):
    call = {
        "grad": lambda: ft.grad(f)(np.ones(2)),
        "jvp": lambda: ft.jvp(f, (np.ones(2),), (np.ones(2),)),
        "trace": lambda: ft.trace(f)(np.ones(2)),
        "vmap": lambda: ft.vmap(f)(np.ones((3, 2))),
    }[run]
    with pytest.raises(TracedValueError, match=instead):
        call()


def test_flat():
    x = np.arange(6.0).reshape(2, 3).T
    same(live(lambda x: x.flat[4], x), x.flat[4])
    assert inside(lambda x: [float(ft.stop_gradient(entry)) for entry in x.flat], x) == list(x.flat)


# A sequence.


def test_length_iteration_and_unpacking():
    x = np.arange(6.0).reshape(3, 2)

    def f(x):
        assert len(x) == 3
        a, b, c = x
        first, *rest = x
        assert len(rest) == 2
        assert [row.shape for row in reversed(x)] == [(2,)] * 3
        total = sum(entry for row in x for entry in row)
        return a + b * c + first, total, max(x[0], key=lambda entry: -entry)

    for run in (live, forwards):
        same(run(f, x), (x[0] + x[1] * x[2] + x[0], np.float64(15.0), np.float64(0.0)))
    same(staged(lambda x: (x[0] + sum(x), len(x) * x[0]), x), (x[0] + sum(x), 3 * x[0]))


@pytest.mark.parametrize("run", [live, staged])
def test_a_scalar_is_no_sequence(run):
    with pytest.raises(TypeError, match="unsized"):
        run(lambda x: len(x), np.float64(1.0))
    with pytest.raises(TypeError, match="0-d"):
        run(lambda x: list(x), np.float64(1.0))


def test_membership():
    x = np.array([1.0, 2.0])
    assert inside(lambda x: (1.0 in x, 3.0 in x), x) == (True, False)
    assert inside(lambda x: x[0] in [5.0, x[0]], x) is True


def test_builtins_that_compare_trace():
    x = np.array([3.0, 1.0, 2.0])
    weights = np.array([1.0, 10.0, 100.0])
    gradient = ft.grad(lambda x: sum(w * entry for w, entry in zip(weights, sorted(x), strict=True)))(x)
    np.testing.assert_array_equal(gradient, [100.0, 1.0, 10.0])
    assert ft.grad(lambda x: max(x[0], x[1], x[2]) + 10 * min(x))(x).tolist() == [1.0, 10.0, 0.0]
    assert ft.grad(lambda x: sum([x, x, 2.0 * x], x))(1.0) == 5.0


# Truth.


def test_truth_is_that_of_the_value():
    assert inside(bool, 2.0) is True
    assert inside(bool, 0.0) is False
    assert inside(lambda x: bool(np.all(x > 0)), np.ones(3)) is True
    with pytest.raises(ValueError, match="ambiguous"):
        inside(bool, np.ones(2))


def test_control_flow_follows_values():
    def collatz_like(x):
        steps = 0
        while x > 1.0:
            x = x / 2.0 if steps % 2 == 0 else x * 0.75
            steps += 1
        return x

    assert ft.grad(collatz_like)(9.0) == collatz_like(9.0) / 9.0


def test_comparisons_of_live_values_are_plain():
    assert type(inside(lambda x: x > 0, 1.0)) is bool
    assert type(inside(lambda x: x > 0, np.ones(2))) is np.ndarray
    assert type(inside(lambda x: np.isfinite(x), np.ones(2))) is np.ndarray


def test_staged_values_have_no_truth():
    for question in (bool, lambda x: 1 if x else 2, lambda x: x and x, lambda x: not x, lambda x: x in [1.0]):
        with pytest.raises(TracedBoolError):
            ft.trace(question)(1.0)
    with pytest.raises(TracedBoolError):
        ft.trace(ft.grad(lambda x: x if x > 0 else -x))(1.0)


# Text.


@pytest.mark.parametrize("x", [1.5, np.float32(1.5), np.array([1.0, 2.0])])
def test_text_shows_the_value(x):
    assert inside(str, x) == str(x)
    assert inside(repr, x) == f"Traced<{x!r}>"
    assert inside(lambda x: f"{x}", x) == f"{x}"
    assert inside("{}".format, x) == f"{x}"


def test_numbers_can_be_formatted():
    assert inside(lambda x: f"{x:.3f} {x:>8.1e}", 1.5) == "1.500  1.5e+00"
    assert inside(lambda x: f"{x[0]:.2f}", np.array([1.5])) == "1.50"


def test_text_of_nested_and_staged_values():
    assert ft.grad(lambda x: inside(str, x) == "2.0" and x)(2.0) == 1.0
    texts = []
    ft.trace(lambda x: texts.extend([repr(x), str(x), f"{x}", f"{x:.3f}"]) or x)(np.ones((2, 3)))
    assert texts == ["Traced<Float64[2 3]>"] * 4


def test_printing_needs_no_options(capsys):
    ft.grad(lambda x: print("loss", x) or x)(1.5)
    assert capsys.readouterr().out == "loss 1.5\n"


# Identity.


def test_hash_is_by_identity():
    def f(x):
        y = x * 1.0
        table = {x: "x", y: "y"}
        assert table[x] == "x"
        assert table[y] == "y"
        assert len({x, x, y}) == 2
        return x + y

    assert ft.grad(f)(2.0) == 2.0


def test_copies_are_the_value_itself():
    def f(x):
        assert copy.copy(x) is x
        assert copy.deepcopy(x) is x
        params = copy.deepcopy({"w": [x], "b": (x, 1.0)})
        assert params["w"][0] is x
        return params["w"][0] * params["b"][0]

    assert ft.grad(f)(3.0) == 6.0


def test_type():
    assert inside(type, 1.0) is Tracer
    assert inside(lambda x: hasattr(x, "nonsense"), 1.0) is False
    assert inside(lambda x: hasattr(x, "__array_interface__"), 1.0) is False
    with pytest.raises(AttributeError, match="no attribute 'sin'"):
        inside(lambda x: x.sin(), 1.0)
    with pytest.raises(AttributeError):
        inside(lambda x: setattr(x, "name", 1), 1.0)


# Nothing is lost in silence: each of these traces right, or raises.


def objects(x, kind=object):
    a = np.empty(2, kind)
    a[0], a[1] = x, 2.0
    return a


TRACES = {
    "sum of a list": (lambda x: sum([x, x * x]), 5.0),
    "sum of an object array": (lambda x: np.sum(objects(x)) * 1.0, 1.0),
    "dot of an object array": (lambda x: np.dot(objects(x), np.array([3.0, 4.0])), 3.0),
    "product of object arrays": (lambda x: (objects(x) * objects(x))[0], 4.0),
    "fromiter of objects": (lambda x: np.fromiter([x, x], object)[1] * 3.0, 3.0),
    "sorted": (lambda x: sorted([x * x, x])[1], 4.0),
    "max": (lambda x: max(x, 1.0), 1.0),
    "list times number": (lambda x: np.sum(np.stack([x] * 3)), 3.0),
    "list times array": (lambda x: np.sum([1.0, 2.0] * x), 3.0),
    "random": (lambda x: np.random.default_rng(0).normal(size=2).sum() * 0.0 + x, 1.0),
    "map and zip": (lambda x: sum(a * b for a, b in zip([x, x], map(np.sin, [0.0, np.pi / 2]), strict=True)), 1.0),
    "reduce": (lambda x: __import__("functools").reduce(operator.mul, [x, x, x]), 12.0),
    "math of a stopped value": (lambda x: x * __import__("math").floor(ft.stop_gradient(x)), 2.0),
    "divmod": (lambda x: divmod(x, 1.5)[1], 1.0),
    "conditional expression": (lambda x: x if x > 0 else -x, 1.0),
    "sum with start": (lambda x: sum([], x), 1.0),
    "Fraction times": (lambda x: __import__("fractions").Fraction(1, 2) * x, 0.5),
    "branch on the type": (lambda x: x * x if isinstance(x, float) else 3 * x, 4.0),
    "branch on the type of a result": (lambda x: np.sin(x) * 2 if isinstance(np.sin(x), float) else x, 2 * np.cos(2.0)),
    "branch on an array": (lambda x: np.sum(x * np.ones(2)) if isinstance(x * np.ones(2), np.ndarray) else x, 2.0),
    "isscalar": (lambda x: 2 * x if np.isscalar(x) else x, 2.0),
}


@pytest.mark.parametrize(("f", "derivative"), TRACES.values(), ids=TRACES)
def test_traces(f, derivative):
    np.testing.assert_allclose(ft.grad(f)(2.0), derivative, rtol=1e-15)
    np.testing.assert_allclose(ft.jvp(f, (2.0,), (1.0,))[1], derivative, rtol=1e-15)


def vectorized(x):
    return np.vectorize(lambda t: t * t)(x)


def filled(x):
    a = np.zeros(2)
    a.fill(x)
    return a[0]


def put(x):
    a = np.zeros(2)
    np.put(a, 0, x)
    return a[0]


def flat(x):
    a = np.zeros(2)
    a.flat[:] = x
    return a[0]


def struct_field(x):
    a = np.zeros(2, [("v", float)])
    a["v"] = x
    return a["v"][0]


def masked(x):
    a = np.ma.zeros(2)
    a[0] = x
    return a[0]


def where_of_a_ufunc(x):
    return np.add(1.0, 2.0, where=x)


RAISES = {
    "vectorize": vectorized,
    "frompyfunc": lambda x: np.frompyfunc(lambda t: t, 1, 1)(x),
    "fill": filled,
    "put": put,
    "flat": flat,
    "field": struct_field,
    "masked": masked,
    "object array times traced": lambda x: objects(x) * x,
    "traced times object array": lambda x: x * objects(x),
    "add of an object array": lambda x: np.add(x, objects(x)),
    "concatenate of an object array": lambda x: np.concatenate([objects(x), np.stack([x])]),
    "where of an object array": lambda x: np.where([True, False], objects(x), x),
    "sin of an object array": lambda x: np.sin(objects(x)),
    "object array as a float": lambda x: objects(x).astype(float),
    "object array returned": lambda x: objects(x),
    "set returned": lambda x: {x},
    "generator returned": lambda x: (y for y in [x]),
    "array of objects": lambda x: np.array([x, 1.0], dtype=object),
    "array": lambda x: np.array([x, 1.0]),
    "array of rows": lambda x: np.array([[x, 1.0], [1.0, x]]),
    "asarray": np.asarray,
    "fromiter": lambda x: np.fromiter([x, x], float),
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "complex64": np.complex64,
    "int64": np.int64,
    "str_": lambda x: np.str_(x) if False else float(np.float64(x)),
    "dtype call": lambda x: np.dtype(float).type(x),
    "matrix": lambda x: np.matrix([[1.0, 2.0]]) * x,
    "masked array": lambda x: np.ma.array([1.0, 2.0]) * x,
    "traced times masked": lambda x: x * np.ma.array([1.0, 2.0]),
    "dot of lists": lambda x: np.dot([x, 1.0], [1.0, 2.0]),
    "sum of a list by NumPy": lambda x: np.sum([x, 1.0]),
    "max of a list by NumPy": lambda x: np.max([x, 1.0]),
    "mean of a list by NumPy": lambda x: np.mean([x, 1.0]),
    "add of a list": lambda x: np.add([x], 1.0),
    "fsum": lambda x: __import__("math").fsum([x, 1.0]),
    "hypot": lambda x: __import__("math").hypot(x, 1.0),
    "math.floor": lambda x: __import__("math").floor(x),
    "math.trunc": lambda x: __import__("math").trunc(x),
    "isclose": lambda x: x * __import__("math").isclose(x, 2.0),
    "cmath": lambda x: abs(__import__("cmath").exp(x)),
    "statistics.mean": lambda x: __import__("statistics").mean([x, 1.0]),
    "statistics.fmean": lambda x: __import__("statistics").fmean([x, 1.0]),
    "statistics.stdev": lambda x: __import__("statistics").stdev([x, 1.0]),
    "Fraction": lambda x: __import__("fractions").Fraction(x),
    "Decimal": lambda x: __import__("decimal").Decimal(x),
    "random": lambda x: np.random.default_rng(0).normal(x),
    "legacy random": lambda x: np.random.normal(x),
    "polynomial": lambda x: np.polynomial.Polynomial([x, 1.0])(2.0),
    "where=": where_of_a_ufunc,
    "percent": lambda x: float("%f" % x),  # noqa: UP031
    "array module": lambda x: __import__("array").array("d", [x])[0],
    "struct": lambda x: __import__("struct").pack("d", x),
    "json": lambda x: __import__("json").dumps(x),
    "range": lambda x: sum(range(x)),
    "repetition": lambda x: [1.0] * len("a" * x),
    "index": lambda x: [1.0, 2.0][x],
    "slice": lambda x: [1.0, 2.0][:x],
    "zeros": np.zeros,
    "eye": np.eye,
    "arange": np.arange,
    "full": lambda x: np.full(2, x),
    "linspace count": lambda x: np.linspace(0.0, 1.0, x),
    "reshape": lambda x: np.ones(4).reshape(x, 2),
    "item assignment": lambda x: np.zeros(2).__setitem__(0, x),
    "memoryview": lambda x: memoryview(x),
    "bytes": lambda x: bytes(x),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("f", RAISES.values(), ids=RAISES)
def test_raises(f):
    for run in (
        lambda: ft.grad(f)(2.0),
        lambda: ft.vjp(f, 2.0),
        lambda: ft.jvp(f, (2.0,), (1.0,)),
        lambda: ft.trace(f)(2.0),
        lambda: ft.grad(ft.grad(f))(2.0),
    ):
        with pytest.raises((TypeError, ValueError, NotImplementedError)):
            run()


def test_a_refusal_is_a_type_error_where_python_expects_one():
    for conversion in (float, int, complex, range, np.asarray):
        with pytest.raises(TracedValueError):
            ft.grad(conversion)(1.0)
