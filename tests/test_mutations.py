"""The mutation check: what it plants is caught, and gone afterwards. ``benchmarks/mutations.py`` checks everything."""

from __future__ import annotations

import contextlib
import sys
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from functrans.primitives import lookup

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
import mutants
import mutations
import rule_mutants
import source_mutants
from explained_mutants import reason

# Elementwise; a choice with rules for both modes; a product, with a conjugate; linear, with a mask.
CHOSEN = [lookup(name) for name in ("divide", "maximum", "vdot", "where")]


@pytest.fixture(scope="module")
def bench():
    return mutations.Bench(12, 12)


def some_of_each_kind(level):
    planted = sorted(mutations.planted(CHOSEN, level), key=lambda mutant: mutant.kind)
    for kind, group in groupby(planted, key=lambda mutant: mutant.kind):
        own = [mutant for mutant in group if mutant.primitives[0] in CHOSEN and not reason(mutant.key)]
        for i in {0, len(own) // 2} if own else ():
            yield pytest.param(own[i], id=f"{level}-{kind}-{i}")


@pytest.mark.parametrize("mutant", [*some_of_each_kind("rules"), *some_of_each_kind("source")])
def test_wrong_derivatives_are_caught(mutant, bench):
    assert bench.catches(mutant) or mutant.touched == [False], mutant


@pytest.mark.parametrize("level", ["rules", "source"])
def test_nothing_stays(level):
    def state():
        codes = [function.__code__ for function in source_mutants.functions_of(primitive)]
        return primitive.derivative, primitive.masks, codes

    for primitive in CHOSEN[:3]:
        before = state()
        for mutant in list(mutations.planted([primitive], level))[::5]:
            with contextlib.suppress(ZeroDivisionError), mutant.plant():
                assert state() != before or mutant.primitives[0] is not primitive
                raise ZeroDivisionError
            assert state() == before


def test_every_rule_has_its_source():
    power = source_mutants.functions_of(lookup("power"))
    assert {"_power_by_base", "_power_by_exponent", "_power_is_singular"} <= {f.__name__ for f in power}
    for primitive in CHOSEN:
        for function in source_mutants.functions_of(primitive):
            source = source_mutants.Source(function.__code__)
            assert source.mutated().co_code == function.__code__.co_code  # nothing is changed yet


def test_what_is_explained_is_found_by_its_pattern(monkeypatch):
    monkeypatch.setitem(reason.__globals__["EXPLAINED"], "a.py sign: f[0]: * -> -x", "it is zero")
    assert reason("a.py sign: f[0]: x -> -x") == "it is zero"
    assert reason("a.py sign: f[1]: x -> -x") == ""


def test_slices_and_axes():
    x = np.arange(6.0).reshape(2, 3)
    assert rule_mutants.sliced(x, (3,)).tolist() == [0, 1, 2]
    assert rule_mutants.sliced(x, (2, 1)).tolist() == [[0], [3]]
    assert mutants.other_axis((0, 1), 3) == (1, 2)
    assert mutants.other_axis(True, 3) is True
