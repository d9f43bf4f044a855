"""The passes, a file each: a program in, one that gives the same results out."""

from __future__ import annotations

from functrans.compile.passes.dead import dead_code
from functrans.compile.passes.layout import layout
from functrans.compile.rewriting import Pass

#: What every compiled program goes through, in this order: the results stay the same to the bit.
EXACT: dict[str, Pass] = {
    "layout": layout,
    "dead_code": dead_code,
}

#: What changes rounding: only those that are asked for by name run, before the others.
ROUNDING: dict[str, Pass] = {}
