"""What a traced value refuses, in words: to become a plain number or array, which would lose its derivative.

C code sometimes replaces an error raised while it converts a value (``a[0] = x`` gives NumPy's "setting an array
element with a sequence"). A refusal is therefore noted on the recorder, and found again where the transform calls the
user's function: the error at the same instruction is replaced by the one that explains it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from functrans.errors import (
    FunctransError,
    Location,
    TracedAssignmentError,
    TracedBoolError,
    TracedValueError,
    is_library,
    user_location,
)
from functrans.ir.spec import ArraySpec

if TYPE_CHECKING:
    from functrans.tracing.recorder import Recorder
    from functrans.tracing.tracer import Tracer

_HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep
_PLAIN = "`functrans.stop_gradient(x)` is its plain value, if no derivative is wanted"
_VALUES = "or do without the staged trace: `grad`, `vjp` and `jvp` work on values"
_JIT = (
    "or name the argument that it comes from in `static_argnums=` of `jit`, if it takes few values; or do this outside "
    "of the jitted function"
)
_EXAMPLES = "or use `functrans.map(f, xs)`, a plain loop over the examples, each of which has values"
_INTO_ARRAY = (
    "`a = functrans.numpy.at(a)[index].set(x)` gives the changed array; or collect the entries in a list and make the "
    "array at the end, `functrans.numpy.array(entries)`."
)

#: What to write in place of ``a[i]``, which asked for this, with an index of this kind of dtype.
_INDEX = {
    ("array", "i"): "write `functrans.numpy.at(a)[i].get()`: NumPy's own array takes plain indices alone.",
    ("array", "f"): "write `functrans.numpy.at(a)[i.astype(int)].get()`: an index is made of integers.",
    ("array", "b"): "keep the shape: `np.where(mask, a, 0)`, or `np.sum(a, where=mask)`.",
    ("count", "i"): (
        "write `functrans.numpy.at(np.array(a))[i].get()`; the indices of `a[i:i + n]` are `i + np.arange(n)`."
    ),
}
_INDEX["array", "u"], _INDEX["count", "u"] = _INDEX["array", "i"], _INDEX["count", "i"]

#: What does, to the entries at an index, what an operator does in place.
_IN_PLACE = {"+=": "add(x)", "-=": "subtract(x)", "*=": "multiply(x)", "/=": "divide(x)", "**=": "power(x)"}

#: Of SciPy's functions that solve an equation: what gives the solution and its derivative.
_SOLVERS = dict.fromkeys(
    [
        f"scipy.optimize.{name}"
        for name in ("brentq", "brenth", "ridder", "bisect", "toms748", "newton", "root_scalar", "root", "fsolve")
    ],
    "functrans.implicit.root",
) | {"scipy.optimize.fixed_point": "functrans.fixed_point", "scipy.integrate.solve_ivp": "functrans.odeint"}

#: NumPy's functions, written in Python, that convert what they are given; ``functrans.numpy`` has them anew.
_CONVERTING = ("full", "kaiser", "require", "asarray_chkfinite")

#: For each refusal: what the value was about to become, and what to write instead.
REFUSALS = {
    "array": (
        "a plain array",
        "call NumPy's functions on the value itself; make arrays of traced values with `functrans.numpy.array` or "
        "`np.stack`",
    ),
    "float": (
        "a plain float",
        "use NumPy's function (`np.exp`, not `math.exp`); print it with an f-string",
    ),
    "int": ("a plain integer", "round with `np.floor`, `np.round` or `np.trunc`"),
    "complex": ("a plain complex number", "use NumPy's function (`np.exp`, not `cmath.exp`), or multiply by `1j`"),
    "count": ("a count or an index", "take counts from shapes and plain values"),
    "item": ("a plain number, by `.item()`", "keep the value as it is, or write `x.reshape(())`"),
    "list": ("a list of plain numbers, by `.tolist()`", "use `list(x)`, whose entries stay traced"),
    "ratio": ("a ratio of integers", "use NumPy's functions (`np.mean`, not `statistics.mean`)"),
}


def refuse(tracer: Tracer, kind: str) -> NoReturn:
    """Raise what explains why ``tracer`` cannot become this."""
    recorder = tracer.recorder
    if recorder.closed:
        recorder.leaked()
    place = user_location()
    become, instead = REFUSALS[kind]
    operation = place.operation() if place is not None and kind in ("array", "float", "complex", "count") else ""
    assigned = operation == "[]="
    cls = TracedAssignmentError if assigned else TracedValueError
    stager = staged_by(tracer)
    if stager is not None:
        if stager.batched:
            what = f"a batched {tracer.spec}, traced {stager.purpose}, is many values and cannot become {become}"
        else:
            what = f"a staged {tracer.spec}, traced {stager.purpose}, has no value and cannot become {become}"
        if kind == "count" and stager.transform == "jit":
            instead += "; a loop of `n` steps is `functrans.fori_loop(0, n, body, x)`"
        fix = f"{instead}; {_EXAMPLES if stager.batched else _otherwise(stager)}."
        if operation == "[]":
            fix = _INDEX.get((kind, tracer.spec.dtype.kind), fix)
    else:
        what = f"a traced {tracer.spec} would become {become}, which has no derivative"
        fix = f"{instead}; {_PLAIN}."
        if operation == "[]" and kind == "array" and tracer.spec.dtype.kind in "fc":
            what = f"a traced {tracer.spec} is used as an index, which must be made of integers"
            fix = "round it, `a[int(functrans.stop_gradient(x))]`: no derivative goes through an index."
    function = scipy_function() if kind in ("array", "float") else None
    if function is not None:
        what = f"`{function}` would make {become} of a traced {tracer.spec}, which has no derivative"
        fix = _instead_of_scipy(function)
    elif kind == "array":
        fix = _instead_of_caller() or fix
    if assigned:
        what = f"a traced {tracer.spec} was assigned into a plain array, which would lose its derivative"
        fix = _INTO_ARRAY
    recorder.refusal = (cls, what, fix, place)
    raise cls(what, fix, place or False)


def _otherwise(stager: Recorder) -> str:
    """What else to do about a staged value that is wanted as a plain one."""
    return _JIT if stager.transform == "jit" else _VALUES


def refuse_truth(tracer: Tracer) -> NoReturn:
    """Raise what explains why a staged value is neither true nor false."""
    if tracer.recorder.batched:
        raise TracedBoolError(
            f"Python asked whether a batched {tracer.spec} is true; traced {tracer.recorder.purpose}, it differs from "
            "example to example",
            "choose between arrays with `np.where(condition, a, b)` (`np.maximum`, not `max`; `a & b`, not `a and b`); "
            "or use `functrans.map(f, xs)`, a plain loop over the examples, which follows `if` and `while`.",
        )
    if tracer.recorder.transform == "jit":
        raise TracedBoolError(
            f"Python asked whether a staged {tracer.spec} is true; traced {tracer.recorder.purpose}, it has no value",
            "choose between arrays with `np.where(condition, a, b)` (`np.maximum`, not `max`; `a & b`, not `a and b`), "
            "between computations with `functrans.cond(condition, f, g, x)`; a `while` is "
            "`functrans.while_loop(condition, body, x)`; what decides by an argument of few values wants its name in "
            "`static_argnames=`.",
        )
    raise TracedBoolError(
        f"Python asked whether a staged {tracer.spec} is true; traced {tracer.recorder.purpose}, it has no value",
        "choose between arrays with `np.where(condition, a, b)`; or do without the staged trace: `grad`, `vjp` and "
        "`jvp` follow `if` and `while` by the values.",
    )


def refuse_out(name: str) -> NoReturn:
    """Refuse ``out=``, also that of ``a += x``: a plain array cannot hold a traced value."""
    place = user_location()
    operation = place.operation() if place is not None else ""
    if operation.startswith("[]") and operation != "[]=":
        sign = operation[2:]
        update = _IN_PLACE.get(sign) or f"set(a[index] {sign[:-1]} x)"
        raise TracedAssignmentError(
            f"`a[index] {sign} x` would write a traced value into a plain array, which would lose its derivative",
            f"write `a = functrans.numpy.at(a)[index].{update}`, which makes a new array.",
            place or False,
        )
    if operation.endswith("=") and operation != "[]=":
        raise TracedAssignmentError(
            f"`a {operation} x` would write a traced value into a plain array, which would lose its derivative",
            f"write `a = a {operation[:-1]} x`, which makes a new array.",
            place or False,
        )
    raise TracedAssignmentError(
        f"`out=` of `{name}` would write a traced value into a plain array, which would lose its derivative",
        "use the returned value; for `out=` with `where=mask` write `np.where(mask, result, otherwise)`, whose "
        "derivative does not see the entries left out.",
        place or False,
    )


def refuse_objects(name: str) -> NoReturn:
    """Refuse an array of Python objects among the operands: it may hold traced values that nobody follows."""
    raise TracedValueError(
        f"`{name}` of a traced value and an array of objects, which may hold traced values: they would be lost",
        "make an array of numbers, `functrans.numpy.array(list)`.",
    )


def scipy_function() -> str | None:
    """The public name of the function of SciPy's which the user's code called, if one is at work."""
    found = None
    frame: Any = sys._getframe(1)
    while frame is not None and is_library(frame.f_code.co_filename):
        module, name, local = frame.f_globals.get("__name__", ""), frame.f_code.co_name, frame.f_locals
        decorated = local.get("f")
        if module.startswith("scipy._lib") and callable(decorated):  # a decorator is at work
            module, name = getattr(decorated, "__module__", module), getattr(decorated, "__name__", name)
        if module.startswith("scipy."):
            home, owner = ".".join(module.split(".")[:2]), local.get("self")
            if hasattr(sys.modules.get(home), type(owner).__name__):  # an object, such as an interpolator, is called
                found = f"{home}.{type(owner).__name__}"
            elif name.startswith("_"):
                pass
            elif home == "scipy.stats" and hasattr(owner, "name"):
                found = f"{home}.{owner.name}.{name}"
            elif hasattr(sys.modules.get(home), name):
                found = f"{home}.{name}"
        frame = frame.f_back
    return found


def _instead_of_scipy(function: str) -> str:
    """What to write instead of a function of SciPy's that was given a traced value."""
    if is_covered(function):
        return f"call `functrans.{function}`, which takes traced values too."
    if function in _SOLVERS:
        return f"call `{_SOLVERS[function]}`, which differentiates the solution by its equation (docs/implicit.md)."
    return (
        "functrans does not cover it: write it with covered functions (`dir(functrans.numpy)`, "
        "`dir(functrans.scipy)`), or declare a primitive (docs/add_a_primitive.md)."
    )


