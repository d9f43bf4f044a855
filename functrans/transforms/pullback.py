"""A function's result with its reverse trace, and what walks back over it, at once or as a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import DerivativeError, describe_function, walking_back
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import zeros
from functrans.tracing.refusal import program_writer
from functrans.tracing.trace import StagedRecorder, check_outputs, live_equations
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import WATCH, watched
from functrans.transforms.arguments import (
    like_primal,
)
from functrans.transforms.reverse import ReverseRecorder
from functrans.transforms.walk import walk
from functrans.tree import Tree


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
        with walking_back(place):
            own = {id(ct) for ct in cts}
            return [
                like_primal(owned(found[age], own) if age in found else zeros(ArraySpec.of(leaf)), leaf)
                for age, leaf in zip(self.ages, self.leaves, strict=True)
            ]

    def program(self) -> Program:
        """The pullback as a program: cotangents of the outputs that move, to those of the inputs, flat.

        It is to be run with floating-point errors ignored, as it is written.
        """
        with np.errstate(all="ignore"):
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
    anywhere = False

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
