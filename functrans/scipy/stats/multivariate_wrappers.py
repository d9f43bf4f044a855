"""The objects that stand for SciPy's multivariate distributions, and for frozen ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats

from functrans.errors import UncoveredFunctionError
from functrans.ops.family import operand
from functrans.ops.scalars import strong
from functrans.scipy.covering import is_traced
from functrans.scipy.stats.multivariate import JOINTS, Shape, multivariate, rows
from functrans.tracing.bind import bind


class Multivariate:
    """A multivariate distribution of SciPy's; its density takes traced values too."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._theirs = getattr(scipy.stats, name)
        self.__doc__ = self._theirs.__doc__

    def __repr__(self) -> str:
        return f"<functrans.scipy.stats.{self._name}>"

    def __dir__(self) -> list[str]:
        return dir(self._theirs)

    def __call__(self, *args: Any, **kwds: Any) -> Any:
        """The distribution with these parameters."""
        return FrozenMultivariate(self, args, kwds)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._theirs, name)
        if name.startswith("_") or not callable(value):
            return value

        def either(*args: Any, **kwds: Any) -> Any:
            if not (is_traced(args) or is_traced(kwds.values())):
                return value(*args, **kwds)
            return self._bound(name, args, kwds)

        either.__name__, either.__doc__ = name, value.__doc__
        return either

    def _bound(self, method: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        joint = JOINTS[self._name]
        if method not in joint.methods:
            raise UncoveredFunctionError(
                f"`scipy.stats.{self._name}.{method}` of a traced value is not covered by functrans",
                f"covered are {' and '.join(joint.methods)}.",
            )
        singular = kwds.pop("allow_singular", False)
        given = dict(zip(joint.names, args, strict=False))
        if singular or len(args) > len(joint.names):
            raise UncoveredFunctionError(
                f"`scipy.stats.{self._name}.{method}` with allow_singular is not covered by functrans",
                "a density on a subspace: write it in coordinates of that.",
            )
        unknown = [name for name in kwds if name not in joint.names or name in given]
        given = {**joint.defaults, **given, **kwds}
        missing = [name for name in joint.names if name not in given]
        if missing or unknown:
            problem = f"misses {missing[0]!r}" if missing else f"does not take {unknown[0]!r}"
            raise TypeError(f"{self._name}.{method}({', '.join(joint.names)}) {problem}")
        values = [getattr(given[name], "covariance", given[name]) for name in joint.names]
        operands = [x if x is None else strong(operand(x)) for x in values]
        if operands[1] is None:
            operands[1] = np.zeros(_centre(operands, self._name))
        return bind(multivariate, *operands, distribution=self._name, method=method)


def _centre(operands: Sequence[Any], name: str) -> Shape:
    if name == "matrix_normal":
        return (rows(operands[2]) if np.ndim(operands[2]) else 1, rows(operands[3]) if np.ndim(operands[3]) else 1)
    return (rows(operands[2]) if np.ndim(operands[2]) == 2 else 1,)


class FrozenMultivariate:
    """A multivariate distribution with its parameters."""

    def __init__(self, dist: Multivariate, args: tuple[Any, ...], kwds: dict[str, Any]) -> None:
        self.dist, self.args, self.kwds = dist, args, kwds

    def __repr__(self) -> str:
        return f"<frozen {self.dist!r}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in JOINTS[self.dist._name].methods:
            return lambda x: getattr(self.dist, name)(x, *self.args, **self.kwds)
        if is_traced(self.args) or is_traced(self.kwds.values()):
            raise UncoveredFunctionError(
                f"`{name}` of a frozen {self.dist!r} with traced parameters is not covered by functrans",
                f"covered are {' and '.join(JOINTS[self.dist._name].methods)}.",
            )
        return getattr(self.dist._theirs(*self.args, **self.kwds), name)
