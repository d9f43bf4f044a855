"""The programs in docs/examples: short runs, which must give what their pages say."""

import importlib.util
import pathlib
import re

import numpy as np
import pytest

import functrans as ft
from functrans.testing import check_grads

_EXAMPLES = pathlib.Path(__file__).parent.parent / "docs" / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", _EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def digits():
    pytest.importorskip("sklearn")
    return load("digits")


def test_digits(digits, capsys):
    untrained = digits.main(["--epochs", "0"])
    assert untrained < 0.3
    capsys.readouterr()

    accuracy = digits.main(["--epochs", "10"])
    out = capsys.readouterr().out
    assert accuracy >= 0.96
    assert out.startswith("training on 1438 images, 359 are held out\n")
    assert f"accuracy on 359 held-out images: {accuracy:.2%}\n" in out
    losses = [float(text) for text in re.findall(r"loss ([0-9.]+)", out)]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 5


def test_digits_depend_on_the_seed_alone(digits, capsys):
    first, again, other = (digits.main(["--epochs", "1", "--seed", seed]) for seed in ("3", "3", "4"))
    assert first == again
    assert 0.5 < other < 1.0
    losses = re.findall(r"loss ([0-9.]+)", capsys.readouterr().out)
    assert losses[0] == losses[1] != losses[2]


def test_digits_show_a_progress_bar_when_asked(digits, capsys):
    pytest.importorskip("tqdm")
    digits.main(["--epochs", "1"])
    assert capsys.readouterr().err == ""
    digits.main(["--epochs", "1", "--progress"])
    out, err = capsys.readouterr()
    assert "100%" in err
    assert "1/1" in err
    assert "epoch   1   loss" in out


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("scipy")
    example = load("c_function")
    if example.compiler() is None:
        pytest.skip("there is no C compiler")
    return example


def test_c_function(cluster, capsys):
    energy, stiffness = cluster.main()
    assert energy == pytest.approx(-44.326801, abs=1e-6)  # Wales and Doye, J. Phys. Chem. A 101 (1997)
    assert np.sum(np.abs(stiffness) < 1e-4) == 6
    assert np.all(stiffness > -1e-4)
    page = (_EXAMPLES.parent / "howto" / "c_function.md").read_text()
    assert f"$ python docs/examples/c_function.py\n{capsys.readouterr().out}```" in page


def test_c_function_in_every_transform(cluster, tmp_path):
    energy = cluster.wrapped(cluster.compiled(tmp_path))

    def pair(r):
        return energy(r * np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0]))

    lowest = 2 ** (1 / 6)
    np.testing.assert_allclose([pair(lowest), ft.grad(pair)(lowest)], [-1.0, 0.0], atol=1e-13)
    np.testing.assert_allclose(ft.grad(ft.grad(pair))(lowest), 72 / 2 ** (1 / 3), rtol=1e-9)
    check_grads(energy, (cluster.icosahedron().ravel(),), modes=("forward", "reverse"))
    points = np.linspace(1.0, 2.0, 5)
    slopes = 24 * points**-7 - 48 * points**-13
    np.testing.assert_allclose(ft.vmap(ft.grad(pair))(points), slopes, rtol=1e-13)
    np.testing.assert_allclose(ft.jit(ft.vmap(ft.grad(pair)))(points), slopes, rtol=1e-13)


def test_speed_compares_what_is_equal(capsys):
    pytest.importorskip("scipy")
    speed = load("speed")
    for name, slow, fast in speed.ways(0.01):
        left, right = ft.tree.flatten(slow())[0], ft.tree.flatten(fast())[0]
        if name.startswith("vmap"):
            left = [np.stack(left)]
        left, right = (
            [x.toarray() if hasattr(x, "toarray") else np.asarray(x) for x in side] for side in (left, right)
        )
        for a, b in zip(left, right, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4 if b.dtype == np.float32 else 1e-10, atol=1e-5, err_msg=name)
    assert len(speed.main(["--scale", "0.01", "--repeats", "1"])) == 8
    assert len(capsys.readouterr().out.splitlines()) == 8
