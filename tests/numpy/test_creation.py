"""Arrays of nested lists, filled arrays and ranges: NumPy's results, and derivatives where something is traced."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
import functrans.numpy as fnp
from functrans.errors import ShapeError, TracedValueError


def same(actual, expected):
    """Equal to the bit, dtype and shape included."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def check(f, reference, *args):
    """`f` on traced values gives what `reference` gives on plain ones: live, forwards, staged, printed."""
    expected = reference(*args)
    same(ft.vjp(f, *args)[0], expected)
    same(ft.jvp(f, args, args)[0], expected)
    program = ft.trace(f)(*args)
    program.validate()
    same(ft.evaluate(program, *args), expected)
    scope = {}
    exec(program.to_source(), scope)
    same(scope[program.name](*args), expected)


X = np.array([0.5, 2.0])
X32 = X.astype(np.float32)
Z = X + 1j

# Each is tried as it is, with plain values for what is traced, by NumPy's function.
NESTED = {
    "scalar": (lambda a, x: a(x), 1.5),
    "NumPy scalar": (lambda a, x: a(x), np.float32(1.5)),
    "array": (lambda a, x: a(x), X),
    "list": (lambda a, x: a([x, 2.0, x]), 1.5),
    "tuple": (lambda a, x: a((x, 2, True)), 1.5),
    "nested": (lambda a, x: a([[x, 1.0], [2, x]]), 1.5),
    "nested deeper": (lambda a, x: a([[[x], [1]], ([2], [x])]), 1.5),
    "rows": (lambda a, x: a([x, [1.0, 2.0], np.ones(2)]), X),
    "entries of an array": (lambda a, x: a([x[1], x[0], 3.0]), X),
    "single precision": (lambda a, x: a([x, x]), X32),
    "single precision beside a Python float": (lambda a, x: a([x[0], 2.0]), X32),
    "single precision beside a Python int": (lambda a, x: a([x[0], 2]), X32),
    "single precision beside an int16": (lambda a, x: a([x[0], np.int16(2)]), X32),
    "single beside double precision": (lambda a, x: a([x, np.ones(2)]), X32),
    "complex": (lambda a, x: a([x, [1, 2.0]]), Z),
    "real beside complex": (lambda a, x: a([x, 2j]), 1.5),
    "dtype": (lambda a, x: a([x, 1.0], dtype=np.float32), 1.5),
    "dtype of an array": (lambda a, x: a(x, dtype=complex), X),
    "dtype by position": (lambda a, x: a(x, np.float32), X),
    "dtype by name": (lambda a, x: a([x, 1], "f4"), 1.5),
}


@pytest.mark.parametrize(("make", "x"), NESTED.values(), ids=NESTED)
@pytest.mark.parametrize("name", ["array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require"])
def test_nested_values(name, make, x):
    check(lambda x: make(getattr(fnp, name), x), lambda x: make(getattr(np, name), x), x)


@pytest.mark.parametrize(
    "options",
    [{"copy": True}, {"copy": None}, {"order": "F"}, {"subok": True}, {"ndmin": 3}, {"ndmin": 1, "dtype": np.float32}],
    ids=str,
)
@pytest.mark.parametrize("x", [1.5, X])
def test_options_of_array(options, x):
    check(lambda x: fnp.array(x, **options), lambda x: np.array(x, **options), x)
    check(lambda x: fnp.array([x, x], **options), lambda x: np.array([x, x], **options), x)


@pytest.mark.parametrize("options", [{"copy": True}, {"order": "F"}, {"device": "cpu"}, {"copy": None}], ids=str)
def test_options_of_asarray(options):
    check(lambda x: fnp.asarray([x, x], **options), lambda x: np.asarray([x, x], **options), X)


def test_no_copy_is_asked_of_what_is_an_array():
    same(ft.vjp(lambda x: fnp.asarray(x, copy=False), X)[0], X)
    with pytest.raises(ValueError, match="copy"):
        ft.vjp(lambda x: fnp.array([x, 1.0], copy=False), 1.0)


