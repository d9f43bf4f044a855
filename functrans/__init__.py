"""functrans: derivatives of ordinary NumPy functions, of any order.

Example:
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda x: np.sin(x) ** 2)(0.5)
    0.8414709848078965
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functrans import errors as errors
    from functrans import numpy as numpy
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

# Where each public name lives; it is loaded when first asked for, so that `import functrans` costs next to nothing.
_HOMES = {
    "ArraySpec": "ir",
    "Program": "ir",
    "errors": "errors",
    "evaluate": "interpreter",
    "grad": "transforms.vjp",
    "jacobian": "transforms.jacobian",
    "jvp": "transforms.jvp",
    "numpy": "numpy",
    "stop_gradient": "ops.select",
    "trace": "tracing.trace",
    "tree": "tree",
    "value_and_grad": "transforms.vjp",
    "vjp": "transforms.vjp",
}
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

if not TYPE_CHECKING:

    def __getattr__(name):
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'functrans' has no attribute {name!r}")
        from importlib import import_module

        if name in ("trace", "evaluate"):  # theirs are the only homes which do not load the operations themselves
            import_module("functrans.ops")
        module = import_module(f"functrans.{home}")
        value = module if home == name else getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
