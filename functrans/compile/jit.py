"""``jit``: a function traced once for each kind of arguments, and compiled to NumPy.

Source: Frostig, Johnson and Leary, *Compiling machine learning programs via high-level tracing* (2018), for the
interface.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from time import perf_counter
from typing import Any, NamedTuple, Protocol, Self, overload

import numpy as np

from functrans import tree
from functrans.compile.entry import Entry, make_entry
from functrans.compile.passes import ROUNDING
from functrans.compile.retraces import LOG, difference, log_retrace
from functrans.compile.signature import Fixed, Statics, signature
from functrans.errors import ShapeError, TreeError, describe_function, expect_function
from functrans.frames import boundary, hide
from functrans.function_types import P, T, T_co
from functrans.ir import ArraySpec, Program
from functrans.tracing.watch import WATCH
from functrans.transforms.batch import ACTIVE

#: Whether jitted functions are called as they are.
DISABLED: ContextVar[bool] = ContextVar("functrans_jit_disabled", default=False)


class CacheInfo(NamedTuple):
    """How many calls found their program, how many were traced, and how many programs there are."""

    hits: int
    misses: int
    currsize: int


class Jitted(Protocol[P, T_co]):
    """What :func:`jit` gives."""

    __name__: str

    @property
    def __wrapped__(self) -> Callable[P, T_co]:
        """The function that was given to :func:`jit`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T_co:
        """The function."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., T_co]: ...

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The program for arguments like these, not compiled yet."""

    def program(self, *args: Any, **kwargs: Any) -> Executable:
        """What runs for arguments like these."""

    def source(self, *args: Any, **kwargs: Any) -> str:
        """The Python function that runs for arguments like these."""

    def cache_info(self) -> CacheInfo:
        """Hits, misses, and the number of programs."""

    def clear_cache(self) -> None:
        """Forget all programs."""


class Cache:
    """The programs of one jitted function."""

    __slots__ = ("_allow", "_entries", "_f", "_hits", "_statics", "hit")

    def __init__(self, f: Callable[..., Any], statics: Statics, allow: tuple[str, ...]) -> None:
        self._f, self._statics, self._allow = f, statics, allow
        #: By kind of arguments; only what needs no second look, for a call with arrays alone.
        self._entries: dict[Hashable, Entry] = {}
        self._hits = (count(), count())
        self.hit = self._hits[0].__next__

    def find(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any], traced: bool = True
    ) -> Entry | None:
        """The program for a call, traced if there is none (unless that is not wanted).

        The leaves of the arguments are added to ``leaves``.
        """
        dynamic, named = args, kwargs
        fixed: Fixed = ()
        try:
            if kwargs or self._statics.nums:
                dynamic, named, fixed, values = self._statics.split(args, kwargs)
                key: Hashable = (signature((dynamic, named), leaves), values)
            else:
                key = tuple([signature(arg, leaves) for arg in args])
        except TreeError as error:
            raise self._statics.explained(args, kwargs, error) from None
        entry = self._entries.get(key)
        if entry is None:
            return self._trace(key, dynamic, named, fixed, "") if traced else None
        if entry.surroundings is not None and (why := entry.surroundings.changed()) is not None:
            return self._trace(key, dynamic, named, fixed, why) if traced else None
        self.hit()
        return entry

    def _trace(self, key: Hashable, args: Any, kwargs: dict[str, Any], fixed: Fixed, reason: str) -> Entry:
        next(self._hits[1])
        start = perf_counter()
        entry = make_entry(self._f, args, kwargs, fixed, self._allow)
        before = self._entries.get(key)
        if before is not None and before.surroundings is not None and entry.program == before.program:
            entry.spare(before.surroundings)
        if LOG.get():
            self._log(entry, reason, 1e3 * (perf_counter() - start))
        if not entry.passing:
            self._entries[key] = entry
        return entry

    def _log(self, entry: Entry, reason: str, milliseconds: float) -> None:
        names, specs = entry.arguments()
        why = reason or difference(names, specs, [known.arguments() for known in list(self._entries.values())])
        if entry.passing:
            why += "; it closes over traced values, so the program is for this call alone"
        log_retrace(describe_function(self._f), why, milliseconds, len(entry.program.equations))

    @property
    def entries(self) -> dict[Hashable, Entry]:
        """The programs, by what calls look like."""
        return self._entries

    def info(self) -> CacheInfo:
        """What has been asked of it."""
        # `next` of a counter is one step, also among threads; how far it has come stands in its text, `count(3)`.
        hits, misses = [int(repr(counter)[len("count(") : -1]) for counter in self._hits]
        return CacheInfo(hits, misses, len(self._entries))

    def clear(self) -> None:
        """Forget all programs, and count from zero."""
        self._entries.clear()
        self._hits = (count(), count())
        self.hit = self._hits[0].__next__


