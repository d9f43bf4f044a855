"""Patterns against the non-zeros of dense derivatives: none is missing anywhere; in structured cases they are equal."""

from __future__ import annotations

import sys
from importlib import import_module

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, reject, settings

import functrans as ft
import functrans.scipy
from functrans.errors import FunctransError, ProgramError
from functrans.ir import Program
from functrans.primitives import Constant, Joint, primitives
from functrans.sparse.patterns import Walk, hessian_pattern, jacobian_pattern
from functrans.testing import strategies as st
from functrans.testing.strategies.operands import has_operands
from functrans.testing.strategies.spread import spread

for _module in functrans.scipy.SUBMODULES:
    import_module(f"functrans.scipy.{_module}")

RNG = np.random.default_rng(0)


def point(n):
    return RNG.uniform(0.5, 2.0, n)


def jacobian(f, *args):
    pattern = jacobian_pattern(ft.trace(f)(*args), [True] * len(args))
    return pattern.matrix.toarray(), pattern.dense


def hessian(f, x):
    pattern = hessian_pattern(ft.trace(f)(x), [True])
    return pattern.matrix.toarray(), pattern.dense


def non_zeros(f, x, count=4):
    """Where the dense Jacobian is not zero, at any of some points."""
    rows = [np.asarray(ft.jacobian(f)(point(np.shape(x)))).reshape(-1, np.size(x)) for _ in range(count)]
    return np.any([row != 0 for row in rows], axis=0)


def kept_index(x):
    return x[np.array([0, 0, 3, 5])]


SPARSE = np.eye(6) - 2.0 * np.eye(6, k=1) + np.eye(6, k=-3)
MASK = np.array([True, False, True, True, False, False])


EXACT = {
    "elementwise": lambda x: np.tanh(x) * x + 1.0,
    "stencil": lambda x: x[2:] - 2.0 * x[1:-1] + x[:-2],
    "five points": lambda x: np.roll(x.reshape(2, 3), 1, 0) + x.reshape(2, 3) ** 2 + np.roll(x.reshape(2, 3), 1, 1),
    "diff": lambda x: np.diff(x, 2),
    "reversed": lambda x: x[::-1] * np.sin(x),
    "gather": kept_index,
    "mask": lambda x: x[MASK] ** 2,
    "known where": lambda x: np.where(MASK, np.sin(x), x[0]),
    "known zeros": lambda x: x * MASK,
    "constant": lambda x: np.floor(x) + ft.stop_gradient(x),
    "arrow": lambda x: np.concatenate([x[:1] * np.sum(x), x[1:] * x[0]]),
    "stack": lambda x: np.stack([x[:3], x[3:] * x[:3]], axis=1),
    "pad": lambda x: np.pad(x, 2),
    "wrap": lambda x: np.pad(x, 1, mode="wrap") * 2.0,
    "take": lambda x: np.take(x.reshape(3, 2), [1, 1, 0], axis=0),
    "take along": lambda x: np.take_along_axis(x.reshape(2, 3), np.array([[2, 0], [1, 1]]), 1),
    "tril": lambda x: np.tril(x.reshape(2, 3)),
    "diag": np.diag,
    "diagonal": lambda x: np.diagonal(x.reshape(2, 3), 1),
    "repeat": lambda x: np.repeat(x, 2) * np.tile(x, 2),
    "split": lambda x: np.split(x, 3)[1],
    "sum": lambda x: np.sum(x.reshape(2, 3), axis=0),
    "mean": lambda x: np.mean(x.reshape(2, 3) ** 2, axis=1, keepdims=True),
    "cumsum": np.cumsum,
    "prod": lambda x: np.prod(x.reshape(3, 2), axis=1),
    "cumprod": np.cumprod,
    "norm": lambda x: np.linalg.norm(x.reshape(3, 2), axis=1),
    "var": lambda x: np.var(x.reshape(2, 3), axis=1),
    "sparse matrix": lambda x: SPARSE @ x,
    "rows of a sparse matrix": lambda x: x.reshape(3, 2) @ SPARSE[:2],
    "matrices": lambda x: SPARSE[:3, :3] @ np.exp(x.reshape(3, 2)),
    "dot": lambda x: np.dot(SPARSE, np.sin(x)),
    "einsum": lambda x: np.einsum("ij,j->i", SPARSE, x),
    "trace": lambda x: np.einsum("ii->i", x[:4].reshape(2, 2)),
    "tensordot": lambda x: np.tensordot(SPARSE[:3, :2], x.reshape(3, 2), axes=((1,), (1,))),
    "outer": lambda x: np.outer(x[:2], x[3:]),
    "kron": lambda x: np.kron(x.reshape(2, 3), np.array([[1.0, 0.0]])),
    "product of both": lambda x: x.reshape(3, 2) @ x.reshape(2, 3),
    "matvec": lambda x: x[:4].reshape(2, 2) @ x[4:],
    "convolve": lambda x: np.convolve(x, [1.0, 0.0, 2.0], "same"),
    "long convolve": lambda x: np.convolve([1.0, 0.0, 2.0, 1.0, 1.0, 0.0, 3.0], x, "same"),
    "correlate": lambda x: np.correlate(x, [1.0, 0.0, 0.0, 2.0], "full"),
    "det": lambda x: np.linalg.det(np.stack([x[:4].reshape(2, 2), x[2:].reshape(2, 2)])),
    "solve": lambda x: np.linalg.solve(x[:4].reshape(2, 2) + 5.0 * np.eye(2), x[4:]),
    "compiled": ft.jit(lambda x: x[1:] * x[:-1]),
    "checkpoint": ft.checkpoint(lambda x: x[1:] * x[:-1]),
    "scan": lambda x: ft.scan(lambda c, a: (c + a, c * a), x[0], x[1:])[1],
    "unused": lambda x: (np.sum(x), x[:2])[1],
    "nothing": lambda x: np.ones(3) * np.sign(x[:3]),
}


