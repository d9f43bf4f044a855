"""Recipes for the primitives of ``scipy.stats``: a few distributions and methods; the tests have the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.scipy import stats
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import calls, register

_SHAPES: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((3,), (), ()),
    ((2, 1), (3,), ()),
    ((), (2,), ()),
    ((0,), (1,), ()),
)
_METHODS = ("logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf")


def _univariate(draw: Draw) -> tuple[list[Any], dict[str, Any]]:
    draw.dtype = "float64"
    name, method = draw.choice(("gamma", "norm", "t", "lognorm", "poisson")), draw.choice(_METHODS)
    x, shape, scale = draw.choice(_SHAPES)
    if name == "poisson":
        method = draw.choice(("logpmf", "pmf", "cdf", "logsf"))
        counts = np.reshape(np.arange(int(np.prod(x))), x)
        return [counts, draw(shape, (0.5, 4.0))], {"distribution": name, "method": method}
    domain = (0.1, 0.9) if method in ("ppf", "isf") else (0.3, 3.0)
    operands = [draw(x, domain)]
    if name != "norm":
        operands.append(draw(shape, (0.6, 3.0), place=1))
    if draw.choice((True, False)):
        operands += [draw((), (-0.2, 0.1), place=2), draw(scale, (0.5, 2.0), place=3)]
    return operands, {"distribution": name, "method": method}


register("scipy.stats.univariate", _univariate)


def _positive(a: Any) -> Any:
    return a @ np.swapaxes(a, -1, -2) + 2.0 * np.eye(2)


def _covariance(draw: Draw) -> Any:
    return _positive(draw((2, 2), (-1.0, 1.0), place=4))


def _at(distribution: str, method: str) -> Any:
    return getattr(getattr(stats, distribution), method)


calls(
    "scipy.stats.multivariate",
    (_at("multivariate_normal", "logpdf"), (2,), (2,), _covariance),
    (_at("multivariate_normal", "pdf"), (3, 2), (2,), _covariance),
    (_at("matrix_normal", "logpdf"), (2, 2), (2, 2), _covariance, _covariance),
    (_at("wishart", "logpdf"), _covariance, lambda draw: draw((), (2.0, 5.0), place=5), _covariance),
    dtypes=("float64",),
)
