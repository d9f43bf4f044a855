"""Hypothesis strategies for shapes, arrays, trees, operands of primitives and whole programs.

They stand beside ``hypothesis.strategies``, with which they share no name.
"""

try:
    import hypothesis as _  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "drawing examples needs hypothesis, which is not installed\n"
        "Fix: `pip install 'functrans[testing]'`. `check_grads`, and `assert_laws(f, at=[(x, y)])`, do without.",
        name="hypothesis",
    ) from error

from functrans.testing.strategies import control as control
from functrans.testing.strategies import decompositions as decompositions
from functrans.testing.strategies import differences as differences
from functrans.testing.strategies import fourier as fourier
from functrans.testing.strategies import implicit as implicit
from functrans.testing.strategies import least_squares as least_squares
from functrans.testing.strategies import methods as methods
from functrans.testing.strategies import nan as nan
from functrans.testing.strategies import signals as signals
from functrans.testing.strategies import sorting as sorting
from functrans.testing.strategies import table as table
from functrans.testing.strategies.array import arrays as arrays
from functrans.testing.strategies.array import dtypes as dtypes
from functrans.testing.strategies.array import shapes as shapes
from functrans.testing.strategies.array import specs as specs
from functrans.testing.strategies.entries import Draw as Draw
from functrans.testing.strategies.operands import cases as cases
from functrans.testing.strategies.operands import known_primitives as primitives
from functrans.testing.strategies.operands import operands as operands
from functrans.testing.strategies.operands import register as register
from functrans.testing.strategies.programs import ProgramCase as ProgramCase
from functrans.testing.strategies.programs import arguments as arguments
from functrans.testing.strategies.programs import program_cases as program_cases
from functrans.testing.strategies.programs import programs as programs
from functrans.testing.strategies.trees import arrays_like as arrays_like
from functrans.testing.strategies.trees import cotangents as cotangents
from functrans.testing.strategies.trees import pytrees as pytrees
from functrans.testing.strategies.trees import tangents as tangents

__all__ = [
    "Draw",
    "ProgramCase",
    "arguments",
    "arrays",
    "arrays_like",
    "cases",
    "cotangents",
    "dtypes",
    "operands",
    "primitives",
    "program_cases",
    "programs",
    "pytrees",
    "register",
    "shapes",
    "specs",
    "tangents",
]