@pytest.mark.parametrize("f", EXACT.values(), ids=EXACT)
def test_structured_jacobians_are_exact(f):
    found, dense = jacobian(f, point(6))
    assert np.array_equal(found, non_zeros(f, point(6)))
    assert list(dense) == (["solve"] if f is EXACT["solve"] else [])  # all of the solution depends on all of it


UNITED = {
    "where": (lambda x: np.where(x > 1.0, x, np.sin(x[::-1])), lambda x: x + x[::-1]),
    "maximum": (lambda x: np.maximum(x, x[0]), lambda x: x + x[0]),
    "cond": (lambda x: ft.cond(x[0] > 1.0, lambda: x, lambda: x[::-1] * 2.0), lambda x: x + x[::-1]),
    "sort": (
        lambda x: np.sort(x.reshape(2, 3), axis=1),
        lambda x: x.reshape(2, 3) + np.sum(x.reshape(2, 3), 1)[:, None],
    ),
    "max": (lambda x: np.max(x.reshape(2, 3), axis=0), lambda x: np.sum(x.reshape(2, 3), axis=0)),
    "argmax": (lambda x: x.reshape(2, 3)[:, np.argmax(x[:3])], lambda x: np.sum(x.reshape(2, 3), axis=1)),
    "while": (
        lambda x: (
            ft.while_loop(lambda c: np.sum(c) < 9.0, lambda c: c + np.roll(c[0], 0) * 0.5, x)
            if hasattr(ft, "while_loop")
            else x + x[0]
        ),
        lambda x: x + x[0],
    ),
}


@pytest.mark.parametrize(("f", "g"), UNITED.values(), ids=UNITED)
def test_what_depends_on_values_is_united(f, g):
    assert np.array_equal(jacobian(f, point(6))[0], non_zeros(g, point(6)))


def test_integers_and_fixed_inputs_carry_nothing():
    program = ft.trace(lambda x, y, i: (x * y, (x > 1.0).astype(int) * i, y[i]))(point(3), point(3), 1)
    pattern = jacobian_pattern(program, [True, False, False]).matrix.toarray()
    assert np.array_equal(pattern, np.vstack([np.eye(3, dtype=bool), np.zeros((1, 3), bool)]))
    both = jacobian_pattern(program, [True, True, False]).matrix.toarray()
    assert np.array_equal(both[-1], [False] * 3 + [True] * 3)


def test_an_unknown_index_may_pick_what_lies_along_its_axis():
    program = ft.trace(lambda x, i: x[:, i])(point((2, 3)), np.array([0, 1]))
    pattern = jacobian_pattern(program, [True, False])
    assert np.array_equal(pattern.matrix.toarray(), np.kron(np.eye(2), np.ones((2, 3))) > 0)


