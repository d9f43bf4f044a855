"""Shapes, dtypes, specs and arrays: with and without axes, empty, broadcasting, at edges, and however they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from functrans.ir.spec import WEAK, ArraySpec
from functrans.primitives import REAL, Domain
from functrans.testing.strategies.entries import LAYOUTS, Draw, laid_out

T = TypeVar("T")
Shape: TypeAlias = tuple[int, ...]
Layouts: TypeAlias = bool | Sequence[str]

_DTYPES = {
    "f": (np.float64, np.float32),
    "c": (np.complex128, np.complex64),
    "i": (np.int64, np.int32),
    "u": (np.uint64, np.uint8),
    "b": (np.bool_,),
}


def shapes(
    min_dims: int = 0,
    max_dims: int = 3,
    min_side: int = 0,
    max_side: int = 4,
    *,
    broadcastable: bool | int = False,
) -> st.SearchStrategy[Any]:
    """Shapes of arrays: without axes, with axes of no length, of one entry, and larger ones.

    Args:
        min_dims: the least number of axes.
        max_dims: the largest.
        min_side: the least length of an axis.
        max_side: the largest.
        broadcastable: give a tuple of shapes that broadcast together: two of them, or that many.

    Returns:
        A strategy of shapes, or of tuples of shapes. They shrink to few axes, and those to short ones.

    Example:
        >>> from hypothesis import given
        >>> from functrans.testing import strategies as st
        >>> @given(st.shapes(broadcastable=3))
        ... def test(shapes):
        ...     a, b, c = shapes
        ...     np.broadcast_shapes(a, b, c)
        >>> test()
    """
    if broadcastable is False:
        return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)
    count = 2 if broadcastable is True else broadcastable
    together = hnp.mutually_broadcastable_shapes(
        num_shapes=count, min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )
    return together.map(lambda found: found.input_shapes)


def dtypes(kinds: str = "fc") -> st.SearchStrategy[np.dtype[Any]]:
    """Dtypes, in double precision and then in single.

    Args:
        kinds: NumPy's letters of the kinds to draw from, the simplest first: ``"f"`` floats, ``"c"`` complex numbers,
            ``"i"`` integers, ``"u"`` those without a sign, ``"b"`` booleans.

    Raises:
        ValueError: there is no such kind.

    Example:
        >>> from hypothesis import find
        >>> from functrans.testing import strategies as st
        >>> find(st.dtypes("fi"), lambda dtype: dtype.kind == "i")
        dtype('int64')
    """
    unknown = [kind for kind in kinds if kind not in _DTYPES]
    if unknown or not kinds:
        raise ValueError(f"kinds={kinds!r}: pass some letters of {''.join(_DTYPES)!r}, NumPy's kinds of dtypes")
    return st.sampled_from([np.dtype(dtype) for kind in kinds for dtype in _DTYPES[kind]])


def specs(shape: Any = None, dtype: Any = None, *, weak: bool | None = None) -> st.SearchStrategy[ArraySpec]:
    """Specs of arrays, and of Python scalars.

    Args:
        shape: a shape, or a strategy of them; :func:`shapes` by default.
        dtype: a dtype, or a strategy of them; :func:`dtypes` by default.
        weak: only those of Python scalars (``True``), none of them (``False``), or both.

    Example:
        >>> from hypothesis import find
        >>> from functrans.testing import strategies as st
        >>> find(st.specs(), lambda spec: spec.ndim == 2 and spec.size > 1)
        Float64[1 2]
        >>> find(st.specs(dtype=np.complex64), lambda spec: spec.weak)
        complex
    """
    strong = st.builds(ArraySpec, _strategy(shape, shapes()), _strategy(dtype, dtypes()).map(np.dtype))
    scalars = _strategy(dtype, dtypes()).map(
        lambda dtype: ArraySpec.of(WEAK[np.dtype(dtype).kind.replace("u", "i")](0))
    )
    return {True: scalars, False: strong, None: strong | scalars}[weak]


def arrays(
    shape: Any = None,
    dtype: Any = None,
    *,
    domain: Domain = REAL,
    edges: bool = False,
    layouts: Layouts = False,
) -> st.SearchStrategy[Any]:
    """Arrays, off every kink by default: small numbers inside the domain, no two equal, none an integer or a half.

    Args:
        shape: a shape (or its only length), or a strategy of shapes; :func:`shapes` by default.
        dtype: a dtype, or a strategy of them; :func:`dtypes` by default.
        domain: the open interval in which entries lie; of complex numbers, the real parts. Their imaginary parts are
            positive.
        edges: also the ends of the domain, zeros of both signs, entries that are equal, infinities, NaN, subnormal,
            tiny and huge numbers; of integers, zero and the ends of their range.
        layouts: also arrays in Fortran's order, strided, backwards, unaligned, read-only, without axes; with ``edges``
            of stride zero. Or the names of those wanted, from
            ``functrans.testing.strategies.entries.LAYOUTS``.

    Returns:
        A strategy of arrays, and of NumPy scalars where the shape is ``()``. Beyond 64 entries they repeat their
        pattern, with differences.

    Example:
        >>> from hypothesis import find
        >>> from functrans.testing import strategies as st
        >>> find(st.arrays(dtype=float), lambda x: np.sum(x) > 0.5)
        np.float64(0.55)
        >>> find(st.arrays((2,), float, domain=(0.0, 1.0), edges=True), lambda x: x[0] == x[1])
        array([0.25, 0.25])
        >>> find(st.arrays((2, 2), float, layouts=True), lambda x: not x.flags.c_contiguous).flags.f_contiguous
        True
    """
    names = layout_names(layouts, edges)
    shape_strategy = _strategy((shape,) if isinstance(shape, int) else shape, shapes())
    return _arrays(shape_strategy, _strategy(dtype, dtypes()), (float(domain[0]), float(domain[1])), edges, names)


@st.composite
def _arrays(
    draw: st.DrawFn,
    shape: st.SearchStrategy[Shape],
    dtype: st.SearchStrategy[Any],
    domain: Domain,
    edges: bool,
    layouts: Sequence[str],
) -> Any:
    return array_in(Draw(draw, edges, layouts=layouts), draw(shape), draw(dtype), domain)


def array_in(source: Draw, shape: Shape, dtype: Any, domain: Domain = REAL, place: int = 0) -> Any:
    """An array in one of the layouts of a :class:`Draw`."""
    made = source(tuple(shape), domain, place, dtype)
    if "repeated" in source.layouts and shape and source.choice([False, True, False]):
        return laid_out(made, "repeated")
    return source.laid_out(made)


def layout_names(layouts: Layouts, edges: bool) -> tuple[str, ...]:
    """The layouts that an argument ``layouts`` asks for.

    Raises:
        ValueError: there is no such layout.
    """
    if layouts is True:
        return tuple([name for name in LAYOUTS if edges or name != "repeated"])
    names = tuple(layouts or ())
    unknown = [name for name in names if name not in LAYOUTS]
    if unknown:
        raise ValueError(f"no layout {unknown[0]!r}; there are {', '.join(LAYOUTS)}")
    return names


def _strategy(given: T | st.SearchStrategy[T] | None, default: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    if given is None:
        return default
    return given if isinstance(given, st.SearchStrategy) else st.just(given)