def test_unknown_options_are_refused():
    with pytest.raises(TypeError):
        ft.vjp(lambda x: fnp.array([x], nonsense=1), 1.0)
    with pytest.raises(ValueError, match="evice"):
        ft.vjp(lambda x: fnp.asarray([x], device="gpu"), 1.0)


@given(st.recursive(st.sampled_from(["x", "y", 0.5, 2, np.float32(3)]), lambda s: st.lists(s, min_size=2, max_size=2)))
def test_any_nest(shape):
    def fill(entry, x, y):
        if isinstance(entry, list):
            return [fill(e, x, y) for e in entry]
        return {"x": x, "y": y}[entry] if isinstance(entry, str) else entry

    try:
        expected = np.array(fill(shape, 1.5, 2.5))
    except ValueError:
        with pytest.raises((ShapeError, ValueError)):
            fnp.array(fill(shape, 1.5, 2.5))
        return
    same(ft.vjp(lambda x, y: fnp.array(fill(shape, x, y)), 1.5, 2.5)[0], expected)
    weights = np.arange(1.0, expected.size + 1).reshape(expected.shape)
    for i, name in enumerate("xy"):
        where = np.array(fill(shape, *("xy" if name == "x" else "yx"))) == "x"
        gradient = ft.grad(lambda x, y: np.sum(fnp.array(fill(shape, x, y)) * weights), i)(1.5, 2.5)
        assert gradient == np.sum(weights, where=where)


def test_gradient_goes_to_each_place():
    def f(x):
        return np.sum(fnp.array([[x[0], 2.0], [x[1] * x[0], x[2]]]) * np.array([[1.0, 10.0], [100.0, 1000.0]]))

    np.testing.assert_array_equal(ft.grad(f)(np.array([2.0, 3.0, 4.0])), [301.0, 200.0, 1000.0])


def test_higher_order():
    def f(x):
        return np.prod(fnp.array([x, x * x, 3.0]))  # 3 x^3

    assert ft.grad(f)(2.0) == 36.0
    assert ft.grad(ft.grad(f))(2.0) == 36.0
    assert ft.grad(ft.grad(ft.grad(f)))(2.0) == 18.0
    assert ft.evaluate(ft.trace(ft.grad(f))(1.0), 2.0) == 36.0
    assert ft.jvp(ft.grad(f), (2.0,), (1.0,)) == (36.0, 36.0)


def test_nested_traces_in_one_array():
    def f(x):
        return ft.grad(lambda y: np.sum(fnp.array([x, y]) ** 2 * fnp.array([y, x])))(x)

    # d/dy (x^2 y + y^2 x) at y = x is 3 x^2
    assert f(2.0) == 12.0
    assert ft.grad(f)(2.0) == 12.0


def test_a_conversion_to_integers_has_no_derivative():
    value, pullback = ft.vjp(lambda x: fnp.array([x, 2.5], dtype=int) * 1.0, 1.5)
    same(value, np.array([1.0, 2.0]))
    assert pullback(np.ones(2)) == (0.0,)


@pytest.mark.parametrize("dtype", [object, str, "S3", "datetime64[s]"])
def test_dtypes_that_hold_no_numbers_are_refused(dtype):
    with pytest.raises((TracedValueError, TypeError, ValueError)):
        ft.vjp(lambda x: fnp.array([x, 1.0], dtype=dtype), 1.0)


def test_ragged():
    with pytest.raises(ShapeError, match="inhomogeneous"):
        ft.vjp(lambda x: fnp.array([x, [1.0]]), X)


def test_a_sequence_that_is_no_list_is_refused():
    with pytest.raises(TracedValueError):
        ft.vjp(lambda x: fnp.array(range(x)), 3.0)
    with pytest.raises((TypeError, ValueError)):
        ft.vjp(lambda x: fnp.array({x}), 3.0)


