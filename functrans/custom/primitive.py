"""``primitive``: any function of arrays as one operation, whose derivatives its author gives, or asks for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from functrans import tree
from functrans.control.derived import chosen, inexact, spread_out
from functrans.custom.call import arrays
from functrans.errors import DerivativeError, describe_function, expect_function
from functrans.frames import boundary
from functrans.function_types import P, T
from functrans.ir import ArraySpec
from functrans.ir.spec import WEAK
from functrans.ops import batching
from functrans.ops.duals import match, zeros
from functrans.ops.family import broadcast_shapes
from functrans.ops.scalars import is_weak, strong
from functrans.primitives import Batch, Derivatives, Joint, Primitive, call_source, declared, forget
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer
from functrans.transforms.linearize import transposed
from functrans.transforms.pullback import Linearization

#: The names of the primitives that users declared.
USERS: set[str] = set()

#: Weights of the difference quotient that is exact for polynomials of degree four, at so many steps to each side.
_STENCIL = ((1, 2 / 3), (2, -1 / 12))


class _Operation:
    """The rules of a user's function, as those of a primitive whose operands are its arguments."""

    def __init__(self, fun: Callable[..., Any], jvp: Any, vjp: Any) -> None:
        self.fun, self.jvp, self.vjp = fun, jvp, vjp
        self.name = describe_function(fun)
        self.primitive: Primitive
        #: Whether the function gives one array, not a tuple of them: known when it, or its spec, has been asked.
        self.single = False

    def results(self, out: Any) -> tuple[Any, ...]:
        """What the function gave, in a tuple.

        Raises:
            DerivativeError: it is neither an array nor a tuple of them.
        """
        self.single = not isinstance(out, tuple)
        outs = (out,) if self.single else out
        for found in outs:
            if not isinstance(found, np.ndarray | np.generic | int | float | complex | ArraySpec | Tracer):
                raise DerivativeError(
                    f"{self.name} gave a {type(found).__name__}: its derivative would be lost",
                    "return an array, or a tuple of arrays.",
                )
        return outs

    def shown(self, outs: Sequence[Any]) -> Any:
        """What the function gives, of the primitive's results."""
        return outs[0] if self.single else tuple(outs)

    # Forward mode.

    def push(self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        outs = bind(self.primitive, *primals, **params)
        found = (self._tangents if self.jvp is not None else self._by_transposing)(primals, tangents, outs, params)
        kept = inexact([ArraySpec.of(o) for o in outs])
        return outs, [t if moves else None for t, moves in zip(found, kept, strict=True)]

    def _tangents(
        self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any], params: Mapping[str, Any]
    ) -> Sequence[Any]:
        given = [zeros(ArraySpec.of(x).strong()) if t is None else t for t, x in zip(tangents, primals, strict=True)]
        found = self.jvp(tuple(given), self.shown(outs), *primals, **params)
        found = list(found) if isinstance(found, tuple | list) else [found]
        if len(found) != len(outs):
            raise DerivativeError(
                f"the jvp rule of {self.name} returned {len(found)} tangents for {len(outs)} results",
                "return one tangent for each, in a tuple.",
            )
        return found

    def _by_transposing(
        self, primals: Sequence[Any], tangents: Sequence[Any], outs: Sequence[Any], params: Mapping[str, Any]
    ) -> Sequence[Any]:
        moving = [t is not None for t in tangents]
        specs = [ArraySpec.of(o) for o in outs]
        flags = inexact(specs)

        def back(*cts: Any) -> list[Any]:
            given = [zeros(s) if c is None else c for c, s in zip(spread_out(cts, flags), specs, strict=True)]
            found = self._cotangents(primals, given, outs, params)
            return [
                zeros(ArraySpec.of(x)) if c is None else match(strong(c), ArraySpec.of(x))
                for c, x, moves in zip(found, primals, moving, strict=True)
                if moves
            ]

        turned = transposed(back, chosen(specs, flags), checked=False)([strong(t) for t in chosen(tangents, moving)])
        return spread_out(turned, flags)

    # Reverse mode.

    def forward(self, primals: Sequence[Any], moving: Sequence[bool], **params: Any) -> Any:
        outs = bind(self.primitive, *primals, **params)
        if self.vjp is not None:
            return outs, (primals, outs)
        origin = [zeros(ArraySpec.of(x).strong()) for x in chosen(primals, moving)]

        def along(*tangents: Any) -> Any:
            return self._tangents(primals, spread_out(tangents, moving), outs, params)

        line = Linearization("vjp", along, origin, tree.flatten(tuple(origin))[1], has_aux=False)
        return outs, (line, arrays(primals))

    def backward(self, kept: Any, cts: Sequence[Any], moving: Sequence[bool], **params: Any) -> list[Any]:
        if self.vjp is None:
            return spread_out(kept[0].pull_leaves(list(cts)), moving)
        primals, outs = kept
        given = [zeros(ArraySpec.of(o)) if c is None else c for c, o in zip(cts, outs, strict=True)]
        return self._cotangents(primals, given, outs, params)

    def _cotangents(
        self, primals: Sequence[Any], cts: Sequence[Any], outs: Sequence[Any], params: Mapping[str, Any]
    ) -> list[Any]:
        found = self.vjp(self.shown(cts), self.shown(outs), *primals, **params)
        found = list(found) if isinstance(found, tuple | list) else [found]
        if len(found) != len(primals):
            raise DerivativeError(
                f"the vjp rule of {self.name} returned {len(found)} cotangents for {len(primals)} arguments",
                "return one for each, in a tuple; None where it is zero.",
            )
        return found


