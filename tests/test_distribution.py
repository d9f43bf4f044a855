"""What is handed out: the wheel and the source archive, and that they work where nothing else is installed."""

import email
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import functrans

ROOT = Path(__file__).parents[1]
BUDGET = 1_000_000  # bytes of the wheel, which is source: some 370 files, most of them rules of functions

lacking = [name for name in ("build", "hatchling", "pip") if importlib.util.find_spec(name) is None]
needs_tools = pytest.mark.skipif(bool(lacking), reason=f"building needs {', '.join(lacking)}")


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The source archive, and the wheel made of it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (source,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return source, wheel


@pytest.fixture(scope="module")
def bare(archives, tmp_path_factory):
    """The Python of an environment that holds the wheel, what it requires, and nothing more."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in required("functrans"):
        distribution = importlib.metadata.distribution(name)
        for part in {Path(file).parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            (packages / part).symlink_to(distribution.locate_file(part))
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", archives[1])
    return python


def required(name: str) -> set[str]:
    """The distributions without which one does not work, and those which these need."""
    wanted = (
        [r for r in importlib.metadata.requires(name) or () if "extra ==" not in r]
        if name != "functrans"
        else [
            "numpy",
            "jaxtyping",
        ]
    )
    names = {re.match(r"[\w.-]+", requirement)[0] for requirement in wanted}
    return names.union(*map(required, names))


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as file:
        (name,) = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(file.read(name))


@needs_tools
def test_the_wheel_is_for_every_python_and_machine_and_small(archives):
    assert archives[1].name == f"functrans-{functrans.__version__}-py3-none-any.whl"
    assert archives[1].stat().st_size < BUDGET


@needs_tools
def test_the_wheel_holds_the_package_and_nothing_else(archives):
    with zipfile.ZipFile(archives[1]) as file:
        names = set(file.namelist())
    info = f"functrans-{functrans.__version__}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"functrans", info}
    package = {name for name in names if name.startswith("functrans/")}
    sources = {path.relative_to(ROOT).as_posix() for path in Path(ROOT, "functrans").rglob("*.py")}
    assert package == sources | {"functrans/py.typed"}
    assert f"{info}/licenses/LICENSE" in names


@needs_tools
def test_the_source_archive_is_complete_and_clean(archives):
    with tarfile.open(archives[0]) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "docs/CITATION.cff", "docs/conf.py", "tests/conftest.py"} <= names
    assert {name for name in names if re.search(r"__pycache__|_build/|\.pyc$|(^|/)\.(?!gitignore)", name)} == set()


@needs_tools
def test_what_the_wheel_says_of_itself(archives):
    said = metadata(archives[1])
    assert said["Version"] == functrans.__version__
    assert said["License-Expression"] == "MIT"
    assert said["Requires-Python"] == ">=3.11"
    needed = {re.match(r"[\w.-]+", line)[0] for line in said.get_all("Requires-Dist") if "extra ==" not in line}
    assert needed == {"numpy", "jaxtyping"}


@needs_tools
def test_it_works_where_nothing_else_is_installed(bare):
    found = run(sys.executable, "-m", "pip", "--python", bare, "list", "--format", "json")
    assert {entry["name"].lower().replace("_", "-") for entry in json.loads(found)} == {"functrans"} | {
        name.lower().replace("_", "-") for name in required("functrans")
    }
    run(sys.executable, "-m", "pip", "--python", bare, "check")
    code = "import functrans as ft, numpy as np; print(ft.grad(lambda x: np.sin(x) ** 2)(0.5), ft.__version__)"
    assert run(bare, "-I", "-W", "error", "-c", code) == f"0.8414709848078965 {functrans.__version__}\n"
    table = run(bare.with_name("functrans"), "sin(x)**2", "--at", "x=0.5", "--order", "2")
    assert "0.8414709848078965" in table


def test_the_version_is_said_in_one_place():
    said = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "pyproject.toml", ROOT / "docs" / "conf.py", *Path(ROOT, "functrans").rglob("*.py"))
        if re.search(r"^(__version__|version|release) *= *[\"']", path.read_text(encoding="utf-8"), re.M)
    ]
    assert said == ["functrans/__init__.py"]
    assert "release = version = functrans.__version__" in Path(ROOT, "docs", "conf.py").read_text(encoding="utf-8")


def test_the_citation_is_valid_and_of_this_version():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load(Path(ROOT, "docs", "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the schema of 1.2.0 requires
    assert set(citation) <= {
        *("abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords"),
        *("license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact"),
        *("repository-code", "title", "type", "url", "version"),
    }
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["license"] == "MIT"
    assert citation["version"] == functrans.__version__
    assert all(set(author) == {"name"} for author in citation["authors"])
    assert len(set(citation["keywords"])) == len(citation["keywords"])