@pytest.mark.parametrize("value", [1, 2.5, [1, 2], [[1.0], [2]], np.ones(2), (np.float32(1), 2), True, "a", []])
@pytest.mark.parametrize("name", ["array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require"])
def test_plain_values_give_numpys_result(name, value):
    ours, numpys = getattr(fnp, name)(value), getattr(np, name)(value)
    assert type(ours) is type(numpys)
    assert ours.flags.c_contiguous == numpys.flags.c_contiguous
    same(ours, numpys)


def test_plain_values_keep_identity_and_options():
    assert fnp.asarray(X) is X
    assert fnp.array(X) is not X
    assert fnp.array(X, ndmin=2).shape == (1, 2)
    assert fnp.asarray(X, order="F", dtype=np.float32).dtype == np.float32
    matrix_like = X.view(np.recarray)
    assert fnp.asanyarray(matrix_like) is matrix_like
    assert fnp.array(X, like=X).shape == (2,)


def test_asarray_chkfinite():
    same(ft.vjp(fnp.asarray_chkfinite, X)[0], X)
    same(fnp.asarray_chkfinite([1, 2]), np.array([1, 2]))
    for bad in (np.array([1.0, np.inf]), np.array([np.nan])):
        with pytest.raises(ValueError, match="infs or NaNs"):
            ft.vjp(fnp.asarray_chkfinite, bad)


# full.


@pytest.mark.parametrize("x", [1.5, np.float32(2), X, Z])
@pytest.mark.parametrize("shape", [2, (3, 2), (0, 2), [1, 2]])
@pytest.mark.parametrize("dtype", [None, np.float32, complex])
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_full(x, shape, dtype):
    check(lambda x: fnp.full(shape, x, dtype), lambda x: np.full(shape, x, dtype), x)


def test_full_of_a_list_and_of_plain_values():
    check(lambda x: fnp.full((2, 2), [x, 1.0]), lambda x: np.full((2, 2), [x, 1.0]), 1.5)
    same(fnp.full(3, 2), np.full(3, 2))
    same(fnp.full((2, 2), [1.0, 2.0], order="F"), np.full((2, 2), [1.0, 2.0], order="F"))
    assert ft.grad(lambda x: np.sum(fnp.full((2, 3), x) ** 2))(2.0) == 24.0
    with pytest.raises(ValueError, match="broadcast"):
        ft.vjp(lambda x: fnp.full(3, x), X)


# arange.

ARANGES = {
    "start": (lambda arange, a, h: arange(a, 3.0), (0.3, 1.0)),
    "start and step": (lambda arange, a, h: arange(a, 3.0, h), (0.3, 0.37)),
    "step": (lambda arange, a, h: arange(0, 3, h), (1.0, 0.37)),
    "backwards": (lambda arange, a, h: arange(a, -2.0, -h), (0.3, 0.37)),
    "empty": (lambda arange, a, h: arange(a, -2.0, h), (0.3, 0.37)),
    "one": (lambda arange, a, h: arange(a, 0.4, h), (0.3, 0.37)),
    "keywords": (lambda arange, a, h: arange(a, stop=2, step=h), (0.3, 0.37)),
    "dtype": (lambda arange, a, h: arange(a, 3, h, dtype=np.float32), (0.3, 0.37)),
    "integers": (lambda arange, a, h: arange(a, 9, h, dtype=int), (2.0, 3.0)),
    "large start": (lambda arange, a, h: arange(a, 1e9 + 1, h), (1e9, 0.1)),
    "large step": (lambda arange, a, h: arange(a, 1e9, h), (0.1, 1e8)),
    "single precision": (lambda arange, a, h: arange(a, 3, h), (np.float32(0.3), np.float32(0.37))),
    "mixed": (lambda arange, a, h: arange(a, 3, h), (np.float32(0.3), 0.37)),
}


@pytest.mark.parametrize(("make", "args"), ARANGES.values(), ids=ARANGES)
def test_arange(make, args):
    f, expected = lambda a, h: make(fnp.arange, a, h), make(np.arange, *args)
    same(ft.vjp(f, *args)[0], expected)
    same(ft.jvp(f, args, args)[0], expected)


