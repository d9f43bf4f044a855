"""Every mistake that has an error of its own: its class, the built-in class that catches it, and its whole text."""

import contextlib
import math
import pickle
import re
import statistics

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.errors import (
    ConvergenceError,
    DerivativeError,
    IntegerInputError,
    LeakedTracerError,
    MissingRuleError,
    NonFiniteError,
    NonScalarOutputError,
    ProgramError,
    ShapeError,
    TracedAssignmentError,
    TracedBoolError,
    TracedValueError,
    TreeError,
    UncoveredFunctionError,
)
from functrans.primitives import Primitive, forget
from functrans.tracing.bind import bind


@pytest.fixture(autouse=True)
def ruleless():
    """A primitive without a derivative, known only while these tests run: others ask for every primitive there is."""
    global RULELESS
    RULELESS = Primitive("ruleless", np.sin, lambda x: x, None)
    yield
    forget(RULELESS)


MISTAKES = []


def mistake(error, builtin, *lines):
    """Declare that a function makes a mistake, and what is said to it, line by line (`N` stands for line numbers)."""

    def declare(function):
        MISTAKES.append(pytest.param(function, error, builtin, "\n".join(lines), id=function.__name__))
        return function

    return declare


# Derivatives that do not exist.


@mistake(
    NonScalarOutputError,
    TypeError,
    "`grad` needs one number, but `<lambda>` (test_errors.py:N) returned Float64[3]",
    "  at test_errors.py:N, in grad_of_a_vector",
    "    ft.grad(lambda x: 2.0 * x)(np.ones(3))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: return a sum, such as `np.sum(out)`, for the gradient of the sum; use "
        "`functrans.vmap(functrans.grad(f))(xs)` for the derivative at each of many points; `functrans.vjp(f, x)` and "
        "its pullback for a weighted sum (a head gradient); `functrans.jacobian(f)` for all derivatives (twice: for "
        "all second ones)."
    ),
)
def grad_of_a_vector():
    ft.grad(lambda x: 2.0 * x)(np.ones(3))


@mistake(
    NonScalarOutputError,
    TypeError,
    "`grad` needs one number, but `<lambda>` (test_errors.py:N) returned a tuple",
    "  at test_errors.py:N, in grad_of_a_tuple",
    "    ft.grad(lambda x: (x, x))(1.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: to return more beside the value use `has_aux=True`; for the derivative of several outputs use "
        "`functrans.vjp` (a weighted sum of them) or `functrans.jacobian` (all)."
    ),
)
def grad_of_a_tuple():
    ft.grad(lambda x: (x, x))(1.0)


@mistake(
    NonScalarOutputError,
    TypeError,
    "`grad` needs one number, but `<lambda>` (test_errors.py:N) returned None",
    "  at test_errors.py:N, in grad_of_nothing",
    "    ft.grad(lambda x: None)(1.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: is a `return` missing?",
)
def grad_of_nothing():
    ft.grad(lambda x: None)(1.0)


@mistake(
    DerivativeError,
    TypeError,
    "`grad` needs a real number, but `<lambda>` (test_errors.py:N) returned complex",
    "  at test_errors.py:N, in grad_of_a_complex_number",
    "    ft.grad(lambda x: x * 1j)(1.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: return `np.real(out)` or `np.abs(out)`; for a holomorphic function pass `holomorphic=True`.",
)
def grad_of_a_complex_number():
    ft.grad(lambda x: x * 1j)(1.0)


@mistake(
    DerivativeError,
    TypeError,
    "`grad` of `<lambda>` (test_errors.py:N), which returned Int64[]: an integer has no derivative",
    "  at test_errors.py:N, in grad_of_an_integer",
    "    ft.grad(lambda x: np.sum(x > 0))(np.ones(3))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: return a floating-point result.",
)
def grad_of_an_integer():
    ft.grad(lambda x: np.sum(x > 0))(np.ones(3))


@mistake(
    DerivativeError,
    TypeError,
    "holomorphic=True, but an argument of `<lambda>` (test_errors.py:N) is not complex",
    "  at test_errors.py:N, in grad_holomorphic_of_a_real_number",
    "    ft.grad(lambda x: x * 1j, holomorphic=True)(1.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass complex arguments (`z + 0j`).",
)
def grad_holomorphic_of_a_real_number():
    ft.grad(lambda x: x * 1j, holomorphic=True)(1.0)


@mistake(
    TreeError,
    ValueError,
    "`str` returned a str: neither numbers nor a container of them",
    "  at test_errors.py:N, in grad_of_a_string",
    "    ft.grad(str)(1.0)",
    "    ^^^^^^^^^^^^^^^^^",
    (
        "Fix: return numbers, arrays, or dicts, lists and tuples of them; hand other results through with "
        "`has_aux=True`, make a type a container with `functrans.tree.register`."
    ),
)
def grad_of_a_string():
    ft.grad(str)(1.0)


@mistake(
    TreeError,
    ValueError,
    "`<lambda>` (test_errors.py:N) returned a set as `out['out'][1]`: neither numbers nor a container of them",
    "  at test_errors.py:N, in vjp_of_a_set",
    '    ft.vjp(lambda x: {"out": [x, {x}]}, 1.0)',
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: return numbers, arrays, or dicts, lists and tuples of them; hand other results through with "
        "`has_aux=True`, make a type a container with `functrans.tree.register`."
    ),
)
def vjp_of_a_set():
    ft.vjp(lambda x: {"out": [x, {x}]}, 1.0)


@mistake(
    TreeError,
    ValueError,
    "`f` (test_errors.py:N) returned an array of object: neither numbers nor a container of them",
    "  at test_errors.py:N, in jvp_of_an_array_of_objects",
    "    ft.jvp(f, (1.0,), (1.0,))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: return numbers, arrays, or dicts, lists and tuples of them; hand other results through with "
        "`has_aux=True`, make a type a container with `functrans.tree.register`."
    ),
)
def jvp_of_an_array_of_objects():
    def f(x):
        a = np.empty(2, object)
        a[0] = x
        return a

    ft.jvp(f, (1.0,), (1.0,))


@mistake(
    IntegerInputError,
    TypeError,
    (
        "derivative with respect to argument `x` of `<lambda>` (test_errors.py:N), which is Int64[2]: only "
        "floating and complex values have one"
    ),
    "  at test_errors.py:N, in integer_array",
    "    ft.grad(lambda x: np.sum(x))(np.array([1, 2]))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: convert it with `x.astype(float)`, or differentiate with respect to other arguments (`argnums=`).",
)
def integer_array():
    ft.grad(lambda x: np.sum(x))(np.array([1, 2]))


@mistake(
    IntegerInputError,
    TypeError,
    (
        "derivative with respect to argument `params`['w'][0] of `loss` (test_errors.py:N), which is Bool[1]: "
        "only floating and complex values have one"
    ),
    "  at test_errors.py:N, in integer_array_in_a_tree",
    '    ft.grad(loss)({"w": [np.array([True])]}, 1.0)',
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: convert it with `x.astype(float)`, or differentiate with respect to other arguments (`argnums=`).",
)
def integer_array_in_a_tree():
    def loss(params, data):
        return np.sum(params["w"][0] * data)

    ft.grad(loss)({"w": [np.array([True])]}, 1.0)


@mistake(
    IntegerInputError,
    TypeError,
    (
        "derivative with respect to argument 0 of `<lambda>` (test_errors.py:N), which is of type str: only "
        "numbers and arrays have one"
    ),
    "  at test_errors.py:N, in string_argument",
    '    ft.vjp(lambda name, x: x, "a", 1.0)',
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: differentiate with respect to other arguments (`argnums=`), or register the type as a container "
        "(`functrans.tree.register`)."
    ),
)
def string_argument():
    ft.vjp(lambda name, x: x, "a", 1.0)


