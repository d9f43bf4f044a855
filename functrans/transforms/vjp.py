"""``vjp``, ``grad``, ``value_and_grad``: derivatives of few outputs in many inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import DerivativeError, NonScalarOutputError, at_location, describe_function, expect_function
from functrans.interpreter import run
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import ONE, zeros
from functrans.tracing.refusal import program_writer
from functrans.tracing.trace import StagedRecorder, check_outputs, live_equations
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import WATCH, watched
from functrans.transforms.arguments import (
    Argnames,
    Argnums,
    Selection,
    differentiable_leaves,
    dual,
    like_primal,
    several,
)
from functrans.transforms.reverse import ReverseRecorder
from functrans.transforms.walk import walk
from functrans.tree import Tree

#: From this call on, a pullback is a program, in which what depends on the primals alone is a constant.
_REUSED = 2


class Linearization:
    """A function's result, and its reverse trace: what a pullback walks over."""

    __slots__ = ("ages", "aux", "leaves", "nodes", "out_tree", "outs", "structure")

    def __init__(
        self,
        transform: str,
        f: Callable[..., Any],
        leaves: list[Any],
        structure: tree.TreeDef,
        has_aux: bool,
        call: Callable[..., Any] | None = None,
        names: Sequence[str] = (),
    ) -> None:
        # `call` is what is run, when that is not `f` itself, of which errors speak. `names` are those of tags, in which
        # it is differentiated too: more leaves, behind the others.
        self.leaves, self.structure = leaves, structure
        staged = any(program_writer(leaf) for leaf in leaves if type(leaf) is Tracer)
        recorder = watched(ReverseRecorder)(transform, f, staged) if not names else tagging(transform, f, staged, names)
        inputs = [recorder.leaf(leaf) for leaf in leaves]
        out = recorder.run(call or f, tree.unflatten(structure, inputs))
        del inputs
        self.aux = None
        if has_aux:
            out, self.aux = split_aux(f, out)
            self.aux = tree.map(lambda leaf: plain(leaf, recorder), self.aux)
        outs, self.out_tree = tree.flatten(out)
        check_outputs(outs, self.out_tree, f, recorder)
        self.ages: Sequence[int] = range(0, -len(leaves), -1)
        if names:
            self.ages, self.leaves = with_tags(f, recorder, names, self.ages, leaves)
        self.nodes = [o.mark if type(o) is Tracer and o.recorder is recorder else None for o in outs]
        self.outs = [o.value if node is not None else o for o, node in zip(outs, self.nodes, strict=True)]

    def out(self) -> Tree:
        """The function's result."""
        return tree.unflatten(self.out_tree, self.outs)

    def pull(self, cts: list[Any], consume: bool = False) -> tuple[Any, ...]:
        """As :meth:`pull_leaves`, in the tree of the inputs."""
        return tree.unflatten(self.structure, self.pull_leaves(cts, consume))  # type: ignore[no-any-return]

    def pull_leaves(self, cts: list[Any], consume: bool = False) -> list[Any]:
        """Cotangents of the outputs (None for zero) to those of the inputs; ``consume`` frees the trace on the way."""
        seeds = [(node, ct) for node, ct in zip(self.nodes, cts, strict=True) if node is not None and ct is not None]
        if consume:
            self.nodes = []
        # What brings gradients into the form of their arguments has the line of the output, not of who asks.
        place = next((node[7] for node, _ in seeds if len(node) == 8), None)
        with np.errstate(all="ignore"):
            watch = WATCH.get()
            found = walk(seeds) if watch is None else watch.walk(seeds)
        with at_location(place):
            own = {id(ct) for ct in cts}
            return [
                like_primal(owned(found[age], own) if age in found else zeros(ArraySpec.of(leaf)), leaf)
                for age, leaf in zip(self.ages, self.leaves, strict=True)
            ]

    def program(self) -> Program:
        """The pullback as a program: cotangents of the outputs that move, to those of the inputs, flat."""
        recorder = PullbackRecorder("vjp", self.pull)
        cts = [
            None if node is None else recorder.input(ArraySpec.of(o).strong())
            for o, node in zip(self.outs, self.nodes, strict=True)
        ]
        outputs = [recorder.atom(leaf) for leaf in self.pull_leaves(cts)]
        recorder.close()
        return Program([ct.mark for ct in cts if ct is not None], live_equations(recorder.equations, outputs), outputs)


def tagging(transform: str, f: Callable[..., Any], staged: bool, names: Sequence[str]) -> Any:
    """A recorder that differentiates in tags, too."""
    from functrans.custom.tag import TagRecorder

    return watched(TagRecorder)(transform, f, staged, names)


