"""Trees of arrays: like something, tangents and cotangents for it, and trees of any structure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from functrans import tree
from functrans.ir.spec import WEAK, ArraySpec
from functrans.primitives import REAL, Domain
from functrans.testing.strategies.array import Layouts, array_in, arrays, layout_names
from functrans.testing.strategies.entries import Draw


class Couple(NamedTuple):
    """A named tuple, as :func:`pytrees` draws them."""

    first: Any
    second: Any


@dataclass
class Record:
    """A dataclass, as :func:`pytrees` draws them."""

    value: Any
    rest: Any = None


def pytrees(leaves: st.SearchStrategy[Any] | None = None, *, max_leaves: int = 6) -> st.SearchStrategy[Any]:
    """Trees: leaves in lists, tuples, dictionaries, named tuples and dataclasses, nested and empty, and ``None``.

    Args:
        leaves: what they hold; :func:`arrays` by default.
        max_leaves: how many of them, about.

    Example:
        >>> from hypothesis import find
        >>> import functrans as ft
        >>> from functrans.testing import strategies as st
        >>> find(st.pytrees(st.arrays((), float)), lambda tree: ft.tree.flatten(tree)[0] and isinstance(tree, dict))
        {'a': np.float64(0.05)}
    """
    keys = st.sampled_from(["a", "b", "c"])

    def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(
            st.lists(children, max_size=3),
            st.lists(children, max_size=3).map(tuple),
            st.dictionaries(keys, children, max_size=3),
            st.dictionaries(keys, children, max_size=3).map(OrderedDict),
            st.builds(Couple, children, children),
            st.builds(Record, children, children),
        )

    return st.recursive(st.one_of(arrays() if leaves is None else leaves, st.none()), containers, max_leaves=max_leaves)


def arrays_like(
    like: Any, *, domain: Domain = REAL, edges: bool = False, layouts: Layouts = False
) -> st.SearchStrategy[Any]:
    """Arrays with the shapes and dtypes of something: a spec, an array, a Python scalar, or a tree of them.

    Args:
        like: what they are like; Python scalars and weak specs give Python scalars.
        domain: as for :func:`functrans.testing.strategies.arrays`, and likewise ``edges`` and ``layouts``.
        edges: see there.
        layouts: see there.

    Returns:
        A strategy of trees with the structure of ``like``. No two entries, of whichever leaf, are equal, but for edges.

    Raises:
        TypeError: a leaf is not numeric.

    Example:
        >>> from hypothesis import find
        >>> import functrans as ft
        >>> from functrans.testing import strategies as st
        >>> find(st.arrays_like({"w": ft.ArraySpec((2,), np.float32), "b": 0.0}), lambda tree: True)
        {'w': array([0.05 , 0.117], dtype=float32), 'b': 0.122}
    """
    return _filled(
        like, lambda source, spec, place: array_in(source, spec.shape, spec.dtype, domain, place), edges, layouts
    )


def tangents(primal: Any, *, edges: bool = False, layouts: Layouts = False) -> st.SearchStrategy[Any]:
    """Tangents for ``primal``, as :func:`functrans.jvp` takes them: its structure, shapes and dtypes.

    Args:
        primal: a tree of arrays, Python scalars or specs. Python integers count as floats, as they do for ``jvp``;
            arrays of integers and booleans get zeros.
        edges: also zeros, infinities, NaN, …, as for :func:`functrans.testing.strategies.arrays`.
        layouts: see there.

    Example:
        >>> from hypothesis import given
        >>> import functrans as ft
        >>> from functrans.testing import strategies as st
        >>> primals = ({"w": np.ones(2)}, 3)
        >>> @given(st.tangents(primals))
        ... def test(tangents):
        ...     ft.jvp(lambda p, x: p["w"] * x, primals, tangents)
        >>> test()
    """

    def counted(leaf: Any) -> Any:
        return float(leaf) if type(leaf) is int else leaf

    return _filled(tree.map(counted, primal), _dual, edges, layouts)


def cotangents(out: Any, *, edges: bool = False, layouts: Layouts = False) -> st.SearchStrategy[Any]:
    """Cotangents for ``out``, as the pullback of :func:`functrans.vjp` takes them: its structure, shapes and dtypes.

    Args:
        out: a tree of arrays, Python scalars or specs; integers and booleans get zeros.
        edges: also zeros, infinities, NaN, …, as for :func:`functrans.testing.strategies.arrays`.
        layouts: see there.

    Example:
        >>> from hypothesis import given
        >>> import functrans as ft
        >>> from functrans.testing import strategies as st
        >>> out, pullback = ft.vjp(lambda x: (np.sin(x), len(x)), np.ones(3))
        >>> @given(st.cotangents(out))
        ... def test(cotangent):
        ...     pullback(cotangent)
        >>> test()
    """
    return _filled(out, _dual, edges, layouts)


def _dual(source: Draw, spec: ArraySpec, place: int) -> Any:
    if spec.dtype.kind not in "fc":
        return np.zeros(spec.shape, spec.dtype)[()]
    return array_in(source, spec.shape, spec.dtype, REAL, place)


def _filled(
    like: Any, fill: Callable[[Draw, ArraySpec, int], Any], edges: bool, layouts: Layouts
) -> st.SearchStrategy[Any]:
    leaves, structure = tree.flatten(like)
    found = [_spec(leaf, path) for leaf, path in zip(leaves, tree.paths(structure), strict=True)]
    names = layout_names(layouts, edges)

    @st.composite
    def filled(draw: st.DrawFn) -> Any:
        source = Draw(draw, edges, layouts=names)
        made = [_weak(fill(source, spec, place), spec) for place, spec in enumerate(found)]
        return tree.unflatten(structure, made)

    return filled()


def _spec(leaf: Any, path: str) -> ArraySpec:
    spec = ArraySpec.of(leaf)
    if spec.dtype.kind not in "fciub":
        where = f" at {path}" if path else ""
        raise TypeError(f"{leaf!r}{where} is no array, number or spec: nothing can be drawn like it")
    return spec


def _weak(made: Any, spec: ArraySpec) -> Any:
    return WEAK[spec.dtype.kind](np.asarray(made).item()) if spec.weak else made


__all__: Sequence[str] = ["Couple", "Record", "arrays_like", "cotangents", "pytrees", "tangents"]
