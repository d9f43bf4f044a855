"""functrans.tree: every container, there and back; errors with the path."""

from __future__ import annotations

import pickle
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

from functrans import tree
from functrans.errors import TreeError


class Layer(NamedTuple):
    w: Any
    b: Any = None


Pair = namedtuple("Pair", "left right")  # noqa: PYI024  (the older way)


@dataclass
class Model:
    layers: Any
    scale: Any = 1.0
    seen: int = field(default=0, init=False)


@dataclass(frozen=True)
class Strict:
    x: Any

    def __post_init__(self):
        if not isinstance(self.x, float):
            raise TypeError("only floats")


class Box:
    def __init__(self, label, *items):
        self.label, self.items = label, list(items)

    def __eq__(self, other):
        return isinstance(other, Box) and (self.label, self.items) == (other.label, other.items)

    __hash__ = None


tree.register(Box, lambda box: (box.items, box.label), lambda label, items: Box(label, *items))

TREES = [
    (1.0, [1.0], [""]),
    ([1.0, (2.0, 3.0)], [1.0, 2.0, 3.0], ["[0]", "[1][0]", "[1][1]"]),
    ({"w": 1.0, "b": [2.0]}, [1.0, 2.0], ["['w']", "['b'][0]"]),
    ({2: 1.0, (1, "x"): 2.0}, [1.0, 2.0], ["[2]", "[(1, 'x')]"]),
    (OrderedDict(z=1.0, a=2.0), [1.0, 2.0], ["['z']", "['a']"]),
    (defaultdict(list, {"w": [1.0]}), [1.0], ["['w'][0]"]),
    (None, [], []),
    ([], [], []),
    ((1.0, None, {}), [1.0], ["[0]"]),
    (Layer(1.0, [2.0]), [1.0, 2.0], [".w", ".b[0]"]),
    (Pair(1.0, Layer(2.0)), [1.0, 2.0], [".left", ".right.w"]),
    (Model([Layer(1.0)], 2.0), [1.0, 2.0, 0], [".layers[0].w", ".scale", ".seen"]),
    (Strict(1.5), [1.5], [".x"]),
    (Box("a", 1.0, (2.0,)), [1.0, 2.0], ["[0]", "[1][0]"]),
    ("text", ["text"], [""]),
]


@pytest.mark.parametrize(("value", "leaves", "paths"), TREES, ids=lambda v: repr(v)[:30])
def test_there_and_back(value, leaves, paths):
    found, structure = tree.flatten(value)
    assert found == leaves
    assert tree.paths(structure) == paths
    assert type(structure) is tree.TreeDef
    assert structure.size == len(leaves)
    back = tree.unflatten(structure, found)
    assert type(back) is type(value)
    assert back == value
    assert tree.flatten_up_to(structure, value, "it") == leaves
    assert structure == tree.flatten(value)[1]
    assert hash(structure) == hash(tree.flatten(value)[1])
    assert pickle.loads(pickle.dumps(structure)) == structure


@pytest.mark.parametrize(("value", "leaves", "paths"), TREES, ids=lambda v: repr(v)[:30])
def test_entries_of_the_outermost_container(value, leaves, paths):
    entries, names = tree.children(value)
    assert names == tree.child_names(tree.flatten(value)[1])
    inner = [
        name + path for name, entry in zip(names, entries, strict=True) for path in tree.paths(tree.flatten(entry)[1])
    ]
    assert inner == (paths if paths != [""] else [])


def test_what_stands_in_for_leaves_is_not_converted_or_refused():
    structure = tree.flatten(Strict(1.0))[1]
    assert tree.unflatten(structure, ["a tracer"]).x == "a tracer"


def test_defaultdict_keeps_its_factory():
    back = tree.map(lambda x: x + 1, defaultdict(lambda: 7.0, {"w": 1.0}))
    assert back == {"w": 2.0}
    assert back["missing"] == 7.0


def test_arrays_are_leaves():
    x = np.ones(3)
    leaves, _ = tree.flatten({"x": x})
    assert leaves[0] is x


def test_structures_differ():
    structures = [tree.flatten(value)[1] for value, _, _ in TREES] + [
        tree.flatten(value)[1] for value in ((1.0, 2.0), [1.0, 2.0], {"w": 1.0}, Layer(1.0), Box("b", 1.0, (2.0,)))
    ]
    for i, a in enumerate(structures):
        for j, b in enumerate(structures):
            assert (a == b) == (i == j or {i, j} == {0, 14}), (a, b)
    assert structures[0] != "structure"


def test_map_of_several():
    assert tree.map(lambda a, b: a + b, {"x": 1, "y": [2]}, {"y": [20], "x": 10}) == {"x": 11, "y": [22]}
    with pytest.raises(TreeError, match=r"tree 2 of map\['y'\]"):
        tree.map(lambda a, b: a, {"x": 1, "y": [2]}, {"x": 1, "y": (2,)})


@pytest.mark.parametrize(
    ("expected", "given", "message"),
    [
        ({"w": 1.0}, {"v": 1.0}, r"the cotangent"),
        ({"w": [1.0]}, {"w": 1.0}, r"the cotangent\['w'\]"),
        ({"w": [1.0, 2.0]}, {"w": [1.0]}, r"the cotangent\['w'\]"),
        ((1.0, Layer(2.0)), (1.0, (2.0, None)), r"the cotangent\[1\].*Layer"),
        (Layer(1.0, 2.0), Layer(1.0, [2.0]), r"the cotangent\.b"),
        (1.0, [1.0], "the cotangent"),
        (None, 1.0, "the cotangent"),
        (Box("a", 1.0), Box("b", 1.0), "the cotangent"),
    ],
)
def test_mismatch_says_where(expected, given, message):
    with pytest.raises(TreeError, match=message):
        tree.flatten_up_to(tree.flatten(expected)[1], given, "the cotangent")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_wrong_number_of_leaves(count):
    with pytest.raises(TreeError, match=f"2 leaves cannot be made of {count}"):
        tree.unflatten(tree.flatten((1, 2))[1], [0] * count)


def test_wrong_number_for_a_bare_leaf():
    with pytest.raises((TreeError, ValueError)):
        tree.unflatten(tree.flatten(1.0)[1], [1, 2])


def test_register_once():
    with pytest.raises(ValueError, match="Box is registered already"):
        tree.register(Box, lambda box: ((), None), lambda _, items: Box(""))
    with pytest.raises(ValueError, match="dict"):
        tree.register(dict, lambda box: ((), None), lambda _, items: {})


def test_subclasses_are_not_taken_for_their_base():
    class Special(list):
        pass

    special = Special([1.0])
    assert tree.flatten(special)[0] == [special]


def test_deep_trees():
    value: Any = 1.0
    for _ in range(200):
        value = [value]
    leaves, structure = tree.flatten(value)
    assert tree.unflatten(structure, leaves) == value
    assert len(tree.paths(structure)[0]) == 600


def test_repr_shows_stars():
    assert repr(tree.flatten({"w": 1.0, "b": (2.0, None)})[1]) == "TreeDef({'w': *, 'b': (*, None)})"
