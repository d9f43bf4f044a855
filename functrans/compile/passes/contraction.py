"""Contractions: sums of products as products of matrices, which BLAS computes without the array of all products.

Rounding changes, since the terms are added in another order and sums are scaled in place of their terms; so it is done
where it is asked for by name.

- ``np.sum(a * b, axis)`` (also of ``x ** 2`` and of products with numbers and signs; also ``np.mean``): which axes only
  one of the two has says whether it is a product of matrices, of a matrix and a vector, or of vectors.
- ``np.einsum`` of several operands: two by two, in the order that costs least.

Products in which a zero absorbs infinities stay as they are: in BLAS it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from functrans.compile.passes.layout import narrowed, only_new_axes
from functrans.compile.rewriting import Writer, rewritten
from functrans.control.closure import flat_program
from functrans.ir import Atom, Equation, Literal, Program
from functrans.ops.arithmetic import add, divide, multiply, negative, pow_operator, subtract
from functrans.ops.contraction import contract
from functrans.ops.einsum import axes_of, by_pairs, einsum_p
from functrans.ops.elementwise import square
from functrans.ops.index import getitem_p
from functrans.ops.matmul import matmul_p
from functrans.ops.reduce import sum_p
from functrans.ops.shape import reshape_p
from functrans.ops.statistics import mean_p

Labels = tuple[int, ...]
# From here on einsum's own loop over rows is faster than sums over columns, whose entries lie apart in memory.
_LARGE = 2048
# So many products, as terms of one sum, are summed one by one.
_TERMS = 4
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def contractions(program: Program) -> Program:
    """The program with sums of products as products of matrices."""
    while (made := _once(program)) is not program:
        program = made
    return program


def _once(program: Program) -> Program:
    others: set[Atom] | None = None

    def rule(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
        nonlocal others
        primitive = equation.primitive
        if primitive is einsum_p:
            return _einsum(writer, equation, inputs)
        if primitive is not sum_p and primitive is not mean_p:
            return None
        if others is None:
            others = _read_by_others(program)
        return _sum(writer, equation, inputs, others)

    return rewritten(program, rule)


# Sums of products.


class _Product(NamedTuple):
    """Two factors, what the sum of their products is to be multiplied by, and whether it is to be subtracted."""

    a: Atom
    b: Atom
    scales: tuple[Atom, ...]
    negated: bool


def _read_by_others(program: Program) -> set[Atom]:
    """What is read by more than sums, and terms of what is summed."""
    others: set[Atom] = set(program.outputs)
    for equation in reversed(program.equations):
        primitive, inputs = equation.primitive, equation.inputs
        if primitive is sum_p or primitive is mean_p:
            others.update(inputs[1:])
        elif equation.outputs[0] in others or primitive not in (negative, multiply, add, subtract):
            others.update(inputs)
        elif primitive is multiply:
            numbers = [x for x in inputs if _number(x) is not None]
            others.update(numbers or inputs)
    return others


def _sum(writer: Writer, equation: Equation, inputs: Sequence[Atom], others: set[Atom]) -> Sequence[Atom] | None:
    spec, axes, out = inputs[0].spec, equation.params["axis"], equation.outputs[0].spec
    if spec.dtype.char not in "fdFD" or out.dtype != spec.dtype or len(inputs) > 1:
        return None
    if (
        not spec.size
        or prod([spec.shape[i] for i in axes]) <= 1
        or equation.params.get("dtype", out.dtype) != out.dtype
    ):
        return None
    products = _products(writer, inputs[0], others)
    if products is None:
        return None
    labels = tuple(range(1, spec.ndim + 1))
    wanted = tuple([label for label in labels if label - 1 not in axes])
    total: Atom | None = None
    for a, b, scales, negated in sorted(products, key=lambda product: product.negated):
        of_a, of_b = [labels[spec.ndim - factor.spec.ndim :] for factor in (a, b)]
        term = _contracted(writer, a, of_a, b, of_b, wanted)
        if term.spec.shape != out.shape:
            term = writer.write(reshape_p, term, shape=out.shape)
        for scale in reversed(scales):
            term = writer.write(multiply, term, scale)
        if total is not None:
            term = writer.write(subtract if negated else add, total, term)
        elif negated:
            term = writer.write(negative, term)
        total = term
    if equation.primitive is mean_p and total is not None:
        total = writer.write(divide, total, Literal(float(spec.size // out.size)))
    return None if total is None else (total,)


def _products(writer: Writer, x: Atom, others: set[Atom]) -> list[_Product] | None:
    """What a value is the sum of, if that is a few products which only sums read."""
    spec = x.spec
    found: list[_Product] = []
    left: list[tuple[Atom, tuple[Atom, ...], bool]] = [(x, (), False)]
    while left:
        x, scales, negated = left.pop()
        made = writer.definition(x)
        if made is None or x in others or x.spec != spec or len(found) + len(left) >= _TERMS:
            return None
        primitive, operands = made.primitive, made.inputs
        if primitive is negative:
            left.append((operands[0], scales, not negated))
        elif primitive is add or primitive is subtract:
            left.append((operands[1], scales, negated is not (primitive is subtract)))
            left.append((operands[0], scales, negated))
        elif primitive is square or (primitive is pow_operator and _is_two(operands[1])):
            found.append(_Product(operands[0], operands[0], scales, negated))
        elif primitive is multiply:
            a, b = narrowed(writer, operands, spec.shape)
            number = _number(b)
            if number is None:
                a, b, number = b, a, _number(a)
            if number is not None:
                left.append((a, (*scales, number), negated))
            else:
                found.append(_Product(b, a, scales, negated))
        else:
            return None
    for product in found:
        for factor in (product.a, product.b):
            if factor.spec.dtype != spec.dtype or factor.spec.weak or not factor.spec.shape:
                return None
    return _collected(found)


def _collected(products: list[_Product]) -> list[_Product]:
    """Products without one that is there twice, as in the derivative of a square."""
    if len(products) == 2 and products[0] == products[1]:
        a, b, scales, negated = products[0]
        return [_Product(a, b, (*scales, Literal(2.0)), negated)]
    return products


def _number(x: Atom) -> Atom | None:
    """What a factor is if it is one number: an operand without axes, or a constant that repeats one."""
    if not x.spec.shape:
        return x
    if isinstance(x, Literal) and type(x.value) is np.ndarray and x.value.size and not any(x.value.strides):
        return Literal(x.value[(0,) * x.value.ndim])
    return None


def _is_two(x: Atom) -> bool:
    return isinstance(x, Literal) and type(x.value) in (int, float) and x.value == 2


def _contracted(writer: Writer, a: Atom, of_a: Labels, b: Atom, of_b: Labels, out: Labels) -> Atom:
    """The products of two arrays whose axes are labelled, summed over what ``out`` lacks."""
    if _by_columns(a.spec.shape, of_a, b.spec.shape, of_b, out):
        term, result = ["".join([_LETTERS[of_a.index(label)] for label in labels]) for labels in (of_a, out)]
        return writer.write(einsum_p, a, b, subscripts=f"{term},{term}->{result}")
    a, of_a = _bare(writer, a, of_a, b, of_b, out)
    b, of_b = _bare(writer, b, of_b, a, of_a, out)
    if len(of_a) == 1:
        a, of_a, b, of_b = b, of_b, a, of_a
    if len(of_b) == 1 and b.spec.shape[0] > 1:  # with a vector there is less to bring into form
        if of_a[-1:] == of_b and out == of_a[:-1] and a.spec.shape[-1:] == b.spec.shape:
            return writer.write(matmul_p, a, b)
        if of_a[:1] == of_b and out == of_a[1:] and len(of_a) == 2 and a.spec.shape[:1] == b.spec.shape:
            return writer.write(matmul_p, b, a)
    return _written(writer, lambda x, y: contract(x, of_a, y, of_b, out), [a, b])


def _bare(writer: Writer, x: Atom, labels: Labels, other: Atom, of_other: Labels, out: Labels) -> tuple[Atom, Labels]:
    """A factor before it was given axes of length one, if nothing needs them."""
    made, shape = writer.definition(x), x.spec.shape
    if made is None or not (made.primitive is reshape_p or (made.primitive is getitem_p and only_new_axes(made))):
        return x, labels
    source = made.inputs[0]
    long = {label for label, n in zip(of_other, other.spec.shape, strict=True) if n > 1}
    kept = tuple(
        [label for label, n in zip(labels, shape, strict=True) if n > 1 or (label in out and label not in long)]
    )
    if not kept or source.spec.shape != tuple([n for label, n in zip(labels, shape, strict=True) if label in kept]):
        return x, labels
    return source, kept


def _by_columns(shape_a: tuple[int, ...], of_a: Labels, shape_b: tuple[int, ...], of_b: Labels, out: Labels) -> bool:
    """Whether it is a large sum, entry by entry, over axes in front of others."""
    return of_a == of_b and shape_a == shape_b and out != of_a[: len(out)] and prod(shape_a) >= _LARGE


def _written(writer: Writer, f: Callable[..., Any], atoms: Sequence[Atom]) -> Atom:
    """The equations of a function of some values, written here; its result."""
    made = flat_program(lambda *leaves: [f(*leaves)], [atom.spec for atom in atoms], "contraction")
    now: dict[Atom, Atom] = dict(zip(made.inputs, atoms, strict=True))
    for e in made.equations:
        outs = writer.write_all(e.primitive, [now.get(x, x) for x in e.inputs], e.params)
        now.update(zip(e.outputs, outs, strict=True))
    return now.get(made.outputs[0], made.outputs[0])


# Einsum.


def _einsum(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    params, out = equation.params, equation.outputs[0].spec
    if len(inputs) < 2 or not params.keys() <= {"subscripts", "optimize"} or out.dtype.char not in "fdFD":
        return None
    if any(x.spec.dtype != out.dtype or x.spec.weak or not x.spec.size for x in inputs):
        return None
    shapes = [x.spec.shape for x in inputs]
    terms, result = axes_of(params["subscripts"], shapes)
    summed = {label for term in terms for label in term}.difference(result)
    if not summed or (len(inputs) == 2 and _by_columns(shapes[0], terms[0], shapes[1], terms[1], result)):
        return None
    optimize = params.get("optimize", False)
    return (_written(writer, lambda *leaves: by_pairs(leaves, terms, result, optimize), inputs),)
