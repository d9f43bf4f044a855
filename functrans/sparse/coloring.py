"""Which columns, rows or variables may share a product: colourings of the pattern of a Jacobian or a Hessian.

Columns without a common row can be summed in one product with the Jacobian, and told apart afterwards (Curtis, Powell,
Reid 1974); rows likewise in a product with its transpose. A few full rows spoil the first, a few full columns the
second: then rows go backwards, the rest forwards (Coleman, Verma 1998; Gebremedhin, Manne, Pothen 2005, section 6). In
a symmetric matrix one of two entries that mirror each other is enough: a star colouring (Coleman, More 1984).

The greedy colourings visit columns one by one; the colours that a row has met are the bits of one Python integer, so a
visit costs a few operations for each entry. They are tried in several orders (natural, by incidence degree, largest
first), for as long as a bound leaves hope.

Sources: Curtis, Powell, Reid, On the estimation of sparse Jacobian matrices. IMA J. Appl. Math. 13 (1974). Coleman,
More, Estimation of sparse Jacobian matrices and graph coloring problems. SIAM J. Numer. Anal. 20 (1983); Estimation of
sparse Hessian matrices and graph coloring problems. Math. Program. 28 (1984). Coleman, Verma, The efficient computation
of sparse Jacobian matrices using automatic differentiation. SIAM J. Sci. Comput. 19 (1998). Gebremedhin, Manne, Pothen,
What color is your Jacobian? Graph coloring for computing derivatives. SIAM Review 47 (2005). Culberson, Iterated greedy
graph coloring (1992).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: How often a greedy colouring is done at most: first in a given order, then in ones that cannot make it worse.
ROUNDS = 3
#: Of rows and columns both longer than this some are set apart at first.
FULL = 32
#: Above so many pairs of columns that meet, they are not written down to be ordered.
PAIRS = 5_000_000
#: With how many numbers of full rows (or columns) set apart a bidirectional colouring is tried.
SPLITS = 6


class Coloring:
    """Who shares a product.

    Attributes:
        mode: ``"forward"``, ``"reverse"``, ``"both"``, or ``"symmetric"``.
        columns: the colour of each column (variable), from 0; -1 in ``"both"`` where none is needed; None in reverse.
        rows: the colour of each row, -1 where its entries are read elsewhere; None where nothing goes backwards.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> plan = ft.sparse.plan(ft.jacobian, np.diff, np.ones(5))
        >>> plan.coloring.mode, plan.coloring.columns.tolist()
        ('forward', [0, 1, 0, 1, 0])
    """

    __slots__ = ("columns", "mode", "rows")

    def __init__(self, mode: str, columns: Any, rows: Any) -> None:
        self.mode, self.columns, self.rows = mode, columns, rows

    @property
    def forward(self) -> int:
        """How many products with the matrix are needed."""
        return _count(self.columns)

    @property
    def backward(self) -> int:
        """How many products with its transpose are needed."""
        return _count(self.rows)

    @property
    def colors(self) -> int:
        """How many products in all."""
        return self.forward + self.backward

    def __repr__(self) -> str:
        return f"<Coloring {self.mode}: {self.forward} forwards, {self.backward} backwards>"


def _count(colors: Any) -> int:
    return 0 if colors is None or not colors.size else int(colors.max()) + 1


def color_jacobian(pattern: Any, mode: str | None = None) -> Coloring:
    """A colouring of a Jacobian with this pattern, for ``mode``; else for the mode that needs the fewest products.

    Args:
        pattern: sparse array; each stored entry may be non-zero.
        mode: ``"forward"``, ``"reverse"``, ``"both"`` or None. With equal numbers forwards wins, being cheaper.
    """
    across, down = pattern.tocsr(), pattern.tocsc()
    if mode == "forward":
        return Coloring("forward", color_columns(down, across), None)
    if mode == "reverse":
        return Coloring("reverse", None, color_columns(across.T, down.T))
    best: Coloring | None = None
    wide, tall = _longest(across), _longest(down)
    if mode is None and min(wide, tall) > FULL:
        both = _color_both(across, down, min(wide, tall))
        if both is not None:  # better than either direction can be
            return both
    directions = ("forward", "reverse") if wide <= tall else ("reverse", "forward")
    for direction in directions if mode is None else ():
        found: Any
        limit = None if best is None else best.colors
        bound = wide if direction == "forward" else tall
        if limit is not None and (bound > limit or (bound == limit and direction == "reverse")):
            continue
        if direction == "forward":
            found = color_columns(down, across, None if limit is None else limit + 1)
            made = Coloring("forward", found, None)
        else:
            found = color_columns(across.T, down.T, limit)
            made = Coloring("reverse", None, found)
        if found is not None:
            best = made
    both = _color_both(across, down, None if best is None else best.colors)
    if both is not None:
        return both
    return best if best is not None else Coloring("both", *_all_forward(down, across))


def _all_forward(down: Any, across: Any) -> tuple[Any, Any]:
    return color_columns(down, across), np.full(across.shape[0], -1)


def _color_both(across: Any, down: Any, limit: int | None) -> Coloring | None:
    """The best colouring with full rows set apart to go backwards, or full columns forwards; None: not below limit."""
    best: Coloring | None = None
    for flipped, rows in enumerate((across, down.T)):
        lengths = np.diff(rows.indptr)
        order = np.argsort(-lengths, kind="stable")
        longest = lengths[order]
        drops = np.flatnonzero(np.diff(longest)) + 1  # as many as are longer than the rest
        if not drops.size:
            continue
        # What a number of rows set apart leaves, at least: the longest other row, and a product for what is apart.
        chances = sorted(zip((longest[drops] + 1).tolist(), drops.tolist(), strict=True))[: 4 * SPLITS]
        tried = 0
        for bound, number in chances:
            if tried == SPLITS or (limit is not None and bound >= limit):
                break
            part = rows[order[:number]]
            rest = rows[np.sort(order[number:])]
            if limit is not None and bound - 1 + _longest(part.tocsc()) >= limit:
                continue
            tried += 1
            back = color_columns(part.T, part.tocsc().T, None if limit is None else limit - bound + 1)
            if back is None:
                continue
            along = color_columns(rest.tocsc(), rest, None if limit is None else limit - _count(back))
            if along is None:
                continue
            along[np.diff(rest.tocsc().indptr) == 0] = -1
            spread = np.full(rows.shape[0], -1)
            spread[order[:number]] = back
            best = Coloring("both", spread, along) if flipped else Coloring("both", along, spread)
            limit = best.colors
    return best


def color_columns(down: Any, across: Any, limit: int | None = None) -> Any:
    """Colours of columns such that two with a common row differ; None if that takes ``limit`` colours or more.

    Args:
        down: the pattern by columns (CSC).
        across: the pattern by rows (CSR).
        limit: how many are too many.
    """
    bound, size = _longest(across), down.shape[1]
    best: Any = None
    if limit is not None and bound >= limit:
        return None
    if bound == size:  # a full row: each column by itself
        return np.arange(size)
    starts, rows = down.indptr.tolist(), down.indices.tolist()
    orders = [
        lambda: np.arange(size),
        lambda: _by_incidence(down, across),
        lambda: np.argsort(-_conflicts(down, across), kind="stable"),
    ]
    if int(np.sum(np.diff(across.indptr).astype(float) ** 2)) > PAIRS:
        del orders[1]
    for order in orders:
        best = _improved(
            best, order(), bound, lambda order, limit: _greedy_columns(starts, rows, down.shape[0], order, limit), limit
        )
        if best is not None and _count(best) <= bound:
            break
    return best


def _improved(
    best: Any, order: Any, bound: int, greedy: Callable[[list[int], int | None], Any], limit: int | None = None
) -> Any:
    """The better of a colouring and a greedy one in this order, which is done again for as long as that helps."""
    for _ in range(ROUNDS):
        found = greedy(order.tolist(), limit if best is None else _count(best))
        if found is None:
            break
        best, order = found, _regrouped(found)
        if _count(found) <= bound:
            break
    return best


def _longest(compressed: Any) -> int:
    lengths = np.diff(compressed.indptr)
    return int(lengths.max()) if lengths.size else 0


def _conflicts(down: Any, across: Any) -> Any:
    """For each column about how many others it meets: the entries of its rows."""
    lengths = np.diff(across.indptr)
    sums = np.concatenate([[0], np.cumsum(lengths[down.indices])])
    return sums[down.indptr[1:]] - sums[down.indptr[:-1]]


def _by_incidence(down: Any, across: Any) -> Any:
    """Next always one of the columns that meet the most that were taken before: the order by incidence degree."""
    meeting = (across.T @ across).tocsr()
    size = meeting.shape[0]
    starts, others = meeting.indptr.tolist(), meeting.indices.tolist()
    met, done = [0] * size, [False] * size
    waiting: list[list[int]] = [[] for _ in range(_longest(meeting) + 1)]
    waiting[0] = list(range(size))[::-1]
    top = 0
    order: list[int] = []
    while len(order) < size:
        while not waiting[top]:
            top -= 1
        column = waiting[top].pop()
        if done[column] or met[column] != top:
            continue
        done[column] = True
        order.append(column)
        for other in others[starts[column] : starts[column + 1]]:
            if not done[other]:
                met[other] += 1
                waiting[met[other]].append(other)
                if met[other] > top:
                    top = met[other]
    return np.array(order, dtype=np.intp)


def _regrouped(colors: Any) -> Any:
    """An order by colour, the last colours first, in which the greedy colouring needs no more colours than before."""
    return np.argsort(-colors, kind="stable")


def _greedy_columns(starts: list[int], rows: list[int], height: int, order: list[int], limit: int | None) -> Any:
    """Each column in turn takes the least colour that none of its rows has met; None if it takes ``limit``."""
    met = [0] * height
    colors = [0] * len(order)
    most = 1 << (len(order) if limit is None else limit - 1)
    for column in order:
        mine = rows[starts[column] : starts[column + 1]]
        taken = 0
        for row in mine:
            taken |= met[row]
        bit = ~taken & (taken + 1)
        if bit >= most and mine:
            return None
        for row in mine:
            met[row] |= bit
        colors[column] = bit.bit_length() - 1
    return np.array(colors, dtype=np.intp)


def color_symmetric(pattern: Any) -> Coloring:
    """A star colouring of a symmetric pattern: neighbours differ, and every path of four has three colours."""
    matrix = pattern.tocsr()
    size = matrix.shape[0]
    if matrix.nnz == 0:
        return Coloring("symmetric", np.zeros(size, np.intp), None)
    degrees = np.diff(matrix.indptr)
    starts, others = matrix.indptr.tolist(), matrix.indices.tolist()
    best: Any = None
    # Full variables first: seen last, they would keep all others apart.
    for order in (np.argsort(-degrees, kind="stable"), np.arange(size)):
        best = _improved(best, order, 1, lambda order, limit: _greedy_star(starts, others, order, limit))
    limit = _count(best)
    # Columns without a common row are a star colouring too, if the diagonal counts as filled.
    filled = _with_diagonal(matrix)
    found = color_columns(filled.tocsc(), filled, limit)
    return Coloring("symmetric", best if found is None else found, None)


def _with_diagonal(matrix: Any) -> Any:
    size = matrix.shape[0]
    rows = np.concatenate([np.repeat(np.arange(size), np.diff(matrix.indptr)), np.arange(size)])
    columns = np.concatenate([matrix.indices, np.arange(size)])
    filled = type(matrix)((np.ones(rows.size, bool), (rows, columns)), shape=matrix.shape)
    filled.sum_duplicates()
    return filled


def _greedy_star(starts: list[int], others: list[int], order: list[int], limit: int | None) -> Any:
    """Each variable in turn takes the least colour that closes no path of four in two colours.

    ``around[w]`` are the colours of the neighbours of ``w``, ``twice[w]`` those met twice, ``hubs[w]`` the colours of
    neighbours that have another neighbour of the colour of ``w``. Two neighbours of a variable without a colour always
    differ, so a path can be closed at its ends only.
    """
    size = len(order)
    bits, around, twice, hubs = [0] * size, [0] * size, [0] * size, [0] * size
    most = 1 << (size if limit is None else limit - 1)
    for v in order:
        mine = others[starts[v] : starts[v + 1]]
        taken = 0
        for w in mine:
            taken |= (bits[w] | hubs[w]) if bits[w] else (around[w] if w != v else 0)
        bit = ~taken & (taken + 1)
        if bit >= most:
            return None
        bits[v] = bit
        for w in mine:
            if w == v:
                continue
            if bits[w] and around[w] & bit:
                mark = bits[w]
                if twice[w] & bit:
                    hubs[v] |= mark
                else:
                    twice[w] |= bit
                    for u in others[starts[w] : starts[w + 1]]:
                        if bits[u] == bit:
                            hubs[u] |= mark
            around[w] |= bit
    return np.array([bit.bit_length() - 1 for bit in bits], dtype=np.intp)


def is_valid(pattern: Any, coloring: Coloring) -> bool:
    """Whether every entry of the pattern can be read off a product: it stands alone there."""
    from functrans.sparse.compression import unreadable

    return unreadable(pattern, coloring) == 0
