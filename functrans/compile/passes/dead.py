"""Dead code: equations whose results nothing reads."""

from __future__ import annotations

from functrans.compile.rewriting import with_equations
from functrans.ir import Program
from functrans.tracing.trace import live_equations


def dead_code(program: Program) -> Program:
    """The program without equations that no output depends on; those that have an effect stay."""
    live = live_equations(program.equations, program.outputs)
    return program if len(live) == len(program.equations) else with_equations(program, live)
