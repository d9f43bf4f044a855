"""The laws: what holds for every primitive, every function and every program, each said once.

A law is called with a :class:`~functrans.testing.Case` and raises :class:`LawBroken` where the law does not hold
there. A new transform or pass adds its law here, with one decorator, and the tests run it on every primitive.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans import tree
from functrans.compile.pipeline import compiled
from functrans.ir.spec import ArraySpec
from functrans.testing.batch_laws import batched_derivatives_are_stacked as batched_derivatives_are_stacked  # noqa: PLC0414
from functrans.testing.batch_laws import batched_is_stacked as batched_is_stacked  # noqa: PLC0414
from functrans.testing.batch_laws import derivative_of_the_batch as derivative_of_the_batch  # noqa: PLC0414
from functrans.testing.batch_laws import hessians_are_symmetric as hessians_are_symmetric  # noqa: PLC0414
from functrans.testing.batch_laws import jacobians_hold_every_derivative as jacobians_hold_every_derivative  # noqa: PLC0414
from functrans.testing.batch_laws import linear_programs_are_the_derivative as linear_programs_are_the_derivative  # noqa: PLC0414
from functrans.testing.case import Case, is_inexact
from functrans.testing.compare import (
    assert_close,
    assert_inner_equal,
    assert_same_bits,
    bits,
    double,
    epsilon,
    flat,
    leaves,
    specs,
)
from functrans.testing.kink_laws import each_zero_absorbs as each_zero_absorbs  # noqa: PLC0414
from functrans.testing.kink_laws import kinks_get_their_middle as kinks_get_their_middle  # noqa: PLC0414
from functrans.testing.kink_laws import (
    second_derivatives_are_right_at_ties_and_zeros as second_derivatives_are_right_at_ties_and_zeros,  # noqa: PLC0414
)
from functrans.testing.kink_laws import zero_absorbs as zero_absorbs  # noqa: PLC0414
from functrans.testing.kink_laws import zeros_beside_numbers_absorb as zeros_beside_numbers_absorb  # noqa: PLC0414
from functrans.testing.law import LAWS as LAWS  # noqa: PLC0414
from functrans.testing.law import Law as Law  # noqa: PLC0414
from functrans.testing.law import LawBroken as LawBroken  # noqa: PLC0414
from functrans.testing.law import law as law  # noqa: PLC0414
from functrans.testing.law import rounding as rounding  # noqa: PLC0414
from functrans.testing.numerical import derivative

# Values.


@law(order=0, anywhere=True, primitives_only=True)
def spec_foretells(case: Case) -> None:
    """spec(specs of x) == specs of p(x).

    `spec` says what `impl` gives: shapes broadcast, dtypes as NumPy promotes them, `multiple=True` for a tuple.
    """
    primitive = case.primitive
    assert primitive is not None, "it is about primitives"
    foretold = primitive.spec(*[ArraySpec.of(arg) for arg in case.args], **case.params)
    out = primitive.impl(*case.args, **case.params)
    assert primitive.multiple or not isinstance(out, tuple), "it gives a tuple: say `multiple=True`"
    listed, found = list(foretold) if primitive.multiple else [foretold], specs(out)
    assert listed == found, f"foretold {listed}, found {found}"


@law(order=0, anywhere=True)
def arguments_stay_as_they_are(case: Case) -> None:
    """Bits of x before f(x) == bits of x after it.

    Usually broken by `x[...] = ...` or `x += ...`: make a new array.
    """
    case = case.copied()  # one that nothing has been called with
    before = bits(case.args)
    case.everything(*case.args)
    assert bits(case.args) == before, "an argument was written into"


@law(order=0, anywhere=True, staged=True)
def staging_changes_nothing(case: Case) -> None:
    """evaluate(trace(f)(x), x) == f(x), to the bit; validate() accepts the program.

    Usually broken by what depends on more than its arguments: random numbers, a state.
    """
    program = ft.trace(case.everything)(*case.args).validate()
    assert_same_bits(ft.evaluate(program, *case.args), case.value())


def executed(program: ft.Program, *args: Any) -> Any:
    """What the printed module gives, run by Python."""
    namespace: dict[str, Any] = {}
    source = "(no source)"
    try:
        source = program.to_source()
        exec(compile(source, "<printed>", "exec"), namespace)
        return namespace[program.name](*args)
    except Exception as error:  # whatever is wrong with the text, the function itself has given a value
        raise AssertionError(
            f"what it prints does not run: {type(error).__name__}: {error}\n"
            "Fix: `source=lambda args, params: ...` gives an expression; the functions in it, but for `np`'s, are "
            f"`helpers={{name: function}}`, each a `def` of its own that needs `np` alone.\n{source}"
        ) from error


@law(order=0, anywhere=True, staged=True)
def printing_changes_nothing(case: Case) -> None:
    """exec(source of trace(f)(x))(x) == f(x), to the bit; also with other operands printed as constants.

    A primitive prints as `np.<name>(...)` unless `source=` says how; `helpers=` holds the functions that it calls.
    """
    program = ft.trace(case.everything)(*case.args)
    assert_same_bits(leaves(executed(program, *leaves(case.args))), leaves(case.value()))
    one = next((i for i, arg in enumerate(case.args) if any(spec.size for spec in specs(arg))), None)
    if one is not None:
        program = ft.trace(lambda x: case.everything(*case.args[:one], x, *case.args[one + 1 :]))(case.args[one])
        assert_same_bits(leaves(executed(program, *leaves(case.args[one]))), leaves(case.value()))


@law(order=0, anywhere=True, staged=True)
def compiling_changes_nothing(case: Case) -> None:
    """jit(f)(x) == f(x), to the bit, at the first call and at the second.

    Usually broken by what depends on more than its arguments.
    """
    fast = ft.jit(case.everything)
    for _ in range(2):
        assert_same_bits(*[list(map(with_plain_nans, leaves(out))) for out in (fast(*case.args), case.value())])


@law(order=0, anywhere=True, staged=True)
def programs_are_data(case: Case) -> None:
    """loads(dumps(trace(f)(x))) == trace(f)(x) == trace(f)(x) made once more.

    Usually broken by parameters that do not compare, or pickle, by value.
    """
    program = ft.trace(case.everything)(*case.args)
    assert pickle.loads(pickle.dumps(program)) == program, f"unpickled, it is not\n{program}"
    again = ft.trace(case.everything)(*case.args)
    assert again == program, f"{again}\nis not\n{program}"
    assert hash(again) == hash(program), "equal programs, different hashes"


# First derivatives.


@law(order=1, anywhere=True)
def live_values_are_numpys(case: Case) -> None:
    """The value under jvp and vjp == f(x), to the bit.

    Usually broken by what depends on more than its arguments, or on their types.
    """
    expected = case.f(*case.point)
    assert_same_bits(ft.jvp(case.f, case.point, case.tangent())[0], expected)
    assert_same_bits(ft.vjp(case.f, *case.point)[0], expected)


@law(order=1)
def jvp_is_the_numerical_derivative(case: Case) -> None:
    """jvp(f, x, v) == d/dt f(x + t v) at t = 0.

    Usually broken by a wrong derivative: sign, factor, a term that is missing, another operand's.
    """
    v = case.tangent()
    tangent = ft.jvp(case.f, case.point, v)[1]
    expected, error, _ = derivative(case.widened().f, case.point, v)
    assert_close(tangent, expected, error=error, precise=rounding(case))


@law(order=1)
def forward_and_reverse_are_adjoint(case: Case) -> None:
    """<w, J v> == <J^T w, v>.

    Usually broken by a vjp, or a transpose, that is not that of the jvp. It takes no complex conjugate.
    """
    v, w = case.tangent(), case.cotangent()
    tangent = ft.jvp(case.f, case.point, v)[1]
    pulled = ft.vjp(case.f, *case.point)[1](w)
    assert_inner_equal(w, tangent, pulled, v, rounding(case))


def combined(u: Any, v: Any) -> Any:
    """``u + 2 v``."""
    return tree.map(
        lambda a, b: ArraySpec.of(a).dtype.type(a + 2 * b) if ArraySpec.of(a).shape == () else a + 2 * b, u, v
    )


@law(order=1)
def linear_in_the_tangent(case: Case) -> None:
    """J (u + 2 v) == J u + 2 J v, and J^T likewise.

    Usually broken by a jvp that is not linear in `dx`, or a vjp in `ct`.
    """
    pushes: Any = lambda v: ft.jvp(case.f, case.point, v)[1]  # noqa: E731
    for linear, u, v in (
        (pushes, case.tangent(), case.tangent(1)),
        (ft.vjp(case.f, *case.point)[1], case.cotangent(), case.cotangent(1)),
    ):
        assert_close(linear(combined(u, v)), flat(linear(u)) + 2 * flat(linear(v)), precise=rounding(case))


@law(order=1)
def transposed_twice_is_the_map(case: Case) -> None:
    """(J^T)^T v == J v: the pullback of the pullback.

    Usually broken with the law of adjoints, or by a rule that is not linear in `ct`.
    """
    v = case.tangent()
    pullback = ft.vjp(case.f, *case.point)[1]
    cotangents, structure = tree.flatten(case.cotangent())
    inexact = [i for i, leaf in enumerate(cotangents) if ArraySpec.of(leaf).dtype.kind in "fc"]

    def pulled(*moved: Any) -> Any:
        given = dict(zip(inexact, moved, strict=True))
        return pullback(tree.unflatten(structure, [given.get(i, leaf) for i, leaf in enumerate(cotangents)]))

    twice = ft.vjp(pulled, *[cotangents[i] for i in inexact])[1]
    assert_close(twice(v), ft.jvp(case.f, case.point, v)[1], precise=rounding(case))


@law(order=1)
def linear_maps_are_their_own_derivatives(case: Case) -> None:
    """jvp(v -> J v)(u) == J u, vjp(v -> J v)(w) == J^T w, jvp(w -> J^T w)(u) == J^T u.

    Usually broken by a rule that leaves the trace of `dx`, or of `ct`.
    """
    u, v, w = case.tangent(), case.tangent(1), case.cotangent()
    precise = rounding(case)
    pushes: Any = lambda *v: ft.jvp(case.f, case.point, v)[1]  # noqa: E731
    pullback = ft.vjp(case.f, *case.point)[1]
    assert_close(ft.jvp(pushes, v, u)[1], pushes(*u), precise=precise)
    assert_close(ft.vjp(pushes, *v)[1](w), pullback(w), precise=precise)
    if all(map(is_inexact, leaves(w))):
        assert_close(ft.jvp(pullback, (w,), (case.cotangent(1),))[1], pullback(case.cotangent(1)), precise=precise)


@law(order=1, anywhere=True)
def derivatives_have_the_specs_of_their_primals(case: Case) -> None:
    """spec(J v) == spec(f(x)), spec(J^T w) == spec(x): float32 stays float32.

    Usually broken by a wrong `spec`.
    """
    out, tangent = ft.jvp(case.f, case.point, case.tangent())
    inexact = [spec.dtype.kind in "fc" for spec in specs(out)]
    found = [spec for spec, wanted in zip(specs(tangent), inexact, strict=True) if wanted]
    expected = [spec for spec, wanted in zip(specs(out), inexact, strict=True) if wanted]
    assert found == expected, f"tangents {found} for {expected}"
    pulled = specs(ft.vjp(case.f, *case.point)[1](case.cotangent()))
    assert pulled == specs(case.point), f"cotangents {pulled} for {specs(case.point)}"


def push(case: Case) -> Callable[..., Any]:
    """``x, v -> f(x), J(x) v``, with the point and the tangent one after the other."""
    count = len(case.moving)
    return lambda *args: ft.jvp(case.f, args[:count], args[count:])


def pull(case: Case) -> Callable[..., Any]:
    """``w, x -> f(x), J(x)^T w``."""

    def pulled(w: Any, *point: Any) -> Any:
        out, pullback = ft.vjp(case.f, *point)
        return out, pullback(w)

    return pulled


@law(order=1, anywhere=True, staged=True)
def staged_derivatives_are_the_live_ones(case: Case) -> None:
    """evaluate(trace(J)(x, v), x, v) == J v, and J^T likewise; both are valid, print and compile as they run.

    Usually broken by a wrong `spec`, a wrong `source`, or a rule that depends on more than what it is given.
    """
    for f, args in (
        (push(case), (*case.point, *case.tangent())),
        (pull(case), (case.cotangent(), *case.point)),
    ):
        program = ft.trace(f)(*args).validate()
        live, staged = f(*args), ft.evaluate(program, *args)
        assert specs(staged) == specs(live), f"staged {specs(staged)}, live {specs(live)}"
        a, b = flat(staged), flat(live)
        finite = np.isfinite(a) & np.isfinite(b)
        # NumPy may compute the last bit otherwise where an operand lies otherwise in memory.
        assert_close(a[finite], b[finite], precise=4 * epsilon(case.value(), case.point))
        odd = np.where(finite, 0.0, a), np.where(finite, 0.0, b)
        assert np.array_equal(*odd, equal_nan=True), f"staged {staged}, live {live}"
        assert_same_bits(leaves(executed(program, *leaves(args))), leaves(staged))
        fast = compiled(program).run(*leaves(args))
        assert_same_bits(list(map(with_plain_nans, fast)), list(map(with_plain_nans, leaves(staged))))


def with_plain_nans(leaf: Any) -> Any:
    """The same with one kind of NaN: which sign it has, and what else its bits say, means nothing."""
    dtype = np.asarray(leaf).dtype
    return np.where(np.isnan(leaf), np.asarray(np.nan, dtype), leaf)[()] if dtype.kind in "fc" else leaf


@law(order=1, anywhere=True)
def nothing_is_written_into(case: Case) -> None:
    """Bits of x, v, w, f(x) before == bits after; J^T w == J^T w from a second call, in arrays of its own.

    Usually broken by `ct *= ...` or `ct[...] = ...` in a rule: write `ct = ct * ...`. What gives a view says `.copy()`.
    """
    v, w = case.tangent(), case.cotangent()
    before = bits((case.args, v, w))
    ft.jvp(case.f, case.point, v)
    out, pullback = ft.vjp(case.f, *case.point)
    value = bits(out)
    first, second = pullback(w), pullback(w)
    assert bits((case.args, v, w)) == before, "an argument was written into"
    assert bits(out) == value, "the value was written into"
    assert_same_bits(tree.map(with_plain_nans, first), tree.map(with_plain_nans, second))
    given = [leaf for leaf in leaves((case.args, w, out)) if isinstance(leaf, np.ndarray)]
    for gradient in leaves((first, second)):
        shared = [leaf for leaf in given if isinstance(gradient, np.ndarray) and np.shares_memory(gradient, leaf)]
        assert not shared, "a gradient shares memory with what was given, or with the value"


# Second derivatives.


def forward(case: Case, v: Any) -> Callable[..., Any]:
    """``x -> J(x) v``."""
    return lambda *point: ft.jvp(case.f, point, v)[1]


def backward(case: Case, w: Any) -> Callable[..., Any]:
    """``x -> J(x)^T w``, the gradient of ``<w, f(x)>``."""
    return lambda *point: ft.vjp(case.f, *point)[1](w)


@law(order=2)
def second_derivative_is_the_numerical_one(case: Case) -> None:
    """jvp(x -> J(x)^T w, x, u) == d/dt J(x + t u)^T w at t = 0.

    Usually broken by a rule that leaves the trace, so that its own derivative is lost.
    """
    u, w = case.tangent(), case.cotangent()
    found = ft.jvp(backward(case, w), case.point, u)[1]
    expected, error, _ = derivative(backward(case.widened(), double(w)), case.point, u)
    assert_close(found, expected, error=error, precise=rounding(case))


@law(order=2)
def nesting_in_any_order_gives_the_same(case: Case) -> None:
    """With H the Hessian of <w, f>: jvp of vjp == vjp of vjp == vjp of jvp == H u, and <w, jvp of jvp> == <v, H u>.

    Usually broken with the law of adjoints, or by a rule that leaves the trace.
    """
    u, v, w = case.tangent(), case.tangent(1), case.cotangent()
    expected = ft.jvp(backward(case, w), case.point, u)[1]
    precise = rounding(case)
    assert_close(ft.vjp(backward(case, w), *case.point)[1](u), expected, precise=precise)
    assert_close(ft.vjp(forward(case, u), *case.point)[1](w), expected, precise=precise)
    twice = ft.jvp(forward(case, v), case.point, u)[1]
    assert_inner_equal(w, twice, v, expected, precise)


@law(order=2, staged=True)
def staged_second_derivatives_are_the_live_ones(case: Case) -> None:
    """evaluate(trace(x -> H u)(x), x) == H u in every nesting; validate() accepts it.

    Usually broken by a wrong `spec`, or a rule that depends on more than what it is given.
    """
    u, w = case.tangent(), case.cotangent()
    nestings: list[Callable[..., Any]] = [
        lambda *point: ft.jvp(backward(case, w), point, u)[1],
        lambda *point: ft.vjp(backward(case, w), *point)[1](u),
        lambda *point: ft.vjp(forward(case, u), *point)[1](w),
    ]
    f = nestings[case.seed % 3]
    program = ft.trace(f)(*case.point).validate()
    assert_close(ft.evaluate(program, *case.point), f(*case.point), precise=rounding(case) * 1e-3)


@law(order=2)
def grad_is_the_pullback_of_one(case: Case) -> None:
    """grad(f)(x) == J^T 1 of a function with one real number as its value; and H u by either.

    Usually broken by a rule that is not linear in `ct`.
    """
    if case.primitive is not None and case.primitive.domain and all(map(np.size, case.args)):  # elementwise
        case = case.at([np.ravel(arg)[0] if np.ndim(arg) else arg for arg in case.args])
    value = case.value()
    if not isinstance(value, float | np.floating):
        return
    half, u = type(value)(0.5), case.tangent()
    by_grad: Any = lambda *point: ft.grad(case.f, tuple(range(len(point))))(*point)  # noqa: E731
    for found, expected in (
        (by_grad(*case.point), backward(case, half)(*case.point)),
        (ft.jvp(by_grad, case.point, u)[1], ft.jvp(backward(case, half), case.point, u)[1]),
    ):
        assert_close(found, 2 * flat(expected), precise=rounding(case))
