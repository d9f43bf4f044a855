"""What every pass keeps: the results to the bit, validity; twice is once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.interpreter import run
from functrans.ir import Program
from functrans.testing.compare import assert_same_bits


def check_pass(rewrite: Callable[[Program], Program], program: Program, leaves: Sequence[Any]) -> Program:
    """Hold a pass against its laws on one program, run on these leaves; what the pass made."""
    made = rewrite(program)
    made.validate()
    with np.errstate(all="ignore"):
        for ours, theirs in zip(run(made, leaves), run(program, leaves), strict=True):
            assert_same_bits(ours, theirs)
    assert rewrite(made) == made, f"twice is not once:\n{made}\n{rewrite(made)}"
    return made