def with_tags(
    f: Callable[..., Any], recorder: Any, names: Sequence[str], ages: Sequence[int], leaves: Sequence[Any]
) -> tuple[list[int], list[Any]]:
    """The leaves and their ages, with those of the tags behind.

    Raises:
        DerivativeError: there is no value of a name.
    """
    for name in names:
        if name not in recorder.found:
            known = ", ".join(f'"{n}"' for n in recorder.seen) or "none"
            raise DerivativeError(
                f'{describe_function(f)} passed no tag "{name}" whose value depends on what is differentiated',
                f'write `functrans.tag(value, "{name}")` in it; tags that it passed: {known}.',
            )
    found = [recorder.found[name] for name in names]
    return [*ages, *[age for age, _ in found]], [*leaves, *[zeros(spec) for _, spec in found]]


class PullbackRecorder(StagedRecorder):
    """Writes a pullback, whose residuals nobody changes: it keeps them as they are."""

    __slots__ = ()

    def snapshot(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return array


def copied(value: Any) -> Any:
    """A copy of an array; anything else itself."""
    return value.copy(order="K") if type(value) is np.ndarray else value


def owned(gradient: Any, taken: set[int]) -> Any:
    """A gradient that its caller may write into: no view, and no array that is somebody else's (``taken``) already."""
    if type(gradient) is np.ndarray:
        if not gradient.shape:
            return gradient[()]
        if gradient.base is not None or id(gradient) in taken:
            gradient = gradient.copy()
        taken.add(id(gradient))
    return gradient


def plain(value: Any, recorder: Any) -> Any:
    """An auxiliary result without this trace."""
    return value.value if type(value) is Tracer and value.recorder is recorder else value


def split_aux(f: Callable[..., Any], out: Any) -> tuple[Any, Any]:
    """The pair that a function with ``has_aux=True`` returns.

    Raises:
        DerivativeError: it returned something else.
    """
    if not isinstance(out, tuple) or len(out) != 2:
        kind = f"a tuple of {len(out)}" if isinstance(out, tuple) else f"a {type(out).__name__}"
        raise DerivativeError(
            f"has_aux=True, but {describe_function(f)} returned {repr(out.spec) if type(out) is Tracer else kind}",
            "return a pair `(value, aux)`.",
        )
    return out[0], out[1]


def vjp(f: Callable[..., Tree], *primals: Tree, has_aux: bool = False) -> Any:
    """The value of ``f``, and the map from cotangents of its output to cotangents of its inputs.

    One sweep backwards over the trace of ``f``: a small multiple of the cost of ``f``, however many inputs it has.

    Args:
        f: pure function of arrays, or of trees of arrays.
        *primals: where to differentiate. Leaves of any shape, floating or complex; Python numbers count as floats.
        has_aux: ``f`` returns a pair, whose second part is handed through.

    Returns:
        ``(out, pullback)`` or ``(out, pullback, aux)``. ``pullback`` takes the tree and shapes of ``out`` and returns
        a tuple with the trees, shapes and dtypes of ``primals``. It is a function: call it as often as you like.
        It reads the arrays given here once more, so do not write into them before its last call.

    Raises:
        IntegerInputError: a primal is an integer or boolean array.
        MissingRuleError: ``f`` uses an operation without a derivative.
        TreeError, ShapeError: (from ``pullback``) a cotangent is not built like the output.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> out, pullback = ft.vjp(lambda x: x * x, np.array([1.0, 3.0]))
        >>> pullback(np.array([1.0, 0.0]))
        (array([2., 0.]),)
        >>> pullback(np.array([0.0, 1.0]))
        (array([0., 6.]),)

    Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.2.
    """
    expect_function(f, "vjp")
    leaves, structure = differentiable_leaves(primals, lambda: [str(i) for i in range(len(primals))], f)
    line = Linearization("vjp", f, leaves, structure, has_aux)
    specs = [ArraySpec.of(out) for out in line.outs]
    traced = [node is not None for node in line.nodes]
    calls = count(1).__next__
    reused: list[Program] = []

    def pullback(cotangent: Tree) -> tuple[Tree, ...]:
        given = tree.flatten_up_to(line.out_tree, cotangent, "the cotangent")
        cts = [
            dual(ct, spec, "the cotangent") if moves else None
            for ct, spec, moves in zip(given, specs, traced, strict=True)
        ]
        if WATCH.get() is not None:
            return line.pull(cts)
        if not reused:
            if calls() < _REUSED:
                return line.pull(cts)
            reused.append(line.program())  # what is known is computed once, from now on
        own = {id(ct) for ct in cts}
        outs = run(reused[0], [ct for ct in cts if ct is not None])
        return tree.unflatten(structure, [owned(out, own) for out in outs])  # type: ignore[no-any-return]

    # The pullback reads the outputs: its caller gets copies, to do with as they like.
    out, aux = tree.map(copied, line.out()), tree.map(copied, line.aux)
    return (out, pullback, aux) if has_aux else (out, pullback)


def value_and_grad(
    f: Callable[..., Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[..., Any]:
    """A function that gives the value of ``f`` and its gradient, from one evaluation.

    Takes what :func:`grad` takes. Returns ``(value, gradient)``, or ``((value, aux), gradient)``.

    Example:
        >>> import functrans as ft
        >>> ft.value_and_grad(lambda x: x * x)(3.0)
        (9.0, 6.0)
    """
    expect_function(f, "value_and_grad")
    several(argnums)
    if wrt is not None:
        return in_named(f, wrt, argnums, argnames, has_aux)

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        selection = Selection(f, args, kwargs, argnums, argnames)
        leaves, structure = differentiable_leaves(selection.selected, selection.names, f)
        line = Linearization("grad", f, leaves, structure, has_aux, selection.call)
        seed = _scalar_seed(f, line, holomorphic)
        value = line.outs[0]
        gradient = selection.result(line.pull([seed], consume=True))
        return ((value, line.aux), gradient) if has_aux else (value, gradient)

    return named(value_and_gradient, "value_and_grad", f)


def grad(
    f: Callable[..., Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[..., Any]:
    """A function that gives the gradient of ``f``, which must return one number.

    Args:
        f: pure function of arrays, or of trees of arrays.
        argnums: which positional arguments; an integer, or several for a tuple of gradients. The first, by default.
        argnames: which arguments by name, likewise; after those of ``argnums`` when both are given.
        has_aux: ``f`` returns ``(value, aux)``; the result is then ``(gradient, aux)``.
        holomorphic: ``f`` is a holomorphic function of complex arguments; the result is its complex derivative.
        wrt: in place of ``argnums``: numbers of arguments, and names of intermediate values that ``f`` gives with
            :func:`functrans.tag`; one of them, or a tuple for a tuple of gradients. A value tagged in each step of a
            :func:`functrans.scan` has its gradients stacked.

    Returns:
        A function of the same arguments. Gradients have the structure, shapes and dtypes of the arguments. For a real
        function of complex ``z = x + iy`` the gradient is ``df/dx - i df/dy``.

    Raises:
        NonScalarOutputError: ``f`` returned no single real number; the message names the alternatives.
        IntegerInputError: an argument is an integer or boolean array.
        MissingRuleError: ``f`` uses an operation without a derivative.
        DerivativeError: a name in ``wrt`` stands for no value, or for several.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.grad(lambda x: x**3)(2.0)
        12.0
        >>> ft.grad(ft.grad(lambda x: x**3))(2.0)
        12.0
        >>> ft.grad(lambda p, x: np.sum(p["w"] * x))({"w": np.ones(2)}, np.array([3.0, 4.0]))
        {'w': array([3., 4.])}
    """
    expect_function(f, "grad")
    both = value_and_grad(f, argnums, argnames=argnames, has_aux=has_aux, holomorphic=holomorphic, wrt=wrt)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, result = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return named(gradient, "grad", f)


def in_named(
    f: Callable[..., Any], wrt: Any, argnums: Argnums, argnames: Argnames, has_aux: bool
) -> Callable[..., Any]:
    """:func:`value_and_grad` in arguments and tagged values."""
    single = not isinstance(wrt, tuple | list)
    entries = [wrt] if single else list(wrt)
    if argnums is not None or argnames is not None or not all(isinstance(e, int | str) for e in entries):
        raise DerivativeError(
            f"wrt={wrt!r}, with argnums={argnums!r} and argnames={argnames!r}",
            'list numbers of arguments and names of tags in `wrt` alone: `grad(f, wrt=("z", 0))`.',
        )
    names = [entry for entry in entries if isinstance(entry, str)]

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        # A tagged value may depend on any of the arguments.
        asked = [entry % len(args) for entry in entries if not isinstance(entry, str)]
        argnums = [i for i, arg in enumerate(args) if i in asked or _has_derivative(arg)]
        selection = Selection(f, args, kwargs, argnums, None)
        leaves, structure = differentiable_leaves(selection.selected, selection.names, f)
        line = Linearization("grad", f, leaves, structure, has_aux, selection.call, names)
        seed = _scalar_seed(f, line, False)
        value = line.outs[0]
        found = line.pull_leaves([seed], consume=True)
        of_arguments = dict(zip(argnums, tree.unflatten(structure, found[: len(leaves)]), strict=True))
        of_names = dict(zip(names, found[len(leaves) :], strict=True))
        gradients = [of_names[e] if isinstance(e, str) else of_arguments[e % len(args)] for e in entries]
        gradient = gradients[0] if single else tuple(gradients)
        return ((value, line.aux), gradient) if has_aux else (value, gradient)

    return named(value_and_gradient, "value_and_grad", f)


def _has_derivative(arg: Any) -> bool:
    """Whether all leaves of an argument are floating or complex (or it has none)."""
    leaves = tree.flatten(arg)[0]
    return bool(leaves) and all(
        isinstance(x, int | float | complex | np.ndarray | np.generic | Tracer) and ArraySpec.of(x).dtype.kind in "fc"
        for x in leaves
    )


def _scalar_seed(f: Callable[..., Any], line: Linearization, holomorphic: bool) -> Any:
    """The cotangent one, for an output that is one number.

    Raises:
        NonScalarOutputError: it is not.
        DerivativeError: it is an integer, or complex without ``holomorphic=True``.
    """
    if line.out_tree.cls is not None:
        kind = line.out_tree.cls.__name__
        if kind == "NoneType":
            raise NonScalarOutputError(
                f"`grad` needs one number, but {describe_function(f)} returned None", "is a `return` missing?"
            )
        hint = "to return more beside the value use `has_aux=True`; " if kind == "tuple" else ""
        raise NonScalarOutputError(
            f"`grad` needs one number, but {describe_function(f)} returned a {kind}",
            f"{hint}for the derivative of several outputs use `functrans.vjp` (a weighted sum of them) or "
            "`functrans.jacobian` (all).",
        )
    spec = ArraySpec.of(line.outs[0])
    if spec.shape != ():
        raise NonScalarOutputError(
            f"`grad` needs one number, but {describe_function(f)} returned {spec}",
            "return a sum, such as `np.sum(out)`, for the gradient of the sum; use "
            "`functrans.vmap(functrans.grad(f))(xs)` for the derivative at each of many points; `functrans.vjp(f, x)` "
            "and its pullback for a weighted sum (a head gradient); `functrans.jacobian(f)` for all derivatives "
            "(twice: for all second ones).",
        )
    if spec.dtype.kind == "c" and not holomorphic:
        raise DerivativeError(
            f"`grad` needs a real number, but {describe_function(f)} returned {spec}",
            "return `np.real(out)` or `np.abs(out)`; for a holomorphic function pass `holomorphic=True`.",
        )
    if holomorphic and spec.dtype.kind != "c" and line.nodes[0] is not None:
        raise DerivativeError(real_of_complex("grad", f, spec), REAL_PARTS)
    if holomorphic and any(ArraySpec.of(leaf).dtype.kind != "c" for leaf in line.leaves):
        raise DerivativeError(
            f"holomorphic=True, but an argument of {describe_function(f)} is not complex",
            "pass complex arguments (`z + 0j`).",
        )
    if spec.dtype.kind not in "fc" and not spec.weak:
        raise DerivativeError(
            f"`grad` of {describe_function(f)}, which returned {spec}: an integer has no derivative",
            "return a floating-point result.",
        )
    return ONE if spec.weak or spec.dtype == np.float64 else np.ones((), spec.dtype)[()]


def real_of_complex(transform: str, f: Callable[..., Any], spec: ArraySpec) -> str:
    """What is wrong with a complex derivative where a real number depends on complex ones."""
    return f"complex `{transform}` of {describe_function(f)}, which returned {spec}: that is not holomorphic"


#: What to do about it.
REAL_PARTS = (
    "a real function of complex numbers has no complex derivative: differentiate in real and imaginary parts given "
    "apart, or use `functrans.grad` without `holomorphic=True`, which gives `df/dx - i df/dy`."
)


def named(wrapper: Callable[..., Any], transform: str, f: Callable[..., Any]) -> Callable[..., Any]:
    """Give a transformed function the name and documentation of what it came from."""
    wrapper.__name__ = f"{transform}_{getattr(f, '__name__', 'f')}".replace("<", "").replace(">", "")
    wrapper.__qualname__ = wrapper.__name__
    wrapper.__wrapped__ = f  # type: ignore[attr-defined]
    wrapper.__doc__ = f"{transform} of {describe_function(f)}."
    return wrapper
