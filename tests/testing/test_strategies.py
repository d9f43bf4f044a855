"""The strategies keep what they promise: each kind of edge is drawn, each contract holds, and they shrink."""

from __future__ import annotations

import inspect
from collections import OrderedDict

import hypothesis.strategies
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

import functrans as ft
from functrans import tree
from functrans.ir.spec import ArraySpec
from functrans.primitives import (
    POSITIVE,
    REAL,
    Bilinear,
    Constant,
    Derivatives,
    Linear,
    Primitive,
    forget,
    lookup,
    primitives,
)
from functrans.testing import assert_laws, laws
from functrans.testing import strategies as st
from functrans.testing.case import Case
from functrans.testing.compare import specs
from functrans.testing.laws import LawBroken
from functrans.testing.strategies.entries import LAYOUTS, laid_out, special
from functrans.testing.strategies.operands import RECIPES, has_operands
from functrans.testing.strategies.trees import Couple, Record


def drawn(strategy, count=150):
    """So many examples, the same every time."""
    found = []

    @settings(
        max_examples=count, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(strategy)
    def collect(value):
        found.append(value)

    collect()
    return found


def smallest(strategy, condition=lambda value: True):
    """What a failing test would be shown."""
    quick = settings(max_examples=500, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    return find(strategy, condition, settings=quick)


def entries(arrays):
    """All their entries."""
    return np.concatenate([np.zeros(0), *[np.ravel(np.asarray(x)) for x in arrays]])


def test_no_name_is_one_of_hypothesis():
    """So that `st` can be either, and `from ... import *` of both."""
    assert set(st.__all__).isdisjoint(hypothesis.strategies.__all__)
    for name in st.__all__:
        assert getattr(st, name).__doc__


@pytest.mark.parametrize("name", [name for name in st.__all__ if name != "Draw"])
def test_options_have_the_same_names_everywhere(name):
    options = {"edges": False, "layouts": False, "domain": REAL}
    for parameter in inspect.signature(getattr(st, name)).parameters.values():
        if parameter.name in options:
            assert parameter.kind is parameter.KEYWORD_ONLY
            assert parameter.default == options[parameter.name]


# Shapes, dtypes, specs.


def test_shapes_of_every_kind():
    found = drawn(st.shapes())
    assert {len(shape) for shape in found} == {0, 1, 2, 3}
    assert {n for shape in found for n in shape} == {0, 1, 2, 3, 4}
    assert all(isinstance(shape, tuple) for shape in found)
    assert smallest(st.shapes()) == ()
    assert smallest(st.shapes(), lambda shape: len(shape) == 2) == (0, 0)
    assert smallest(st.shapes(min_side=1), lambda shape: np.prod(shape) > 3) == (4,)


def test_shapes_keep_their_limits():
    for shape in drawn(st.shapes(1, 2, 2, 5)):
        assert 1 <= len(shape) <= 2
        assert all(2 <= n <= 5 for n in shape)


@pytest.mark.parametrize(("broadcastable", "count"), [(True, 2), (1, 1), (2, 2), (3, 3)])
def test_shapes_that_broadcast(broadcastable, count):
    found = drawn(st.shapes(broadcastable=broadcastable))
    for shapes in found:
        assert len(shapes) == count
        np.broadcast_shapes(*shapes)
        assert all(len(shape) <= 3 and max(shape, default=0) <= 4 for shape in shapes)
    assert smallest(st.shapes(broadcastable=broadcastable)) == ((),) * count
    if count > 1:
        results = [np.broadcast_shapes(*shapes) for shapes in found]
        assert sum(len(set(shapes)) > 1 for shapes in found) > 50
        assert sum(all(shape != out for shape in shapes) for shapes, out in zip(found, results, strict=True)) > 3
        assert sum(0 in out for out in results) > 5
        assert sum(any(shape == () for shape in shapes) for shapes in found) > 10


def test_dtypes():
    assert set(drawn(st.dtypes())) == {np.dtype(d) for d in ("f8", "f4", "c16", "c8")}
    assert {d.kind for d in drawn(st.dtypes("iub"))} == {"i", "u", "b"}
    assert smallest(st.dtypes()) == np.float64
    assert smallest(st.dtypes("cf")) == np.complex128
    for kinds in ("", "fx", "O"):
        with pytest.raises(ValueError, match="NumPy's kinds"):
            st.dtypes(kinds)


def test_specs():
    found = drawn(st.specs(dtype=st.dtypes("fciub")))
    assert {spec.weak for spec in found} == {True, False}
    assert {repr(spec) for spec in found if spec.weak} == {"float", "complex", "int", "bool"}
    assert {spec.dtype.kind for spec in found if not spec.weak} == set("fciub")
    assert not any(spec.weak for spec in drawn(st.specs(weak=False), 100))
    assert all(spec.weak for spec in drawn(st.specs(weak=True), 100))
    assert drawn(st.specs((2, 3), "float32", weak=False), 3) == [ArraySpec((2, 3), np.float32)]
    assert smallest(st.specs()) == ArraySpec.of(0.0)
    assert smallest(st.specs(weak=False)) == ArraySpec((), np.float64)


# Arrays.


@pytest.mark.parametrize("domain", [REAL, POSITIVE, (-1.0, 1.0), (-np.inf, 2.0), (1.0, np.inf), (3.0, 3.001)])
def test_arrays_stay_inside_their_domain_and_off_kinks(domain):
    for x in drawn(st.arrays(dtype=st.dtypes("f"), domain=domain), 100):
        assert np.all((x > domain[0]) & (x < domain[1]))
        assert len(np.unique(x)) == np.size(x)
        if domain == REAL:
            assert np.all(np.abs(2 * x - np.round(2 * x)) > 0.09)


def test_arrays_have_shapes_and_dtypes_as_asked():
    found = drawn(st.arrays())
    assert {type(x) for x in found} == {np.ndarray, np.float64, np.float32, np.complex128, np.complex64}
    assert {np.shape(x) for x in found} > {(), (0,), (1,)}
    assert all(type(x) is not np.ndarray for x in found if np.shape(x) == ())
    assert {x.shape for x in drawn(st.arrays((2, 0, 1), "f4"), 5)} == {(2, 0, 1)}
    assert {x.shape for x in drawn(st.arrays(3, "f4"), 5)} == {(3,)}
    assert {(x.shape, x.dtype.kind) for x in drawn(st.arrays(st.shapes(1, 1, 2, 2), st.dtypes("ib")), 20)} == {
        ((2,), "i"),
        ((2,), "b"),
    }


def test_arrays_of_discrete_dtypes():
    assert set(entries(drawn(st.arrays(9, bool), 10))) == {False, True}
    assert set(entries(drawn(st.arrays(9, int), 20))) == {1, 2, 3, 4}
    assert set(entries(drawn(st.arrays(9, int, domain=(-3.0, 0.0)), 20))) == {-2, -1}
    assert set(entries(drawn(st.arrays(9, int, domain=(-np.inf, 0.0)), 20))) == {-1}
    edges = entries(drawn(st.arrays(9, "i4", edges=True), 40))
    assert {0, 1, 2**31 - 1, -(2**31)} < set(edges)


def test_long_arrays_have_distinct_entries_too():
    x = drawn(st.arrays((3, 100), float), 1)[0]
    assert len(np.unique(x)) == 300
    assert drawn(st.arrays(10_000, float), 1)[0].shape == (10_000,)


def test_complex_arrays_stay_off_branch_cuts():
    for x in drawn(st.arrays(dtype=st.dtypes("c")), 100):
        assert np.all(np.imag(x) > 0.05)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_kind_of_edge_is_drawn(dtype):
    info = np.finfo(dtype)
    found = drawn(st.arrays((3,), dtype, domain=(-1.0, 2.0), edges=True), 300)
    x = entries(found)
    counts = {
        "plus zero": np.sum((x == 0) & ~np.signbit(x)),
        "minus zero": np.sum((x == 0) & np.signbit(x)),
        "the lower end": np.sum(x == -1),
        "the upper end": np.sum(x == 2),
        "infinity": np.sum(x == np.inf),
        "minus infinity": np.sum(x == -np.inf),
        "NaN": np.sum(np.isnan(x)),
        "subnormal": np.sum((np.abs(x) < info.tiny) & (x != 0)),
        "huge": np.sum(np.isfinite(x) & (x > info.max / 10)),
        "huge and negative": np.sum(np.isfinite(x) & (x < -info.max / 10)),
        "ties": sum(len(np.unique(y)) < 3 for y in found),
        "all equal": sum(len(np.unique(y)) == 1 for y in found),
        "no edge at all": sum(np.all((y > -1) & (y < 2) & ~np.isin(y, special(np.dtype(dtype).char))) for y in found),
    }
    assert all(count > 3 for count in counts.values()), counts
    assert all(y.dtype == dtype for y in found)


def test_edges_of_complex_numbers_are_drawn_in_both_parts():
    x = entries(drawn(st.arrays(3, complex, edges=True)))
    for part in (x.real, x.imag):
        assert np.sum(np.isnan(part)) > 3
        assert np.sum(np.isinf(part)) > 3
        assert np.sum((part == 0) & np.signbit(part)) > 3


def test_special_numbers_of_a_dtype():
    assert {0.0, 1.0, 2.5, np.inf, float(np.finfo("f").smallest_subnormal)} <= set(special("f", (2.5, np.inf)))
    assert np.sum(special("d") == 0) == 2
    assert np.sum(np.isnan(special("d"))) == 1


def test_arrays_shrink_to_small_shapes_and_simple_numbers():
    assert smallest(st.arrays()) == 0.05
    assert smallest(st.arrays(), lambda x: np.ndim(x) == 1 and x.size).tolist() == [0.05]
    found = smallest(st.arrays(dtype=st.dtypes("f")), lambda x: np.sum(np.abs(x)) > 2)
    assert np.shape(found) == ()
    assert abs(found) == pytest.approx(2.05)
    assert repr(found) == f"np.float64({found})"
    assert len(str(found)) <= 5
    assert smallest(st.arrays(2, float, edges=True)).tolist() == [0.25, 0.25]
    assert smallest(st.arrays(edges=True), lambda x: np.any(np.isnan(x))).shape == ()
    found = smallest(st.arrays(3, float, edges=True), lambda x: np.isinf(x[1]))
    assert found.tolist() == [0.25, np.inf, 0.25]
    assert smallest(st.arrays(3, float, layouts=True)).flags.c_contiguous


def test_a_draw_gives_numbers_in_several_places_that_differ():
    @hypothesis.strategies.composite
    def three(draw):
        source = st.Draw(draw, dtype="float32")
        return [source((3,), (0.0, 9.0), place) for place in range(3)], source.choice("ab"), source.inside().edges

    found = drawn(three(), 50)
    for arrays, letter, edges in found:
        x = np.sort(np.concatenate(arrays))
        assert x.dtype == np.float32
        assert np.all((x > 0) & (x < 9))
        assert np.min(np.diff(x)) > 1e-4
        assert letter in "ab"
        assert edges is False
    assert {letter for _, letter, _ in found} == {"a", "b"}
    assert smallest(three())[1] == "a"


# How they lie in memory.


def lies(x):
    """The layouts of an array."""
    if x.ndim == 0:
        return {"0-d"} if isinstance(x, np.ndarray) else set()
    found = set()
    if 0 in x.strides:
        found.add("repeated")
    elif any(stride < 0 for stride in x.strides):
        found.add("reversed")
    elif x.flags.f_contiguous and not x.flags.c_contiguous:
        found.add("fortran")
    elif not x.flags.c_contiguous:
        found.add("sliced")
    if not x.flags.aligned:
        found.add("unaligned")
    if not x.flags.writeable:
        found.add("readonly")
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_what_they_say_and_keep_the_entries(layout):
    x = np.arange(1.0, 13.0).reshape(3, 4) if layout != "0-d" else np.float64(2.0)
    made = laid_out(x, layout)
    assert layout in lies(made)
    assert made.shape == x.shape
    assert made.dtype == x.dtype
    np.testing.assert_array_equal(made, x[[0, 0, 0]] if layout == "repeated" else x)
    for empty in (np.zeros((0, 2)), np.zeros((2, 0), np.complex64)):
        assert layout == "0-d" or laid_out(empty, layout).shape == empty.shape


def test_every_layout_is_drawn():
    found = drawn(st.arrays(st.shapes(0, 2, 2), layouts=True, edges=True), 300)
    counts = {name: sum(name in lies(x) for x in found) for name in LAYOUTS}
    assert all(count > 3 for count in counts.values()), counts
    assert sum(not lies(x) for x in found) > 30
    plain = drawn(st.arrays(st.shapes(1, 2, 2)), 100)
    assert not any(map(lies, plain))
    assert not any("repeated" in lies(x) for x in drawn(st.arrays(st.shapes(1, 2, 2), layouts=True)))


def test_some_layouts_alone():
    found = drawn(st.arrays((2, 3), float, layouts=["fortran", "readonly"]), 100)
    assert {name for x in found for name in lies(x)} == {"fortran", "readonly"}
    with pytest.raises(ValueError, match="no layout 'columns'; there are fortran, "):
        st.arrays(layouts=["columns"])
    with pytest.raises(ValueError, match="no layout 'columns'"):
        laid_out(np.ones(2), "columns")


# Trees.

LIKE = {"w": np.ones((2, 3), np.float32), "b": [1.0, 2j, np.complex64(1)], "n": (3, True), "none": None, "e": {}}


@pytest.mark.parametrize("options", [{}, {"edges": True}, {"layouts": True}, {"edges": True, "layouts": True}])
@pytest.mark.parametrize(
    "like", [LIKE, 1.5, np.float32(2), np.zeros((0, 2)), ArraySpec((3,), np.complex64), ArraySpec.of(1.0), (), None]
)
def test_arrays_like_have_the_same_specs(like, options):
    structure = tree.flatten(like)[1]
    for made in drawn(st.arrays_like(like, **options), 30):
        assert tree.flatten(made)[1] == structure
        assert specs(made) == specs(like)


def test_arrays_like_a_spec_or_the_array_itself_are_alike():
    as_specs = tree.map(ArraySpec.of, LIKE)
    assert repr(drawn(st.arrays_like(LIKE), 20)) == repr(drawn(st.arrays_like(as_specs), 20))


def test_arrays_like_take_options():
    for made in drawn(st.arrays_like((0.0, np.zeros(2)), domain=(4.0, 5.0)), 20):
        assert all(4 < x < 5 for x in (made[0], *made[1]))
        assert len({made[0], *made[1]}) == 3
    assert any(type(x) is float and np.isnan(x) for x in drawn(st.arrays_like(0.0, edges=True)))
    assert any(isinstance(x, np.ndarray) for x in drawn(st.arrays_like(np.float64(0.0), layouts=True)))


@pytest.mark.parametrize(("like", "message"), [("text", "'text' is no array"), ({"w": [object()]}, r"at \['w'\]\[0\]")])
def test_arrays_like_what_is_not_numeric(like, message):
    with pytest.raises(TypeError, match=message):
        st.arrays_like(like)


def loss(tree_):
    return {"out": tree.map(lambda x: x * np.sin(x), tree_), "length": 3}


@pytest.mark.parametrize("options", [{}, {"edges": True}, {"layouts": True}])
def test_tangents_and_cotangents_are_what_transforms_take(options):
    like = {"w": np.ones((2, 3), np.float32), "b": [1.0, np.complex64(2j)], "n": 3}
    for primal in drawn(st.arrays_like(like), 5):
        for tangent in drawn(st.tangents(primal, **options), 20):
            with np.errstate(all="ignore"):
                out, moved = ft.jvp(loss, (primal,), (tangent,))
            assert specs(moved["out"]) == specs(out["out"])
            assert type(tangent["n"]) is float
        out, pullback = ft.vjp(loss, primal)
        for cotangent in drawn(st.cotangents(out, **options), 20):
            assert cotangent["length"] == 0
            assert type(cotangent["length"]) is int
            with np.errstate(all="ignore"):
                assert specs(pullback(cotangent)) == specs(ft.vjp(loss, primal)[1](out))


def test_tangents_of_integers_are_zero_and_others_are_not():
    for made in drawn(st.tangents((np.arange(3), True, np.ones(2))), 20):
        assert not np.any(made[0])
        assert made[0].dtype == int
        assert made[1] is False
        assert np.all(made[2])
    assert any(not np.all(made) for made in drawn(st.tangents(np.ones(2), edges=True)))
    assert not any(np.any(made) for made in drawn(st.cotangents(np.arange(3)), 5))


def kinds(value):
    """The containers in a tree, and whether one is empty."""
    found = set()
    if value is None:
        return {"None"}
    children = ()
    if isinstance(value, Record):
        children = (value.value, value.rest)
    elif isinstance(value, dict):
        children = tuple(value.values())
    elif isinstance(value, list | tuple):
        children = tuple(value)
    else:
        return {"leaf"}
    found.add(type(value).__name__ if children else f"empty {type(value).__name__}")
    return found.union(*map(kinds, children), {"nested"} if any("leaf" not in kinds(c) for c in children) else set())


def test_trees_of_every_kind():
    found = drawn(st.pytrees(st.arrays((), float)), 300)
    counts = {}
    for value in found:
        for kind in kinds(value):
            counts[kind] = counts.get(kind, 0) + 1
    assert set(counts) == {
        *("None", "leaf", "nested", "list", "tuple", "dict", "OrderedDict", "Couple", "Record"),
        *("empty list", "empty tuple", "empty dict", "empty OrderedDict"),
    }
    assert all(count > 3 for count in counts.values()), counts
    for value in found[:50]:
        leaves, structure = tree.flatten(value)
        assert tree.flatten(tree.unflatten(structure, leaves))[1] == structure
    assert max(len(tree.flatten(value)[0]) for value in found) > 3


def test_trees_shrink():
    floats = st.arrays((), float)
    assert smallest(st.pytrees(floats)) is None
    assert smallest(st.pytrees(floats), lambda value: value is not None) == []
    assert smallest(st.pytrees(floats), lambda value: isinstance(value, float)) == 0.05
    assert smallest(st.pytrees(floats), lambda value: isinstance(value, list) and value) == [0.05]
    assert smallest(st.pytrees(floats), lambda value: type(value) is Couple) == Couple(None, None)
    assert smallest(st.pytrees(floats), lambda value: type(value) is OrderedDict) == OrderedDict()
    assert smallest(st.pytrees(), lambda value: type(value) is tuple and value) == (0.05,)


# Operands, cases and primitives.


def test_operands_are_drawn_by_primitive_or_name():
    for chosen in ("hypot", lookup("hypot")):
        args, params = drawn(st.operands(chosen), 1)[0]
        assert len(args) == 2
        assert params == {}
    assert all(isinstance(case, Case) for case in drawn(st.cases("matmul"), 5))


def test_operands_have_layouts_when_asked():
    assert not any(lies(np.asarray(args[0])) - {"0-d"} for args, _ in drawn(st.operands("solve"), 50))
    found = {name for args, _ in drawn(st.operands("solve", layouts=True), 60) for x in args for name in lies(x)}
    assert found == set(LAYOUTS) - {"repeated", "0-d"}
    scalars = [args[0] for args, _ in drawn(st.operands("sin", layouts=True), 60) if np.ndim(args[0]) == 0]
    assert any(isinstance(x, np.ndarray) for x in scalars)
    assert any(isinstance(x, np.generic) for x in scalars)


def test_operands_shrink():
    case = smallest(st.cases("multiply"), lambda case: np.size(case.value()) > 1)
    assert np.shape(case.value()) == (3,)
    assert np.all(np.abs(np.asarray(case.args[0])) < 0.25)
    assert case.seed == 0
    args, _ = smallest(st.operands("exp", edges=True), lambda made: np.any(np.greater(made[0], 200)))
    assert np.ndim(args[0]) == 0 or sorted(args[0].tolist())[:2] == [0.25, 0.25]


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ("sinn", LookupError, "no primitive named 'sinn'; did you mean 'sin'"),
        ("zzzzz", LookupError, "no primitive named 'zzzzz'$"),
        (np.sin, TypeError, r"a primitive or its name, for example `lookup\('sin'\)`"),
        (len, TypeError, "expected a primitive or its name; got <built-in"),
        (3, TypeError, "expected a primitive or its name; got 3"),
    ],
)
@pytest.mark.parametrize("what", [st.operands, st.cases, lambda p: st.register(p, lambda draw: ([], {}))])
def test_an_unknown_primitive_is_named(what, given, kind, message):
    with pytest.raises(kind, match=message):
        what(given)


