"""functrans.ir.layout: constants lie in memory after pickling as they did before."""

import pickle

import numpy as np
import pytest

from functrans.ir import Literal
from functrans.ir.source import literal_source

CUBE = np.arange(24.0).reshape(2, 3, 4)
LAID = {
    "rows": CUBE,
    "columns": np.asfortranarray(CUBE),
    "turned": CUBE.transpose(1, 0, 2),
    "backwards": CUBE[::-1, :, ::-1],
    "apart": np.arange(48.0).reshape(2, 3, 8)[..., ::2],
    "turned and apart": np.arange(48.0).reshape(2, 3, 8)[..., ::2].transpose(2, 0, 1),
    "repeated": np.broadcast_to(CUBE[:1], (5, 3, 4)),
    "repeated and backwards": np.broadcast_to(CUBE[:, ::-1, :1], (2, 3, 4)),
    "one number": np.broadcast_to(np.float32(2.5), (3, 2)),
    "nothing": CUBE[:, :0].T,
    "no axes": np.array(1.5),
}


@pytest.mark.parametrize("how", LAID)
def test_pickled_constants_print_and_lie_as_they_did(how):
    value = LAID[how]
    again = pickle.loads(pickle.dumps(Literal(value)))
    assert again.spec == Literal(value).spec
    np.testing.assert_array_equal(again.value, value)
    assert literal_source(again.value) == literal_source(value)
    signs = [np.sign(step) for step, n in zip(value.strides, value.shape, strict=True) if n > 1]
    assert [np.sign(step) for step, n in zip(again.value.strides, value.shape, strict=True) if n > 1] == signs


@pytest.mark.parametrize("value", [2.5, 3, True, 1 + 2j, np.float32(0.5), np.int64(3)])
def test_pickled_numbers_stay_what_they_are(value):
    again = pickle.loads(pickle.dumps(Literal(value)))
    assert (type(again.value), again.value, again.spec) == (type(value), value, Literal(value).spec)
