"""The package as a whole: its public names, and what importing it loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import functrans


def test_public_names_are_declared_alike_for_readers_and_for_python():
    declared = {
        alias.asname
        for node in ast.walk(ast.parse(Path(functrans.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("functrans")
        for alias in node.names
    }
    assert declared == set(functrans.__all__) == set(functrans._HOMES)


@pytest.mark.parametrize("name", functrans.__all__)
def test_every_public_name_is_found_and_documented(name):
    value = getattr(functrans, name)
    assert value.__doc__
    assert name in dir(functrans)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'gard'"):
        functrans.gard


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_import_loads_nothing_that_is_not_needed():
    assert "jaxtyping" not in loaded_by("import functrans; functrans.grad")
    assert "functrans.ops" not in loaded_by("import functrans")


def test_differentiating_loads_numpy_and_the_standard_library_alone():
    new = loaded_by("import functrans as ft; ft.grad(lambda x: x * x)(1.0)") - loaded_by("import numpy")
    foreign = {name.split(".")[0] for name in new} - {"functrans", "numpy", *sys.stdlib_module_names}
    assert foreign == set()
