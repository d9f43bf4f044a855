"""Pytrees: containers to leaves and back, with a path for each leaf.

Containers are ``dict`` (also ``OrderedDict`` and ``defaultdict``), ``list``, ``tuple``, named tuples, dataclasses,
``None`` and whatever :func:`register` adds. Everything else is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from functrans.errors import TreeError
from functrans.frames import hide

Tree: TypeAlias = Any

__all__ = [
    "LEAF",
    "Tree",
    "TreeDef",
    "child_names",
    "children",
    "flatten",
    "flatten_up_to",
    "map",
    "paths",
    "register",
    "unflatten",
]


class _Kind:
    """How one container type is taken apart and put together."""

    __slots__ = ("flatten", "path", "unflatten")

    def __init__(
        self,
        flatten: Callable[[Any], tuple[Sequence[Any], Any]],
        unflatten: Callable[[type, Any, list[Any]], Any],
        path: Callable[[Any, int], str],
    ) -> None:
        self.flatten, self.unflatten, self.path = flatten, unflatten, path


def _flatten_dict(tree: dict[Any, Any]) -> tuple[list[Any], Any]:
    return list(tree.values()), tuple(tree)


def _by_key(metadata: Any, index: int) -> str:
    return f"[{metadata[index]!r}]"


def _by_position(metadata: Any, index: int) -> str:
    return f"[{index}]"


def _by_attribute(metadata: Any, index: int) -> str:
    return f".{metadata[index]}"


def _unflatten_dataclass(cls: type, names: tuple[str, ...], children: list[Any]) -> Any:
    # Not through __init__: it may convert or refuse what stands in for an array.
    made: Any = object.__new__(cls)
    for name, child in zip(names, children, strict=True):
        object.__setattr__(made, name, child)
    return made


def _flatten_dataclass(tree: Any) -> tuple[list[Any], Any]:
    names = tuple(type(tree).__dataclass_fields__)
    return [getattr(tree, name) for name in names], names


_SEQUENCE = _Kind(lambda t: (t, None), lambda cls, _, children: cls(children), _by_position)
_NAMEDTUPLE = _Kind(lambda t: (t, type(t)._fields), lambda cls, _, children: cls(*children), _by_attribute)
_DATACLASS = _Kind(_flatten_dataclass, _unflatten_dataclass, _by_attribute)
_KINDS: dict[type, _Kind] = {
    list: _SEQUENCE,
    tuple: _SEQUENCE,
    dict: _Kind(_flatten_dict, lambda cls, keys, children: dict(zip(keys, children, strict=True)), _by_key),
    OrderedDict: _Kind(
        _flatten_dict, lambda cls, keys, children: OrderedDict(zip(keys, children, strict=True)), _by_key
    ),
    defaultdict: _Kind(
        lambda t: (list(t.values()), (*t, t.default_factory)),
        lambda cls, keys, children: defaultdict(keys[-1], zip(keys[:-1], children, strict=True)),
        _by_key,
    ),
    type(None): _Kind(lambda t: ((), None), lambda cls, _, children: None, _by_position),
}


def register(
    cls: type,
    flatten: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten: Callable[[Any, list[Any]], Any],
) -> None:
    """Make ``cls`` a container.

    Args:
        cls: the type; its instances, not those of subclasses, are taken apart.
        flatten: gives ``(children, metadata)``; the metadata must compare with ``==``.
        unflatten: gives the container back from ``(metadata, children)``.

    Raises:
        ValueError: ``cls`` is registered already.

    Example:
        >>> class Pair:
        ...     def __init__(self, a, b):
        ...         self.a, self.b = a, b
        >>> register(Pair, lambda p: ((p.a, p.b), None), lambda _, children: Pair(*children))
        >>> leaves, structure = flatten(Pair(1.0, [2.0, None]))
        >>> leaves
        [1.0, 2.0]
    """
    if cls in _KINDS:
        raise ValueError(f"{cls.__name__} is registered already")

    def take_apart(tree: Any) -> tuple[Sequence[Any], Any]:
        children, metadata = flatten(tree)
        return tuple(children), metadata

    _KINDS[cls] = _Kind(take_apart, lambda _, metadata, children: unflatten(metadata, children), _by_position)


def _kind_of(tree: Any) -> _Kind | None:
    cls = type(tree)
    kind = _KINDS.get(cls)
    if kind is None:
        if isinstance(tree, tuple) and hasattr(cls, "_fields"):
            kind = _KINDS[cls] = _NAMEDTUPLE
        elif hasattr(cls, "__dataclass_fields__"):
            kind = _KINDS[cls] = _DATACLASS
    return kind


class _Star:
    def __repr__(self) -> str:
        return "*"


_STAR = _Star()
_SAME = "both must have the same structure: the same containers with the same keys, and one array for each leaf."


class TreeDef:
    """The structure of a tree without its leaves. Compares by value.

    Attributes:
        cls: the type of the container; None for a leaf.
        metadata: what it has beside its entries, such as the keys of a dictionary.
        children: the structures of its entries.
        size: how many leaves there are.

    Example:
        >>> flatten({"w": [1.0, 2.0]})[1]
        TreeDef({'w': [*, *]})
    """

    __slots__ = ("children", "cls", "metadata", "size")

    def __init__(self, cls: type | None, metadata: Any, children: tuple[TreeDef, ...]) -> None:
        self.cls: type | None = cls
        self.metadata: Any = metadata
        self.children: tuple[TreeDef, ...] = children
        self.size: int = 1 if cls is None else sum(child.size for child in children)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeDef) or self.cls is not other.cls or self.size != other.size:
            return False
        return bool(self.metadata == other.metadata) and self.children == other.children

    def __hash__(self) -> int:
        return hash((self.cls, self.size, self.children))

    def __repr__(self) -> str:
        return f"TreeDef({self.outline()})"

    def outline(self) -> str:
        """The structure as Python shows it, a star for each leaf: ``{'w': [*, *]}``."""
        return repr(unflatten(self, [_STAR] * self.size))

    def __reduce__(self) -> tuple[Any, ...]:
        return (TreeDef, (self.cls, self.metadata, self.children))


LEAF = TreeDef(None, None, ())


def flatten(tree: Tree) -> tuple[list[Any], TreeDef]:
    """The leaves of ``tree`` from left to right, and its structure.

    Args:
        tree: any containers of arrays and numbers.

    Example:
        >>> flatten({"w": [1.0, 2.0], "b": None})[0]
        [1.0, 2.0]
    """
    leaves: list[Any] = []
    return leaves, _flatten_into(tree, leaves)


def _flatten_into(tree: Tree, leaves: list[Any]) -> TreeDef:
    kind = _kind_of(tree)
    if kind is None:
        leaves.append(tree)
        return LEAF
    children, metadata = kind.flatten(tree)
    return TreeDef(type(tree), metadata, tuple([_flatten_into(child, leaves) for child in children]))


def unflatten(structure: TreeDef, leaves: Iterable[Any]) -> Tree:
    """The tree of this structure with these leaves.

    Args:
        structure: what :func:`flatten` found.
        leaves: from left to right.

    Raises:
        TreeError: there are too few or too many leaves.

    Example:
        >>> unflatten(flatten({"w": [1, 2]})[1], [10, 20])
        {'w': [10, 20]}
    """
    if structure is LEAF:
        (leaf,) = leaves
        return leaf
    leaves = list(leaves)
    if len(leaves) != structure.size:
        raise TreeError(f"a tree of {structure.size} leaves cannot be made of {len(leaves)}", where=False)
    return _build(structure, iter(leaves))


def _build(structure: TreeDef, leaves: Iterator[Any]) -> Tree:
    if structure.cls is None:
        return next(leaves)
    kind = _KINDS[structure.cls]
    return kind.unflatten(structure.cls, structure.metadata, [_build(child, leaves) for child in structure.children])


def paths(structure: TreeDef) -> list[str]:
    """A path for each leaf, as one would write it in Python: ``['w'][0]``, ``.bias``; empty for a bare leaf.

    Args:
        structure: what :func:`flatten` found.

    Example:
        >>> paths(flatten({"w": [1.0, 2.0]})[1])
        ["['w'][0]", "['w'][1]"]
    """
    if structure.cls is None:
        return [""]
    kind = _KINDS[structure.cls]
    return [
        kind.path(structure.metadata, index) + rest
        for index, child in enumerate(structure.children)
        for rest in paths(child)
    ]


def children(tree: Tree) -> tuple[list[Any], list[str]]:
    """The entries of one container, and how one would write each in Python (``['w']``, ``[0]``, ``.bias``).

    Args:
        tree: a container, or a leaf, which has no entries.

    Example:
        >>> children({"w": [1.0, 2.0]})
        ([[1.0, 2.0]], ["['w']"])
    """
    kind = _kind_of(tree)
    if kind is None:
        return [], []
    entries, metadata = kind.flatten(tree)
    return list(entries), [kind.path(metadata, index) for index in range(len(entries))]


def child_names(structure: TreeDef) -> list[str]:
    """How one would write each entry of the outermost container.

    Args:
        structure: what :func:`flatten` found.

    Example:
        >>> child_names(flatten([1.0, 2.0])[1])
        ['[0]', '[1]']
    """
    if structure.cls is None:
        return []
    kind = _KINDS[structure.cls]
    return [kind.path(structure.metadata, index) for index in range(len(structure.children))]


def flatten_up_to(structure: TreeDef, tree: Tree, what: str) -> list[Any]:
    """The leaves of ``tree``, which must have ``structure``; dictionaries may list their keys in another order.

    Args:
        structure: what :func:`flatten` found.
        tree: what is taken apart.
        what: what an error calls it.

    Raises:
        TreeError: the structures differ; the message says where.

    Example:
        >>> flatten_up_to(flatten({"a": 1, "b": 2})[1], {"b": 20, "a": 10}, "the gradient")
        [10, 20]
    """
    leaves: list[Any] = []
    _match_into(structure, tree, leaves, what)
    return leaves


def _match_into(structure: TreeDef, tree: Tree, leaves: list[Any], what: str) -> None:
    if structure.cls is None:
        if _kind_of(tree) is not None:
            raise TreeError(f"{what}: expected one array, got a {type(tree).__name__}", _SAME)
        leaves.append(tree)
        return
    kind = _kind_of(tree)
    if kind is None or type(tree) is not structure.cls:
        raise TreeError(f"{what}: expected a {structure.cls.__name__}, got {_name(tree)}", _SAME)
    children, metadata = kind.flatten(tree)
    if metadata != structure.metadata and isinstance(tree, dict) and set(tree) == set(structure.metadata):
        children, metadata = [tree[key] for key in structure.metadata], structure.metadata
    if metadata != structure.metadata or len(children) != len(structure.children):
        raise TreeError(
            f"{what}: expected {structure.outline()}, got a {type(tree).__name__} with "
            + (f"keys {list(tree)!r}" if isinstance(tree, dict) else f"{len(children)} entries"),
            _SAME,
        )
    for index, (child, entry) in enumerate(zip(structure.children, children, strict=True)):
        _match_into(child, entry, leaves, what + kind.path(metadata, index))


def _name(tree: Tree) -> str:
    return f"a {type(tree).__name__}"


def map(function: Callable[..., Any], tree: Tree, *rest: Tree) -> Tree:
    """``function`` of the leaves of ``tree`` (and of those of trees with the same structure), as a tree.

    Args:
        function: takes a leaf of each tree.
        tree: its structure is that of the result.
        *rest: trees of the same structure.

    Raises:
        TreeError: the structures differ.

    Example:
        >>> map(lambda w, g: w - 0.1 * g, {"w": 1.0}, {"w": 5.0})
        {'w': 0.5}
    """
    try:
        leaves, structure = flatten(tree)
        others = [flatten_up_to(structure, other, f"tree {index + 2} of map") for index, other in enumerate(rest)]
        return unflatten(structure, [function(*entry) for entry in zip(leaves, *others, strict=True)])
    except Exception as error:
        hide(error)
        raise


def __dir__() -> list[str]:
    return list(__all__)