def is_covered(function: str) -> bool:
    """Whether functrans has a function or method for one of SciPy's, ``scipy.linalg.expm``."""
    try:
        value: Any = import_module(f"functrans.{'.'.join(function.split('.')[:2])}")
        for name in function.split(".")[2:]:
            value = getattr(value, name)
    except (ImportError, AttributeError, FunctransError):
        return False
    return True


def _instead_of_caller() -> str | None:
    """What to write instead of a function of NumPy's that is at work between the user's code and here."""
    frame: Any = sys._getframe(1)
    while frame is not None and is_library(frame.f_code.co_filename):
        if frame.f_code.co_name == "_vectorize_call":
            return (
                "leave `np.vectorize` out, for NumPy's functions take arrays; or use `functrans.vmap` in its place; or "
                "`functrans.numpy.vectorize`, a loop which takes traced values."
            )
        if os.path.join("numpy", "polynomial", "") in frame.f_code.co_filename:
            return (
                "`numpy.polynomial` makes plain arrays of coefficients; use `np.polyval(c[::-1], x)`, `np.polymul`, "
                "`np.polyfit`, … (the highest power first), or `np.vander(x, n, increasing=True) @ c`."
            )
        name = frame.f_code.co_name
        if name in _CONVERTING and frame.f_globals.get("__name__", "").startswith("numpy."):
            return f"write `functrans.numpy.{name}`, which takes traced values too."
        frame = frame.f_back
    return None