class _Numerical(_Operation):
    """Central differences, of the fourth order: four calls for a tangent, four for each entry of a gradient."""

    def __init__(self, fun: Callable[..., Any]) -> None:
        super().__init__(fun, self._along, self._each)

    def _along(self, tangents: Sequence[Any], _: Any, *args: Any, **params: Any) -> Any:
        real = [ArraySpec.of(x).dtype for x in args if ArraySpec.of(x).dtype.kind in "fc"]
        eps = max(float(np.finfo(dtype).eps) for dtype in real)
        size = sum(np.sum(np.abs(t) ** 2) for t in tangents)
        scale = 1.0 + sum(np.sum(np.abs(x) ** 2) for x in args) ** 0.5
        step = eps**0.2 * 0.1 * scale / np.where(size == 0, 1.0, size) ** 0.5
        total: Any = None
        for count, weight in _STENCIL:
            ends = [
                bind(
                    self.primitive,
                    *[
                        x + (count * sign * step * t).astype(ArraySpec.of(x).dtype) if moves else x
                        for x, t, moves in zip(args, tangents, inexact([ArraySpec.of(x) for x in args]), strict=True)
                    ],
                    **params,
                )
                for sign in (1, -1)
            ]
            terms = [(b - a) * (weight / step) for b, a in zip(*ends, strict=True)]
            total = terms if total is None else [u + v for u, v in zip(total, terms, strict=True)]
        return tuple(total)

    def _each(self, ct: Any, out: Any, *args: Any, **params: Any) -> Any:
        cts = self.results(ct)
        found: list[Any] = []
        for position, x in enumerate(args):
            spec = ArraySpec.of(x)
            if spec.dtype.kind not in "fc":
                found.append(None)
                continue
            if spec.dtype.kind == "c":
                raise DerivativeError(
                    f"the numerical gradient of {self.name} in a complex argument", "give a rule, `vjp=`."
                )
            entries = []
            for unit in np.eye(spec.size, dtype=spec.dtype):
                tangents = [zeros(ArraySpec.of(a).strong()) for a in args]
                tangents[position] = unit.reshape(spec.shape)
                moved = self._along(tangents, out, *args, **params)
                entries.append(sum(np.sum(np.real(c * m)) for c, m in zip(cts, moved, strict=True)))
            found.append(np.reshape(np.stack(entries), spec.shape) if entries else zeros(spec))
        return tuple(found)


