"""functrans: derivatives of ordinary NumPy functions, of any order.

Example:
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.grad(lambda x: np.sin(x) ** 2)(0.5)
    0.8414709848078965
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functrans import config as config
    from functrans import debug as debug
    from functrans import errors as errors
    from functrans import implicit as implicit
    from functrans import numpy as numpy
    from functrans import optimize as optimize
    from functrans import scipy as scipy
    from functrans import sparse as sparse
    from functrans import testing as testing
    from functrans import tree as tree
    from functrans import viz as viz
    from functrans.compile.jit import disable_jit as disable_jit
    from functrans.compile.jit import eval_shape as eval_shape
    from functrans.compile.jit import jit as jit
    from functrans.compile.retraces import log_compiles as log_compiles
    from functrans.control.branch import cond as cond
    from functrans.control.branch import switch as switch
    from functrans.control.checkpoint import checkpoint as checkpoint
    from functrans.control.loop import fori_loop as fori_loop
    from functrans.control.loop import while_loop as while_loop
    from functrans.control.prefixes import associative_scan as associative_scan
    from functrans.control.scan import scan as scan
    from functrans.custom.primitive import primitive as primitive
    from functrans.custom.rules import custom_jvp as custom_jvp
    from functrans.custom.rules import custom_vjp as custom_vjp
    from functrans.custom.tag import tag as tag
    from functrans.debug.nonfinite import debug_infs as debug_infs
    from functrans.debug.nonfinite import debug_nans as debug_nans
    from functrans.implicit.fixed import fixed_point as fixed_point
    from functrans.implicit.linear import custom_linear_solve as custom_linear_solve
    from functrans.implicit.ode import odeint as odeint
    from functrans.implicit.roots import custom_root as custom_root
    from functrans.interpreter import evaluate as evaluate
    from functrans.ir import ArraySpec as ArraySpec
    from functrans.ir import Program as Program
    from functrans.ops.select import stop_gradient as stop_gradient
    from functrans.tracing.trace import trace as trace
    from functrans.transforms.collective import all_gather as all_gather
    from functrans.transforms.collective import axis_index as axis_index
    from functrans.transforms.collective import pmax as pmax
    from functrans.transforms.collective import pmean as pmean
    from functrans.transforms.collective import pmin as pmin
    from functrans.transforms.collective import psum as psum
    from functrans.transforms.hessian import hessian as hessian
    from functrans.transforms.hessian import value_grad_and_hessian as value_grad_and_hessian
    from functrans.transforms.higher import derivative as derivative
    from functrans.transforms.higher import elementwise_grad as elementwise_grad
    from functrans.transforms.jacobian import jacfwd as jacfwd
    from functrans.transforms.jacobian import jacobian as jacobian
    from functrans.transforms.jacobian import jacrev as jacrev
    from functrans.transforms.jvp import jvp as jvp
    from functrans.transforms.linearize import linear_transpose as linear_transpose
    from functrans.transforms.linearize import linearize as linearize
    from functrans.transforms.products import hvp as hvp
    from functrans.transforms.products import vhp as vhp
    from functrans.transforms.vjp import grad as grad
    from functrans.transforms.vjp import value_and_grad as value_and_grad
    from functrans.transforms.vjp import vjp as vjp
    from functrans.transforms.vmap import map as map
    from functrans.transforms.vmap import vmap as vmap

__version__ = "0.1.0"

# Where each public name lives; it is loaded when first asked for, so that `import functrans` costs next to nothing.
_HOMES = {
    "ArraySpec": "ir",
    "Program": "ir",
    "all_gather": "transforms.collective",
    "associative_scan": "control.prefixes",
    "axis_index": "transforms.collective",
    "checkpoint": "control.checkpoint",
    "cond": "control.branch",
    "config": "config",
    "custom_jvp": "custom.rules",
    "custom_linear_solve": "implicit.linear",
    "custom_root": "implicit.roots",
    "custom_vjp": "custom.rules",
    "debug": "debug",
    "debug_infs": "debug.nonfinite",
    "debug_nans": "debug.nonfinite",
    "derivative": "transforms.higher",
    "disable_jit": "compile.jit",
    "elementwise_grad": "transforms.higher",
    "errors": "errors",
    "eval_shape": "compile.jit",
    "evaluate": "interpreter",
    "fixed_point": "implicit.fixed",
    "fori_loop": "control.loop",
    "grad": "transforms.vjp",
    "hessian": "transforms.hessian",
    "hvp": "transforms.products",
    "implicit": "implicit",
    "jacfwd": "transforms.jacobian",
    "jacobian": "transforms.jacobian",
    "jacrev": "transforms.jacobian",
    "jit": "compile.jit",
    "jvp": "transforms.jvp",
    "linear_transpose": "transforms.linearize",
    "linearize": "transforms.linearize",
    "log_compiles": "compile.retraces",
    "map": "transforms.vmap",
    "numpy": "numpy",
    "odeint": "implicit.ode",
    "optimize": "optimize",
    "pmax": "transforms.collective",
    "pmean": "transforms.collective",
    "pmin": "transforms.collective",
    "primitive": "custom.primitive",
    "psum": "transforms.collective",
    "scan": "control.scan",
    "scipy": "scipy",
    "sparse": "sparse",
    "stop_gradient": "ops.select",
    "switch": "control.branch",
    "tag": "custom.tag",
    "testing": "testing",
    "trace": "tracing.trace",
    "tree": "tree",
    "value_and_grad": "transforms.vjp",
    "value_grad_and_hessian": "transforms.hessian",
    "vhp": "transforms.products",
    "viz": "viz",
    "vjp": "transforms.vjp",
    "vmap": "transforms.vmap",
    "while_loop": "control.loop",
}
__all__ = [
    "ArraySpec",
    "Program",
    "all_gather",
    "associative_scan",
    "axis_index",
    "checkpoint",
    "cond",
    "config",
    "custom_jvp",
    "custom_linear_solve",
    "custom_root",
    "custom_vjp",
    "debug",
    "debug_infs",
    "debug_nans",
    "derivative",
    "disable_jit",
    "elementwise_grad",
    "errors",
    "eval_shape",
    "evaluate",
    "fixed_point",
    "fori_loop",
    "grad",
    "hessian",
    "hvp",
    "implicit",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linear_transpose",
    "linearize",
    "log_compiles",
    "map",
    "numpy",
    "odeint",
    "optimize",
    "pmax",
    "pmean",
    "pmin",
    "primitive",
    "psum",
    "scan",
    "scipy",
    "sparse",
    "stop_gradient",
    "switch",
    "tag",
    "testing",
    "trace",
    "tree",
    "value_and_grad",
    "value_grad_and_hessian",
    "vhp",
    "viz",
    "vjp",
    "vmap",
    "while_loop",
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
