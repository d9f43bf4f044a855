"""A sparse Jacobian or Hessian, planned once: pattern, colours, seeds, and where each entry is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.compile.jit import jit
from functrans.errors import (
    DerivativeError,
    ShapeError,
    TracedValueError,
    describe_function,
    expect_function,
)
from functrans.frames import boundary, hide
from functrans.ir import ArraySpec
from functrans.sparse.coloring import color_jacobian, color_symmetric
from functrans.sparse.compression import products, reading, seeds, unreadable
from functrans.sparse.dependence import scipy_sparse
from functrans.sparse.detection import Arguments, detect, expect_output, refuse_traced, written
from functrans.tracing.tracer import Tracer
from functrans.transforms.hessian import hessian
from functrans.transforms.jacobian import jacfwd, jacobian, jacrev
from functrans.transforms.jvp import jvp
from functrans.transforms.vjp import grad

#: What a plan can be made for, as it is given.
KINDS: dict[Any, tuple[str, str | None]] = {
    "jacobian": ("jacobian", None),
    "hessian": ("hessian", None),
    jacobian: ("jacobian", None),
    jacfwd: ("jacobian", "forward"),
    jacrev: ("jacobian", "reverse"),
    hessian: ("hessian", None),
}


def _fits(x: np.ndarray[Any, Any], shape: tuple[int, ...]) -> bool:
    return bool(x.shape == shape and x.dtype.kind == "f")


class Plan:
    """Values of one sparse Jacobian or Hessian, again and again: ``plan(x, *args)`` is a ``scipy.sparse.csr_array``.

    It fits SciPy: ``least_squares(f, x0, jac=plan)``, ``solve_ivp(f, ..., jac=plan)`` for a plan with ``argnums=1``,
    ``jac_sparsity=plan.pattern``. Entries of the pattern that happen to be zero are stored all the same.

    Attributes:
        pattern: a boolean ``csr_array``: which entries may be non-zero; for any values, unless it was found locally.
        mode: ``"forward"``, ``"reverse"``, ``"both"``, or ``"symmetric"`` for a Hessian.
        colors: how many products with vectors a call takes.
        coloring: the colours of columns and rows.
        dense: operations where the pattern had to be taken as full, with the place in the code.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> plan = ft.sparse.plan(ft.hessian, lambda x: np.sum(np.diff(x) ** 2), np.ones(3))
        >>> plan(np.zeros(3)).toarray()
        array([[ 2., -2.,  0.],
               [-2.,  4., -2.],
               [ 0., -2.,  2.]])
    """

    __slots__ = (
        "_apply", "_dtype", "_f", "_indices", "_lone", "_place", "_planned", "_seeds", "_starts", "coloring", "dense",
        "kind", "pattern",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        f: Callable[..., Any],
        args: Sequence[Any],
        argnums: int,
        mode: str | None,
        pattern: Any,
        local: bool,
        compiled: bool,
    ) -> None:
        sparse = scipy_sparse()
        self.kind, self._f = kind, f
        self._planned = arguments = Arguments(f, args, argnums)
        x = ArraySpec.of(arguments.x).strong()
        second = kind == "hessian"
        self.dense: dict[str, Any] = {}
        if pattern is None and not local:
            pattern, self.dense, out = detect(f, arguments, second, False)
        else:
            if pattern is None:
                pattern, self.dense, _ = detect(f, arguments, second, True)
            try:
                _, out = written(f, arguments, second)
            except TracedValueError:  # it asks for values: it may, as nothing is to be found, but cannot be compiled
                compiled = False
                atoms, structure = tree.flatten(arguments.call(f, arguments.x, arguments.numbers))
                out = expect_output(f, [ArraySpec.of(atom) for atom in atoms], structure, second)
        self._dtype = x.dtype if second else out.dtype
        shape = out.shape
        self.pattern = _canonical(sparse.csr_array(pattern, dtype=bool, copy=True))
        expected = (x.size, x.size) if kind == "hessian" else (int(np.prod(shape)), x.size)
        if self.pattern.shape != expected:
            raise ShapeError(
                f"a pattern of shape {self.pattern.shape} for the {kind} of {describe_function(f)}, which has shape "
                f"{expected}",
                "give one with a row for each output and a column for each entry of the argument.",
            )
        if kind == "hessian":
            self.pattern = _canonical(sparse.csr_array(self.pattern + self.pattern.T))
        self.coloring = color_symmetric(self.pattern) if kind == "hessian" else color_jacobian(self.pattern, mode)
        lost = unreadable(self.pattern, self.coloring)
        assert not lost, f"{lost} entries cannot be read off"
        self._place = reading(self.pattern, self.coloring)[0]
        self._indices, self._starts = self.pattern.indices, self.pattern.indptr
        forwards, backwards = self.coloring.forward, self.coloring.backward
        self._seeds: list[Any] = []
        if forwards:
            self._seeds.append(seeds(self.coloring.columns, forwards, x.shape, x.dtype))
        if backwards:
            self._seeds.append(seeds(self.coloring.rows, backwards, shape, self._dtype))

        def apply(x: Any, *given: Any) -> Any:
            ahead = given[0] if forwards else None
            back = given[bool(forwards)] if backwards else None
            numbers = given[bool(forwards) + bool(backwards) :]

            def moved(x: Any) -> Any:
                return arguments.call(f, x, numbers)

            return products(grad(moved) if second else moved, x, ahead, back)

        self._apply = jit(apply) if compiled else apply
        self._lone = (np.shape(arguments.x), not arguments.fixed)

    @property
    def mode(self) -> str:
        """How the products are computed."""
        return self.coloring.mode

    @property
    def colors(self) -> int:
        """How many products with vectors a call takes."""
        return self.coloring.colors

    def __call__(self, *args: Any) -> Any:
        """The matrix at these arguments.

        Raises:
            ShapeError: a shape, or an integer argument, is not as planned.
        """
        try:
            shape, alone = self._lone
            if alone and len(args) == 1 and type(args[0]) is np.ndarray and _fits(args[0], shape):  # the short way
                x, numbers = args[0], []
            else:
                arguments = Arguments(self._f, args, self._planned.argnum)
                arguments.expect_like(self._planned, self._f)
                x, numbers = arguments.x, arguments.numbers
            if not self._place.size:
                data = np.zeros(0, self._dtype)
            else:
                made = self._apply(x, *self._seeds, *numbers)
                if any(type(part) is Tracer for part in made):
                    refuse_traced(self._f)
                flat = [np.reshape(part, -1) for part in made]
                data = (flat[0] if len(flat) == 1 else np.concatenate(flat)).take(self._place)
            matrix = scipy_sparse().csr_array(
                (data, self._indices.copy(), self._starts.copy()), shape=self.pattern.shape, copy=False
            )
            matrix.has_canonical_format = True
            return matrix
        except Exception as error:
            hide(error)
            raise

    def check(self, *args: Any) -> None:
        """Compare the matrix at these arguments with a derivative in a random direction.

        The pattern can be wrong where it was given, or where what ``f`` closes over has changed since.

        Raises:
            DerivativeError: they differ.
        """
        try:
            arguments = Arguments(self._f, args, self._planned.argnum)
            matrix = self(*args)
            spec = ArraySpec.of(arguments.x).strong()
            v = np.asarray(np.random.default_rng(0).uniform(0.5, 1.5, spec.shape), spec.dtype)

            def moved(x: Any) -> Any:
                return arguments.call(self._f, x, arguments.numbers)

            true = jvp(grad(moved) if self.kind == "hessian" else moved, (arguments.x,), (v,))[1]
            scale = abs(matrix) @ np.ravel(v)
            bound = np.sqrt(np.finfo(spec.dtype).eps) * (scale + np.abs(np.ravel(true)))
            close = np.abs(matrix @ np.ravel(v) - np.ravel(true)) <= bound
            wrong = np.flatnonzero(~close & np.isfinite(np.ravel(true)))
            if wrong.size:
                raise DerivativeError(
                    f"the sparse {self.kind} of {describe_function(self._f)} is wrong in {wrong.size} rows, "
                    f"row {wrong[0]} the first: the pattern lacks entries",
                    "make the plan anew; or leave out the pattern that was given, to have it found.",
                )
        except Exception as error:
            hide(error)
            raise

    def spy(self, ax: Any = None, width: int = 64) -> Any:
        """A picture of the pattern: a text, with ``x`` where entries are; or drawn on axes of Matplotlib's.

        Args:
            ax: Matplotlib's axes, which are drawn on and returned.
            width: of the text, at most; a letter stands for a block of entries where the matrix is larger.
        """
        if ax is not None:
            ax.spy(self.pattern, markersize=1)
            ax.set_title(f"{self.pattern.nnz} entries, {self.colors} products")
            return ax
        height, size = self.pattern.shape
        step = max(1, -(-max(height, size) // width))
        picture = np.full((-(-height // step), -(-size // step)), ".")
        rows = np.repeat(np.arange(height), np.diff(self._starts))
        picture[rows // step, self._indices // step] = "x"
        return "\n".join("".join(line) for line in picture)

    def __repr__(self) -> str:
        height, width = self.pattern.shape
        full = f", taken as full at {', '.join(sorted(self.dense))}" if self.dense else ""
        return (
            f"<Plan: {self.kind} {height} x {width}, {self.pattern.nnz} entries, "
            f"{self.colors} products ({self.mode}){full}>"
        )


def _canonical(matrix: Any) -> Any:
    matrix.sum_duplicates()
    if not matrix.data.all():
        matrix.eliminate_zeros()
    return matrix


@boundary
def plan(
    kind: Any,
    f: Callable[..., Any],
    *args: Any,
    argnums: int = 0,
    mode: str | None = None,
    pattern: Any = None,
    local: bool = False,
) -> Plan:
    """Pattern and colouring of a sparse Jacobian or Hessian, found once; ``plan(...)(*args)`` are its values.

    Args:
        kind: ``functrans.jacobian`` or ``functrans.hessian``, or their names; ``jacfwd`` and ``jacrev`` fix the mode.
        f: pure function, which does not ask for values, from arrays to one array; to one number for a Hessian.
        *args: its arguments, or arguments like them: shapes and dtypes count. Integers among them (indices, sizes)
            belong to the plan and must stay the same; floats may change.
        argnums: which argument to differentiate in: one array, of any shape; columns are its entries in C order.
        mode: of a Jacobian: ``"forward"``, ``"reverse"``, ``"both"``; what needs the fewest products if left out.
        pattern: which entries may be non-zero, as anything that ``scipy.sparse`` takes, if you know it: then it is not
            looked for, and ``f`` may ask for values. :meth:`Plan.check` tells whether it was right.
        local: find the pattern at these values alone: of ``np.where``, ``if`` and ``while`` what is taken here. It can
            be smaller, and ``f`` may ask for values; it holds as long as the same is taken.

    Returns:
        The :class:`Plan`.

    Raises:
        TracedBoolError: ``f`` asks for values, no pattern is given, and it is not to be a local one.
        TracedValueError: an argument is traced by another transform.
        DerivativeError: what is differentiated has no real derivative; there is no such ``kind`` or ``mode``.
        TreeError: ``f`` returns more than one array, or the argument is a container.
        ShapeError: the given pattern has another shape.
        ImportError: SciPy is not installed.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> plan = ft.sparse.plan(ft.jacobian, lambda x: x[1:] * x[:-1], np.ones(5))
        >>> plan
        <Plan: jacobian 4 x 5, 8 entries, 2 products (forward)>
        >>> print(plan.spy())
        xx...
        .xx..
        ..xx.
        ...xx
        >>> plan(np.arange(5.0)).toarray()[:2]
        array([[1., 0., 0., 0., 0.],
               [0., 2., 1., 0., 0.]])
    """
    return make(kind, f, args, argnums, mode, pattern, local, True)


def make(
    kind: Any,
    f: Callable[..., Any],
    args: Sequence[Any],
    argnums: int,
    mode: str | None,
    pattern: Any = None,
    local: bool = False,
    compiled: bool = False,
) -> Plan:
    """:func:`plan`; compiled or not."""
    known = KINDS.get(kind) if isinstance(kind, str) or callable(kind) else None
    if known is None:
        raise DerivativeError(
            f"a sparse plan for {kind!r:.60}", "plan for `functrans.jacobian` or `functrans.hessian`, then name `f`."
        )
    expect_function(f, known[0])
    if mode not in (None, "forward", "reverse", "both") or (known[0] == "hessian" and mode is not None):
        raise DerivativeError(
            f"mode={mode!r} of a sparse {known[0]}",
            "a Jacobian has the modes 'forward', 'reverse' and 'both'; a Hessian has one only.",
        )
    return Plan(known[0], f, args, argnums, mode or known[1], pattern, local, compiled)
