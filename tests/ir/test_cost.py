"""What programs cost, by counts that are known in closed form."""

from __future__ import annotations

import pickle
from math import isfinite, log2
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings

import functrans as ft
from functrans.ir import ArraySpec
from functrans.ir.cost import Cost
from functrans.ir.flops import flops, transcendental
from functrans.primitives import primitives
from functrans.testing import strategies as st

A, B = np.ones((5, 7)), np.ones((7, 3))
S = np.eye(6) * 2.0
X = np.ones(8)


def cost_of(f: Any, *args: Any) -> Cost:
    return ft.trace(f)(*args).cost()


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda a: a + 1.0, A, 35),
        (lambda a: a * a - a, A, 70),
        (lambda a: np.exp(a), A, 35),
        (lambda a: a.T, A, 0),
        (lambda a: np.where(A > 0, a, 0.0), A, 0),
        (lambda a: np.sum(a), A, 35),
        (lambda a: np.sum(a, axis=0), A, 35),
        (lambda a: np.max(a, axis=1), A, 35),
        (lambda a: a @ B, A, 2 * 5 * 7 * 3),
        (lambda a: a @ B, np.ones((4, 5, 7)), 4 * 2 * 5 * 7 * 3),
        (lambda a: np.dot(a, a), X, 2 * 8),
        (lambda a: np.dot(a, 2.0), X, 2 * 8),
        (lambda a: np.inner(a, A), A, 2 * 5 * 7 * 5),
        (lambda a: np.tensordot(a, B, 1), A, 2 * 5 * 7 * 3),
        (lambda a: np.einsum("ij,jk->ik", a, B), A, 2 * 5 * 7 * 3),
        (lambda a: np.einsum("...ij,jk->...ik", a, B), np.ones((2, 5, 7)), 2 * 2 * 5 * 7 * 3),
        (lambda a: np.einsum("i,j->ij", a, a), X, 8 * 8),
        (lambda a: np.einsum("ii->", a), S, 6),
        (lambda a: np.outer(a, a), X, 8 * 8),
        (lambda a: np.kron(a, a), S, 36 * 36),
        (lambda a: np.cross(a, a), np.ones((4, 3)), 3 * 4 * 3),
        (lambda a: np.convolve(a, a), X, 2 * 8 * 8),
        (lambda a: np.linalg.solve(a, np.ones((6, 2))), S, 2 / 3 * 6**3 + 2 * 6**2 * 2),
        (lambda a: np.linalg.solve(a, np.ones(6)), S, 2 / 3 * 6**3 + 2 * 6**2),
        (lambda a: np.linalg.cholesky(a), S, 6**3 / 3),
        (lambda a: np.linalg.inv(a), S, 2 * 6**3),
        (lambda a: np.linalg.slogdet(a)[1], S, 2 / 3 * 6**3),
        (lambda a: np.linalg.det(a), np.stack([S, S, S]), 3 * 2 / 3 * 6**3),
        (lambda a: np.linalg.eigvalsh(a), S, 4 / 3 * 6**3),
        (lambda a: np.linalg.svd(a, compute_uv=False), A, 4 * 7 * 25 - 4 / 3 * 125),
        (lambda a: np.linalg.qr(a)[1], B, 4 * (7 * 9 - 9)),
        (lambda a: np.fft.fft(a), X.astype(complex), 5 * 8 * log2(8)),
        (lambda a: np.fft.rfft(a), np.ones((3, 16)), 3 * 2.5 * 16 * 4),
        (lambda a: np.sort(a, axis=1), np.ones((3, 16)), 3 * 16 * 4),
        (lambda a: a * a, X.astype(complex), 4 * 8),
        (lambda a: a[2:], X, 0),
        (lambda a: np.concatenate([a, a]), X, 0),
        (lambda a: a + 1.0, np.ones((0, 3)), 0),
    ],
)
def test_flops_in_closed_form(f: Any, x: Any, expected: float) -> None:
    assert cost_of(f, x).flops == pytest.approx(expected, rel=1e-12)


