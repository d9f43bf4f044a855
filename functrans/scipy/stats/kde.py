"""``gaussian_kde`` of ``scipy.stats``, of traced data, weights and points."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats
from scipy.special import ndtr

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

    def covariance_factor(self) -> Any:
        """The factor that the covariance of the data is scaled by."""
        return self.factor

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

    def integrate_gaussian(self, mean: Any, cov: Any) -> Any:
        """The integral of the density times that of a normal distribution."""
        mean = np.reshape(mean, (-1,))
        cov = cov if np.ndim(cov) == 2 else np.reshape(cov, (1, -1))
        if np.shape(mean) != (self.d,):
            raise ValueError(f"mean does not have dimension {self.d}")
        if np.shape(cov) != (self.d, self.d):
            raise ValueError(f"covariance does not have dimension {self.d}")
        return self._overlap(self.dataset - mean[:, None], self.covariance + cov)

    def _overlap(self, away: Any, covariance: Any) -> Any:
        """The weighted sum of normal densities at some points, given as columns."""
        lower = np.linalg.cholesky(covariance)
        exponents = -0.5 * np.sum(np.square(np.linalg.solve(lower, away)), axis=0)
        return np.sum(self.weights * np.exp(exponents)) / np.prod(np.sqrt(2.0 * np.pi) * np.diagonal(lower))

    def integrate_box_1d(self, low: Any, high: Any) -> Any:
        """The probability of an interval, in one dimension."""
        if self.d != 1:
            raise ValueError("integrate_box_1d() only handles 1D pdfs")
        data, width = self.dataset[0], np.sqrt(self.covariance[0, 0])
        return np.sum(self.weights * (ndtr((high - data) / width) - ndtr((low - data) / width)))

    def integrate_kde(self, other: Any) -> Any:
        """The integral of the product with another such density."""
        if other.d != self.d:
            raise ValueError("KDEs are not the same dimensionality")
        covariance = self.covariance + other.covariance
        parts = [
            other.weights[i] * self._overlap(self.dataset - other.dataset[:, i, None], covariance)
            for i in range(other.n)
        ]
        return sum(parts, 0.0)

    def marginal(self, dimensions: Any) -> TracedKde:
        """The density of some of the coordinates."""
        chosen = np.atleast_1d(dimensions)
        return TracedKde(self.dataset[chosen], self.factor, self.weights)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(scipy.stats.gaussian_kde, name):
            raise AttributeError(name)
        raise UncoveredFunctionError(
            f"`scipy.stats.gaussian_kde.{name}` of traced data is not covered by functrans",
            "covered are evaluate, pdf, logpdf, integrate_box_1d, integrate_gaussian, integrate_kde, marginal.",
        )


class gaussian_kde(scipy.stats.gaussian_kde):  # type: ignore[misc]  # noqa: N801
    """SciPy's ``gaussian_kde``; its methods take traced points too. Of traced data it is a :class:`TracedKde`.

    Example:
        >>> import numpy as np
        >>> import functrans as ft
        >>> from functrans.scipy.stats import gaussian_kde
        >>> data = np.array([-1.0, 1.0])
        >>> density = gaussian_kde(data)
        >>> bool(ft.grad(lambda x: density.logpdf(x)[0])(-2.0) > 0)  # it rises towards the data
        True
        >>> ft.grad(lambda data: gaussian_kde(data).evaluate(0.0)[0])(data).round(6)
        array([ 0.116495, -0.116495])
    """

    def __new__(cls, *args: Any, **keywords: Any) -> Any:
        if is_traced([*args, *keywords.values()]):
            return TracedKde(*args, **keywords)
        return super().__new__(cls)

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

    def integrate_gaussian(self, mean: Any, cov: Any) -> Any:
        """The integral of the density times that of a normal distribution."""
        if is_traced([mean, cov]):
            return self._traced().integrate_gaussian(mean, cov)
        return super().integrate_gaussian(mean, cov)

    def integrate_box_1d(self, low: Any, high: Any) -> Any:
        """The probability of an interval, in one dimension."""
        if is_traced([low, high]):
            return self._traced().integrate_box_1d(low, high)
        return super().integrate_box_1d(low, high)

    def integrate_kde(self, other: Any) -> Any:
        """The integral of the product with another such density."""
        return other.integrate_kde(self) if isinstance(other, TracedKde) else super().integrate_kde(other)


COVERED.setdefault("scipy.stats", {})["gaussian_kde"] = gaussian_kde