@mistake(
    IntegerInputError,
    TypeError,
    (
        "derivative with respect to argument 0 of `<lambda>` (test_errors.py:N), which is Int64[3]: only "
        "floating and complex values have one"
    ),
    "  at test_errors.py:N, in integer_tangent",
    "    ft.jvp(lambda x: x, (np.arange(3),), (np.ones(3),))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: convert it with `x.astype(float)`, or differentiate with respect to other arguments (`argnums=`).",
)
def integer_tangent():
    ft.jvp(lambda x: x, (np.arange(3),), (np.ones(3),))


# Plain numbers.


@mistake(
    TracedValueError,
    TypeError,
    "a traced float is used as an index, which must be made of integers",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.arange(3.0)[x])(1.0)",
    "                      ^^^^^^^^^^^^^^^^^",
    "Fix: round it, `a[int(functrans.stop_gradient(x))]`: no derivative goes through an index.",
)
def index_of_a_plain_array():
    ft.grad(lambda x: np.arange(3.0)[x])(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a plain float, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: float(x) ** 2)(1.0)",
    "                      ^^^^^^^^",
    (
        "Fix: use NumPy's function (`np.exp`, not `math.exp`); print it with an f-string; "
        "`functrans.stop_gradient(x)` is its plain value, if no derivative is wanted."
    ),
)
def float_of_a_traced_value():
    ft.grad(lambda x: float(x) ** 2)(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a plain float, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: math.exp(x))(1.0)",
    "                      ^^^^^^^^^^^",
    (
        "Fix: use NumPy's function (`np.exp`, not `math.exp`); print it with an f-string; "
        "`functrans.stop_gradient(x)` is its plain value, if no derivative is wanted."
    ),
)
def math_of_a_traced_value():
    ft.grad(lambda x: math.exp(x))(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a plain integer, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: int(x) * x)(1.0)",
    "                      ^^^^^^",
    (
        "Fix: round with `np.floor`, `np.round` or `np.trunc`; `functrans.stop_gradient(x)` is its plain value, "
        "if no derivative is wanted."
    ),
)
def int_of_a_traced_value():
    ft.grad(lambda x: int(x) * x)(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a plain complex number, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: abs(complex(x)))(1.0)",
    "                          ^^^^^^^^^^",
    (
        "Fix: use NumPy's function (`np.exp`, not `cmath.exp`), or multiply by `1j`; "
        "`functrans.stop_gradient(x)` is its plain value, if no derivative is wanted."
    ),
)
def complex_of_a_traced_value():
    ft.grad(lambda x: abs(complex(x)))(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced Float64[3] would become a plain array, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.asarray(x)[0])(np.ones(3))",
    "                      ^^^^^^^^^^^^^",
    (
        "Fix: call NumPy's functions on the value itself; make arrays of traced values with "
        "`functrans.numpy.array` or `np.stack`; `functrans.stop_gradient(x)` is its plain value, if no "
        "derivative is wanted."
    ),
)
def asarray_of_a_traced_value():
    ft.grad(lambda x: np.asarray(x)[0])(np.ones(3))


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a plain array, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(np.array([x, 2.0 * x])))(1.0)",
    "                             ^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: call NumPy's functions on the value itself; make arrays of traced values with "
        "`functrans.numpy.array` or `np.stack`; `functrans.stop_gradient(x)` is its plain value, if no "
        "derivative is wanted."
    ),
)
def array_of_traced_values():
    ft.grad(lambda x: np.sum(np.array([x, 2.0 * x])))(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a plain array, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum([x, 2.0]))(1.0)",
    "                      ^^^^^^^^^^^^^^^^",
    (
        "Fix: call NumPy's functions on the value itself; make arrays of traced values with "
        "`functrans.numpy.array` or `np.stack`; `functrans.stop_gradient(x)` is its plain value, if no "
        "derivative is wanted."
    ),
)
def sum_of_a_list():
    ft.grad(lambda x: np.sum([x, 2.0]))(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a count or an index, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda n: np.sum(np.zeros(n)))(3.0)",
    "                             ^^^^^^^^^^^",
    (
        "Fix: take counts from shapes and plain values; `functrans.stop_gradient(x)` is its plain value, if no "
        "derivative is wanted."
    ),
)
def count():
    ft.grad(lambda n: np.sum(np.zeros(n)))(3.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a count or an index, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda n: sum(range(n)))(3.0)",
    "                          ^^^^^^^^",
    (
        "Fix: take counts from shapes and plain values; `functrans.stop_gradient(x)` is its plain value, if no "
        "derivative is wanted."
    ),
)
def range_of_a_traced_value():
    ft.grad(lambda n: sum(range(n)))(3.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a plain number, by `.item()`, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: x.item())(1.0)",
    "                      ^^^^^^^^",
    (
        "Fix: keep the value as it is, or write `x.reshape(())`; `functrans.stop_gradient(x)` is its plain "
        "value, if no derivative is wanted."
    ),
)
def item():
    ft.grad(lambda x: x.item())(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced Float64[2] would become a list of plain numbers, by `.tolist()`, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: x.tolist()[0])(np.ones(2))",
    "                      ^^^^^^^^^^",
    (
        "Fix: use `list(x)`, whose entries stay traced; `functrans.stop_gradient(x)` is its plain value, if no "
        "derivative is wanted."
    ),
)
def tolist():
    ft.grad(lambda x: x.tolist()[0])(np.ones(2))


@mistake(
    TracedValueError,
    TypeError,
    "a traced Float64[] would become a ratio of integers, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: statistics.mean(x))(np.ones(2))",
    "                      ^^^^^^^^^^^^^^^^^^",
    (
        "Fix: use NumPy's functions (`np.mean`, not `statistics.mean`); `functrans.stop_gradient(x)` is its "
        "plain value, if no derivative is wanted."
    ),
)
def statistics_module():
    ft.grad(lambda x: statistics.mean(x))(np.ones(2))


@mistake(
    TracedValueError,
    TypeError,
    "`scipy.special.logsumexp` would make a plain array of a traced Float64[2], which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: special.logsumexp(x))(np.ones(2))",
    "                      ^^^^^^^^^^^^^^^^^^^^",
    "Fix: call `functrans.scipy.special.logsumexp`, which takes traced values too.",
)
def scipy_function():
    from scipy import special

    ft.grad(lambda x: special.logsumexp(x))(np.ones(2))


@mistake(
    TracedValueError,
    TypeError,
    "`scipy.integrate.quad` would make a plain float of a traced Float64[], which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda a: integrate.quad(lambda x: np.exp(-a * x), 0.0, 1.0)[0])(2.0)",
    "                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: call `functrans.scipy.integrate.quad`, which takes traced values too.",
)
def scipy_function_that_calls_back():
    from scipy import integrate

    ft.grad(lambda a: integrate.quad(lambda x: np.exp(-a * x), 0.0, 1.0)[0])(2.0)


@mistake(
    TracedValueError,
    TypeError,
    "`scipy.optimize.brentq` would make a plain float of a traced float, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda a: optimize.brentq(lambda x: x**3 - a, 0.0, 9.0))(2.0)",
    "                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ("Fix: call `functrans.implicit.root`, which differentiates the solution by its equation (docs/implicit.md)."),
)
def scipy_solver():
    from scipy import optimize

    ft.grad(lambda a: optimize.brentq(lambda x: x**3 - a, 0.0, 9.0))(2.0)


