"""The drop-in namespace: NumPy's own objects, nothing that is not covered, and nothing silently lost."""

import subprocess
import sys

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.errors import FunctransError, UncoveredFunctionError
from functrans.tracing.dispatch import FUNCTIONS, UFUNCS

OWN = set(fnp._own)
COVERED = [name for name in dir(fnp) if name not in OWN and name not in ("linalg", "fft")]


@pytest.mark.parametrize("name", COVERED)
def test_names_are_numpys_own(name):
    assert getattr(fnp, name) is getattr(np, name)


@pytest.mark.parametrize("name", dir(fnp.linalg))
def test_linalg_names_are_numpys_own(name):
    assert getattr(fnp.linalg, name) is getattr(np.linalg, name)


def test_names_that_numpy_documents_are_covered_or_refused():
    for name in {name for name in np.__all__ if not name.startswith("_")}:
        if name in dir(fnp):
            getattr(fnp, name)
        else:
            with pytest.raises(UncoveredFunctionError, match=rf"`np.{name}` is not covered"):
                getattr(fnp, name)
            assert not hasattr(fnp, name)


def test_every_covered_function_of_numpy_is_listed():
    def public(module):
        return {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}

    for module, own in ((np, fnp), (np.linalg, fnp.linalg), (np.fft, fnp.fft)):
        for name, value in public(module).items():
            if isinstance(value, np.ufunc):
                assert (name in dir(own)) == (value in UFUNCS or name == "isnat"), name
            elif callable(value) and value in FUNCTIONS:
                assert name in dir(own)


@pytest.mark.parametrize("module", [fnp, fnp.linalg, fnp.fft])
def test_what_numpy_does_not_have_is_an_ordinary_attribute_error(module):
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        module.nonsense
    with pytest.raises(AttributeError):
        module.__nonsense__
    with pytest.raises(AttributeError):
        module._private


def test_star_import_takes_what_is_covered():
    scope = {}
    exec("from functrans.numpy import *", scope)
    assert scope["sin"] is np.sin
    assert scope["array"] is fnp.array
    assert "frompyfunc" not in scope


def test_names_stay_once_found():
    fnp.cos
    assert "cos" in vars(fnp)


ARRAY_API = """
abs acos acosh add asin asinh atan atan2 atanh astype broadcast_arrays broadcast_to ceil clip concat conj cos
cosh divide equal exp expand_dims expm1 flip floor full full_like imag isdtype isfinite isinf isnan log log10
log1p log2 logaddexp matmul matrix_transpose max maximum mean min minimum moveaxis multiply negative ones
ones_like permute_dims pow prod real remainder reshape roll round sign sin sinh sqrt square squeeze stack
subtract sum tan tanh tensordot where zeros zeros_like arange asarray linspace eye finfo iinfo result_type pi
e inf nan newaxis float64 bool int64
"""


@pytest.mark.parametrize("name", ARRAY_API.split())
def test_names_of_the_array_api(name):
    assert hasattr(fnp, name)


def test_array_namespace_of_a_traced_value():
    seen = []

    def f(x):
        xp = x.__array_namespace__()
        seen.append(xp)
        y = xp.asarray(x, dtype=xp.float64)
        y = xp.permute_dims(xp.concat([y, y]), (1, 0))
        assert xp.isdtype(y.dtype, "real floating")
        return xp.sum(xp.astype(y, xp.float32) ** 2)

    gradient = ft.grad(f)(np.ones((2, 3)))
    assert seen == [fnp]
    np.testing.assert_array_equal(gradient, np.full((2, 3), 4.0))
    assert gradient.dtype == np.float64


# What is listed as plain must not let a traced value through: it traces right, or it raises.

PLAIN_CALLS = {
    "bartlett": lambda x: fnp.bartlett(x),
    "base_repr": lambda x: fnp.base_repr(x),
    "binary_repr": lambda x: fnp.binary_repr(x),
    "blackman": lambda x: fnp.blackman(x),
    "broadcast": lambda x: fnp.broadcast(x, np.ones(3)),
    "broadcast_shapes": lambda x: fnp.broadcast_shapes((3,), x),
    "c_": lambda x: fnp.c_[np.ones(2), x],
    "diag_indices": lambda x: fnp.diag_indices(x),
    "empty": lambda x: fnp.empty(x),
    "eye": lambda x: fnp.eye(x),
    "float64": lambda x: fnp.float64(x),
    "float32": lambda x: fnp.float32(x),
    "int64": lambda x: fnp.int64(x),
    "complex128": lambda x: fnp.complex128(x),
    "format_float_positional": lambda x: fnp.format_float_positional(x),
    "format_float_scientific": lambda x: fnp.format_float_scientific(x),
    "fromiter": lambda x: fnp.fromiter([x], float),
    "fromstring": lambda x: fnp.fromstring(x, sep=" "),
    "hamming": lambda x: fnp.hamming(x),
    "hanning": lambda x: fnp.hanning(x),
    "identity": lambda x: fnp.identity(x),
    "indices": lambda x: fnp.indices((x,)),
    "ix_": lambda x: fnp.ix_(x),
    "kaiser": lambda x: fnp.kaiser(3, np.ones(2) * x),
    "kaiser count": lambda x: fnp.kaiser(x, 3.0),
    "ndarray": lambda x: fnp.ndarray((2,), buffer=x),
    "ndenumerate": lambda x: list(fnp.ndenumerate(x)),
    "ndindex": lambda x: fnp.ndindex(x),
    "ones": lambda x: fnp.ones(x),
    "packbits": lambda x: fnp.packbits(x),
    "r_": lambda x: fnp.r_[x, 1.0],
    "random": lambda x: fnp.random.normal(x),
    "random generator": lambda x: fnp.random.default_rng(0).normal(x, 1.0),
    "random choice": lambda x: fnp.random.default_rng(0).choice(x),
    "save": lambda x: fnp.save("nowhere", x),
    "tri": lambda x: fnp.tri(x),
    "tril_indices": lambda x: fnp.tril_indices(x),
    "zeros": lambda x: fnp.zeros(x),
    "zeros with dtype": lambda x: fnp.zeros((2, x)),
}


@pytest.mark.parametrize("call", PLAIN_CALLS.values(), ids=PLAIN_CALLS)
@pytest.mark.parametrize("x", [2.0, np.array([1.0, 2.0])], ids=["scalar", "array"])
def test_plain_functions_refuse_traced_values(call, x):
    with pytest.raises((FunctransError, TypeError, ValueError)):
        ft.vjp(call, x)
    with pytest.raises((FunctransError, TypeError, ValueError)):
        ft.trace(call)(x)


def test_functions_of_indices_trace():
    assert ft.grad(lambda x: np.sum(fnp.fromfunction(lambda i: x * i, (4,))))(1.0) == 6.0


def test_a_complex_step_of_mgrid_traces():
    value, pullback = ft.vjp(lambda x: fnp.mgrid[0:x:5j], 2.0)
    np.testing.assert_array_equal(value, np.mgrid[0:2.0:5j])
    assert pullback(np.ones(5))[0] == np.sum(np.arange(5) / 4)


def test_a_real_step_of_mgrid_is_refused():
    with pytest.raises(TypeError):
        ft.vjp(lambda x: fnp.mgrid[0:x:1.0], 2.0)


def test_import_does_not_look_at_the_names():
    code = "import functrans.numpy as fnp; print(sorted(n for n in vars(fnp) if n[0] != '_'))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['Any', 'TYPE_CHECKING', 'annotations']"
