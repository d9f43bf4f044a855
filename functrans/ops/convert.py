"""The same numbers in another dtype (``astype``), copied, or rounded; and new arrays shaped like traced ones."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functrans.errors import UncoveredFunctionError
from functrans.ir.source import param_source
from functrans.ir.spec import ArraySpec
from functrans.ops.family import strong
from functrans.ops.shape import as_shape, operand_array, stretch
from functrans.primitive import Constant, Derivatives, Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out
from functrans.tracing.tracer import Tracer


def _astype_impl(x: Any, dtype: np.dtype[Any]) -> Any:
    return x.astype(dtype)


def _astype_source(args: list[str], params: dict[str, Any]) -> str:
    return f"{args[0]}.astype({param_source(params['dtype'])})"


astype_p = Primitive(
    "astype",
    _astype_impl,
    lambda x, dtype: ArraySpec(x.shape, dtype),
    # The cotangent is cast back like every cotangent.
    Linear((lambda ct, x, dtype: ct,)),
    source=_astype_source,
)
astype_discrete = Primitive(
    "astype_discrete",
    _astype_impl,
    lambda x, dtype: ArraySpec(x.shape, dtype),
    Constant("its result is an integer or a truth value"),
    source=_astype_source,
)


def to_dtype(x: Any, dtype: np.dtype[Any]) -> Any:
    """``x`` in another dtype, as ``astype`` casts it."""
    if type(x) is not Tracer:
        return np.asanyarray(x).astype(dtype)
    x = strong(x)
    if dtype.kind not in "biufc":
        raise UncoveredFunctionError(
            f"a traced {x.spec} as {dtype}, which holds no numbers", "convert `functrans.stop_gradient(x)`."
        )
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        # NumPy says it once, where the user casts; not again for each tangent.
        warnings.warn(
            "Casting complex values to real discards the imaginary part", np.exceptions.ComplexWarning, stacklevel=4
        )
        x = np.real(x)
    return bind(astype_p if dtype.kind in "fc" else astype_discrete, x, dtype=dtype)


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: str | None = None) -> Any:
    """``np.astype``."""
    dtype = np.dtype(dtype)
    return x if not copy and dtype == x.dtype else to_dtype(x, dtype)


def _astype_method(
    x: Any, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
) -> Any:
    if casting != "unsafe":
        np.empty(0, x.dtype).astype(dtype, casting=casting)  # NumPy's own complaint
    return astype(x, dtype, copy=copy)


METHODS["astype"] = _astype_method
