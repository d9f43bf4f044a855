"""What a primitive is: one operation with everything known about it, declared once. And the registry of them.

A derivative is declared in exactly one of six ways, a closed union over which transforms ``match``:

========================  =====================  =====================================================================
declared                  for                    what follows
========================  =====================  =====================================================================
:class:`Derivatives`      elementwise            tangent = sum of d * dx; cotangent = ct * d, summed over broadcasting
:class:`Linear`           linear maps            the tangent is the operation itself; only the transpose is written
:class:`Bilinear`         products               a transpose per operand; the product rule, both ways
:class:`Rules`            the rest               a jvp per operand, and a vjp (left out: the transposed jvp)
:class:`Joint`            loops, branches        rules for all operands at once
:class:`Constant`         comparisons, rounding  zero, for the reason given
========================  =====================  =====================================================================

Rules are written with NumPy's functions and Python's operators, which trace: that is what makes every order of
derivative work. They are asked per operand, and only for operands that need it.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from types import FunctionType
from typing import Any, TypeAlias

from functrans.ir.source import param_source
from functrans.ir.spec import ArraySpec

Rule: TypeAlias = Callable[..., Any]


class Each:
    """One rule for all operands of a primitive that takes any number: called with the operand's position first."""

    __slots__ = ("rule",)

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def __getitem__(self, position: int) -> Rule:
        rule = self.rule
        return lambda *args, **params: rule(position, *args, **params)


Transposes: TypeAlias = "tuple[Rule | None, ...] | Each"


class Derivatives:
    """Elementwise: ``locals[i](out, *operands)`` is the local derivative in operand ``i``, or a constant number.

    ``singular``: a local derivative can be infinite or NaN. Its product with an exact zero is then zero. It may be a
    function that tells it from the operands (those that the rules read).
    """

    __slots__ = ("locals", "singular")

    def __init__(self, local_derivatives: Sequence[Rule | float], singular: bool | Rule = False) -> None:
        self.locals = tuple([float(d) if isinstance(d, int) else d for d in local_derivatives])
        self.singular = singular

    def absorbs(self, operands: Sequence[Any]) -> bool:
        """Whether an exact zero must absorb the local derivatives at these operands."""
        singular = self.singular
        return singular if type(singular) is bool else singular(*operands)  # type: ignore[operator]


class Linear:
    """Linear, jointly, in the operands that have a transpose: ``transposes[i](ct, *operands, **params)``.

    A rule gets the :class:`ArraySpec` of each linear operand and the value of each other one.

    ``collector(spec)`` makes, for operand 0 of indexing and its like, an accumulator of its many cotangents: ``add(ct,
    operands, params)`` instead of the rule, ``total()`` in the end.
    """

    __slots__ = ("collector", "transposes")

    def __init__(self, transposes: Transposes, collector: Callable[[ArraySpec], Any] | None = None) -> None:
        self.transposes = transposes
        self.collector = collector

    def is_linear_in(self, position: int) -> bool:
        transposes = self.transposes
        return isinstance(transposes, Each) or (position < len(transposes) and transposes[position] is not None)


class Bilinear:
    """Linear in each operand alone. ``transposes[i](ct, *operands, **params)`` gets operand ``i`` as a spec."""

    __slots__ = ("transposes",)

    def __init__(self, transposes: Transposes) -> None:
        self.transposes = transposes


class Rules:
    """``jvp[i](dx, out, *operands, **params)`` and ``vjp[i](ct, out, *operands, **params)``, per operand."""

    __slots__ = ("jvp", "vjp")

    def __init__(self, jvp: Sequence[Rule | None], vjp: Sequence[Rule | None] | None) -> None:
        self.jvp = tuple(jvp)
        self.vjp = None if vjp is None else tuple(vjp)


class Joint:
    """Rules for all operands at once: of what runs other programs, whose derivatives are made from those.

    A ``None`` among tangents and cotangents is a zero. Outputs are a tuple if the primitive has several.

    Attributes:
        jvp: ``jvp(primals, tangents, **params)`` gives ``(out, tangents of out)``.
        forward: ``forward(primals, moving, **params)`` gives ``(out, residuals)``; ``moving`` says for each operand
            whether it needs a cotangent.
        backward: ``backward(residuals, cts, moving, **params)`` gives the cotangents of all operands; ``cts`` is a list
            with an entry for each output.
        linear: ``linear(moving, **params)`` says whether it is linear in those operands together; None: never.
    """

    __slots__ = ("backward", "forward", "jvp", "linear")

    def __init__(self, jvp: Rule, forward: Rule, backward: Rule, linear: Rule | None = None) -> None:
        self.jvp, self.forward, self.backward, self.linear = jvp, forward, backward, linear


