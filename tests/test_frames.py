"""Tracebacks end in the user's code, unless they are asked for in full."""

from __future__ import annotations

import dataclasses
import inspect
import math
import os
import pydoc
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import functrans as ft
from functrans.frames import boundary
from functrans.primitives import forget, lookup

LIBRARY = str(Path(ft.__file__).parent) + os.sep


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("FUNCTRANS_TRACEBACK", raising=False)
    yield
    ft.config.traceback = None


def by_math(x: Any) -> Any:
    return math.exp(x)


def misfit(x: Any) -> Any:
    return np.ones(2) @ (x * np.ones(3))


def branching(x: Any) -> Any:
    return x if x > 0 else -x


def own(*_: Any) -> Any:
    raise LookupError("mine")


def attribute(x: Any) -> Any:
    return x.nothing


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    code: int


def frozen(x: Any) -> Any:
    raise FrozenError(3)


def singular(x: Any) -> Any:
    return np.sum(np.abs(np.linalg.eigvals(x * np.full((2, 2), np.nan))))


def chained(x: Any) -> Any:
    try:
        own(x)
    except LookupError as error:
        raise RuntimeError("behind it another") from error


def vectorized(x: Any) -> Any:
    return np.sum(np.vectorize(math.exp)(x))


@ft.custom_vjp
def ruled(x: Any) -> Any:
    return x


ruled.defvjp(lambda x: (x, x), own)

ruleless: Any = ft.custom_jvp(np.negative)
X = np.ones(3)