def test_bytes_and_peak_memory() -> None:
    found = cost_of(lambda x: np.sum(np.sin(x) * np.cos(x)), np.ones(1000))
    assert found.operations == 4
    assert found.transcendental == 2000
    assert found.flops == 4000
    assert found.read == 8 * 5000
    assert found.written == 8 * 3001
    assert found.peak == 8 * 3000, "sin, cos and their product; the sum comes when the first two are gone"
    assert cost_of(lambda x: np.sin(x), np.ones(1000, dtype=np.float32)).written == 4000


def test_a_value_is_dropped_after_its_last_use() -> None:
    def chain(x: Any) -> Any:
        for _ in range(50):
            x = np.sin(x)
        return x

    assert cost_of(chain, np.ones(1000)).peak == 2 * 8000


def test_a_view_takes_no_memory_and_keeps_what_it_is_a_view_of() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        rows = y.T[1:]  # keeps y
        z = np.cos(x)
        return np.sum(rows) + np.sum(z)

    found = cost_of(f, np.ones((100, 10)))
    assert found.peak == 2 * 8000 + 8
    assert found.read == 8 * (1000 + 1000 + 900 + 1000 + 2)
    assert cost_of(lambda x: x.T, np.ones((100, 10)))[:6] == (1, 0, 0, 0, 0, 0)


def test_the_body_of_a_scan_counts_once_for_each_step() -> None:
    found = cost_of(lambda x: ft.scan(lambda c, y: (c * np.sin(y), c), 1.0, x)[0], np.ones(12))
    assert found.by_primitive["sin"].times == found.by_primitive["multiply"].times == 12
    assert found.flops == 24
    assert found.transcendental == 12
    assert not found.per_step
    assert max(row.times for row in found.costliest) == 12


def test_loops_in_loops_multiply() -> None:
    inner = lambda c, y: (ft.fori_loop(0, 5, lambda _, v: v * y, c), None)  # noqa: E731
    found = cost_of(lambda x: ft.scan(inner, 1.0, x)[0], np.ones(12))
    assert found.by_primitive["multiply"].times == 60


def test_the_costliest_branch_counts() -> None:
    cheap, dear = (lambda x: x + 1.0), (lambda x: np.exp(np.sin(x)))
    for branches in ((cheap, dear), (dear, cheap)):
        found = cost_of(lambda x, b=branches: ft.cond(x[0] > 0, *b, x), X)
        assert found.transcendental == 16
        assert "add" not in found.by_primitive


def test_a_while_loop_is_counted_for_one_step() -> None:
    found = cost_of(lambda x: ft.while_loop(lambda c: c < 9.0, lambda c: c * 2.0, x), 1.0)
    assert found.per_step == ("while_loop",)
    assert found.by_primitive["multiply"].times == found.by_primitive["less"].times == 1
    assert "one is counted" in str(found)


def test_a_checkpoint_costs_what_it_holds() -> None:
    f = lambda x: np.sum(np.sin(x) * x)  # noqa: E731
    assert cost_of(ft.checkpoint(f), X)[1:3] == cost_of(f, X)[1:3]


def _network(p: Any) -> Any:
    h = np.tanh(p["w"] @ np.ones((30, 20)) + p["b"])
    return np.sum(np.logaddexp(0.0, p["v"] @ h))


PARAMS = {"w": np.ones((40, 30)), "b": np.ones((40, 1)), "v": np.ones((10, 40))}


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (_network, PARAMS),
        (lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), np.ones(50)),
        (lambda a: np.sum(np.linalg.solve(a, X)), np.eye(8) * 3.0),
        (lambda a: np.linalg.slogdet(a)[1], np.eye(8) * 3.0),
        (lambda x: ft.scan(lambda c, y: (np.tanh(c * y), None), 1.0, x)[0], np.ones(40)),
    ],
)
def test_a_gradient_costs_at_most_five_times_the_function(f: Any, x: Any) -> None:
    ratio = cost_of(ft.value_and_grad(f), x) / cost_of(f, x)
    assert 1.0 < ratio.flops <= 5.0, ratio


