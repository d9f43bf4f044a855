"""``assert_laws``: every law, for one primitive, function or program, and one report of all that do not hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from inspect import unwrap
from random import Random
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest import SkipTest

import numpy as np

from functrans.errors import FunctransError, TracedValueError, describe_function, is_library
from functrans.ir.program import Program
from functrans.primitives import Bilinear, Derivatives, Each, Linear, Primitive, Rules
from functrans.testing.case import Case, Subject, name_of, source_of
from functrans.testing.compare import flat, leaves
from functrans.testing.laws import LAWS, Law, LawBroken, spec_foretells
from functrans.testing.numerical import Undecided

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    Places: TypeAlias = list[Case] | SearchStrategy[Case]


class LawsBroken(LawBroken):
    """Every law that does not hold, at the smallest case found for each.

    Attributes:
        broken: a :class:`LawBroken` for each; the first lends its ``law``, ``case`` and ``finding``.
        errors: what else was raised meanwhile.
    """

    def __init__(self, failures: Sequence[Exception], report: str) -> None:
        AssertionError.__init__(self, report)
        self.broken = tuple(e for e in failures if isinstance(e, LawBroken))
        self.errors = tuple(e for e in failures if not isinstance(e, LawBroken))
        self.law, self.case, self.finding = self.broken[0].law, self.broken[0].case, self.broken[0].finding


class NotJudged(AssertionError):  # noqa: N818
    """A law could be judged at none of the cases: nothing was tested."""

    def __init__(self, law: Law, why: str) -> None:
        super().__init__(
            f"the law {law.name} ({law.equation}) could be judged at no case: {why}\n"
            "Fix: give other cases with `at=`, or leave the law out with `laws=`."
        )
        self.law, self.why = law, why


def assert_laws(
    subject: Subject,
    at: SearchStrategy[Any] | Iterable[Any] | None = None,
    *,
    laws: Sequence[Law] | None = None,
    max_examples: int | None = None,
) -> None:
    """Check that a primitive, a function or a program obeys the laws.

    Args:
        subject: a primitive, a function of arrays (or of trees of them), or a program.
        at: where: tuples of arguments, or :class:`Case` objects, each of which is checked; or a hypothesis strategy of
            them. An elementwise primitive that declares its ``domain``, and one whose operands are known
            (:func:`functrans.testing.strategies.register`), needs none.
        laws: which; all of :data:`functrans.testing.laws.LAWS` that say something about the subject, by default.
        max_examples: how many cases are drawn for each law; a sixth of what the hypothesis profile says, at least 4,
            by default.

    Raises:
        LawsBroken: laws do not hold. It names all of them, with both numbers and the smallest case found for each.
        NotJudged: every law that could be judged holds, but one could be judged nowhere (at kinks, say).
        ModuleNotFoundError: cases must be drawn, and hypothesis is not installed.
        Exception: whatever the function or one of its rules raises; a note says which law and case led there.

    Example:
        >>> import numpy as np
        >>> from functrans.primitives import lookup
        >>> from functrans.testing import assert_laws
        >>> assert_laws(lookup("tanh"), max_examples=2)
        >>> assert_laws(lambda x, y: np.sum(x * np.sin(y)), at=[(np.array([0.5, 2.0]), 1.5)])
    """
    __tracebackhide__ = True
    smooth, anywhere = _places(subject, at)
    name = name_of(subject)
    failures: list[tuple[Law, Exception]] = []
    # Those about values first: the others rest on them.
    among = sorted(LAWS, key=lambda law: law.order) if laws is None else laws
    checked = [law for law in among if law.applies_to(subject)]
    for law in checked:
        for places in (smooth,) if anywhere is smooth or not law.anywhere else (smooth, anywhere):
            found = failure(law, places, max_examples, name)
            if found is not None:
                failures.append((law, found))
                break
    if any(isinstance(error, LawBroken) for _, error in failures):
        raise LawsBroken([error for _, error in failures], _report(name, len(checked), failures))
    for law, error in sorted(failures, key=lambda failure: isinstance(failure[1], NotJudged)):
        same = [other.name for other, e in failures if other is not law and str(e) == str(error)]
        if same:
            error.add_note(f"and so do: {', '.join(same)}")
        raise error


def assert_law(law: Law, at: Places, max_examples: int | None = None, *, of: str = "") -> None:
    """One law, at cases from a list or drawn from a strategy; ``of`` names the subject in hypothesis's database."""
    __tracebackhide__ = True
    found = failure(law, at, max_examples, of)
    if found is not None:
        raise found


