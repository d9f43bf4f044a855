"""Boolean matrices that say on which inputs a value depends: a row for each of its entries, a column for each input.

A value that depends on nothing has none: ``None`` stands for its matrix of zeros.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np

from functrans.errors import DerivativeError

#: A ``scipy.sparse.csr_array`` of booleans, or None.
Matrix: TypeAlias = Any
Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.intp]]"
#: A name for each axis: axes of the same name go together. None: an axis that goes with none.
Labels: TypeAlias = tuple[Hashable, ...]
Shape: TypeAlias = tuple[int, ...]

#: A pattern of more entries than this is no sparse one, and does not fit.
_MOST = 500_000_000


def scipy_sparse() -> Any:
    """``scipy.sparse``.

    Raises:
        ImportError: SciPy is not installed.
    """
    try:
        import scipy.sparse
    except ImportError:
        raise ImportError(
            "functrans.sparse needs SciPy, which is not installed\nFix: `pip install 'functrans[scipy]'`.", name="scipy"
        ) from None
    return scipy.sparse


def matrix(rows: Any, columns: Any, shape: Shape) -> Matrix:
    """True at these places."""
    made = scipy_sparse().csr_array((np.ones(len(rows), np.bool_), (rows, columns)), shape=shape)
    made.sum_duplicates()
    return made


def zeros(count: int, columns: int) -> Matrix:
    """The matrix of values that depend on nothing."""
    return scipy_sparse().csr_array((count, columns), dtype=np.bool_)


def block(start: int, count: int, columns: int) -> Matrix:
    """The matrix of inputs, which are these columns."""
    return matrix(np.arange(count), np.arange(start, start + count), (count, columns))


def united(*matrices: Matrix) -> Matrix:
    """What depends on whatever one of these does."""
    total = None
    for m in matrices:
        if m is not None and m is not total:
            total = m if total is None else total + m
    return total


def chosen_rows(m: Matrix, rows: Rows) -> Matrix:
    """The rows of these numbers; of a negative one, an empty row."""
    rows = np.ravel(rows)
    if len(rows) == m.shape[0] and np.array_equal(rows, np.arange(len(rows))):
        return m
    there = rows >= 0
    safe = np.where(there, rows, 0)
    if not m.shape[0]:
        return zeros(len(rows), m.shape[1])
    counts = np.where(there, np.diff(m.indptr)[safe], 0)
    ends = np.cumsum(counts, dtype=np.int64)
    refuse_full(int(ends[-1]) if len(ends) else 0)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(m.indptr[safe] - (ends - counts), counts)
    indptr = np.concatenate([[0], ends])
    made = (np.ones(len(places), np.bool_), m.indices[places], indptr)
    return scipy_sparse().csr_array(made, shape=(len(rows), m.shape[1]))


def refuse_full(count: int) -> None:
    """Refuse a pattern that would have so many entries, before memory is asked for them.

    Raises:
        DerivativeError: they are too many.
    """
    if count > _MOST:
        raise DerivativeError(
            f"the pattern is not sparse: some value depends on its inputs in {count:,} places",
            "ask for products (`functrans.jvp`, `functrans.vjp`, `functrans.hvp`) in place of the matrix.",
        )


def interactions(a: Matrix, b: Matrix) -> Matrix:
    """All pairs of what a row of ``a`` depends on with what the same row of ``b`` does."""
    counts = np.diff(a.indptr).astype(np.int64) * np.diff(b.indptr)
    refuse_full(int(np.max(counts, initial=0)))
    rng = np.random.default_rng(0)
    keys = [_row_keys(m, rng) for m in ([a] if a is b else [a, b]) for _ in range(2)]
    first = np.unique(np.stack(keys, axis=1), axis=0, return_index=True)[1]
    first = np.sort(first[counts[first] > 0])  # rows that are alike are taken once
    left = chosen_rows(a, first)
    return left.T.tocsr() @ (left if a is b else chosen_rows(b, first))


def _row_keys(m: Matrix, rng: Any) -> Any:
    """A random number for each row, the same for rows that are alike."""
    numbers = rng.integers(0, 2**63, m.shape[1], dtype=np.int64)
    sums = np.concatenate([[0], np.cumsum(numbers[m.indices])])  # which wraps around, and loses nothing by it
    return sums[m.indptr[1:]] - sums[m.indptr[:-1]]


def grouped(m: Matrix, groups: Rows, count: int) -> Matrix:
    """The union of the rows of each group; a row of a negative group is left out."""
    if count == len(groups) and np.array_equal(groups, np.arange(count)):
        return m
    there = np.flatnonzero(groups >= 0)
    return matrix(groups[there], there, (count, m.shape[0])) @ m


def whole(m: Matrix) -> Matrix:
    """One row: the union of all."""
    if m.shape[0] == 1:
        return m
    columns = np.unique(m.indices)
    return matrix(np.zeros(len(columns), np.intp), columns, (1, m.shape[1]))


def repeated(row: Matrix, count: int) -> Matrix:
    """One row, so many times."""
    return chosen_rows(row, np.zeros(count, np.intp))


def stacked(matrices: Sequence[Matrix], counts: Sequence[int], columns: int) -> Matrix:
    """Matrices of so many rows below one another."""
    if all(m is None for m in matrices):
        return None
    parts = [zeros(n, columns) if m is None else m for m, n in zip(matrices, counts, strict=True)]
    return parts[0] if len(parts) == 1 else scipy_sparse().vstack(parts, format="csr", dtype=np.bool_)


def size(shape: Sequence[int]) -> int:
    """The number of entries."""
    return int(np.prod(shape, dtype=np.int64))


def index_of(shape: Shape, labels: Labels, sizes: dict[Hashable, int]) -> Rows:
    """For each entry of an array, its place among all combinations of what the labels in ``sizes`` stand for.

    An entry off the diagonal of two axes of one label has none: -1.
    """
    index = np.zeros(shape, np.intp)
    stride = 1
    for label in reversed(sizes):
        places: list[Any] = []
        for axis, own in enumerate(labels):
            if own == label:
                places.append(np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))]))
        for place in places[:1]:
            index = np.where(index < 0, index, index + place * stride)
        for place in places[1:]:
            index = np.where(place == places[0], index, -1)
        stride *= sizes[label]
    return index.ravel()


def spread(m: Matrix, shape: Shape, labels: Labels, out_shape: Shape, out_labels: Labels) -> Matrix:
    """What an array depends on, each entry of which reads those entries of another at its place on the shared axes."""
    if m is None:
        return None
    shared = {label: n for label, n in zip(out_labels, out_shape, strict=True) if label is not None and label in labels}
    if labels == out_labels and len(shared) == len(labels):
        return m
    repeats = len(set(labels)) != len(labels)
    kept = m
    if repeats or size([*shared.values()]) != m.shape[0] or [x for x in labels if x in shared] != list(shared):
        kept = grouped(m, index_of(shape, labels, shared), size([*shared.values()]))
    return chosen_rows(kept, index_of(out_shape, out_labels, shared))


def named(shape: Shape, labels: Labels, sizes: dict[Hashable, int]) -> Labels:
    """The labels, without those of axes of length one that are stretched."""
    return tuple([x if x is not None and sizes.get(x, n) == n else None for x, n in zip(labels, shape, strict=True)])
