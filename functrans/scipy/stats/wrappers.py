"""The objects that stand for SciPy's distributions, and for frozen ones: SciPy's own, unless an argument is traced."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from functrans.errors import UncoveredFunctionError
from functrans.scipy.covering import is_traced
from functrans.scipy.stats.laws import MOMENTS, Law
from functrans.scipy.stats.univariate import call


class Distribution:
    """A univariate distribution of SciPy's; its methods take traced values too."""

    def __init__(self, law: Law) -> None:
        self._law = law
        self._theirs = law.theirs
        self.__doc__ = law.theirs.__doc__
        self._covered = frozenset((*law.methods, *MOMENTS))

    def __repr__(self) -> str:
        return f"<functrans.scipy.stats.{self._law.name}>"

    def __reduce__(self) -> Any:
        return _named, (self._law.name,)

    def __dir__(self) -> list[str]:
        return dir(self._theirs)

    def __call__(self, *args: Any, **kwds: Any) -> Any:
        """The distribution with these parameters."""
        return Frozen(self, args, kwds)

    freeze = __call__

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._theirs, name)
        if not callable(value) or name.startswith("_"):
            return value
        found = self._method(name, value)
        self.__dict__[name] = found
        return found

    def _method(self, name: str, theirs: Callable[..., Any]) -> Callable[..., Any]:
        covered = name in self._covered

        @wraps(theirs)
        def either(*args: Any, **kwds: Any) -> Any:
            if not (is_traced(args) or (kwds and is_traced(kwds.values()))):
                return theirs(*args, **kwds)
            if not covered:
                raise UncoveredFunctionError(
                    f"`scipy.stats.{self._law.name}.{name}` of a traced value is not covered by functrans",
                    f"covered are {', '.join(self._law.methods)}, {', '.join(MOMENTS)}.",
                )
            return call(self._law.name, name, *self._operands(name, args, kwds))

        return either

    def _operands(self, method: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> list[Any]:
        """The arguments in their order; location and scale are left out at the end where they are not given."""
        law = self._law
        variable = [] if method in MOMENTS else ["k" if law.discrete else "q" if method in ("ppf", "isf") else "x"]
        names = [*variable, *law.shapes, "loc", *([] if law.discrete else ["scale"])]
        needed = len(variable) + len(law.shapes)
        given = dict(zip(names, args, strict=False))
        missing = [name for name in names[:needed] if name not in given and name not in kwds]
        extra = [name for name in kwds if name not in names or name in given]
        if missing or extra or len(args) > len(names):
            problem = f"misses {missing[0]!r}" if missing else f"does not take {extra[0] if extra else args[-1]!r}"
            raise TypeError(f"{law.name}.{method}({', '.join(names)}) {problem}")
        given.update(kwds)
        if "scale" in given and "loc" not in given:
            given["loc"] = 0.0
        return [given[name] for name in names if name in given]


def _named(name: str) -> Distribution:
    from functrans.scipy import stats

    found: Distribution = getattr(stats, name)
    return found


class Frozen:
    """A distribution with its parameters."""

    def __init__(self, dist: Distribution, args: tuple[Any, ...], kwds: dict[str, Any]) -> None:
        self.dist, self.args, self.kwds = dist, args, kwds

    def __repr__(self) -> str:
        return f"<frozen {self.dist!r}>"

    def __dir__(self) -> list[str]:
        return dir(self.dist)

    def _plain(self, name: str) -> Any:
        """SciPy's."""
        if is_traced(self.args) or is_traced(self.kwds.values()):
            raise UncoveredFunctionError(
                f"`{name}` of a frozen {self.dist!r} with traced parameters is not covered by functrans",
                f"covered are {', '.join(self.dist._law.methods)}, {', '.join(MOMENTS)}.",
            )
        return self.dist._theirs(*self.args, **self.kwds)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self.dist._covered:
            return getattr(self._plain(name), name)
        method = getattr(self.dist, name)

        def of(*variable: Any) -> Any:
            return method(*variable, *self.args, **self.kwds)

        return of
