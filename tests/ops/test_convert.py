"""Casting, copying, rounding, and arrays shaped like traced ones."""

import warnings

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedAssignmentError, UncoveredFunctionError
from tests.ops.agreement import check, same_bits, same_value, stays_single

A = np.array([[1.25, -2.0, 0.5], [0.3, 3.75, -1.5]])
Z = A + 0.5j * A[::-1]
S = np.array(0.75)

CASES = {
    "astype complex": (lambda x: x.astype(complex) * (1 + 2j), A),
    "astype same": (lambda x: x.astype(np.float64) * x, A),
    "astype no copy": (lambda x: x.astype(np.float64, copy=False) * x, A),
    "astype longdouble": (lambda x: x.astype(np.longdouble).astype(float) * x, A),
    "astype keywords": (lambda x: x.astype(dtype="c16", order="F", casting="safe", subok=False), A),
    "np.astype": (lambda x: np.astype(x, np.complex128, copy=True), A),
    "astype scalar": (lambda x: x.astype(complex), S),
    "copy": (lambda x: np.copy(x, order="C") * x, A),
    "copy method": (lambda x: x.copy() * x.copy("F"), A),
    "full_like": (lambda x, v: np.full_like(x, v), A, S),
    "full_like array": (lambda x, v: np.full_like(x, v), A, A[0]),
    "full_like keywords": (lambda x, v: np.full_like(x, v, dtype=np.complex128, order="F", shape=(3, 2)), A, S),
    "like": (lambda x: x * np.ones_like(x) + np.zeros_like(x) + np.full_like(x, 2), A),
    "like keywords": (
        lambda x: np.sum(x) * np.ones_like(x, int, "C", True, (2, 2)) + np.zeros_like(x, dtype=complex, shape=2),
        A,
    ),
    "nan_to_num": (lambda x: np.nan_to_num(x) * x, A),
    "nan_to_num complex": (lambda x: np.nan_to_num(x * 1j + 2) * x, A),
}


@pytest.mark.parametrize("name", CASES)
def test_agreement(name):
    f, *args = CASES[name]
    check(f, *args)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("astype") and "np." not in name])
def test_dtypes(name):
    f, *args = CASES[name]
    stays_single(f, *args)
    check(f, *[x + 0.5j * x * x for x in args])


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.complex64])
def test_narrower(dtype):
    """A cast rounds the value; the derivative is that of the identity, in the operand's dtype."""
    f = lambda x: x.astype(dtype)  # noqa: E731
    same_value(f, A)
    w = np.arange(6).reshape(2, 3).astype(dtype)
    same_bits(ft.vjp(f, A)[1](w)[0], np.arange(6.0).reshape(2, 3))
    same_bits(ft.jvp(f, (A,), (A,))[1], A.astype(dtype))
    assert ft.grad(lambda x: np.sum(x.astype(dtype).real ** 2))(np.ones(2, np.float16)).dtype == np.float16


@pytest.mark.parametrize("dtype", [int, np.int8, bool, np.uint16])
def test_to_integers_is_plain(dtype):
    x = np.abs(A)
    seen = []

    def f(x):
        seen.append(x.astype(dtype))
        return np.sum(x * seen[-1])

    same_bits(ft.grad(f)(x), x.astype(dtype).astype(float))
    assert type(seen[0]) is np.ndarray
    f = lambda x: x.astype(dtype)  # noqa: E731
    same_bits(ft.evaluate(ft.trace(f)(x), x), f(x))


def test_complex_to_real_warns_as_numpy_does():
    """Once where the user casts, and not again for tangents and cotangents."""
    for dtype in (float, np.float32, int):
        f = lambda z, d=dtype: z.astype(d)  # noqa: E731
        with pytest.warns(np.exceptions.ComplexWarning):
            expected = f(Z)
        with pytest.warns(np.exceptions.ComplexWarning) as caught:
            found = ft.jvp(f, (Z,), (Z,))[0]
        same_bits(found, expected)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        with pytest.warns(np.exceptions.ComplexWarning):
            program = ft.trace(f)(Z)
        same_bits(ft.evaluate(program, Z), expected)
    with pytest.warns(np.exceptions.ComplexWarning):
        _, pullback = ft.vjp(lambda z: z.astype(float), Z)
    same_bits(pullback(A), (A + 0j,))
    with pytest.warns(np.exceptions.ComplexWarning):
        gradient = ft.grad(lambda z, x: np.sum(np.full_like(x, z)), (0, 1))(1 + 2j, A)
    same_bits(gradient, (6.0 + 0j, 0 * abs(A)))
    same_value(lambda z: z * z.astype(bool), Z)


def test_casting_is_obeyed():
    for casting in ("no", "equiv", "safe", "same_kind"):
        for dtype in (int, np.float32, complex):
            try:
                expected = A.astype(dtype, casting=casting)
            except TypeError:
                with pytest.raises(TypeError, match="Cannot cast"):
                    ft.vjp(lambda x, d=dtype, c=casting: x.astype(d, casting=c), A)
            else:
                same_bits(ft.vjp(lambda x, d=dtype, c=casting: x.astype(d, casting=c), A)[0], expected)


