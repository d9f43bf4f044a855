"""The primitive that computes a method of a univariate distribution, and its derivatives in every parameter.

``y = (x - loc) / scale`` is in the standard form. The derivative of a cumulative function in ``x`` is the density, that
of a quantile one over it, which are methods again, so every order is exact in the tails as far as SciPy's values are.
The derivatives in shapes are those of the formulas in :mod:`functrans.scipy.stats.laws`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import scipy.stats

from functrans.errors import MissingRuleError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import broadcast_shapes, operand
from functrans.primitives import Primitive, Rule, Rules
from functrans.scipy.stats.laws import LAWS, MOMENTS, Formula, Law
from functrans.tracing.bind import bind

_MOST = 8
_FLOAT64 = np.dtype(np.float64)


class _Standard:
    """The operands of a call, taken apart: a variable (but for moments), shapes, location, scale."""

    __slots__ = ("law", "loc", "role", "scale", "shapes", "x", "y")

    def __init__(self, law: Law, method: str, operands: Sequence[Any], out: Any, position: int) -> None:
        first = 0 if method in MOMENTS else 1
        count = len(law.shapes)
        rest = operands[first + count :]
        self.law, self.shapes = law, operands[first : first + count]
        self.loc = rest[0] if rest else 0.0
        self.scale = rest[1] if len(rest) > 1 else None
        self.role = ((["x"] if first else []) + list(law.shapes) + ["loc", "scale"])[position]
        self.x = operands[0] if first and method not in ("ppf", "isf") else out
        self.y = self.x - self.loc if rest else 1.0 * self.x
        if self.scale is not None:
            self.y = self.y / self.scale

    def of(self, method: str, x: Any) -> Any:
        """Another method at ``x``, with the same parameters."""
        rest = [] if self.scale is None and type(self.loc) is float else [self.loc]
        if self.scale is not None:
            rest.append(self.scale)
        return call(self.law.name, method, x, *self.shapes, *rest)

    def at(self, method: str, y: Any) -> Any:
        """A method in the standard form."""
        return call(self.law.name, method, y, *self.shapes)

    def over_scale(self, value: Any) -> Any:
        return value if self.scale is None else value / self.scale

    def times_scale(self, value: Any) -> Any:
        return value if self.scale is None else value * self.scale

    def moving(self, formula: Formula, *before: Any) -> Any:
        """The local derivative of a formula in the shape asked for, or in ``y``."""
        from functrans.transforms.jvp import jvp  # which imports the operations

        args = [*before, *self.shapes]
        position = len(before) + self.law.shapes.index(self.role) if self.role in self.law.shapes else 0
        point = args[position]
        point = point * 1.0 if np.ndim(point) == 0 else point

        def along(moved: Any) -> Any:
            return formula(*args[:position], moved, *args[position + 1 :])

        return jvp(along, (point,), (np.ones_like(point),))[1]


def _gate(where: Any, out: Any, slope: Any) -> Any:
    """A slope where there is one; else zero, or NaN where the value is."""
    return np.where(where, slope, np.where(np.isnan(out), np.nan, 0.0))


def _no_derivative(law: Law, method: str, role: str) -> NoReturn:
    if law.discrete and role in ("x", "loc"):
        raise MissingRuleError(
            f"`scipy.stats.{law.name}.{method}` has no derivative in {'k' if role == 'x' else role!r}: "
            "counts are integers",
            "differentiate in the other parameters alone; counts may be plain, or integers.",
        )
    raise MissingRuleError(
        f"`scipy.stats.{law.name}.{method}` has no derivative rule in {role!r}",
        "differentiate in the other parameters alone, or with a rule of your own (docs/add_a_primitive.md).",
    )


def _density_slope(method: str, out: Any, of: _Standard) -> Any:
    law, logarithm = of.law, method.startswith("log")
    if law.density is not None and not logarithm:  # continuous: scale divides once more
        inside = out >= 0
        if of.role == "x" or of.role == "loc":
            slope = of.over_scale(of.over_scale(of.moving(law.density, of.y)))
            return _gate(inside, out, slope if of.role == "x" else -slope)
        if of.role == "scale":
            return -of.over_scale(out + of.over_scale(of.y * of.moving(law.density, of.y)))
        return _gate(inside, out, of.over_scale(of.moving(law.density, of.y)))
    rise = of.moving(law.log, of.y)
    if of.role == "x" or of.role == "loc":
        rise = of.over_scale(rise if of.role == "x" else -rise)
    elif of.role == "scale":
        rise = -of.over_scale(1.0 + of.y * rise)
    return _gate(out > -np.inf, out, rise) if logarithm else _gate(out > 0, out, out * rise)


def _shape_slope(method: str, of: _Standard, upper: bool) -> Any:
    """The derivative of the cumulative function, or of its complement, in a shape."""
    law = of.law
    direct = law.slopes.get(of.role)
    if direct is not None:
        slope = direct(of.y, *of.shapes)
        return -slope if upper else slope
    formula = law.above() if upper else law.below()
    if formula is None:
        _no_derivative(law, method, of.role)
    return of.moving(formula, of.y)


def _cumulative_slope(method: str, out: Any, of: _Standard) -> Any:
    law, upper, logarithm = of.law, method.endswith("sf"), method.startswith("log")
    known = law.logs[upper] if logarithm else None
    if known is not None:
        low, high = law.ends(of.shapes)
        slope = of.moving(known, of.y)
        if of.role not in law.shapes:
            slope = of.over_scale(slope if of.role == "x" else -slope * (of.y if of.role == "scale" else 1.0))
        return _gate((of.y > low) & (of.y < high) & (out > -np.inf), out, slope)
    if of.role in law.shapes:
        slope = _shape_slope(method, of, upper)
        low, high = law.ends(of.shapes)
        inside = ((of.y >= low) if law.discrete else (of.y > low)) & (of.y < high)
        return _gate(inside, out, slope * np.exp(-out) if logarithm else slope)
    if logarithm:
        slope = np.exp(of.of("logpdf", of.x) - out)
        slope = _gate(out > -np.inf, out, slope)
    else:
        slope = of.of("pdf", of.x)
    if upper:
        slope = -slope
    if of.role == "scale":
        return -slope * np.where(slope == 0, 0.0, of.y)
    return slope if of.role == "x" else -slope


def _quantile_slope(method: str, out: Any, of: _Standard) -> Any:
    if of.role == "loc":
        return _gate(out == out, out, 1.0)
    if of.role == "scale":
        return of.y
    if of.role == "x":
        slope = np.divide(1.0, of.of("pdf", out))
        return -slope if method == "isf" else slope
    slope = _shape_slope(method, of, method == "isf") / of.at("pdf", of.y)
    return of.times_scale(slope if method == "isf" else -slope)


def _moment_slope(method: str, out: Any, of: _Standard) -> Any:
    law = of.law
    if of.role == "loc":
        return 1.0 if method in ("mean", "median") else 0.0
    if of.role == "scale":
        if method == "entropy":
            return of.over_scale(1.0)
        return of.y if method in ("mean", "median") else of.over_scale(2.0 * out if method == "var" else out)
    if method == "median":
        return _quantile_slope("ppf", out, of)
    formula = law.moments.get("var" if method == "std" else method)
    if formula is None:
        _no_derivative(law, method, of.role)
    slope = of.moving(formula)
    if method == "entropy":
        return slope
    slope = of.times_scale(slope)
    if method == "mean":
        return slope
    slope = of.times_scale(slope)
    return slope if method == "var" else 0.5 * slope / out


def _slope(position: int, out: Any, operands: Sequence[Any], distribution: str, method: str) -> Any:
    law = LAWS[distribution]
    of = _Standard(law, method, operands, out, position)
    if (
        of.role in law.fixed
        or (of.role in law.coarse and method not in ("pdf", "logpdf", "pmf", "logpmf"))
        or (law.discrete and of.role in ("x", "loc") and method not in MOMENTS)
    ):
        _no_derivative(law, method, of.role)
    with np.errstate(all="ignore"):
        if method in MOMENTS:
            return _moment_slope(method, out, of)
        if method in ("pdf", "logpdf", "pmf", "logpmf"):
            return _density_slope(method, out, of)
        if method in ("ppf", "isf"):
            return _quantile_slope(method, out, of)
        return _cumulative_slope(method, out, of)


def _rule(position: int) -> Rule:
    def product(t: Any, out: Any, *operands: Any, distribution: str, method: str) -> Any:
        return absorb(t, _slope(position, out, operands, distribution, method))

    return product


def _compute(*operands: Any, distribution: str, method: str) -> Any:
    return getattr(getattr(scipy.stats, distribution), method)(*operands)


def _spec(*operands: ArraySpec, distribution: str, method: str) -> ArraySpec:
    return ArraySpec(broadcast_shapes(f"scipy.stats.{distribution}.{method}", operands), _FLOAT64)


_rules = [_rule(position) for position in range(_MOST)]
univariate = Primitive(
    "scipy.stats.univariate",
    _compute,
    _spec,
    Rules(jvp=_rules, vjp=_rules),
    source=lambda args, params: f"scipy.stats.{params['distribution']}.{params['method']}({', '.join(args)})",
    batch=batching.elementwise,
)


def call(distribution: str, method: str, *operands: Any) -> Any:
    """A method of a distribution, of values that may be traced."""
    return bind(univariate, *[operand(x) for x in operands], distribution=distribution, method=method)
