"""From a traced program to what runs: the passes one after the other, then the code."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any, NamedTuple

from functrans.compile.code import Code, generated
from functrans.compile.later import Later
from functrans.compile.numbers import on_numbers
from functrans.compile.passes import EXACT, ROUNDING
from functrans.compile.rewriting import with_equations
from functrans.compile.speculation import Speculating, speculative
from functrans.ir import Program
from functrans.ir.program import held_programs


class Stage(NamedTuple):
    """A step of the way: its name, the milliseconds that it took, how many equations there were after it."""

    name: str
    milliseconds: float
    equations: int


class Compiled:
    """A program, ready to run.

    Attributes:
        traced: the program as it was traced.
        program: what the passes have made of it.
        stages: what each of them took.
        code: the Python function that runs.
    """

    __slots__ = ("code", "program", "run", "stages", "traced")

    def __init__(self, traced: Program, program: Program, stages: list[Stage], code: Code) -> None:
        self.traced, self.program, self.stages, self.code = traced, program, stages, code
        self.run = code.run

    @property
    def source(self) -> str:
        """The text of the function, after those of the bodies of loops and branches that it holds."""
        bodies = {inner.name: inner for e in self.program.equations for inner in held_programs(e.params)}
        texts = [inner.derived["compiled"].source for inner in bodies.values() if "compiled" in inner.derived]
        return "\n".join([*dict.fromkeys(texts), self.code.source])

    def report(self) -> str:
        """The stages as a table, and the memory that is needed."""
        rows = [("pass", "ms", "equations"), ("traced", "", str(len(self.traced.equations)))]
        rows += [(stage.name, f"{stage.milliseconds:.3f}", str(stage.equations)) for stage in self.stages]
        width = max(len(name) for name, _, _ in rows)
        lines = [f"# {name:<{width}}  {time:>8}  {count:>9}" for name, time, count in rows]
        peak, pooled = self.code.peak / 1e6, self.code.pooled / 1e6
        lines.append(f"# at most {peak:.4g} MB of values at once, {pooled:.4g} MB of them in buffers that are kept")
        return "\n".join(lines)


def compiled(program: Program, allow: tuple[str, ...] = ()) -> Compiled:
    """A program, ready to run; made once."""
    known = program.derived.get(("compiled", allow))
    if known is None:
        known = program.derived.setdefault(("compiled", allow), _compile(program, allow))
    return known  # type: ignore[no-any-return]


def _compile(program: Program, allow: tuple[str, ...]) -> Compiled:
    stages: list[Stage] = []
    made = program
    passes = list(EXACT.items())
    if allow:
        # Those that round otherwise look at what is as it was written, but for calls, which have been opened, and for
        # products that need not absorb zeros.
        passes[:1] = [*[(name, EXACT[name]) for name in ("inline", "algebra")], *[(n, ROUNDING[n]) for n in allow]]
    for name, rewrite in passes:
        start = perf_counter()
        made = rewrite(made)
        stages.append(Stage(name, 1e3 * (perf_counter() - start), len(made.equations)))
    start = perf_counter()
    made = _with_held(made, allow)
    careful = Later(lambda: generated(made).run)
    code = on_numbers(made, careful)
    fast = speculative(made) if code is None else None
    if code is None:
        quick = made if fast is None else fast.program
        if fast is not None:
            for name in allow:  # they find more among plain products
                quick = ROUNDING[name](quick)
        code = generated(quick)
    stages.append(Stage("code", 1e3 * (perf_counter() - start), len(made.equations)))
    found = Compiled(program, made, stages, code)
    if fast is not None:
        found.run = Speculating(code.run, careful, fast.heard)
    return found


def _with_held(program: Program, allow: tuple[str, ...]) -> Program:
    """The program, with those that its equations hold compiled."""
    if not any(held_programs(equation.params) for equation in program.equations):
        return program
    equations = [
        e.changed(params=_compiled_params(e.params, allow)) if held_programs(e.params) else e for e in program.equations
    ]
    return with_equations(program, equations)


def _compiled_params(params: Mapping[str, Any], allow: tuple[str, ...]) -> dict[str, Any]:
    def held(value: Any) -> Any:
        if isinstance(value, Program):
            inner = compiled(value, allow)
            inner.program.derived.update(run=inner.run, compiled=inner)
            return inner.program
        if not isinstance(value, tuple):
            return value
        made = [held(v) for v in value]
        return type(value)(*made) if hasattr(value, "_fields") else tuple(made)

    return {name: held(value) for name, value in params.items()}