class Lowered:
    """A traced function that is not compiled yet."""

    __slots__ = ("_entry",)

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @property
    def program(self) -> Program:
        """The program as it was traced."""
        return self._entry.program

    def compile(self) -> Executable:
        """Run the passes, and write the code."""
        return Executable(self._entry)

    def __str__(self) -> str:
        return str(self.program)


class Executable:
    """A compiled function for arguments of one kind: call it, or look at it.

    Attributes:
        traced: the program as it was traced.
        program: the program after all passes.
        source: the Python function that runs.
        stages: what each pass took.
    """

    __slots__ = ("_entry", "program", "source", "stages", "traced")

    def __init__(self, entry: Entry) -> None:
        made = entry.compiled()
        self._entry = entry
        self.traced, self.program, self.stages, self.source = entry.program, made.program, made.stages, made.source

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function of arguments like those that it was compiled for, without the static ones.

        Raises:
            TreeError: they are built otherwise.
            ShapeError: shapes or dtypes differ.
        """
        try:
            entry = self._entry
            leaves = tree.flatten_up_to(entry.in_tree, (args, kwargs), "arguments of the compiled function")
            for var, leaf in zip(entry.program.inputs[len(entry.captured) :], leaves, strict=True):
                if ArraySpec.of(leaf) != var.spec:
                    raise ShapeError(
                        f"a function compiled for {var.spec!r} was called with {ArraySpec.of(leaf)!r}",
                        "compile it for that too, or call the jitted function, which does so by itself.",
                    )
            return entry.call(leaves)
        except Exception as error:
            hide(error)
            raise

    def __str__(self) -> str:
        return f"{self._entry.compiled().report()}\n{self.program}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 (IPython's signature)
        printer.text(str(self))


@overload
def jit(
    f: np.ufunc,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    allow: str | Sequence[str] = (),
) -> Jitted[..., Any]: ...
@overload
def jit(
    f: Callable[P, T],
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    allow: str | Sequence[str] = (),
) -> Jitted[P, T]: ...
@overload
def jit(
    f: None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    allow: str | Sequence[str] = (),
) -> Callable[[Callable[P, T]], Jitted[P, T]]: ...
@boundary
def jit(
    f: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    allow: str | Sequence[str] = (),
) -> Any:
    """``f``, traced once for each kind of arguments and compiled to one Python function of NumPy calls.

    The results are those of ``f`` to the bit, with the same types. Arguments may be any pytrees of arrays and numbers.
    They are of the same kind when containers, shapes and dtypes are; Python numbers promote weakly, as everywhere. What
    ``f`` closes over is looked at in each call: arrays are read afresh, and when something else has been replaced ``f``
    is traced again. It composes with all transforms, in any order: ``jit(grad(f))``, ``grad(jit(f))``.

    ``f`` must be pure, and must not ask for values: use :func:`functrans.cond`, :func:`functrans.while_loop`,
    ``np.where`` in place of ``if`` and ``while`` on traced values.

    Args:
        f: the function. Without it, what is left is a decorator: ``@jit(static_argnums=1)``.
        static_argnums: positions of arguments that are not traced, but given to ``f`` as they are; a program is made
            for each of their values, which must hash.
        static_argnames: likewise, arguments given by name.
        allow: names of passes that change rounding: ``"contractions"`` makes products and sums to matrix products,
            ``"factorizations"`` lets one factorization of a matrix serve all that need it (with SciPy).

    Returns:
        the compiled function. It also has ``lower(*args)``, ``program(*args)``, ``source(*args)``, which show what runs
        for such arguments, ``cache_info()`` and ``clear_cache()``.

    Raises:
        ValueError: there is no pass of a name in ``allow``, or no argument that ``static_argnums`` or
            ``static_argnames`` names.
        TracedBoolError: (when called) ``f`` asks for the truth of a value.
        TreeError: (when called) an argument is no array and no container, or a static one does not hash.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> fast = ft.jit(ft.value_and_grad(lambda x: np.sum(np.sin(x) ** 2)))
        >>> fast(np.array([0.0, 0.5]))[1]
        array([0.        , 0.84147098])
        >>> print(fast.source(np.zeros(2)))  # doctest: +ELLIPSIS
        def ...
    """
    if f is None:
        return functools.partial(jit, static_argnums=static_argnums, static_argnames=static_argnames, allow=allow)
    expect_function(f, "jit")
    allowed = (allow,) if isinstance(allow, str) else tuple(allow)
    for name in allowed:
        if name not in ROUNDING:
            raise ValueError(f"allow={name!r}: the passes that change rounding are {', '.join(map(repr, ROUNDING))}")
    statics = Statics(f, static_argnums, static_argnames)
    cache = Cache(f, statics, allowed)
    entries, only_arrays = cache.entries, not statics.nums
    disabled, watched, in_batch, array = DISABLED.get, WATCH.get, ACTIVE.get, np.ndarray

    @functools.wraps(f)
    def jitted(*args: Any, **kwargs: Any) -> Any:
        try:
            if disabled():
                return f(*args, **kwargs)
            if only_arrays and not kwargs:
                for arg in args:
                    if type(arg) is not array:
                        break
                else:  # the short way
                    entry = entries.get(tuple([(arg.dtype, arg.shape) for arg in args]))
                    if (
                        entry is not None
                        and entry.quick is not None
                        and (entry.surroundings is None or entry.surroundings.changed() is None)
                        and watched() is None
                    ):
                        cache.hit()
                        return entry.build(entry.quick(*args))
            leaves: list[Any] = []
            found = cache.find(args, kwargs, leaves, traced=not in_batch())
            # In a batch that has a name the function may ask for it, and for the other examples.
            return f(*args, **kwargs) if found is None else found.call(leaves)
        except Exception as error:
            hide(error)
            raise

    def lower(*args: Any, **kwargs: Any) -> Lowered:
        """The program for arguments like these (values, or :class:`~functrans.ir.ArraySpec`), not compiled yet."""
        try:
            found = cache.find(args, kwargs, [])
            assert found is not None
            return Lowered(found)
        except Exception as error:
            hide(error)
            raise

    def program(*args: Any, **kwargs: Any) -> Executable:
        """What runs for arguments like these; printed, the passes with the time of each, and the program."""
        try:
            return lower(*args, **kwargs).compile()
        except Exception as error:
            hide(error)
            raise

    def source(*args: Any, **kwargs: Any) -> str:
        """The Python function that runs for arguments like these."""
        try:
            return program(*args, **kwargs).source
        except Exception as error:
            hide(error)
            raise

    made: Any = jitted
    made.lower, made.program, made.source = lower, program, source
    made.cache_info, made.clear_cache = cache.info, cache.clear
    return made


@contextmanager
def disable_jit() -> Iterator[None]:
    """Within the block jitted functions run as they are, for a debugger or `print`.

    Example:
        >>> import functrans as ft
        >>> with ft.disable_jit():
        ...     ft.jit(lambda x: x if x > 0 else -x)(-2.0)
        2.0
    """
    token = DISABLED.set(True)
    try:
        yield
    finally:
        DISABLED.reset(token)


@boundary
def eval_shape(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Shapes and dtypes of the results of ``f``, without computing them.

    Args:
        f: the function.
        *args: arrays, of which shape and dtype count, or :class:`~functrans.ir.ArraySpec`, in any pytree.
        **kwargs: likewise.

    Returns:
        the structure of ``f``'s result, with an ``ArraySpec`` for each array.

    Raises:
        TracedBoolError: ``f`` asks for the truth of a value.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.eval_shape(lambda a, b: a @ b, ft.ArraySpec((3, 4), np.float64), np.ones(4))
        Float64[3]
    """
    expect_function(f, "eval_shape")
    program = make_entry(f, args, kwargs, (), ()).program
    assert program.out_tree is not None
    return tree.unflatten(program.out_tree, [atom.spec for atom in program.outputs])
