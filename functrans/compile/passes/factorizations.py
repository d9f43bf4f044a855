"""Factorizations: one of each matrix, for all that is solved, inverted or measured with it.

Equations with a triangular matrix, as a Cholesky factor is, are solved without factoring it. Those with a matrix of
which the program has a Cholesky factor go by that, if the matrix is symmetric when it runs. Where a matrix, or its
transpose, is factored more than once (``solve``, ``inv``, ``det``, ``slogdet``), it is factored once. All these change
rounding, and need SciPy. Small matrices and stacks of matrices stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans.compile.rewriting import Writer, rewritten
from functrans.ir import Atom, Equation, Literal, Program, Var
from functrans.primitives import lookup

#: Matrices with fewer rows are solved by NumPy in less time than it takes to call SciPy.
SMALL = 48


class Matrix(NamedTuple):
    """What a matrix is known by: the value that it is, or is the transpose of."""

    key: Any
    base: Atom
    turned: bool


def factorizations(program: Program) -> Program:
    """The program with one factorization of each matrix.

    Raises:
        ModuleNotFoundError: SciPy is not installed.
    """
    _expect_scipy()
    plan = _plan(program)
    if not plan:
        return program
    shared: dict[Any, Sequence[Var]] = {}

    def rule(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
        step = plan.get(equation.outputs[0]) if equation.outputs else None
        return None if step is None else _WRITTEN[type(step)](writer, equation, inputs, step, shared)

    return rewritten(program, rule)


def _expect_scipy() -> None:
    try:
        import functrans.scipy.linalg.shared_factors  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "scipy":
            raise
        raise ModuleNotFoundError(
            "the pass `factorizations` needs SciPy, which is not installed\n"
            "Fix: `pip install 'functrans[scipy]'`, or leave it out of `allow=`.",
            name="scipy",
        ) from error


# What is to be done, found before anything is written.


class _Triangular(NamedTuple):
    """Solve with a triangle."""

    matrix: Matrix
    lower: bool


class _Definite(NamedTuple):
    """Solve by a Cholesky factor."""

    factor: Var
    lower: bool


class _Shared(NamedTuple):
    """Use the factors of a matrix that is factored for others too."""

    matrix: Matrix
    regular: bool


_Step = _Triangular | _Definite | _Shared


def _plan(program: Program) -> Mapping[Var, _Step]:
    """What is done in another way, by the first of an equation's outputs."""
    made: dict[Any, Equation] = {}
    triangles: dict[Any, bool] = {}
    factors: dict[Any, _Definite] = {}
    groups: dict[Any, list[tuple[Equation, Matrix]]] = {}
    plan: dict[Var, _Step] = {}
    for equation in program.equations:
        name, params = equation.primitive.name, equation.params
        made.update(dict.fromkeys(equation.outputs, equation))
        if name in ("cholesky", "scipy.linalg.cholesky"):
            lower = not params["upper"] if name == "cholesky" else bool(params.get("lower", False))
            factor = equation.outputs[0]
            triangles[factor] = lower
            factors.setdefault(_named(equation.inputs[0], made).key, _Definite(factor, lower))
        elif name in ("tril", "triu") and not params["k"]:
            triangles[equation.outputs[0]] = name == "tril"
        elif name in ("solve", "inv", "det", "slogdet") and _fits(equation):
            matrix = _named(equation.inputs[0], made)
            if name in ("solve", "inv") and matrix.key in triangles:
                plan[equation.outputs[0]] = _Triangular(matrix, triangles[matrix.key])
            elif name in ("solve", "inv") and matrix.key in factors and matrix.base.spec.dtype.kind == "f":
                plan[equation.outputs[0]] = factors[matrix.key]
            else:
                groups.setdefault(matrix.key, []).append((equation, matrix))
    for members in groups.values():
        if len(members) > 1:
            regular = any(equation.primitive.name in ("solve", "inv") for equation, _ in members)
            plan.update({equation.outputs[0]: _Shared(matrix, regular) for equation, matrix in members})
    return plan


def _named(atom: Atom, made: Mapping[Any, Equation]) -> Matrix:
    """The matrix that a value is, or is the transpose of."""
    turned = False
    while isinstance(atom, Var) and atom in made:
        equation = made[atom]
        if equation.primitive.name != "transpose" or equation.params["axes"] != (1, 0):
            break
        atom, turned = equation.inputs[0], not turned
    return Matrix(id(atom.value) if isinstance(atom, Literal) else atom, atom, turned)


def _fits(equation: Equation) -> bool:
    """Whether it is of one matrix, large enough, which is computed with in its own dtype."""
    a = equation.inputs[0].spec
    if a.ndim != 2 or a.shape[0] < SMALL or a.dtype.char not in "fdFD":
        return False
    return all(b.spec.ndim <= 2 and np.result_type(b.spec.dtype, a.dtype) == a.dtype for b in equation.inputs)


# How it is written.


def _right(equation: Equation, inputs: Sequence[Atom]) -> Atom:
    """What is solved for: of an inverse the identity."""
    if equation.primitive.name == "solve":
        return inputs[1]
    a = equation.inputs[0].spec
    identity = np.eye(a.shape[0], dtype=a.dtype)
    identity.flags.writeable = False
    return Literal(identity)


def _write_triangular(
    writer: Writer, equation: Equation, inputs: Sequence[Atom], step: _Triangular, shared: Any
) -> Sequence[Atom]:
    params = {"trans": 1} if step.matrix.turned else {}
    if step.lower:
        params["lower"] = True
    solve = lookup("scipy.linalg.solve_triangular")
    operands = writer.atom(step.matrix.base), _right(equation, inputs)
    return [writer.write(solve, *operands, **params, check_finite=False)]


def _write_definite(
    writer: Writer, equation: Equation, inputs: Sequence[Atom], step: _Definite, shared: Any
) -> Sequence[Atom]:
    solve = lookup("scipy.linalg.solve_by_cholesky")
    return [writer.write(solve, inputs[0], _right(equation, inputs), writer.atom(step.factor), lower=step.lower)]


def _write_shared(
    writer: Writer, equation: Equation, inputs: Sequence[Atom], step: _Shared, shared: dict[Any, Sequence[Var]]
) -> Sequence[Atom]:
    key, base, turned = step.matrix
    if key not in shared:
        shared[key] = writer.write_all(
            lookup("scipy.linalg.regular_lu"), [writer.atom(base)], {"regular": step.regular}
        )
    lu, piv = shared[key]
    match equation.primitive.name:
        case "solve":
            params = {"trans": 1} if turned else {}
            return [writer.write(lookup("scipy.linalg.lu_solve"), lu, inputs[1], piv, **params, check_finite=False)]
        case "inv":
            inverse = writer.write(lookup("scipy.linalg.inv_of_lu"), lu, piv)
            return [writer.write(lookup("transpose"), inverse, axes=(1, 0)) if turned else inverse]
    found = writer.write_all(lookup("scipy.linalg.slogdet_of_lu"), [lu, piv], {})
    if equation.primitive.name == "slogdet":
        return found
    return [writer.write(lookup("multiply"), found[0], writer.write(lookup("exp"), found[1]))]


_WRITTEN: Mapping[type, Any] = {
    _Triangular: _write_triangular,
    _Definite: _write_definite,
    _Shared: _write_shared,
}
