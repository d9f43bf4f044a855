"""``einsum``: any sum of products of arrays, whose transposes are such sums again."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params
from functrans.ops.contraction import BATCH, contract
from functrans.ops.family import operand
from functrans.ops.scalars import strong
from functrans.primitives import Bilinear, Each, Primitive, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Above this many products a transpose is left to BLAS; below, looking for a way there costs more than it saves.
_SMALL = 1 << 15

Labels = tuple[int, ...]


def axes_of(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[Labels], Labels]:
    """A label for each axis of each operand and of the result.

    The axes of ``...`` have negative labels, counted from the last.
    """
    given, result = subscripts.split("->")
    terms = given.split(",")
    if len(terms) != len(shapes):
        raise ShapeError(
            f"`np.einsum` with {len(terms)} terms in {subscripts!r}, but {len(shapes)} operands",
            "write one term per operand, separated by commas.",
        )
    inputs: list[Labels] = []
    longest = 0
    for term, shape in zip(terms, shapes, strict=True):
        head, dots, tail = term.partition("...")
        hidden = len(shape) - len(head) - len(tail)
        if hidden < 0 or (hidden and not dots):
            raise ShapeError(
                f"`np.einsum`: the term {term!r} of {subscripts!r} stands for an operand of shape {shape}",
                "write one letter per axis; `...` stands for the rest.",
            )
        longest = max(longest, hidden)
        inputs.append((*map(ord, head), *range(-hidden, 0), *map(ord, tail)))
    head, dots, tail = result.partition("...")
    if len(set(head + tail)) < len(head + tail):
        raise ShapeError(
            f"`np.einsum`: the result of {subscripts!r} has an index twice",
            "name each once; for a diagonal matrix multiply by the identity, `np.einsum('i,ij->ij', x, np.eye(n))`.",
        )
    return inputs, (*map(ord, head), *(range(-longest, 0) if dots else ()), *map(ord, tail))


def _lengths(inputs: Sequence[Labels], shapes: Sequence[tuple[int, ...]]) -> dict[int, int]:
    """The length of each labelled axis; one of length 1 broadcasts."""
    lengths: dict[int, int] = {}
    for labels, shape in zip(inputs, shapes, strict=True):
        own: dict[int, int] = {}
        for label, n in zip(labels, shape, strict=True):
            known = lengths.get(label, 1)
            if own.setdefault(label, n) != n or (known != n and known != 1 and n != 1):
                name = chr(label) if label > 0 else "..."
                raise ShapeError(
                    f"`np.einsum`: the index {name!r} has length {known} in one place and {n} in another",
                    "axes with the same letter must have the same length.",
                )
            lengths[label] = n if known == 1 else known
    return lengths


def _check_dots(subscripts: str, lengths: dict[int, int], result: Labels) -> None:
    """Refuse to sum over ``...``, which NumPy does only on its way to an optimized order."""
    if min(lengths, default=0) < min(result, default=0) and min(lengths, default=0) < 0:
        raise ShapeError(
            f"`np.einsum`: `...` of {subscripts!r} stands for axes that the result does not name",
            "write `...` in the result too.",
        )


def _spec(*operands: ArraySpec, subscripts: str, dtype: Any = None, optimize: Any = False, **_: Any) -> ArraySpec:
    shapes = [x.shape for x in operands]
    inputs, result = axes_of(subscripts, shapes)
    lengths = _lengths(inputs, shapes)
    if optimize is False:
        _check_dots(subscripts, lengths, result)
    # Without a sum, one operand gives a view of it, and NumPy looks at no dtype.
    if dtype is None or (len(operands) == 1 and set(inputs[0]) == set(result)):
        dtype = np.result_type(*[x.dtype for x in operands])
    return ArraySpec(tuple(lengths[label] for label in result), dtype)


def _transpose(position: int, ct: Any, *operands: Any, subscripts: str, optimize: Any = False, **_: Any) -> Any:
    shapes = [ArraySpec.of(x).shape for x in operands]
    inputs, result = axes_of(subscripts, shapes)
    lengths = _lengths(inputs, shapes)
    mine, shape = inputs[position], shapes[position]

    # Axes of length 1 add nothing to a product: leaving them out undoes the broadcasting of this operand, and lets
    # the others be told from those which the sum really has.
    terms: list[Labels] = [tuple(label for label in result if lengths[label] != 1)]
    factors: list[Any] = [_squeezed(ct, result, lengths, ct.shape)]
    for i, x in enumerate(operands):
        if i != position:
            kept = dict(zip(inputs[i], shapes[i], strict=True))
            terms.append(tuple(label for label in inputs[i] if kept[label] != 1))
            factors.append(_squeezed(x, inputs[i], kept, shapes[i]))
    present = {label for term in terms for label in term}
    unique = [label for k, label in enumerate(mine) if label not in mine[:k]]
    wanted = tuple(
        label for k, label in enumerate(mine) if label in present and shape[k] != 1 and label not in mine[:k]
    )
    if len(factors) == 1 and terms[0] == wanted:
        product = factors[0]
    else:
        names = {label: _LETTERS[k] for k, label in enumerate(dict.fromkeys(lengths))}
        text = ",".join("".join(names[label] for label in term) for term in terms)
        size = 1
        for label in present:
            size *= lengths[label]
        product = np.einsum(
            f"{text}->{''.join(names[label] for label in wanted)}",
            *factors,
            optimize=optimize is not False or (len(factors) > 1 and size > _SMALL),
        )
    # Back to all axes of the operand: those over which it alone was summed get equal shares.
    sizes = dict(zip(mine, shape, strict=True))
    if len(unique) < len(mine):
        product = np.reshape(product, [n if label in wanted else 1 for label, n in sizes.items()])
        if product.shape != tuple(sizes.values()):
            product = np.broadcast_to(product, tuple(sizes.values()))
        return _on_diagonal(product, unique, mine, shape)
    if len(wanted) < len(mine):
        product = np.reshape(product, [n if label in wanted else 1 for label, n in sizes.items()])
    return product if product.shape == shape else np.broadcast_to(product, shape)


def _squeezed(x: Any, labels: Labels, lengths: dict[int, int], shape: tuple[int, ...]) -> Any:
    """``x`` without its axes of length 1."""
    kept = tuple(n for label, n in zip(labels, shape, strict=True) if lengths[label] != 1)
    return x if len(kept) == len(shape) else np.reshape(x, kept)


def _on_diagonal(value: Any, unique: list[int], mine: Labels, shape: tuple[int, ...]) -> Any:
    """``value``, one axis per label, put where the axes of the same label have the same index; zero elsewhere."""
    index = np.indices(shape, sparse=True)
    on = np.ones((), bool)
    spread = []
    for k, label in enumerate(mine):
        first = mine.index(label)
        if first == k:
            spread.append(value.shape[unique.index(label)])
        else:
            on = on & (index[first] == index[k])
            spread.append(1)
    # Chosen, not multiplied by zero: an infinity stays where it is.
    return np.where(on, np.reshape(value, spread), 0.0)


def _source(args: list[str], params: dict[str, Any]) -> str:
    params = dict(params)
    return call_source("np.einsum", [repr(params.pop("subscripts")), *args], params)


def _einsum(*operands: Any, subscripts: str, **keywords: Any) -> Any:
    return np.einsum(subscripts, *operands, **keywords)


# Batches


def _batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    """The sum with one more letter; products of two operands at a time are left to BLAS."""
    shapes = tuple([np.shape(x)[flag:] for x, flag in zip(operands, batched, strict=True)])
    optimize = params.get("optimize", False)
    inputs, result, work = _labelled(params["subscripts"], shapes, tuple(batched), optimize is False)
    count = len(operands)
    if count == 1 or (count > 2 and work * size <= _SMALL) or not params.keys() <= {"subscripts", "optimize"}:
        return bind(primitive, *operands, **{**params, "subscripts": _text(inputs, result)})
    return by_pairs(operands, inputs, result, optimize)


def by_pairs(operands: Operands, inputs: Sequence[Labels], result: Labels, optimize: Any = False) -> Any:
    """The sum of products of operands with labelled axes, by products of two at a time, which BLAS computes."""
    shapes = tuple([np.shape(x) for x in operands])
    left = [_single(strong(x), labels) for x, labels in zip(operands, inputs, strict=True)]
    for positions in _path(_text(inputs, result), shapes, optimize):
        chosen = [left.pop(i) for i in sorted(positions, reverse=True)][::-1]
        kept = result
        if left:
            present = dict.fromkeys([label for _, labels in chosen for label in labels])
            wanted = {label for _, labels in left for label in labels}.union(result)
            kept = tuple(sorted([label for label in present if label in wanted], key=lambda label: label != BATCH))
        if len(chosen) == 2:
            (a, of_a), (b, of_b) = chosen
            found = contract(a, of_a, b, of_b, kept)
        else:
            text = _text([labels for _, labels in chosen], kept)
            found = bind(einsum_p, *[x for x, _ in chosen], subscripts=text)
        left.append((found, kept))
    return left[0][0]


@lru_cache(maxsize=1024)
def _labelled(
    subscripts: str, shapes: tuple[tuple[int, ...], ...], batched: tuple[bool, ...], named: bool
) -> tuple[list[Labels], Labels, int]:
    """The labels of the operands and of the result, with the batch in front; and how many products an example has."""
    inputs, result = axes_of(subscripts, shapes)
    lengths = _lengths(inputs, shapes)
    if named:
        _check_dots(subscripts, lengths, result)
    with_batch = [(BATCH, *labels) if flag else labels for labels, flag in zip(inputs, batched, strict=True)]
    return with_batch, (BATCH, *result), prod(lengths.values())


@lru_cache(maxsize=1024)
def _path(subscripts: str, shapes: tuple[tuple[int, ...], ...], optimize: Any) -> Sequence[tuple[int, ...]]:
    """Which operands to multiply first, by their places among those that are left; the products go last."""
    if len(shapes) == 2:
        return [(0, 1)]
    way = list(optimize) if isinstance(optimize, tuple) else optimize or True
    found: list[Any] = np.einsum_path(subscripts, *[np.broadcast_to(0.0, shape) for shape in shapes], optimize=way)[0]
    return found[1:]


def _text(inputs: Sequence[Labels], result: Labels) -> str:
    """Subscripts with a letter for each label."""
    names = {label: _LETTERS[k] for k, label in enumerate(dict.fromkeys(label for term in inputs for label in term))}
    terms = ["".join([names[label] for label in term]) for term in (*inputs, result)]
    return f"{','.join(terms[:-1])}->{terms[-1]}"


def _single(x: Any, labels: Labels) -> tuple[Any, Labels]:
    """``x`` on its diagonal, so that each label stands once."""
    once = tuple(dict.fromkeys(labels))
    return (x, labels) if len(once) == len(labels) else (bind(einsum_p, x, subscripts=_text([labels], once)), once)


def _takes_diagonals(*, subscripts: str, **keywords: Any) -> bool:
    terms = subscripts.partition("->")[0].replace(".", "").split(",")
    return any(len(set(term)) < len(term) for term in terms)


einsum_p: Primitive = Primitive(
    "einsum",
    _einsum,
    _spec,
    Bilinear(Each(_transpose)),
    source=_source,
    masks=_takes_diagonals,
    batch=_batch,
)


def _term(labels: Any) -> str:
    """A list of integers, or ``...``, as letters: the same as NumPy gives them."""
    return "".join("..." if label is Ellipsis else _LETTERS[operator.index(label)] for label in labels)


def _canonical(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The subscripts as a string that names the result's axes too, and the operands."""
    if isinstance(args[0], str):
        subscripts, operands = args[0].replace(" ", ""), list(args[1:])
    else:
        operands = list(args[: len(args) // 2 * 2 : 2])
        subscripts = ",".join(_term(labels) for labels in args[1::2])
        if len(args) % 2:
            subscripts += "->" + _term(args[-1])
    if "->" not in subscripts:
        letters = subscripts.replace("...", "").replace(",", "")
        once = sorted(letter for letter in set(letters) if letters.count(letter) == 1)
        subscripts += "->" + ("..." if "..." in subscripts else "") + "".join(once)
    return subscripts, [operand(x) for x in operands]


@implements(np.einsum)
def einsum(*operands: Any, out: None = None, optimize: Any = False, **kwargs: Any) -> Any:
    """``np.einsum``."""
    subscripts, arrays = _canonical(operands)
    params = {name: value for name, value in kwargs.items() if value is not None}
    if "dtype" in params:
        params["dtype"] = np.dtype(params["dtype"])
    if optimize is not False:
        params["optimize"] = tuple(optimize) if isinstance(optimize, list) else optimize
    return bind(einsum_p, *arrays, subscripts=subscripts, **params)
