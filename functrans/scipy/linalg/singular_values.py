"""``scipy.linalg``: singular values and vectors, by the rules of ``numpy.linalg``."""

from __future__ import annotations

from typing import Any

from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops import svd as numpy_svd
from functrans.ops.family import operand, real_dtype
from functrans.primitives import Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import common, declare, dtypes, given, unchecked
from functrans.tracing.bind import bind

_svd_rules: Any = numpy_svd.svd_p.derivative
_svdvals_rules: Any = numpy_svd.svdvals_p.derivative


def _svd_spec(a: ArraySpec, *, full_matrices: bool = True, **_: Any) -> tuple[ArraySpec, ...]:
    stack = common("svd", (a, 2))
    m, n = a.shape[-2:]
    k = min(m, n)
    dtype = dtypes(linalg.svd, [a], [2])[0]
    return (
        ArraySpec((*stack, m, m if full_matrices else k), dtype),
        ArraySpec((*stack, k), real_dtype(dtype)),
        ArraySpec((*stack, n if full_matrices else k, n), dtype),
    )


def _svdvals_spec(a: ArraySpec, **params: Any) -> ArraySpec:
    stack = common("svdvals", (a, 2))
    return ArraySpec((*stack, min(a.shape[-2:])), real_dtype(dtypes(linalg.svd, [a], [2])[0]))


svd_p = declare(
    "svd",
    linalg.svd,
    _svd_spec,
    Rules(
        jvp=[lambda da, out, a, *, full_matrices=True, **_: _svd_rules.jvp[0](da, out, a, full_matrices=full_matrices)],
        vjp=[lambda ct, out, a, *, full_matrices=True, **_: _svd_rules.vjp[0](ct, out, a, full_matrices=full_matrices)],
    ),
    multiple=True,
    masks=True,
)


def _svdvals_source(args: list[str], params: dict[str, Any]) -> str:
    keywords = "".join(f", {key}={value!r}" for key, value in params.items())
    return f"scipy.linalg.svd({args[0]}, compute_uv=False{keywords})"


svdvals_p = declare(
    "svdvals",
    lambda a, **params: linalg.svd(a, compute_uv=False, **params),
    _svdvals_spec,
    Rules(
        jvp=[lambda da, out, a, **_: _svdvals_rules.jvp[0](da, out, a)],
        vjp=[lambda ct, out, a, **_: _svdvals_rules.vjp[0](ct, out, a)],
    ),
    source=_svdvals_source,
    masks=True,
)


@covers(linalg.svd)
def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """As `np.linalg.svd`: singular vectors turn as little as they must."""
    params = {**given(lapack_driver=(lapack_driver, "gesdd")), **unchecked(check_finite)}
    if not compute_uv:
        return bind(svdvals_p, operand(a), **params)
    return bind(svd_p, operand(a), **given(full_matrices=(bool(full_matrices), True)), **params)


@covers(linalg.svdvals)
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """As `np.linalg.svdvals`."""
    return bind(svdvals_p, operand(a), **unchecked(check_finite))
