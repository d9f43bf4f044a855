"""How NumPy's calls on traced values arrive: the tables that ``functrans.ops`` fills, and NumPy's two protocols."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from functrans.errors import UncoveredFunctionError
from functrans.primitives import Primitive
from functrans.tracing.refusal import refuse_out as refuse_out  # noqa: PLC0414  (for `functrans.ops`)
from functrans.tracing.refusal import staged_by

Handler = Callable[..., Any]

#: NumPy's ufuncs, and what computes them on traced values.
UFUNCS: dict[np.ufunc, Handler] = {}
#: Those of one operand that need nothing but their primitive: a shorter way.
UNARY: dict[np.ufunc, Primitive] = {}
#: Other NumPy functions, and what computes them on traced values (same signature).
FUNCTIONS: dict[Callable[..., Any], Handler] = {}
#: ndarray's methods: the name, and what is called with the traced value first.
METHODS: dict[str, Handler] = {}
#: Ufunc methods (``reduce``, ``outer``, …) and calls with keywords: called with the ufunc, then its arguments.
UFUNC_METHODS: dict[str, Handler] = {}


def implements(*functions: Callable[..., Any]) -> Callable[[Handler], Handler]:
    """Declare what computes some NumPy functions when an argument is traced."""

    def declare(handler: Handler) -> Handler:
        for function in functions:
            FUNCTIONS[function] = handler
        return handler

    return declare


def function_name(function: Any) -> str:
    """``np.linalg.norm``: how users know a NumPy function."""
    module = (getattr(function, "__module__", "") or "numpy").replace("numpy", "np", 1)
    return f"{module if not module.startswith('np._') else 'np'}.{getattr(function, '__name__', function)}"


def ufunc_name(ufunc: np.ufunc) -> str:
    """``np.add``, ``scipy.special.erf``; a ufunc of another library by its bare name."""
    name = ufunc.__name__
    if getattr(np, name, None) is ufunc:
        return f"np.{name}"
    return f"scipy.special.{name}" if getattr(sys.modules.get("scipy.special"), name, None) is ufunc else name


def array_ufunc(self: Any, ufunc: np.ufunc, method_name: str, *inputs: Any, **kwargs: Any) -> Any:
    """NumPy's protocol for ufuncs, as ``Tracer.__array_ufunc__``."""
    if method_name == "__call__" and not kwargs:
        primitive = UNARY.get(ufunc)
        if primitive is not None:
            return self.recorder.unary(primitive, self)
        handler = UFUNCS.get(ufunc)
        if handler is not None:
            return handler(*inputs)
        if _load(ufunc):
            return array_ufunc(self, ufunc, method_name, *inputs)
        raise uncovered(ufunc_name(ufunc), tracer=self)
    if "out" in kwargs:
        refuse_out(ufunc_name(ufunc))
    if ufunc not in UFUNCS:
        _load(ufunc)
    handler = UFUNC_METHODS.get(method_name)
    if handler is None:
        call = "" if method_name == "__call__" else f".{method_name}"
        given = f" with {', '.join(f'`{name}=`' for name in kwargs)}" if kwargs else ""
        raise uncovered(f"{ufunc_name(ufunc)}{call}", given, self)
    return handler(ufunc, *inputs, **kwargs)


def _load(ufunc: np.ufunc) -> bool:
    """Load the primitives of ``scipy.special``, when one of its ufuncs is first called; whether they were."""
    special = sys.modules.get("scipy.special")
    if special is None or "functrans.scipy.special" in sys.modules:
        return False
    homes = (special, getattr(special, "_ufuncs", None))  # some, like those of `zeta`, have no public name
    if not any(getattr(home, ufunc.__name__, None) is ufunc for home in homes):
        return False
    import_module("functrans.scipy.special")
    return True


def array_function(
    self: Any, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """NumPy's protocol for its other functions, as ``Tracer.__array_function__``."""
    handler = FUNCTIONS.get(function)
    if handler is None:
        raise uncovered(function_name(function), tracer=self)
    if kwargs.get("out") is not None:
        refuse_out(function_name(function))
    return handler(*args, **kwargs)


def method(tracer: Any, name: str) -> Any:
    """``Tracer.__getattr__``: ndarray's methods, found by name."""
    handler = METHODS.get(name)
    if handler is not None:
        return handler.__get__(tracer)  # type: ignore[attr-defined]
    if hasattr(np.ndarray, name) and not name.startswith("_"):
        raise UncoveredFunctionError(f"`.{name}` of a traced value is not covered", _ADD_ONE)
    raise AttributeError(f"a traced array has no attribute {name!r}{_instead(name)}")


#: What those write who come from libraries with arrays of their own, and what to write here.
_HABITS = {
    "backward": "return the number, and call `functrans.grad(f)`",
    "grad": "call `functrans.grad(f)`, which returns the gradient",
    "requires_grad_": "select arguments with `functrans.grad(f, argnums=)`",
    "detach": "write `functrans.stop_gradient(x)`",
    "numpy": "leave it out, the array is NumPy's",
    "cpu": "leave it out, the array is NumPy's",
    "clone": "write `x.copy()`",
}


def _instead(name: str) -> str:
    if name in _HABITS:
        return f": {_HABITS[name]}"
    ufunc = vars(np).get(name)
    return f": write `np.{name}({'x, y'[: 3 * ufunc.nin - 2]})`" if isinstance(ufunc, np.ufunc) else ""


_ADD_ONE = (
    "write it with covered functions (`dir(functrans.numpy)` lists them), pass `functrans.stop_gradient(x)` if no "
    "derivative is wanted through it, or declare a primitive (docs/add_a_primitive.md)."
)


_ADD_ONE_OR_LOOP = (
    "write it with covered functions (`dir(functrans.numpy)` lists them); use `functrans.map(f, xs)`, a plain loop "
    "over the examples, if no derivative is wanted through it; or declare a primitive (docs/add_a_primitive.md)."
)


def uncovered(name: str, given: str = "", tracer: Any = None) -> UncoveredFunctionError:
    """The error to raise for a NumPy function that functrans does not trace; ``tracer`` is what it was called with."""
    stager = None if tracer is None else staged_by(tracer)
    fix = _ADD_ONE if stager is None or not stager.batched else _ADD_ONE_OR_LOOP
    return UncoveredFunctionError(f"`{name}`{given} on a traced value is not covered", fix)