@mistake(
    TracedValueError,
    TypeError,
    "`scipy.interpolate.interp1d` would make a plain array of a traced float, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: line(x))(0.5)",
    "                      ^^^^^^^",
    "Fix: call `functrans.scipy.interpolate.interp1d`, which takes traced values too.",
)
def scipy_object():
    from scipy import interpolate

    line = interpolate.interp1d([0.0, 1.0], [0.0, 2.0])
    ft.grad(lambda x: line(x))(0.5)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float would become a plain array, which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(np.full(3, x)))(0.5)",
    "                             ^^^^^^^^^^^^^",
    "Fix: write `functrans.numpy.full`, which takes traced values too.",
)
def full_of_a_traced_value():
    ft.grad(lambda x: np.sum(np.full(3, x)))(0.5)


@mistake(
    TracedValueError,
    TypeError,
    "`scipy.linalg.qz` would make a plain array of a traced Float64[2 2], which has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: linalg.qz(x, x)[0][0, 0])(np.ones((2, 2)))",
    "                      ^^^^^^^^^^^^^^^",
    (
        "Fix: functrans does not cover it: write it with covered functions (`dir(functrans.numpy)`, "
        "`dir(functrans.scipy)`), or declare a primitive (docs/add_a_primitive.md)."
    ),
)
def scipy_function_that_is_not_covered():
    from scipy import linalg

    ft.grad(lambda x: linalg.qz(x, x)[0][0, 0])(np.ones((2, 2)))


@mistake(
    TracedValueError,
    TypeError,
    (
        "a staged float, traced by `trace` of `<lambda>` (test_errors.py:N), has no value and cannot become a "
        "plain float"
    ),
    "  at test_errors.py:N, in <lambda>",
    "    ft.trace(lambda x: float(x))(1.0)",
    "                       ^^^^^^^^",
    (
        "Fix: use NumPy's function (`np.exp`, not `math.exp`); print it with an f-string; or do without the "
        "staged trace: `grad`, `vjp` and `jvp` work on values."
    ),
)
def float_of_a_staged_value():
    ft.trace(lambda x: float(x))(1.0)


@mistake(
    TracedValueError,
    TypeError,
    (
        "a staged Int64[], traced by `trace` of `<lambda>` (test_errors.py:N), has no value and cannot become a "
        "count or an index"
    ),
    "  at test_errors.py:N, in <lambda>",
    "    ft.trace(lambda x: np.zeros(np.sum(x > 0)))(np.ones(3))",
    "                       ^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: take counts from shapes and plain values; or do without the staged trace: `grad`, `vjp` and `jvp` "
        "work on values."
    ),
)
def count_of_a_staged_value():
    ft.trace(lambda x: np.zeros(np.sum(x > 0)))(np.ones(3))


@mistake(
    TracedValueError,
    TypeError,
    (
        "a staged float, traced by `trace` of `grad_lambda` (test_errors.py:N), has no value and cannot become a "
        "plain float"
    ),
    "  at test_errors.py:N, in <lambda>",
    "    ft.trace(ft.grad(lambda x: math.sin(x)))(1.0)",
    "                               ^^^^^^^^^^^",
    (
        "Fix: use NumPy's function (`np.exp`, not `math.exp`); print it with an f-string; or do without the "
        "staged trace: `grad`, `vjp` and `jvp` work on values."
    ),
)
def float_while_a_gradient_is_traced():
    ft.trace(ft.grad(lambda x: math.sin(x)))(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "`multiply` of a traced value and an array of objects, which may hold traced values: they would be lost",
    "  at test_errors.py:N, in f",
    "    return np.sum(a * x)",
    "                  ^^^^^",
    "Fix: make an array of numbers, `functrans.numpy.array(list)`.",
)
def object_array():
    def f(x):
        a = np.array([None, 1.0], dtype=object)
        a[0] = x
        return np.sum(a * x)

    ft.grad(f)(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "an array of object cannot hold traced values",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: fnp.array([x, 1.0], dtype=object)[0])(1.0)",
    "                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: keep them in a list, or use a dtype of numbers.",
)
def array_of_objects_asked_for():
    ft.grad(lambda x: fnp.array([x, 1.0], dtype=object)[0])(1.0)


@mistake(
    TracedValueError,
    TypeError,
    "`arange` up to a traced float: how many entries there are has no derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(fnp.arange(0.0, x)))(3.0)",
    "                             ^^^^^^^^^^^^^^^^^^",
    (
        "Fix: for a grid that moves with its end use `np.linspace(start, stop, num)`; for a plain end pass "
        "`functrans.stop_gradient(stop)`."
    ),
)
def traced_stop_of_arange():
    ft.grad(lambda x: np.sum(fnp.arange(0.0, x)))(3.0)


@mistake(
    TracedValueError,
    TypeError,
    "`arange` needs the value of a staged float: the shape of its result depends on it",
    "  at test_errors.py:N, in <lambda>",
    "    ft.trace(lambda x: fnp.arange(x, 3.0))(0.0)",
    "                       ^^^^^^^^^^^^^^^^^^",
    "Fix: compute shapes from plain values; `grad`, `vjp` and `jvp` know the values.",
)
def arange_in_a_staged_trace():
    ft.trace(lambda x: fnp.arange(x, 3.0))(0.0)


# Assignment.


@mistake(
    TracedAssignmentError,
    TypeError,
    "a traced float was assigned into a plain array, which would lose its derivative",
    "  at test_errors.py:N, in f",
    "    a[0] = x",
    "    ^^^^",
    (
        "Fix: `a = functrans.numpy.at(a)[index].set(x)` gives the changed array; or collect the entries in a "
        "list and make the array at the end, `functrans.numpy.array(entries)`."
    ),
)
def assignment_of_an_element():
    def f(x):
        a = np.zeros(3)
        a[0] = x
        return np.sum(a)

    ft.grad(f)(1.0)


@mistake(
    TracedAssignmentError,
    TypeError,
    "a traced Float64[2] was assigned into a plain array, which would lose its derivative",
    "  at test_errors.py:N, in f",
    "    a[1:] = x",
    "    ^^^^^",
    (
        "Fix: `a = functrans.numpy.at(a)[index].set(x)` gives the changed array; or collect the entries in a "
        "list and make the array at the end, `functrans.numpy.array(entries)`."
    ),
)
def assignment_of_a_slice():
    def f(x):
        a = np.zeros(3)
        a[1:] = x
        return np.sum(a)

    ft.grad(f)(np.ones(2))


@mistake(
    TracedAssignmentError,
    TypeError,
    "a traced float was assigned into a plain array, which would lose its derivative",
    "  at test_errors.py:N, in f",
    "    a.flat[0] = x",
    "    ^^^^^^^^^",
    (
        "Fix: `a = functrans.numpy.at(a)[index].set(x)` gives the changed array; or collect the entries in a "
        "list and make the array at the end, `functrans.numpy.array(entries)`."
    ),
)
def assignment_through_flat():
    def f(x):
        a = np.zeros(3)
        a.flat[0] = x
        return np.sum(a)

    ft.grad(f)(1.0)


@mistake(
    TracedAssignmentError,
    TypeError,
    "assignment into a traced Float64[2], which is immutable",
    "  at test_errors.py:N, in f",
    "    x[0] = 1.0",
    "    ^^^^",
    "Fix: write `x = functrans.numpy.at(x)[index].set(value)` (or `.add`, `.multiply`, `.min`, `.max`).",
)
def assignment_into_a_traced_value():
    def f(x):
        x[0] = 1.0
        return np.sum(x)

    ft.grad(f)(np.ones(2))


@mistake(
    TracedAssignmentError,
    TypeError,
    "`a += x` would write a traced value into a plain array, which would lose its derivative",
    "  at test_errors.py:N, in f",
    "    a += x",
    "    ^^^^^^",
    "Fix: write `a = a + x`, which makes a new array.",
)
def in_place_operator():
    def f(x):
        a = np.zeros(3)
        a += x
        return np.sum(a)

    ft.grad(f)(np.ones(3))


