"""Wrong derivatives that no law can catch, and why: they are right, or right to rounding, everywhere.

Each is ``pattern: reason``; a ``*`` in the pattern stands for anything. It is compared with the key of a mutant: the
file, the kind, and the change.
"""

# ruff: noqa: E501 (each mutant and its reason on one line)

from __future__ import annotations

import re

_COMPARED = "what is only compared has no derivative"
_STEPS = "its own derivative is zero, wherever it exists"
_CAST = "tangents and cotangents are cast, and real parts taken, behind every rule"
_SHAPED = "cotangents are brought to their operand's shape behind every rule"
_EVEN = "the function is even in it"
_SIGN = "a sign, or its own inverse"
_FAST = "a short way: the general one gives the same"
_FINITE = "no derivative is infinite or undefined where the operands, or the value, are finite: it guards what is not"
_HARMLESS = "it absorbs where it need not"
_SPEC = "of that operand only the shape is read"
_GUARDED = "another choice, or a zero that absorbs, hides what is computed there"
_SQUARE = "the matrix is square"
_SINGULAR = "at singular matrices alone, where there is no derivative"

_ZERO = "that derivative is zero"

_A = "functrans/ops/arithmetic.py"
_P = "functrans/ops/plane.py"
_E = "functrans/ops/elementwise.py"

