"""``custom_jvp`` and ``custom_vjp``: a function whose derivative its author writes.

The rule takes the place of what tracing the function would give, in every transform: under the other mode its linear
part is transposed, under ``vmap`` it is mapped, under a further derivative it is itself differentiated.

Source: Bradbury et al., *JAX: composable transformations of Python+NumPy programs* (2018), for the interface.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from functrans import tree
from functrans.control.closure import close
from functrans.control.derived import batched as batched_program
from functrans.control.derived import chosen, inexact, spread_out
from functrans.custom.call import Call, arrays, filled
from functrans.errors import (
    DerivativeError,
    MissingRuleError,
    ShapeError,
    TreeError,
    describe_function,
    expect_function,
)
from functrans.interpreter import runner
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import zeros
from functrans.ops.scalars import strong
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.refusal import staged_by
from functrans.tracing.tracer import Tracer
from functrans.transforms.linearize import transposed
from functrans.transforms.vjp import Linearization
from functrans.transforms.vmap import vmap

# What a rule does, for flat arguments: either half follows from the other.


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


class MappedPush(PushRule):
    """A rule of forward mode, for all examples of a batch."""

    __slots__ = ("axes", "rule", "size")

    def __init__(self, rule: PushRule, axes: Sequence[int | None], size: int) -> None:
        super().__init__(rule.owner, rule.call)
        self.rule, self.axes, self.size = rule, tuple(axes), size

    def key(self) -> Any:
        return (type(self), self.rule, self.axes, self.size)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.rule, self.axes, self.size))

    def value(self, *primals: Any) -> list[Any]:
        return vmap(self.rule.value, self.axes, axis_size=self.size)(*primals)  # type: ignore[no-any-return]

    def push(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        mapped = vmap(self.rule.push, (list(self.axes), list(self.axes)), axis_size=self.size)
        return mapped(list(primals), list(tangents))  # type: ignore[no-any-return]


class MappedPull(PullRule):
    """A rule of reverse mode, for all examples of a batch; what these share gets the sum of its cotangents."""

    __slots__ = ("axes", "rule", "size")

    def __init__(self, rule: PullRule, axes: Sequence[int | None], size: int) -> None:
        super().__init__(rule.owner, rule.call)
        self.rule, self.axes, self.size = rule, tuple(axes), size

    def key(self) -> Any:
        return (type(self), self.rule, self.axes, self.size)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.rule, self.axes, self.size))

    def value(self, *primals: Any) -> list[Any]:
        return vmap(self.rule.value, self.axes, axis_size=self.size)(*primals)  # type: ignore[no-any-return]

    def forward(self, primals: Sequence[Any]) -> tuple[list[Any], Any]:
        return vmap(self.rule.forward, (list(self.axes),), axis_size=self.size)(list(primals))  # type: ignore[no-any-return]

    def pull(self, residuals: Any, cts: Sequence[Any], specs: Sequence[ArraySpec]) -> list[Any]:
        ones = [
            ArraySpec(spec.shape[1:], spec.dtype) if axis == 0 else spec
            for spec, axis in zip(specs, self.axes, strict=True)
        ]

        def one(residuals: Any, cts: list[Any]) -> list[Any]:
            return self.rule.pull(residuals, cts, ones)

        found = vmap(one, axis_size=self.size)(residuals, list(cts))
        return [ct if ct is None or axis == 0 else ct.sum(axis=0) for ct, axis in zip(found, self.axes, strict=True)]


# The primitive.


def _impl(*operands: Any, rule: Any, program: Program | None, consts: int) -> Any:
    return tuple(rule.value(*operands) if program is None else runner(program)(*operands))


def _spec(*specs: ArraySpec, rule: Any, program: Program, consts: int) -> Any:
    return tuple([atom.spec for atom in program.outputs])


def _refuse_consts(moving: Sequence[bool], rule: Any) -> None:
    if any(moving):
        raise DerivativeError(
            f"the derivative of {rule.call.name}, which has a rule of its own, in a value that it closes over: the "
            "rule says nothing of it",
            "pass the value as an argument.",
        )


def _expect_specs(outs: Sequence[Any], rule: Any, program: Program | None, which: str) -> None:
    """Check what a rule gives for the function's result, where that is known without calling it.

    Raises:
        ShapeError: it is another.
    """
    if program is not None:
        for out, atom in zip(outs, program.outputs, strict=True):
            found = ArraySpec.of(out).strong()
            if found != atom.spec.strong():
                raise ShapeError(
                    f"the {which} rule of {rule.call.name} gives the result {found}, but the function gives "
                    f"{atom.spec}",
                    "return what the function returns.",
                )


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, rule: Any, program: Any, consts: int) -> Any:
    _refuse_consts([dx is not None for dx in tangents[:consts]], rule)
    values = primals[consts:]
    outs, moved = rule.push(values, filled(tangents[consts:], values))
    _expect_specs(outs, rule, program, "jvp")
    kept = inexact([ArraySpec.of(o) for o in outs])
    return tuple(outs), [t if moves else None for t, moves in zip(moved, kept, strict=True)]


def _forward(primals: Sequence[Any], moving: Sequence[bool], *, rule: Any, program: Any, consts: int) -> Any:
    _refuse_consts(moving[:consts], rule)
    values = primals[consts:]
    outs, residuals = rule.forward(values)
    _expect_specs(outs, rule, program, "forward")
    return tuple(outs), (residuals, [ArraySpec.of(x) for x in values], [ArraySpec.of(o) for o in outs])


def _backward(kept: Any, cts: Sequence[Any], moving: Sequence[bool], *, rule: Any, program: Any, consts: int) -> Any:
    residuals, specs, outs = kept
    given = [zeros(spec.strong()) if ct is None else ct for ct, spec in zip(cts, outs, strict=True)]
    return [*[None] * consts, *rule.pull(residuals, given, specs)]


def _batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    consts, program = params["consts"], params["program"]
    if program is not None:
        everything = (True,) * len(program.outputs)
        program = batched_program(program, tuple(flags), size, everything).program
    rule = params["rule"].mapped([0 if flag else None for flag in flags[consts:]], size)
    return bind(primitive, *operands, rule=rule, program=program, consts=consts)


def _source(args: list[str], params: dict[str, Any]) -> str:
    return f"{params['program']}({', '.join(args)})"


custom_p: Primitive = Primitive(
    "custom", _impl, _spec, Joint(_jvp, _forward, _backward), source=_source, multiple=True, batch=_batch
)


def called(kind: type[Rule], owner: Any, args: Sequence[Any], fixed: Sequence[int]) -> Any:
    """A call of a function with a rule; ``fixed`` are arguments that do not move."""
    f, what = owner.fun, type(owner).__name__
    held = {i: args[i] for i in fixed}
    leaves, structure = tree.flatten(tuple(arg for i, arg in enumerate(args) if i not in held))
    traced = [x for x in leaves if type(x) is Tracer]
    if not traced:
        return f(*args)
    for i, arg in held.items():
        if any(type(x) is Tracer for x in tree.flatten(arg)[0]):
            raise DerivativeError(
                f"{describe_function(f)} was given a traced value as argument {i}, which `nondiff_argnums` says does "
                "not move",
                "take it out of `nondiff_argnums`; the rule may give None for its cotangent.",
            )
    for x in leaves:
        if ArraySpec.of(x).dtype.kind not in "biufc":
            raise TreeError(
                f"{describe_function(f)}, which has a rule of its own, was given a {type(x).__name__} among what is "
                "differentiated",
                "name its position in `nondiff_argnums`.",
            )
    call = Call(f, held, structure)
    program, consts = None, []
    if any(map(staged_by, traced)):
        closure = close(call, [ArraySpec.of(x) for x in leaves], tree.flatten(tuple(leaves))[1], what)
        program, consts = closure.program, closure.consts
    outs = bind(custom_p, *consts, *leaves, rule=kind(owner, call), program=program, consts=len(consts))
    return tree.unflatten(call.out_tree, outs)  # type: ignore[arg-type]


# What users write.


class _Custom:
    """A function with a rule of its own."""

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: int | Sequence[int] = ()) -> None:
        expect_function(fun, type(self).__name__)
        functools.update_wrapper(self, fun)  # type: ignore[arg-type]
        self.fun = fun
        self.nondiff_argnums = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
        self._rule: Any = None

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

    def __reduce__(self) -> str:
        return self.fun.__qualname__  # the name that it took in its module

    def _arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], list[int]]:
        """All arguments by position, defaults filled in, and the positions of those that do not move."""
        try:
            signature = inspect.signature(self.fun)
        except ValueError:  # a builtin's may not be known
            signature = None
        if signature is not None and (kwargs or len(args) < len(signature.parameters)):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            unknown = [name for name in kwargs if name in bound.kwargs]
            if unknown:
                raise TreeError(
                    f"{describe_function(self.fun)} has a rule of its own, and was given the keyword `{unknown[0]}`, "
                    "which the rule does not know",
                    "make it a positional argument.",
                )
            args = bound.args
        for i in self.nondiff_argnums:
            if not -len(args) <= i < len(args):
                raise DerivativeError(
                    f"nondiff_argnums={self.nondiff_argnums}, but {describe_function(self.fun)} was called with "
                    f"{len(args)} arguments",
                    "give positions of arguments.",
                )
        return list(args), [i % len(args) for i in self.nondiff_argnums]


class custom_vjp(_Custom):  # noqa: N801 (JAX's name)
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

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Give the rule: ``fwd(*args)`` and ``bwd(*nondiff_args, residuals, ct)``."""
        expect_function(fwd, "defvjp")
        expect_function(bwd, "defvjp")
        self._rule = (fwd, bwd)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        given, fixed = self._arguments(args, kwargs)
        return called(PullRule, self, given, fixed)


class custom_jvp(_Custom):  # noqa: N801 (JAX's name)
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
        out = self(*args)  # with its rule: a second derivative goes by it, too
        terms = [r(t, out, *args) for r, t in zip(jvps, tangents, strict=True) if r is not None]
        total = tree.map(lambda leaf: zeros(ArraySpec.of(leaf).strong()), out) if not terms else terms[0]
        for term in terms[1:]:
            total = tree.map(lambda a, b: a + b, total, term)
        return out, total

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        given, fixed = self._arguments(args, kwargs)
        return called(PushRule, self, given, fixed)
