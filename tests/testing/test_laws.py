"""The laws themselves: each says what it says in one line, is in the docs, and can fail."""

from __future__ import annotations

import pathlib
import re

import numpy as np
import pytest

import functrans as ft
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.primitives import Constant, Derivatives, Linear, Primitive, Rules, forget, lookup, primitives
from functrans.testing import Case, laws
from functrans.testing.laws import LawBroken
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_docs_list_every_law():
    """Each row of the table is a law with its equation, and none is missing."""
    rows = re.findall(
        r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text().partition("| law |")[2].partition("\n\n")[0], re.MULTILINE
    )
    expected = {law.name: law.equation.rstrip(".") for law in laws.LAWS}
    lacking = [f"| `{name}` | {says} |" for name, says in expected.items() if (name, says) not in rows]
    assert not lacking, "docs/testing.md lacks these rows:\n" + "\n".join(lacking)
    assert len(rows) == len(expected), f"docs/testing.md lists {set(dict(rows)) - set(expected)}, which are no laws"


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.name)
def test_a_law_is_one_equation_and_what_breaks_it(law):
    equation, _, advice = (law.__doc__ or "").partition("\n")
    assert law.equation == equation
    assert "==" in equation
    assert len(equation) <= 120
    assert advice.strip(), "the docstring says, after an empty line, what usually breaks the law"
    assert not law.staged or not law.primitives_only
    assert getattr(laws, law.name) is law
    assert law.name in repr(law)


def test_laws_have_names_of_their_own():
    assert len({law.name for law in laws.LAWS}) == len(laws.LAWS)


def test_what_a_law_applies_to():
    spec, linear = laws.spec_foretells, laws.linear_in_the_tangent
    assert spec.applies_to(lookup("less"))
    assert not spec.applies_to(np.sin)
    assert linear.applies_to(np.sin)
    assert linear.applies_to(lookup("sin"))
    assert not linear.applies_to(lookup("less"))
    assert isinstance(lookup("less").derivative, Constant)


def test_a_broken_law_knows_which_and_where():
    case = Case(lambda x: x * ft.stop_gradient(x), (3.0,))
    with pytest.raises(LawBroken, match=r"found[\s\S]*expected[\s\S]*they differ by") as caught:
        laws.jvp_is_the_numerical_derivative(case)
    assert (caught.value.law, caught.value.case) == (laws.jvp_is_the_numerical_derivative, case)
    assert "Case(f, (3.0,))" in str(caught.value)


def test_linear_programs_may_come_with_values_that_are_no_numbers():
    laws.linear_programs_are_the_derivative(Case(lambda x: (np.nansum(x), x), (np.array([1.0, np.nan]),)))


# Every law can fail: for each something that breaks it.

POINT = np.array([0.5, -1.5, 2.0])


def op(impl=np.sin, derivative=None, spec=lambda x: x.strong(), source="np.sin({})", **options):
    """A sine, but for one thing that is wrong."""
    right = Derivatives([lambda out, x: np.cos(x)])
    return Primitive("op", impl, spec, derivative or right, source=lambda args, _: source.format(*args), **options)


def with_rules(jvp=lambda dx, out, x: dx * np.cos(x), vjp=lambda ct, out, x: ct * np.cos(x), **options):
    return op(derivative=Rules([jvp], [vjp]), **options)


def in_place(ct, out, x):
    ct *= np.cos(x)
    return ct


def doubled(x):
    x *= 2
    return x


def counting(f):
    """A function that is another at every call."""
    calls = iter(range(10_000))
    return lambda *args: f(*args) * (1.0 + 0.01 * next(calls))


class Nameless:
    """A parameter that compares by identity."""


def anew(x):
    return bind(lookup("op"), x, how=Nameless())


def flipped(x):
    return np.sin(x) if type(x) is np.ndarray else np.cos(x)


def detached(ct, out, x):
    return ct * ft.stop_gradient(np.cos(x))


def other_in_batches(x):
    level = x
    while type(level) is Tracer:
        if level.recorder.batched:
            return np.cos(x)
        level = level.value
    return np.sin(x)


def other_with_traced_tangents(x):
    return np.cos(x) if type(getattr(x, "mark", None)) is Tracer else np.sin(x)


