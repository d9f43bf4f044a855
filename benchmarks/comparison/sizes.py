"""What an installation adds to an empty folder: files of the library and of what it needs, NumPy's apart."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

from timing import table

#: What pip is given. On a machine without a graphics card that is torch's build for the processor alone, where pip is
#: told of its index (``PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu``).
PACKAGES = {
    "functrans": str(Path(__file__).parents[2]),
    "autograd": "autograd",
    "MyGrad": "mygrad",
    "JAX": "jax",
    "PyTorch": "torch==2.13.0",
}


def installed(package: str) -> tuple[dict[str, int], list[str]]:
    """Bytes by distribution, and their names and versions, after ``pip install --target`` into an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", folder, package]
        subprocess.run(command, check=True, capture_output=True)
        sizes: dict[str, int] = {}
        versions = []
        for found in distributions(path=[folder]):
            name = found.metadata["Name"].lower()
            sizes[name] = sum(_size(Path(str(found.locate_file(file)))) for file in found.files or [])
            versions.append(f"{name} {found.version}")
        return sizes, sorted(versions)


def _size(file: Path) -> int:
    return os.stat(file).st_size if file.is_file() else 0


def measured() -> str:
    """The table."""
    rows = [["library", "MB", "without NumPy, MB", "packages with it"]]
    for library, package in PACKAGES.items():
        sizes, versions = installed(package)
        everything, numpy = sum(sizes.values()), sizes.get("numpy", 0)
        rows.append([library, _mb(everything), _mb(everything - numpy), ", ".join(versions)])
    return table(rows)


def _mb(size: int) -> str:
    return f"{size / 1e6:.3g}" if size < 1e9 else f"{size / 1e6:.0f}"
