"""``breakpoint``: Python's debugger at the user's line, in the middle of a transform."""

from __future__ import annotations

import os
import sys
from typing import Any

from functrans.errors import TracedValueError, _user_frame
from functrans.tracing.refusal import staged_by
from functrans.tracing.tracer import Tracer


def breakpoint() -> None:
    """Open Python's debugger at this line, as the built-in ``breakpoint`` does; but where values are not known, say so.

    Under ``grad``, ``vjp`` and ``jvp`` the variables are traced values, which show what they are; ``p
    functrans.stop_gradient(x)`` is a plain one. ``PYTHONBREAKPOINT`` and ``sys.breakpointhook`` are obeyed.

    Raises:
        TracedValueError: a variable of the function has no value: a program is traced, or it stands for many examples.

    Example:
        >>> import functrans as ft
        >>> def f(x):
        ...     y = x * x
        ...     if y > 100:
        ...         ft.debug.breakpoint()
        ...     return y
        >>> ft.grad(f)(3.0)
        6.0
    """
    frame = _user_frame(0)
    assert frame is not None
    for name, value in frame.f_locals.items():
        stager = staged_by(value) if type(value) is Tracer else None
        if stager is not None:
            what = "stands for many examples" if stager.batched else "has no value"
            raise TracedValueError(
                f"`functrans.debug.breakpoint` where `{name}` {what}: it is traced {stager.purpose}",
                "`functrans.debug.print` prints when the program runs"
                + (" for each example; `functrans.map`, a plain loop, has" if stager.batched else "; `grad` and `jvp`")
                + (" values." if stager.batched else " have values."),
            )
    if sys.breakpointhook is not sys.__breakpointhook__ or os.environ.get("PYTHONBREAKPOINT") is not None:
        sys.breakpointhook()
        return
    import pdb

    debugger: Any = pdb.Pdb()
    debugger.set_trace(frame)
