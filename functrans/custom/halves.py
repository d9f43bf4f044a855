"""What a rule of a user's does, for the flat arguments of one call: either half follows from the other.

Under the other mode its linear part is transposed, under ``vmap`` it is mapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans import tree
from functrans.control.derived import chosen, inexact, spread_out
from functrans.custom.call import Call, arrays, filled
from functrans.errors import TreeError
from functrans.ir import ArraySpec
from functrans.ops.duals import zeros
from functrans.ops.scalars import strong
from functrans.transforms.linearize import transposed
from functrans.transforms.pullback import Linearization
from functrans.transforms.vmap import vmap


class Rule:
    """The rule of a function, for one call of it.

    Attributes:
        owner: the function with its rule, as the user declared it.
        call: the arguments of the call, flat.
    """

    __slots__ = ("call", "owner")

    def __init__(self, owner: Any, call: Call) -> None:
        self.owner, self.call = owner, call

    def key(self) -> Any:
        """What tells it from others: two calls alike have the same."""
        return (type(self), self.owner, self.call.key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restored, (type(self), self.owner, *self.call.parts()))

    def value(self, *primals: Any) -> list[Any]:
        """The function's result."""
        return self.call(*primals)


def _restored(kind: type[Rule], owner: Any, *parts: Any) -> Rule:
    """A rule that was pickled."""
    return kind(owner, Call(owner.fun, *parts))


class PushRule(Rule):
    """A rule of forward mode. Reverse mode transposes it: it is linear in the tangents."""

    __slots__ = ()

    def push(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The result and its tangent."""
        call = self.call
        pair = self.owner.rule()(*call.fixed, call.moving(primals), call.moving(tangents))
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TreeError(
                f"the jvp rule of {call.name} returned a {type(pair).__name__}",
                "return a pair `(out, tangent_out)`.",
            )
        outs = call.flat_out(pair[0], f"the jvp rule of {call.name}")
        return outs, call.tangents(pair[1], outs, "the jvp rule")

    def forward(self, primals: Sequence[Any]) -> tuple[list[Any], Any]:
        """The result, and what :meth:`pull` reads."""
        moves = inexact([ArraySpec.of(x) for x in primals])

        def along(*tangents: Any) -> tuple[list[Any], list[Any]]:
            outs, moved = self.push(primals, filled(spread_out(tangents, moves), primals))
            return moved, outs

        origin = [zeros(ArraySpec.of(x).strong()) for x in chosen(primals, moves)]
        line = Linearization("vjp", along, origin, tree.flatten(tuple(origin))[1], has_aux=True)
        return line.aux, (line, moves, arrays(primals))  # type: ignore[return-value]

    def pull(self, residuals: Any, cts: Sequence[Any], specs: Sequence[ArraySpec]) -> list[Any]:  # noqa: ARG002
        """The cotangents of the arguments, None for zero."""
        line, moves, _ = residuals
        return spread_out(line.pull_leaves(list(cts)), moves)

    def mapped(self, axes: Sequence[int | None], size: int) -> Any:
        """The rule of a batch."""
        return MappedPush(self, axes, size)


class PullRule(Rule):
    """A rule of reverse mode. Forward mode transposes it: it is linear in the cotangents."""

    __slots__ = ()

    def forward(self, primals: Sequence[Any]) -> tuple[list[Any], Any]:
        """The result, and what :meth:`pull` reads."""
        pair = self.owner.rule()[0](*self.call.arguments(primals))
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TreeError(
                f"the forward rule of {self.call.name} returned a {type(pair).__name__}",
                "return a pair `(out, residuals)`.",
            )
        return self.call.flat_out(pair[0], f"the forward rule of {self.call.name}"), pair[1]

    def pull(self, residuals: Any, cts: Sequence[Any], specs: Sequence[ArraySpec]) -> list[Any]:
        """The cotangents of the arguments, None for zero."""
        ct = tree.unflatten(self.call.out_tree, cts)  # type: ignore[arg-type]
        return self.call.cotangents(self.owner.rule()[1](*self.call.fixed, residuals, ct), specs, "the backward rule")

    def push(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The result and its tangent."""
        outs, residuals = self.forward(primals)
        specs = [ArraySpec.of(x).strong() for x in primals]
        moves, moved = inexact(specs), inexact([ArraySpec.of(o) for o in outs])

        def pulled(*cts: Any) -> list[Any]:
            found = self.pull(residuals, filled(spread_out(cts, moved), outs), specs)
            return chosen(filled(found, primals), moves)

        examples = [ArraySpec.of(o) for o in chosen(outs, moved)]
        found = transposed(pulled, examples, checked=False)([strong(t) for t in chosen(tangents, moves)])
        return outs, filled(spread_out(found, moved), outs)

    def mapped(self, axes: Sequence[int | None], size: int) -> Any:
        """The rule of a batch."""
        return MappedPull(self, axes, size)


class _Mapped(Rule):
    """The rule of a function, for all examples of a batch."""

    __slots__ = ("axes", "rule", "size")

    def __init__(self, rule: Any, axes: Sequence[int | None], size: int) -> None:
        super().__init__(rule.owner, rule.call)
        self.rule, self.axes, self.size = rule, tuple(axes), size

    def key(self) -> Any:
        return (type(self), self.rule, self.axes, self.size)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.rule, self.axes, self.size))

    def value(self, *primals: Any) -> list[Any]:
        return vmap(self.rule.value, self.axes, axis_size=self.size)(*primals)  # type: ignore[no-any-return]


class MappedPush(_Mapped, PushRule):
    """A rule of forward mode, for all examples of a batch."""

    __slots__ = ()

    def push(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        mapped = vmap(self.rule.push, (list(self.axes), list(self.axes)), axis_size=self.size)
        return mapped(list(primals), list(tangents))  # type: ignore[no-any-return]


class MappedPull(_Mapped, PullRule):
    """A rule of reverse mode, for all examples of a batch; what these share gets the sum of its cotangents."""

    __slots__ = ()

    def forward(self, primals: Sequence[Any]) -> tuple[list[Any], Any]:
        return vmap(self.rule.forward, (list(self.axes),), axis_size=self.size)(list(primals))  # type: ignore[no-any-return]

    def pull(self, residuals: Any, cts: Sequence[Any], specs: Sequence[ArraySpec]) -> list[Any]:
        ones = [
            ArraySpec(spec.shape[1:], spec.dtype) if axis == 0 else spec
            for spec, axis in zip(specs, self.axes, strict=True)
        ]

        def one(residuals: Any, cts: list[Any]) -> list[Any]:
            return self.rule.pull(residuals, cts, ones)  # type: ignore[no-any-return]

        found = vmap(one, axis_size=self.size)(residuals, list(cts))
        return [ct if ct is None or axis == 0 else ct.sum(axis=0) for ct, axis in zip(found, self.axes, strict=True)]
