"""How results are compared: to the bit, up to a rounding that is accounted for, and by inner products."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import tree
from functrans.ir.spec import ArraySpec

#: Results may differ by this many units of the last place of the largest entry: what some hundred operations lose.
ROUNDINGS = 2.0**12


def leaves(value: Any) -> list[Any]:
    """The leaves of a tree."""
    return tree.flatten(value)[0]


def specs(value: Any) -> list[ArraySpec]:
    """The specs of the leaves of a tree."""
    return [ArraySpec.of(leaf) for leaf in leaves(value)]


def bits(value: Any) -> list[Any]:
    """A value as something that compares to the bit: spec and bytes of each leaf."""
    return [(ArraySpec.of(leaf), type(leaf).__name__, np.asarray(leaf).tobytes()) for leaf in leaves(value)]


def assert_same_bits(found: Any, expected: Any) -> None:
    """Equal in specs, types and every bit."""
    assert bits(found) == bits(expected), f"found    {found!r}\nexpected {expected!r}"


def flat(value: Any) -> np.ndarray[Any, Any]:
    """All numbers of a value in one double precision vector; the integers, which have no tangent, left out."""
    parts = [np.ravel(np.asarray(leaf)) for leaf in leaves(value) if ArraySpec.of(leaf).dtype.kind in "fc"]
    joined = np.concatenate([np.zeros(0), *parts])
    return joined.astype(complex if joined.dtype.kind == "c" else float)


def scale(*values: Any) -> float:
    """The largest modulus among some values, at least one."""
    return max([1.0, *[float(np.max(np.abs(flat(v)), initial=0.0)) for v in values]])


def epsilon(*values: Any) -> float:
    """The unit roundoff of the coarsest inexact dtype among some values."""
    dtypes = {spec.dtype for value in values for spec in specs(value) if spec.dtype.kind in "fc"}
    return max([float(np.finfo(dtype).eps) for dtype in dtypes], default=float(np.finfo(float).eps))


def assert_close(found: Any, expected: Any, *, error: float = 0.0, precise: float = 1e-12) -> None:
    """Equal up to the judge's ``error`` and ``precise`` parts of the largest entry."""
    a, b = flat(found), flat(expected)
    assert a.shape == b.shape, f"{a.size} numbers instead of {b.size}"
    allowed = error + precise * scale(a, b)
    distances = np.abs(a - b)
    if not np.max(distances, initial=0.0) <= allowed:
        worst = int(np.argmax(distances))  # a NaN, if there is one
        raise AssertionError(
            f"found    {a[worst].item()!r}\nexpected {b[worst].item()!r}\n"
            f"they differ by {distances[worst]:.3g}, more than {allowed:.3g}; entry {worst} of {a.size}"
        )


def inner(a: Any, b: Any) -> float:
    """The pairing of the adjoint law: the real part of ``sum(a * b)``, without conjugation."""
    return float(np.real(np.sum(flat(a) * flat(b))))


def assert_inner_equal(a: Any, b: Any, c: Any, d: Any, precise: float) -> None:
    """``<a, b> == <c, d>``, up to rounding in the terms of the sums."""
    terms = np.sum(np.abs(flat(a) * flat(b))) + np.sum(np.abs(flat(c) * flat(d)))
    difference, allowed = abs(inner(a, b) - inner(c, d)), float(precise * (1.0 + terms))
    assert difference <= allowed, (
        f"left  {inner(a, b)}\nright {inner(c, d)}\nthey differ by {difference:.3g}, more than {allowed:.3g}"
    )


def double(value: Any) -> Any:
    """A value in double precision."""

    def widen(leaf: Any) -> Any:
        spec = ArraySpec.of(leaf)
        if spec.weak or spec.dtype.kind not in "fc":
            return leaf
        return np.asarray(leaf, np.complex128 if spec.dtype.kind == "c" else np.float64)[()]

    return tree.map(widen, value)
