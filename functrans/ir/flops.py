"""How many operations on numbers a primitive takes, by its name and the specs of its operands.

An addition, a multiplication, a comparison, a division or a call of ``exp`` counts as one; of complex numbers as four.
Moving numbers (``reshape``, ``where``, indexing) counts nothing. What is in no table counts as many operations as its
largest operand or output has entries.

Counts of linear algebra: G. H. Golub and C. F. Van Loan, *Matrix Computations* (4th edition, 2013).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log2, prod
from typing import Any, TypeAlias

from functrans.ir.spec import ArraySpec

Specs: TypeAlias = Sequence[ArraySpec]
Count: TypeAlias = Callable[[Specs, Specs, Mapping[str, Any]], float]

#: What moves numbers, or says something of them, and computes none.
MOVING = frozenset(
    [
        "weak",
        "strong",
        "reshape",
        "transpose",
        "broadcast_to",
        "complex_of",
        "real",
        "imag",
        "astype",
        "astype_discrete",
        "where",
        "choose",
        "copy",
        "positive",
        "conjugate",
        "getitem",
        "index_set",
        "diagonal",
        "diag",
        "tril",
        "triu",
        "take_along_axis",
        "place_along_axis",
        "permute_along_axis",
        "concatenate",
        "stack",
        "split",
        "pad",
        "pad_constant",
        "flip",
        "roll",
        "stop_gradient",
        "tag",
        "real_entries",
        "debug_print",
        "debug_callback",
    ]
)

#: One entry of these costs about as much as ten multiplications; they are counted by themselves beside.
TRANSCENDENTAL = frozenset(
    [
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arccos",
        "arctan",
        "arctan2",
        "sinh",
        "cosh",
        "tanh",
        "arcsinh",
        "arccosh",
        "arctanh",
        "power",
        "float_power",
        "pow",
        "cbrt",
        "hypot",
        "logistic",
        "logistic2",
        "logaddexp",
        "logaddexp2",
        "sinc",
        "i0",
        "sinc_derivative",
        "i0_derivative",
        "sech_squared",
        "logaddexp.reduce",
        "logaddexp2.reduce",
    ]
)


def transcendental(name: str, operands: Specs, outputs: Specs) -> int:
    """How many values of a transcendental function it computes."""
    known = name in TRANSCENDENTAL or name.startswith("scipy.special.")
    return largest(operands, outputs) if known else 0


def flops(name: str, operands: Specs, outputs: Specs, params: Mapping[str, Any]) -> float:
    """How many operations it takes."""
    if name in MOVING:
        return 0.0
    count = TABLE.get(name) or TABLE.get(name.removeprefix("scipy.linalg.").removeprefix("scipy.signal."))
    try:
        found = largest(operands, outputs) if count is None else count(operands, outputs, params)
    except (IndexError, KeyError, ValueError):  # a user's, that has the name of one of ours
        found = largest(operands, outputs)
    if any(spec.dtype.kind == "c" for spec in (*operands, *outputs)):
        return found if "fft" in name else 4.0 * found
    return float(found)


def largest(operands: Specs, outputs: Specs) -> int:
    """The entries of the largest operand or output."""
    specs = (*operands, *outputs)
    return max((spec.size for spec in specs if spec.shape), default=min(1, len(specs)))


def _each(weight: float) -> Count:
    """So much for each entry."""
    return lambda operands, outputs, params: weight * largest(operands, outputs)


def _over(length: Callable[[Specs, Mapping[str, Any]], int]) -> Count:
    """Sums of products: so many for each entry of the output."""
    return lambda operands, outputs, params: 2.0 * outputs[0].size * length(operands, params)


def _sorting(operands: Specs, outputs: Specs, params: Mapping[str, Any]) -> float:
    axis = params.get("axis", -1)
    axes = axis if isinstance(axis, tuple) else (axis,)
    length = prod(operands[0].shape[a] for a in axes if isinstance(a, int)) if operands[0].shape else 1
    return operands[0].size * log2(max(length, 2))


def _fourier(weight: float) -> Count:
    def count(operands: Specs, outputs: Specs, params: Mapping[str, Any]) -> float:
        n = params.get("n")
        if not isinstance(n, int):
            return weight * largest(operands, outputs) * log2(max(largest(operands, outputs), 2))
        axis = params["axis"]
        rows = prod(m for i, m in enumerate(operands[0].shape) if i != axis % operands[0].ndim)
        return weight * rows * n * log2(max(n, 2))

    return count


def _windows(operands: Specs, outputs: Specs, params: Mapping[str, Any]) -> float:
    return 2.0 * operands[0].size * operands[1].size


def _einsum(operands: Specs, outputs: Specs, params: Mapping[str, Any]) -> float:
    terms = params["subscripts"].partition("->")[0].split(",")
    lengths: dict[str, int] = {}
    for term, spec in zip(terms, operands, strict=True):
        head, dots, tail = term.partition("...")
        named = [*zip(head, spec.shape, strict=False), *zip(reversed(tail), reversed(spec.shape), strict=False)]
        if dots:
            rest = spec.shape[len(head) : spec.ndim - len(tail)]
            named += [(f"...{len(rest) - i}", n) for i, n in enumerate(rest)]
        for label, n in named:
            lengths[label] = max(lengths.get(label, 1), n)
    size = prod(lengths.values()) if all(n for spec in operands for n in spec.shape) else 0
    return float(size * (len(terms) - (outputs[0].size == size)))


def _of_matrix(weight: Callable[[int, int], float]) -> Count:
    """By the number of rows and columns of each matrix of the first operand, the larger one first."""

    def count(operands: Specs, outputs: Specs, params: Mapping[str, Any]) -> float:
        *stack, m, n = operands[0].shape
        return prod(stack) * weight(max(m, n), min(m, n))

    return count


def _solving(factoring: float, columns: float) -> Count:
    """By the order of the matrix, cubed; and squared, for each right-hand side."""

    def count(operands: Specs, outputs: Specs, params: Mapping[str, Any]) -> float:
        n = operands[0].shape[-1]
        stack = prod(operands[0].shape[:-2])
        return stack * factoring * n**3 + columns * n * outputs[0].size

    return count


_LU: Count = _of_matrix(lambda m, n: m * n * n - n**3 / 3)
_CHOLESKY: Count = _of_matrix(lambda m, n: n**3 / 3)
_SVD: Count = _of_matrix(lambda m, n: 14 * m * n * n + 8 * n**3)
_LAST = _over(lambda operands, params: operands[0].shape[-1])

TABLE: dict[str, Count] = {
    **dict.fromkeys(
        [
            "add",
            "subtract",
            "multiply",
            "divide",
            "negative",
            "absolute",
            "sum",
            "mean",
            "prod",
            "max",
            "min",
            "cumsum",
        ],
        _each(1),
    ),
    **dict.fromkeys(["var", "std", "nanvar", "nanstd", "var_about", "std_about"], _each(4)),
    **dict.fromkeys(["norm", "vdot", "safe_norm", "cross", "polyval"], _each(2)),
    "index_add": lambda operands, outputs, params: operands[-1].size,
    "scatter": lambda operands, outputs, params: operands[0].size,
    "one_minus_square": _each(2),
    "cross": _each(3),
    **dict.fromkeys(["sort", "argsort", "partition", "argpartition", "median", "quantile", "percentile"], _sorting),
    # Products.
    **dict.fromkeys(["matmul", "inner", "vecdot", "vecmat"], _LAST),
    "matvec": _LAST,
    "dot": _over(lambda operands, params: operands[0].shape[-1] if operands[0].ndim and operands[1].ndim else 1),
    "tensordot": _over(lambda operands, params: prod(operands[0].shape[a] for a in params["axes"][0])),
    "einsum": _einsum,
    **dict.fromkeys(["convolve", "correlate", "convolve2d", "correlate2d"], _windows),
    "convolve_rows": _over(lambda operands, params: operands[1].shape[-1]),
    # Fourier.
    **dict.fromkeys(["fft", "ifft", *[f"scipy.fft.{n}" for n in ("fftn", "ifftn", "dctn", "dstn")]], _fourier(5)),
    **dict.fromkeys(["rfft", "irfft", *[f"scipy.fft.{n}" for n in ("rfftn", "irfftn", "ihfftn")]], _fourier(2.5)),
    # Linear algebra.
    "solve": _solving(2 / 3, 2),
    **dict.fromkeys(["lu_solve", "cho_solve", "solve_by_cholesky"], _solving(0, 2)),
    "solve_triangular": _solving(0, 1),
    "inv": _of_matrix(lambda m, n: 2 * n**3),
    "inv_of_lu": _of_matrix(lambda m, n: 4 * n**3 / 3),
    "slogdet_of_lu": lambda operands, outputs, params: 2.0 * operands[1].size,
    **dict.fromkeys(["det", "slogdet", "lu", "lu_indices", "lu_permuted", "lu_factor", "regular_lu"], _LU),
    **dict.fromkeys(["cholesky", "cho_factor"], _CHOLESKY),
    "qr": _of_matrix(lambda m, n: 4 * (m * n * n - n**3 / 3)),
    **dict.fromkeys(["svd", "pinv", "lstsq", "polar_factor", "pinvh", "pinv_rank", "pinvh_rank", "polar"], _SVD),
    **dict.fromkeys(["svdvals", "cond", "matrix_rank"], _of_matrix(lambda m, n: 4 * m * n * n - 4 * n**3 / 3)),
    "eigh": _of_matrix(lambda m, n: 9 * n**3),
    "eigvalsh": _of_matrix(lambda m, n: 4 * n**3 / 3),
    "eig": _of_matrix(lambda m, n: 25 * n**3),
    "eigvals": _of_matrix(lambda m, n: 10 * n**3),
    **dict.fromkeys(
        ["expm", "logm", "sqrtm", "real_logm", "real_sqrtm", "expm_frechet"], _of_matrix(lambda m, n: 25 * n**3)
    ),
}
