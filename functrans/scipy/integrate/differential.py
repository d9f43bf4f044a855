"""``scipy.integrate.odeint``, of traced states, times, arguments, or a right side that closes over traced values.

The same method, LSODA, and the same tolerances, by :func:`functrans.odeint`: the derivatives are those of the solution,
by the adjoint equation and the variational one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import integrate

from functrans import tree
from functrans.errors import ShapeError, UncoveredFunctionError, describe_function
from functrans.implicit.ode import odeint as solve
from functrans.ir import ArraySpec
from functrans.numpy.creation import asarray
from functrans.scipy.covering import COVERED, is_traced
from functrans.tracing.tracer import Tracer

_NAME = "scipy.integrate.odeint"
#: SciPy's, for what is not said.
_TOLERANCE = 1.49012e-8
#: Options that a traced solution does not have, with the values that mean that they are not used.
_UNSET: dict[str, Any] = {
    "full_output": 0,
    "tcrit": None,
    "h0": 0.0,
    "hmax": 0.0,
    "hmin": 0.0,
    "mxordn": 12,
    "mxords": 5,
}


def odeint(
    func: Any,
    y0: Any,
    t: Any,
    args: Any = (),
    Dfun: Any = None,  # noqa: N803
    col_deriv: Any = 0,
    full_output: Any = 0,
    ml: Any = None,
    mu: Any = None,
    rtol: Any = None,
    atol: Any = None,
    tcrit: Any = None,
    h0: Any = 0.0,
    hmax: Any = 0.0,
    hmin: Any = 0.0,
    ixpr: Any = 0,
    mxstep: Any = 0,
    mxhnil: Any = 0,
    mxordn: Any = 12,
    mxords: Any = 5,
    printmessg: Any = 0,
    tfirst: Any = False,
) -> Any:
    """``scipy.integrate.odeint``: with plain values SciPy's own, also of traced ones.

    Then the values agree with SciPy's as far as the tolerances say. ``Dfun``, and what is said of it, is not needed:
    the Jacobian of ``func`` is taken; a solution that is not found is a :class:`~functrans.errors.ConvergenceError`, no
    warning. For second derivatives by reverse mode, or in other methods, use :func:`functrans.odeint`.

    Raises:
        UncoveredFunctionError: it is traced, and looks at its steps (``full_output=``, ``hmax=``, ``tcrit=``, ...), or
            is complex.

    Example:
        >>> import numpy as np
        >>> import functrans as ft
        >>> from functrans.scipy.integrate import odeint
        >>> def left(rate):  # of what decays
        ...     return odeint(lambda y, t: -rate * y, 1.0, [0.0, 2.0])[-1, 0]
        >>> round(float(ft.grad(left)(0.5)), 5)
        -0.73576
    """
    options = {
        "full_output": full_output,
        "tcrit": tcrit,
        "h0": h0,
        "hmax": hmax,
        "hmin": hmin,
        "mxordn": mxordn,
        "mxords": mxords,
    }

    def slope(y: Any, time: Any) -> Any:
        return func(time, y, *args) if tfirst else func(y, time, *args)

    if not _is_traced(slope, y0, t, args):
        return integrate.odeint(
            func,
            y0,
            t,
            args,
            Dfun,
            col_deriv,
            ml=ml,
            mu=mu,
            rtol=rtol,
            atol=atol,
            ixpr=ixpr,
            mxstep=mxstep,
            mxhnil=mxhnil,
            printmessg=printmessg,
            tfirst=tfirst,
            **options,
        )
    for name, value in options.items():
        if is_traced([value]) or np.any(value != _UNSET[name]):
            raise UncoveredFunctionError(
                f"`{_NAME}` over traced values with `{name}=` is not covered",
                "leave it out: steps are chosen by the tolerances; or call SciPy itself outside of what is traced.",
            )
    start = _real(y0, "y0")
    if start.ndim > 1:
        raise ShapeError(f"`{_NAME}`: y0 is {ArraySpec.of(start)}", "it is a vector: `y0.ravel()`.")
    start = start.reshape(-1)
    size, who = start.shape[0], describe_function(func)

    def right(y: Any, time: Any) -> Any:
        out = _real(slope(y, time), who)
        if out.size != size:
            raise ShapeError(
                f"`{_NAME}`: {who} returned {out.size} numbers, y0 has {size}", "return the slope of each entry of `y`."
            )
        return out.reshape(size)

    times = _real(t, "t")
    how: dict[str, Any] = {"rtol": _tolerance(rtol, "rtol"), "atol": _tolerance(atol, "atol")}
    if mxstep:
        how["max_steps"] = int(mxstep) * max(times.size - 1, 1)
    return solve(right, start, times, method="LSODA", **how)


def _is_traced(slope: Any, y0: Any, t: Any, args: Any) -> bool:
    """Whether something is traced, were it what the right side closes over: it is asked once."""
    if is_traced((y0, t)) or any(type(leaf) is Tracer for leaf in tree.flatten(args)[0]):
        return True
    state, times = np.asarray(y0), np.asarray(t)
    if not isinstance(args, tuple) or state.dtype.kind not in "biuf" or state.ndim > 1 or not times.size:
        return False  # SciPy says what is wrong
    return is_traced([slope(state.astype(np.float64).reshape(-1), float(times.flat[0]))])


def _real(value: Any, what: str) -> Any:
    """An array of real numbers in double precision, as SciPy computes with."""
    made = asarray(value)
    if made.dtype.kind == "c":
        raise UncoveredFunctionError(
            f"`{_NAME}`: {what} is complex, which SciPy does not take", "use `functrans.odeint`, which does."
        )
    return made if made.dtype == np.float64 else made.astype(np.float64)


def _tolerance(value: Any, name: str) -> float:
    if value is None:
        return _TOLERANCE
    if np.ndim(value) or is_traced([value]):
        raise UncoveredFunctionError(
            f"`{_NAME}` over traced values with `{name}={value!r}` is not covered", "give one number for all entries."
        )
    return float(value)


COVERED.setdefault("scipy.integrate", {})["odeint"] = odeint
