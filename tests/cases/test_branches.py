"""The branch not taken must not speak: of every elementwise primitive, wherever it is singular, in every dtype.

A library gave NaN for the derivative of ``np.where(a <= 0, np.exp(a), 1 + a)`` at 100 in single precision.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.util import find_spec

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
import functrans.ops
from functrans.primitives import Derivatives, Rules, primitives
from functrans.tracing.bind import bind
from tests.cases.judging import nested, nestings


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("a", [100.0, 1000.0, np.inf])
def test_overflow_in_the_branch_not_taken(dtype, a):
    f = lambda a: np.where(a <= 0, np.exp(a), 1 + a)  # noqa: E731
    with np.errstate(over="ignore"):
        for transforms in nestings(1):
            got = nested(transforms, f)(dtype(a))
            assert got == 1
            assert got.dtype == dtype
        for transforms in nestings(2) + nestings(3):
            assert nested(transforms, f)(dtype(a)) == 0


@pytest.mark.parametrize("h", [lambda x: np.where(x <= 0, np.exp(x), 1 + x), lambda x: np.where(x < 0, np.log(x), x)])
@pytest.mark.parametrize("tangent", [lambda x: 1.0, lambda x: x, lambda x: x * 0 + 1, lambda x: x * x])
def test_a_mask_hides_tangents_that_move(h, tangent):
    """The zero that a mask has made stands second in the product with the tangent: it must absorb there, too."""
    with np.errstate(all="ignore"):
        pushed = lambda x: ft.jvp(h, (x,), (tangent(x),))[1]  # noqa: E731
        for order in range(3):
            for transforms in nestings(order):
                assert nested(transforms, pushed)(1000.0) == nested(transforms, tangent)(1000.0)


# Every singular primitive of the registry.

ELEMENTWISE = [p for p in primitives() if isinstance(p.derivative, Derivatives) and p.domain and "." not in p.name]
SINGULAR = [p for p in ELEMENTWISE if p.derivative.singular is not False]
POINTS = [0.0, -0.0, 1.0, -1.0, 2.0, -2.5, 1e-300, 1e-40, 1e30, 300.0, -300.0, np.inf, -np.inf, np.nan]


def points(primitive, dtype):
    """Operands, among the special numbers, at which NumPy computes something."""
    if len(primitive.domain) == 1:
        candidates = [(x,) for x in POINTS]
    else:
        candidates = [(x, y) for x in POINTS for y in (0.0, -1.0, 0.5, 2.0, np.inf, np.nan)]
    return [tuple(dtype(x) for x in point) for point in candidates]


def together(primitive, dtype):
    """All these points at once, as arrays."""
    with np.errstate(all="ignore"):
        return [np.array(column) for column in zip(*points(primitive, dtype), strict=True)]


def test_there_are_singular_primitives():
    names = {p.name for p in SINGULAR}
    assert names >= {"sqrt", "log", "divide", "power", "arcsin", "arccosh", "arctanh", "cbrt", "log1p"}


def usable(primitive, dtype):
    """Whether the primitive takes operands of this dtype, and gives such."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(primitive.impl(*together(primitive, dtype))).dtype == dtype
    except TypeError:
        return False