# Where.


def _places(subject: Subject, at: SearchStrategy[Any] | Iterable[Any] | None) -> tuple[Places, Places]:
    """The cases for all laws, and those for the laws that hold anywhere."""

    def case(given: Any, seed: int) -> Case:
        if isinstance(given, Case):
            return given
        if type(given) is not tuple:
            raise TypeError(
                f"`at` gives tuples of arguments, one for each call of `{name_of(subject)}`, but this is a "
                f"{type(given).__name__}: {source_of(given)}\n"
                "Fix: write `at=[(x, y)]` to look at f(x, y), and `at=[(x,)]` to look at f(x)."
            )
        return Case(subject, given, seed=seed)

    if at is None:
        if not isinstance(subject, Primitive | Program):
            raise TypeError(
                f"it is not known which arguments `{name_of(subject)}` takes\n"
                "Fix: say where to look, with tuples of arguments: `assert_laws(f, at=[(x, y)])`."
            )
        from functrans.testing import strategies

        if isinstance(subject, Primitive):
            return strategies.cases(subject), strategies.cases(subject, edges=True)
        program, made = subject, strategies.ProgramCase
        smooth, anywhere = (
            _seeded(lambda args, seed: made(program, args, seed=seed), strategies.arguments(program, edges=edges))
            for edges in (False, True)
        )
        return smooth, anywhere
    if not isinstance(at, Iterable):
        drawn = _seeded(case, at)
        return drawn, drawn
    listed = [case(given, seed) for seed, given in enumerate(at)]
    if not listed:
        raise TypeError("`at` is empty, so nothing would be tested")
    return listed, listed


def _seeded(make: Callable[[Any, int], Case], given: SearchStrategy[Any]) -> SearchStrategy[Case]:
    from hypothesis import strategies as st

    return st.builds(make, given, st.integers(0, 99))


# One law.


def verdict(law: Law, case: Case) -> Exception | None:
    """What a law has to say about a case, which is the same afterwards, whatever the function does to its arguments.

    Raises:
        Undecided: it cannot be judged there.
    """
    kept = case.copied()
    try:
        case.copied().value()
    except np.linalg.LinAlgError as refused:
        raise Undecided(f"NumPy refuses it: {refused}") from None
    except Exception as error:
        return _noted(error, "raised by the function itself", f"  at {kept!r}")
    try:
        law(case)
    except Undecided:
        raise
    except LawBroken as broken:
        return LawBroken(law, case, broken.finding)
    except Exception as error:
        if isinstance(error, np.linalg.LinAlgError) and not np.all(np.isfinite(flat(kept.args))):
            # A matrix with infinities may have a solution where its transpose has none.
            raise Undecided(f"NumPy refuses it: {error}") from None
        return _noted(error, f"raised while the law {law.name} was checked: {law.equation}", f"  at {kept!r}")
    finally:
        for written, before in zip(leaves(case.args), leaves(kept.args), strict=True):
            if type(written) is np.ndarray and written.flags.writeable:
                written[...] = before
    return None


def _noted(error: Exception, *notes: str) -> Exception:
    if type(error).__module__.partition(".")[0] == "hypothesis":  # what `assume` raises
        raise error
    for note in notes:
        error.add_note(note)
    return error


