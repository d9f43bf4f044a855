"""Forward mode: ``jvp``. Every traced value carries its tangent, computed beside it; nothing is recorded.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np

from functrans import tree
from functrans.errors import TreeError, expect_function
from functrans.frames import boundary
from functrans.function_types import A, P, T
from functrans.ir.spec import ArraySpec
from functrans.ops.duals import absorb, conform, scaled, zeros
from functrans.primitives import Bilinear, Constant, Derivatives, Joint, Linear, Primitive, Rules
from functrans.tracing.bind import bind, bind_binary, bind_unary
from functrans.tracing.recorder import Recorder
from functrans.tracing.refusal import refuse_objects
from functrans.tracing.trace import check_outputs
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import watched
from functrans.transforms.arguments import differentiable_leaves, dual, like_primal
from functrans.transforms.checks import check_differentiable, explain, is_inexact_value, refuse_closed_over
from functrans.transforms.pullback import owned, plain, split_aux
from functrans.tree import Tree

_NO_PARAMS: Mapping[str, Any] = {}


class ForwardRecorder(Recorder):
    """Pushes tangents: a tracer's mark is its tangent."""

    __slots__ = ()

    #: Gives the tangent of an equation.
    push: Callable[..., Any]

    def unary(self, primitive: Primitive, x: Tracer) -> Any:
        """:meth:`process` of one operand and no parameters: the short way for what most programs consist of."""
        derivative = primitive.derivative
        if type(derivative) is not Derivatives or self.closed:
            return self.process(primitive, (x,), _NO_PARAMS)
        value = x.value
        out = bind_unary(primitive, value)
        return Tracer(self, out, fitted(local_term(derivative, 0, x.mark, out, (value,)), out, primitive))

    def binary(self, primitive: Primitive, x: Any, y: Any, traced: int) -> Any:
        """:meth:`process` of two operands, without parameters; the bits of ``traced`` say which are this trace's."""
        derivative = primitive.derivative
        if type(derivative) is not Derivatives or self.closed:
            return self.process(primitive, (x, y), _NO_PARAMS)
        values = (x.value if traced & 1 else x, y.value if traced & 2 else y)
        try:
            out = bind_binary(primitive, *values)
        except ValueError as error:
            raise explain(error, primitive, values) from None
        if traced == 3:
            tangent = local_term(derivative, 0, x.mark, out, values) + local_term(derivative, 1, y.mark, out, values)
        elif traced == 1:
            tangent = local_term(derivative, 0, x.mark, out, values)
        else:
            tangent = local_term(derivative, 1, y.mark, out, values)
        return Tracer(self, out, fitted(tangent, out, primitive))

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        if self.closed:
            self.leaked()
        primals: list[Any] = []
        tangents: list[Any] = []
        traced = 0
        for position, arg in enumerate(args):
            if type(arg) is Tracer and arg.recorder is self:
                primals.append(arg.value)
                tangents.append(arg.mark)
                traced |= 1 << position
            else:
                primals.append(arg)
                tangents.append(None)
        if type(primitive.derivative) is Joint:
            return self.joint(primitive, primals, tangents, params)
        try:
            out = bind(primitive, *primals, **params)
        except ValueError as error:
            raise explain(error, primitive, primals, params) from None
        if type(primitive.derivative) is Constant:
            return out
        check_differentiable(primitive, traced)
        if not primitive.multiple:
            return Tracer(self, out, fitted(self.push(primitive, primals, tangents, out, params), out, primitive))
        tangent = self.push(primitive, primals, tangents, out, params)
        return tuple(
            Tracer(self, o, conform(t, ArraySpec.of(o))) if is_inexact_value(o) else o
            for o, t in zip(out, tangent, strict=True)
        )

    def joint(
        self, primitive: Primitive, primals: Sequence[Any], tangents: Sequence[Any], params: Mapping[str, Any]
    ) -> Any:
        """:meth:`process` of a primitive whose rules are for all operands at once."""
        out, tangent = primitive.derivative.jvp(primals, tangents, **params)  # type: ignore[union-attr,operator]
        refuse_closed_over(self, primitive, out)
        pairs = zip(out, tangent, strict=True) if primitive.multiple else [(out, tangent)]
        made = tuple(o if t is None else Tracer(self, o, conform(t, ArraySpec.of(o))) for o, t in pairs)
        return made if primitive.multiple else made[0]


def fitted(tangent: Any, out: Any, primitive: Primitive) -> Any:
    """A tangent, brought to what its primal is."""
    kind = type(out)
    if kind is type(tangent) and (
        kind is np.float64
        or (
            kind is np.ndarray and out.dtype is tangent.dtype and out.shape == tangent.shape and not out.dtype.hasobject
        )
        or kind is float
    ):
        return tangent
    spec = ArraySpec.of(out)
    if spec.dtype.kind == "O":
        refuse_objects(primitive.name)
    return conform(tangent, spec)


def local_term(derivative: Derivatives, position: int, dx: Any, out: Any, primals: Sequence[Any]) -> Any:
    """What one operand's tangent adds to that of an elementwise function."""
    local = derivative.locals[position]
    if type(local) is float:
        return scaled(dx, local)
    singular = derivative.singular
    if singular is False or (singular is not True and not derivative.absorbs(primals)):
        return dx * local(out, *primals)  # type: ignore[operator]
    with np.errstate(all="ignore"):
        return absorb(dx, local(out, *primals))  # type: ignore[operator]


