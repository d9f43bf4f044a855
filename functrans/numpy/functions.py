"""Functions of NumPy that do not ask all of their arguments what they are, and so miss a traced one.

With plain arguments each is NumPy's function.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.errors import TracedValueError
from functrans.ops import gather, interpolation, polynomial
from functrans.ops import piecewise as pieces
from functrans.ops.convert import to_dtype
from functrans.ops.family import operand
from functrans.ops.scalars import strong, weak
from functrans.tracing.tracer import Tracer

_take: Any = np.take
_interp: Any = np.interp


def _any_traced(*values: Any) -> bool:
    return any(type(value) is Tracer for value in values)


def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """``np.take``, also of a plain array by traced indices.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> import numpy as np
        >>> table = np.array([1.0, 4.0, 9.0])
        >>> ft.vmap(lambda i: fnp.take(table, i))(np.array([2, 0]))
        array([9., 1.])
    """
    if _any_traced(a, indices):
        return gather.take(a, indices, axis, out, mode)
    return _take(a, indices, axis, out, mode)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """``np.interp``, also if of its arguments ``left``, ``right`` or ``period`` alone is traced.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> ft.grad(lambda left: fnp.interp(-1.0, [0.0, 1.0], [2.0, 3.0], left=left))(5.0)
        1.0
    """
    if _any_traced(left, right, period):
        return interpolation.interp(x, xp, fp, left, right, period)
    return _interp(x, xp, fp, left, right, period)


def polyint(p: Any, m: Any = 1, k: Any = None) -> Any:
    """``np.polyint``, also if ``k`` alone is traced.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> ft.jvp(lambda k: fnp.polyint([3.0, 1.0], 1, k), (2.0,), (1.0,))[1]
        array([0., 0., 1.])
    """
    if _any_traced(k) or (isinstance(k, list | tuple) and _any_traced(*k)):
        return polynomial.polyint(p, m, np.stack([strong(c) for c in k]) if isinstance(k, list | tuple) else k)
    return np.polyint(p, m, k)


def kaiser(M: Any, beta: Any) -> Any:  # noqa: N803
    """``np.kaiser``, also of a traced ``beta``.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> round(ft.grad(lambda beta: fnp.kaiser(5, beta)[0])(0.5), 6)
        -0.228024
    """
    if not _any_traced(beta):
        return np.kaiser(M, beta)
    if np.ndim(beta):
        raise ValueError("beta is one number")
    if _any_traced(M):
        operator.index(M)  # which a traced one refuses
    beta = np.add(beta, np.float64(0.0))  # in double precision at least
    if M == 1:
        return np.ones(1) + 0.0 * beta
    n = np.arange(0, beta.dtype.type(M))
    half = (beta.dtype.type(M) - 1) / 2.0
    return np.i0(beta * np.sqrt(1 - ((n - half) / half) ** 2.0)) / np.i0(beta)


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """``np.piecewise``, also if it is the functions that bring traced values in.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> import numpy as np
        >>> x = np.array([-1.0, 2.0])
        >>> ft.grad(lambda a: np.sum(fnp.piecewise(x, [x < 0], [lambda v: a * v, 0.0])))(3.0)
        -1.0
    """
    return _plainly_or(np.piecewise, pieces.piecewise, x, x, condlist, funclist, *args, **kw)


def apply_along_axis(func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """``np.apply_along_axis``, also if it is the function or its other arguments that bring traced values in.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> import numpy as np
        >>> ft.grad(lambda a: np.sum(fnp.apply_along_axis(lambda row: a * row, 0, np.ones((2, 3)))))(3.0)
        6.0
    """
    return _plainly_or(np.apply_along_axis, pieces.apply_along_axis, arr, func1d, axis, arr, *args, **kwargs)


def _plainly_or(plain: Any, traced: Any, array: Any, *args: Any, **kwargs: Any) -> Any:
    """What NumPy's function gives, unless a traced value refuses to be written into its result."""
    if type(array) is not Tracer:
        try:
            return plain(*args, **kwargs)
        except TracedValueError:
            pass
        except ValueError as error:
            if not isinstance(error.__cause__, TracedValueError):
                raise
    return traced(*args, **kwargs)


# vectorize


