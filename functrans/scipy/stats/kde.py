"""``gaussian_kde`` of ``scipy.stats``, of traced data, weights and points."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats

from functrans.errors import UncoveredFunctionError
from functrans.scipy.covering import COVERED, is_traced
from functrans.scipy.special.exponential_sums import logsumexp


class TracedKde:
    """A density estimated by kernels, of traced data; the methods are those of SciPy's ``gaussian_kde``.

    Attributes are as SciPy's: ``dataset``, ``weights``, ``neff``, ``factor``, ``covariance``, ``d``, ``n``.
    """

    def __init__(self, dataset: Any, bw_method: Any = None, weights: Any = None) -> None:
        if isinstance(dataset, list | tuple):
            dataset = np.stack([1.0 * x for x in dataset])
        self.dataset = dataset if np.ndim(dataset) == 2 else np.reshape(dataset, (1, -1))
        self.d, self.n = np.shape(self.dataset)
        if self.n < 2:
            raise ValueError("`dataset` input should have multiple elements.")
        self.weights = np.full(self.n, 1.0 / self.n) if weights is None else 1.0 * weights / np.sum(weights)
        self.neff = float(self.n) if weights is None else 1.0 / np.sum(np.square(self.weights))
        self.set_bandwidth(bw_method)

    def scotts_factor(self) -> Any:
        """Scott's factor, a power of the effective number of points."""
        return self.neff ** (-1.0 / (self.d + 4))

    def silverman_factor(self) -> Any:
        """Silverman's factor."""
        return (self.neff * (self.d + 2.0) / 4.0) ** (-1.0 / (self.d + 4))

    def set_bandwidth(self, bw_method: Any = None) -> None:
        """Set the factor that the covariance of the data is scaled by: "scott", "silverman", a number, a function."""
        if bw_method is None or (isinstance(bw_method, str) and bw_method == "scott"):
            self.factor = self.scotts_factor()
        elif isinstance(bw_method, str):
            if bw_method != "silverman":
                raise ValueError("`bw_method` should be 'scott', 'silverman', a scalar or a callable.")
            self.factor = self.silverman_factor()
        else:
            self.factor = bw_method(self) if callable(bw_method) else bw_method
        away = self.dataset - np.sum(self.weights * self.dataset, axis=1, keepdims=True)
        spread = (self.weights * away) @ away.T / (1.0 - np.sum(np.square(self.weights)))
        self.covariance = spread * np.square(self.factor)

    def _exponents(self, points: Any) -> tuple[Any, Any]:
        points = points if np.ndim(points) == 2 else np.reshape(points, (self.d, -1) if self.d > 1 else (1, -1))
        if np.shape(points)[0] != self.d:
            raise ValueError(f"points have dimension {np.shape(points)[0]}, dataset has dimension {self.d}")
        lower = np.linalg.cholesky(self.covariance)
        data, points = np.linalg.solve(lower, self.dataset), np.linalg.solve(lower, points)
        away = data[:, :, None] - points[:, None, :]
        log_norm = -0.5 * self.d * np.log(2.0 * np.pi) - np.sum(np.log(np.diagonal(lower)))
        return -0.5 * np.sum(away * away, axis=0), log_norm

    def evaluate(self, points: Any) -> Any:
        """The density at some points, given as columns."""
        exponents, log_norm = self._exponents(points)
        return np.sum(self.weights[:, None] * np.exp(exponents), axis=0) * np.exp(log_norm)

    __call__ = pdf = evaluate

    def logpdf(self, x: Any) -> Any:
        """The logarithm of the density."""
        exponents, log_norm = self._exponents(x)
        return logsumexp(exponents, axis=0, b=self.weights[:, None] + 0.0 * exponents) + log_norm

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(scipy.stats.gaussian_kde, name):
            raise AttributeError(name)
        raise UncoveredFunctionError(
            f"`scipy.stats.gaussian_kde.{name}` of traced data is not covered by functrans",
            "covered are evaluate, pdf, logpdf, set_bandwidth, covariance and factor.",
        )


class PlainKde(scipy.stats.gaussian_kde):  # type: ignore[misc]
    """SciPy's ``gaussian_kde``, which takes traced points too."""

    def _traced(self) -> TracedKde:
        made = TracedKde(self.dataset, float(self.factor), self.weights)
        made.covariance = np.asarray(self.covariance)
        return made

    def evaluate(self, points: Any) -> Any:
        """The density at some points."""
        return self._traced().evaluate(points) if is_traced([points]) else super().evaluate(points)

    def __call__(self, points: Any) -> Any:
        return self.evaluate(points)

    def pdf(self, x: Any) -> Any:
        """The density at some points."""
        return self.evaluate(x)

    def logpdf(self, x: Any) -> Any:
        """The logarithm of the density."""
        return self._traced().logpdf(x) if is_traced([x]) else super().logpdf(x)


def gaussian_kde(dataset: Any, bw_method: Any = None, weights: Any = None) -> Any:
    """``scipy.stats.gaussian_kde``, also of traced data, weights, widths and points."""
    if is_traced([dataset, bw_method, weights]):
        return TracedKde(dataset, bw_method, weights)
    return PlainKde(dataset, bw_method, weights)


COVERED.setdefault("scipy.stats", {})["gaussian_kde"] = gaussian_kde