MASKERS = {
    "where": lambda value, x: np.where(np.zeros(x.shape, bool), value, 3 * x),
    "other where": lambda value, x: np.where(np.ones(x.shape, bool), 3 * x, value),
    "select": lambda value, x: np.select([np.zeros(x.shape, bool), np.ones(x.shape, bool)], [value, 3 * x]),
    "choose": lambda value, x: np.choose(np.ones(x.shape, int), [value, 3 * x]),
    "index": lambda value, x: np.concatenate([value, 3 * x])[len(x) :],
    "mask": lambda value, x: np.concatenate([value, 3 * x])[np.arange(2 * len(x)) >= len(x)],
    "take": lambda value, x: np.take(np.stack([value, 3 * x]), 1, axis=0),
    "set": lambda value, x: ft.numpy.at(value)[:].set(3 * x),
    "sum": lambda value, x: np.sum(np.stack([value, 3 * x]), axis=0, where=np.array([[False], [True]])),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("primitive", ELEMENTWISE, ids=lambda p: p.name)
def test_no_primitive_speaks_from_the_branch_not_taken(primitive, dtype):
    if not usable(primitive, dtype):
        pytest.skip("of other numbers")
    operands = together(primitive, dtype)
    maskers = MASKERS if primitive in SINGULAR else {"where": MASKERS["where"]}
    with np.errstate(all="ignore"):
        for name, masked in maskers.items():
            for position in range(len(operands)):

                def f(x, masked=masked, position=position):
                    moved = [x if i == position else o for i, o in enumerate(operands)]
                    return masked(bind(primitive, *moved), x)

                x = operands[position]
                _, tangent = ft.jvp(f, (x,), (np.ones_like(x),))
                (gradient,) = ft.vjp(f, x)[1](np.ones_like(x))
                assert tangent.dtype == gradient.dtype == dtype
                np.testing.assert_array_equal(tangent, np.full(x.shape, 3), err_msg=f"{name}, forward")
                np.testing.assert_array_equal(gradient, np.full(x.shape, 3), err_msg=f"{name}, reverse")
                second = ft.vjp(lambda x, f=f: ft.vjp(f, x)[1](np.ones_like(x))[0], x)[1](np.ones_like(x))[0]
                np.testing.assert_array_equal(second, np.zeros(x.shape), err_msg=f"{name}, second order")
                second = ft.jvp(lambda x, f=f: ft.vjp(f, x)[1](np.ones_like(x))[0], (x,), (np.ones_like(x),))[1]
                np.testing.assert_array_equal(second, np.zeros(x.shape), err_msg=f"{name}, forward over reverse")


def by_jvp(f):
    return lambda x: ft.jvp(f, (x,), (np.ones_like(x),))[1]


def by_vjp(f):
    return lambda x: ft.vjp(f, x)[1](np.ones_like(x))[0]


@pytest.mark.parametrize("primitive", ELEMENTWISE, ids=lambda p: p.name)
def test_nor_staged_or_batched(primitive):
    if not usable(primitive, np.float64):
        pytest.skip("of other numbers")
    operands = together(primitive, np.float64)
    for position, x in enumerate(operands):

        def f(x, *others, position=position):
            moved = [*others[:position], x, *others[position:]]
            return np.where(np.zeros(x.shape, bool), bind(primitive, *moved), 3 * x)

        others = operands[:position] + operands[position + 1 :]
        with np.errstate(all="ignore"):
            for transforms in nestings(1) + nestings(2):

                def derived(x, *others, f=f, transforms=transforms):
                    g = lambda x: f(x, *others)  # noqa: E731
                    for transform in transforms:
                        g = {"by_jvp": by_jvp, "by_grad": by_vjp}[transform.__name__](g)
                    return g(x)

                expected = np.full(x.shape, 3.0 if len(transforms) == 1 else 0.0)
                program = ft.trace(derived)(x, *others).validate()
                np.testing.assert_array_equal(ft.evaluate(program, x, *others), expected)
                # Each example has an axis of its own.
                batched = ft.vmap(derived)(*[o[:, None] for o in (x, *others)])
                np.testing.assert_array_equal(batched[:, 0], expected)


# Those of SciPy, where it is installed.


def special_functions():
    if find_spec("scipy"):
        import_module("functrans.scipy.special")
    kinds = Derivatives | Rules
    named = [p for p in primitives() if p.name.startswith("scipy.special.") and p.domain]
    named = [p for p in named if p.name != "scipy.special.expn"]  # which refuses orders that are no integers
    return [p for p in named if isinstance(p.derivative, kinds) and len(p.domain) <= len(COLUMNS)]


COLUMNS = [
    [0.0, -0.0, 1.0, -1.0, 2.0, -2.5, 1e-300, 30.0, 300.0, -300.0, np.inf, -np.inf, np.nan],
    [0.0, -1.0, 0.5, 2.0, np.inf, np.nan],
    [0.5, 0.0, 2.0, np.nan],
]


@pytest.mark.parametrize("primitive", special_functions(), ids=lambda p: p.name)
def test_no_special_function_speaks_from_the_branch_not_taken(primitive):
    count = len(primitive.domain)
    rows = [
        [column[((2 * i + 1) * k + i) % len(column)] for i, column in enumerate(COLUMNS[:count])] for k in range(14)
    ]
    operands = list(np.array(rows).T)
    derivative = primitive.derivative
    rules = derivative.locals if isinstance(derivative, Derivatives) else derivative.jvp
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's, of numbers that should be integers
        try:
            value = primitive.impl(*operands)
        except TypeError:
            pytest.skip("of other numbers")
        if value.dtype != float:
            pytest.skip("of other numbers")
        for position, rule in enumerate(rules):
            if rule is None:
                continue

            def f(x, position=position):
                moved = [x if i == position else o for i, o in enumerate(operands)]
                return np.where(np.zeros(x.shape, bool), bind(primitive, *moved), 3 * x)

            x = operands[position]
            for once in (by_jvp, by_vjp):
                np.testing.assert_array_equal(once(f)(x), np.full(x.shape, 3.0))
                for twice in (by_jvp, by_vjp):
                    np.testing.assert_array_equal(twice(once(f))(x), np.zeros(x.shape))


def test_a_guard_within_a_longer_function():
    f = lambda x: np.sum(np.where(x > 0, np.log(x) * np.sqrt(x), 0.0))  # noqa: E731
    x = np.array([-1.0, 0.0, 4.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(ft.grad(f)(x), [0, 0, 0.5 + np.log(4) / 4], rtol=1e-15)
        got = ft.grad(lambda x: np.sum(ft.grad(f)(x)))(x)
        expected = float(mp.diff(lambda x: mp.log(x) * mp.sqrt(x), 4, 2))
    np.testing.assert_allclose(got, [0, 0, expected], rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0, 0.0),
        (lambda x: np.where(x == 0, 1.0, np.sin(x) / x), 0.0, 0.0),
        (lambda x: np.where(x < 1, x, np.exp(x**2)), 0.5, 1.0),
        (lambda x: np.where(np.abs(x) < 1, np.arcsin(x), x), 3.0, 1.0),
        (lambda x: np.clip(1 / x, None, 10.0), 0.0, 0.0),
        (lambda x: np.minimum(np.exp(x), 5.0), 1000.0, 0.0),
        (lambda x: np.maximum(np.log(x), -3.0), 0.0, 0.0),
        (lambda x: np.log(x) if x > 0 else x, -1.0, 1.0),
        (lambda x: np.linalg.norm(np.where(x > 0, np.sqrt(x), 2.0)), -1.0, 0.0),
        (lambda x: 0.0 * np.where(x > 0, np.log(x), x), 0.0, 0.0),
        (lambda x: np.sum(np.stack([np.sqrt(x), x])[1:]), 0.0, 1.0),
    ],
)
def test_common_guards(f, x, expected):
    with np.errstate(all="ignore"):
        for number in (np.float64(x), np.float32(x), np.array(x)):
            assert ft.grad(f)(number) == expected
            assert ft.jvp(f, (number,), (number * 0 + 1,))[1] == expected
