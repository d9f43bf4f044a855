"""``check_grads``: derivatives of a function, of any order and in both modes, against numerical ones."""

from __future__ import annotations

import itertools
import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.errors import DerivativeError, IntegerInputError, describe_function
from functrans.testing.case import noise
from functrans.testing.gradient_report import report
from functrans.testing.probes import Look, cotangents, directions, random_direction
from functrans.testing.smallest import Setting, smallest
from functrans.testing.subject import Step, Subject

_MODES = {"forward": "forward", "fwd": "forward", "reverse": "reverse", "rev": "reverse"}


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    *,
    seed: int = 0,
    entries: int = 16,
) -> None:
    """Check the derivatives of ``f`` at ``args``, up to an order and in every nesting of the modes.

    Each derivative is compared with a numerical derivative of the function one order lower, computed in double
    precision; forward with reverse mode, by ``<w, J v> == <J^T w, v>``; and, for arguments in single precision, the
    derivative there with that in double precision. What may differ follows from the estimated error of the numerical
    derivative, from rounding, and from how much the derivative changes when the arguments are rounded.

    Args:
        f: pure function of arrays, or of trees of arrays. Integers and other objects that it returns are ignored.
        args: a tuple of its arguments. Floating and complex leaves move, of any shape, and Python's numbers; arrays of
            integers and booleans, and other objects, are held fixed.
        order: the highest order; lower ones are checked first.
        modes: ``"forward"`` (or ``"fwd"``), ``"reverse"`` (or ``"rev"``), or both.
        seed: from which random directions are drawn.
        entries: arguments with up to that many real numbers are probed entry by entry, larger ones in a few random
            directions, and entry by entry to find what is wrong.

    Raises:
        GradientError: a derivative is wrong, or does not exist (at a kink), or the function is too noisy to tell. The
            message names the lowest such order, the argument, the entry, both numbers, and the smallest case found.
        DerivativeError: there is nothing to differentiate, or nothing to check is asked for.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> from functrans.testing import check_grads
        >>> check_grads(lambda w, x: np.tanh(x @ w), (np.array([0.5, -1.0]), np.eye(2)))
        >>> try:
        ...     check_grads(lambda x: x * ft.stop_gradient(x), (3.0,))
        ... except AssertionError as error:
        ...     print("functrans gives        3" in str(error), "numerical derivative is 6" in str(error))
        True True

    Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.1 (both modes); Ridders (1982) and
    Squire and Trapp (1998) for the numerical derivatives, see ``functrans.testing.numerical``.
    """
    if not callable(f):
        raise DerivativeError(
            f"`check_grads` needs a function, but was given a {type(f).__name__}",
            "pass the function itself, then its arguments: `check_grads(f, (x,))`.",
        )
    if not isinstance(args, tuple | list):
        raise DerivativeError(
            f"the arguments given to `check_grads` are a {type(args).__name__}, not a tuple of arguments",
            "write `check_grads(f, (x,))`.",
        )
    nested = _modes(modes)
    highest = _order(order)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        subject = Subject(f, tuple(args))
        if not subject.moving:
            raise IntegerInputError(
                f"none of the arguments of {describe_function(f)} has a derivative",
                "pass floating or complex arrays, or Python numbers; convert integers with `x.astype(float)`.",
            )
        if not subject.outputs:
            raise DerivativeError(
                f"{describe_function(f)} returned nothing that has a derivative", "return floating or complex arrays."
            )
        for level in range(1, highest + 1):
            _check_order(subject, level, nested, seed, entries)


def _modes(modes: Any) -> list[str]:
    given = [modes] if isinstance(modes, str) else list(modes)
    if not given or any(mode not in _MODES for mode in given):
        raise DerivativeError(
            f"modes={modes!r}: derivatives are taken in forward or in reverse mode",
            '`modes=("forward", "reverse")`, or one of the two.',
        )
    return list(dict.fromkeys(_MODES[mode] for mode in given))


def _order(order: Any) -> int:
    try:
        highest = operator.index(order)
    except TypeError:
        highest = 0
    if highest < 1:
        raise DerivativeError(f"order={order!r}: the order of a derivative is 1 or more", "`order=2`, for instance.")
    return highest


def _check_order(subject: Subject, order: int, modes: list[str], seed: int, entries: int) -> None:
    """Every nesting of modes at one order.

    Raises:
        GradientError: about a nesting where a derivative is wrong, if there is one, else about one that is not decided.
    """
    worst = None
    nestings: list[tuple[str, ...]] = []
    for inside in itertools.product(modes, repeat=order - 1):
        rng = np.random.default_rng([seed, order])
        look, steps = _behind(subject, inside, rng)
        outer = [*modes, "both"] if len(modes) == 2 else modes
        vs, ws = directions(rng, subject.point, entries), cotangents(rng, look.value, entries)
        for mode in outer:
            failed = []
            for v in vs:
                found = [(look.check(mode, v, w), w) for w in (ws if mode != "forward" else [None])]
                bad = [(finding, w) for finding, w in found if finding is not None]
                if bad:
                    finding, w = max(bad, key=_rank)
                    failed.append((finding, Setting(subject.point, tuple(steps), mode, v, w)))
            if failed:
                nestings.append((*inside, mode))
                finding, setting = max(failed, key=_rank)
                if worst is None or (finding.kind != "undecided") > (worst[0].kind != "undecided"):
                    worst = finding, setting, len(failed), len(vs)
    if worst is not None:
        finding, setting, count, probes = worst
        setting, finding = smallest(subject, setting, finding)
        raise report(subject, setting, finding, count, probes, nestings)


def _rank(found: Any) -> tuple[bool, float]:
    return found[0].kind != "undecided", found[0].badness


def _behind(subject: Subject, inside: Sequence[str], rng: np.random.Generator) -> tuple[Look, list[Step]]:
    """What stands behind some derivatives, each in a random direction."""
    steps: list[Step] = []
    look = Look(subject, subject.point, steps)
    for mode in inside:
        steps = [*steps, (mode, random_direction(rng, subject.point) if mode == "forward" else noise(rng, look.value))]
        look = Look(subject, subject.point, steps)
    return look, steps
