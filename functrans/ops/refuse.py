"""What writes into arrays or reads their memory: refused, with what to write instead."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from functrans.errors import TracedAssignmentError, TracedValueError, UncoveredFunctionError
from functrans.tracing.dispatch import METHODS, implements

_IN_PLACE = {
    np.copyto: "`dst = np.where(mask, src, dst)`, or `dst = np.broadcast_to(src, dst.shape)` without a mask",
    np.place: "`arr = np.where(mask, value, arr)`, or `functrans.numpy.at(arr)[mask].set(values)`",
    np.putmask: "`a = np.where(mask, values, a)`",
    np.put: "`a = functrans.numpy.at(a)[index].set(values)`",
    np.put_along_axis: "`functrans.numpy.at(arr)[index].set(values)` with an index array for each axis",
    np.fill_diagonal: "`i = np.arange(n); a = functrans.numpy.at(a)[i, i].set(values)`",
}

_IN_PLACE_METHODS = {
    "fill": "`np.full_like(x, value)`",
    "itemset": "`x = functrans.numpy.at(x)[index].set(value)`",
    "partition": "`x = np.partition(x, kth)`",
    "put": "`x = functrans.numpy.at(x)[index].set(values)`",
    "resize": "`x = np.resize(x, shape)`",
    "setfield": "`x = functrans.numpy.at(x)[index].set(value)`",
    "sort": "`x = np.sort(x)`",
}

_MEMORY_METHODS = (
    "byteswap",
    "dump",
    "dumps",
    "getfield",
    "newbyteorder",
    "setflags",
    "tobytes",
    "tofile",
    "tostring",
)


def _refuse_function(function: Any, instead: str) -> None:
    @implements(function)
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise TracedAssignmentError(
            f"`np.{function.__name__}` would write a traced value into an array in place and lose its derivative",
            f"write {instead}.",
        )


def _refuse_method(name: str, instead: str) -> None:
    def refused(x: Any, *_: Any, **__: Any) -> NoReturn:
        raise TracedAssignmentError(
            f"`.{name}()` writes into a traced {x.spec}, which is immutable", f"write {instead}."
        )

    METHODS[name] = refused


def refuse_memory(x: Any, name: str) -> NoReturn:
    """Raise what explains why a method that works on memory is not for traced values."""
    kind = TracedValueError if name.startswith(("to", "dump")) else UncoveredFunctionError
    raise kind(
        f"`.{name}()` works on the memory of an array, and a traced {x.spec} has none",
        "convert with `.astype(dtype)`, or apply it to the result, outside the function that is differentiated.",
    )


def _memory_method(name: str) -> None:
    METHODS[name] = lambda x, *_, **__: refuse_memory(x, name)


for _function, _instead in _IN_PLACE.items():
    _refuse_function(_function, _instead)
for _name, _instead in _IN_PLACE_METHODS.items():
    _refuse_method(_name, _instead)
for _name in _MEMORY_METHODS:
    _memory_method(_name)