def test_what_is_taken_for_dense_is_named_with_its_line():
    found, dense = jacobian(lambda x: ft.odeint(lambda y, t: -y, x, np.array([0.0, 1.0])), point(2))
    assert found.all()
    assert "odeint" in dense
    assert "test_patterns.py" in str(dense["odeint"])


def test_long_loops_are_walked_until_nothing_changes():
    def f(x):
        return ft.scan(lambda c, a: (np.roll(c, 1), c[0] * a), x[:3], np.ones(5000))[0]

    found, dense = jacobian(f, point(6))
    assert np.array_equal(found, np.array([[1, 1, 1, 0, 0, 0]] * 3) > 0)
    assert "scan" in dense


HESSIANS = {
    "linear": lambda x: np.sum(x * np.arange(6.0)) + x[0],
    "squares": lambda x: np.sum(x**2),
    "tridiagonal": lambda x: np.sum(np.sin(x[1:] * x[:-1])),
    "off the diagonal": lambda x: np.sum(x[1:] * x[:-1]),
    "rosenbrock": lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2),
    "arrow": lambda x: x[0] * np.sum(x[1:] ** 2),
    "quotient": lambda x: np.sum(x[1:3] / x[3:5]),
    "pieces": lambda x: np.sum(np.maximum(x, 1.0)) + np.max(x) + np.sum(np.abs(x - 1.0)) + np.sum(x[:1] ** 2),
    "quadratic form": lambda x: x @ (SPARSE @ x),
    "bilinear": lambda x: np.sum(x.reshape(3, 2) @ x[:4].reshape(2, 2)),
    "least squares": lambda x: np.sum((SPARSE @ x - 1.0) ** 2),
    "no product": lambda x: np.sum(np.where(MASK, x, 2.0 * x[::-1])),
    "einsum": lambda x: np.einsum("i,i,i->", x[:2], x[2:4], x[4:]),
    "compiled": lambda x: np.sum(ft.jit(lambda y: y[1:] * y[:-1])(x)),
    "scan": lambda x: ft.scan(lambda c, a: (c + a[0] * a[1], None), 0.0, x.reshape(3, 2))[0],
}


@pytest.mark.parametrize("f", HESSIANS.values(), ids=HESSIANS)
def test_structured_hessians_are_exact(f):
    found, _ = hessian(f, point(6))
    assert np.array_equal(found, non_zeros(ft.grad(f), point(6)))


HELD = {
    "carry": lambda x: ft.scan(lambda c, a: (c * a + np.roll(c, 1), c[0] * a), x[:3], x[3:])[1],
    "reverse": lambda x: ft.scan(lambda c, a: (c, c[:2] * a), x[:3], x[3:], reverse=True)[1],
    "counter": lambda x: ft.scan(lambda c, a: (c + 1, x[c] * a), 0, x[:3])[1],
    "backwards": ft.grad(lambda x: np.sum(ft.scan(lambda c, a: (c * a, c[:2] * a), x[:3], x[3:])[1])),
    "while": lambda x: ft.while_loop(lambda c: np.sum(c) < 50.0, lambda c: c * c[::-1] + c, x),
    "while backwards": ft.grad(
        lambda x: np.sum(ft.while_loop(lambda c: np.sum(c) < 50.0, lambda c: c * c[::-1] + c, x))
    ),
    "whiles": ft.vmap(lambda x: ft.while_loop(lambda c: np.sum(c) < 50.0, lambda c: c * c[::-1] + c, x)),
    "cond": ft.grad(lambda x: np.sum(ft.cond(x[0] > 1.0, lambda: x[:3] * x[3:], lambda: x[:3] ** 3))),
    "checkpoint": ft.grad(ft.checkpoint(lambda x: np.sum(np.sin(x[1:] * x[:-1])))),
    "compiled": ft.grad(ft.jit(lambda x: np.sum(np.sin(x[1:] * x[:-1])))),
    "solve": lambda x: ft.jvp(lambda y: np.linalg.solve(np.diag(y), y), (x,), (np.ones(6),))[1],
}