@given(st.floats(-100, 100), st.floats(0.01, 10), st.integers(0, 20))
def test_arange_to_the_bit(start, step, count):
    stop = start + count * step
    same(ft.vjp(lambda a, h: fnp.arange(a, stop, h), start, step)[0], np.arange(start, stop, step))


def test_arange_derivatives():
    _, pullback = ft.vjp(lambda a, h: fnp.arange(a, 3.0, h), 0.5, 0.6)
    assert pullback(np.ones(5)) == (5.0, 10.0)
    np.testing.assert_allclose(pullback(np.arange(5.0)), (10.0, 30.0))
    _, tangent = ft.jvp(lambda a, h: fnp.arange(a, 3.0, h), (0.5, 0.6), (1.0, 10.0))
    np.testing.assert_allclose(tangent, [1.0, 11.0, 21.0, 31.0, 41.0])
    assert ft.grad(ft.grad(lambda a: np.sum(fnp.arange(a, 3.0) ** 3)))(0.5) == 6 * (0.5 + 1.5 + 2.5)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: fnp.arange(x),
        lambda x: fnp.arange(0, x),
        lambda x: fnp.arange(0.0, x, 0.5),
        lambda x: fnp.arange(x, x + 3.0),
        lambda x: fnp.arange(0, stop=x),
    ],
)
def test_a_traced_end_of_arange_is_never_silently_constant(call):
    with pytest.raises(TracedValueError, match="how many entries there are has no derivative"):
        ft.vjp(call, 3.0)
    with pytest.raises(TracedValueError):
        ft.trace(call)(3.0)


def test_staged_arange_needs_values():
    with pytest.raises(TracedValueError, match="needs the value of a staged float"):
        ft.trace(lambda x: fnp.arange(x, 3.0))(0.5)
    with pytest.raises(TracedValueError, match="needs the value of a staged float"):
        ft.trace(ft.grad(lambda x: np.sum(fnp.arange(x, 3.0))))(0.5)


def test_plain_arange():
    same(fnp.arange(3), np.arange(3))
    same(fnp.arange(1, 4, dtype=np.float32), np.arange(1, 4, dtype=np.float32))
    same(fnp.arange(0, 1, 0.1), np.arange(0, 1, 0.1))


# isscalar and at.


def test_isscalar():
    seen = {}
    ft.vjp(lambda x, y, z: seen.update(live=[*map(fnp.isscalar, (x, y, z, x * 2, y * 2))]) or x, 1.0, np.float32(1), X)
    ft.trace(lambda x, z: seen.update(staged=[fnp.isscalar(x), fnp.isscalar(z)]) or x)(1.0, X)
    assert seen == {"live": [True, True, False, True, True], "staged": [True, False]}
    assert fnp.isscalar(1.0)
    assert not fnp.isscalar(X)


def test_at_of_a_plain_array():
    a = np.zeros(3)
    same(fnp.at(a)[1].set(5.0), np.array([0.0, 5.0, 0.0]))
    same(a, np.zeros(3))
    assert ft.grad(lambda x: np.sum(fnp.at(a)[1:].set(x) * np.arange(3.0)))(2.0) == 3.0


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ((), {"start": 1, "stop": 3}),
        ((2,), {"stop": 5}),
        ((5,), {"step": 2}),
        ((), {"stop": 3}),
        ((1, None, 2), {}),
        ((1, 9, 3, np.float32), {}),
        ((3,), {"dtype": float}),
        ((3,), {"device": "cpu", "like": np.ones(1)}),
    ],
)
def test_plain_arange_takes_every_form(args, options):
    found, expected = fnp.arange(*args, **options), np.arange(*args, **options)
    assert found.dtype == expected.dtype
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(("args", "options"), [((), {}), ((), {"step": 2}), ((0, 3), {"start": 1}), ((3,), {"foo": 1})])
def test_plain_arange_refuses_what_numpy_refuses(args, options):
    with pytest.raises(TypeError) as refused:
        np.arange(*args, **options)
    with pytest.raises(TypeError, match=re.escape(str(refused.value))):
        fnp.arange(*args, **options)
