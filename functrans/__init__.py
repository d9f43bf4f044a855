"""functrans: derivatives of ordinary NumPy functions, of any order.

Example:
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda x: np.sin(x) ** 2)(0.5)
    0.8414709848078965
"""

from typing import Any

from functrans import errors as errors
from functrans import ops as _ops
from functrans import tree as tree
from functrans.interpreter import evaluate as evaluate
from functrans.ir import ArraySpec as ArraySpec
from functrans.ir import Program as Program
from functrans.ops.select import stop_gradient as stop_gradient
from functrans.tracing.trace import trace as trace
from functrans.transforms.jacobian import jacobian as jacobian
from functrans.transforms.jvp import jvp as jvp
from functrans.transforms.vjp import grad as grad
from functrans.transforms.vjp import value_and_grad as value_and_grad
from functrans.transforms.vjp import vjp as vjp

__version__ = "0.1.0"
__all__ = [
    "ArraySpec",
    "Program",
    "errors",
    "evaluate",
    "grad",
    "jacobian",
    "jvp",
    "numpy",
    "stop_gradient",
    "trace",
    "tree",
    "value_and_grad",
    "vjp",
]


def __getattr__(name: str) -> Any:
    if name == "numpy":  # loaded when asked for: plain `import numpy` is enough for most uses
        import importlib

        return importlib.import_module("functrans.numpy")
    raise AttributeError(f"module 'functrans' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