@pytest.mark.parametrize("unrolled", [3000, 0])
@pytest.mark.parametrize("f", HELD.values(), ids=HELD)
def test_programs_that_equations_hold_miss_nothing(monkeypatch, f, unrolled):
    monkeypatch.setattr(sys.modules[Walk.__module__], "_UNROLLED", unrolled)

    def g(x):
        return np.ravel(f(x.reshape(2, 3) if f is HELD["whiles"] else x))

    x = point(6)
    assert np.all(jacobian(g, x)[0] >= non_zeros(g, x))
    assert np.all(hessian(lambda x: np.sum(g(x) ** 2), x)[0] >= non_zeros(ft.grad(lambda x: np.sum(g(x) ** 2)), x))


def test_a_hessian_is_that_of_one_number():
    with pytest.raises(ProgramError, match="one number"):
        hessian_pattern(ft.trace(lambda x: x)(point(3)), [True])


def test_many_rows_that_are_alike_are_no_work():
    found, _ = hessian(lambda x: np.sum(np.tanh(np.ones((1500, 1500)) @ x) ** 2), np.ones(1500))
    assert found.all()


def test_what_is_not_sparse_is_refused_before_memory_is_asked_for():
    x = np.ones(100_000)
    with pytest.raises(ft.errors.DerivativeError, match="not sparse"):
        jacobian_pattern(ft.trace(lambda x: x * np.sum(x))(x), [True])
    with pytest.raises(ft.errors.DerivativeError, match="not sparse"):
        hessian_pattern(ft.trace(np.linalg.norm)(x), [True])


@ft.custom_jvp
def rounded(x):
    return np.floor(x)


rounded.defjvp(lambda primals, tangents: (np.floor(primals[0]), tangents[0] * primals[0][::-1]))


def test_rules_of_users_own_say_what_is_read():
    found, dense = jacobian(lambda x: rounded(x), point(4))
    assert np.array_equal(found, np.eye(4) > 0)
    assert not dense
    second, _ = hessian(lambda x: np.sum(rounded(x)), point(4))
    assert np.all(second >= np.eye(4)[::-1])


def test_large_stencils_stay_sparse():
    n = 100_000
    f = lambda x: (x[2:] - 2.0 * x[1:-1] + x[:-2]) * np.exp(x[1:-1])  # noqa: E731
    x = np.ones(n)
    assert jacobian_pattern(ft.trace(f)(x), [True]).matrix.nnz == 3 * (n - 2)
    pattern = hessian_pattern(ft.trace(lambda x: np.sum(f(x) ** 2))(x), [True]).matrix
    assert isinstance(pattern, scipy.sparse.csr_array)
    assert pattern.dtype == bool
    assert pattern.nnz == n + 2 * (n - 1) + 2 * (n - 2)


# Never an entry missed.


def flattened(leaves):
    return np.concatenate([np.ravel(x) for x in leaves]) if leaves else np.zeros(0)


def numeric_jacobian(case):
    """Where the derivative of a case has non-zeros: column by column, in forward mode."""
    columns = []
    point = case.point
    for i, x in enumerate(point):
        for k in range(np.size(x)):
            for unit in (1.0, 1j) if np.iscomplexobj(x) else (1.0,):
                tangents = [np.zeros(np.shape(p), np.asarray(p).dtype) for p in point]
                tangents[i].reshape(-1)[k] = unit
                given = [t if isinstance(p, np.ndarray) else t[()] for t, p in zip(tangents, point, strict=True)]
                given = [type(p)(t) if type(p) in (float, complex) else t for t, p in zip(given, point, strict=True)]
                out = ft.jvp(case.f, point, tuple(given))[1]
                leaves = [o for o in (out if isinstance(out, tuple) else (out,)) if np.asarray(o).dtype.kind in "fc"]
                columns.append(((i, k), flattened(leaves)))
    return columns


def check_contained(case, most=24):
    if sum(np.size(x) for x in case.point) > most or not case.moving:
        return False
    try:
        program = ft.trace(case.everything)(*case.args)
        with np.errstate(all="ignore"):
            columns = numeric_jacobian(case)
    except FunctransError:
        return False
    moving = [i in case.moving for i in range(len(case.args))]
    if len(program.inputs) != len(moving):
        return False
    pattern = jacobian_pattern(program, moving).matrix.toarray()
    number = {}
    for key, _ in columns:
        number.setdefault(key, len(number))
    for key, column in columns:
        missing = (column != 0) & ~np.isnan(column) & ~pattern[:, number[key]]
        assert not np.any(missing), (case, key, np.flatnonzero(missing))
    return True