BREAKS = {
    "spec_foretells": lambda: op(spec=lambda x: ArraySpec((), x.dtype)),
    "arguments_stay_as_they_are": lambda: op(doubled),
    "staging_changes_nothing": lambda: op(counting(np.sin)),
    "printing_changes_nothing": lambda: op(source="np.cos({})"),
    "compiling_changes_nothing": lambda: op(counting(np.sin)),
    "programs_are_data": lambda: op(lambda x, how: np.sin(x), spec=lambda x, how: x) and anew,
    "live_values_are_numpys": lambda: flipped,
    "jvp_is_the_numerical_derivative": lambda: op(derivative=Derivatives([lambda out, x: np.sin(x)])),
    "forward_and_reverse_are_adjoint": lambda: with_rules(vjp=lambda ct, out, x: ct * np.sin(x)),
    "linear_in_the_tangent": lambda: with_rules(jvp=lambda dx, out, x: dx * dx),
    "transposed_twice_is_the_map": lambda: with_rules(vjp=lambda ct, out, x: ct * np.sin(x)),
    "linear_maps_are_their_own_derivatives": lambda: with_rules(
        jvp=lambda dx, out, x: ft.stop_gradient(dx) * np.cos(x)
    ),
    "staged_derivatives_are_the_live_ones": lambda: op(derivative=Derivatives([counting(lambda out, x: np.cos(x))])),
    "nothing_is_written_into": lambda: with_rules(vjp=in_place),
    "second_derivative_is_the_numerical_one": lambda: with_rules(vjp=detached),
    "nesting_in_any_order_gives_the_same": lambda: with_rules(vjp=detached),
    "staged_second_derivatives_are_the_live_ones": lambda: with_rules(vjp=counting(lambda ct, out, x: ct * np.cos(x))),
    "grad_is_the_pullback_of_one": lambda: (with_rules(vjp=lambda ct, out, x: ct * ct * np.cos(x)), (0.5,)),
    "zero_absorbs": lambda: (op(np.sqrt, Derivatives([lambda out, x: 0.5 / out])), (np.array([0.0, 1.0]),)),
    "each_zero_absorbs": lambda: (op(np.sqrt, Derivatives([lambda out, x: 0.5 / out])), (np.zeros(2),)),
    "zeros_beside_numbers_absorb": lambda: op(
        lambda x: x[:1],
        Linear([lambda ct, x: np.concatenate([ct, np.zeros(2)])]),
        spec=lambda x: x.with_shape((1,)),
    ),
    "second_derivatives_are_right_at_ties_and_zeros": lambda: op(
        np.square, Derivatives([lambda out, x: np.where(x == 0, 0.0, 2 * x)]), source="np.square({})"
    ),
    "batched_is_stacked": lambda: other_in_batches,
    "batched_derivatives_are_stacked": lambda: other_in_batches,
    "derivative_of_the_batch": lambda: other_in_batches,
    "jacobians_hold_every_derivative": lambda: other_with_traced_tangents,
    "linear_programs_are_the_derivative": lambda: other_with_traced_tangents,
    "hessians_are_symmetric": lambda: with_rules(vjp=detached, batch=batching.elementwise),
    "kinks_get_their_middle": lambda: op(np.abs, Derivatives([lambda out, x: np.where(x >= 0, 1.0, -1.0)])),
}
# The library sees to it, whatever a subject does, so it is the library that is broken.
LIBRARY = {"derivatives_have_the_specs_of_their_primals": lambda out, tangent: (out, np.float32(tangent))}


@pytest.fixture
def cleared():
    yield
    for primitive in primitives():
        if primitive.name == "op":
            forget(primitive)


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.name)
@pytest.mark.usefixtures("cleared")
def test_every_law_can_fail(law, monkeypatch):
    subject, args = np.sin, (POINT.copy(),)
    if law.name in LIBRARY:
        law(Case(subject, args))
        right, wrong = ft.jvp, LIBRARY[law.name]
        monkeypatch.setattr(ft, "jvp", lambda *given: wrong(*right(*given)))
    else:
        made = BREAKS[law.name]()
        subject, args = made if isinstance(made, tuple) else (made, args)
    with pytest.raises(LawBroken, match=law.name):
        law(Case(subject, args))
