"""The passes, a file each: a program in, one that gives the same results out."""

from __future__ import annotations

from functrans.compile.passes.algebra import simplify
from functrans.compile.passes.common import common_subexpressions
from functrans.compile.passes.contraction import contractions
from functrans.compile.passes.dead import dead_code
from functrans.compile.passes.factorizations import factorizations
from functrans.compile.passes.folding import fold_constants
from functrans.compile.passes.hoisting import hoist
from functrans.compile.passes.inline import inline
from functrans.compile.passes.layout import layout
from functrans.compile.passes.scalars import convert_scalars
from functrans.compile.passes.scatter import scatter
from functrans.compile.passes.signs import move_signs
from functrans.compile.passes.strength import cheaper
from functrans.compile.rewriting import Pass

#: What every compiled program goes through, in this order: the results stay the same to the bit. (But for the sign of a
#: NaN, which means nothing.)
EXACT: dict[str, Pass] = {
    "inline": inline,
    "hoisting": hoist,
    "common": common_subexpressions,
    "algebra": simplify,
    "signs": move_signs,
    "folding": fold_constants,
    "strength": cheaper,
    "scatter": scatter,
    "layout": layout,
    "scalars": convert_scalars,
    "dead_code": dead_code,
}

#: What changes rounding: only those that are asked for by name run, before the others.
ROUNDING: dict[str, Pass] = {
    "contractions": contractions,
    "factorizations": factorizations,
}
