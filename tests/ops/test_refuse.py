"""What works in place, or on memory, is refused with what to write instead."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedAssignmentError, TracedValueError, UncoveredFunctionError

A = np.arange(4.0)

IN_PLACE = {
    "copyto": (lambda x: np.copyto(np.zeros(4), x), "np.where"),
    "copyto where": (lambda x: np.copyto(np.zeros(4), 1.0, where=x > 1) or np.copyto(x, 1.0), "np.where"),
    "place": (lambda x: np.place(x, A > 1, [1.0]), "np.where"),
    "putmask": (lambda x: np.putmask(np.zeros(4), A > 1, x), "np.where"),
    "put": (lambda x: np.put(np.zeros(4), [1], x), r"numpy\.at\("),
    "put_along_axis": (lambda x: np.put_along_axis(np.zeros(4), np.array([1]), x[:1], 0), r"numpy\.at\("),
    "fill_diagonal": (lambda x: np.fill_diagonal(np.outer(x, x), 0.0), r"numpy\.at\("),
    "method fill": (lambda x: x.fill(1.0), "full_like"),
    "method itemset": (lambda x: x.itemset(0, 1.0), r"\.at\(x\)\["),
    "method partition": (lambda x: x.partition(1), r"np\.partition"),
    "method put": (lambda x: x.put([0], 1.0), r"\.at\(x\)\["),
    "method resize": (lambda x: x.resize(2), r"np\.resize"),
    "method setfield": (lambda x: x.setfield(1, np.int8), r"\.at\(x\)\["),
    "method sort": (lambda x: x.sort(), r"np\.sort"),
}


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("transform", [ft.grad, ft.trace])
def test_in_place(name, transform):
    f, instead = IN_PLACE[name]
    with pytest.raises(TracedAssignmentError, match=instead):
        transform(lambda x: f(x) or np.sum(x))(A)


@pytest.mark.parametrize(
    "name",
    ["tobytes", "tostring", "tofile", "dump", "dumps", "byteswap", "newbyteorder", "getfield", "setflags"],
)
def test_memory(name):
    with pytest.raises((TracedValueError, UncoveredFunctionError), match=f"`.{name}") as caught:
        ft.grad(lambda x: getattr(x, name)())(A)
    assert "test_refuse.py" in str(caught.value)
    assert "Fix:" in str(caught.value)


def test_functional_replacements_work():
    """What the messages advise computes the same, with a derivative."""
    mask = A > 1
    copied = np.zeros(4)
    np.copyto(copied, A * 2, where=mask)
    out, pullback = ft.vjp(lambda x: np.where(mask, x * 2, np.zeros(4)), A)
    assert np.array_equal(out, copied)
    assert np.array_equal(pullback(np.ones(4))[0], [0, 0, 2, 2])
    table = np.outer(A, A)
    np.fill_diagonal(table, 7.0)
    assert np.array_equal(ft.vjp(lambda x: np.where(np.eye(4, dtype=bool), 7.0, np.outer(x, x)), A)[0], table)
