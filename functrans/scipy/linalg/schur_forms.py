"""``scipy.linalg``: ``rsf2csf``, the complex Schur form of a real one.

Source: G. Golub and C. Van Loan, *Matrix Computations* (4th edition, 2013), section 7.4: one rotation for each block of
two rows makes it triangular.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.family import operand
from functrans.ops.linalg import adjoint
from functrans.ops.select import stop_gradient
from functrans.scipy import twin
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import common, declare, dtypes, square, unchecked
from functrans.tracing.bind import bind


def _spec(t: ArraySpec, z: ArraySpec, **_: Any) -> tuple[ArraySpec, ArraySpec]:
    square("rsf2csf", t), square("rsf2csf", z)
    if t.shape[-1] != z.shape[-1]:
        raise ShapeError(
            f"`scipy.linalg.rsf2csf` of {t!r} and {z!r}: the matrices are not equally large",
            "take both factors of one matrix: `scipy.linalg.schur(a)`.",
        )
    stack = common("rsf2csf", (t, 2), (z, 2))
    first, second = dtypes(linalg.rsf2csf, [t, z], [2, 2])
    return ArraySpec((*stack, *t.shape[-2:]), first), ArraySpec((*stack, *z.shape[-2:]), second)


def _rotation(block: Any) -> Any:
    """What makes a block triangular from the left, its adjoint from the right; the identity, where the block is so."""
    (p, b), (low, q) = [[block[..., i, j] for j in range(2)] for i in range(2)]
    cut = np.abs(low) > np.finfo(np.float64).eps * (np.abs(p) + np.abs(q))
    half = (p - q) / 2
    root = np.sqrt(np.where(cut, half * half + b * low, 1))
    # Which of the two eigenvalues comes first is LAPACK's choice.
    first = np.linalg.eigvals(stop_gradient(block))[..., 0] - stop_gradient(q)
    nearer = np.abs(first - stop_gradient(half + root)) <= np.abs(first - stop_gradient(half - root))
    above = np.where(nearer, half + root, half - root)
    length = np.sqrt(np.where(cut, np.real(above * np.conj(above) + low * np.conj(low)), 1))
    c, s = np.where(cut, above / length, 1), np.where(cut, low / length, 0)
    return np.stack([np.stack([np.conj(c), s], axis=-1), np.stack([-s, c], axis=-1)], axis=-2)


def _rotated(t: Any, z: Any, **_: Any) -> tuple[Any, Any]:
    """What SciPy computes, in functions that trace."""
    foretold = _spec(ArraySpec.of(t), ArraySpec.of(z))
    t, z = [np.broadcast_to(x.astype(spec.dtype), spec.shape) for x, spec in zip((t, z), foretold, strict=True)]
    n = t.shape[-1]
    for m in range(n - 1, 0, -1):
        turn = _rotation(t[..., m - 1 : m + 1, m - 1 : m + 1])
        back = adjoint(turn)
        rows = t[..., m - 1 : m + 1, :]
        rows = np.concatenate([rows[..., : m - 1], turn @ rows[..., m - 1 :]], axis=-1)
        t = np.concatenate([t[..., : m - 1, :], rows, t[..., m + 1 :, :]], axis=-2)
        columns = t[..., m - 1 : m + 1]
        columns = np.concatenate([columns[..., : m + 1, :] @ back, columns[..., m + 1 :, :]], axis=-2)
        t = np.concatenate([t[..., : m - 1], columns, t[..., m + 1 :]], axis=-1)
        z = np.concatenate([z[..., : m - 1], z[..., m - 1 : m + 1] @ back, z[..., m + 1 :]], axis=-1)
    return np.where(np.eye(n, k=-1, dtype=np.bool_), 0, t), z


rsf2csf_p = declare("rsf2csf", linalg.rsf2csf, _spec, twin.rules(_rotated, 2), cores=(2, 2), multiple=True)


@covers(linalg.rsf2csf)
def rsf2csf(T: Any, Z: Any, check_finite: Any = True) -> Any:  # noqa: N803
    """Entries below the diagonal that are negligible are no part of a block: the derivative in them is zero."""
    return bind(rsf2csf_p, operand(T), operand(Z), **unchecked(check_finite))