@mistake(
    TracedAssignmentError,
    TypeError,
    "`a[index] += x` would write a traced value into a plain array, which would lose its derivative",
    "  at test_errors.py:N, in f",
    "    a[1:] += x",
    "    ^^^^^^^^^^",
    "Fix: write `a = functrans.numpy.at(a)[index].add(x)`, which makes a new array.",
)
def in_place_operator_on_entries():
    def f(x):
        a = np.zeros(3)
        a[1:] += x
        return np.sum(a)

    ft.grad(f)(np.ones(2))


@mistake(
    TracedAssignmentError,
    TypeError,
    "`a[index] //= x` would write a traced value into a plain array, which would lose its derivative",
    "  at test_errors.py:N, in f",
    "    a[[0, 2]] //= x",
    "    ^^^^^^^^^^^^^^^",
    "Fix: write `a = functrans.numpy.at(a)[index].set(a[index] // x)`, which makes a new array.",
)
def in_place_operator_on_listed_entries():
    def f(x):
        a = np.ones(3)
        a[[0, 2]] //= x
        return np.sum(a)

    ft.grad(f)(np.ones(2))


@mistake(
    TracedAssignmentError,
    TypeError,
    "`a @= x` would write a traced value into a plain array, which would lose its derivative",
    "  at test_errors.py:N, in f",
    "    a @= x",
    "    ^^^^^^",
    "Fix: write `a = a @ x`, which makes a new array.",
)
def in_place_matmul():
    def f(x):
        a = np.eye(3)
        a @= x
        return np.sum(a)

    ft.grad(f)(np.ones((3, 3)))


@mistake(
    TracedAssignmentError,
    TypeError,
    "`out=` of `np.exp` would write a traced value into a plain array, which would lose its derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(np.exp(x, out=np.zeros(3))))(np.ones(3))",
    "                             ^^^^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: use the returned value; for `out=` with `where=mask` write `np.where(mask, result, otherwise)`, "
        "whose derivative does not see the entries left out."
    ),
)
def out_of_a_ufunc():
    ft.grad(lambda x: np.sum(np.exp(x, out=np.zeros(3))))(np.ones(3))


@mistake(
    TracedAssignmentError,
    TypeError,
    "`out=` of `np.cumsum` would write a traced value into a plain array, which would lose its derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.cumsum(x, out=np.zeros(3))[0])(np.ones(3))",
    "                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: use the returned value; for `out=` with `where=mask` write `np.where(mask, result, otherwise)`, "
        "whose derivative does not see the entries left out."
    ),
)
def out_of_a_function():
    ft.grad(lambda x: np.cumsum(x, out=np.zeros(3))[0])(np.ones(3))


@mistake(
    TracedAssignmentError,
    TypeError,
    "`np.add.at` would write a traced value into an array",
    "  at test_errors.py:N, in f",
    "    np.add.at(a, [0, 0], x)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: write `x = functrans.numpy.at(x)[index].add(y)`, which returns the updated array.",
)
def ufunc_at():
    def f(x):
        a = np.zeros(3)
        np.add.at(a, [0, 0], x)
        return np.sum(a)

    ft.grad(f)(1.0)


@mistake(
    TracedAssignmentError,
    TypeError,
    "`np.copyto` would write a traced value into an array in place and lose its derivative",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.copyto(np.zeros(3), x))(1.0)",
    "                      ^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: write `dst = np.where(mask, src, dst)`, or `dst = np.broadcast_to(src, dst.shape)` without a mask.",
)
def copyto():
    ft.grad(lambda x: np.copyto(np.zeros(3), x))(1.0)


# Bool.


@mistake(
    TracedBoolError,
    TypeError,
    "Python asked whether a staged bool is true; traced by `trace` of `relu` (test_errors.py:N), it has no value",
    "  at test_errors.py:N, in relu",
    "    if x > 0:",
    "       ^^^^^",
    (
        "Fix: choose between arrays with `np.where(condition, a, b)`; or do without the staged trace: `grad`, "
        "`vjp` and `jvp` follow `if` and `while` by the values."
    ),
)
def if_while_staged():
    def relu(x):
        if x > 0:
            return x
        return 0.0 * x

    ft.trace(relu)(1.0)


@mistake(
    TracedBoolError,
    TypeError,
    ("Python asked whether a staged bool is true; traced by `trace` of `grad_f` (test_errors.py:N), it has no value"),
    "  at test_errors.py:N, in f",
    "    while x < 10:",
    "          ^^^^^^",
    (
        "Fix: choose between arrays with `np.where(condition, a, b)`; or do without the staged trace: `grad`, "
        "`vjp` and `jvp` follow `if` and `while` by the values."
    ),
)
def while_while_a_gradient_is_staged():
    def f(x):
        while x < 10:
            x = x * 2
        return x

    ft.trace(ft.grad(f))(1.0)


# Leaks.


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `grad` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in leaked_from_grad",
    "    kept[0] * 2.0",
    "    ^^^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_from_grad():
    kept = []
    ft.grad(lambda x: kept.append(x) or x)(1.0)
    kept[0] * 2.0


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `vjp` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in leaked_from_vjp",
    "    np.sum(kept[0])",
    "    ^^^^^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_from_vjp():
    kept = []
    ft.vjp(lambda x: kept.append(x) or x, np.ones(3))
    np.sum(kept[0])


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `jvp` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in leaked_from_jvp",
    "    kept[0] + 1.0",
    "    ^^^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_from_jvp():
    kept = []
    ft.jvp(lambda x: kept.append(x) or x, (1.0,), (1.0,))
    kept[0] + 1.0


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `trace` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in leaked_from_trace",
    "    np.sin(kept[0])",
    "    ^^^^^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_from_trace():
    kept = []
    ft.trace(lambda x: kept.append(x) or x)(1.0)
    np.sin(kept[0])


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `grad` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: x * kept[0])(1.0)",
    "                      ^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_into_another_trace():
    kept = []
    ft.grad(lambda x: kept.append(x) or x)(1.0)
    ft.grad(lambda x: x * kept[0])(1.0)


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `jvp` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in <lambda>",
    "    ft.trace(lambda x: x * kept[0])(1.0)",
    "                       ^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_into_a_staged_trace():
    kept = []
    ft.jvp(lambda x: kept.append(x) or x, (1.0,), (1.0,))
    ft.trace(lambda x: x * kept[0])(1.0)


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `grad` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in leaked_as_a_result",
    "    ft.grad(lambda x: kept[0])(1.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_as_a_result():
    kept = []
    ft.grad(lambda x: kept.append(x) or x)(1.0)
    ft.grad(lambda x: kept[0])(1.0)


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `grad` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in leaked_into_float",
    "    float(kept[0])",
    "    ^^^^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_into_float():
    kept = []
    ft.grad(lambda x: kept.append(x) or x)(1.0)
    float(kept[0])


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `trace` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in leaked_into_if",
    "    bool(kept[0])",
    "    ^^^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_into_if():
    kept = []
    ft.trace(lambda x: kept.append(x > 0) or x)(1.0)
    bool(kept[0])


@mistake(
    LeakedTracerError,
    RuntimeError,
    "a value traced by `vjp` of `<lambda>` (test_errors.py:N) was used after that had ended",
    "  at test_errors.py:N, in leaked_into_a_comparison",
    "    np.greater(kept[0], 0.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^",
    (
        "Fix: return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`."
    ),
)
def leaked_into_a_comparison():
    kept = []
    ft.vjp(lambda x: kept.append(x) or x, 1.0)
    np.greater(kept[0], 0.0)