EXPLAINED: dict[str, str] = {
    # Elementwise.
    f"{_A} detached: *remainder*": _STEPS,
    f"{_A} detached: fmod.locals[1]: *": _STEPS,
    f"{_A} detached: copysign.locals[0]: *": _STEPS,
    f"{_A} detached: <lambda copysign>: *": _STEPS,
    f"{_A} detached: <lambda absolute>: *": _STEPS,
    f"{_A} detached: <lambda fabs>: *": _STEPS,
    f"{_A} detached: <lambda maximum>: * in absorb(share(*": _COMPARED,
    f"{_A} conj: sign_complex.*: conj(operand 0)": "only its modulus is read",
    f"{_A} negate: _over_modulus: x -> -x *": _EVEN,
    f"{_P} negate: _safe_radius: *": _EVEN,
    f"{_P} negate: _difference: x -> -x *": "whether it is infinite does not depend on its sign",
    f"{_A} negate: _power_by_base: x -> -x *": "whether it is finite does not depend on its sign",
    f"{_A} swap: <lambda copysign>: *": _SIGN,
    f"{_A} swap: _power_by_exponent: base + 0j -> base - 0j*": "NumPy's `0 - 0j` of a real number has the same zero",
    f"{_A} drop call: <lambda absolute_complex>: np.real(*": _CAST,
    f"{_A} number: _power_is_singular: 1 -> 2 *": _HARMLESS,
    "functrans/ops/family.py missing unbroadcast: copysign.locals[1]: *": _ZERO,
    "functrans/ops/family.py missing unbroadcast: heaviside.locals[0]: *": _ZERO,
    "functrans/ops/family.py missing unbroadcast: nextafter.locals[1]: *": _ZERO,
    "functrans/ops/family.py singular: hypot: *": _FINITE,
    "functrans/ops/family.py singular: direction: *": _FINITE,
    "functrans/ops/family.py singular: logaddexp*: *": _FINITE,
    "functrans/ops/family.py singular: tan: *": _FINITE,
    f"{_E} *: modf.jvp[0]: *, part 1": _ZERO,
    f"{_E} negate: <lambda sin>: x -> -x in np.cos(x)": _EVEN,
    f"{_E} negate: <lambda sinh>: x -> -x in np.cosh(x)": _EVEN,
    f"{_E} negate: <lambda arcsinh>: x -> -x in np.hypot(1.0, x)": _EVEN,
    f"{_E} *: <lambda frexp>: * in (np.ldexp(dx, -out[1]), out[1] * 0)": "the tangent of an integer is not read",
    f"{_A} branch: _power_by_base: type(y) is int or *": _FAST,
    f"{_A} drop term: _power_by_base: np.where(flat, *": _GUARDED,
    f"{_A} number: _power_by_base: 1.0 -> 2.0 in return np.where(flat, *": _GUARDED,
    f"{_A} drop term: _power_by_exponent: np.where(zero, *": _GUARDED,
    f"{_A} number: _power_by_exponent: 1.0 -> 2.0 *": _GUARDED,
    f"{_P} number: _safe_radius: 1.0 -> 2.0 *": "it divides zero",
    f"{_P} detached: _difference: x -> stop_gradient(x) in *": _COMPARED,
    f"{_A} drop call: <lambda divide>: strong(y) -> y *": "Python's division by a Python zero has raised before",
    f"{_E} branch: _is_complex: *": _HARMLESS,
    # What every derivative goes through.
    "functrans/ops/duals.py branch: absorb: type(d) is np.float64 or *": _FAST,
    "functrans/ops/duals.py comparison: absorb: getattr(d, 'dtype', None) == *": _FAST,
    "functrans/ops/duals.py number: absorb: 1.0 -> 2.0 in ct == 1.0 *": _FAST,
    "functrans/ops/duals.py drop call: absorb: strong(d) -> d *": _CAST,
    "functrans/ops/duals.py *: absorb: * in type(ct) is Tracer and *": _FAST,
    "functrans/ops/duals.py branch: cast: found is dtype or *": _FAST,
    "functrans/ops/scalars.py branch: strong: bind(_strong, x) if *": _CAST,
    "functrans/ops/family.py *: real_dtype: *": _CAST,
    # Products.
    "functrans/ops/contract.py number: _rank: 0 -> 1 *": "products of Python numbers are made by their short way",
    "functrans/ops/contract.py boundary: _dot_*": _FAST,
    "functrans/ops/contract.py drop term: _dot_left: n - 1 -> -1 *": "it is the last axis, either way",
    "functrans/ops/contract.py drop call: <lambda *>: _shaped(*": _SHAPED,
    "functrans/ops/matmul.py boundary: _matmul_*": _FAST,
    "functrans/ops/matmul.py drop term: _matmul_left: * - 1 -> -1 *": "it is the last axis, either way",
    "functrans/ops/matmul.py wrong axis: _matmul_right: *": "the same axes of both, in another order",
    "functrans/ops/einsum.py *: _transpose: * in product = np.einsum(*": "how the sum is computed, not what it is",
    "functrans/ops/einsum.py *: _transpose: size *": "how the sum is computed, not what it is",
    "functrans/ops/einsum.py number: _transpose: 1 -> 2 in size = 1": "how the sum is computed, not what it is",
    "functrans/ops/einsum.py *: _transpose: terms[0] == wanted -> *": _FAST,
    "functrans/ops/einsum.py boundary: _transpose: len(*": _FAST,
    "functrans/ops/einsum.py *: _transpose: * in product.shape != tuple(sizes.values())": _FAST,
    "functrans/ops/einsum.py detached: _transpose: x -> stop_gradient(x) in shapes = *": _SPEC,
    "functrans/ops/einsum.py flag: _on_diagonal: True -> False in index = np.indices(*": _FAST,
    # Linear algebra.
    "functrans/ops/linalg.py conj: solve.*: conj(operand 1)": _SPEC,
    "functrans/ops/linalg.py detached: *: b -> stop_gradient(b) *_solve_columns(*": _SPEC,
    "functrans/ops/linalg.py drop call: _slogdet_jvp: np.real(growth) -> growth *": _CAST,
    "functrans/ops/cholesky.py drop call: _half: *": _CAST,
    "functrans/ops/cholesky.py negate: _half: *": "each rule uses it twice, and it is linear",
    "functrans/ops/cholesky.py number: _half: 1 -> 2 in *np.eye(x.shape[-1])*": _SQUARE,
    "functrans/ops/cholesky.py drop call: _cholesky_vjp: np.tril(ct) -> ct *": "the lower triangle of l^T c is made of that of c",
    "functrans/ops/determinant.py number: _third: 1 -> 2 in n = a.shape[-1]": _SQUARE,
    "functrans/ops/determinant.py negate: _third: np.zeros(*": "minus zero",
    "functrans/ops/determinant.py *: _third: * in count = n - 1": "more points than it takes",
    "functrans/ops/determinant.py negate: _third: 2j * np.pi *": "the circle, the other way round",
    "functrans/ops/determinant.py detached: _third: * in radius = *": "the result does not depend on the radius",
    "functrans/ops/determinant.py drop call: _third: np.real(found) -> found": _CAST,
    "functrans/ops/norm.py negate: _gradient: np.zeros(*": "minus zero",
    "functrans/ops/norm.py number: _gradient: 1 -> 2 in ord == 1": _FAST,
    "functrans/ops/norm.py detached: _direction: x -> stop_gradient(x) in return np.sign(x)": _STEPS,
    "functrans/ops/norm.py number: _direction: 1.0 -> 2.0 *": _GUARDED,
    "functrans/ops/norm.py *: _power_gradient: * in p > 2 and p % 2 == 0": "it matters at zero, from the third order on",
    "functrans/ops/norm.py drop call: _power_gradient: np.real(*": _CAST,
    "functrans/ops/norm.py detached: _matrix_gradient: *": _COMPARED,
    "functrans/ops/norm.py boundary: _matrix_gradient: ord > 0 -> ord >= 0": "it is not 0",
    "functrans/ops/norm.py number: _matrix_gradient: 0 -> 1 in spectral_gradient(*": "it is 2 or -2",
    "functrans/ops/norm.py drop call: _norm_jvp: np.real(*": _CAST,
    "functrans/ops/singular.py detached: _squares: *": _COMPARED,
    "functrans/ops/singular.py drop call: _squares: np.real(*": _CAST,
    "functrans/ops/singular.py drop call: _polar_jvp: _adjoint(h) -> h *": "it is hermitian",
    "functrans/ops/singular.py boundary: _polar_jvp: rows > columns *": "of a square matrix that term is zero",
    "functrans/ops/singular.py *: _polar_jvp: * in return np.where(_squares(w) > *": _SINGULAR,
    "functrans/ops/singular.py *: _spectral_jvp: * in return np.where(_squares(w) > *": _SINGULAR,
    "functrans/ops/singular.py detached: _spectral_jvp: w -> stop_gradient(w) in s = *": "the singular value is stationary in it",
    "functrans/ops/singular.py swap: _turn: unit - x @ _adjoint(x) + along -> *": "it makes the matrix regular, either way",
    "functrans/ops/norm.py detached: _gradient: x -> stop_gradient(x) in return _direction(x)*": _STEPS,
    "functrans/ops/norm.py detached: _ratio: scale -> *": _COMPARED,
    "functrans/ops/norm.py negate: _gradient: x -> -x in return _direction(x) * _shares(np.abs(x) *": _EVEN,
    "functrans/ops/norm.py negate: _matrix_gradient: x -> -x in sums = np.sum(np.abs(x)*": _EVEN,
    "functrans/ops/norm.py number: _ratio: 0 -> 1 in type(scale) is np.ndarray *": _FAST,
    "functrans/ops/norm.py *: _ratio: * in usable = *": _GUARDED,
    "functrans/ops/norm.py drop term: _direction: np.where(zero, 1.0, x) -> x *": _GUARDED,
    "functrans/ops/norm.py *: _power_gradient: * in size = *": _GUARDED,
    "functrans/ops/norm.py *: _power_gradient: p > 2 -> *": "the other form is the same, away from zero",
    "functrans/ops/norm.py number: _power_gradient: 2 -> 3 in p > 2": "the other form is the same, away from zero",
    "functrans/ops/norm.py drop call: _power_gradient: int(p) -> p *": "p is an integer there",
    "functrans/ops/norm.py boundary: _matrix_gradient: ord > 0 -> ord >= 0 in *": "it is not 0",
    "functrans/ops/singular.py boundary: nuclear_gradient: *": "of a square matrix and of its transpose it is the same",
    "functrans/ops/singular.py drop call: _spectral_jvp: np.real(*": "the singular value is real",
    "functrans/ops/products.py detached: _kron_*: *.shape*": _SPEC,
    "functrans/ops/products.py detached: _kron_*: * in spread, ndim = *": _SPEC,
    "functrans/ops/products.py drop call: _kron_*: np.reshape(found, *": _SHAPED,
    # Structure.
    "functrans/ops/pad.py drop call: _weigh: *real_dtype(part.dtype)*": _CAST,
    "functrans/ops/pad.py drop call: _values_transpose: *real_dtype(ct.dtype)*": _CAST,
    "functrans/ops/pad.py branch: _fold: *": _FAST,
    "functrans/ops/pad.py detached: _folded: ct -> *": "that is for an array without axes",
    "functrans/ops/pad.py number: _pad_transpose: 1 -> 2 in options['stat_length'] = *": "of margins that are not there",
    "functrans/ops/pad.py number: _values_transpose: * in np.zeros((0, 2), ct.dtype)": "of nothing",
    "functrans/ops/reduce.py number: others: 1.0 -> 2.0": "of no axes",
    "functrans/ops/reduce.py *: _others_along: x -> * in return x": "of nothing",
    "functrans/ops/statistics.py detached: _weighted: *": _SPEC,
    "functrans/ops/statistics.py detached: _slope: x -> stop_gradient(x) in return _weighted(*": _SPEC,
    "functrans/ops/statistics.py drop call: *: cast(*": _CAST,
    "functrans/ops/statistics.py drop call: _weighted: np.real(d) -> d *": _CAST,
    "functrans/ops/statistics.py drop call: _weighted: np.maximum(count - ddof, 0) -> *": (
        "where there are too few, the value is no number"
    ),
    "functrans/ops/statistics.py *: _mean_transpose: * in return np.where(where, *": _GUARDED,
    "functrans/ops/statistics.py *: _pushed: *product*": _CAST,
    "functrans/ops/statistics.py *: _pulled: *": "the cotangent of a real number is real",
    "functrans/ops/complex.py conj: complex_of.transposes[0]: conj(ct or dx)": "its real part is taken",
    "functrans/ops/complex.py drop call: <lambda complex_of>: np.real(ct) -> ct": _CAST,
    "functrans/ops/diagonal.py *: _diagonal_transpose: * in x.shape == (length + abs(offset),) * 2": _FAST,
    "functrans/ops/diagonal.py boundary: _diagonal_transpose: axis1 < axis2 *": "they differ",
    "functrans/ops/shape.py number: _inverse: 0 -> 1 in out = [0] * len(axes)": "each is written afterwards",
    "functrans/ops/histogram.py *: _weights_transpose: * in return np.where(inside, getitem(*": _GUARDED,
    "functrans/ops/index.py negate: _getitem_transpose: *": "never called: cotangents are collected",
    "functrans/ops/index.py drop call: total: _joined(self._pending) -> self._pending": _FAST,
    "functrans/ops/index.py *: _joined: type(part) is int *": _FAST,
    "functrans/ops/index.py *: _joined: len(terms) == 1 *": _FAST,
    "functrans/ops/index.py number: _joined: 1 -> 2 in not depth or len(terms) == 1": _FAST,
    "functrans/ops/index.py drop call: _joined: places.T.copy() -> places.T *": "nobody writes into it",
    "functrans/ops/select.py drop factor: <lambda clip>: * | (low > high) -> (x < low) | (x > high) in np.logical_not(*": (
        "where the bounds are crossed, every number is below the lower or above the upper"
    ),
    "functrans/ops/index.py drop call: add: may_repeat(template) -> template": _FAST,
    "functrans/ops/update.py drop call: _values_transpose: may_repeat(template) -> template *": _FAST,
    "functrans/ops/update.py drop call: _values_transpose: int(*": "it is an integer",
    "functrans/ops/extremum.py detached: *": _COMPARED,
    "functrans/ops/extremum.py drop call: *: np.maximum(count, 1) -> count *": "one at least is chosen",
    "functrans/ops/extremum.py drop call: _extremum_vjp: cast(*": _CAST,
    "functrans/ops/reduce.py wrong axis: sum.transposes[1]: *": "the start is one number, to which all is summed",
    "functrans/ops/reduction.py *: expand: * in keepdims or not axis or axis[-1] == len(axis) - 1": _FAST,
    "functrans/ops/reduction.py drop call: in_dtype: cast(a, dtype) -> a": _CAST,
    "functrans/ops/cumulative.py negate: _delayed: y -> -y in return y": "of nothing",
}


def reason(key: str) -> str:
    """Why a mutant cannot be caught; an empty string, where that is not known."""
    for pattern, why in EXPLAINED.items():
        if re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), key, re.DOTALL):
            return why
    return ""