def unknown(value: Tracer, name: str, why: str, fix: str) -> TracedValueError:
    """The error of a function that needs a value which a staged trace, or a batch, does not have."""
    if staged_by(value).batched:  # type: ignore[union-attr]
        what, way = f"a batched {value.spec}, which is many values", _EXAMPLES
    else:
        what, way = f"a staged {value.spec}", "`grad`, `vjp` and `jvp` know the values"
        if staged_by(value).transform == "jit":  # type: ignore[union-attr]
            way = "or do this outside of the jitted function"
    return TracedValueError(f"{name} needs the value of {what}: {why}", f"{fix}; {way}.")


def staged_by(tracer: Tracer) -> Recorder | None:
    """Who keeps the value of ``tracer`` from being known: a staged trace, at some level."""
    value: Any = tracer
    while type(value.value) is type(tracer):
        value = value.value
    return value.recorder if type(value.value) is ArraySpec else None


def program_writer(tracer: Any) -> Recorder | None:
    """Who writes down what is done to ``tracer``, with the user's lines: a staged trace, at some level."""
    value = tracer
    while type(value) is type(tracer):
        if type(value.value) is not ArraySpec:
            value = value.value
        elif value.recorder.batched:
            value = value.mark
        else:
            return value.recorder  # type: ignore[no-any-return]
    return None


def refusal_behind(recorder: Recorder, error: Exception) -> FunctransError | None:
    """The refusal that C code replaced by ``error``, if there was one."""
    if isinstance(error, FunctransError):
        return None
    if isinstance(error.__cause__, FunctransError):
        return error.__cause__
    noted = recorder.refusal
    if noted is None or location_of(error) != noted[3]:
        return None
    cls, what, fix, place = noted
    return cls(what, fix, place or False)  # type: ignore[no-any-return]


def location_of(error: Exception) -> Location | None:
    """Where in the user's code an error was raised, by C code or under NumPy's; not what functrans raised."""
    found = None
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        if not is_library(code.co_filename):
            found = Location(code, entry.tb_lasti)
        elif code.co_filename.startswith(_HERE):
            found = None
        entry = entry.tb_next
    return found