#: Mistakes, and the functions of the user's that their tracebacks lead through, the innermost last.
MISTAKES: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "math": (lambda: ft.grad(by_math)(1.0), ["by_math"]),
    "twice": (lambda: ft.grad(ft.grad(by_math))(1.0), ["by_math"]),
    "shape": (lambda: ft.value_and_grad(misfit)(1.0), ["misfit"]),
    "no number": (lambda: ft.grad(np.sin)(X), []),
    "integer": (lambda: ft.grad(np.sum)(np.arange(3)), []),
    "own": (lambda: ft.grad(own)(1.0), ["own"]),
    "attribute": (lambda: ft.grad(attribute)(1.0), ["attribute"]),
    "of a module": (lambda: ft.grad(lambda x: ft.numpy.nothing(x))(1.0), ["<lambda>"]),
    "frozen": (lambda: ft.grad(frozen)(1.0), ["frozen"]),
    "chain": (lambda: ft.grad(chained)(1.0), ["chained"]),
    "no function": (lambda: ft.grad(3.0), []),  # type: ignore[call-overload]
    "arguments": (lambda: ft.grad(by_math)(1.0, 2.0), []),  # type: ignore[call-arg]
    "singular": (lambda: ft.grad(singular)(1.0), ["singular"]),
    "under NumPy": (lambda: ft.grad(vectorized)(X), ["vectorized"]),
    "rule": (lambda: ft.grad(ruled)(1.0), ["own"]),
    "no rule": (lambda: ft.grad(ruleless)(1.0), []),
    "wrt": (lambda: ft.grad(own, wrt="z")(1.0), ["own"]),
    "vjp": (lambda: ft.vjp(own, 1.0), ["own"]),
    "pullback": (lambda: ft.vjp(np.sin, 1.0)[1](X), []),
    "jvp": (lambda: ft.jvp(own, (1.0,), (1.0,)), ["own"]),
    "tangents": (lambda: ft.jvp(np.sin, (1.0,), (X,)), []),
    "linearize": (lambda: ft.linearize(own, 1.0), ["own"]),
    "pushforward": (lambda: ft.linearize(np.sin, 1.0)[1](X), []),
    "transpose": (lambda: ft.linear_transpose(np.sin, 1.0), []),
    "jacobian": (lambda: ft.jacobian(own)(1.0), ["own"]),
    "jacfwd": (lambda: ft.jacfwd(own)(1.0), ["own"]),
    "jacrev": (lambda: ft.jacrev(own)(1.0), ["own"]),
    "mode": (lambda: ft.jacobian(own).mode(1.0), ["own"]),
    "hessian": (lambda: ft.hessian(by_math)(1.0), ["by_math"]),
    "all three": (lambda: ft.value_grad_and_hessian(own)(1.0), ["own"]),
    "hvp": (lambda: ft.hvp(own)(1.0, 1.0), ["own"]),
    "vhp": (lambda: ft.vhp(own)(1.0, 1.0), ["own"]),
    "derivative": (lambda: ft.derivative(own, 2)(1.0), ["own"]),
    "elementwise": (lambda: ft.elementwise_grad(own)(1.0), ["own"]),
    "vmap": (lambda: ft.vmap(branching)(X), ["branching"]),
    "axes": (lambda: ft.vmap(np.sin)(1.0), []),
    "map": (lambda: ft.map(own, X), ["own"]),
    "trace": (lambda: ft.trace(branching)(1.0), ["branching"]),
    "evaluate": (lambda: ft.evaluate(ft.trace(np.sin)(1.0), 1.0, 2.0), []),
    "jit": (lambda: ft.jit(branching)(1.0), ["branching"]),
    "compiled": (lambda: ft.jit(np.linalg.inv)(np.zeros((2, 2))), []),
    "lower": (lambda: ft.jit(own).lower(1.0), ["own"]),
    "executable": (lambda: ft.jit(np.sin).program(X)(1.0), []),
    "static": (lambda: ft.jit(by_math, static_argnums=3), []),
    "eval_shape": (lambda: ft.eval_shape(own, 1.0), ["own"]),
    "nested": (lambda: ft.grad(lambda x: np.sum(ft.vmap(ft.jit(by_math))(x)))(X), ["<lambda>", "by_math"]),
    "scan": (lambda: ft.scan(lambda c, x: (c, own(c)), 0.0, X), ["<lambda>", "own"]),
    "while": (lambda: ft.while_loop(lambda c: c < 3, own, 1.0), ["own"]),
    "for": (lambda: ft.fori_loop(0, 3, own, 1.0), ["own"]),
    "cond": (lambda: ft.cond(True, own, np.sin, 1.0), ["own"]),
    "branches": (lambda: ft.jit(lambda x: ft.cond(x > 0, own, np.sin, x))(1.0), ["<lambda>", "own"]),
    "switch": (lambda: ft.switch(1.5, [own], 1.0), []),
    "prefixes": (lambda: ft.associative_scan(own, X), ["own"]),
    "checkpoint": (lambda: ft.grad(ft.checkpoint(own))(1.0), ["own"]),
    "tree": (lambda: ft.tree.map(own, {"a": 1.0}), ["own"]),
    "root": (lambda: ft.implicit.root(own, 1.0), ["own"]),
    "fixed": (lambda: ft.fixed_point(lambda x: x + 1.0, 1.0), []),
    "batch": (lambda: ft.psum(1.0, "i"), []),
    "explain": (lambda: ft.debug.explain(own)(1.0), ["own"]),
    "minimize": (lambda: ft.optimize.minimize(own, 1.0), ["own"]),
    "plan": (lambda: ft.sparse.plan(ft.jacobian, np.cumsum, X)(np.ones(4)), []),
    "sparse": (lambda: ft.sparse.jacobian(own)(X), ["own"]),
    "uncovered": (lambda: ft.numpy.poly1d, []),
}


