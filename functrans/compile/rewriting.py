"""What passes share: a program written again, equation by equation, in which a rule changes what it knows better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from functrans.errors import Location
from functrans.ir import ArraySpec, Atom, Equation, Literal, Program, Var
from functrans.ir.quiet import Errors
from functrans.primitives import Primitive
from functrans.tracing.trace import live_equations

#: A pass: a program in, one with the same results out.
Pass: TypeAlias = Callable[[Program], Program]


class Writer:
    """A program that is being written from another one.

    ``atom`` says what stands for a value of the old program in the new one, ``definition`` which equation of the new
    program makes a value, ``uses`` how often the old program reads one of its values.
    """

    __slots__ = ("_made", "_now", "_uses", "equations", "errors", "location", "program")

    def __init__(self, program: Program) -> None:
        self.program = program
        self.equations: list[Equation] = []
        self.location: Location | None = None
        self.errors: Errors = ()
        self._now: dict[Var, Atom] = {}
        self._made: dict[Var, Equation] = {}
        self._uses: dict[Var, int] | None = None

    def atom(self, atom: Atom) -> Atom:
        """What stands in the new program for a value of the old one."""
        return self._now.get(atom, atom)  # type: ignore[arg-type]  # no literal is in it

    def atoms(self, atoms: Sequence[Atom]) -> Sequence[Atom]:
        """:meth:`atom` of each; the same tuple where none has been replaced."""
        now = self._now
        if now:
            for atom in atoms:
                if atom in now:
                    return tuple([now.get(a, a) for a in atoms])  # type: ignore[arg-type]
        return atoms

    def definition(self, atom: Atom) -> Equation | None:
        """The equation of the new program that makes a value; None for inputs and literals."""
        return self._made.get(atom) if isinstance(atom, Var) else None

    def uses(self, var: Var) -> int:
        """How many operands and outputs of the old program are this value of it."""
        if self._uses is None:
            self._uses = {}
            for atoms in (*[e.inputs for e in self.program.equations], self.program.outputs):
                for atom in atoms:
                    if isinstance(atom, Var):
                        self._uses[atom] = self._uses.get(atom, 0) + 1
        return self._uses.get(var, 0)

    def write(self, primitive: Primitive, *inputs: Atom, **params: Any) -> Var:
        """Add an equation with one output, at the line of the equation that is being rewritten."""
        return self.write_all(primitive, inputs, params)[0]

    def write_all(self, primitive: Primitive, inputs: Sequence[Atom], params: Mapping[str, Any]) -> tuple[Var, ...]:
        """Add an equation; its outputs."""
        specs = primitive.spec(*[atom.spec for atom in inputs], **params)
        outputs = [Var(spec) for spec in ((specs,) if isinstance(specs, ArraySpec) else specs)]
        self.keep(Equation(primitive, inputs, outputs, params, self.location, self.errors))
        return tuple(outputs)

    def keep(self, equation: Equation) -> None:
        """Add an equation as it stands."""
        self.equations.append(equation)
        for var in equation.outputs:
            self._made[var] = equation

    def copy(self, equation: Equation) -> None:
        """Add an equation of the old program, of what its operands have become."""
        inputs = self.atoms(equation.inputs)
        if inputs is not equation.inputs:
            equation = equation.changed(inputs=inputs)
        self.keep(equation)

    def replace(self, var: Var, atom: Atom) -> None:
        """From here on ``atom`` (of the new program) stands for a value of the old one."""
        self._now[var] = atom

    def finish(self) -> Program:
        """The new program; what nothing reads any more is left out."""
        outputs = [self.atom(atom) for atom in self.program.outputs]
        return with_equations(self.program, live_equations(self.equations, outputs), outputs)


#: Called with the writer, an equation of the old program, and what its operands are in the new one. It gives what
#: stands for the outputs, or None: the equation stays as it is.
Rule: TypeAlias = Callable[[Writer, Equation, Sequence[Atom]], "Sequence[Atom] | None"]


def rewritten(program: Program, rule: Rule) -> Program:
    """The program, each equation of which is what the rule makes of it; the program itself if the rule changes none."""
    writer = Writer(program)
    changed = False
    for equation in program.equations:
        writer.location, writer.errors = equation.location, equation.errors
        atoms = rule(writer, equation, writer.atoms(equation.inputs))
        if atoms is None:
            writer.copy(equation)
            continue
        changed = True
        for var, atom in zip(equation.outputs, atoms, strict=True):
            if var.spec != atom.spec:
                raise AssertionError(f"a pass put {atom.spec} in the place of {var.spec}")
            writer.replace(var, atom)
    return writer.finish() if changed else program


def with_equations(program: Program, equations: Sequence[Equation], outputs: Sequence[Atom] | None = None) -> Program:
    """The program with other equations (and outputs)."""
    return Program(
        program.inputs,
        equations,
        program.outputs if outputs is None else outputs,
        name=program.name,
        input_names=program.input_names,
        in_tree=program.in_tree,
        out_tree=program.out_tree,
    )


def known(atom: Atom) -> bool:
    """Whether a value is a plain constant."""
    from functrans.tracing.tracer import Tracer

    return isinstance(atom, Literal) and type(atom.value) is not Tracer
