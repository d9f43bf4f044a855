"""``custom_jvp`` and ``custom_vjp``: a function whose derivative its author writes.

The rule takes the place of what tracing the function would give, in every transform, also under a further derivative:
it is itself differentiated.

Source: Bradbury et al., *JAX: composable transformations of Python+NumPy programs* (2018), for the interface.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic

import numpy as np

from functrans import tree
from functrans.custom.calling import called
from functrans.custom.halves import PullRule, PushRule
from functrans.errors import DerivativeError, MissingRuleError, TreeError, describe_function, expect_function
from functrans.frames import hide
from functrans.function_types import P, T
from functrans.ir import ArraySpec
from functrans.ops.duals import zeros


class _Custom(Generic[P, T]):
    """A function with a rule of its own."""

    def __init__(self, fun: Callable[P, T], nondiff_argnums: int | Sequence[int] = ()) -> None:
        try:
            expect_function(fun, type(self).__name__)
            functools.update_wrapper(self, fun)  # type: ignore[arg-type]
            self.fun = fun
            self.nondiff_argnums = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
            self._rule: Any = None
        except Exception as error:
            hide(error)
            raise

    def rule(self) -> Any:
        """What its author gave.

        Raises:
            MissingRuleError: nothing.
        """
        if self._rule is None:
            kind = type(self).__name__
            how = "f.defvjp(fwd, bwd)" if kind == "custom_vjp" else "f.defjvp(rule)"
            raise MissingRuleError(f"{describe_function(self.fun)} is a `{kind}` without a rule", f"give one: `{how}`.")
        return self._rule

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {describe_function(self.fun)}>"

    def __reduce__(self) -> str:
        return self.fun.__qualname__  # the name that it took in its module

    def _arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], list[int]]:
        """All arguments by position, defaults filled in, and the positions of those that do not move."""
        try:
            # A ufunc's is known since NumPy 2.4, and lists its options: no arguments of a rule.
            signature = None if isinstance(self.fun, np.ufunc) else inspect.signature(self.fun)
        except ValueError:  # a builtin's may not be known
            signature = None
        unknown = list(kwargs)
        if signature is not None and (kwargs or len(args) < len(signature.parameters)):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            unknown = [name for name in kwargs if name in bound.kwargs]
            args = bound.args
        if unknown:
            raise TreeError(
                f"{describe_function(self.fun)} has a rule of its own, and was given the keyword `{unknown[0]}`, "
                "which the rule does not know",
                "make it a positional argument, of a function that is yours.",
            )
        for i in self.nondiff_argnums:
            if not -len(args) <= i < len(args):
                raise DerivativeError(
                    f"nondiff_argnums={self.nondiff_argnums}, but {describe_function(self.fun)} was called with "
                    f"{len(args)} arguments",
                    "give positions of arguments.",
                )
        return list(args), [i % len(args) for i in self.nondiff_argnums]


class custom_vjp(_Custom[P, T]):  # noqa: N801 (JAX's name)
    """A function whose reverse-mode rule you write.

    ``f = custom_vjp(f)`` and then ``f.defvjp(forward, backward)``:

    - ``forward(*args)`` gives ``(out, residuals)``: what ``f`` gives, and whatever ``backward`` will read.
    - ``backward(*nondiff_args, residuals, ct)`` gives a tuple with a cotangent for each argument that moves, built like
      it; None for zero. ``ct`` is built like ``out``.

    Forward mode transposes ``backward``, which must be linear in ``ct`` for it.

    Args:
        fun: a function of arrays, or of trees of arrays, without traced values that it closes over.
        nondiff_argnums: positions of arguments that do not move; they come first in ``backward``.

    Raises:
        MissingRuleError: (when differentiated) ``defvjp`` was not called.
        TreeError, ShapeError: (when differentiated) a rule's result is not built as it must be.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> @ft.custom_vjp
        ... def clipped(x):  # the gradient is cut off, not the value
        ...     return x
        >>> clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
        >>> ft.grad(lambda x: 10.0 * clipped(x))(2.0)
        1.0
    """

    def defvjp(self, fwd: Callable[..., tuple[Any, Any]], bwd: Callable[..., Any]) -> None:
        """Give the rule: ``fwd(*args)`` and ``bwd(*nondiff_args, residuals, ct)``."""
        expect_function(fwd, "defvjp")
        expect_function(bwd, "defvjp")
        self._rule = (fwd, bwd)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function."""
        try:
            given, fixed = self._arguments(args, kwargs)
            return called(PullRule, self, given, fixed)  # type: ignore[no-any-return]
        except Exception as error:
            hide(error)
            raise