def raised(call: Callable[[], Any], length: Literal["short", "full"]) -> Exception:
    ft.config.traceback = length
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The frames below the mistake itself."""
    return list(traceback.extract_tb(error.__traceback__))[2:]


@pytest.mark.parametrize("name", MISTAKES)
def test_the_users_frames_are_left(name: str) -> None:
    call, functions = MISTAKES[name]
    error = raised(call, "short")
    assert [frame.name for frame in frames(error)] == functions
    assert {frame.filename for frame in frames(error)} <= {__file__}


@pytest.mark.parametrize("name", MISTAKES)
def test_it_is_the_same_error(name: str) -> None:
    call, functions = MISTAKES[name]
    short, full = raised(call, "short"), raised(call, "full")
    assert type(short) is type(full)
    assert str(short) == str(full)
    assert [frame.name for frame in frames(full) if frame.filename == __file__] == functions
    assert any(frame.filename.startswith(LIBRARY) for frame in frames(full))


def test_exceptions_behind_it_are_shortened_too() -> None:
    def f(x: Any) -> Any:
        try:
            return ft.grad(own)(x)
        except LookupError as error:
            raise ValueError("outer") from error

    error = raised(lambda: ft.jvp(f, (1.0,), (1.0,)), "short")
    assert isinstance(error.__cause__, LookupError)
    names = [frame.name for frame in traceback.extract_tb(error.__cause__.__traceback__)]
    assert names == ["f", "own"]
    assert error.__context__ is error.__cause__

    def g(x: Any) -> Any:
        try:
            return ft.grad(own)(x)
        except LookupError:
            return by_math(x)

    error = raised(lambda: ft.grad(g)(1.0), "short")
    assert [frame.name for frame in traceback.extract_tb(error.__context__.__traceback__)] == ["g", "own"]  # type: ignore[union-attr]


def test_groups_are_shortened() -> None:
    def f(x: Any) -> Any:
        found = []
        for _ in range(2):
            try:
                ft.vmap(own)(x)
            except LookupError as error:
                found.append(error)
        raise ExceptionGroup("several", found)

    error: Any = raised(lambda: ft.grad(f)(X), "short")
    assert [frame.name for frame in frames(error)] == ["f"]
    for inner in error.exceptions:
        assert [frame.name for frame in traceback.extract_tb(inner.__traceback__)] == ["f", "own"]


def test_exceptions_that_refer_to_each_other() -> None:
    def f(x: Any) -> Any:
        error = LookupError("itself")
        other = LookupError("other")
        error.__context__, other.__context__ = other, error
        raise error

    assert frames(raised(lambda: ft.grad(f)(1.0), "short"))[-1].name == "f"


def test_a_long_chain() -> None:
    def f(x: Any) -> Any:
        error = LookupError(0)
        for n in range(1, 3000):
            following = LookupError(n)
            following.__cause__ = error
            error = following
        raise error

    error = raised(lambda: ft.grad(f)(1.0), "short")
    assert isinstance(error, LookupError)
    while error.__cause__ is not None:  # a chain this long is not to be taken apart by recursion
        error.__cause__, error = None, error.__cause__  # type: ignore[assignment]


def test_what_is_no_error_is_left_alone() -> None:
    def f(x: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        ft.grad(f)(1.0)
    assert any(str(entry.path).startswith(LIBRARY) for entry in caught.traceback)


def test_within_functrans_all_frames_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    # As by a part of functrans that calls a transform, and looks at what it raises.
    seen: list[Any] = []
    code = compile("def inner(call):\n    try:\n        call()\n    except LookupError as e:\n        seen.append(e)\n"
                   "        raise\n", LIBRARY + "inner.py", "exec")  # fmt: skip
    space: dict[str, Any] = {"seen": seen}
    exec(code, space)
    inner = space["inner"]
    with pytest.raises(LookupError):
        inner(lambda: ft.grad(own)(1.0))
    assert any(
        frame.filename.startswith(LIBRARY + "transforms") for frame in traceback.extract_tb(seen[0].__traceback__)
    )


def test_a_fault_of_functrans_shows_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    code = compile("def wrong(x):\n    return {}[x]\n", LIBRARY + "wrong.py", "exec")
    space: dict[str, Any] = {}
    exec(code, space)
    error = raised(lambda: boundary(space["wrong"])(1), "short")
    assert isinstance(error, KeyError)
    assert [frame.name for frame in frames(error)][-1] == "wrong"


def test_an_error_without_frames_of_the_users() -> None:
    error = raised(lambda: ft.grad(np.sin)(X), "short")
    assert frames(error) == []
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["raised", "<lambda>"]


def test_a_context_manager_of_the_users_sees_its_error() -> None:
    from contextlib import contextmanager

    seen = []

    @contextmanager
    def watching() -> Iterator[None]:
        try:
            yield
        except LookupError as error:
            seen.append(error)
            raise

    def f(x: Any) -> Any:
        with watching():
            return ft.grad(own)(x)

    error = raised(lambda: ft.grad(f)(1.0), "short")
    assert seen == [error]
    assert [frame.name for frame in frames(error) if frame.filename == __file__][-1] == "own"
    assert not any(frame.filename.startswith(LIBRARY) for frame in frames(error))


SCRIPT = """
import math
import functrans as ft

