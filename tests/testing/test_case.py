"""functrans.testing.case: what moves, what stays, and how a case is written down."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import functrans as ft
from functrans.primitives import lookup
from functrans.testing import Case, laws
from functrans.testing.case import source_of


class Pair(NamedTuple):
    weights: np.ndarray
    count: int


def scaled(pair, x):
    return pair.weights * pair.count * x


def test_integers_stay_fixed_inside_of_an_argument():
    case = Case(scaled, (Pair(np.array([1.0, 2.0]), 3), 0.5))
    assert case.moving == (0, 1)
    weights, x = case.point
    np.testing.assert_array_equal(weights[0], [1.0, 2.0])
    assert len(weights) == 1
    assert type(x) is float
    np.testing.assert_array_equal(case.f([np.array([1.0, 1.0])], 2.0), [6.0, 6.0])
    np.testing.assert_array_equal(ft.vjp(case.f, *case.point)[1](np.ones(2))[0][0], [1.5, 1.5])
    for law in laws.LAWS:
        if law.applies_to(scaled):
            law(case)


@pytest.mark.parametrize(
    ("args", "moving"),
    [((1, 2.0), (1,)), ((True, np.arange(3)), ()), (({}, None, [1j]), (2,)), ((np.ones(2, np.float32), "text"), (0,))],
)
def test_what_moves(args, moving):
    assert Case(lambda *args: args, args).moving == moving


def test_a_primitive_moves_in_operands_with_rules():
    assert Case(lookup("where"), (np.array([True]), np.ones(1), 2.0)).moving == (1, 2)
    assert Case(lookup("less"), (1.0, 2.0)).moving == ()
    assert Case(lookup("sum"), (np.ones(2),), {"axis": (0,)}).value() == 2


def test_a_program_is_a_function():
    case = Case(ft.trace(scaled)(Pair(np.ones(2), 3), 0.5), (Pair(np.array([1.0, 2.0]), 3), 0.5))
    np.testing.assert_array_equal(case.value(), [1.5, 3.0])
    assert case.name == "scaled"
    laws.forward_and_reverse_are_adjoint(case)


def test_tangents_have_the_specs_of_what_moves():
    case = Case(lambda *args: args[0], ([np.ones((2, 3), np.float32)], 1.0, 2j, np.complex64(1)), seed=3)
    (array,), scalar, weak, single = case.tangent()
    assert (array.dtype, array.shape) == (np.float32, (2, 3))
    assert (type(scalar), type(weak), type(single)) == (float, complex, np.complex64)
    assert not np.array_equal(case.tangent()[0][0], case.tangent(1)[0][0])
    assert case.cotangent()[0].dtype == np.float32


def test_copied_shares_no_array():
    case = Case(np.sum, (np.ones((2, 3)).T, 1.0))
    copied = case.copied()
    assert not np.shares_memory(copied.args[0], case.args[0])
    assert copied.args[0].strides == case.args[0].strides


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        -0.0,
        float("nan"),
        1 - 2j,
        complex(0, float("inf")),
        np.float32(0.1),
        np.float32("nan"),
        np.array([[1.0, 2.0], [np.nan, -np.inf]], np.float32),
        np.array(0.5),
        np.array([1j, 2 - 1e-300j, -0.0]),
        np.array([0.1 + 0.2j], np.complex64),
        np.zeros((0, 3), np.float32),
        np.array([True, False]),
        np.arange(3, dtype=np.int8),
        np.complex64(1 + 2j),
        np.bool_(True),
        np.dtype("float32"),
        (1, (2.0,), [], {"a": [None, slice(0, 2)]}),
    ],
    ids=str,
)
def test_arguments_can_be_pasted(value):
    again = eval(source_of(value), {"np": np})
    assert type(again) is type(value)
    if isinstance(value, np.ndarray | np.generic):
        assert (again.dtype, again.shape, again.tobytes()) == (value.dtype, value.shape, value.tobytes())
    else:
        assert repr(again) == repr(value)


def test_cases_can_be_pasted():
    names = {"np": np, "Case": Case, "lookup": lookup, "scaled": scaled, "Pair": Pair}
    for case in (
        Case(lookup("sum"), (np.ones((2, 2)),), {"axis": (0,)}, seed=3),
        Case(np.linalg.inv, (np.eye(2),), moving=()),
        Case(scaled, ({"w": 1.5}, np.float32(2))),
    ):
        again = eval(repr(case), names)
        assert repr(again) == repr(case)
        assert (again.subject, again.params, again.moving, again.seed) == (
            case.subject,
            case.params,
            case.moving,
            case.seed,
        )


def test_large_arrays_are_abbreviated():
    assert len(repr(Case(np.sum, (np.ones((100, 100)),)))) < 200


def test_a_nameless_function_is_f():
    assert repr(Case(lambda x: x, (1.0,))) == "Case(f, (1.0,))"
    assert Case(lambda x: x, (1.0,), name="identity").name == "identity"
