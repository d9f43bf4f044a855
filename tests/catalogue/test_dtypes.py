"""Every call of the catalogue in half, single and extended precision, real and complex: NumPy's bits, and derivatives
in the dtypes of the arguments, as near to those in double precision as the dtype allows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.testing.compare import leaves
from tests.catalogue import linalg_calls as _linalg_calls  # noqa: F401
from tests.catalogue import shape_calls as _shape_calls  # noqa: F401
from tests.catalogue.draws import drawn
from tests.catalogue.numpy_calls import CALLS

WIDTHS = {"half": ("e", None), "single": ("f", "F"), "extended": ("g", "G")}


def cast(arg: Any, real: str, complex: str | None) -> Any:
    arg = np.asarray(arg)
    char = {"f": real, "c": complex}.get(arg.dtype.kind, arg.dtype.char)
    return arg if char is None else arg.astype(char)[()]


def gradient(f: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """The value, and the gradient of the weighted sum of its real and imaginary parts."""
    moving = [i for i, x in enumerate(args) if np.asarray(x).dtype.kind in "fc"]

    def of(*moved: Any) -> Any:
        given = list(args)
        for i, x in zip(moving, moved, strict=True):
            given[i] = x
        return f(*given)

    out, pullback = ft.vjp(of, *[args[i] for i in moving])
    weights = ft.tree.map(weight, out)
    return out, pullback(weights)


def weight(leaf: Any) -> Any:
    leaf = np.asarray(leaf)
    made = np.cos(np.arange(leaf.size)).reshape(leaf.shape)
    return (made if leaf.dtype.kind in "fc" else 0 * made).astype(leaf.dtype)[()]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", CALLS)
def test_dtypes(name, width):
    for seed, (f, *operands) in enumerate(CALLS[name]):
        wide = drawn(tuple(operands), seed)
        args = tuple(cast(x, *WIDTHS[width]) for x in wide)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                expected = f(*args)
            except (TypeError, NotImplementedError):  # NumPy has no loop for it
                continue
            out, found = gradient(f, args)
            wide_out, reference = gradient(f, tuple(cast(x, "d", "D") for x in args))
        for a, b in zip(leaves(out), leaves(expected), strict=True):
            assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype)
            np.testing.assert_array_equal(a, b)
        if [np.shape(a) for a in leaves(out)] != [np.shape(a) for a in leaves(wide_out)]:
            continue  # `polydiv` drops what is nearly zero, and what is depends on the dtype
        moving = [x for x in args if x.dtype.kind in "fc"]
        eps = max([1e-15, *[float(np.finfo(x.dtype).eps) for x in moving]])
        for g, x, r in zip(leaves(found), moving, leaves(reference), strict=True):
            assert (np.shape(g), np.asarray(g).dtype) == (x.shape, x.dtype)
            scale = max(np.max(np.abs(r), initial=0), 1)
            # The arguments are the same numbers, so what differs is the rounding of a few steps: up to 3 eps is seen.
            np.testing.assert_allclose(np.asarray(g, np.asarray(r).dtype), r, rtol=0, atol=8 * eps * scale)