def failure(law: Law, at: Places, max_examples: int | None = None, name: str = "") -> Exception | None:
    """What goes wrong at the smallest case at which something does, if anything."""
    found = (
        _first_failure(law, at)
        if isinstance(at, list)
        else _drawn_failure(law, at, max_examples, f"{law.name} of {name}")
    )
    if isinstance(found, tuple):
        error, case = found
        if not isinstance(error, LawBroken):
            for culprit in _culprits(law, case):
                error.add_note(f"  {culprit}")
            if law.staged and isinstance(error, TracedValueError) and not isinstance(case.subject, Primitive):
                error.add_note(
                    "A function that needs values while it runs has no program. The other laws are about it too:\n"
                    "  assert_laws(f, at=..., laws=[law for law in laws.LAWS if not law.staged])"
                )
        return error
    return found


# What is found: nothing, an error and the case that it is about, or that there was nothing to judge.
Found: TypeAlias = tuple[Exception, Case] | Exception | None

_NOTHING_MOVES = "no argument can move: give floating or complex numbers, not integers"
_UNDECIDED = (
    "the numerical derivative cannot be told well enough there (a kink, a jump, noise, or a value that is not finite "
    "is near)"
)


def _not_judged(law: Law, why: set[str]) -> NotJudged:
    return NotJudged(law, "; ".join(sorted(why)) or "none was drawn")


def _judge(law: Law, case: Case, why: set[str]) -> Exception | None:
    if law.order and not case.moving:
        why.add(_NOTHING_MOVES)
        raise Undecided
    try:
        return verdict(law, case)
    except Undecided as undecided:
        why.add(str(undecided) or _UNDECIDED)
        raise


def _first_failure(law: Law, cases: list[Case]) -> Found:
    judged, why = 0, set[str]()
    for case in sorted(cases, key=lambda case: sum(np.size(leaf) for leaf in leaves(case.args))):
        try:
            error = _judge(law, case, why)
        except Undecided:
            continue
        judged += 1
        if error is not None:
            return error, case
    return None if judged else _not_judged(law, why)


