"""functrans.testing.strategies.programs: what random programs have in them, and how they shrink."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import Phase, find, given, seed, settings
from hypothesis import strategies as hypothesis_st

import functrans as ft
from functrans.custom.primitive import USERS
from functrans.ir import ArraySpec, Literal, Program, Var
from functrans.ops.family import ufunc_spec
from functrans.primitives import REAL, Constant, Derivatives, Primitive, forget, lookup, primitives
from functrans.testing import laws
from functrans.testing import strategies as st
from functrans.testing.compare import bits, flat
from functrans.testing.laws import LawBroken
from functrans.testing.strategies.programs import known
from functrans.testing.strategies.writer import moderate

quick = settings(max_examples=25)
# Without telling which parts of the smallest example matter, which takes longer than to find it.
shrinking = settings(max_examples=1000, database=None, derandomize=True, phases=[Phase.generate, Phase.shrink])


def collected(strategy, count):
    """What a strategy draws, so many times.

    Not in one go: of an example that it has drawn hypothesis makes others which are much like it.
    """
    found = []
    for number in range(0, count, 100):

        @seed(number)
        @settings(max_examples=min(100, count - number), phases=[Phase.generate], database=None, derandomize=False)
        @given(strategy)
        def collect(drawn):
            found.append(drawn)

        collect()
    return found


@cache
def samples():
    return collected(st.program_cases(), 600)


def names(program):
    return [equation.primitive.name for equation in program.equations]


def readers(program):
    """How many operands each variable is."""
    return Counter(atom for equation in program.equations for atom in equation.inputs if isinstance(atom, Var))


def specs(program):
    made = [var.spec for equation in program.equations for var in equation.outputs]
    return [*[var.spec for var in program.inputs], *made]


def dead(program):
    used = {*readers(program), *program.outputs}
    return [equation for equation in program.equations if not used & set(equation.outputs)]


def inexact(atom):
    return atom.spec.dtype.kind in "fc"


FEATURES = {
    "fan-out": lambda p: max(readers(p).values(), default=0) > 2,
    "an operand used twice by one equation": lambda p: any(
        len({a for a in e.inputs if isinstance(a, Var)}) < sum(isinstance(a, Var) for a in e.inputs)
        for e in p.equations
    ),
    "dead code": dead,
    "a shared subexpression": lambda p: any(
        a.primitive is b.primitive and a.inputs == b.inputs and a.params == b.params
        for i, a in enumerate(p.equations)
        if not any(isinstance(v, np.ndarray) for v in a.params.values())
        for b in p.equations[:i]
    ),
    "several outputs": lambda p: len(p.outputs) > 2,
    "an output returned twice": lambda p: len(set(p.outputs)) < len(p.outputs),
    "an input that is returned": lambda p: set(p.inputs) & set(p.outputs),
    "a literal that is returned": lambda p: any(isinstance(atom, Literal) for atom in p.outputs),
    "a value that is used and returned": lambda p: set(readers(p)) & set(p.outputs) - set(p.inputs),
    "an unused input": lambda p: set(p.inputs) - set(readers(p)) - set(p.outputs),
    "no inputs": lambda p: not p.inputs,
    "a Python scalar with an array": lambda p: any(
        any(a.spec.weak and isinstance(a, Var) for a in e.inputs) and any(a.spec.shape for a in e.inputs)
        for e in p.equations
    ),
    "float32 with float64": lambda p: any(
        {np.dtype("f4"), np.dtype("f8")} <= {a.spec.dtype for a in e.inputs if not a.spec.weak} for e in p.equations
    ),
    "real with complex": lambda p: any({"f", "c"} <= {a.spec.dtype.kind for a in e.inputs} for e in p.equations),
    "single precision": lambda p: any(spec.dtype.char in "fF" for spec in specs(p)),
    "0-d": lambda p: any(spec.shape == () and not spec.weak for spec in specs(p)),
    "empty": lambda p: any(spec.size == 0 for spec in specs(p)),
    "three axes": lambda p: any(spec.ndim == 3 for spec in specs(p)),
    "a primitive with several outputs": lambda p: any(len(e.outputs) > 1 for e in p.equations),
    "broadcasting": lambda p: any(
        len({a.spec.shape for a in e.inputs} - {()}) > 1 for e in p.equations if e.primitive.domain
    ),
    "a truth value that is used": lambda p: any(v.spec.dtype.kind == "b" for v in readers(p)),
    "an integer that is used": lambda p: any(v.spec.dtype.kind == "i" for v in readers(p)),
    "a literal operand": lambda p: any(isinstance(a, Literal) and inexact(a) for e in p.equations for a in e.inputs),
    "twenty equations": lambda p: len(p.equations) >= 20,
    "one equation": lambda p: len(p.equations) == 1,
    "a chain of eight": lambda p: depth(p) >= 8,
}


def depth(program):
    """The longest way through equations from an input that moves."""
    reached = {var: 0 for var in program.inputs if inexact(var) and var.spec.size}
    for equation in program.equations:
        longest = max((reached[a] for a in equation.inputs if a in reached), default=None)
        if longest is not None:
            reached.update({var: longest + 1 for var in equation.outputs if inexact(var)})
    return max(reached.values(), default=0)


@pytest.mark.parametrize("feature", FEATURES)
def test_features(feature):
    found = sum(bool(FEATURES[feature](case.program)) for case in samples())
    assert found >= 2, f"{found} of {len(samples())}"


def test_programs_are_well_typed_finite_and_no_longer_than_asked():
    for case in samples():
        case.program.validate()
        assert len(case.program.equations) <= 30
        assert [ArraySpec.of(arg) for arg in case.args] == [var.spec for var in case.program.inputs]
        out = ft.evaluate(case.program, *case.args)
        outs = out if len(case.program.outputs) != 1 else (out,)
        assert [ArraySpec.of(o) for o in outs] == [atom.spec for atom in case.program.outputs]
        assert np.all(np.isfinite(flat(out)))
    assert sum(bool(case.moving) for case in samples()) > 0.8 * len(samples())


@pytest.mark.parametrize("primitive", ["nanargmax", "nanmean"])
def test_gaps_are_seen_by_what_leaves_them_out_alone(primitive):
    cases = collected(st.program_cases(6, around=[primitive]), 60)
    operands = [
        atom for case in cases for e in case.program.equations for atom in e.inputs if e.primitive.name == primitive
    ]
    assert any(isinstance(atom, Literal) and np.any(np.isnan(atom.value)) for atom in operands)
    assert all(np.all(np.isfinite(flat(case.value()))) for case in cases)


def test_many_primitives_are_reached_at_random():
    assert len({name for case in samples() for name in names(case.program)}) > 100


@pytest.mark.parametrize("primitive", known(differentiable=True), ids=lambda primitive: primitive.name)
def test_each_differentiable_primitive_is_reached_and_moves(primitive):
    def moves(case):
        moving = {var for var in case.program.inputs if inexact(var) and var.spec.size}
        for equation in case.program.equations:
            if moving & set(equation.inputs):
                if equation.primitive is primitive:
                    return True
                moving.update(filter(inexact, equation.outputs))
        return False

    find(st.program_cases(12, around=[primitive]), moves, settings=settings(shrinking, phases=[Phase.generate]))


def test_every_differentiable_primitive_is_known():
    left_out = {p.name for p in primitives() if not p.effect and p.derivative is not None} - {p.name for p in known()}
    solvers = {"root", "solver", "expect_converged", "odeint", "odeint_adjoint"}  # tested in tests/implicit
    assert left_out - USERS - solvers <= {"all_gather"}  # it means something in a named batch alone


@given(st.programs(4))
@quick
def test_at_most(program):
    assert len(program.equations) <= 4


@given(st.programs(primitives=["multiply", lookup("sin"), "sum"]))
@quick
def test_only_some_primitives(program):
    assert set(names(program)) <= {"multiply", "sin", "sum"}


@given(st.programs(differentiable=True))
@quick
def test_only_differentiable_primitives(program):
    assert not any(isinstance(e.primitive.derivative, Constant) for e in program.equations)


def test_unknown_primitives():
    with pytest.raises(LookupError, match="no such"):
        st.programs(primitives=["no such"])
    bare = Primitive("bare", np.sin, lambda x: x, None)
    try:
        with pytest.raises(LookupError, match="which operands the primitive 'bare' takes"):
            st.programs(around=[bare])
        assert bare not in known()
    finally:
        forget(bare)


def test_layouts():
    cases = collected(st.program_cases(4, layouts=True), 60)
    arrays = [arg for case in cases for arg in case.args if isinstance(arg, np.ndarray)]
    assert any(not array.flags.c_contiguous for array in arrays)
    scalars = [
        arg
        for case in collected(st.program_cases(4, primitives=["sin", "sum"], layouts=["0-d"]), 100)
        for arg in case.args
    ]
    assert any(isinstance(arg, np.ndarray) and arg.ndim == 0 for arg in scalars)
    program = ft.trace(lambda x: x + 1.0)(np.ones((2, 3)))
    assert any(x.flags.f_contiguous for (x,) in collected(st.arguments(program, layouts=["fortran"]), 10))


def test_edges():
    cases = collected(st.program_cases(8, edges=True), 100)
    numbers = np.concatenate([flat(case.args) for case in cases])
    assert np.any(np.isnan(numbers))
    assert np.any(np.isinf(numbers))
    assert np.any(numbers == 0)
    for case in cases:
        case.program.validate()


def test_what_would_not_come_to_an_end_keeps_its_operands():
    pytest.importorskip("functrans.scipy.special")
    for name in ("yn", "hyp1f1", "eval_hermite"):
        for case in collected(st.program_cases(6, around=[f"scipy.special.{name}"], edges=True), 40):
            atoms = [a for e in case.program.equations for a in e.inputs if e.primitive.name.endswith(f".{name}")]
            assert all(isinstance(a, Literal) and np.all(np.abs(a.value) < 1e3) for a in atoms)


# One's own primitives.


def test_a_primitive_of_ones_own_takes_part_and_its_wrong_derivative_is_found():
    wrong = Primitive(
        "wrong_sin",
        np.sin,
        ufunc_spec(np.sin),
        Derivatives([lambda out, x: 1.01 * np.cos(x)]),
        source=lambda args, params: f"np.sin({args[0]})",
        domain=[REAL],
    )
    try:
        assert wrong in known()
        with pytest.raises(LawBroken, match="numerical_derivative") as caught:
            check_wrong()
        assert len(caught.value.case.program.equations) == 1
    finally:
        forget(wrong)
    assert wrong not in known()


def test_a_primitive_whose_spec_is_wrong_is_no_silent_absence():
    wrong = Primitive("wrong_spec", np.sin, lambda x: x.with_shape((7,)), Derivatives([1.0]), domain=[REAL])
    try:
        with pytest.raises(AssertionError, match="the spec of 'wrong_spec' foretells"):
            collected(st.programs(4, around=[wrong]), 20)
    finally:
        forget(wrong)


def check_wrong():
    @shrinking
    @given(st.program_cases(6, around=["wrong_sin"]))
    def check(case):
        if case.moving:
            laws.jvp_is_the_numerical_derivative(case)

    check()


# Shrinking.

MINIMAL = {
    "a matmul": (lambda p: "matmul" in names(p), 1),
    "an index_set": (lambda p: "index_set" in names(p), 1),
    "a determinant of what is near a matrix": (lambda p: "det" in names(p) and p.inputs, 4),
    "two equations that share an operand": (
        lambda p: len(p.equations) > 1 and max(readers(p).values(), default=0) > 1,
        3,
    ),
    "the same equation twice": (FEATURES["a shared subexpression"], 2),
    "dead code": (dead, 2),
    "a literal that is returned": (FEATURES["a literal that is returned"], 1),
}


@pytest.mark.parametrize("what", MINIMAL)
def test_minimal(what):
    condition, largest = MINIMAL[what]
    around = {"a matmul": "matmul", "an index_set": "index_set", "a determinant of what is near a matrix": "det"}
    # Any will do for the others; those of NumPy's that are elementwise are the simplest.
    simple = [p for p in known() if p.domain and not p.name.startswith("scipy.")]
    strategy = st.programs(12, around=[around[what]]) if what in around else st.programs(12, primitives=simple)
    program = find(strategy, condition, settings=shrinking)
    assert len(program.equations) <= largest, str(program)


def test_an_example_that_fails_is_shown_as_source():
    def fail(program):
        raise AssertionError

    check = shrinking(given(st.programs())(fail))
    with pytest.raises(AssertionError) as caught:
        check()
    assert "program=def program(" in "\n".join(caught.value.__notes__)


def test_a_case_shows_its_program():
    only_products = st.program_cases(4, primitives=["matmul"])
    case = find(only_products, lambda case: names(case.program) == ["matmul"], settings=shrinking)
    assert "x0 @ x1" in repr(case)


# Arguments.


@given(hypothesis_st.data())
@quick
def test_arguments_fit(data):
    program = data.draw(st.programs(8))
    args = data.draw(st.arguments(program))
    assert [ArraySpec.of(arg) for arg in args] == [var.spec for var in program.inputs]


def test_arguments_of_a_traced_program_are_its_trees():
    program = ft.trace(lambda params, n: {"y": params["w"] * n})({"w": np.ones(2)}, 3)
    for params, n in collected(st.arguments(program), 5):
        assert type(n) is int
        assert bits(ft.evaluate(program, params, n)) == bits({"y": params["w"] * n})
    odd = collected(st.arguments(program, edges=True), 100)
    assert any(not np.all(np.isfinite(params["w"])) for params, _ in odd)


def test_arguments_of_no_inputs():
    assert collected(st.arguments(Program([], [], [Literal(1.0)])), 1) == [()]


# What is called moderate.


@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [
        (np.sin, 1.0, True),
        (np.abs, 0.001, False),
        (np.abs, -0.02, False),
        (np.abs, 0.04, True),
        (np.floor, 2.99, False),
        (np.floor, 2.5, True),
        (lambda x: 1e4 * x, 1.0, False),
        (lambda x: np.log(x), 0.01, False),
        (lambda x: x > 1, 1.01, False),
        (lambda x: 1j * x, 1.0, True),
        (lambda x: np.nan * x, 1.0, False),
    ],
)
def test_moderate(f, at, expected):
    with np.errstate(all="ignore"):
        values = [f(np.float64(at + step)) for step in (0, 2**-5, -(2**-5), 2**-6, -(2**-6))]
    assert moderate(values) is expected