class custom_jvp(_Custom[P, T]):  # noqa: N801 (JAX's name)
    """A function whose forward-mode rule you write; reverse mode transposes it.

    ``f = custom_jvp(f)`` and then ``f.defjvp(rule)``: ``rule(*nondiff_args, primals, tangents)`` gives ``(out,
    tangent_out)``, from a tuple of the arguments that move and one of their tangents, in which it is linear. Or
    ``f.defjvps(rule_0, rule_1, ...)``, one for each argument (None: it does not move): ``rule_i(tangent, out, *args)``.

    Args:
        fun: a function of arrays, or of trees of arrays, without traced values that it closes over.
        nondiff_argnums: positions of arguments that do not move; they come first in the rule.

    Raises:
        MissingRuleError: (when differentiated) there is no rule.
        TreeError, ShapeError: (when differentiated) a rule's result is not built as it must be.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> @ft.custom_jvp
        ... def log1pexp(x):
        ...     return np.log(1.0 + np.exp(x))
        >>> log1pexp.defjvps(lambda t, out, x: t * (1.0 - 1.0 / (1.0 + np.exp(x))))
        >>> ft.grad(log1pexp)(0.0)
        0.5
    """

    def defjvp(self, jvp: Callable[..., Any]) -> Callable[..., Any]:
        """Give the rule; it may decorate one."""
        expect_function(jvp, "defjvp")
        self._rule = jvp
        return jvp

    def defjvps(self, *jvps: Callable[..., Any] | None) -> None:
        """Give a rule for each argument, ``rule(tangent, out, *args)``, of which the tangents add up."""
        for jvp in jvps:
            if jvp is not None:
                expect_function(jvp, "defjvps")
        self._rule = jvps

    def rule(self) -> Any:
        """What its author gave, as one rule."""
        given = super().rule()
        return functools.partial(self._sum, given) if isinstance(given, tuple) else given

    def _sum(self, jvps: Sequence[Callable[..., Any] | None], *given: Any) -> tuple[Any, Any]:
        *fixed, primals, tangents = given
        count = len(fixed) + len(primals)
        moving, held = iter(primals), dict(zip([i % count for i in self.nondiff_argnums], fixed, strict=True))
        args = [held[i] if i in held else next(moving) for i in range(count)]
        if len(jvps) != len(primals):
            raise MissingRuleError(
                f"`defjvps` of {describe_function(self.fun)} was given {len(jvps)} rules for {len(primals)} arguments",
                "give one for each argument that moves; None where the tangent is zero.",
            )
        itself: Any = self
        out = itself(*args)  # with its rule: a second derivative goes by it, too
        terms = [r(t, out, *args) for r, t in zip(jvps, tangents, strict=True) if r is not None]
        total = tree.map(lambda leaf: zeros(ArraySpec.of(leaf).strong()), out) if not terms else terms[0]
        for term in terms[1:]:
            total = tree.map(lambda a, b: a + b, total, term)
        return out, total

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function."""
        try:
            given, fixed = self._arguments(args, kwargs)
            return called(PushRule, self, given, fixed)  # type: ignore[no-any-return]
        except Exception as error:
            hide(error)
            raise
