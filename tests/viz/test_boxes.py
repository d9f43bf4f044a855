"""Programs as graphs: valid DOT, whole, and what the errors say."""

from __future__ import annotations

import linecache
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings

import functrans as ft
from functrans.ir import Program
from functrans.ir.program import held_programs
from functrans.testing import strategies as st
from functrans.viz.boxes import GraphvizError
from functrans.viz.outline import everything

drawn = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz's program")


@pytest.fixture
def installed():
    pytest.importorskip("graphviz")


def f(x):
    a = np.sin(x)
    return np.sum(a * a)


def gradient():
    return ft.trace(ft.grad(f))(np.ones(3))


def loop(w, xs):
    def step(h, x):
        return np.tanh(w * h + x), None

    return ft.scan(step, 0.5, xs)[0]


def layout(dot):
    """What Graphviz says of a text: it must not complain."""
    done = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    assert not [row for row in done.stderr.splitlines() if "Error" in row or ("Warning" in row and "font" not in row)]
    return done.stdout


def nodes(dot):
    return re.findall(r"^ *(n\d+) \[label=", dot, re.MULTILINE)


def edges(dot):
    return re.findall(r"^ *(n\d+) -> (n\d+) \[(\w+)=", dot, re.MULTILINE)


def operands(program):
    own = len(program.outputs) + sum(len(e.inputs) for e in program.equations)
    return own + sum(operands(held) for e in program.equations for held in held_programs(e.params))


def test_random_programs():
    texts = []

    @given(st.programs())
    @settings(max_examples=25)
    def draw(program):
        dot = ft.viz.graph(program).dot
        texts.append(dot)
        known = set(nodes(dot))
        assert len(known) == len(nodes(dot))
        for start, stop, _ in edges(dot):
            assert {start, stop} <= known
        assert sum(kind == "label" for _, _, kind in edges(dot)) == operands(program)
        for equation, _ in everything(program):
            assert f"<b>{equation.primitive.name}</b>" in dot

    draw()
    if shutil.which("dot"):
        layout("\n".join(texts))  # one after the other, in one go


def test_what_the_colours_mean():
    dot = ft.viz.graph(gradient()).dot
    boxes = re.findall(r'color="(#\w+)" bgcolor="#\w+".*?bgcolor="(#\w+)" width="6".*?<b>(\w+)</b>', dot)
    kinds = {(name, fill) for fill, _, name in boxes}
    assert ("sin", "#2f6fde") in kinds  # forward
    assert ("cos", "#bc4c00") in kinds  # backward
    flags = {name: flag for _, flag, name in boxes}
    assert flags["sin"] == flags["cos"] != flags["broadcast_to" if "broadcast_to" in flags else "add"]
    legend = dot[dot.index("legend [") :]
    for text in ("forward", "backward", "a = np.sin(x)", "return np.sum(a * a)", flags["sin"]):
        assert text in legend


def test_values_have_their_shapes():
    dot = ft.viz.graph(lambda x, y: np.sin(x) @ y, np.ones((2, 3)), np.ones(3)).dot
    labels = re.findall(r'-> n\d+ \[label="([^"]*)"', dot)
    assert sorted(labels) == ["  a [2 3]", "  b [2]", "  x [2 3]", "  y [3]"]
    assert "Float64[2 3]" in dot


@drawn
def test_programs_that_equations_hold():
    program = ft.trace(ft.grad(loop))(0.5, np.ones(4))
    graph = ft.viz.graph(program)
    assert graph.dot.count("subgraph cluster_") == 4  # two loops, each with its body
    assert "scan, 4 steps" in graph.dot
    layout(graph.dot)
    alone = ft.viz.graph(program, held=False)
    assert "subgraph" not in alone.dot
    assert graph.dot.count("<b>tanh</b>") == 1 > alone.dot.count("<b>tanh</b>")


