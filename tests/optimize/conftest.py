"""SciPy must not take differences where functrans fills in derivatives."""

import importlib
import itertools
import pkgutil

import pytest

scipy_optimize = pytest.importorskip("scipy.optimize")

_NAMES = ("approx_derivative", "approx_fprime", "_approx_fprime_helper")
_MODULES = [scipy_optimize]
for _found in pkgutil.walk_packages(scipy_optimize.__path__, "scipy.optimize."):
    if ".tests" not in _found.name and "cython" not in _found.name and "._" in _found.name:
        _MODULES.append(importlib.import_module(_found.name))


@pytest.fixture
def no_differences(monkeypatch):
    """Numerical derivatives of SciPy's raise."""

    def refused(*_, **__):
        raise AssertionError("SciPy took differences")

    for module in _MODULES:
        for name in _NAMES:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, refused)


class Counted:
    """A function that counts its calls."""

    def __init__(self, f):
        self.f, self._counter = f, itertools.count()  # whose state `jit` does not see

    @property
    def calls(self):
        return int(repr(self._counter)[len("count(") : -1])

    def __call__(self, *args):
        next(self._counter)
        return self.f(*args)


@pytest.fixture
def counted():
    return Counted
