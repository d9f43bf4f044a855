"""Programs as HTML: well-formed, whole, escaped, each equation linked to the user's line that caused it."""

from __future__ import annotations

import linecache
import re
import subprocess
import sys

import numpy as np
from hypothesis import given, settings

import functrans as ft
from functrans.ir import Equation, Program
from functrans.ir.program import held_programs
from functrans.ir.source import listing
from functrans.testing import strategies as st
from functrans.viz.outline import everything
from functrans.viz.page import page

from .reading import Page


def f(x):
    a = np.sin(x)
    return np.sum(a * a)


def gradient():
    return ft.trace(ft.grad(f))(np.ones(3))


def codes(listing):
    return [code for _, code in listing.lines]


@given(st.programs())
@settings(max_examples=25)
def test_random_programs(program):
    html = program._repr_html_()
    found = Page(html)
    rows = found.of_class("ft-eq")
    assert len(rows) == len([*everything(program)])
    shown = [row["codes"][0] for row in rows]
    for whole in codes(listing(program)):
        code = whole if len(whole) <= 300 else whole[:300] + " …"
        assert code in shown
        shown.remove(code)


def test_equations_are_linked_to_the_line_that_caused_them():
    program = gradient()
    found = Page(program._repr_html_())
    lines = {row["data-line"]: row for row in found.of_class("ft-line")}
    first = f.__code__.co_firstlineno
    assert [row["title"] for row in lines.values()] == [
        f"test_page.py:{first + 1}, in f",
        f"test_page.py:{first + 2}, in f",
    ]
    assert [row["codes"][0] for row in lines.values()] == ["a = np.sin(x)", "return np.sum(a * a)"]
    for row, equation in zip(found.of_class("ft-eq"), program.equations, strict=True):
        assert lines[row["data-line"]]["title"].startswith(f"{equation.location},")
        assert int(row["data-kind"]) == equation.location.walks
    kinds = {(row["data-line"], row["data-kind"]) for row in found.of_class("ft-eq")}
    assert {("0", "0"), ("0", "1"), ("1", "1")} <= kinds  # sin forward, cos backward: both of the first line


def test_programs_that_equations_hold():
    def g(w, xs):
        def step(h, x):
            return np.tanh(w * h + x), None

        return ft.scan(step, 0.5, xs)[0]

    program = ft.trace(ft.grad(g))(0.5, np.ones(4))
    found = Page(program._repr_html_())
    assert len(found.of_class("ft-held")) == 2
    inner = [e for e, _ in everything(program) if e not in program.equations]
    assert inner
    assert len(found.of_class("ft-eq")) == len(program.equations) + len(inner)
    # What a loop backwards holds is backward.
    kinds = {id(e): kind for e, kind in everything(program)}
    backwards = [e for e in program.equations if e.primitive.name == "scan"][-1]
    (held,) = held_programs(backwards.params)
    assert {kinds[id(e)] for e in held.equations} == {1}


def test_everything_is_escaped():
    name = "<b>\"&'</script><!--"
    text = 'def g(x):  # </script><script>alert(1)</script> "quotes" <b>\n    return x * 2.0  # </script><b> & "\'\n'
    file = 'a"<b>.py'
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope = {}
    exec(compile(text, file, "exec"), scope)
    traced = ft.trace(scope["g"])(1.0)
    program = Program(traced.inputs, traced.equations, traced.outputs, name=name, input_names=["<i>"])
    try:
        html = program._repr_html_()
        found = Page(html)
    finally:
        del linecache.cache[file]
    assert found.of_class("ft-line")[0]["codes"] == ["return x * 2.0  # </script><b> & \"'"]
    assert found.of_class("ft-line")[0]["title"] == 'a"<b>.py:2, in g'
    assert found.tags.count("script") == 1
    assert not {"b", "i"} & set(found.tags)
    assert name in found.text
    assert html.count("</script>") == 1


def test_huge_programs_are_cut_and_say_so():
    def g(x):
        for _ in range(2000):
            x = np.sin(x)
        return x

    program = ft.trace(ft.grad(g))(1.0)
    size = len(program.equations)
    html = program._repr_html_()
    found = Page(html)
    assert len(html) < 700_000
    assert len(found.of_class("ft-eq")) == 2000
    assert f"{size - 2000:,} of {size:,} equations are not shown" in found.text
    (line,) = found.of_class("ft-line")
    assert line["codes"] == ["x = np.sin(x)"]
    forward = sum(equation.location.walks == 0 for equation in program.equations)
    assert f"forward {forward:,}" in found.text  # shown or not


def test_long_texts_are_cut():
    indices = np.arange(4)
    program = ft.trace(lambda x: x[indices] * np.ones((200, 1)))(np.ones(5))
    assert len(Page(program._repr_html_()).of_class("ft-eq")) == len(program.equations)
    named = Program(program.inputs, program.equations, program.outputs, name="n" * 10_000)
    assert len(named._repr_html_()) < len(program._repr_html_()) + 1000


def test_a_limit_of_the_callers():
    found = Page(page(gradient(), limit=2))
    assert len(found.of_class("ft-eq")) == 2
    assert "are not shown" in found.text


def test_equations_without_a_line():
    traced = ft.trace(lambda x: x * 2.0)(1.0)
    program = Program(
        traced.inputs, [Equation(e.primitive, e.inputs, e.outputs, e.params) for e in traced.equations], traced.outputs
    )
    found = Page(program._repr_html_())
    assert not found.of_class("ft-line")
    assert "data-line" not in found.of_class("ft-eq")[0]


def test_without_scripts_it_reads():
    found = Page(re.sub(r"<script>.*?</script>", "", gradient()._repr_html_(), flags=re.DOTALL))
    assert "hidden" in found.of_class("ft-search")[0]  # a field that would do nothing
    assert "hidden" not in found.of_class("ft-eq")[0]


def test_nothing_to_show():
    assert "0 equations" in Page(ft.trace(lambda x: x)(1.0)._repr_html_()).text


def test_source_that_is_not_known():
    scope = {}
    exec(compile("def g(x):\n    return -x\n", "<nowhere>", "exec"), scope)
    found = Page(ft.trace(scope["g"])(1.0)._repr_html_())
    assert "its text is not known" in found.text
    assert found.of_class("ft-line")[0]["title"] == "<nowhere>:2, in g"


def test_same_program_same_text():
    program = gradient()
    assert program._repr_html_() == program._repr_html_()


def test_no_extra_is_needed():
    code = """
import sys
sys.modules.update(dict.fromkeys(["matplotlib", "graphviz", "scipy"]))
import functrans as ft
assert len(ft.trace(ft.grad(lambda x: x * x))(1.0)._repr_html_()) > 1000
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