class vectorize:  # noqa: N801
    """``np.vectorize``, whose function may be given traced numbers, or bring traced values in.

    Takes what NumPy's takes, also as a decorator. It is a loop, as NumPy's; ``functrans.vmap`` is faster.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> import numpy as np
        >>> relu = fnp.vectorize(lambda x: x * x if x > 0 else 0.0 * x)
        >>> ft.grad(lambda x: np.sum(relu(x)))(np.array([-1.0, 3.0]))
        array([0., 6.])
    """

    def __init__(
        self,
        pyfunc: Any = np._NoValue,  # type: ignore[attr-defined]
        otypes: Any = None,
        doc: Any = None,
        excluded: Any = None,
        cache: bool = False,
        signature: str | None = None,
    ) -> None:
        self._options = {
            "otypes": otypes,
            "doc": doc,
            "excluded": excluded,
            "cache": cache,
            "signature": signature,
        }
        self._plain = np.vectorize(pyfunc, **self._options)  # which also checks the arguments
        self.pyfunc = pyfunc
        self.otypes = self._plain.otypes
        self.excluded = self._plain.excluded
        self.signature = signature
        self.__doc__ = self._plain.__doc__
        if pyfunc is not np._NoValue:  # type: ignore[attr-defined]
            functools.update_wrapper(self, pyfunc, assigned=("__name__", "__qualname__", "__module__"), updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function of each entry, or of each part that the signature says."""
        if self.pyfunc is np._NoValue:  # type: ignore[attr-defined]
            return vectorize(args[0], **self._options)
        if not _any_traced(*args, *kwargs.values()):
            return _plainly_or(self._plain, self._traced, None, *args, **kwargs)
        return self._traced(*args, **kwargs)

    def _traced(self, *args: Any, **kwargs: Any) -> Any:
        given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        mapped = [key for key in given if key not in self.excluded]

        def call(*values: Any) -> Any:
            full = {**given, **dict(zip(mapped, values, strict=True))}
            return self.pyfunc(*[full.pop(i) for i in range(len(args))], **full)

        arrays = [strong(operand(given[key])) for key in mapped]
        if not arrays:
            return self.pyfunc(*args, **kwargs)
        if self.signature is None:
            shape = np.broadcast_shapes(*[a.shape for a in arrays])
            flat = [np.ravel(np.broadcast_to(a, shape)) for a in arrays]
            results = [call(*[_number(a[i]) for a in flat]) for i in range(math.prod(shape))]
            # As NumPy has it: the numbers come of Python's, but the dtypes of what entries as they are would give.
            first = results[:1]
            if first and any(a.dtype.char not in "dD" for a in flat):
                first = [call(*[a[0] for a in flat])]
            return self._gathered(results, shape, None, first)
        inputs, outputs = [re.findall(r"\(([^()]*)\)", side) for side in self.signature.split("->")]
        if len(arrays) != len(inputs):
            raise TypeError(f"wrong number of positional arguments: expected {len(inputs)}, got {len(arrays)}")
        ranks = [len(names.split(",")) if names.strip() else 0 for names in inputs]
        sizes: dict[str, int] = {}
        for a, names, rank in zip(arrays, inputs, ranks, strict=True):
            _expect_core(a, names, rank, sizes)
        shape = np.broadcast_shapes(*[a.shape[: a.ndim - rank] for a, rank in zip(arrays, ranks, strict=True)])
        stacks = [np.broadcast_to(a, (*shape, *a.shape[a.ndim - r :])) for a, r in zip(arrays, ranks, strict=True)]
        results = [call(*[a[index] for a in stacks]) for index in np.ndindex(*shape)]
        return self._gathered(results, shape, (outputs, sizes), results[:1])

    def _gathered(self, results: list[Any], shape: tuple[int, ...], core: Any, first: list[Any]) -> Any:
        """What the calls returned, in arrays with the dtypes of the first."""
        if not results:
            if self.otypes is None:
                raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
            if core is not None and any(names.strip() for names in core[0]):
                raise ValueError("cannot call `vectorize` with a signature including new output dimensions on size 0")
            empty = tuple([np.zeros(shape, char) for char in self.otypes])
            return empty[0] if len(empty) == 1 else empty
        several = isinstance(results[0], tuple)
        columns = list(zip(*results, strict=True)) if several else [results]
        if core is not None and len(columns) != len(core[0]):
            raise ValueError(f"wrong number of outputs from pyfunc: expected {len(core[0])}, got {len(columns)}")
        made = []
        for i, column in enumerate(columns):
            entries = [strong(operand(entry)) for entry in column]
            if core is None and any(entry.shape for entry in entries):
                raise ValueError("setting an array element with a sequence: a function without signature gives numbers")
            if core is not None:
                for entry in entries:
                    names = core[0][i]
                    _expect_core(entry, names, len(names.split(",")) if names.strip() else 0, core[1], exact=True)
            told = first[0][i] if several else first[0]
            dtype = strong(operand(told)).dtype if self.otypes is None else np.dtype(self.otypes[i])
            stacked = np.stack([e if e.dtype == dtype else to_dtype(e, dtype) for e in entries])
            made.append(np.reshape(stacked, (*shape, *entries[0].shape)))
        return tuple(made) if several else made[0]


def _number(entry: Any) -> Any:
    """An entry as Python's number, which is what NumPy's loop over objects hands out."""
    if type(entry) is not Tracer:
        return entry.item()
    if entry.dtype.char in "gG":  # Python has none so wide
        return entry
    wide = np.dtype(np.complex128 if entry.dtype.kind == "c" else np.float64)
    return weak(entry if entry.dtype == wide else to_dtype(entry, wide)) if entry.dtype.kind in "fc" else entry


def _expect_core(array: Any, names: str, rank: int, sizes: dict[str, int], exact: bool = False) -> None:
    """Check the last axes of an array against those that a signature names."""
    shape = array.shape
    if len(shape) < rank or (exact and len(shape) != rank):
        raise ValueError(f"{len(shape)}-dimensional argument does not have enough dimensions for ({names})")
    for name, length in zip(names.split(","), shape[len(shape) - rank :], strict=False):
        if sizes.setdefault(name.strip(), length) != length:
            raise ValueError(f"inconsistent size for core dimension {name!r}: {length} vs {sizes[name.strip()]}")
