"""The product of a sparse matrix that is constant with a traced array: entries are gathered, and added up by row."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.frames import boundary
from functrans.ops.index import getitem, scatter_p
from functrans.ops.index_template import ARRAY
from functrans.sparse.dependence import scipy_sparse
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer


@boundary
def matmul(a: Any, x: Any) -> Any:
    """``a @ x`` for a constant sparse matrix: SciPy's own operator does not take traced arrays.

    It can be differentiated, batched, compiled; the pattern of its derivative is that of ``a``.

    Args:
        a: a matrix of ``scipy.sparse``, of shape (n, m).
        x: an array of shape (m,) or (m, k), traced or plain.

    Returns:
        an array of shape (n,) or (n, k).

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> import scipy.sparse
        >>> a = scipy.sparse.diags_array([[1.0, 2.0, 3.0], [5.0, 5.0]], offsets=[0, 1])
        >>> ft.sparse.jacobian(lambda x: ft.sparse.matmul(a, x) ** 2)(np.ones(3)).toarray()
        array([[12., 60.,  0.],
               [ 0., 28., 70.],
               [ 0.,  0., 18.]])
    """
    sparse = scipy_sparse()
    if not sparse.issparse(a) or len(a.shape) != 2:
        raise ShapeError(f"a {type(a).__name__} is no matrix of `scipy.sparse`", "multiply dense arrays with `@`.")
    shape = np.shape(x)
    if len(shape) not in (1, 2) or shape[0] != a.shape[1]:
        raise ShapeError(
            f"a sparse matrix of shape {a.shape} times an array of shape {shape}",
            "the array has as many rows as the matrix has columns: shape (m,) or (m, k).",
        )
    if type(x) is not Tracer:
        return a @ x
    rows = sparse.csr_array(a)
    data = rows.data if len(shape) == 1 else rows.data[:, None]
    terms = data * getitem(x, rows.indices.astype(np.intp))
    number = np.repeat(np.arange(a.shape[0]), np.diff(rows.indptr))
    return bind(scatter_p, terms, number, template=(ARRAY,), shape=(a.shape[0], *shape[1:]))