def push(
    primitive: Primitive, primals: Sequence[Any], tangents: Sequence[Any], out: Any, params: Mapping[str, Any]
) -> Any:
    """The tangent of one equation's output (a tuple of them, if it has several)."""
    derivative = primitive.derivative
    moving = [(position, dx) for position, dx in enumerate(tangents) if dx is not None]
    if isinstance(derivative, Linear):
        operands = list(primals)
        for position, primal in enumerate(primals):
            if derivative.is_linear_in(position):
                dx = tangents[position]
                operands[position] = zeros(ArraySpec.of(primal)) if dx is None else dx
        return bind(primitive, *operands, **params)
    total: Any = None
    for position, dx in moving:
        match derivative:
            case Derivatives():
                term = local_term(derivative, position, dx, out, primals)
            case Bilinear():
                term = bind(primitive, *primals[:position], dx, *primals[position + 1 :], **params)
            case Rules():
                term = derivative.jvp[position](dx, out, *primals, **params)  # type: ignore[misc]
        if total is None:
            total = term
        elif primitive.multiple:
            total = tuple(a + b for a, b in zip(total, term, strict=True))
        else:
            total = total + term
    return total


ForwardRecorder.push = staticmethod(push)


class Pushed:
    """A function's result, and the tangents that come with it: None where they are zero."""

    __slots__ = ("aux", "out_tree", "tangents", "values")

    def __init__(
        self,
        transform: str,
        f: Callable[..., Any],
        leaves: Sequence[Any],
        structure: tree.TreeDef,
        directions: Sequence[Any],
        has_aux: bool = False,
        call: Callable[..., Any] | None = None,
    ) -> None:
        # A direction of None is that of an argument which stays where it is.
        recorder = watched(ForwardRecorder)(transform, f)
        inputs = [
            leaf if dx is None else Tracer(recorder, leaf, dx) for leaf, dx in zip(leaves, directions, strict=True)
        ]
        out = recorder.run(call or f, tree.unflatten(structure, inputs))
        self.aux = None
        if has_aux:
            out, self.aux = split_aux(f, out)
            self.aux = tree.map(lambda leaf: plain(leaf, recorder), self.aux)
        outs, self.out_tree = tree.flatten(out)
        check_outputs(outs, self.out_tree, f, recorder)
        self.values = [plain(o, recorder) for o in outs]
        self.tangents = [o.mark if type(o) is Tracer and o.recorder is recorder else None for o in outs]


@overload
def jvp(
    f: Callable[P, T], primals: Sequence[Tree], tangents: Sequence[Tree], has_aux: Literal[False] = False
) -> tuple[T, T]: ...
@overload
def jvp(
    f: Callable[P, tuple[T, A]], primals: Sequence[Tree], tangents: Sequence[Tree], has_aux: Literal[True]
) -> tuple[T, T, A]: ...
@overload
def jvp(f: Callable[P, Any], primals: Sequence[Tree], tangents: Sequence[Tree], has_aux: bool) -> Any: ...
@boundary
def jvp(f: Callable[..., Any], primals: Sequence[Tree], tangents: Sequence[Tree], has_aux: bool = False) -> Any:
    """The value of ``f`` at ``primals`` and its derivative in the direction ``tangents``.

    Costs a small multiple of ``f``, in memory too.

    Args:
        f: pure function of arrays, or of trees of arrays.
        primals: a tuple of arguments; leaves floating or complex, Python numbers count as floats.
        tangents: a tuple with the same structure, shapes and dtypes.
        has_aux: ``f`` returns a pair, whose second part is handed through.

    Returns:
        ``(out, tangent)`` or ``(out, tangent, aux)``; the tangent has the tree, shapes and dtypes of ``out``.

    Raises:
        IntegerInputError: a primal is an integer or boolean array.
        MissingRuleError: ``f`` uses an operation without a derivative.
        TreeError, ShapeError: the tangents are not built like the primals.

    Example:
        >>> import functrans as ft
        >>> ft.jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 0.0))
        (10.0, 5.0)

    Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.1.
    """
    expect_function(f, "jvp")
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise TreeError(
                f"the {what} of `jvp` are a {type(given).__name__}, not a tuple of arguments",
                "write `jvp(f, (x,), (dx,))`.",
            )
    leaves, structure = differentiable_leaves(tuple(primals), lambda: [str(i) for i in range(len(primals))], f)
    given = tree.flatten_up_to(structure, tuple(tangents), "the tangents")
    directions = [
        like_primal(dual(dx, ArraySpec.of(leaf), "the tangent"), leaf) for dx, leaf in zip(given, leaves, strict=True)
    ]
    pushed = Pushed("jvp", f, leaves, structure, directions, has_aux)
    taken = {id(dx) for dx in given}
    derivatives = [
        like_primal(zeros(ArraySpec.of(value)) if dx is None else owned(dx, taken), value)
        for dx, value in zip(pushed.tangents, pushed.values, strict=True)
    ]
    result = (tree.unflatten(pushed.out_tree, pushed.values), tree.unflatten(pushed.out_tree, derivatives))
    return (*result, pushed.aux) if has_aux else result