@overload
def primitive(
    fun: Callable[P, T],
    *,
    jvp: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    derivatives: Sequence[Callable[..., Any] | float] | str | None = None,
    spec: Callable[..., Any] | None = None,
    batch: Batch | str | None = None,
    name: str | None = None,
) -> Callable[P, T]: ...
@overload
def primitive(
    fun: None = None,
    *,
    jvp: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    derivatives: Sequence[Callable[..., Any] | float] | str | None = None,
    spec: Callable[..., Any] | None = None,
    batch: Batch | str | None = None,
    name: str | None = None,
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...
@boundary
def primitive(
    fun: Callable[..., Any] | None = None,
    *,
    jvp: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    derivatives: Sequence[Callable[..., Any] | float] | str | None = None,
    spec: Callable[..., Any] | None = None,
    batch: Batch | str | None = None,
    name: str | None = None,
) -> Any:
    """A function of arrays (SciPy's, Numba's, one of a C library) as a single operation that transforms know.

    The function itself is never traced: it is called with plain arrays. What it is differentiated by is given in one of
    these ways; without any, differentiating it is an error. Rules are written in NumPy's functions, so they are
    differentiated in turn.

    Args:
        fun: takes arrays by position, and options, which stay as they are, by keyword; gives an array or a tuple of
            them.
        jvp: ``jvp(tangents, out, *args, **options)`` gives the tangent of the result, linear in the tuple ``tangents``.
            Reverse mode transposes it, if there is no ``vjp``.
        vjp: ``vjp(ct, out, *args, **options)`` gives a cotangent for each argument, in a tuple (None: zero), linear in
            ``ct``. Forward mode transposes it, if there is no ``jvp``.
        derivatives: of an elementwise function, the local derivative in each argument: ``d(out, *args)`` or a number
            (which know of no options: with any, give ``jvp``). Or ``"numerical"``: difference quotients, four calls for
            a tangent and four for each entry of a gradient, good to about 12 digits in double precision (second
            derivatives to 8).
        spec: ``spec(*specs, **options)`` gives the :class:`~functrans.ArraySpec` of the result (a tuple of them), which
            a staged trace needs. Left out, the function is called once, with arrays of 0.5, to see.
        batch: how it maps over a leading axis: ``"loop"``, one example after the other (the default);
            ``"vectorized"``: it takes leading axes itself; ``"elementwise"`` (the default where ``derivatives`` are
            given); or a batching rule.
        name: what programs call it; by default where it is defined.

    Raises:
        MissingRuleError: (when differentiated) no derivative was given.

    Example:
        >>> import functrans as ft
        >>> import math
        >>> import numpy as np
        >>> @ft.primitive(derivatives=[lambda out, x: 2 / np.sqrt(np.pi) * np.exp(-x * x)])
        ... def erf(x):
        ...     return np.vectorize(math.erf)(x)
        >>> ft.grad(ft.grad(erf))(0.5)
        -0.8787825789354448
        >>> black_box = ft.primitive(lambda x: np.linalg.svd(x)[1], derivatives="numerical")
        >>> round(float(ft.grad(lambda x: black_box(x)[0])(np.diag([3.0, 1.0]))[0, 0]), 9)
        1.0
    """
    if fun is None:
        return functools.partial(
            primitive, jvp=jvp, vjp=vjp, derivatives=derivatives, spec=spec, batch=batch, name=name
        )
    expect_function(fun, "primitive")
    given = sum(rule is not None for rule in (jvp or vjp, derivatives))
    if given > 1 or (isinstance(derivatives, str) and derivatives != "numerical"):
        raise DerivativeError(
            f"`primitive` of {describe_function(fun)} with jvp={jvp!r}, vjp={vjp!r}, derivatives={derivatives!r}",
            'give rules (`jvp=`, `vjp=`), or local derivatives (`derivatives=[...]`), or `derivatives="numerical"`.',
        )
    made: Callable[..., Any] = _declared(fun, jvp, vjp, derivatives, spec, batch, name)
    return made


def _declared(fun: Any, jvp: Any, vjp: Any, derivatives: Any, spec: Any, batch: Any, name: str | None) -> Any:
    local = derivatives is not None and derivatives != "numerical"
    operation = _Numerical(fun) if derivatives == "numerical" else _Operation(fun, jvp, vjp)
    derivative: Any = Joint(operation.push, operation.forward, operation.backward)
    if local:
        derivative = Derivatives(list(derivatives), singular=True)
    elif derivatives is None and jvp is None and vjp is None:
        derivative = None
    rules: dict[Any, Batch] = {"loop": batching.each, "vectorized": _vectorized, "elementwise": batching.elementwise}
    if batch is None:
        batch = "elementwise" if local else "loop"
    if isinstance(batch, str) and batch not in rules:
        raise ValueError(f"batch={batch!r}: there are {', '.join(map(repr, rules))}, or give a batching rule")
    qualified = f"{fun.__module__}.{fun.__qualname__}" if hasattr(fun, "__qualname__") else ""
    importable = "<" not in qualified and bool(qualified)
    called: Any = name or (qualified if importable else getattr(fun, "__name__", "function"))
    if not importable and not called.isidentifier():
        called = "function"
    while (known := declared(called)) is not None and called not in USERS:
        called += "_"  # one of functrans
    if known is not None:  # defined anew, as in a notebook
        forget(known)
    USERS.add(called)
    seen = spec or _seen(fun, local)
    made = operation.primitive = Primitive(
        called,
        fun if local else lambda *args, **params: operation.results(fun(*args, **params)),
        seen if local else lambda *specs, **params: operation.results(seen(*specs, **params)),
        derivative,
        source=lambda args, params: _shown(operation, call_source(called, args, params), local),
        multiple=not local,
        batch=rules[batch] if isinstance(batch, str) else batch,
    )

    @functools.wraps(fun)
    def call(*args: Any, **options: Any) -> Any:
        if not any(type(arg) is Tracer for arg in args):
            return fun(*args, **options)
        for key, option in options.items():
            if any(type(leaf) is Tracer for leaf in tree.flatten(option)[0]):
                raise DerivativeError(
                    f"{describe_function(fun)} was given a traced value as its option `{key}`: its derivative would be "
                    "lost",
                    "give by position what is differentiated or mapped over.",
                )
        if local and options:
            raise DerivativeError(
                f"{describe_function(fun)} was given the option `{next(iter(options))}`, of which its local "
                "derivatives know nothing",
                'give `jvp=`, whose rule is handed the options, and `batch="elementwise"`.',
            )
        values = [arg if type(arg) is Tracer or is_weak(arg) else np.asarray(arg)[()] for arg in args]
        outs = bind(made, *values, **options)
        return outs if local else operation.shown(outs)

    return call


def _shown(operation: _Operation, text: str, local: bool) -> str:
    """A call in a printed program, where every primitive of several results gives a tuple."""
    return f"({text},)" if operation.single and not local else text


def _seen(fun: Callable[..., Any], elementwise: bool) -> Callable[..., Any]:
    """The specs of a function's results, found by calling it."""
    known: dict[Any, Any] = {}

    def spec(*specs: ArraySpec, **options: Any) -> Any:
        key: Any = (specs, tuple(sorted(options.items(), key=lambda item: item[0])))
        try:
            found = known.get(key)
        except TypeError:  # an option that has no hash
            found, key = None, None
        if found is None:
            examples = [_example(ArraySpec((), s.dtype, s.weak) if elementwise else s) for s in specs]
            try:
                out = fun(*examples, **options)
            except Exception as error:
                raise DerivativeError(
                    f"{describe_function(fun)} was called with arrays of 0.5 to see what it returns, and raised "
                    f"{type(error).__name__}: {error}",
                    "say so yourself: `primitive(..., spec=lambda *specs: ArraySpec(shape, dtype))`.",
                ) from error
            shape = broadcast_shapes(describe_function(fun), specs) if elementwise else None
            outs = [np.asarray(o) for o in (out if isinstance(out, tuple) else (out,))]
            made = [ArraySpec(o.shape if shape is None else shape, o.dtype) for o in outs]
            found = tuple(made) if isinstance(out, tuple) else made[0]
            if key is not None:
                known[key] = found
        return found

    return spec


def _example(spec: ArraySpec) -> Any:
    value = 0.5 if spec.dtype.kind in "fc" else 1
    return WEAK[spec.dtype.kind](value) if spec.weak else np.full(spec.shape, value, spec.dtype)[()]


def _vectorized(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """A function that takes a leading axis itself."""
    return bind(primitive, *[batching.full(x, f, size) for x, f in zip(operands, flags, strict=True)], **params)
