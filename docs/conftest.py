"""The examples of these pages as tests: pictures are drawn without a window, and closed."""

import os
import sys
from collections.abc import Iterator

import pytest

os.environ["MPLBACKEND"] = "agg"

collect_ignore = ["_build", "_extensions", "conf.py"]


@pytest.fixture(autouse=True)
def _figures_closed() -> Iterator[None]:
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