def test_large_programs_are_drawn_in_groups():
    def g(x):
        for _ in range(3000):
            x = np.sin(x) * 2.0
        return x

    program = ft.trace(ft.grad(g))(1.0)
    dot = ft.viz.graph(program).dot
    assert len(nodes(dot)) == 4  # forward, backward, inputs, outputs
    size = len(program.equations)
    assert f"{size:,} equations, in groups by your lines: more than 200 are not drawn one by one" in dot
    totals = [int(text.replace(",", "")) for text in re.findall(r"<b>([\d,]+) equations</b>", dot)]
    assert sum(totals) == size
    if shutil.which("dot"):
        layout(dot)


def test_a_limit_of_the_callers():
    program = gradient()
    assert "in groups" in ft.viz.graph(program, limit=3).dot
    assert "in groups" not in ft.viz.graph(program, limit=len(program.equations)).dot
    assert "other groups" in ft.viz.graph(program, limit=1).dot


@drawn
def test_everything_is_escaped():
    name = 'g"<b>\\n&\n'
    text = 'def g(x):\n    return x * 2.0  # "</td>" <b> & \\ \\N \x01\n'
    file = 'a"<b>\\.py'
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope = {}
    exec(compile(text, file, "exec"), scope)
    traced = ft.trace(scope["g"])(1.0)
    try:
        graph = ft.viz.graph(Program(traced.inputs, traced.equations, traced.outputs, name=name, input_names=['<"x">']))
        svg = layout(graph.dot)
    finally:
        del linecache.cache[file]
    texts = "".join(ET.fromstring(svg).itertext()).replace("\xa0", " ").replace("\u200b", "")
    assert '"</td>" <b> & \\ \\N' in texts
    assert 'a"<b>\\.py:2' in texts


@drawn
@pytest.mark.usefixtures("installed")
def test_pictures(tmp_path):
    graph = ft.viz.graph(gradient())
    root = ET.fromstring(graph.svg())
    assert root.tag.endswith("svg")
    texts = [text.strip() for text in root.itertext()]
    assert "<a " not in graph.svg()
    assert any(text.startswith("a = np.sin(x)\ntest_boxes.py:") for text in texts)  # what the mouse is told
    assert {"sin", "cos", "x", "output", "forward", "backward"} <= set(texts)
    assert graph._repr_svg_() == graph.svg()
    for suffix, start in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml"), (".dot", b"digraph")):
        graph.save(tmp_path / f"g{suffix}")
        assert (tmp_path / f"g{suffix}").read_bytes().startswith(start)
    with pytest.raises(ValueError, match="no suffix"):
        graph.save(tmp_path / "graph")


@drawn
@pytest.mark.usefixtures("installed")
def test_notebooks_are_given_small_pictures():
    assert "<svg" in gradient()._repr_svg_()

    def g(x):
        for _ in range(100):
            x = np.sin(x)
        return x

    assert ft.trace(g)(1.0)._repr_svg_() is None


def test_without_graphviz(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    graph = ft.viz.graph(gradient())
    with pytest.raises(
        ModuleNotFoundError, match=r"needs graphviz, which is not installed\nFix: `pip install"
    ) as caught:
        graph.svg()
    assert caught.value.name == "graphviz"
    assert graph._repr_svg_() is gradient()._repr_svg_() is None
    graph.save(tmp_path / "graph.dot")
    assert (tmp_path / "graph.dot").read_text() == graph.dot


@pytest.mark.usefixtures("installed")
def test_without_its_program(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    graph = ft.viz.graph(gradient())
    with pytest.raises(GraphvizError) as caught:
        graph.save(tmp_path / "graph.png")
    assert "Graphviz's program `dot`, which is not installed" in str(caught.value)
    assert "graph.dot" in str(caught.value)
    assert graph._repr_svg_() is gradient()._repr_svg_() is None


def test_arguments_of_a_program():
    with pytest.raises(TypeError, match="takes no arguments"):
        ft.viz.graph(gradient(), np.ones(3))


def test_same_program_same_text():
    assert ft.viz.graph(gradient()).dot == ft.viz.graph(gradient()).dot


@drawn
@pytest.mark.usefixtures("installed")
def test_lines_of_which_there_is_no_text():
    space = {"np": np}
    exec(compile("def f(x):\n    return np.sin(x)", "<nowhere>", "exec"), space)
    assert "&lt;nowhere&gt;:2" in ft.viz.graph(space["f"], 1.0).svg()
