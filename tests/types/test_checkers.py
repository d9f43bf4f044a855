"""Type checkers read ``usage.py`` as it is meant: each ``assert_type`` holds, and what is marked as wrong is found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import functrans

USAGE = Path(__file__).with_name("usage.py")
ROOT = Path(functrans.__file__).parents[1]
ENVIRONMENT = {**os.environ, "MYPYPATH": str(ROOT)}

WRONG = {number for number, line in enumerate(USAGE.read_text(encoding="utf-8").splitlines(), 1) if "  # wrong" in line}


#: What an editor shows of a name.
HOVER = {
    "ft.grad(f)": "(x: float, y: ndarray[tuple[int], dtype[float64]]) -> Any",
    "ft.value_and_grad(f)": "(x: float, y: ndarray[tuple[int], dtype[float64]]) -> tuple[float, Any]",
    "ft.checkpoint(f)": "(x: float, y: ndarray[tuple[int], dtype[float64]]) -> float",
    "ft.hessian(f)": "(x: float, y: ndarray[tuple[int], dtype[float64]]) -> Any",
    "ft.jit(f)": "Jitted[(x: float, y: ndarray[tuple[int], dtype[float64]]), float]",
    "ft.custom_vjp(f)": "custom_vjp[(x: float, y: ndarray[tuple[int], dtype[float64]]), float]",
    "ft.vjp(f, 1.0)": "tuple[float, (Any) -> tuple[Any, ...]]",
}


DEFINED = """import numpy as np
import functrans as ft


def f(x: float, y: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return x


"""


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What basedpyright has to say, in pyright's own default strictness, of ``usage.py`` and of ``HOVER``."""
    pytest.importorskip("basedpyright")
    folder = tmp_path_factory.mktemp("pyright")
    (folder / "hover.py").write_text(
        DEFINED + "".join(f"reveal_type({source})\n" for source in HOVER), encoding="utf-8"
    )
    project = folder / "pyrightconfig.json"
    include = [str(USAGE), str(folder / "hover.py")]
    settings = {"typeCheckingMode": "standard", "include": include, "extraPaths": [str(ROOT)]}
    project.write_text(json.dumps(settings), encoding="utf-8")
    report = run("basedpyright", "--outputjson", "--project", str(project), "--pythonpath", sys.executable)
    return json.loads(report)["generalDiagnostics"]  # type: ignore[no-any-return]


def test_there_is_something_to_be_found() -> None:
    assert len(WRONG) >= 9


def test_pyright_reads_the_types(read: list[Any]) -> None:
    errors = [entry for entry in read if entry["severity"] == "error"]
    found = {entry["range"]["start"]["line"] + 1: entry["message"] for entry in errors}
    assert set(found) == WRONG, found
    assert {Path(entry["file"]).name for entry in errors} == {"usage.py"}


def test_mypy_reads_the_types(pytestconfig: pytest.Config) -> None:
    pytest.importorskip("mypy")
    kept = getattr(pytestconfig, "cache", None)
    cache = kept.mkdir("mypy_usage") if kept else os.devnull
    options = ["--strict", "--follow-imports=silent", "--config-file=", f"--cache-dir={cache}"]
    report = run("mypy", *options, str(USAGE))
    found = {int(match[1]): match[0] for match in re.finditer(r"usage\.py:(\d+): error: .*", report)}
    assert set(found) == WRONG, report


def test_pyright_shows_the_parameters(read: list[Any]) -> None:
    messages = [entry["message"] for entry in read if entry["severity"] == "information"]
    shown = [re.fullmatch(r'Type of ".*" is "(.*)"', message) for message in messages]
    assert [match and match[1] for match in shown] == list(HOVER.values())
