"""Hypothesis strategies for shapes, arrays, operands of primitives and whole programs."""

from functrans.testing.strategies import table as table
from functrans.testing.strategies.entries import Draw as Draw
from functrans.testing.strategies.operands import cases as cases
from functrans.testing.strategies.operands import known_primitives as primitives
from functrans.testing.strategies.operands import operands as operands
from functrans.testing.strategies.operands import register as register

__all__ = ["Draw", "cases", "operands", "primitives", "register"]