@mistake(
    TracedValueError,
    TypeError,
    "a traced float cannot be pickled or sent to another process",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: pickle.loads(pickle.dumps(x)))(1.0)",
    "                                   ^^^^^^^^^^^^^^^",
    "Fix: return it from the function that is being differentiated.",
)
def pickled():
    ft.grad(lambda x: pickle.loads(pickle.dumps(x)))(1.0)


# Rules.


@mistake(
    MissingRuleError,
    NotImplementedError,
    "the primitive `ruleless` has no derivative rule",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: bind(RULELESS, x))(1.0)",
    "                      ^^^^^^^^^^^^^^^^^",
    (
        "Fix: declare one with the primitive (`functrans.primitive(f, jvp=...)`, docs/add_a_primitive.md), "
        "or pass `functrans.stop_gradient(x)` if no derivative is wanted through it."
    ),
)
def no_rule():
    ft.grad(lambda x: bind(RULELESS, x))(1.0)


@mistake(
    MissingRuleError,
    NotImplementedError,
    "the primitive `ruleless` has no derivative rule",
    "  at test_errors.py:N, in <lambda>",
    "    ft.jvp(lambda x: bind(RULELESS, x), (1.0,), (1.0,))",
    "                     ^^^^^^^^^^^^^^^^^",
    (
        "Fix: declare one with the primitive (`functrans.primitive(f, jvp=...)`, docs/add_a_primitive.md), "
        "or pass `functrans.stop_gradient(x)` if no derivative is wanted through it."
    ),
)
def no_rule_forwards():
    ft.jvp(lambda x: bind(RULELESS, x), (1.0,), (1.0,))


# Shapes.


@mistake(
    ShapeError,
    ValueError,
    "`add` of Float64[3], Float64[4]: the shapes do not broadcast",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(x + np.ones(4)))(np.ones(3))",
    "                             ^^^^^^^^^^^^^^",
    (
        "Fix: shapes are compared from the last axis; each pair must be equal, or one of them 1. Add axes with "
        "`x[:, None]` or `np.expand_dims`."
    ),
)
def shapes_of_an_operator():
    ft.grad(lambda x: np.sum(x + np.ones(4)))(np.ones(3))


@mistake(
    ShapeError,
    ValueError,
    "`add` of Float64[3], Float64[4]: the shapes do not broadcast",
    "  at test_errors.py:N, in <lambda>",
    "    ft.jvp(lambda x: x + np.ones(4), (np.ones(3),), (np.ones(3),))",
    "                     ^^^^^^^^^^^^^^",
    (
        "Fix: shapes are compared from the last axis; each pair must be equal, or one of them 1. Add axes with "
        "`x[:, None]` or `np.expand_dims`."
    ),
)
def shapes_of_an_operator_forwards():
    ft.jvp(lambda x: x + np.ones(4), (np.ones(3),), (np.ones(3),))


@mistake(
    ShapeError,
    ValueError,
    "`add` of Float64[3], Float64[4]: the shapes do not broadcast",
    "  at test_errors.py:N, in <lambda>",
    "    ft.trace(lambda x: x + np.ones(4))(np.ones(3))",
    "                       ^^^^^^^^^^^^^^",
    (
        "Fix: shapes are compared from the last axis; each pair must be equal, or one of them 1. Add axes with "
        "`x[:, None]` or `np.expand_dims`."
    ),
)
def shapes_of_an_operator_staged():
    ft.trace(lambda x: x + np.ones(4))(np.ones(3))


@mistake(
    ShapeError,
    ValueError,
    "`np.matmul` of Float64[2 3] and Float64[4 2]: an axis of length 3 meets one of length 4",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(x @ np.ones((4, 2))))(np.ones((2, 3)))",
    "                             ^^^^^^^^^^^^^^^^^^^",
    "Fix: the axes that are summed over must have the same length; a transpose (`x.T`, `x.mT`) may be missing.",
)
def shapes_of_matmul():
    ft.grad(lambda x: np.sum(x @ np.ones((4, 2))))(np.ones((2, 3)))


@mistake(
    ShapeError,
    ValueError,
    "`np.matmul` of Float64[2 3] and Float64[4 2]: an axis of length 3 meets one of length 4",
    "  at test_errors.py:N, in <lambda>",
    "    ft.trace(lambda x: np.sum(x @ np.ones((4, 2))))(np.ones((2, 3)))",
    "                              ^^^^^^^^^^^^^^^^^^^",
    "Fix: the axes that are summed over must have the same length; a transpose (`x.T`, `x.mT`) may be missing.",
)
def shapes_of_matmul_staged():
    ft.trace(lambda x: np.sum(x @ np.ones((4, 2))))(np.ones((2, 3)))


@mistake(
    ShapeError,
    ValueError,
    "cannot concatenate Float64[3] and Float64[2 2] along axis 0",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(np.concatenate([x, np.ones((2, 2))])))(np.ones(3))",
    "                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: all lengths except that of the joined axis must be equal; `np.stack` joins along a new axis.",
)
def shapes_of_concatenate():
    ft.grad(lambda x: np.sum(np.concatenate([x, np.ones((2, 2))])))(np.ones(3))


@mistake(
    ShapeError,
    ValueError,
    "cannot reshape Float64[3], which has 3 entries, into (2, 2)",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(x.reshape(2, 2)))(np.ones(3))",
    "                             ^^^^^^^^^^^^^^^",
    "Fix: the lengths must multiply to the number of entries; one of them may be -1, to be worked out.",
)
def shape_of_reshape():
    ft.grad(lambda x: np.sum(x.reshape(2, 2)))(np.ones(3))


@mistake(
    ShapeError,
    ValueError,
    (
        "an array of a nested list with traced values: setting an array element with a sequence. The requested "
        "array has an inhomogeneous shape after 1 dimensions. The detected shape was (2,) + inhomogeneous part."
    ),
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(fnp.array([x, [1.0, 2.0]])))(np.ones(3))",
    "                             ^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: give entries of one shape, or broadcast them first (`np.broadcast_arrays`).",
)
def ragged_array():
    ft.grad(lambda x: np.sum(fnp.array([x, [1.0, 2.0]])))(np.ones(3))


# Calls of transforms.


@mistake(
    DerivativeError,
    TypeError,
    "has_aux=True, but `<lambda>` (test_errors.py:N) returned float",
    "  at test_errors.py:N, in has_aux_without_a_pair",
    "    ft.grad(lambda x: x * x, has_aux=True)(1.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: return a pair `(value, aux)`.",
)
def has_aux_without_a_pair():
    ft.grad(lambda x: x * x, has_aux=True)(1.0)


@mistake(
    DerivativeError,
    TypeError,
    "argnums=2, but `<lambda>` (test_errors.py:N) was called with 2 positional arguments",
    "  at test_errors.py:N, in argnums_out_of_range",
    "    ft.grad(lambda x, y: x * y, 2)(1.0, 2.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass the argument by position, or select it with `argnames=`.",
)
def argnums_out_of_range():
    ft.grad(lambda x, y: x * y, 2)(1.0, 2.0)


@mistake(
    DerivativeError,
    TypeError,
    "argnums=1, but `loss` (test_errors.py:N) was called with 1 positional arguments",
    "  at test_errors.py:N, in argnums_of_a_keyword",
    "    ft.grad(loss, 1)(1.0, x=2.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass the argument by position, or select it with `argnames=`.",
)
def argnums_of_a_keyword():
    def loss(w, x):
        return w * x

    ft.grad(loss, 1)(1.0, x=2.0)


