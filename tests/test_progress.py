"""Progress bars: shown when asked for, with what is done; never otherwise, and never while traced."""

import subprocess
import sys

import numpy as np
import pytest

import functrans as ft
from functrans.progress import Bar

pytest.importorskip("tqdm")

CUBES = np.arange(1.0, 6.0)


def cubes(x):
    return x**3


def total(x):
    return np.sum(x**3)


#: What is asked for, what it is called, how many parts it has.
WORK = {
    "vmap": (lambda **how: ft.vmap(cubes, chunk_size=2, **how)(CUBES), "vmap", 3),
    "vmap at once": (lambda **how: ft.vmap(cubes, **how)(CUBES), "vmap", 1),
    "vmap over none": (lambda **how: ft.vmap(cubes, **how)(np.zeros(0)), "vmap", 1),
    "map": (lambda **how: ft.map(cubes, CUBES, **how), "map", 5),
    "jacobian": (lambda **how: ft.jacobian(cubes, chunk_size=2, **how)(CUBES), "jacobian", 3),
    "jacfwd": (lambda **how: ft.jacfwd(cubes, chunk_size=3, **how)(CUBES), "jacfwd", 2),
    "jacrev": (lambda **how: ft.jacrev(cubes, chunk_size=1, **how)(CUBES), "jacrev", 5),
    "jacfwd in two": (
        lambda **how: ft.jacfwd(lambda x, y: x * y, (0, 1), chunk_size=2, **how)(CUBES, CUBES),
        "jacfwd",
        6,
    ),
    "hessian": (lambda **how: ft.hessian(total, chunk_size=2, **how)(CUBES), "hessian", 3),
    "value_grad_and_hessian": (
        lambda **how: ft.value_grad_and_hessian(total, chunk_size=4, **how)(CUBES),
        "value_grad_and_hessian",
        2,
    ),
}


@pytest.mark.parametrize("name", WORK)
def test_a_bar_counts_the_parts_and_changes_no_number(name, capsys):
    work, called, parts = WORK[name]
    plain = work()
    assert capsys.readouterr() == ("", "")
    shown = work(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    last = err.strip().rpartition("\r")[2]
    assert last.startswith(f"{called}: 100%")
    assert f" {parts}/{parts} " in last
    for a, b in zip(ft.tree.flatten(plain)[0], ft.tree.flatten(shown)[0], strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", WORK)
def test_a_string_is_the_description(name, capsys):
    WORK[name][0](progress="my work")
    assert "my work: 100%" in capsys.readouterr().err


@pytest.mark.parametrize(
    "outer",
    [
        lambda f: ft.grad(lambda x: np.sum(f(x)))(CUBES),
        lambda f: ft.jvp(f, (CUBES,), (CUBES,)),
        lambda f: ft.jit(f)(CUBES),
        lambda f: ft.trace(f)(CUBES),
        lambda f: ft.vmap(f)(np.stack([CUBES, CUBES])),
    ],
)
@pytest.mark.parametrize(
    "inner",
    [
        ft.vmap(cubes, chunk_size=2, progress=True),
        ft.jacobian(cubes, chunk_size=2, progress=True),
        ft.jacrev(cubes, chunk_size=2, progress="text"),
        ft.hessian(total, progress=True),
    ],
)
def test_nothing_is_shown_within_other_transforms(outer, inner, capsys):
    outer(inner)
    assert capsys.readouterr() == ("", "")


def test_bars_nest(capsys):
    inner = ft.jacobian(cubes, chunk_size=3, progress="inner")
    ft.map(inner, np.stack([CUBES, CUBES]), progress="outer")
    err = capsys.readouterr().err
    assert err.count("inner: 100%") >= 2
    assert "outer: 100%" in err


def test_a_bar_is_closed_by_an_error(capsys):
    def fails(x):
        if x > 2:
            raise RuntimeError("no further")
        return x

    with pytest.raises(RuntimeError, match="no further"):
        ft.map(fails, CUBES, progress=True)
    err = capsys.readouterr().err
    assert " 2/5 " in err.rpartition("\r")[2]
    assert err.endswith("\n")


def test_numbers_stand_behind_the_bar(capsys):
    with Bar("fit", "", unit="step") as bar:
        bar.advance({"f": 1.0, "g": None})
        bar.advance({"f": 0.123456789}, 2)
    last = capsys.readouterr().err.strip().rpartition("\r")[2]
    assert last.startswith("fit: 3step")
    assert last.endswith("f=0.123457]")


def test_what_is_neither_true_nor_a_text_is_refused():
    with pytest.raises(TypeError, match="progress=7: give True, False, or a description"):
        ft.vmap(cubes, progress=7)(CUBES)


def test_tqdm_is_loaded_when_a_bar_is_shown_only_and_asked_for_where_it_is_missing():
    code = """
import sys
sys.modules["tqdm"] = None  # as if it were not installed
import numpy as np
import functrans as ft
print(ft.vmap(np.sin, chunk_size=1)(np.zeros(2)))
try:
    ft.vmap(np.sin, progress=True)(np.zeros(2))
except ImportError as error:
    print(error)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "[0. 0.]\nprogress= needs tqdm, which is not installed\nFix: `pip install 'functrans[progress]'`.\n"
