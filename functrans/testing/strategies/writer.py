"""How a random program is written: equation by equation, with a look at the values that flow through it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.ir import ArraySpec, Equation, Literal, Program, Var
from functrans.ops.scalars import weak
from functrans.primitives import REAL, Bilinear, Constant, Linear, Primitive
from functrans.testing.case import has_rule
from functrans.testing.compare import double
from functrans.testing.strategies.operands import registered
from functrans.tracing.bind import bind
from functrans.tracing.trace import StagedRecorder
from functrans.tracing.tracer import Tracer

#: Where an operand comes from; the first is the simplest.
WIRES = ("input", "variable", "variable", "variable", "variable", "bent", "literal")
#: What is returned beside the values that nothing uses.
EXTRAS = ("value", "input", "literal")

# These compute with any numbers, though their rules are special; of other primitives with a recipe of operands it is
# not known, so that their operands stay near the recipe's.
_NUMBERS = {"strong", "copy", "absorbing_multiply", "absolute_complex", "abs_complex", "sign_complex", "modf", "frexp"}
_CHOICES = {"maximum", "minimum", "fmax", "fmin", "clip", "clip_low", "clip_high", "max", "min"}
_REDUCTIONS = {"prod", "cumprod", "linear_recurrence", "var", "var_about", "std", "std_about"}
_ANYWHERE = _NUMBERS | _CHOICES | _REDUCTIONS
# Operands that must stay sorted.
_FIXED = {"digitize": (1,), "searchsorted": (0,)}
# SciPy takes as many steps as an operand of these says, so that it does not come to an end where one is huge.
ENDLESS = ("scipy.special.eval_", "scipy.special.hyp1f1", "scipy.special.hyperu", "scipy.special.yn")
# What these give has no derivative because they say so: it is held fixed, also by the judge.
_HELD = ("stop_gradient", "polarization_radius")
# What may stand in for a drawn operand that is no real or complex number.
_DISCRETE = {"where": 0}
_PYTHON = (float, complex, int, bool)
# Moderate: values, slopes and curvatures up to these.
_LARGEST, _STEEPEST, _CURVIEST = 1e3, 50.0, 200.0
# The point, and four beside it.
_STEPS = (0.0, 2.0**-5, -(2.0**-5), 2.0**-6, -(2.0**-6))


class Unfit(Exception):  # noqa: N818 (no error: another way is tried)
    """What was about to be written is not moderate, not smooth, not allowed, or too long."""


class Writer(StagedRecorder):
    """Writes a program from steps (see :meth:`take`); what does not fit is written in another way, or left out.

    Args:
        most: equations at most.
        allowed: the only primitives that may occur; ``None`` for all.
        careful: whether values must stay finite, moderate and smooth.
    """

    __slots__ = ("allowed", "careful", "inputs", "most", "samples", "tracers")

    def __init__(self, most: int, allowed: Collection[Primitive] | None = None, careful: bool = True) -> None:
        super().__init__("programs", self.__class__)
        self.most, self.allowed, self.careful = most, allowed, careful
        self.inputs: list[Var] = []
        self.tracers: list[Tracer] = []
        #: By variable: the value at the point, and at those beside it.
        self.samples: dict[Var, list[Any]] = {}

    # Equations.

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        if len(self.equations) >= self.most or not (self.allowed is None or primitive in self.allowed):
            raise Unfit
        atoms = [self.atom(arg) for arg in args]
        foretold = primitive.spec(*[atom.spec for atom in atoms], **params)
        variables = [Var(spec) for spec in (foretold if primitive.multiple else (foretold,))]
        columns = [self._sampled(atom) for atom in atoms]
        found: list[list[Any]] = [[] for _ in variables]
        for operands in zip(*columns, strict=True) if columns else [()] * self._moves:
            out = primitive.impl(*operands, **params)
            for values, value in zip(found, out if primitive.multiple else (out,), strict=True):
                values.append(value)
        for var, values in zip(variables, found, strict=True):
            given = ArraySpec.of(values[0])
            if given != var.spec:
                # Python's own numbers know cases that specs do not: `1j * np.float64(2)` is Python's.
                if any(type(value) in _PYTHON for value in (values[0], *[column[0] for column in columns])):
                    raise Unfit
                raise AssertionError(f"the spec of {primitive.name!r} foretells {var.spec}, it gives {given}")
            if self.careful and not moderate(values):
                raise Unfit
        self.equations.append(Equation(primitive, atoms, variables, params))
        outs = []
        for var, values in zip(variables, found, strict=True):
            self.samples[var] = values
            outs.append(self._new(var))
        return tuple(outs) if primitive.multiple else outs[0]

    @property
    def _moves(self) -> int:
        return len(_STEPS) if self.careful else 1

    def _sampled(self, atom: Any) -> list[Any]:
        return [atom.value] * self._moves if isinstance(atom, Literal) else self.samples[atom]

    def _new(self, var: Var) -> Tracer:
        made = Tracer(self, var.spec, var)
        self.tracers.append(made)
        return made

    # Steps.

    def take(self, kind: str, *what: Any) -> None:
        """Write a step.

        - ``"apply", primitive, args, params, wires`` is an equation with drawn operands, and for each a pair that says
          where it comes from instead: one of :data:`WIRES`, and which;
        - ``"again", which`` is an equation that is there already;
        - ``"input", value`` is an input;
        - ``"nothing"`` is none.
        """
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind == "nothing":
                pass
            elif kind == "input":
                self._input(*what)
            elif kind == "again":
                self._attempt(lambda: self._again(*what))
            else:
                _ = self._attempt(lambda: self._apply(False, *what)) or self._attempt(lambda: self._apply(True, *what))

    def _attempt(self, write: Callable[[], object]) -> bool:
        equations, inputs, tracers = len(self.equations), len(self.inputs), len(self.tracers)
        try:
            write()
        except (Unfit, ValueError, ArithmeticError, np.linalg.LinAlgError):
            # Python's zero divisions, NumPy's singular matrices.
            del self.equations[equations:], self.inputs[inputs:], self.tracers[tracers:]
            return False
        return True

    def _again(self, which: int) -> None:
        if self.equations:
            equation = self.equations[-1 - which % len(self.equations)]
            self.process(equation.primitive, equation.inputs, equation.params)

    def _apply(
        self,
        timid: bool,
        primitive: Primitive,
        args: Sequence[Any],
        params: Mapping[str, Any],
        wires: Sequence[tuple[str, int]],
    ) -> None:
        operands = [
            self._wired(value, self._freedom(primitive, i, timid), *wire)
            for i, (value, wire) in enumerate(zip(args, wires, strict=True))
        ]
        self.process(primitive, tuple(operands), params)

    def atom(self, value: Any) -> Any:
        return value if isinstance(value, Var | Literal) else super().atom(value)

    # Operands.

    def _freedom(self, primitive: Primitive, position: int, timid: bool) -> str:
        """What may stand in for an operand: anything, a discrete variable, what stays near it, or nothing else."""
        name, derivative = primitive.name, primitive.derivative
        recipe = registered(primitive)
        moving = None if recipe is None else recipe.moving
        if position in _FIXED.get(name, ()) or not (moving is None or position in moving):
            return "none"
        if not self.careful and name.startswith(ENDLESS):
            return "none"
        if not (isinstance(derivative, Constant) or has_rule(primitive, position)):
            if name.startswith("scipy."):  # an order: SciPy's recurrences take as many steps
                return "none"
            return "discrete" if primitive.domain or _DISCRETE.get(name) == position else "none"
        if not self.careful:
            return "any" if primitive.domain or isinstance(derivative, Linear | Bilinear) else "none"
        if primitive.domain:
            if primitive.domain[position] != REAL:
                return "inside"
            return "near" if timid else "any"
        total = isinstance(derivative, Linear | Bilinear | Constant) or name in _ANYWHERE
        return "any" if total and not timid else "near"

    def _wired(self, value: Any, freedom: str, wire: str, which: int) -> Any:
        spec = ArraySpec.of(value)
        if wire == "literal" or freedom == "none":
            return value
        if self.careful and not np.all(np.isfinite(value)):  # in arrays with gaps: nothing else sees those
            return value
        if spec.dtype.kind not in "fc":
            return self._discrete(value, spec, wire, which) if freedom in ("any", "discrete") else value
        if freedom == "discrete":
            return value
        if wire == "input" and freedom in ("any", "inside"):
            return self._input(value)
        source = self._input(value) if wire == "input" else self._variable(spec, which, bent=wire == "bent")
        if source is None:
            return self._input(value) if freedom in ("any", "inside") else value
        if freedom == "any":
            return source
        return _near(value, source)

    def _input(self, value: Any) -> Tracer:
        var = Var(ArraySpec.of(value))
        self.inputs.append(var)
        self.samples[var] = _moved(value, len(self.inputs), self._moves)
        return self._new(var)

    def _discrete(self, value: Any, spec: ArraySpec, wire: str, which: int) -> Any:
        if wire == "input":
            return self._input(value)
        same = [tracer for tracer in self.tracers if tracer.spec == spec]
        return same[-1 - which % len(same)] if same else value

    def _variable(self, spec: ArraySpec, which: int, bent: bool) -> Any:
        """A variable, the latest first, that has a spec or is made to fit it."""
        same = [tracer for tracer in self.tracers if tracer.spec == spec]
        if same and not bent:
            return same[-1 - which % len(same)]
        usable = [t for t in self.tracers if t.dtype.kind in "fc" and (t.spec.size or not spec.size)]
        usable = [t for t in usable if t.dtype == spec.dtype] or usable
        return _bent(usable[-1 - which % len(usable)], spec) if usable else None

    # The program.

    def finish(self, dead: Sequence[int], extras: Sequence[tuple[str, int]]) -> tuple[Program, tuple[Any, ...]]:
        """The program, and arguments for it.

        It returns what no equation uses, but for the ``dead``, and ``extras``: other values, inputs, literals.
        """
        used = {atom for equation in self.equations for atom in equation.inputs}
        made = [var for equation in self.equations for var in equation.outputs]
        unused = [var for var in made if var not in used]
        for which in dead:
            if len(unused) > 1:
                del unused[-1 - which % len(unused)]
        outputs: list[Any] = list(unused)
        for kind, which in extras:
            if kind == "literal":
                outputs.append(self.atom((0.5, 3, np.array([1.0, -2.0]), np.float32(0.25))[which % 4]))
            else:
                among = made if kind == "value" else self.inputs
                outputs += [among[-1 - which % len(among)]] if among else []
        if self.careful:
            outputs += self._hidden_coarseness(made, [*outputs, *self.inputs])
        self.close()
        return Program(self.inputs, self.equations, outputs or self.inputs[:1]), tuple(
            self.samples[var][0] for var in self.inputs
        )

    def _hidden_coarseness(self, made: Sequence[Var], shown: Sequence[Any]) -> list[Var]:
        """A value in single precision, if that is where some are computed and none is shown.

        Laws excuse the rounding of what they see: the arguments and the results.
        """
        coarse = [var for var in made if var.spec.dtype.char in "fF"]
        return coarse[:1] if not any(atom.spec.dtype.char in "fF" for atom in shown) else []


def moderate(values: Sequence[Any]) -> bool:
    """Whether the values at a point and at those beside it are finite, not large, and smooth as far as they tell."""
    kind = ArraySpec.of(values[0]).dtype.kind
    if kind not in "fc":
        first = np.asarray(values[0])
        return bool(np.all(np.abs(first) <= _LARGEST)) and all(np.array_equal(first, v) for v in values[1:])
    at, *beside = [np.asarray(value, complex if kind == "c" else float) for value in values]
    if not all(np.all(np.abs(v) <= _LARGEST) for v in (at, *beside)):  # of NaN too
        return False
    curvatures = []
    for step, ahead, behind in zip(_STEPS[1::2], beside[::2], beside[1::2], strict=True):
        if np.any(np.abs(ahead - behind) > 2 * step * _STEEPEST):
            return False
        curvatures.append(np.abs(ahead - 2 * at + behind) / step**2)
    # At a kink it grows as the step shrinks; beside one, it is there with the larger step alone.
    far, near = curvatures
    return not np.any((far > _CURVIEST) | (np.abs(far - near) > 1.0 + 0.25 * np.maximum(far, near)))


def _moved(value: Any, seed: int, count: int) -> list[Any]:
    """A value and those beside it; a discrete one stays."""
    spec = ArraySpec.of(value)
    if spec.dtype.kind not in "fc":
        return [value] * count
    way: Any = np.random.default_rng(seed).choice([-1.0, -0.7, 0.7, 1.0], spec.shape)
    if spec.dtype.kind == "c":
        way = way * (1 + 0.5j)
    if spec.weak:
        return [value, *[value + (way * step).item() for step in _STEPS[1:count]]]
    return [value, *[np.asarray(value + way * step, spec.dtype)[()] for step in _STEPS[1:count]]]


def _near(value: Any, source: Tracer) -> Any:
    """What stays close to a value whatever the variable is."""
    if source.dtype.kind == "c":
        move = (0.04 + 0.03j) * np.sin(np.real(source) + np.imag(source))
    else:
        move = 0.05 * np.sin(source)
    near = value + move
    return weak(near) if ArraySpec.of(value).weak else near


def _bent(x: Any, spec: ArraySpec) -> Any:
    """A variable, in another shape and dtype."""
    if x.spec.weak:
        x = x + np.zeros((), x.dtype)[()]
    if x.dtype.kind == "c" and spec.dtype.kind == "f":
        x = np.real(x)
    if x.dtype != spec.dtype:
        x = x.astype(spec.dtype)
    if x.shape != spec.shape:
        x = _reshaped(x, spec)
    return weak(x) if spec.weak else x


def _reshaped(x: Any, spec: ArraySpec) -> Any:
    size = x.spec.size
    if size == spec.size:
        return np.reshape(x, spec.shape)
    if spec.shape == ():
        return np.sum(x) if size <= 4 else np.mean(x)
    if x.shape == () or (x.ndim <= spec.ndim and spec.shape[spec.ndim - x.ndim :] == x.shape):
        return np.broadcast_to(x, spec.shape)
    if x.ndim == spec.ndim and all(n <= m for n, m in zip(spec.shape, x.shape, strict=True)):
        return x[tuple(slice(0, n) for n in spec.shape)]
    around = np.arange(spec.size) % size if size else np.zeros(0, int)
    return np.reshape(x, (size,))[np.reshape(around, spec.shape)]


def widened(program: Program, args: Sequence[Any]) -> Callable[..., Any]:
    """A program as a function that computes in double precision; what is held fixed stays as it is at ``args``."""
    stopped: dict[Any, Any] = {}

    def run(*args: Any) -> Any:
        values: dict[Any, Any] = dict(zip(program.inputs, tree.flatten(args)[0], strict=True))

        def read(atom: Any) -> Any:
            return double(atom.value) if isinstance(atom, Literal) else values[atom]

        for equation in program.equations:
            params = {name: _wide(value) for name, value in equation.params.items()}
            out = bind(equation.primitive, *map(read, equation.inputs), **params)
            outs = out if equation.primitive.multiple else (out,)
            if equation.primitive.name in _HELD:
                outs = [stopped.setdefault(var, value) for var, value in zip(equation.outputs, outs, strict=True)]
            values.update(zip(equation.outputs, outs, strict=True))
        outs = [read(atom) for atom in program.outputs]
        if program.out_tree is not None:
            return tree.unflatten(program.out_tree, outs)
        return outs[0] if len(outs) == 1 else tuple(outs)

    with np.errstate(all="ignore"):
        run(*double(tuple(args)))
    return run


def _wide(param: Any) -> Any:
    if isinstance(param, np.dtype) and param.kind in "fc":
        return np.dtype(np.complex128 if param.kind == "c" else np.float64)
    return param


__all__ = ["ENDLESS", "EXTRAS", "WIRES", "Unfit", "Writer", "moderate", "widened"]