@pytest.fixture
def cube():
    rules = Derivatives([lambda out, x: 3 * x * x])
    made = Primitive("cube", lambda x: x**3, lambda x: x.strong(), rules, source=lambda args, params: f"{args[0]} ** 3")
    yield made
    if made in primitives():
        forget(made)


def cube_recipe(draw):
    return [draw(draw.choice([(3,), (2, 0)]))], {}


def test_a_primitive_without_operands_says_what_to_do(cube):
    assert not has_operands(cube)
    with pytest.raises(LookupError, match=r"which operands the primitive 'cube' takes: give it a `domain`.*register"):
        st.operands(cube)
    with pytest.raises(LookupError, match="'cube'"):
        assert_laws(cube)


@pytest.mark.parametrize("by", [lambda p: p, lambda p: p.name])
def test_a_registered_recipe_is_drawn_from(cube, by):
    st.register(by(cube), cube_recipe)
    assert {args[0].shape for args, _ in drawn(st.operands(by(cube)), 50)} == {(3,), (2, 0)}
    assert cube in drawn(st.primitives(), 2000)
    assert_laws(cube, max_examples=3)


def test_the_last_recipe_counts_and_goes_before_a_domain(cube):
    st.register(cube, cube_recipe)
    st.register(cube, lambda draw: ([draw((7,))], {}), moving=[])
    assert {args[0].shape for args, _ in drawn(st.operands(cube), 10)} == {(7,)}
    assert smallest(st.cases(cube)).moving == ()