def test_no_numbers():
    for dtype in (object, str, "M8[s]"):
        with pytest.raises(UncoveredFunctionError, match="holds no numbers"):
            ft.grad(lambda x, d=dtype: x.astype(d).sum())(A)


ROUNDED = {
    "round": lambda x: np.round(x),
    "round decimals": lambda x: np.round(x, 1),
    "round negative": lambda x: np.round(x * 10, decimals=-1),
    "around": lambda x: np.around(x, decimals=1),
    "round method": lambda x: x.round(1),
    "fix": lambda x: np.fix(x.real),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_rounding(name):
    f = ROUNDED[name]
    for x in (A, np.float32(A), Z, S):
        same_value(f, x)
        seen = []

        def g(x):
            seen.append(f(x))
            return np.sum(np.real(x * seen[-1]))

        same_bits(ft.grad(g)(x), np.asarray(f(x)).astype(x.dtype))
        assert not isinstance(seen[0], ft.tracing.tracer.Tracer)


def test_rounding_of_python_numbers():
    assert ft.grad(lambda x: x * round(x))(2.3) == 2.0
    assert ft.grad(lambda x: x * round(x, 1))(2.34) == 2.3
    same_value(lambda x: np.round(x, 1), 2.34)
    same_value(lambda x: np.fix(x), 2.34)


BAD = np.array([1.0, np.nan, np.inf, -np.inf, -0.0])


def test_nan_to_num():
    same_bits(
        ft.grad(lambda x: np.sum(np.nan_to_num(x) / np.array([0.5, 3, 4, 5, 2])))(BAD), np.array([2.0, 0, 0, 0, 0.5])
    )
    for options in ({}, {"nan": 1.5}, {"posinf": 7, "neginf": -7}, {"nan": [1, 2, 3, 4, 5], "neginf": 3}):
        f = lambda x, o=options: np.nan_to_num(x, **o)  # noqa: E731
        for x in (BAD, BAD.astype(np.float32), BAD + 0j, BAD[2], np.array([complex(np.nan, -np.inf), 1j])):
            if isinstance(options.get("nan"), list) and x.shape != BAD.shape:
                continue
            same_bits(ft.vjp(f, x)[0], f(x))
            same_bits(ft.evaluate(ft.trace(f)(x), x), f(x))


def test_nan_to_num_replacements_are_traced():
    f = lambda x, a, b, c: np.sum(np.nan_to_num(x, nan=a, posinf=b, neginf=c) * np.array([2.0, 3, 4, 5, 6]))  # noqa: E731
    found = ft.grad(f, (0, 1, 2, 3))(BAD, 1.0, 2.0, 3.0)
    same_bits(found, (np.array([2.0, 0, 0, 0, 6]), 3.0, 4.0, 5.0))
    z = np.array([complex(np.nan, 2), complex(1, np.inf)])
    w = np.array([1 + 2j, 3 + 4j])
    gz, gb = ft.grad(lambda z, b: np.sum(np.real(w * np.nan_to_num(z, posinf=b))), (0, 1))(z, 5.0)
    # Re(w z): the real part of z weighs Re(w), the imaginary one -Im(w); what was replaced does not count.
    same_bits(gz, np.array([complex(0, 2), complex(3, 0)]))
    assert gb == -4.0


def test_nan_to_num_refusals():
    with pytest.raises(TracedAssignmentError, match="copy=False"):
        ft.grad(lambda x: np.sum(np.nan_to_num(x, copy=False)))(BAD)
    with pytest.raises(TypeError, match="same_kind"):
        ft.grad(lambda x: np.sum(np.nan_to_num(x, nan=1j)))(BAD)


def test_like_functions_give_plain_arrays():
    def f(x):
        for made in (np.zeros_like(x), np.ones_like(x), np.empty_like(x), np.full_like(x, 3)):
            assert type(made) is np.ndarray
            assert made.shape == x.shape
            assert made.dtype == x.dtype
        assert np.empty_like(x, dtype=int, shape=(4,)).shape == (4,)
        return np.sum(x)

    ft.grad(f)(np.float32(A))
    ft.trace(f)(np.float32(A))


def test_full_like_carries_the_derivative():
    """Autograd gives zero here, in silence. Beside a plain array NumPy does not let us know: refused by name."""
    assert ft.grad(lambda v, x: np.sum(np.full_like(x * v, v * v)))(3.0, A) == 36.0
    with pytest.raises(TracedAssignmentError, match="broadcast_to"):
        ft.grad(lambda v: np.sum(np.full_like(A, v)))(3.0)


def test_no_warning_where_numpy_has_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ft.vjp(lambda x: np.real(x.astype(complex)), A)[1](A)
        ft.jvp(lambda z: z.real.astype(np.float32), (Z,), (Z,))