@mistake(
    DerivativeError,
    TypeError,
    "argnums='x' is neither an integer nor several",
    "  at test_errors.py:N, in argnums_that_is_no_integer",
    '    ft.grad(lambda x: x, "x")(1.0)',
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: select arguments by name with `argnames=`; what `f` is called with is given to the result, `grad(f)(x)`.",
)
def argnums_that_is_no_integer():
    ft.grad(lambda x: x, "x")(1.0)


@mistake(
    DerivativeError,
    TypeError,
    "`grad` needs a function, but was given a float",
    "  at test_errors.py:N, in grad_of_a_number",
    "    ft.grad(math.sin(1.0))",
    "    ^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass the function itself and call the result: `grad(f)(x)`, not `grad(f(x))`.",
)
def grad_of_a_number():
    ft.grad(math.sin(1.0))


@mistake(
    DerivativeError,
    TypeError,
    "`trace` needs a function, but was given a float",
    "  at test_errors.py:N, in trace_of_a_number",
    "    ft.trace(ft.grad(np.sin)(0.5))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass the function itself and call the result: `trace(f)(x)`, not `trace(f(x))`.",
)
def trace_of_a_number():
    ft.trace(ft.grad(np.sin)(0.5))


@mistake(
    DerivativeError,
    TypeError,
    "`vjp` needs a function, but was given a ndarray",
    "  at test_errors.py:N, in vjp_of_an_array",
    "    ft.vjp(np.sin(np.ones(2)))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass the function itself, then what it is called with: `vjp(f, x)`.",
)
def vjp_of_an_array():
    ft.vjp(np.sin(np.ones(2)))


@mistake(
    DerivativeError,
    TypeError,
    "`jvp` needs a function, but was given a Program",
    "  at test_errors.py:N, in jvp_of_a_program",
    "    ft.jvp(program, (1.0,), (1.0,))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: write a function that runs it: `lambda x: functrans.evaluate(program, x)`.",
)
def jvp_of_a_program():
    program = ft.trace(np.sin)(1.0)
    ft.jvp(program, (1.0,), (1.0,))


@mistake(
    DerivativeError,
    TypeError,
    "argnames='b', but `loss` (test_errors.py:N) was called without an argument of that name",
    "  at test_errors.py:N, in argnames_unknown",
    '    ft.grad(loss, argnames="b")(1.0, x=2.0)',
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: its parameters are w, x; an argument left at its default must be passed.",
)
def argnames_unknown():
    def loss(w, x):
        return w * x

    ft.grad(loss, argnames="b")(1.0, x=2.0)


@mistake(
    DerivativeError,
    TypeError,
    "argnums=0 and argnames='x' select an argument of `<lambda>` (test_errors.py:N) twice",
    "  at test_errors.py:N, in selected_twice",
    '    ft.grad(lambda x, y: x * y, argnums=0, argnames="x")(1.0, 2.0)',
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: name each argument once.",
)
def selected_twice():
    ft.grad(lambda x, y: x * y, argnums=0, argnames="x")(1.0, 2.0)


@mistake(
    DerivativeError,
    TypeError,
    "argnums=0, but `<lambda>` (test_errors.py:N) was called with 0 positional arguments",
    "  at test_errors.py:N, in no_arguments",
    "    ft.grad(lambda: 1.0)()",
    "    ^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass the argument by position, or select it with `argnames=`.",
)
def no_arguments():
    ft.grad(lambda: 1.0)()


@mistake(
    ShapeError,
    ValueError,
    "the cotangent has shape (2,), but what it belongs to is Float64[3]",
    "  at test_errors.py:N, in cotangent_shape",
    "    pullback(np.ones(2))",
    "    ^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass an array of shape (3,).",
)
def cotangent_shape():
    _, pullback = ft.vjp(lambda x: 2.0 * x, np.ones(3))
    pullback(np.ones(2))


@mistake(
    TreeError,
    ValueError,
    "the cotangent: expected {'a': *, 'b': *}, got a dict with keys ['a']",
    "  at test_errors.py:N, in cotangent_structure",
    '    pullback({"a": np.ones(3)})',
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: both must have the same structure: the same containers with the same keys, and one array for each leaf.",
)
def cotangent_structure():
    _, pullback = ft.vjp(lambda x: {"a": x, "b": x}, np.ones(3))
    pullback({"a": np.ones(3)})


@mistake(
    TreeError,
    ValueError,
    "the cotangent: expected a tuple, got a list",
    "  at test_errors.py:N, in cotangent_list_for_tuple",
    "    pullback([1.0, 1.0])",
    "    ^^^^^^^^^^^^^^^^^^^^",
    "Fix: both must have the same structure: the same containers with the same keys, and one array for each leaf.",
)
def cotangent_list_for_tuple():
    _, pullback = ft.vjp(lambda x: (x, x), 1.0)
    pullback([1.0, 1.0])


@mistake(
    ShapeError,
    ValueError,
    "the cotangent is Complex128[], but what it belongs to is float",
    "  at test_errors.py:N, in cotangent_dtype",
    "    pullback(1j)",
    "    ^^^^^^^^^^^^",
    "Fix: pass an array of float64.",
)
def cotangent_dtype():
    _, pullback = ft.vjp(lambda x: 2.0 * x, 1.0)
    pullback(1j)


@mistake(
    ShapeError,
    ValueError,
    "the tangent has shape (3, 1), but what it belongs to is Float64[3]",
    "  at test_errors.py:N, in tangent_shape",
    "    ft.jvp(lambda x: x, (np.ones(3),), (np.ones((3, 1)),))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass an array of shape (3,).",
)
def tangent_shape():
    ft.jvp(lambda x: x, (np.ones(3),), (np.ones((3, 1)),))


@mistake(
    TreeError,
    ValueError,
    "the tangents: expected (*, *), got a tuple with 1 entries",
    "  at test_errors.py:N, in tangent_structure",
    "    ft.jvp(lambda x, y: x, (1.0, 2.0), (1.0,))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: both must have the same structure: the same containers with the same keys, and one array for each leaf.",
)
def tangent_structure():
    ft.jvp(lambda x, y: x, (1.0, 2.0), (1.0,))


@mistake(
    ShapeError,
    ValueError,
    "the tangent is Str32[3], but what it belongs to is Float64[3]",
    "  at test_errors.py:N, in tangent_dtype",
    '    ft.jvp(lambda x: x, (np.ones(3),), (np.array(["a", "b", "c"]),))',
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: pass an array of float64.",
)
def tangent_dtype():
    ft.jvp(lambda x: x, (np.ones(3),), (np.array(["a", "b", "c"]),))


@mistake(
    TreeError,
    ValueError,
    "the primals of `jvp` are a float, not a tuple of arguments",
    "  at test_errors.py:N, in primals_not_in_a_tuple",
    "    ft.jvp(lambda x: x, 1.0, 1.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: write `jvp(f, (x,), (dx,))`.",
)
def primals_not_in_a_tuple():
    ft.jvp(lambda x: x, 1.0, 1.0)


@mistake(
    NonScalarOutputError,
    TypeError,
    "`jacobian` needs real outputs, but `<lambda>` (test_errors.py:N) returned Complex128[3]",
    "  at test_errors.py:N, in jacobian_of_a_complex_function",
    "    ft.jacobian(lambda x: x * 1j)(np.ones(3))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: return real and imaginary parts apart (`np.real(out)`, `np.imag(out)`).",
)
def jacobian_of_a_complex_function():
    ft.jacobian(lambda x: x * 1j)(np.ones(3))


