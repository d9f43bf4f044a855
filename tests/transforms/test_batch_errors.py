"""What people write in a function that is batched, and cannot: each error names the line and a way that works."""

import math
import re

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.errors import (
    DerivativeError,
    IntegerInputError,
    NonScalarOutputError,
    ShapeError,
    TracedBoolError,
    TracedValueError,
    TreeError,
    UncoveredFunctionError,
)

XS = np.linspace(-1.0, 1.0, 4)
ROWS = np.arange(6.0).reshape(2, 3)
INDICES = np.array([0, 2])
LOOP = "functrans.map(f, xs)"


def cube(x):
    return np.sum(x**3)


MISTAKES = {
    "float": (lambda: ft.vmap(lambda x: float(x))(XS), TracedValueError, "a batched Float64[],", LOOP),
    "int": (lambda: ft.vmap(lambda x: int(x))(XS), TracedValueError, "a plain integer", LOOP),
    "math": (lambda: ft.vmap(lambda x: math.sin(x))(XS), TracedValueError, "is many values", "`np.exp`, not"),
    "item": (lambda: ft.vmap(lambda x: x.item())(XS), TracedValueError, "`.item()`", LOOP),
    "array": (lambda: ft.vmap(lambda x: np.array([x, x]))(XS), TracedValueError, "a batched", "functrans.numpy.array"),
    "under grad": (lambda: ft.vmap(ft.grad(lambda x: float(x)))(XS), TracedValueError, "a batched Float64[],", LOOP),
    "random": (
        lambda: ft.vmap(lambda x: np.random.default_rng(0).normal(x))(XS),
        TracedValueError,
        "a batched Float64[],",
        LOOP,
    ),
    "vectorize": (
        lambda: ft.vmap(np.vectorize(lambda x: 2 * x))(ROWS),
        TracedValueError,
        "a batched Float64[3],",
        "leave `np.vectorize` out",
    ),
    "vectorize under grad": (
        lambda: ft.grad(lambda x: np.sum(np.vectorize(lambda v: 2 * v)(x)))(XS),
        TracedValueError,
        "a traced Float64[4]",
        "use `functrans.vmap` in its place",
    ),
    "max": (lambda: ft.vmap(lambda x: max(x, 0.0))(XS), TracedBoolError, "a batched Bool[]", "`np.maximum`, not `max`"),
    "and": (lambda: ft.vmap(lambda x: x > 0 and x < 1)(XS), TracedBoolError, "a batched Bool[]", "`a & b`"),
    "list at an index": (
        lambda: ft.vmap(lambda i: [1.0, 2.0, 3.0][i])(INDICES),
        TracedValueError,
        "a count or an index",
        "`functrans.numpy.at(np.array(a))[i].get()`",
    ),
    "slice": (
        lambda: ft.vmap(lambda x, i: x[i : i + 1])(ROWS, INDICES),
        TracedValueError,
        "a count or an index",
        "`i + np.arange(n)`",
    ),
    "table at a float": (
        lambda: ft.vmap(lambda i: np.arange(3.0)[i])(XS),
        TracedValueError,
        "a batched Float64[],",
        "functrans.numpy.at(a)[i.astype(int)].get()",
    ),
    "table at a mask": (
        lambda: ft.vmap(lambda m: np.arange(3.0)[m])(ROWS > 2),
        TracedValueError,
        "a batched Bool[3],",
        "np.where(mask, a, 0)",
    ),
    "range": (lambda: ft.vmap(lambda n: range(n))(INDICES), TracedValueError, "a count or an index", LOOP),
    "arange": (lambda: ft.vmap(lambda x: fnp.arange(x, 3.0))(XS), TracedValueError, "a batched Float64[],", LOOP),
    "nonzero": (lambda: ft.vmap(np.nonzero)(ROWS), TracedValueError, "`np.nonzero` needs the value of a batched", LOOP),
    "not covered": (lambda: ft.vmap(lambda x: np.ix_(x))(XS), UncoveredFunctionError, "`np.ix_`", LOOP),
    "list of numbers": (lambda: ft.vmap(lambda x: x)([1.0, 2.0]), ShapeError, "`x`[0] is batched", "`np.array(xs)`"),
    "option by keyword": (
        lambda: ft.vmap(lambda x, scale: x * scale)(XS, scale=2.0),
        ShapeError,
        "`scale` (given by keyword) is batched along axis 0, but it is a number",
        "functools.partial",
    ),
    "text": (lambda: ft.vmap(lambda x, mode: x)(XS, "mean"), ShapeError, "but it is a str", "None"),
    "arguments with the function": (lambda: ft.vmap(np.sin, XS), ShapeError, "not an axis", "`vmap(f)(xs)`"),
    "map like vmap": (lambda: ft.map(np.sin)(XS), ShapeError, "nothing to map over", "`functrans.map(f, xs)`"),
    "map of a value": (lambda: ft.map(np.sin(XS), XS), DerivativeError, "`map` needs a function", "`map(f, xs)`"),
    "linearize of a value": (lambda: ft.linearize(XS, XS), DerivativeError, "needs a function", "`linearize(f, x)`"),
    "gradient of a grid": (
        lambda: ft.grad(np.sin)(XS),
        NonScalarOutputError,
        "one number",
        "functrans.vmap(functrans.grad",
    ),
    "hessian of a vector": (
        lambda: ft.hessian(np.sin)(XS),
        NonScalarOutputError,
        "one number",
        "(twice: for all second ones)",
    ),
    "jacobian with arguments": (lambda: ft.jacobian(np.sin, XS), DerivativeError, "argnums=array", "`grad(f)(x)`"),
    "hvp with arguments": (lambda: ft.hvp(cube, XS), DerivativeError, "argnums=array", "`grad(f)(x)`"),
    "hvp: vector before arguments": (
        lambda: ft.hvp(lambda x, a: cube(x) * a)(XS, XS, 2.0),
        ShapeError,
        "the vector (the last argument of `hvp(f)`) has shape ()",
        "the arguments of the function first",
    ),
    "hvp: tuple": (lambda: ft.hvp(cube)(XS, (XS,)), TreeError, "the last argument of `hvp(f)`", "the same structure"),
    "hvp: several": (
        lambda: ft.vhp(lambda x, y: cube(x * y), (0, 1))(XS, XS, XS),
        TreeError,
        "the last argument of `vhp(f)`): expected a tuple",
        "the same structure",
    ),
    "derivative at a list": (lambda: ft.derivative(np.sin)([1.0, 2.0]), IntegerInputError, "is a list", "np.array(x"),
    "derivative by branches": (
        lambda: ft.derivative(lambda x: x if x > 0 else -x)(XS),
        TracedBoolError,
        "`derivative_lambda` (test_batch_errors.py",
        LOOP,
    ),
    "empty chunks": (lambda: ft.jacobian(np.sin, chunk_size=0), ShapeError, "at least one direction", "positive"),
    "negative chunks": (lambda: ft.hessian(cube, chunk_size=-1), ShapeError, "at least one direction", "positive"),
}


