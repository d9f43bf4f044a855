"""``vjp``, ``grad``, ``value_and_grad``: derivatives of few outputs in many inputs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from types import FunctionType
from typing import Any, Literal, overload

import numpy as np

from functrans import tree
from functrans.errors import DerivativeError, NonScalarOutputError, describe_function, expect_function
from functrans.frames import boundary, hide
from functrans.function_types import A, P, Pullback, T
from functrans.interpreter import run
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import ONE
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import WATCH
from functrans.transforms.arguments import (
    Argnames,
    Argnums,
    Selection,
    differentiable_leaves,
    dual,
    several,
)
from functrans.transforms.pullback import Linearization, copied, owned
from functrans.tree import Tree

#: From this call on, a pullback is a program, in which what depends on the primals alone is a constant.
_REUSED = 2


@overload
def vjp(f: Callable[P, T], *primals: Tree, has_aux: Literal[False] = False) -> tuple[T, Pullback]: ...
@overload
def vjp(f: Callable[P, tuple[T, A]], *primals: Tree, has_aux: Literal[True]) -> tuple[T, Pullback, A]: ...
@overload
def vjp(f: Callable[P, Any], *primals: Tree, has_aux: bool) -> Any: ...
@boundary
def vjp(f: Callable[..., Any], *primals: Tree, has_aux: bool = False) -> Any:
    """The value of ``f``, and the map from cotangents of its output to cotangents of its inputs.

    One sweep backwards over the trace of ``f``: a small multiple of the cost of ``f``, however many inputs it has.

    Args:
        f: pure function of arrays, or of trees of arrays.
        *primals: where to differentiate. Leaves of any shape, floating or complex; Python numbers count as floats.
        has_aux: ``f`` returns a pair, whose second part is handed through.

    Returns:
        ``(out, pullback)`` or ``(out, pullback, aux)``. ``pullback`` takes the tree and shapes of ``out`` and returns
        a tuple with the trees, shapes and dtypes of ``primals``. It is a function: call it as often as you like.
        It reads the arrays given here once more, so do not write into them before its last call.

    Raises:
        IntegerInputError: a primal is an integer or boolean array.
        MissingRuleError: ``f`` uses an operation without a derivative.
        TreeError, ShapeError: (from ``pullback``) a cotangent is not built like the output.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> out, pullback = ft.vjp(lambda x: x * x, np.array([1.0, 3.0]))
        >>> pullback(np.array([1.0, 0.0]))
        (array([2., 0.]),)
        >>> pullback(np.array([0.0, 1.0]))
        (array([0., 6.]),)

    Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.2.
    """
    expect_function(f, "vjp")
    leaves, structure = differentiable_leaves(primals, lambda: [str(i) for i in range(len(primals))], f)
    line = Linearization("vjp", f, leaves, structure, has_aux)
    specs = [ArraySpec.of(out) for out in line.outs]
    traced = [node is not None for node in line.nodes]
    calls = count(1).__next__
    reused: list[Program] = []

    def pullback(cotangent: Tree) -> tuple[Tree, ...]:
        try:
            given = tree.flatten_up_to(line.out_tree, cotangent, "the cotangent")
            cts = [
                dual(ct, spec, "the cotangent") if moves else None
                for ct, spec, moves in zip(given, specs, traced, strict=True)
            ]
            if WATCH.get() is not None:
                return line.pull(cts)
            if not reused:
                if calls() < _REUSED:
                    return line.pull(cts)
                reused.append(line.program())  # what is known is computed once, from now on
            own = {id(ct) for ct in cts}
            with np.errstate(all="ignore"):
                outs = run(reused[0], [ct for ct in cts if ct is not None])
            return tree.unflatten(structure, [owned(out, own) for out in outs])  # type: ignore[no-any-return]
        except Exception as error:
            hide(error)
            raise

    # The pullback reads the outputs: its caller gets copies, to do with as they like.
    out, aux = tree.map(copied, line.out()), tree.map(copied, line.aux)
    return (out, pullback, aux) if has_aux else (out, pullback)


@overload
def value_and_grad(
    f: np.ufunc,
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[..., tuple[Any, Any]]: ...
@overload
def value_and_grad(
    f: Callable[P, tuple[T, A]],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: Literal[True],
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[P, tuple[tuple[T, A], Any]]: ...
@overload
def value_and_grad(
    f: Callable[P, T],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[P, tuple[T, Any]]: ...
@overload
def value_and_grad(
    f: Callable[P, Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool,
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[P, tuple[Any, Any]]: ...
@boundary
def value_and_grad(
    f: Callable[..., Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[..., Any]:
    """A function that gives the value of ``f`` and its gradient, from one evaluation.

    Args:
        f: as for :func:`grad`.
        argnums: as for :func:`grad`.
        argnames: as for :func:`grad`.
        has_aux: ``f`` returns ``(value, aux)``; the result is then ``((value, aux), gradient)``.
        holomorphic: as for :func:`grad`.
        wrt: as for :func:`grad`.

    Returns:
        A function of the same arguments, which gives ``(value, gradient)``.

    Raises:
        FunctransError: what :func:`grad` raises.

    Example:
        >>> import functrans as ft
        >>> ft.value_and_grad(lambda x: x * x)(3.0)
        (9.0, 6.0)
    """
    expect_function(f, "value_and_grad")
    return named(with_value(f, argnums, argnames, has_aux, holomorphic, wrt), "value_and_grad", f)


def with_value(
    f: Callable[..., Any], argnums: Argnums, argnames: Argnames, has_aux: bool, holomorphic: bool, wrt: Any
) -> Callable[..., Any]:
    """:func:`value_and_grad`, without a name."""
    several(argnums)
    if wrt is not None:
        return in_named(f, wrt, argnums, argnames, has_aux)

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        try:
            selection = Selection(f, args, kwargs, argnums, argnames)
            leaves, structure = differentiable_leaves(selection.selected, selection.names, f)
            line = Linearization("grad", f, leaves, structure, has_aux, selection.call)
            seed = _scalar_seed(f, line, holomorphic)
            value = line.outs[0]
            gradient = selection.result(line.pull([seed], consume=True))
            return ((value, line.aux), gradient) if has_aux else (value, gradient)
        except Exception as error:
            hide(error)
            raise

    return value_and_gradient


@overload
def grad(
    f: np.ufunc,
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[..., Any]: ...
@overload
def grad(
    f: Callable[P, tuple[Any, A]],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: Literal[True],
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[P, tuple[Any, A]]: ...
@overload
def grad(
    f: Callable[P, Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[P, Any]: ...
@boundary
def grad(
    f: Callable[..., Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    wrt: Any = None,
) -> Callable[..., Any]:
    """A function that gives the gradient of ``f``, which must return one number.

    Args:
        f: pure function of arrays, or of trees of arrays.
        argnums: which positional arguments; an integer, or several for a tuple of gradients. The first, by default.
        argnames: which arguments by name, likewise; after those of ``argnums`` when both are given.
        has_aux: ``f`` returns ``(value, aux)``; the result is then ``(gradient, aux)``.
        holomorphic: ``f`` is a holomorphic function of complex arguments; the result is its complex derivative.
        wrt: in place of ``argnums``: numbers of arguments, and names of intermediate values that ``f`` gives with
            :func:`functrans.tag`; one of them, or a tuple for a tuple of gradients. A value tagged in each step of a
            :func:`functrans.scan` has its gradients stacked.

    Returns:
        A function of the same arguments. Gradients have the structure, shapes and dtypes of the arguments. For a real
        function of complex ``z = x + iy`` the gradient is ``df/dx - i df/dy``.

    Raises:
        NonScalarOutputError: ``f`` returned no single real number; the message names the alternatives.
        IntegerInputError: an argument is an integer or boolean array.
        MissingRuleError: ``f`` uses an operation without a derivative.
        DerivativeError: a name in ``wrt`` stands for no value, or for several.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.grad(lambda x: x**3)(2.0)
        12.0
        >>> ft.grad(ft.grad(lambda x: x**3))(2.0)
        12.0
        >>> ft.grad(lambda p, x: np.sum(p["w"] * x))({"w": np.ones(2)}, np.array([3.0, 4.0]))
        {'w': array([3., 4.])}
    """
    expect_function(f, "grad")
    both = with_value(f, argnums, argnames, has_aux, holomorphic, wrt)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        try:
            value, result = both(*args, **kwargs)
            return (result, value[1]) if has_aux else result
        except Exception as error:
            hide(error)
            raise

    return named(gradient, "grad", f)


def in_named(
    f: Callable[..., Any], wrt: Any, argnums: Argnums, argnames: Argnames, has_aux: bool
) -> Callable[..., Any]:
    """:func:`value_and_grad` in arguments and tagged values."""
    single = not isinstance(wrt, tuple | list)
    entries = [wrt] if single else list(wrt)
    if argnums is not None or argnames is not None or not all(isinstance(e, int | str) for e in entries):
        raise DerivativeError(
            f"wrt={wrt!r}, with argnums={argnums!r} and argnames={argnames!r}",
            'list numbers of arguments and names of tags in `wrt` alone: `grad(f, wrt=("z", 0))`.',
        )
    names = [entry for entry in entries if isinstance(entry, str)]

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        try:
            # A tagged value may depend on any of the arguments.
            asked = [entry % len(args) for entry in entries if not isinstance(entry, str)]
            argnums = [i for i, arg in enumerate(args) if i in asked or _has_derivative(arg)]
            selection = Selection(f, args, kwargs, argnums, None)
            leaves, structure = differentiable_leaves(selection.selected, selection.names, f)
            line = Linearization("grad", f, leaves, structure, has_aux, selection.call, names)
            seed = _scalar_seed(f, line, False)
            value = line.outs[0]
            found = line.pull_leaves([seed], consume=True)
            of_arguments = dict(zip(argnums, tree.unflatten(structure, found[: len(leaves)]), strict=True))
            of_names = dict(zip(names, found[len(leaves) :], strict=True))
            gradients = [of_names[e] if isinstance(e, str) else of_arguments[e % len(args)] for e in entries]
            gradient = gradients[0] if single else tuple(gradients)
            return ((value, line.aux), gradient) if has_aux else (value, gradient)
        except Exception as error:
            hide(error)
            raise

    return value_and_gradient


def _has_derivative(arg: Any) -> bool:
    """Whether all leaves of an argument are floating or complex (or it has none)."""
    leaves = tree.flatten(arg)[0]
    return bool(leaves) and all(
        isinstance(x, int | float | complex | np.ndarray | np.generic | Tracer) and ArraySpec.of(x).dtype.kind in "fc"
        for x in leaves
    )


def _scalar_seed(f: Callable[..., Any], line: Linearization, holomorphic: bool) -> Any:
    """The cotangent one, for an output that is one number.

    Raises:
        NonScalarOutputError: it is not.
        DerivativeError: it is an integer, or complex without ``holomorphic=True``.
    """
    if line.out_tree.cls is not None:
        kind = line.out_tree.cls.__name__
        if kind == "NoneType":
            raise NonScalarOutputError(
                f"`grad` needs one number, but {describe_function(f)} returned None", "is a `return` missing?"
            )
        hint = "to return more beside the value use `has_aux=True`; " if kind == "tuple" else ""
        raise NonScalarOutputError(
            f"`grad` needs one number, but {describe_function(f)} returned a {kind}",
            f"{hint}for the derivative of several outputs use `functrans.vjp` (a weighted sum of them) or "
            "`functrans.jacobian` (all).",
        )
    spec = ArraySpec.of(line.outs[0])
    if spec.shape != ():
        raise NonScalarOutputError(
            f"`grad` needs one number, but {describe_function(f)} returned {spec}",
            "return a sum, such as `np.sum(out)`, for the gradient of the sum; use "
            "`functrans.vmap(functrans.grad(f))(xs)` for the derivative at each of many points; `functrans.vjp(f, x)` "
            "and its pullback for a weighted sum (a head gradient); `functrans.jacobian(f)` for all derivatives "
            "(twice: for all second ones).",
        )
    if spec.dtype.kind == "c" and not holomorphic:
        raise DerivativeError(
            f"`grad` needs a real number, but {describe_function(f)} returned {spec}",
            "return `np.real(out)` or `np.abs(out)`; for a holomorphic function pass `holomorphic=True`.",
        )
    if holomorphic and spec.dtype.kind != "c" and line.nodes[0] is not None:
        raise DerivativeError(real_of_complex("grad", f, spec), REAL_PARTS)
    if holomorphic and any(ArraySpec.of(leaf).dtype.kind != "c" for leaf in line.leaves):
        raise DerivativeError(
            f"holomorphic=True, but an argument of {describe_function(f)} is not complex",
            "pass complex arguments (`z + 0j`).",
        )
    if spec.dtype.kind not in "fc" and not spec.weak:
        raise DerivativeError(
            f"`grad` of {describe_function(f)}, which returned {spec}: an integer has no derivative",
            "return a floating-point result.",
        )
    return ONE if spec.weak or spec.dtype == np.float64 else np.ones((), spec.dtype)[()]


def real_of_complex(transform: str, f: Callable[..., Any], spec: ArraySpec) -> str:
    """What is wrong with a complex derivative where a real number depends on complex ones."""
    return f"complex `{transform}` of {describe_function(f)}, which returned {spec}: that is not holomorphic"


#: What to do about it.
REAL_PARTS = (
    "a real function of complex numbers has no complex derivative: differentiate in real and imaginary parts given "
    "apart, or use `functrans.grad` without `holomorphic=True`, which gives `df/dx - i df/dy`."
)


def named(wrapper: Callable[..., Any], transform: str, f: Callable[..., Any]) -> Callable[..., Any]:
    """Give a transformed function the name, the signature and the documentation of what it came from."""
    wrapper.__name__ = f"{transform}_{getattr(f, '__name__', 'f')}".replace("<", "").replace(">", "")
    wrapper.__qualname__ = wrapper.__name__
    wrapper.__wrapped__ = f  # type: ignore[attr-defined]
    about = f"{transform} of {describe_function(f)}."
    wrapper.__doc__ = f"{about}\n\n{f.__doc__}" if type(f) is FunctionType and f.__doc__ else about
    return wrapper