def loss(x):
    return math.exp(x)

def main():
    ft.grad(ft.vmap(ft.jit(loss)))(1.0) if False else ft.grad(ft.jit(loss))(1.0)

main()
"""


@pytest.mark.parametrize("length", ["short", "full"])
def test_what_python_prints(length: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "FUNCTRANS_TRACEBACK": length, "PYTHONPATH": str(Path(LIBRARY).parent)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, check=False)
    files = [line.split('"')[1] for line in done.stderr.splitlines() if line.startswith("  File ")]
    assert "functrans.errors.TracedValueError: " in done.stderr
    if length == "short":
        assert files == [str(script)] * 3
        last = done.stderr[: done.stderr.index("functrans.errors")].splitlines()
        assert "    return math.exp(x)" in last[-2:]
    else:
        assert sum(file.startswith(LIBRARY) for file in files) > 3


def test_the_length_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ft.config.traceback == "short"
    monkeypatch.setenv("FUNCTRANS_TRACEBACK", "FULL")
    assert ft.config.traceback == "full"
    monkeypatch.setenv("FUNCTRANS_TRACEBACK", "nonsense")
    assert ft.config.traceback == "short"
    for wrong in ("long", True, 1, b"full"):
        with pytest.raises(ValueError, match="short"):
            ft.config.traceback = wrong  # type: ignore[assignment]
    monkeypatch.setenv("FUNCTRANS_TRACEBACK", "full")
    ft.config.traceback = "short"
    assert ft.config.traceback == "short"


def documented(x: float, *, scale: float = 2.0) -> float:
    """The function of the user's.

    Args:
        x: a number.
    """
    return scale * x


TRANSFORMED = {
    "grad": lambda: ft.grad(documented),
    "value_and_grad": lambda: ft.value_and_grad(documented),
    "jacobian": lambda: ft.jacobian(documented),
    "jacfwd": lambda: ft.jacfwd(documented),
    "hessian": lambda: ft.hessian(documented),
    "vmap": lambda: ft.vmap(documented),
    "trace": lambda: ft.trace(documented),
    "jit": lambda: ft.jit(documented),
    "checkpoint": lambda: ft.checkpoint(documented),
    "custom_jvp": lambda: ft.custom_jvp(documented),
    "primitive": lambda: ft.primitive(documented),
    "elementwise_grad": lambda: ft.elementwise_grad(documented),
    "explain": lambda: ft.debug.explain(documented),
    "sparse_jacobian": lambda: ft.sparse.jacobian(documented),
    "twice": lambda: ft.grad(ft.jit(ft.vmap(documented))),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_a_transformed_function_tells_what_it_is(name: str) -> None:
    made: Any = TRANSFORMED[name]()
    if name == "primitive":
        forget(lookup(f"{__name__}.documented"))
    assert inspect.signature(made) == inspect.signature(documented)
    assert "documented" in made.__name__
    assert made.__name__.isidentifier()
    assert "The function of the user's." in inspect.getdoc(made)
    assert "documented" in pydoc.render_doc(made)
    assert "documented" in repr(made)


def test_public_functions_show_their_own_signature_and_source() -> None:
    assert list(inspect.signature(ft.grad).parameters)[:2] == ["f", "argnums"]
    assert "def grad" in inspect.getsource(ft.grad)
    assert ft.grad.__module__ == "functrans.transforms.vjp"
