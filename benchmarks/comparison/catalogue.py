"""The calls whose derivatives are compared, and what is right: values and differences of NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from comparison.writing import WRITING

_STEPS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
_FIRST = np.array([-1.0, 9.0, -45.0, 0.0, 45.0, -9.0, 1.0]) / 60.0
_SECOND = np.array([2.0, -27.0, 270.0, -490.0, 270.0, -27.0, 2.0]) / 180.0


class Case(NamedTuple):
    """A call, a direction, and what NumPy's values say.

    Attributes:
        f: the function, of ``args``.
        args: all arguments; those that move are floating or complex arrays.
        moving: their positions.
        direction: for each of them.
        weights: for the real and imaginary part of each result, None for a result that is no number.
        value: the number that is differentiated.
        slope: its first derivative in the direction.
        curvature: its second one.
    """

    f: Callable[..., Any]
    args: tuple[Any, ...]
    moving: tuple[int, ...]
    direction: tuple[Any, ...]
    weights: list[Any]
    value: float
    slope: float
    curvature: float

    @property
    def is_complex(self) -> bool:
        """Whether complex numbers move."""
        return any(self.args[i].dtype.kind == "c" for i in self.moving)


def is_function(name: str) -> bool:
    """Whether it is a function of ``np``, ``np.linalg`` or ``np.fft``, not a method."""
    parts = name.split(".")
    return parts[0] == "np" and (len(parts) == 2 or parts[1] in ("linalg", "fft"))


def cases() -> dict[str, list[Case]]:
    """By name; functions whose derivative is zero at all calls are left out."""
    from tests.catalogue import linalg_calls, shape_calls  # noqa: F401
    from tests.catalogue.draws import drawn
    from tests.catalogue.numpy_calls import CALLS

    found = {}
    for name, calls in {**CALLS, **WRITING}.items():
        kept = []
        for seed, (f, *operands) in enumerate(calls):
            # Drawn again where differences do not say what is right: beside a jump.
            draws = (case(f, drawn(tuple(operands), seed + again), seed) for again in (0, 1000, 2000))
            kept += [one for one in draws if one is not None][:1]
        if any(abs(one.slope) > 1e-6 for one in kept):
            found[name] = kept
    return found


def case(f: Callable[..., Any], args: tuple[Any, ...], seed: int) -> Case | None:
    """A call with its derivatives; None where differences at two steps do not agree."""
    rng = np.random.default_rng(seed)
    args = tuple([np.asarray(arg) if isinstance(arg, np.generic) else arg for arg in args])
    moving = tuple([i for i, arg in enumerate(args) if getattr(arg, "dtype", np.dtype(int)).kind in "fc"])
    direction = tuple([_direction(rng, args[i]) for i in moving])
    with np.errstate(all="ignore"):
        weights = [_weights(i, leaf) for i, leaf in enumerate(parts(f(*args)))]

        def along(t: float) -> float:
            moved = list(args)
            for i, v in zip(moving, direction, strict=True):
                moved[i] = args[i] + t * v
            try:
                return float(summed(np, f(*moved), weights))
            except ValueError:  # a step so far that results have other shapes
                return np.nan

        slope, curvature = _difference(along, _FIRST, 1, 1e-8), _difference(along, _SECOND, 2, 1e-6)
        if slope is None or curvature is None:
            return None
        return Case(f, args, moving, direction, weights, along(0.0), slope, curvature)


def _direction(rng: np.random.Generator, x: Any) -> Any:
    v = rng.uniform(0.3, 1.0, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    if x.dtype.kind == "c":
        v = v + 1j * rng.uniform(-1.0, 1.0, x.shape)
    if x.ndim >= 2 and x.shape[-1] == x.shape[-2] and np.allclose(x, np.conj(np.swapaxes(x, -1, -2))):
        return (v + np.conj(np.swapaxes(v, -1, -2))) / 2.0  # libraries differ in what they read of such matrices
    return v


def _weights(position: int, leaf: Any) -> Any:
    leaf = np.asarray(leaf)
    if leaf.dtype.kind not in "fc":
        return None
    real = np.cos(np.arange(leaf.size) + position).reshape(leaf.shape)
    return real, (np.sin(2.0 + real) if leaf.dtype.kind == "c" else None)


def parts(out: Any) -> list[Any]:
    """The arrays of a result, in order."""
    if isinstance(getattr(out, "_value", None), tuple | list):  # autograd's box around a tuple
        out = [out[i] for i in range(len(out._value))]
    if isinstance(out, tuple | list):
        return [leaf for part in out for leaf in parts(part)]
    return [out]


def summed(names: Any, out: Any, weights: list[Any]) -> Any:
    """The number that is differentiated, of what comes out, in a library's own operations."""
    total = 0.0
    for leaf, weight in zip(parts(out), weights, strict=True):
        if weight is None:
            continue
        real, imaginary = weight
        if imaginary is None:
            total = total + names.sum(real * leaf) + 0.5 * names.sum(leaf * leaf)
        else:
            x, y = names.real(leaf), names.imag(leaf)
            total = total + names.sum(real * x + imaginary * y) + 0.5 * names.sum(x * x + y * y)
    return total


def _difference(along: Callable[[float], float], stencil: Any, order: int, tolerance: float) -> float | None:
    """A derivative by central differences of order six: where those at two steps agree best."""
    made = [sum(c * along(k * h) for k, c in zip(range(-3, 4), stencil, strict=True) if c) / h**order for h in _STEPS]
    gaps = [abs(a - b) / max(1.0, abs(b)) for a, b in pairwise(made)]
    best = int(np.nanargmin(gaps)) if np.any(np.isfinite(gaps)) else 0
    return made[best + 1] if gaps[best] <= tolerance else None
