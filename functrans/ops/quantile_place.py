"""Where NumPy's methods find a quantile among ``n`` sorted entries: at a place ``h(n, q)`` that need be no integer.

R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Method(NamedTuple):
    """One of NumPy's.

    Attributes:
        place: ``h(n, q)``.
        slope: the derivative of ``h`` in ``q`` where the method interpolates; None: it goes in steps.
        reading: from ``h``, ``floor(h)`` and ``n``: the ranks of the entries below and above, which may be one, and the
            weight of the one above.
    """

    place: Callable[[Any, Any], Any]
    slope: Callable[[Any], Any] | None
    reading: Callable[[Any, Any, Any], tuple[Any, Any, Any]]


def _spaced(n: Any, q: Any) -> Any:
    return (n - 1) * q


def _counted(n: Any, q: Any) -> Any:
    return n * q - 1


def _between(h: Any, floor: Any, n: Any) -> tuple[Any, Any, Any]:
    return floor, floor + 1, h - floor


def _up_to_the_last(h: Any, floor: Any, n: Any) -> tuple[Any, Any, Any]:
    """As ``_between``, where h(n, 1) is the last entry: there the last cell ends, and no other begins."""
    return _between(h, np.minimum(floor, n - 2), n)


def _continuous(alpha: float, beta: float, last: bool = False) -> Method:
    return Method(
        lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1,
        lambda n: n + (1 - alpha - beta),
        _up_to_the_last if last else _between,
    )


def _discrete(place: Callable[[Any, Any], Any], chosen: Callable[[Any, Any], Any]) -> Method:
    def reading(h: Any, floor: Any, n: Any) -> tuple[Any, Any, Any]:
        rank = chosen(h, floor)
        return rank, rank, 0.0

    return Method(place, None, reading)


def _weighing(place: Callable[[Any, Any], Any], at_knots: float, elsewhere: float) -> Method:
    return Method(place, None, lambda h, floor, n: (floor, floor + 1, np.where(h == floor, at_knots, elsewhere)))


METHODS = {
    "inverted_cdf": _discrete(_counted, lambda h, floor: np.where(h == floor, floor, floor + 1)),
    "averaged_inverted_cdf": _weighing(_counted, 0.5, 1.0),
    "closest_observation": _discrete(
        lambda n, q: n * q - 1 - 0.5, lambda h, floor: np.where((h == floor) & (floor % 2 == 1), floor, floor + 1)
    ),
    "interpolated_inverted_cdf": _continuous(0, 1, last=True),
    "hazen": _continuous(0.5, 0.5),
    "weibull": _continuous(0, 0),
    "linear": Method(_spaced, lambda n: n - 1, _up_to_the_last),
    "median_unbiased": _continuous(1 / 3.0, 1 / 3.0),
    "normal_unbiased": _continuous(3 / 8.0, 3 / 8.0),
    "lower": _discrete(_spaced, lambda h, floor: floor),
    "higher": _discrete(_spaced, lambda h, floor: np.ceil(h)),
    "midpoint": _weighing(_spaced, 0.0, 0.5),
    "nearest": _discrete(_spaced, lambda h, floor: np.round(h)),
}


def reading(method: str, n: Any, q: Any) -> tuple[Any, Any]:
    """The ranks that a quantile is made of, and the weight of the second half of them.

    Ranks are along the last axis: those below for each ``q``, then those above; or one for each, if the method chooses.
    """
    chosen = METHODS[method]
    h = chosen.place(n, q)
    low, high, weight = chosen.reading(h, np.floor(h), n)
    ranks = low if high is low else np.concatenate([low, high], axis=-1)
    last = max(n - 1, 0) if isinstance(n, int) else np.maximum(n - 1, 0)
    return np.clip(ranks, 0, last).astype(np.intp), weight


def slope(method: str, n: Any) -> Any:
    """How fast the place moves with ``q``: None, where it goes in steps."""
    found = METHODS[method].slope
    return None if found is None else found(n)
