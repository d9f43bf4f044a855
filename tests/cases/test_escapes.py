"""A call that escapes tracing must be traced or refused, never dropped: every function there is, called on them.

A library gave zeros, with a warning, for the Jacobian of plain ``np.dot(A, z)``.
"""

from __future__ import annotations

import cmath
import math
import operator
import random
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import functrans as ft
from functrans.errors import FunctransError, TracedValueError, UncoveredFunctionError
from functrans.ops.plain import plain
from functrans.testing.compare import assert_same_bits
from functrans.tracing.dispatch import FUNCTIONS, UFUNCS, function_name
from functrans.tracing.tracer import Tracer
from tests.cases.judging import assert_derivative

A = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0], [4.0, 1.0, -2.0]])
Z = np.array([0.5, 1.5, -0.3])
ORDER = np.array([2, 0, 1])


@pytest.mark.parametrize(
    ("f", "jacobian"),
    [
        (lambda z: np.dot(A, z), A),
        (lambda z: A @ z, A),
        (lambda z: np.where(z > 0, z, 2 * z), np.diag([1, 1, 2])),
        (lambda z: np.concatenate([z, 3 * z]), np.concatenate([np.eye(3), 3 * np.eye(3)])),
        (np.cumsum, np.tril(np.ones((3, 3)))),
        (lambda z: np.clip(z, -1, 1), np.diag([1, 0, 1])),
        (lambda z: z[np.argsort(z)], np.eye(3)[ORDER]),
        (lambda z: np.take_along_axis(z, np.argsort(z), 0), np.eye(3)[ORDER]),
    ],
)
def test_jacobians_of_plain_calls(f, jacobian):
    np.testing.assert_array_equal(ft.jacobian(f)(Z), jacobian)
    np.testing.assert_array_equal(np.transpose([ft.jvp(f, (Z,), (e,))[1] for e in np.eye(3)]), jacobian)


def test_sort_is_traced_or_refused():
    try:
        jacobian = ft.jacobian(np.sort)(Z)
    except UncoveredFunctionError:
        return
    np.testing.assert_array_equal(jacobian, np.eye(3)[ORDER])


# Every function.

POINTS = [
    np.array([0.4, 1.3, -0.7]),
    np.array([[2.3, 0.4, -0.3], [0.2, 1.9, 0.6], [-0.5, 0.1, 2.7]]),
    np.float64(0.4),
    np.linspace(0.3, 2.5, 8).reshape(2, 2, 2) ** 2,
]
_MASK = np.array([True, False, True])
_INTS = np.array([0, 2, 1])
_MASK.flags.writeable = _INTS.flags.writeable = False
#: Ways of calling a function with a traced ``x`` and ``c``, a plain array like it.
CALLS: list[Callable[[Any, Any, Any], Any]] = [
    lambda f, x, c: f(x),
    lambda f, x, c: f(x, c),
    lambda f, x, c: f(c, x),
    lambda f, x, c: f(x, x),
    lambda f, x, c: f([x, c]),
    lambda f, x, c: f(x, 1),
    lambda f, x, c: f(1, x),
    lambda f, x, c: f(x, (-1,)),
    lambda f, x, c: f((3, 3), x),
    lambda f, x, c: f(_MASK, x),
    lambda f, x, c: f(x, _MASK),
    lambda f, x, c: f(_INTS, x),
    lambda f, x, c: f(x, _INTS),
    lambda f, x, c: f(x, 1, c),
    lambda f, x, c: f(x, 0, 1),
    lambda f, x, c: f(_MASK, x, c),
    lambda f, x, c: f(x, c, x),
    lambda f, x, c: f(c, c + 1, x),
    lambda f, x, c: f(_INTS, [x, c, x]),
    lambda f, x, c: f([_MASK, ~_MASK], [x, c]),
    lambda f, x, c: f("...i,...i", x, c),
    lambda f, x, c: f(np.sum, 0, x),
    lambda f, x, c: f(x, [x > 0.5], [np.sin, np.cos]),
    lambda f, x, c: f(np.copy(c), [0, 1], x),
    lambda f, x, c: f(np.copy(c), _MASK, x),
    lambda f, x, c: f(x, _INTS.reshape(-1, *[1] * (np.ndim(x) - 1)), 0),
    lambda f, x, c: f(np.copy(c), _INTS.reshape(-1, *[1] * (np.ndim(x) - 1)), x, 0),
]
#: Those that set something, write files, or print: nothing to differentiate.
_OTHER = {
    *("test", "info", "show_config", "show_runtime", "seterr", "seterrcall", "setbufsize", "set_printoptions"),
    *("printoptions", "save", "savetxt", "savez", "savez_compressed", "load", "loadtxt", "genfromtxt", "fromregex"),
    *("errstate", "get_include", "bmat", "empty", "empty_like", "fill_diagonal"),
}


