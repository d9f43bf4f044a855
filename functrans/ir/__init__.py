"""The intermediate representation: what tracing writes, transforms read, and the interpreter runs."""

from functrans.ir.program import Atom as Atom
from functrans.ir.program import Equation as Equation
from functrans.ir.program import Literal as Literal
from functrans.ir.program import Program as Program
from functrans.ir.program import Var as Var
from functrans.ir.spec import ArraySpec as ArraySpec
