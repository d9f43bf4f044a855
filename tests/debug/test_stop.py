"""The debugger opens at the user's line, and says where values are not known."""

import io
import sys

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedValueError


def f(x):
    y = x * 2.0
    ft.debug.breakpoint()
    return y * x


def test_it_opens_at_the_line_of_the_user(monkeypatch, capsys):
    monkeypatch.setattr(sys, "breakpointhook", sys.__breakpointhook__)
    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("p y\np ft.stop_gradient(y) + 1\nc\n"))
    before = sys.gettrace()
    try:
        assert ft.grad(f)(3.0) == 12.0
    finally:
        sys.settrace(before)
    out = capsys.readouterr().out
    assert "test_stop.py" in out.splitlines()[0]
    assert "f()" in out.splitlines()[0]
    assert "Traced<6.0>" in out
    assert "7.0" in out


def test_hooks_are_obeyed(monkeypatch):
    calls = []
    monkeypatch.setattr(sys, "breakpointhook", lambda: calls.append(1))
    assert ft.grad(f)(3.0) == 12.0
    assert ft.jvp(f, (3.0,), (1.0,)) == (18.0, 12.0)
    assert calls == [1, 1]


@pytest.mark.parametrize(
    ("call", "what", "fix"),
    [
        (lambda: ft.trace(f)(1.0), "where `x` has no value: it is traced by `trace`", "when the program runs"),
        (
            lambda: ft.vmap(ft.grad(f))(np.ones(2)),
            "`x` stands for many examples: it is traced by `vmap`",
            "functrans.map",
        ),
    ],
)
def test_what_is_not_known_is_said(call, what, fix):
    with pytest.raises(TracedValueError) as caught:
        call()
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert "ft.debug.breakpoint()" in str(caught.value)