@pytest.mark.parametrize(("f", "x"), [(_network, PARAMS), (lambda x: np.sum(np.sin(x) * x**3), np.ones(50))])
def test_a_hessian_times_a_vector_costs_at_most_ten_times_the_function(f: Any, x: Any) -> None:
    ratio = cost_of(lambda x, v: ft.hvp(f)(x, v), x, x) / cost_of(f, x)
    assert 1.0 < ratio.flops <= 10.0, ratio


def test_costs_compare() -> None:
    small, large = cost_of(lambda a: a @ a, np.ones((10, 10))), cost_of(lambda a: a @ a, np.ones((20, 20)))
    ratio = large / small
    assert ratio == large.ratio(small)
    assert ratio.flops == 8.0
    assert ratio.written == 4.0
    assert ratio.transcendental == 1.0, "both are zero"
    assert "flops 8" in str(ratio)
    assert small == cost_of(lambda b: b @ b, np.ones((10, 10)))._replace(costliest=small.costliest)
    with pytest.raises(TypeError):
        large / 2  # type: ignore[operator]
    with pytest.raises(AttributeError):
        large.flops = 0.0  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(large)) == large


def test_the_table_shows_the_costliest_equations_with_their_lines() -> None:
    text = str(cost_of(_network, PARAMS))
    assert "48.0k" in text.splitlines()[3], text
    assert "matmul Float64[40 20]" in text.splitlines()[3]
    assert "test_cost.py:" in text.splitlines()[3]
    assert text.splitlines()[0] in repr(cost_of(_network, PARAMS))
    assert "0 operations" in str(cost_of(lambda x: x, 1.0))


def _specs(*shapes: tuple[int, ...]) -> list[ArraySpec]:
    return [ArraySpec(shape, np.float64) for shape in shapes]


@pytest.mark.parametrize("shapes", [(), ((),), ((), ()), ((0,), (0,)), ((3,), (3,)), ((2, 3, 3), (2, 3, 3)), ((4, 0),)])
def test_no_primitive_has_operands_that_cannot_be_counted(shapes: Any) -> None:
    for primitive in primitives():
        for name in (primitive.name, f"mine.{primitive.name}"):
            found = flops(name, _specs(*shapes), _specs(*shapes[:1]), {})
            assert isfinite(found)
            assert found >= 0
            assert transcendental(name, _specs(*shapes), _specs(*shapes[:1])) >= 0


@pytest.mark.parametrize("primitive", [p.name for p in primitives() if "." not in p.name])
def test_every_primitive_has_a_cost(primitive: str) -> None:
    try:
        cases = st.cases(primitive)
    except LookupError:
        pytest.skip("its operands are not drawn")

    @settings(max_examples=2, phases=[Phase.generate])
    @given(cases)
    def check(case: Any) -> None:
        found = ft.trace(case.everything)(*case.args).cost()
        assert isfinite(found.flops)
        assert min(found[:6]) >= 0
        assert str(found)

    check()


@settings(max_examples=15)
@given(st.programs())
def test_every_program_has_a_cost(program: Any) -> None:
    found = program.cost()
    assert found.operations >= len(program.equations)
    assert found.written >= found.peak >= 0 or program.equations
    assert isfinite(found.flops)


@pytest.mark.parametrize(("exponent", "hard"), [(2, 0), (0.5, 0), (-1, 0), (3, 4), (2.5, 4), (np.ones(4), 4)])
def test_powers_that_numpy_computes_without_a_logarithm_are_not_transcendental(exponent, hard):
    assert ft.trace(lambda x: x**exponent)(np.ones(4)).cost().transcendental == hard