def test_a_recipe_is_forgotten_with_its_primitive(cube):
    st.register(cube, lambda draw: ([draw((7,)), "no operand of any other"], {}), moving=(5,))
    forget(cube)
    with pytest.raises(LookupError, match="no primitive named 'cube'"):
        st.operands("cube")
    again = Primitive("cube", cube.impl, cube.spec, cube.derivative, domain=(REAL,))
    try:
        assert has_operands(again)
        case = smallest(st.cases(again))
        assert len(case.args) == 1
        assert case.moving == (0,)
        assert "cube" not in RECIPES
    finally:
        forget(again)


def test_a_recipe_of_another_form_is_named(cube):
    st.register(cube, lambda draw: draw((3,)))
    with pytest.raises(TypeError, match="the recipe of 'cube' gave"):
        smallest(st.operands(cube))


def test_a_wrong_rule_is_caught_at_a_registered_recipe(cube):
    st.register(cube, cube_recipe)
    cube.derivative = Derivatives([lambda out, x: 2 * x * x])
    with pytest.raises(LawBroken, match="jvp_is_the_numerical_derivative"):
        assert_laws(cube, laws=[laws.jvp_is_the_numerical_derivative])


def test_primitives_are_chosen_by_what_they_are():
    every = set(drawn(st.primitives(), 2000))
    assert {lookup("add"), lookup("matmul"), lookup("floor"), lookup("einsum")} < every
    for primitive in drawn(st.primitives(differentiable=True), 100):
        assert not isinstance(primitive.derivative, Constant)
    for primitive in drawn(st.primitives(differentiable=False), 100):
        assert primitive.derivative is None or isinstance(primitive.derivative, Constant)
    for primitive in drawn(st.primitives(elementwise=True), 100):
        assert primitive.domain
    assert all(not p.domain for p in drawn(st.primitives(elementwise=False), 100))
    assert {type(p.derivative) for p in drawn(st.primitives(kind=(Linear, Bilinear)))} == {Linear, Bilinear}
    with pytest.raises(LookupError, match="differentiable=True"):
        st.primitives(kind=Constant, differentiable=True)
