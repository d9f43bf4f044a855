"""Every public function can be read in an editor: complete annotations, and a docstring with an example that runs."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import functrans

#: Their annotations name types of an optional package, which is loaded when it is needed.
LATER = frozenset({"functrans.testing.assert_laws", "functrans.viz.cost", "functrans.viz.plot"})

#: What has nothing to show in an example of its own: it is used through something that has one.
NO_EXAMPLE = frozenset({"debug.Report", "debug.Row"})

MODULES = [
    functrans,
    functrans.debug,
    functrans.implicit,
    functrans.optimize,
    functrans.sparse,
    functrans.tree,
    functrans.viz,
    functrans.testing,
]


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public names of a module, and what they are, in which modules are left out."""
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    for name in names:
        value = getattr(module, name)
        if not isinstance(value, ModuleType) and getattr(value, "__module__", "").startswith("functrans"):
            yield f"{module.__name__}.{name}", value


PUBLIC = dict(entry for module in MODULES for entry in public(module))
CALLABLE = {name: value for name, value in PUBLIC.items() if callable(value)}


def signatures(value: Any) -> list[Callable[..., Any]]:
    """The functions that a caller may read: the function, or methods of the class; with their overloads."""
    if isinstance(value, type):
        own = [
            member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            for name, member in vars(value).items()
            if not name.startswith("_") or name in ("__init__", "__call__")
        ]
        found = [member for member in own if inspect.isfunction(member)]
    else:
        found = [inspect.unwrap(value)]
    return [*found, *[overload for function in found for overload in typing.get_overloads(function)]]


@pytest.mark.parametrize("name", sorted(CALLABLE))
def test_every_parameter_and_result_has_a_type(name: str) -> None:
    for function in signatures(CALLABLE[name]):
        signature = inspect.signature(function)
        missing = [
            p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")
        ]
        assert not missing, f"{function.__qualname__}: {missing}"
        assert signature.return_annotation is not signature.empty or function.__name__ == "__init__"


@pytest.mark.parametrize("name", sorted({n for n, v in CALLABLE.items() if not isinstance(v, type)} - LATER))
def test_annotations_are_found_at_run_time(name: str) -> None:
    assert "return" in typing.get_type_hints(CALLABLE[name])


@pytest.mark.parametrize("name", sorted(CALLABLE))
def test_every_public_name_explains_itself(name: str) -> None:
    value = CALLABLE[name]
    doc = inspect.getdoc(value)
    assert doc
    first, _, rest = doc.partition("\n")
    assert first.endswith((".", ":")), first
    assert not rest or rest.startswith("\n")
    if isinstance(value, type) and issubclass(value, Exception):
        return
    if name.removeprefix("functrans.") not in NO_EXAMPLE:
        assert "Example:" in doc
        assert ">>> " in doc


@pytest.mark.parametrize("name", sorted(n for n, v in CALLABLE.items() if not isinstance(v, type)))
def test_every_parameter_is_explained(name: str) -> None:
    value = CALLABLE[name]
    doc = inspect.getdoc(value) or ""
    listed = re.search(r"^Args:\n((?:    .*\n|\n)*)", doc + "\n", re.MULTILINE)
    explained = set(re.findall(r"^    \*{0,2}(\w+):", listed.group(1), re.MULTILINE)) if listed else set()
    named = set(inspect.signature(value).parameters)
    if listed:
        assert explained == named
    else:  # as for another function, or what the first lines name
        text = doc.partition("Example:")[0]
        assert "what :func:" in text or all(re.search(rf"\b{p}\b", text) for p in named), named


@pytest.mark.parametrize("module", [*MODULES, functrans.errors, functrans.config], ids=lambda module: module.__name__)
def test_a_module_lists_its_public_names_alone(module: ModuleType) -> None:
    shown = dir(module)
    assert shown
    assert set(shown) - {"__version__"} == set(module.__all__)
    assert all(hasattr(module, name) for name in shown)
