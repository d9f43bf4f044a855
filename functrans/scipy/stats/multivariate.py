"""Multivariate distributions of ``scipy.stats``: SciPy gives the values, formulas that trace the derivatives.

Of a covariance SciPy reads the lower triangle alone, as ``np.linalg.cholesky`` does, and so the derivative has entries
there alone: those off the diagonal count for both sides. Singular ones are refused. Counts are not differentiated in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats
from scipy import special

from functrans.errors import MissingRuleError
from functrans.ir.spec import ArraySpec
from functrans.ops.family import broadcast_shapes
from functrans.primitives import Primitive, Rule, Rules
from functrans.scipy.special.gamma_family import multigammaln
from functrans.scipy.twin import batch, rules

Formula = Callable[..., Any]
Shape = tuple[int, ...]
_LOG_2_PI = 1.8378770664093453
_LOG_2 = 0.6931471805599453


def _log_det(lower: Any) -> Any:
    return 2.0 * np.sum(np.log(np.diagonal(lower, axis1=-2, axis2=-1)), axis=-1)


def _square(matrix: Any, dim: int) -> Any:
    """A matrix of ``dim`` rows, given itself, its diagonal, or the number on that."""
    if np.ndim(matrix) == 2:
        return matrix
    if np.ndim(matrix) == 1 and np.shape(matrix) != (1,):
        return matrix[:, None] * np.eye(dim)
    return np.reshape(matrix, (1, 1)) * np.eye(dim)


def _dim(mean: Any, cov: Any) -> int:
    if np.size(mean) > 1:
        return int(np.size(mean))
    return int(np.shape(cov)[0]) if np.ndim(cov) == 2 else 1


def _points(shape: Shape, dim: int) -> Shape:
    """The shape in which points have their coordinates on the last axis."""
    if len(shape) > 1:
        return shape
    return (*shape, 1) if dim == 1 and shape else (1, *shape)


def _squeezed(shape: Shape) -> Shape:
    return tuple([n for n in shape if n != 1])


def _distance(x: Any, mean: Any, cov: Any) -> tuple[Any, Any, int]:
    """Squared distances of points from the mean, the logarithm of the determinant, the dimension."""
    dim = _dim(mean, cov)
    x = np.reshape(x, _points(np.shape(x), dim))
    lower = np.linalg.cholesky(_square(cov, dim))
    away = x - mean
    scaled = np.linalg.solve(lower, np.reshape(away, (-1, dim)).T)
    return np.reshape(np.sum(scaled * scaled, axis=0), _squeezed(np.shape(x)[:-1])), _log_det(lower), dim


def _normal(x: Any, mean: Any, cov: Any) -> Any:
    square, log_det, dim = _distance(x, mean, cov)
    return -0.5 * (dim * _LOG_2_PI + log_det + square)


def _points_shape(x: Any, mean: Any, cov: Any, *rest: Any) -> Shape:
    dim = mean.size if mean.size > 1 else cov.shape[0] if cov.ndim == 2 else 1
    return _squeezed(_points(x.shape, dim)[:-1])


def _student(x: Any, loc: Any, shape: Any, df: Any) -> Any:
    square, log_det, dim = _distance(x, loc, shape)
    half = 0.5 * (df + dim)
    return (
        special.gammaln(half)
        - special.gammaln(0.5 * df)
        - (0.5 * dim) * np.log(df * np.pi)
        - 0.5 * log_det
        - half * np.log1p(square / df)
    )


def _matrix_normal(x: Any, mean: Any, rowcov: Any, colcov: Any) -> Any:
    rows, columns = np.shape(mean)
    left, right = np.linalg.cholesky(_square(rowcov, rows)), np.linalg.cholesky(_square(colcov, columns))
    away = np.linalg.solve(left, x - mean)
    scaled = np.linalg.solve(right, np.swapaxes(away, -1, -2))
    square = np.sum(scaled * scaled, axis=(-2, -1))
    out = -0.5 * (rows * columns * _LOG_2_PI + columns * _log_det(left) + rows * _log_det(right) + square)
    return np.reshape(out, _squeezed(np.shape(out)))


def _dirichlet(x: Any, alpha: Any) -> Any:
    if np.shape(x)[0] != np.shape(alpha)[0]:
        x = np.concatenate([x, 1.0 - np.sum(x, axis=0, keepdims=True)])
    terms = special.xlogy(np.reshape(alpha - 1.0, (-1, *[1] * (np.ndim(x) - 1))), x)
    out = np.sum(terms, axis=0) + special.gammaln(np.sum(alpha)) - np.sum(special.gammaln(alpha))
    return np.reshape(out, _squeezed(np.shape(out)))


def _matrices(x: Any, dim: int) -> Any:
    """Matrices stacked along the last axis, as a stack along the first."""
    if np.ndim(x) == 3:
        return np.moveaxis(x, -1, 0)
    return np.reshape(x, (-1, 1, 1)) if dim == 1 else _square(x, dim)


def rows(scale: Any) -> int:
    """The number of rows of a matrix, or one."""
    return int(np.shape(scale)[0]) if np.ndim(scale) else 1


def _wishart(x: Any, df: Any, scale: Any) -> Any:
    dim = rows(scale)
    scale, x = _square(scale, dim), _matrices(x, dim)
    lower = np.linalg.cholesky(scale)
    root = np.linalg.solve(lower, np.eye(dim))
    quotient = np.sum(np.swapaxes(x, -1, -2) * (root.T @ root), axis=(-2, -1))
    out = (
        0.5 * (df - dim - 1.0) * _log_det(np.linalg.cholesky(x))
        - 0.5 * quotient
        - (0.5 * dim * _LOG_2) * df
        - 0.5 * df * _log_det(lower)
        - multigammaln(0.5 * df, dim)
    )
    return np.reshape(out, _squeezed(np.shape(out)))


def _invwishart(x: Any, df: Any, scale: Any) -> Any:
    dim = rows(scale)
    scale, x = _square(scale, dim), _matrices(x, dim)
    lower, lower_x = np.linalg.cholesky(scale), np.linalg.cholesky(x)
    quotient = np.sum(np.square(np.linalg.solve(lower_x, lower)), axis=(-2, -1))
    out = (
        0.5 * df * _log_det(lower)
        - 0.5 * quotient
        - (0.5 * dim * _LOG_2) * df
        - 0.5 * (df + (dim + 1.0)) * _log_det(lower_x)
        - multigammaln(0.5 * df, dim)
    )
    return np.reshape(out, _squeezed(np.shape(out)))


def _wishart_shape(x: Any, df: Any, scale: Any) -> Shape:
    if x.ndim == 3:
        return _squeezed(x.shape[2:])
    return _squeezed(x.shape) if x.ndim == 1 and scale.size == 1 else ()


def _multinomial(x: Any, n: Any, p: Any) -> Any:
    return special.gammaln(n + 1.0) + np.sum(special.xlogy(x, p) - special.gammaln(x + 1.0), axis=-1)


def _dirichlet_multinomial(x: Any, alpha: Any, n: Any) -> Any:
    total = np.sum(alpha, axis=-1)
    terms = special.gammaln(x + alpha) - special.gammaln(alpha) - special.gammaln(x + 1.0)
    return special.gammaln(total) + special.gammaln(n + 1.0) - special.gammaln(n + total) + np.sum(terms, axis=-1)


def _counts_shape(first: int) -> Callable[..., Shape]:
    def shape(*operands: Any) -> Shape:
        outer = [ArraySpec(x.shape if i == first else x.shape[:-1], x.dtype) for i, x in enumerate(operands)]
        return broadcast_shapes("a multivariate distribution", outer)

    return shape


class Joint:
    """A multivariate distribution: the logarithm of its density, the shape of that, and how its methods are called.

    Attributes:
        names: of the arguments, the variable first.
        defaults: of those that can be left out.
        counted: those that are integers.
        discrete: whether it is a ``pmf``.
    """

    __slots__ = ("counted", "defaults", "discrete", "log", "names", "shape")

    def __init__(
        self, log: Formula, shape: Formula, names: str, defaults: Mapping[str, Any], counted: Sequence[str] = ()
    ) -> None:
        self.log, self.shape, self.names, self.defaults = log, shape, tuple(names.split()), defaults
        self.counted, self.discrete = frozenset(counted), "x" in counted

    @property
    def methods(self) -> tuple[str, str]:
        """Those that are differentiated."""
        return ("logpmf", "pmf") if self.discrete else ("logpdf", "pdf")


JOINTS = {
    "multivariate_normal": Joint(_normal, _points_shape, "x mean cov", {"mean": None, "cov": 1.0}),
    "multivariate_t": Joint(_student, _points_shape, "x loc shape df", {"loc": None, "shape": 1.0, "df": 1.0}),
    "matrix_normal": Joint(
        _matrix_normal,
        lambda x, *rest: _squeezed(x.shape[:-2]),
        "X mean rowcov colcov",
        {"mean": None, "rowcov": 1.0, "colcov": 1.0},
    ),
    "dirichlet": Joint(_dirichlet, lambda x, alpha: _squeezed(x.shape[1:]), "x alpha", {}),
    "wishart": Joint(_wishart, _wishart_shape, "x df scale", {}),
    "invwishart": Joint(_invwishart, _wishart_shape, "x df scale", {}),
    "multinomial": Joint(_multinomial, _counts_shape(1), "x n p", {}, ("x", "n")),
    "dirichlet_multinomial": Joint(_dirichlet_multinomial, _counts_shape(2), "x alpha n", {}, ("x", "n")),
}


def _twin(*operands: Any, distribution: str, method: str) -> Any:
    out = JOINTS[distribution].log(*operands)
    return out if method.startswith("log") else np.exp(out)


def _compute(*operands: Any, distribution: str, method: str) -> Any:
    try:
        return getattr(getattr(scipy.stats, distribution), method)(*operands)
    except ValueError as error:
        if isinstance(error, np.linalg.LinAlgError) or all(np.all(np.isfinite(x)) for x in operands):
            raise
        raise np.linalg.LinAlgError(str(error)) from None  # which it is in NumPy, and a ValueError too


def _spec(*operands: ArraySpec, distribution: str, method: str) -> ArraySpec:
    return ArraySpec(JOINTS[distribution].shape(*operands), np.dtype(np.float64))


def _checked(position: int, rule: Rule) -> Rule:
    """A rule that refuses counts, and is zero, as the value is, outside of the support."""

    def either(t: Any, out: Any, *operands: Any, distribution: str, method: str) -> Any:
        joint = JOINTS[distribution]
        if joint.names[position] in joint.counted:
            raise MissingRuleError(
                f"`scipy.stats.{distribution}.{method}` has no derivative in {joint.names[position]!r}: "
                "counts are integers",
                "differentiate in the other parameters alone; counts may be plain, or integers.",
            )
        return rule(t, out, *operands, distribution=distribution, method=method)

    return either


def _masked(joint_twin: Formula) -> Formula:
    def twin(*operands: Any, distribution: str, method: str) -> Any:
        out = joint_twin(*operands, distribution=distribution, method=method)
        if not JOINTS[distribution].discrete:
            return out
        x, total = (operands[0], operands[1 if distribution == "multinomial" else 2])
        return np.where(np.sum(x, axis=-1) == total, out, -np.inf if method.startswith("log") else 0.0)

    return twin


_made = rules(_masked(_twin), 4)
assert _made.vjp is not None
multivariate = Primitive(
    "scipy.stats.multivariate",
    _compute,
    _spec,
    Rules(
        [_checked(i, rule) for i, rule in enumerate(_made.jvp) if rule],
        [_checked(i, rule) for i, rule in enumerate(_made.vjp) if rule],
    ),
    source=lambda args, params: f"scipy.stats.{params['distribution']}.{params['method']}({', '.join(args)})",
    batch=batch(_masked(_twin)),
)