@mistake(
    TreeError,
    ValueError,
    "arguments of program: expected (*,), got a tuple with 2 entries",
    "  at test_errors.py:N, in evaluate_with_other_arguments",
    "    ft.evaluate(ft.trace(lambda x: x)(1.0), 1.0, 2.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: both must have the same structure: the same containers with the same keys, and one array for each leaf.",
)
def evaluate_with_other_arguments():
    ft.evaluate(ft.trace(lambda x: x)(1.0), 1.0, 2.0)


# Uncovered.


@mistake(
    UncoveredFunctionError,
    NotImplementedError,
    "`np.unpackbits` on a traced value is not covered",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(np.unpackbits(x)))(np.ones(3))",
    "                             ^^^^^^^^^^^^^^^^",
    (
        "Fix: write it with covered functions (`dir(functrans.numpy)` lists them), pass "
        "`functrans.stop_gradient(x)` if no derivative is wanted "
        "through it, or declare a primitive (docs/add_a_primitive.md)."
    ),
)
def uncovered_function():
    ft.grad(lambda x: np.sum(np.unpackbits(x)))(np.ones(3))


@mistake(
    UncoveredFunctionError,
    NotImplementedError,
    "`gamma (vectorized)` on a traced value is not covered",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: python_ufunc(x))(1.0)",
    "                      ^^^^^^^^^^^^^^^",
    (
        "Fix: write it with covered functions (`dir(functrans.numpy)` lists them), pass "
        "`functrans.stop_gradient(x)` if no derivative is wanted "
        "through it, or declare a primitive (docs/add_a_primitive.md)."
    ),
)
def uncovered_ufunc():
    python_ufunc = np.frompyfunc(math.gamma, 1, 1)
    ft.grad(lambda x: python_ufunc(x))(1.0)


@mistake(
    UncoveredFunctionError,
    NotImplementedError,
    "`.view()` works on the memory of an array, and a traced Float64[3] has none",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: x.view(int)[0])(np.ones(3))",
    "                      ^^^^^^^^^^^",
    "Fix: convert with `.astype(dtype)`, or apply it to the result, outside the function that is differentiated.",
)
def uncovered_method():
    ft.grad(lambda x: x.view(int)[0])(np.ones(3))


@mistake(
    UncoveredFunctionError,
    NotImplementedError,
    "an operation on a traced value and a `numpy.matrix` is not covered",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(x * np.matrix([[1.0, 2.0]])))(1.0)",
    "                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: take the plain array that it holds: `np.asarray(x)`, `x.filled(value)`, `x.to_numpy()`.",
)
def uncovered_class():
    ft.grad(lambda x: np.sum(x * np.matrix([[1.0, 2.0]])))(1.0)


@mistake(
    TreeError,
    ValueError,
    "argument `x` of `<lambda>` (test_errors.py:N) is a matrix, whose arithmetic is not that of arrays",
    "  at test_errors.py:N, in gradient_by_a_matrix",
    "    ft.grad(lambda x: (x * x)[0, 0])(np.eye(2).view(np.matrix))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ("Fix: give an array: `np.asarray(a)`; a mask by itself, for `np.where(mask, a, b)` or `np.sum(a, where=mask)`."),
)
def gradient_by_a_matrix():
    ft.grad(lambda x: (x * x)[0, 0])(np.eye(2).view(np.matrix))


@mistake(
    TreeError,
    ValueError,
    "argument `x` of `<lambda>` (test_errors.py:N) is a MaskedArray, whose arithmetic is not that of arrays",
    "  at test_errors.py:N, in gradient_by_a_masked_array",
    "    ft.grad(lambda x: x.mean())(np.ma.array([1.0, 2.0], mask=[0, 1]))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ("Fix: give an array: `np.asarray(a)`; a mask by itself, for `np.where(mask, a, b)` or `np.sum(a, where=mask)`."),
)
def gradient_by_a_masked_array():
    ft.grad(lambda x: x.mean())(np.ma.array([1.0, 2.0], mask=[0, 1]))


@mistake(
    TreeError,
    ValueError,
    "argument `x` is a matrix, whose arithmetic is not that of arrays",
    "  at test_errors.py:N, in batch_of_a_matrix",
    "    ft.vmap(lambda x: x * x)(np.eye(2).view(np.matrix))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ("Fix: give an array: `np.asarray(a)`; a mask by itself, for `np.where(mask, a, b)` or `np.sum(a, where=mask)`."),
)
def batch_of_a_matrix():
    ft.vmap(lambda x: x * x)(np.eye(2).view(np.matrix))


@mistake(
    TreeError,
    ValueError,
    "the tangent is a matrix, whose arithmetic is not that of arrays",
    "  at test_errors.py:N, in tangent_that_is_a_matrix",
    "    ft.jvp(np.sin, (np.eye(2),), (np.eye(2).view(np.matrix),))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ("Fix: give an array: `np.asarray(a)`; a mask by itself, for `np.where(mask, a, b)` or `np.sum(a, where=mask)`."),
)
def tangent_that_is_a_matrix():
    ft.jvp(np.sin, (np.eye(2),), (np.eye(2).view(np.matrix),))


@mistake(
    UncoveredFunctionError,
    NotImplementedError,
    "an operation on a traced value and a `numpy.MaskedArray` is not covered",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sum(x * np.ma.array([1.0, 2.0])))(1.0)",
    "                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: take the plain array that it holds: `np.asarray(x)`, `x.filled(value)`, `x.to_numpy()`.",
)
def uncovered_masked_array():
    ft.grad(lambda x: np.sum(x * np.ma.array([1.0, 2.0])))(1.0)


@mistake(
    AttributeError,
    AttributeError,
    "a traced array has no attribute 'sine'",
)
def unknown_attribute():
    ft.grad(lambda x: x.sine())(1.0)


@mistake(
    AttributeError,
    AttributeError,
    "a traced array has no attribute 'sin': write `np.sin(x)`",
)
def function_as_attribute():
    ft.grad(lambda x: x.sin())(1.0)


@mistake(
    AttributeError,
    AttributeError,
    "a traced array has no attribute 'backward': return the number, and call `functrans.grad(f)`",
)
def backward():
    ft.grad(lambda x: np.sum(x**2).backward())(np.ones(2))


@mistake(
    AttributeError,
    AttributeError,
    "a traced array has no attribute 'detach': write `functrans.stop_gradient(x)`",
)
def detached():
    ft.grad(lambda x: x.detach() * x)(1.0)


@mistake(
    UncoveredFunctionError,
    NotImplementedError,
    "`np.frompyfunc` is not covered by functrans",
    "  at test_errors.py:N, in uncovered_name",
    "    fnp.frompyfunc",
    "    ^^^^^^^^^^^^^^",
    (
        "Fix: import NumPy itself for plain values (`import numpy as np; np.frompyfunc`); for traced ones write "
        "it with covered functions, or declare a primitive (docs/add_a_primitive.md)."
    ),
)
def uncovered_name():
    fnp.frompyfunc


@mistake(
    UncoveredFunctionError,
    NotImplementedError,
    "`np.frompyfunc` is not covered by functrans",
    "  at test_errors.py:N, in uncovered_module",
    "    fnp.frompyfunc",
    "    ^^^^^^^^^^^^^^",
    (
        "Fix: import NumPy itself for plain values (`import numpy as np; np.frompyfunc`); for traced ones write it "
        "with covered functions, or declare a primitive (docs/add_a_primitive.md)."
    ),
)
def uncovered_module():
    fnp.frompyfunc


@mistake(
    UncoveredFunctionError,
    NotImplementedError,
    "`.strides` of a traced value is not covered",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: x.strides)(np.ones(2))",
    "                      ^^^^^^^^^",
    (
        "Fix: write it with covered functions (`dir(functrans.numpy)` lists them), pass "
        "`functrans.stop_gradient(x)` if no derivative is wanted "
        "through it, or declare a primitive (docs/add_a_primitive.md)."
    ),
)
def uncovered_attribute():
    ft.grad(lambda x: x.strides)(np.ones(2))