@pytest.mark.parametrize(("wrong", "error", "what", "fix"), MISTAKES.values(), ids=MISTAKES)
def test_says_what_where_and_how_to_mend_it(wrong, error, what, fix):
    with pytest.raises(error) as caught:
        wrong()
    assert type(caught.value) is error
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert caught.value.where.filename == __file__
    assert (
        not re.search("stop_gradient|`grad`, `vjp` and `jvp`", caught.value.fix) or "batched" not in caught.value.what
    )


def test_what_the_errors_recommend_works():
    assert ft.map(lambda x: float(x) if x > 0 else 0.0, XS).tolist() == [0.0, 0.0, XS[2], 1.0]
    table = np.arange(3.0)
    assert ft.vmap(lambda i: fnp.at(table)[i].get())(INDICES).tolist() == [0.0, 2.0]
    assert ft.vmap(lambda i: fnp.at(ROWS)[:, i].get())(INDICES).tolist() == [[0.0, 3.0], [2.0, 5.0]]
    assert ft.vmap(lambda x, i: x[i + np.arange(2)])(ROWS, np.array([0, 1])).tolist() == [[0.0, 1.0], [4.0, 5.0]]
    assert ft.vmap(lambda x: fnp.at(table)[x.astype(int)].get())(np.array([1.5, 2.0])).tolist() == [1.0, 2.0]
    assert ft.hvp(lambda x, y: cube(x) * cube(y), (0, 1))(XS, XS, [XS, XS])[0].shape == (4,)
