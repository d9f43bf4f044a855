"""functrans.ir.spec: shape, dtype, weakness."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import functrans as ft
from functrans.ir import ArraySpec


@pytest.mark.parametrize(
    ("value", "text", "annotation"),
    [
        (1.5, "float", "float"),
        (1, "int", "int"),
        (True, "bool", "bool"),
        (1j, "complex", "complex"),
        (np.float64(1), "Float64[]", 'Float64[Array, ""]'),
        (np.zeros((2, 3), np.float32), "Float32[2 3]", 'Float32[Array, "2 3"]'),
        (np.zeros(0, np.uint8), "UInt8[0]", 'UInt8[Array, "0"]'),
        (np.zeros(2, bool), "Bool[2]", 'Bool[Array, "2"]'),
        ([1, 2], "Int64[2]", 'Int64[Array, "2"]'),
    ],
)
def test_of_and_notation(value, text, annotation):
    spec = ArraySpec.of(value)
    assert repr(spec) == text
    assert spec.annotation() == annotation


def test_parts():
    spec = ArraySpec((2, 3), "float32")
    assert (spec.shape, spec.dtype, spec.ndim, spec.size, spec.weak) == ((2, 3), np.float32, 2, 6, False)
    assert spec.with_shape(()) == ArraySpec((), np.float32)
    assert ArraySpec.of(1.0).strong() == ArraySpec((), float)
    assert ArraySpec.of(spec) is spec
    assert ArraySpec.of(1.0).promoting is float


def test_frozen_equal_hashed_pickled():
    spec = ArraySpec((2,), float)
    with pytest.raises(AttributeError, match="immutable"):
        spec.shape = ()
    assert spec == ArraySpec((2,), np.float64)
    assert spec != ArraySpec((2,), float, weak=True)
    assert spec != "Float64[2]"
    assert len({spec, ArraySpec((2,), float), ArraySpec((3,), float)}) == 2
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_of_a_traced_value():
    seen = []
    ft.grad(lambda x: seen.append(ArraySpec.of(x)) or x * x)(2.0)
    ft.trace(lambda x: seen.append(ArraySpec.of(x)))(np.float32(2.0))
    assert seen == [ArraySpec.of(2.0), ArraySpec((), np.float32)]