def everything() -> dict[str, Callable[..., Any]]:
    found = {function_name(f): f for f in FUNCTIONS if f not in (np.empty_like, np.fill_diagonal)}
    for module, short in ((np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft")):
        for name in dir(module):
            value = getattr(module, name)
            if callable(value) and not isinstance(value, type) and name[0] != "_" and name not in _OTHER:
                found.setdefault(f"{short}.{name}", value)
    found.update({f"scipy.special.{name}": getattr(scipy.special, name) for name in ("expit", "gammaln", "xlogy")})
    for kind in (np.float64, np.float32, np.complex128, np.broadcast, np.ndenumerate, np.nditer, np.matrix):
        found[f"np.{kind.__name__}"] = kind
    found["np.vectorize"] = np.vectorize(lambda x: 2 * x)
    found["np.frompyfunc"] = np.frompyfunc(lambda x: 2 * x, 1, 1)
    for module in (math, cmath):
        for name in dir(module):
            if callable(getattr(module, name)):
                found[f"{module.__name__}.{name}"] = getattr(module, name)
    found.update({f"statistics.{name}": getattr(statistics, name) for name in ("mean", "fmean", "median", "stdev")})
    python = (abs, bool, complex, divmod, float, format, int, iter, len, list, max, min, pow, repr, reversed)
    found.update({f.__name__: f for f in (*python, sorted, str, sum, tuple, zip, math.fsum, operator.index)})
    for name in (n for n in dir(np.ndarray) if n[0] != "_" and n != "flat"):  # its kind of iterator
        is_method = callable(getattr(np.ndarray, name))
        method = lambda x, *args, name=name: getattr(x, name)(*args)  # noqa: E731
        found[f"ndarray.{name}"] = method if is_method else operator.attrgetter(name)
    distinct: dict[Any, str] = {}
    return {name: f for name, f in found.items() if distinct.setdefault(f, name) == name}


def inexact(out: Any) -> list[Any]:
    """The floating point numbers in a result, traced or not."""
    if isinstance(out, list | tuple):
        return [leaf for item in out for leaf in inexact(item)]
    if type(out) is Tracer or isinstance(out, np.ndarray | np.generic | float | complex):
        return [out] if np.result_type(plain(out)).kind in "fc" else []
    if out is None or isinstance(out, bool | int | str | bytes | np.dtype | type):
        return []
    return inexact(list(out)) if isinstance(out, zip | map | reversed) or hasattr(out, "__next__") else []


def copied(value: Any) -> Any:
    """A plain array of its own; anything else as it is."""
    return np.copy(value) if isinstance(value, np.ndarray) and type(value) is not Tracer else value


def judge(call: Callable[[Any, Any], Any], x: Any, c: Any) -> set[str]:
    """What becomes of a call: its numbers are "traced", it is "refused", or "plain", as it gives no such number.

    "loud" is an error in Python's or NumPy's words.
    """
    given = [copied(x), copied(c)]
    expected = [np.asarray(copied(leaf)) for leaf in inexact(call(*given))]
    writes = not np.array_equal(given[0], x) or not np.array_equal(given[1], c)
    f = lambda x: tuple(inexact(call(copied(x), copied(c))))  # noqa: E731
    verdicts = set()
    modes = (lambda: ft.jvp(f, (x,), (x,))[0], lambda: ft.vjp(f, x)[0], lambda: ft.evaluate(ft.trace(f)(x), x))
    for number, mode in enumerate(modes):
        try:
            found = mode()
        except FunctransError:
            verdicts.add("refused")
        except Exception:
            verdicts.add("loud")
        else:
            assert not writes, "it writes into an operand"
            assert_same_bits([np.asarray(leaf) for leaf in found], expected)
            verdicts.add("traced" if expected else "plain")
            if expected and number == 1 and "loud" not in verdicts:
                assert_derivative(f, x, np.cos(x * 3.0))
    return verdicts


def calls(function: Callable[..., Any]) -> list[tuple[Callable[[Any, Any], Any], Any, Any]]:
    """The calls that NumPy accepts; of each way that on the first point, of the plainest two."""
    found = []
    for way in CALLS:
        accepted = 0
        for point in POINTS:
            c = np.cos(point) + 1.5
            call = lambda x, c, way=way: way(function, x, c)  # noqa: E731
            try:
                with np.errstate(all="ignore"):
                    call(copied(point), copied(c))
            except Exception:
                continue
            found.append((call, point, c))
            accepted += 1
            if accepted == (2 if way is CALLS[0] else 1):
                break
    return found


#: Those that say no in NumPy's or Python's words, and to what.
_LOUD = {
    "np.array_equal": "an array for a flag",
    "np.flip": "an array for axes",
    "np.from_dlpack": "what has no memory",
    "np.frombuffer": "what has no memory",
    "np.histogram": "bins of the wrong shape",
    "np.isin": "an array for a flag",
    "np.linalg.matrix_rank": "tolerances of the wrong shape",
    "np.linalg.norm": "a tuple for a number",
    "np.median": "an array for axes",
    "np.mintypecode": "numbers for names",
    "np.nanmedian": "an array for axes",
    "np.roll": "truth values for counts",
    "np.tile": "truth values for counts",
    "ndarray.conj": "`out`",
    "ndarray.conjugate": "`out`",
    "ndarray.dot": "`out`",
    "ndarray.transpose": "an array for axes",
}
#: Those that no way of calling fits: they take no floating point numbers, or no argument.
_NOT_CALLED = {
    *("np.apply_over_axes", "np.binary_repr", "np.broadcast_shapes", "np.datetime_as_string", "np.datetime_data"),
    *("np.eye", "np.fromfile", "np.fromfunction", "np.fromstring", "np.get_printoptions", "np.getbufsize", "np.geterr"),
    *("np.geterrcall", "np.isdtype", "np.mask_indices", "np.nested_iters", "np.packbits", "np.ravel_multi_index"),
    *("np.typename", "np.unpackbits", "np.unravel_index", "math.acosh", "math.comb", "math.factorial", "math.gcd"),
    *("math.isqrt", "math.lcm", "math.perm", "index", "ndarray.dump", "ndarray.setfield", "ndarray.to_device"),
    *("ndarray.tofile", "np.row_stack"),
}
_EVERYTHING = everything()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", _EVERYTHING)
def test_every_function_is_traced_or_refused(name):
    function = _EVERYTHING[name]
    verdicts = {verdict for call in calls(function) for verdict in judge(*call)}
    assert "loud" not in verdicts or name in _LOUD
    assert verdicts or name in _NOT_CALLED or isinstance(function, np.ufunc)  # a ufunc of integers


@pytest.mark.parametrize("convert", [np.asarray, np.array, float, math.exp, lambda x: np.zeros(1).__setitem__(0, x)])
def test_what_would_drop_the_trace_is_refused(convert):
    with pytest.raises(TracedValueError):
        ft.grad(lambda x: convert(x) * 1.0)(0.5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("distribution", ["normal", "uniform", "gauss", "expovariate"])
def test_random_numbers_of_a_traced_scale_are_refused_or_follow_it(distribution):
    """Python's are made of traced operations, NumPy's of plain numbers."""

    def f(x):
        if distribution in ("normal", "uniform"):
            return getattr(np.random.default_rng(0), distribution)(0.0, x)
        return getattr(random.Random(0), distribution)(*([0.0, x] if distribution == "gauss" else [x]))

    try:
        ft.grad(f)(0.5)
    except FunctransError:
        return
    assert_derivative(f, np.float64(0.5), np.float64(1.0))


_BINARY = [
    u
    for u in UFUNCS
    if u.nin == 2 and u.nout == 1 and u.signature is None and "dd->d" in u.types and hasattr(np, u.__name__)
]


@pytest.mark.parametrize("ufunc", _BINARY, ids=lambda u: u.__name__)
@pytest.mark.parametrize("method", ["reduce", "accumulate", "outer", "reduceat", "at"])
def test_methods_of_ufuncs(ufunc, method):
    x, c = np.array([1.4, 1.3, 0.7]), np.array([0.5, 2.1, 1.2])
    ways = {
        "reduce": [lambda x, c: ufunc.reduce(x)],
        "accumulate": [lambda x, c: ufunc.accumulate(x)],
        "outer": [lambda x, c: ufunc.outer(x, c), lambda x, c: ufunc.outer(c, x), lambda x, c: ufunc.outer(x, x)],
        "reduceat": [lambda x, c: ufunc.reduceat(x, [0, 2])],
        "at": [lambda x, c: ufunc.at(x, [0, 0], c[:2]), lambda x, c: ufunc.at(c, [0, 2], x[:2])],
    }
    if method == "reduce" and ufunc in (np.power, np.arctan2):
        # NumPy's own lose an entry on the way (2.4: `np.power.reduce([1.4, 1.3, 0.7])` is `1.4**0.7`).
        np.testing.assert_allclose(ft.vjp(ufunc.reduce, x)[0], ufunc(ufunc(x[0], x[1]), x[2]), rtol=1e-15)
        ways["reduce"] = [lambda x, c: ufunc.accumulate(x)[-1]]
    for way in ways[method]:
        verdicts = judge(way, x, c)
        assert verdicts <= ({"refused"} if method == "at" else {"traced", "refused"})
