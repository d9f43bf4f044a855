"""Who judges: numerical derivatives with an estimate of their error, equality to the bit, and inner products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import assume

import functrans as ft
from functrans.ir import ArraySpec


def leaves(value: Any) -> list[Any]:
    return ft.tree.flatten(value)[0]


def specs(value: Any) -> list[ArraySpec]:
    return [ArraySpec.of(leaf) for leaf in leaves(value)]


def bits(value: Any) -> list[Any]:
    """A value as something that compares to the bit: spec and bytes of each leaf."""
    return [(ArraySpec.of(leaf), type(leaf).__name__, np.asarray(leaf).tobytes()) for leaf in leaves(value)]


def assert_same_bits(found: Any, expected: Any) -> None:
    assert bits(found) == bits(expected), f"{found!r} is not {expected!r}"


def flat(value: Any) -> np.ndarray:
    """All numbers of a value in one double precision vector; the integers, which have no tangent, left out."""
    parts = [np.ravel(np.asarray(leaf)) for leaf in leaves(value) if ArraySpec.of(leaf).dtype.kind in "fc"]
    joined = np.concatenate([np.zeros(0), *parts])
    return joined.astype(complex if joined.dtype.kind == "c" else float)


def scale(*values: Any) -> float:
    return max([1.0, *[float(np.max(np.abs(flat(v)), initial=0.0)) for v in values]])


def precision(*values: Any) -> float:
    """The relative error to allow: that of the coarsest dtype among some values."""
    return (
        1e-9 if all(np.finfo(s.dtype).eps < 1e-12 for v in values for s in specs(v) if s.dtype.kind in "fc") else 2e-4
    )


def assert_close(found: Any, expected: Any, *, error: float = 0.0, precise: float = 1e-9) -> None:
    """Equal up to the judge's ``error`` and ``precise`` parts of the largest entry."""
    a, b = flat(found), flat(expected)
    assert a.shape == b.shape
    allowed = error + precise * scale(a, b)
    difference = float(np.max(np.abs(a - b), initial=0.0))
    assert difference <= allowed, f"{found} differs from {expected} by {difference:.3g}, more than {allowed:.3g}"


def inner(a: Any, b: Any) -> float:
    """The pairing of the adjoint law: the real part of ``sum(a * b)``, without conjugation."""
    return float(np.real(np.sum(flat(a) * flat(b))))


def assert_inner_equal(a: Any, b: Any, c: Any, d: Any, precise: float) -> None:
    """``<a, b> == <c, d>``, up to rounding in the terms of the sums."""
    terms = np.sum(np.abs(flat(a) * flat(b))) + np.sum(np.abs(flat(c) * flat(d)))
    difference = abs(inner(a, b) - inner(c, d))
    assert difference <= precise * (1.0 + terms), f"{inner(a, b)} is not {inner(c, d)}"


def double(value: Any) -> Any:
    """A value in double precision."""

    def widen(leaf: Any) -> Any:
        spec = ArraySpec.of(leaf)
        if spec.weak or spec.dtype.kind not in "fc":
            return leaf
        return np.asarray(leaf, np.complex128 if spec.dtype.kind == "c" else np.float64)[()]

    return ft.tree.map(widen, value)


def moved(point: Sequence[Any], direction: Sequence[Any], step: complex) -> list[Any]:
    return [x + step * dx for x, dx in zip(point, direction, strict=True)]


def numerical_derivative(
    f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any], largest: float = 2.0**-6, levels: int = 7
) -> tuple[np.ndarray, float]:
    """The derivative of ``f`` at ``point`` in a direction, and an estimate of its error.

    Central differences with halved steps, extrapolated to step zero: the error has even powers of the step alone.

    Source: Ridders, Accurate computation of F'(x) and F'(x)F''(x). Adv. Eng. Software 4 (1982).
    """
    rows: list[list[np.ndarray]] = []
    best, error = np.zeros(0), np.inf
    with np.errstate(all="ignore"):
        for level in range(levels):
            step = largest * 2.0**-level
            difference = flat(f(*moved(point, direction, step))) - flat(f(*moved(point, direction, -step)))
            row = [difference / (2 * step)]
            for order in range(level):
                row.append(row[order] + (row[order] - rows[-1][order]) / (4.0 ** (order + 1) - 1))
            for order in range(1, level + 1):
                estimate = max(
                    np.max(np.abs(row[order] - row[order - 1]), initial=0.0),
                    np.max(np.abs(row[order] - rows[-1][order - 1]), initial=0.0),
                )
                if estimate < error:
                    best, error = row[order], float(estimate)
            rows.append(row)
    # Never better than the rounding of the difference itself.
    return best, error + 1e-14 * scale(best) / largest


def judged(f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any]) -> tuple[np.ndarray, float]:
    """:func:`numerical_derivative` in double precision, where it is good enough to judge."""
    expected, error = numerical_derivative(f, double(tuple(point)), double(tuple(direction)))
    closer, doubt = numerical_derivative(f, double(tuple(point)), double(tuple(direction)), 2.0**-11, 3)
    # A jump nearby fools one of them, but not both alike.
    assume(error < 1e-6 * scale(expected))
    assume(np.max(np.abs(expected - closer), initial=0.0) <= error + doubt + 1e-6 * scale(expected))
    return expected, error


def complex_step(f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any]) -> np.ndarray:
    """The derivative of a real-analytic ``f`` that computes with complex numbers too, to full precision.

    Source: Squire and Trapp, Using complex variables to estimate derivatives of real functions. SIAM Rev. 40 (1998).
    """
    step = 1e-30
    with np.errstate(all="ignore"):
        return flat(f(*moved(double(tuple(point)), double(tuple(direction)), step * 1j))).imag / step
