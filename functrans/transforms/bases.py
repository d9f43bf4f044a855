"""A basis goes through the derivative in one batch: what Jacobians, forwards and backwards, are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import DerivativeError, NonScalarOutputError, ShapeError, describe_function, expect_function
from functrans.frames import hide
from functrans.ir.spec import ArraySpec
from functrans.progress import Bar, bar_unless_traced
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import watched
from functrans.transforms.arguments import Argnames, Argnums, Selection, differentiable_leaves, several
from functrans.transforms.batch import BatchRecorder
from functrans.transforms.jvp import Pushed
from functrans.transforms.pullback import Linearization
from functrans.transforms.vjp import REAL_PARTS, named, real_of_complex


class Request:
    """One call of a Jacobian: the function, its arguments, and how it is to be done."""

    __slots__ = (
        "aux", "chunk_size", "f", "has_aux", "holomorphic", "leaves", "progress", "selection", "structure", "transform",
    )  # fmt: skip

    def __init__(
        self,
        transform: str,
        f: Callable[..., Any],
        selection: Selection,
        has_aux: bool,
        holomorphic: bool,
        chunk_size: int | None,
        progress: bool | str = False,
    ) -> None:
        self.transform, self.f, self.selection = transform, f, selection
        self.has_aux, self.holomorphic, self.chunk_size = has_aux, holomorphic, chunk_size
        self.progress = progress
        self.leaves, self.structure = differentiable_leaves(selection.selected, selection.names, f)
        self.aux: Any = None
        for leaf in self.leaves:
            kind = ArraySpec.of(leaf).dtype.kind
            if (kind == "c") != holomorphic:
                raise DerivativeError(
                    f"holomorphic={holomorphic}, but an argument of {describe_function(f)} is {ArraySpec.of(leaf)}",
                    "pass complex arguments (`z + 0j`)."
                    if holomorphic
                    else "for a holomorphic function pass "
                    "`holomorphic=True`; else differentiate in real and imaginary parts given apart.",
                )

    def linearized(self) -> Linearization:
        """The reverse trace of the function."""
        return Linearization(self.transform, self.f, self.leaves, self.structure, self.has_aux, self.selection.call)

    def pushed(self, directions: Sequence[Any]) -> Pushed:
        """The function with tangents of some of its leaves."""
        return Pushed(
            self.transform, self.f, self.leaves, self.structure, directions, self.has_aux, self.selection.call
        )

    def check_outputs(self, specs: Sequence[ArraySpec], moving: Sequence[bool]) -> None:
        """Refuse outputs without a derivative; ``moving``: which of them depend on the arguments.

        Raises:
            NonScalarOutputError: an output is complex and the function not said to be holomorphic.
            DerivativeError: it is a real one of a holomorphic function; it is an integer.
        """
        for spec, moves in zip(specs, moving, strict=True):
            if spec.dtype.kind == "c" and not self.holomorphic:
                raise NonScalarOutputError(
                    f"`{self.transform}` needs real outputs, but {describe_function(self.f)} returned {spec}",
                    "return real and imaginary parts apart (`np.real(out)`, `np.imag(out)`).",
                )
            if self.holomorphic and moves and spec.dtype.kind != "c":
                raise DerivativeError(real_of_complex(self.transform, self.f, spec), REAL_PARTS)
            if spec.dtype.kind not in "fc" and not spec.weak:
                raise DerivativeError(
                    f"`{self.transform}` of {describe_function(self.f)}, which returned {spec}: an integer has no "
                    "derivative",
                    "return floating-point results; hand others through with `has_aux=True`.",
                )

    def chunks(self, size: int) -> list[tuple[int, int]]:
        """The parts in which a basis of this size is pushed."""
        step = self.chunk_size or size or 1
        return [(start, min(start + step, size)) for start in range(0, size, step)]

    def bar(self, sizes: Sequence[int]) -> Bar:
        """A progress bar for the chunks of bases of these sizes, if one is asked for."""
        total = sum(len(self.chunks(size)) for size in sizes) if self.progress else 0
        return bar_unless_traced(self.progress, self.transform, total, "chunk", self.leaves)

    def result(self, blocks: Sequence[Sequence[Any]], out_tree: tree.TreeDef) -> Any:
        """The tree of outputs of trees of arguments of these blocks, with what else was returned."""
        taken: set[int] = set()
        rows = [
            self.selection.result(tree.unflatten(self.structure, [apart(block, taken) for block in row]))
            for row in blocks
        ]
        made = tree.unflatten(out_tree, rows)
        return (made, self.aux) if self.has_aux else made


def basis(spec: ArraySpec, start: int, stop: int) -> np.ndarray[Any, Any]:
    """Some of the arrays with a one at one entry and zeros elsewhere, along a first axis."""
    dtype = spec.dtype if spec.dtype.kind in "fc" else np.dtype(np.float64)
    return np.eye(stop - start, spec.size, start, dtype).reshape(stop - start, *spec.shape)


def unbatched(value: Any, recorder: BatchRecorder, spec: ArraySpec) -> Any:
    """What stands behind a batched result; the same for all, it is repeated; None is zero."""
    if type(value) is Tracer and value.recorder is recorder:
        return value.mark
    if value is None:
        return np.zeros((recorder.size, *spec.shape), spec.dtype)
    return np.broadcast_to(value, (recorder.size, *spec.shape))


def block(parts: Sequence[Any], shape: tuple[int, ...], dtype: Any, columns: bool = False) -> Any:
    """Chunks of batched results as one array of this shape; their batch axis goes last if they are columns."""
    if not parts:
        whole: Any = np.zeros(shape, dtype)
    else:
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        whole = np.reshape(np.moveaxis(whole, 0, -1) if columns else whole, shape)
    if type(whole) is Tracer:
        return whole if shape else np.reshape(whole, (1,))[0]
    if not shape:  # a single derivative is a number, as NumPy gives it
        return whole[()]
    return whole if whole.flags.writeable else whole.copy()


def apart(whole: Any, taken: set[int]) -> Any:
    """A block in memory of its own, into which its owner may write: ``taken`` is that of the others."""
    if type(whole) is not np.ndarray:
        return whole
    owner: Any = whole
    while type(owner.base) is np.ndarray:
        owner = owner.base
    if id(owner) in taken:
        return whole.copy()
    taken.add(id(owner))
    return whole


def by_reverse(request: Request, line: Linearization) -> Any:
    """One walk back over the trace for all entries of an output."""
    specs = [ArraySpec.of(out) for out in line.outs]
    inputs = [ArraySpec.of(leaf) for leaf in request.leaves]
    request.aux = line.aux
    request.check_outputs(specs, [node is not None for node in line.nodes])
    rows: list[list[Any]] = []
    with request.bar([spec.size for spec in specs]) as bar:
        for position, spec in enumerate(specs):
            parts: list[list[Any]] = []
            for start, stop in request.chunks(spec.size):
                recorder = watched(BatchRecorder)(request.transform, request.f, stop - start)
                ct = recorder.batch(basis(spec, start, stop))
                found = line.pull_leaves([ct if i == position else None for i in range(len(specs))])
                parts.append([unbatched(value, recorder, s) for value, s in zip(found, inputs, strict=True)])
                recorder.close()
                bar.advance()
            rows.append(
                [block([part[k] for part in parts], (*spec.shape, *s.shape), s.dtype) for k, s in enumerate(inputs)]
            )
    return request.result(rows, line.out_tree)


def by_forward(request: Request) -> Any:
    """One evaluation for all entries of an argument, which carries their tangents along."""
    columns: list[list[Any]] = []
    inputs = [ArraySpec.of(leaf) for leaf in request.leaves]
    with request.bar([spec.size for spec in inputs]) as bar:
        for position, spec in enumerate(inputs):
            parts: list[list[Any]] = []
            for start, stop in request.chunks(spec.size) or [(0, 0)]:
                recorder = watched(BatchRecorder)(request.transform, request.f, stop - start)
                dx = recorder.batch(basis(spec, start, stop))
                directions = [dx if i == position else None for i in range(len(request.leaves))]
                pushed = request.pushed(directions)
                specs = [ArraySpec.of(value) for value in pushed.values]
                request.check_outputs(specs, [dx is not None for dx in pushed.tangents])
                specs = [s if s.dtype.kind in "fc" else ArraySpec(s.shape, spec.dtype) for s in specs]
                parts.append([unbatched(dx, recorder, s) for dx, s in zip(pushed.tangents, specs, strict=True)])
                recorder.close()
                bar.advance()
            columns.append(
                [
                    block([part[k] for part in parts], (*s.shape, *spec.shape), s.dtype, columns=True)
                    for k, s in enumerate(specs)
                ]
            )
    request.aux = pushed.aux
    return request.result(list(zip(*columns, strict=True)), pushed.out_tree)


def jacobian_function(
    transform: str,
    f: Callable[..., Any],
    argnums: Argnums,
    argnames: Argnames,
    has_aux: bool,
    holomorphic: bool,
    chunk_size: int | None,
    mode: str | None,
    progress: bool | str,
) -> Callable[..., Any]:
    """What the transform of this name makes of ``f``: in the mode that is given, or in the one with fewer passes."""
    expect_function(f, transform)
    several(argnums)
    if chunk_size is not None and chunk_size < 1:
        raise ShapeError(f"chunk_size={chunk_size}: a chunk holds at least one direction", "give a positive number.")

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        try:
            selection = Selection(f, args, kwargs, argnums, argnames)
            request = Request(transform, f, selection, has_aux, holomorphic, chunk_size, progress)
            if mode == "forward" and request.leaves:
                return by_forward(request)
            chosen, line = choose(request)
            if mode is None and chosen == "forward":
                del line  # its memory is not needed any more
                return by_forward(request)
            return by_reverse(request, line)
        except Exception as error:
            hide(error)
            raise

    return named(jacobian_of, transform, f)


def choose(request: Request) -> tuple[str, Linearization]:
    """Which mode needs fewer passes, and the trace that told."""
    line = request.linearized()
    inputs = sum(ArraySpec.of(leaf).size for leaf in request.leaves)
    outputs = sum(ArraySpec.of(out).size for out in line.outs)
    return ("forward" if request.leaves and inputs <= outputs else "reverse"), line
