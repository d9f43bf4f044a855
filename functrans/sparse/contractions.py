"""Sums of products, with a name for each axis: which products an entry of the result is the sum of."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir import ArraySpec, Equation
from functrans.ops.einsum import axes_of
from functrans.sparse.dependence import (
    Labels,
    Matrix,
    Shape,
    chosen_rows,
    grouped,
    matrix,
    named,
    size,
    spread,
    united,
)

#: So many entries of the matrix of a product with a constant are made one by one.
_MOST = 20_000_000


class Contraction:
    """A sum of products: the shapes of its operands and of its result, with a label for each axis."""

    __slots__ = ("labels", "out_labels", "out_shape", "shapes")

    def __init__(self, shapes: Sequence[Shape], labels: Sequence[Labels], out_labels: Labels) -> None:
        lengths: dict[Hashable, int] = {}
        for shape, own in zip(shapes, labels, strict=True):
            for n, label in zip(shape, own, strict=True):
                lengths[label] = n if lengths.get(label, 1) == 1 else lengths[label]
        self.shapes = [tuple(shape) for shape in shapes]
        self.labels = [named(shape, own, lengths) for shape, own in zip(self.shapes, labels, strict=True)]
        self.out_labels = tuple(out_labels)
        self.out_shape = tuple([lengths[label] for label in out_labels])

    def carried(self, operands: Sequence[Matrix], known: Sequence[Any]) -> Matrix:
        """What the result depends on."""
        return united(*[self._of(i, m, known) for i, m in enumerate(operands) if m is not None])

    def _of(self, i: int, m: Matrix, known: Sequence[Any]) -> Matrix:
        if len(self.shapes) == 2 and known[1 - i] is not None:
            found = self._weighted(i, m, np.reshape(known[1 - i], self.shapes[1 - i]))
            if found is not None:
                return found
        return spread(m, self.shapes[i], self.labels[i], self.out_shape, self.out_labels)

    def _weighted(self, i: int, m: Matrix, weights: Any) -> Matrix:
        """As the product with a constant that has zeros; None: that has none, or too many entries for this."""
        there = np.nonzero(weights) if weights.ndim else ()
        count = np.count_nonzero(weights)
        if count == weights.size:
            return None
        own, other = self.labels[i], self.labels[1 - i]
        at: dict[Hashable, Any] = {}
        keep = np.ones(count, np.bool_)
        for label, where in zip(other, there, strict=True):
            if label is not None:
                keep &= at.setdefault(label, where) == where
        at = {label: where[keep][:, None] for label, where in at.items()}
        free = {label: n for label, n in zip(own, self.shapes[i], strict=True) if label is not None and label not in at}
        combinations = size([*free.values()])
        if not combinations or count * combinations > _MOST:
            return None
        rest = np.arange(combinations)
        for label, n in reversed(free.items()):
            rest, at[label] = rest // n, (rest % n)[None, :]
        shape = (int(np.count_nonzero(keep)), combinations)
        rows, columns = _places(self.out_labels, self.out_shape, at, shape), _places(own, self.shapes[i], at, shape)
        return matrix(rows, columns, (size(self.out_shape), m.shape[0])) @ m

    def pairs(self, operands: Sequence[Matrix]) -> list[tuple[Matrix, Matrix]]:
        """What is multiplied with one another."""
        found = []
        for i, x in enumerate(operands):
            for j, y in enumerate(operands[:i]):
                if x is not None and y is not None:
                    kept = [
                        (label, n)
                        for label, n in zip(self.labels[i], self.shapes[i], strict=True)
                        if label is not None and label in self.labels[j]
                    ]
                    kept = list(dict.fromkeys(kept))
                    labels, shape = tuple([label for label, _ in kept]), tuple([n for _, n in kept])
                    found.append(
                        tuple([spread(m, self.shapes[k], self.labels[k], shape, labels) for k, m in ((i, x), (j, y))])
                    )
        return found  # type: ignore[return-value]


def _places(labels: Labels, shape: Shape, at: Mapping[Hashable, Any], full: Shape) -> Any:
    index = np.zeros(full, np.intp)
    for label, n in zip(labels, shape, strict=True):
        index = index * n + (at[label] if label is not None and n > 1 else 0)
    return index.ravel()


def _stack(ndim: int) -> Labels:
    """Labels of leading axes, which broadcast: counted from the last."""
    return tuple(range(-ndim, 0))


def _elementwise(x: ArraySpec, y: ArraySpec, **_: Any) -> Contraction:
    return Contraction([x.shape, y.shape], [_stack(x.ndim), _stack(y.ndim)], _stack(max(x.ndim, y.ndim)))


def _stacked(left: str, right: str, out: str) -> Callable[..., Contraction]:
    def rule(x: ArraySpec, y: ArraySpec, **_: Any) -> Contraction:
        leads = [_stack(x.ndim - len(left)), _stack(y.ndim - len(right))]
        return Contraction([x.shape, y.shape], [(*leads[0], *left), (*leads[1], *right)], (*max(leads, key=len), *out))

    return rule


def _matmul(x: ArraySpec, y: ArraySpec, **_: Any) -> Contraction:
    left, right = "ik"[-x.ndim :], "kj"[: y.ndim]
    return _stacked(left, right, "".join([c for c in "ij" if c in left + right]))(x, y)


def _free(x: ArraySpec, y: ArraySpec) -> tuple[list[Hashable], list[Hashable]]:
    return [("x", i) for i in range(x.ndim)], [("y", i) for i in range(y.ndim)]


def _tensordot(x: ArraySpec, y: ArraySpec, axes: Sequence[Sequence[int]]) -> Contraction:
    left, right = _free(x, y)
    out = [label for i, label in enumerate(left) if i not in axes[0]]
    out += [label for j, label in enumerate(right) if j not in axes[1]]
    for k, (i, j) in enumerate(zip(*axes, strict=True)):
        left[i] = right[j] = ("sum", k)
    return Contraction([x.shape, y.shape], [tuple(left), tuple(right)], tuple(out))


def _inner(x: ArraySpec, y: ArraySpec, **_: Any) -> Contraction:
    return _tensordot(x, y, ((x.ndim - 1,), (y.ndim - 1,)) if x.ndim and y.ndim else ((), ()))


def _dot(x: ArraySpec, y: ArraySpec, **_: Any) -> Contraction:
    return _tensordot(x, y, ((x.ndim - 1,), (max(y.ndim - 2, 0),)) if x.ndim and y.ndim else ((), ()))


def _flat(left: str, right: str, out: str) -> Callable[..., Contraction]:
    def rule(x: ArraySpec, y: ArraySpec, **_: Any) -> Contraction:
        return Contraction([(x.size,), (y.size,)], [tuple(left), tuple(right)], tuple(out))

    return rule


def _kron(x: ArraySpec, y: ArraySpec, **_: Any) -> Contraction:
    ndim = max(x.ndim, y.ndim)
    shapes = [(*[1] * (ndim - spec.ndim), *spec.shape) for spec in (x, y)]
    left, right = [("x", i) for i in range(ndim)], [("y", i) for i in range(ndim)]
    out = [label for both in zip(left, right, strict=True) for label in both]
    return Contraction(shapes, [tuple(left), tuple(right)], tuple(out))


def _einsum(*specs: ArraySpec, subscripts: str, **_: Any) -> Contraction:
    shapes = [spec.shape for spec in specs]
    inputs, result = axes_of(subscripts, shapes)
    return Contraction(shapes, [tuple(own) for own in inputs], tuple(result))


_RULES: dict[str, Callable[..., Contraction]] = {
    "multiply": _elementwise,
    "absorbing_multiply": _elementwise,
    "absorbing_product": _elementwise,
    "matmul": _matmul,
    "vecdot": _stacked("k", "k", ""),
    "matvec": _stacked("ik", "k", "i"),
    "vecmat": _stacked("k", "kj", "j"),
    "dot": _dot,
    "inner": _inner,
    "vdot": _flat("k", "k", ""),
    "outer": _flat("i", "j", "ij"),
    "tensordot": _tensordot,
    "kron": _kron,
    "einsum": _einsum,
}


def contraction_of(equation: Equation) -> Contraction | None:
    """The sum of products that an equation is, if it is one."""
    rule = _RULES.get(equation.primitive.name)
    return rule and rule(*[atom.spec for atom in equation.inputs], **equation.params)


def convolution_of(equation: Equation, i: int, m: Matrix, known: Any) -> Matrix:
    """What a convolution (or correlation) with a known vector depends on: a band; None: it is no such thing."""
    name, mode = equation.primitive.name, equation.params.get("mode")
    if name not in ("convolve", "correlate") or mode not in ("full", "same", "valid") or known is None:
        return None
    n, width = m.shape[0], np.size(known)
    if name == "correlate" and (i or n < width):
        return None  # which NumPy turns around
    weights = np.flatnonzero(known if name == "convolve" else np.ravel(known)[::-1])
    least, most = min(n, width), max(n, width)
    skipped = {"full": 0, "same": (least - 1) // 2, "valid": least - 1}[mode]
    count = {"full": most + least - 1, "same": most, "valid": most - least + 1}[mode]
    found = None
    for offset in weights:
        rows = np.arange(count) + skipped - offset
        found = united(found, chosen_rows(m, np.where((rows >= 0) & (rows < n), rows, -1)))
    return found if found is not None else grouped(m, np.full(n, -1), count)