class Constant:
    """The derivative is zero wherever it exists (or the result is no real number); ``reason`` says why."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


Derivative: TypeAlias = Derivatives | Linear | Bilinear | Rules | Joint | Constant
Source: TypeAlias = Callable[[list[str], dict[str, Any]], str]
#: ``batch(primitive, operands, batched, size, params)``: the primitive of each example. ``batched`` says which operands
#: have the batch as their first axis, of length ``size``; every output has it.
Batch: TypeAlias = Callable[["Primitive", Sequence[Any], Sequence[bool], int, Mapping[str, Any]], Any]
Domain: TypeAlias = tuple[float, float]

REAL: Domain = (float("-inf"), float("inf"))
POSITIVE: Domain = (0.0, float("inf"))

_registry: dict[str, Primitive] = {}


class Primitive:
    """One operation, declared once.

    Attributes:
        name: as NumPy names it; ``scipy.special.erf``, in full, for SciPy's: printed programs import ``scipy.special``.
        impl: the callable that computes it from plain values.
        spec: gives the outputs' specs from those of the operands, called as ``spec(*specs, **params)``.
        derivative: one of the six kinds above, or ``None``: differentiating it is an error that names it.
        multiple: whether it returns several arrays.
        masks: whether its transpose puts exact zeros beside other numbers (``where``, indexing, …); from there on
            every elementwise product in a backward walk lets a zero absorb infinities and NaN. A number: it does so
            only with at least that many operands (a reduction with a mask). A function: with such parameters.
        batch: how it maps over a leading axis; left out, that of an elementwise function if it is one.
        domain: per operand, the open interval from which tests draw real values.
        effect: whether it does something (prints): it stays in its place in a program, though nobody reads its result.
        residuals: what the reverse rules read, which is all that a trace keeps.
        helpers: functions that the printed source calls, by name; their own source must need NumPy alone.
    """

    __slots__ = (
        "batch",
        "derivative",
        "domain",
        "effect",
        "helpers",
        "impl",
        "masks",
        "multiple",
        "name",
        "residuals",
        "source",
        "spec",
    )

    def __init__(
        self,
        name: str,
        impl: Callable[..., Any],
        spec: Callable[..., Any],
        derivative: Derivative | None,
        *,
        source: Source | None = None,
        helpers: Mapping[str, Callable[..., Any]] | None = None,
        multiple: bool = False,
        masks: int | Callable[..., bool] = False,
        batch: Batch | None = None,
        domain: Sequence[Domain] = (),
        effect: bool = False,
    ) -> None:
        if name in _registry:
            raise ValueError(f"a primitive named {name!r} is declared already")
        self.name = name
        self.impl = impl
        self.spec = spec
        self.derivative = derivative
        function = name if "." in name else f"np.{name}"
        self.source = source or (lambda args, params: call_source(function, args, params))
        self.helpers = dict(helpers or {})
        self.multiple = multiple
        self.masks = masks
        self.batch = batch
        self.domain = tuple(domain)
        self.effect = effect
        self.residuals = _Residuals(self)
        _registry[name] = self

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if _registry.get(self.name) is not self:
            from pickle import PicklingError

            raise PicklingError(f"the primitive {self.name!r} is not the one of that name: another was declared since")
        return (lookup, (self.name,))


class _Residuals(dict[int, tuple[bool, tuple[bool, ...]]]):
    """What the reverse rules of a primitive read: ``(keeps_out, keeps_operand)`` by :func:`residual_key`.

    Found by looking which parameters the rules' code mentions, so a rule that does not name a value keeps no memory
    alive.
    """

    __slots__ = ("_primitive",)

    def __init__(self, primitive: Primitive) -> None:
        super().__init__()
        self._primitive = primitive

    def __missing__(self, key: int) -> tuple[bool, tuple[bool, ...]]:
        count = key & 0xFFFF
        wanted = [position for position in range(count) if key >> (16 + position) & 1]
        found = self[key] = self._find(wanted, count)
        return found

    def _find(self, wanted: Sequence[int], count: int) -> tuple[bool, tuple[bool, ...]]:
        derivative = self._primitive.derivative
        out, operands = False, [False] * count
        if isinstance(derivative, Linear) and isinstance(derivative.transposes, Each):
            wanted = wanted[:1]  # one rule, which reads the same for each operand
        for position in wanted:
            match derivative:
                case Derivatives():
                    local = derivative.locals[position]
                    used = set() if not callable(local) else used_parameters(local, count + 1)
                    first = 1
                case Linear() | Bilinear():
                    transposes = derivative.transposes
                    rule = transposes.rule if isinstance(transposes, Each) else transposes[position]
                    first = 2 if isinstance(transposes, Each) else 1
                    used = set() if rule is None else used_parameters(rule, count + first)
                    if isinstance(derivative, Linear):
                        used -= {i + first for i in range(count) if derivative.is_linear_in(i)}
                    else:
                        used -= {position + first}
                case Rules(vjp=vjp) if vjp is not None:
                    rule = vjp[position]
                    used = set() if rule is None else used_parameters(rule, count + 2)
                    out, first = out or 1 in used, 2
                case _:
                    used, first, out = set(range(count + 2)), 2, True
            if isinstance(derivative, Derivatives):
                out = out or 0 in used
            for i in range(count):
                operands[i] = operands[i] or i + first in used
        return out, tuple(operands)


def residual_key(traced: int, count: int) -> int:
    """The key of :attr:`Primitive.residuals`: which of ``count`` operands need a cotangent (bits of ``traced``)."""
    return traced << 16 | count


def used_parameters(rule: Rule, count: int) -> set[int]:
    """Which of the first ``count`` positional parameters the code of ``rule`` mentions; all, when it cannot be seen."""
    everything = set(range(count))
    while hasattr(rule, "__wrapped__"):  # one whose annotations are checked
        rule = rule.__wrapped__
    if not isinstance(rule, FunctionType):
        return everything
    code = rule.__code__
    names = code.co_varnames[: code.co_argcount]
    mentioned: set[Any] = set(code.co_cellvars)
    for instruction in dis.get_instructions(code):
        if "FAST" in instruction.opname:
            value = instruction.argval
            mentioned.update(value if isinstance(value, tuple) else (value,))
    used = {position for position, name in enumerate(names) if name in mentioned}
    starred = set(range(len(names), count)) if code.co_flags & 0x04 else set()
    return (used | starred) & everything


def call_source(function: str, args: Sequence[str], params: Mapping[str, Any]) -> str:
    """``np.sum(x, axis=(0,))``: a call as source text."""
    keywords = [f"{name}={param_source(value)}" for name, value in params.items()]
    return f"{function}({', '.join([*args, *keywords])})"


#: The modules that declare functrans' own primitives.
_DECLARING = (
    "functrans.ops",
    "functrans.compile.call",
    "functrans.control.branch",
    "functrans.control.checkpoint",
    "functrans.control.whiles",
    "functrans.custom.calling",
    "functrans.custom.tag",
    "functrans.debug",
    "functrans.implicit",
)


def declared(name: str) -> Primitive | None:
    """The primitive with this name, if it has been declared."""
    return _registry.get(name)


def lookup(name: str) -> Primitive:
    """The primitive with this name.

    Raises:
        KeyError: there is none.
    """
    if name not in _registry:  # a Program is unpickled where nothing has been traced yet
        for module in _DECLARING:
            import_module(module)
        home = name.rpartition(".")[0]
        if home and name not in _registry:
            with suppress(ModuleNotFoundError):  # of SciPy's, or a user's, or no module at all
                import_module(f"functrans.{home}" if home.startswith("scipy.") else home)
    return _registry[name]


def primitives() -> tuple[Primitive, ...]:
    """Every declared primitive, in the order of declaration."""
    return tuple(_registry.values())


def forget(primitive: Primitive) -> None:
    """Take a primitive out of the registry (for tests that declare their own)."""
    del _registry[primitive.name]


__all__ = [
    "POSITIVE",
    "REAL",
    "ArraySpec",
    "Batch",
    "Bilinear",
    "Constant",
    "Derivative",
    "Derivatives",
    "Domain",
    "Each",
    "Joint",
    "Linear",
    "Primitive",
    "Rule",
    "Rules",
    "call_source",
    "declared",
    "forget",
    "lookup",
    "primitives",
    "residual_key",
    "used_parameters",
]