# Solvers.


@mistake(
    ConvergenceError,
    RuntimeError,
    (
        "`root`: Newton's method did not converge: after 50 steps x still changes by 2 of its size (asked for: "
        "3.67e-11); the residual is 4"
    ),
    "  at test_errors.py:N, in no_root",
    "    ft.implicit.root(lambda x: x * x + 3.0, 1.0)",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "Fix: start nearer to a solution, give more steps, `max_iter=`, or another solver, `solver=`.",
)
def no_root():
    ft.implicit.root(lambda x: x * x + 3.0, 1.0)


@mistake(
    NonFiniteError,
    FloatingPointError,
    "`sqrt` of float gave NaN; its operands are finite",
    "  at test_errors.py:N, in <lambda>",
    "    ft.grad(lambda x: np.sqrt(x - 2.0))(1.0)",
    "                      ^^^^^^^^^^^^^^^^",
    (
        "Fix: keep the operand where the function is defined, or mask it before: `np.where(x > 0, "
        "np.log(np.where(x > 0, x, 1.0)), 0.0)`."
    ),
)
def not_a_number():
    with np.errstate(invalid="ignore"), ft.debug_nans():
        ft.grad(lambda x: np.sqrt(x - 2.0))(1.0)


# Programs.


@mistake(
    ProgramError,
    ValueError,
    "equation 1, `multiply` (test_errors.py:N): an output was defined before (single assignment)",
)
def invalid_program():
    program = ft.trace(lambda x: x * 2.0)(1.0)
    ft.Program(program.inputs, program.equations * 2, program.outputs).validate()


@mistake(
    ShapeError,
    ValueError,
    "program `program` takes 1 inputs, 0 were given",
    "  at test_errors.py:N, in program_without_enough_inputs",
    "    ft.evaluate(ft.Program(program.inputs, program.equations, program.outputs))",
    "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
)
def program_without_enough_inputs():
    program = ft.trace(lambda x: x * 2.0)(1.0)
    ft.evaluate(ft.Program(program.inputs, program.equations, program.outputs))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize(("function", "error", "builtin", "text"), MISTAKES)
def test_text(function, error, builtin, text):
    with pytest.raises(builtin) as caught:
        function()
    assert type(caught.value) is error
    assert re.sub(r"\.py:\d+", ".py:N", str(caught.value)) == text


# Where an error points, and what may be done with it.


def test_the_line_is_the_users():
    def f(x):
        y = x * 2
        return math.exp(y)

    with pytest.raises(TracedValueError) as caught:
        ft.grad(f)(1.0)
    assert caught.value.where.line == f.__code__.co_firstlineno + 2
    assert caught.value.where.filename == __file__


def test_equations_made_while_walking_back_point_at_the_loss():
    def f(x):
        return np.sin(x)

    program = ft.trace(ft.grad(f))(1.0)
    assert {equation.location.line for equation in program.equations} == {f.__code__.co_firstlineno + 1}


def test_traceback_of_a_refusal_that_numpy_hid_leads_through_the_users_code():
    def f(x):
        a = np.zeros(2)
        a[0] = x
        return a[0]

    with pytest.raises(TracedAssignmentError) as caught:
        ft.grad(f)(1.0)
    assert "f" in [entry.name for entry in caught.traceback]


def test_a_refusal_that_was_dealt_with_does_not_replace_another_error():
    def f(x):
        with contextlib.suppress(TypeError):
            float(x)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        ft.grad(f)(1.0)


def test_users_own_errors_pass_unchanged():
    class Mine(Exception):
        pass

    def f(x):
        raise Mine(x.shape)

    for run in (
        lambda: ft.grad(f)(1.0),
        lambda: ft.vjp(f, 1.0),
        lambda: ft.jvp(f, (1.0,), (1.0,)),
        lambda: ft.trace(f)(1.0),
    ):
        with pytest.raises(Mine) as caught:
            run()
        assert caught.value.__cause__ is None


def test_several_lines_show_the_first():
    def f(x):
        return math.exp(
            x,
        )

    with pytest.raises(TracedValueError) as caught:
        ft.grad(f)(1.0)
    assert str(caught.value).splitlines()[2:4] == ["    return math.exp(", "           ^^^^^^^^^"]


def test_carets_stand_under_characters_not_bytes():
    def f(x):
        return len("äöü") * float(x)

    with pytest.raises(TracedValueError) as caught:
        ft.grad(f)(1.0)
    assert str(caught.value).splitlines()[2:4] == ['    return len("äöü") * float(x)', " " * 24 + "^^^^^^^^"]


def test_without_source_the_place_is_named():
    scope = {"ft": ft}
    exec(compile("def f(x):\n    return float(x)\n", "nowhere.py", "exec"), scope)
    with pytest.raises(TracedValueError) as caught:
        ft.grad(scope["f"])(1.0)
    assert str(caught.value).splitlines()[1] == "  at nowhere.py:2, in f"
    assert str(caught.value).splitlines()[2].startswith("Fix: ")


def test_errors_survive_pickling():
    with pytest.raises(TracedValueError) as caught:
        ft.grad(float)(1.0)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is TracedValueError
    assert str(copy) == str(caught.value)


def test_uncovered_is_no_attribute():
    assert not hasattr(fnp, "frompyfunc")
    assert ft.grad(lambda x: x * (2.0 if hasattr(x, "strides") else 3.0))(1.0) == 3.0
    for builtin in (NotImplementedError, AttributeError):
        assert issubclass(UncoveredFunctionError, builtin)


def test_every_error_has_a_section_in_the_documentation():
    from pathlib import Path

    import functrans.errors

    page = (Path(__file__).parents[1] / "docs" / "errors.md").read_text(encoding="utf-8")
    classes = {
        name
        for name, value in vars(functrans.errors).items()
        if isinstance(value, type) and issubclass(value, functrans.errors.FunctransError)
    }
    assert classes - {"FunctransError"} == set(re.findall(r"^## (\w+)", page, re.M))
    assert {case.values[1].__name__ for case in MISTAKES} >= classes - {"FunctransError", "AttributeError"}


def test_what_a_walk_back_writes_says_so():
    def f(x):
        return np.sum(np.sin(x) ** 2)

    def walks(g):
        return [equation.location.walks for equation in ft.trace(g)(np.ones(2)).equations]

    assert set(walks(f)) == {0}
    once = walks(ft.grad(f))
    assert set(once) == {0, 1}
    assert once == sorted(once)  # first the values, then the walk back
    assert set(walks(lambda x: np.sum(ft.grad(f)(x) ** 2))) == {0, 1}
    assert set(walks(ft.grad(lambda x: np.sum(ft.grad(f)(x) ** 2)))) == {0, 1, 2}


def test_a_walk_is_kept_by_evaluation_and_by_pickle():
    program = ft.trace(ft.grad(lambda x: np.sum(np.sin(x) ** 2)))(np.ones(2))
    expected = [equation.location.walks for equation in program.equations]
    again = ft.trace(lambda x: ft.evaluate(program, x))(np.ones(2))
    assert [equation.location.walks for equation in again.equations] == expected
    loaded = pickle.loads(pickle.dumps(program))
    assert [equation.location.walks for equation in loaded.equations] == expected
    assert [e.location for e in loaded.equations] == [e.location for e in program.equations]


def test_what_is_computed_again_in_a_walk_back_is_part_of_it():
    f = ft.checkpoint(lambda x: np.sum(np.sin(x) ** 2))
    assert {equation.location.walks for equation in ft.trace(ft.grad(f))(np.ones(2)).equations} == {1}
