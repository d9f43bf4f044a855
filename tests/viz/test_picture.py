"""The picture of the README: its curves are Hermite's, and the script draws the file that is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

_DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def picture():
    spec = importlib.util.spec_from_file_location("example_picture", _DOCS / "examples" / "picture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def curves(figure):
    return [line for line in figure.axes[0].get_lines() if not line.get_label().startswith("_")]


def test_derivatives_of_the_bell_are_hermite_polynomials(picture):
    for n, line in enumerate(curves(picture.draw())):
        x = line.get_xdata()
        hermite = np.polynomial.hermite_e.hermeval(x, [0] * n + [1])
        np.testing.assert_allclose(line.get_ydata(), (-1) ** n * hermite * np.exp(-(x**2) / 2), rtol=0, atol=1e-14)
    assert n == 3


def paths(text):
    """The long paths of an SVG: the curves."""
    found = [re.findall(r"[-0-9.]+", path) for path in re.findall(r'<path d="(M [^"]*)"', text)]
    return [np.array(list(map(float, numbers))) for numbers in found if len(numbers) > 100]


def test_the_script_draws_the_picture_that_is_there(picture, tmp_path):
    path = tmp_path / "again.svg"
    picture.main([str(path)])
    there = (_DOCS / "images" / "derivatives.svg").read_text()
    assert len(there) < 60_000
    assert "<dc:date>" not in there
    again, kept = paths(path.read_text()), paths(there)
    assert len(again) == len(kept) == 4
    for new, old in zip(again, kept, strict=True):
        # Where the axes are depends on the version of matplotlib, and which points it leaves out as too close.
        assert abs(new.max() - old.max()) < 20
        assert abs(new.min() - old.min()) < 20