def counts(primitive):
    return 1 if primitive.name.startswith("scipy.") else 5


def check_second(case, most=8):
    """That no second derivative of a sum of what a case gives is outside of the pattern."""
    point = case.point
    if not 0 < sum(np.size(x) for x in point) <= most or any(np.asarray(x).dtype != np.float64 for x in point):
        return False

    def f(*args):
        out = case.everything(*args)
        outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.dtype.kind == "f"]
        return sum(np.sum(o * np.random.default_rng(0).uniform(1.0, 2.0, o.shape)) for o in outs)

    try:
        program = ft.trace(f)(*case.args)
        with np.errstate(all="ignore"):
            blocks = ft.hessian(f, argnums=tuple(case.moving))(*case.args)
    except (FunctransError, AttributeError):
        return False
    pattern = hessian_pattern(program, [i in case.moving for i in range(len(case.args))]).matrix.toarray()
    sizes = [np.size(x) for x in point]
    numeric = np.block(
        [[np.reshape(b, (m, n)) for b, n in zip(row, sizes, strict=True)] for row, m in zip(blocks, sizes, strict=True)]
    )
    noise = 1e-12 * max(1.0, np.nanmax(np.abs(numeric), initial=0.0))
    assert np.array_equal(pattern, pattern.T)
    assert not np.any((np.abs(numeric) > noise) & ~pattern), case
    return True


DECLARED = [p for p in primitives() if has_operands(p)]


@pytest.mark.parametrize("primitive", DECLARED, ids=lambda p: p.name)
def test_the_pattern_of_every_primitive_contains_its_derivative(primitive):
    checked = [check_contained(case, 16) for case in spread(primitive, counts(primitive))]
    assert any(checked) or primitive.name.startswith("scipy.") or isinstance(primitive.derivative, Constant)
    for case in spread(primitive, counts(primitive) // 2):
        check_second(case)


@settings(max_examples=100)
@given(st.program_cases(max_equations=10, differentiable=True))
def test_patterns_contain_the_derivatives_of_random_programs(case):
    if not check_contained(case):
        reject()


@settings(max_examples=60)
@given(st.program_cases(max_equations=8, differentiable=True))
def test_patterns_contain_the_second_derivatives_of_random_programs(case):
    outs = [atom for atom in case.program.outputs if atom.spec.dtype.kind == "f"]
    real = all(np.asarray(x).dtype.kind == "f" for x in case.point)
    if not outs or not case.moving or not real or sum(np.size(x) for x in case.point) > 12:
        reject()
    program = Program(case.program.inputs, case.program.equations, outs[:1])

    def f(*args):
        return np.sum(ft.evaluate(program, *args))

    scalar = ft.trace(f)(*case.args)
    moving = [i in case.moving for i in range(len(case.args))]
    pattern = hessian_pattern(scalar, moving).matrix.toarray()
    with np.errstate(all="ignore"):
        try:
            blocks = ft.hessian(f, argnums=tuple(case.moving))(*case.args)
        except FunctransError:
            reject()
    sizes = [np.size(x) for x in case.point]
    numeric = np.block(
        [[np.reshape(b, (m, n)) for b, n in zip(row, sizes, strict=True)] for row, m in zip(blocks, sizes, strict=True)]
    )
    assert np.array_equal(pattern, pattern.T)
    assert not np.any((numeric != 0) & ~np.isnan(numeric) & ~pattern)


def test_every_kind_of_primitive_is_looked_at():
    assert len(DECLARED) > 200
    assert any(isinstance(p.derivative, Joint) for p in DECLARED)


@pytest.mark.parametrize(
    ("f", "name"),
    [(np.sort, "sort"), (np.linalg.inv, "inv"), (lambda x: np.max(x, axis=0), None), (np.cumprod, None)],
)
def test_what_mixes_entries_along_an_axis_is_named_too(f, name):
    _, dense = jacobian(f, np.eye(3) + 0.1 if name == "inv" else point((3,)))
    assert list(dense) == ([] if name is None else [name])