def _drawn_failure(law: Law, at: SearchStrategy[Case], max_examples: int | None, key: str) -> Found:
    from hypothesis import Phase, Verbosity, find, reject, settings
    from hypothesis.errors import Flaky, HypothesisException, NoSuchExample, Unsatisfiable

    profile: Any = settings.default
    found: list[tuple[Exception, Case]] = []
    why = set[str]()

    def fails(case: Case) -> bool:
        try:
            error = _judge(law, case, why)
        except Undecided:
            reject()
        if error is None or (found and _kind(error) != _kind(found[0][0])):  # made smaller, it is still the same
            return False
        found[:] = [(error, case)]
        return True

    try:
        find(
            at,
            fails,
            settings=settings(
                max_examples=max_examples or max(4, profile.max_examples // 6),
                deadline=None,
                phases=[phase for phase in profile.phases if phase is not Phase.explain],
                # It would tell how to repeat a function of its own.
                verbosity=Verbosity.quiet if profile.verbosity is Verbosity.normal else profile.verbosity,
            ),
            random=_random(key, profile.derandomize),
            database_key=key.encode(),  # by default it would be one for all laws and all subjects
        )
    except (NoSuchExample, SkipTest):  # (nothing to replay, and nothing else was asked for)
        return None
    except Unsatisfiable:
        return _not_judged(law, why)
    except Flaky:
        found[0][0].add_note("Called with the same case again, it went otherwise: it depends on more than that.")
    except HypothesisException:
        raise
    except Exception as error:
        error.__notes__ = ["raised while a case was drawn"]
        return error
    return found[0]


def _random(key: str, derandomize: bool) -> Random | None:
    """Of its own for each law and subject, where it shall be the same every time; it puts the database out of use."""
    from hypothesis import core

    seed = getattr(core, "global_force_seed", None)  # of `pytest --hypothesis-seed`
    return Random(f"{seed} {key}") if derandomize or seed is not None else None


def _kind(error: Exception) -> Any:
    if isinstance(error, LawBroken):
        return LawBroken
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return type(error), trace and (trace.tb_frame.f_code.co_filename, trace.tb_lineno)


# The report.


def _report(name: str, count: int, failures: Sequence[tuple[Law, Exception]]) -> str:
    broken = [error for _, error in failures if isinstance(error, LawBroken)]
    parts = [f"`{name}` breaks {len(broken)} of {count} laws.", *map(_explained, broken)]
    others: dict[str, list[str]] = {}
    for law, error in failures:
        if not isinstance(error, LawBroken):
            others.setdefault(_shown(error), []).append(law.name)
    if others and any(error.law is spec_foretells for error in broken):
        names = [name for group in others.values() for name in group]
        parts.append(f"Not checked, since they rest on the spec: {', '.join(names)}")
    else:
        parts += [f"Not checked to the end: {', '.join(names)}\n{indent(text, '  ')}" for text, names in others.items()]
    return "\n\n".join(parts)


def _explained(broken: LawBroken) -> str:
    """A broken law in a few lines: what it says, what was found, where, and what that usually means."""
    law, case = broken.law, broken.case
    advice = dedent((law.__doc__ or "").partition("\n")[2]).strip()
    rows = [broken.finding, *_culprits(law, case), f"at {case!r}", *_layout(law, case), *([advice] if advice else [])]
    return f"{law.name}: {law.equation}\n{indent(chr(10).join(rows), '  ')}"


def _shown(error: Exception) -> str:
    """An error with the innermost line that is the user's."""
    if isinstance(error, NotJudged):
        return error.why
    text = f"{type(error).__name__}: {error}"
    where = ""
    trace = None if isinstance(error, FunctransError) else error.__traceback__  # that says where
    while trace is not None:
        if not is_library(trace.tb_frame.f_code.co_filename):
            where = f"\n  at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return "\n".join([text + where, *getattr(error, "__notes__", [])[1:]])


def _layout(law: Law, case: Case) -> list[str]:
    """How the arguments lie in memory, where that matters."""
    if all(type(leaf) is not np.ndarray or leaf.flags.carray for leaf in leaves(case.args)):
        return []
    try:
        if verdict(law, case.copied()) is not None:
            return []
    except Undecided:
        pass
    laid = [
        f"strides {leaf.strides}{'' if leaf.flags.writeable else ', read-only'}"
        f"{'' if leaf.flags.aligned else ', unaligned'}"
        for leaf in leaves(case.args)
        if type(leaf) is np.ndarray
    ]
    return [f"but not with copies of these arrays, which have {'; '.join(laid)}"]


def _culprits(law: Law, case: Case) -> list[str]:
    """The operands in which something is wrong, and their rules."""
    guilty = []
    if law.order:
        for i in case.moving:
            try:
                if verdict(law, case.at(case.args, (i,))) is not None:
                    guilty.append(i)
            except Undecided:
                continue
    if case.primitive is None:
        return [f"in argument {i}" for i in guilty] if len(case.moving) > 1 else []
    return [f"in operand {i}{_rules(case.primitive, i)}" for i in guilty]


def _rules(primitive: Primitive | None, position: int) -> str:
    kind = primitive.derivative if primitive is not None else None
    found: dict[str, Any] = {}
    match kind:
        case Derivatives(locals=rules):
            found = {"its derivative": rules[position]}
        case Linear(transposes=rules) | Bilinear(transposes=rules):
            found = {"its transpose": rules.rule if isinstance(rules, Each) else rules[position]}
        case Rules(jvp=jvp, vjp=vjp):
            found = {"its jvp": jvp[position], "its vjp": vjp[position] if vjp is not None else None}
    named = [f"{kind}: {describe_function(unwrap(rule))}" for kind, rule in found.items() if callable(rule)]
    return f" ({', '.join(named)})" if named else ""


__all__ = ["LawBroken", "LawsBroken", "NotJudged", "assert_law", "assert_laws", "failure"]
