"""Indexing of every kind, what is written by index, and what gathers by position: values, derivatives, errors."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import functrans as ft
from functrans.errors import ShapeError, TracedAssignmentError, TracedValueError, UncoveredFunctionError
from functrans.ops.index_template import decode, encode, indexed_shape
from functrans.ops.update import at
from tests.ops.agreement import check, run_source, same_bits, same_value, stays_single

A = np.array([0.3, -1.2, 0.7, 2.0, -0.4])
B = np.sin(np.arange(1.0, 25.0)).reshape(2, 3, 4)
M = np.cos(np.arange(12.0)).reshape(3, 4)
Q = M[:, :3]
MASK = B > 0.2

INDICES = {
    "integer": 1,
    "negative": -1,
    "integers": (1, 2, -3),
    "empty tuple": (),
    "slice": slice(1, None),
    "slices": np.s_[:, ::-1, 1:3],
    "empty slice": np.s_[2:2],
    "slice beyond": np.s_[:, -9:9:2],
    "ellipsis": np.s_[..., 1],
    "none": np.s_[None, :, None, 1],
    "all basic": np.s_[0, ..., None, ::2],
    "list": [0, 1, 1],
    "array": np.array([[0, -1], [1, 1]]),
    "empty list": [],
    "list of one": [1],
    "0-d array": np.array(1),
    "numpy integer": np.int16(1),
    "numpy integers in a slice": np.s_[np.int64(0) : np.int8(1)],
    "unsigned": np.array([1, 0, 1], np.uint8),
    "two arrays": ([0, 1, 1], [2, 0, 0]),
    "two arrays broadcast": (np.array([[0], [1]]), np.array([0, 2, 2])),
    "arrays apart": np.s_[[0, 1, 1], :, [3, 0, 0]],
    "arrays apart by an ellipsis": np.s_[:, [0, 1], ..., [3, 0]],
    "arrays apart by none": np.s_[:, [0, 1], None, [3, 0]],
    "arrays together behind": np.s_[:, [0, 2], [3, 3]],
    "array and integer": np.s_[1, :, [3, 3]],
    "integer beside array": np.s_[:, 1, [3, 3]],
    "array and slice": np.s_[::-1, [0, 0, 2], 1:],
    "mask": MASK,
    "mask of some axes": MASK[:, :, 0],
    "mask behind": np.s_[:, MASK[0]],
    "mask and slice": np.s_[MASK[:, 0, 0], 1:],
    "mask and array": np.s_[np.array([True, True]), [0, 2]],
    "mask of one and list": np.s_[np.array([False, True]), [0, 0, 2]],
    "list of truths": [True, False],
    "nothing masked": np.zeros((2, 3, 4), bool),
    "true": True,
    "false": False,
    "numpy true and slice": (np.True_, slice(1)),
    "true and array": np.s_[:, True, [0, 1]],
    "ix_": np.ix_([0, 1, 0], [2, 0]),
}


@pytest.mark.parametrize("name", INDICES)
def test_every_kind_of_index(name):
    index = INDICES[name]
    check(lambda x: x[index], B)
    check(lambda x: np.sin(x[index]) * x[index], B)


@pytest.mark.parametrize("name", INDICES)
def test_dtypes(name):
    index = INDICES[name]
    stays_single(lambda x: x[index], B)
    same_value(lambda x: x[index], B + 1j * B[::-1])


def test_complex_and_scalars():
    check(lambda z: z[::-1] * z[[0, 0, 1, 1, 2]], A + 1j * A[::-1])
    check(lambda x: x[None] * x[...] * x[()], np.array(0.7))
    check(lambda x: x[True], np.array(0.7))
    check(lambda x: x[1:] * x[[]].sum(), np.zeros((1, 0)))


def of_one_array(shape):
    return st.one_of(
        hnp.basic_indices(shape, allow_ellipsis=True, allow_newaxis=True),
        hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
        if shape and 0 not in shape
        else st.just(()),
        hnp.arrays(np.bool_, shape),
        mixed(shape),
    )


@st.composite
def mixed(draw, shape):
    """Integers, slices, arrays, masks and new axes for the first and the last axes, perhaps an ellipsis between."""
    ndim, common = len(shape), draw(st.integers(1, 3))
    first = draw(st.integers(0, ndim))
    last = draw(st.integers(0, ndim - first))
    parts = [*part(draw, shape[:first], common), *draw(st.sampled_from([[], [None]]))]
    if last or draw(st.booleans()):
        parts += [Ellipsis, *part(draw, shape[ndim - last :], common)]
    return tuple(parts)


def part(draw, shape, common):
    for n in shape:
        kind = draw(st.sampled_from(["slice", "int", "scalar", "array", "column", "mask"] if n else ["slice"]))
        if draw(st.integers(0, 5)) == 0:
            yield None
        if kind == "slice":
            yield draw(st.slices(n))
        elif kind == "int":
            yield draw(st.integers(-n, n - 1))
        elif kind == "mask":
            yield np.arange(n) == draw(st.integers(0, n - 1))
        else:
            chosen = {"scalar": (), "array": (common,), "column": (2, 1)}[kind]
            yield draw(hnp.arrays(np.intp, chosen, elements=st.integers(-n, n - 1)))


@given(st.data())
def test_any_index(data):
    """Value, foretold shape, and the transpose, which counts how often each entry is taken."""
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    index = data.draw(of_one_array(shape))
    x = np.arange(1.0, 1.0 + int(np.prod(shape))).reshape(shape)
    expected = x[index]
    weights = np.cos(np.arange(expected.size)).reshape(expected.shape)
    out, pullback = ft.vjp(lambda x: x[index], x)
    same_bits(out, expected)
    template, arrays = encode(index)
    assert indexed_shape(shape, template, [ft.ArraySpec.of(a) for a in arrays]) == expected.shape
    same_bits(x[decode(template, arrays)], expected)
    counted = np.zeros(x.size)
    for place, weight in zip(np.ravel(np.arange(x.size).reshape(shape)[index]), np.ravel(weights), strict=True):
        counted[place] += weight
    same_bits(pullback(weights)[0], counted.reshape(shape))
    program = ft.trace(lambda x, w: ft.vjp(lambda x: x[index], x)[1](w)[0])(x, weights).validate()
    same_bits(ft.evaluate(program, x, weights), counted.reshape(shape))
    same_bits(run_source(program, x, weights), counted.reshape(shape))
    same_bits(ft.evaluate(pickle.loads(pickle.dumps(program)), x, weights), counted.reshape(shape))


def test_prints_as_written():
    index = np.array([2, 0])
    program = ft.trace(lambda x, i: (x[1:, i, None], x[0, ..., ::2], x[-1], x[()], x[i[0]]))(B, index[:1])
    text = str(program)
    for expected in ("x[1:, i, None]", "x[0, ..., ::2]", "x[-1]", "x[()]"):
        assert expected in text


def test_programs_are_hashable_and_picklable():
    def f(x):
        return x[1:, ::-1, None], x[..., 0], x[[0, 1]], x[MASK]

    program = ft.trace(f)(B)
    again = pickle.loads(pickle.dumps(program))
    assert again == program
    assert hash(again) == hash(program)
    same_bits(ft.evaluate(again, B), f(B))
    assert ft.trace(lambda x: x[1])(B) != ft.trace(lambda x: x[0])(B)
    assert ft.trace(lambda x: x[True])(B[:1]) != ft.trace(lambda x: x[1:])(B[:1])


def test_traced_integers_index():
    """Integers that a staged program computes choose entries when it runs."""

    def f(x, i):
        return x[i] * x[i[0]] + x[np.argsort(x)][i]

    i = np.array([4, 0, 0])
    same_bits(ft.evaluate(ft.trace(f)(A, np.array([0, 1, 2])), A, i), f(A, i))
    gradient = ft.trace(ft.grad(lambda x, i: np.sum(np.sin(f(x, i)))))(A, i).validate()
    same_bits(ft.evaluate(gradient, A, i), ft.grad(lambda x: np.sum(np.sin(f(x, i))))(A))
    same_bits(run_source(gradient, A, i), ft.grad(lambda x: np.sum(np.sin(f(x, i))))(A))
    scalar = ft.trace(lambda x, i: x[i] * x[i, None])(A, 2)
    same_bits(ft.evaluate(scalar, A, 1), A[1] * A[1, None])
    for mode, n in (("wrap", i + 7), ("clip", i * 3 - 7), ("raise", -i)):
        taken = ft.trace(lambda x, i: np.take(x, i, mode=mode))(A, i)
        same_bits(ft.evaluate(taken, A, n), np.take(A, n, mode=mode))
    same_bits(ft.evaluate(ft.trace(lambda i: at(A)[i].get())(i), i), A[i])


def test_comparisons_mask_in_live_traces():
    w = np.arange(5.0)
    same_bits(ft.grad(lambda x: np.sum(x[x > 0] ** 2))(A), np.where(A > 0, 2 * A, 0.0))
    same_bits(ft.grad(lambda x: x[np.argmax(x)] * w[np.argmax(x)])(A), np.array([0.0, 0.0, 0.0, 3.0, 0.0]))


def test_entry_not_taken_does_not_speak():
    """Indexing puts exact zeros beside other numbers; behind it a zero absorbs infinities."""
    x = np.array([0.0, 4.0])
    assert np.array_equal(ft.grad(lambda x: np.sqrt(x)[1])(x), [0.0, 0.25])
    assert np.array_equal(ft.grad(lambda x: np.sum(np.sqrt(x)[x > 1]))(x), [0.0, 0.25])
    with np.errstate(divide="ignore"):
        assert np.array_equal(ft.grad(lambda x: np.sum(np.log(x)[1:]))(x), [0.0, 0.25])


def test_iteration_and_unpacking():
    check(lambda x: sum(row * row[::-1] for row in x), M)

    def unpacked(x):
        p, q, r = x
        return p * q + r

    same_bits(ft.grad(unpacked)(A[:3]), np.array([A[1], A[0], 1.0]))
    with pytest.raises(TypeError, match="0-d"):
        ft.grad(lambda x: sum(x))(1.0)


ACCUMULATION = {
    "entries": lambda x: sum(x[i] * x[i + 1] for i in range(4)),
    "entries and whole": lambda x: sum(x[i] for i in range(5)) * np.sum(x * x) + np.sum(x),
    "entries and slices": lambda x: x[0] * x[1] + np.sum(x[1:] * x[:-1]) + x[2] * x[-1] + np.sum(x[[0, 0, 3]] ** 2),
    "rows and entries": lambda x: np.sum(x.reshape(5, 1)[1] * x[0]) + x[1],
    "parts of parts": lambda x: x[1:][1:][0] * x[1:][0] + x[2:][0],
    "of a value in the middle": lambda x: sum(y[0] * y[1] + np.sum(y) for y in [np.sin(x)]),
    "plain among traced": lambda x: 3.0 * x[0] + x[1] * x[2] + 2.0 * x[1],
}


@pytest.mark.parametrize("name", ACCUMULATION)
def test_many_parts_of_one_array(name):
    check(ACCUMULATION[name], A)
    stays_single(ACCUMULATION[name], A)


def test_cotangents_of_parts_share_one_buffer():
    """A loop over the entries allocates no array per entry: its walk back has one buffer."""
    import tracemalloc

    n = 2000
    x = np.ones(n)
    _, pullback = ft.vjp(lambda x: sum(x[i] for i in range(n)), x)
    pullback(1.0)
    tracemalloc.start()
    pullback(1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * 8 * n  # zeros for each entry would be 2000 * 8 * n, some of them at a time

    program = ft.trace(ft.grad(lambda x: sum(x[i] ** 2 for i in range(n))))(x)
    names = [equation.primitive.name for equation in program.equations]
    assert names.count("scatter") == 1
    assert "index_add" not in names


def test_first_touch_is_owned():
    """The buffer is no view of a cotangent: what a pullback was given stays as it was, and results are apart."""
    _, pullback = ft.vjp(lambda x: x[1:], A)
    ct = np.ones(4)
    first, second = pullback(ct)[0], pullback(ct)[0]
    first += 1.0
    assert np.array_equal(ct, np.ones(4))
    assert np.array_equal(second, [0.0, 1.0, 1.0, 1.0, 1.0])


UPDATES = {
    "set": lambda x: at(x * x).__getitem__((0, slice(1, 3))).set(x[1, 1:] ** 3),
    "set number": lambda x: at(x * x)[1].set(7.0),
    "set broadcast": lambda x: at(x * x)[:, [0, 2]].set(x[0, 0] ** 3),
    "set repeated": lambda x: at(x * x)[[0, 0, 1]].set(x**3),
    "set repeated broadcast": lambda x: at(x * x)[[0, 0, 1]].set(x[2] ** 3),
    "set repeated pairs": lambda x: at(x)[[0, 0, 1], [1, 1, 1]].set(x[:, 0] ** 3),
    "set mask": lambda x: at(x * x)[np.array([True, False, True])].set(np.sin(x[:2])),
    "set all": lambda x: at(x)[...].set(np.sin(x[0])),
    "set plain": lambda x: at(np.ones((2, 3)))[0].set(x[1]),
    "add": lambda x: at(x * x)[1:, ::2].add(x[:2, :2] ** 3),
    "add repeated": lambda x: at(x * x)[[0, 0, 2]].add(x**3),
    "add fewer dimensions": lambda x: at(x[0] * x[1])[np.array([[0, 2], [2, 1]])].add(x[1, :2] ** 2),
    "add broadcast": lambda x: at(x * x)[[0, 0, 2]].add(x[0, 0]),
    "subtract": lambda x: at(x * x)[..., [1, 1]].subtract(x[:, :2] ** 2),
    "multiply": lambda x: at(x * x)[1].multiply(x[2]),
    "divide": lambda x: at(x * x)[[2, 0]].divide(2 + x[:2] ** 2),
    "power": lambda x: at(x * x)[::2].power(3.0),
    "power traced": lambda x: at(2 + x)[::2].power(x[0]),
    "min": lambda x: at(x * x)[np.array([True, False, True])].min(0.5),
    "max": lambda x: at(x * x)[0].max(x[1]),
    "get": lambda x: at(x * x)[0, [1, 1]].get(),
    "apply": lambda x: at(x * x)[0].apply(np.sin),
}


@pytest.mark.parametrize("name", UPDATES)
def test_updates(name):
    check(UPDATES[name], Q)
    stays_single(UPDATES[name], Q)


def test_updates_are_assignments():
    """On plain arrays: what NumPy's assignment does to a copy, and the array itself untouched."""

    def assigned(statement, index, values):
        x = Q.copy()
        exec(statement, {"x": x, "index": index, "values": values})
        return x

    before = Q.copy()
    for index in (1, np.s_[:, 1:], [0, 2], Q > 0, np.s_[..., None, 0]):
        for values in (2.0, 3, np.float32(0.3), np.full(Q[index].shape, 0.7)):
            same_bits(at(Q)[index].set(values), assigned("x[index] = values", index, values))
            same_bits(at(Q)[index].add(values), assigned("x[index] += values", index, values))
            same_bits(at(Q)[index].subtract(values), assigned("x[index] -= values", index, values))
            same_bits(at(Q)[index].multiply(values), assigned("x[index] *= values", index, values))
            same_bits(at(Q)[index].divide(values), assigned("x[index] /= values", index, values))
    same_bits(at(np.arange(4))[1:].set(7.9), np.array([0, 7, 7, 7]))
    same_bits(at([1, 2, 3])[0].add(1), np.array([2, 2, 3]))
    same_bits(at([1.0, 2.0])[[0, 0]].set([5, 6]), np.array([6.0, 2.0]))
    same_bits(Q, before)


def test_update_of_a_tracer():
    same_bits(ft.grad(lambda x: np.sum(x.at[0].set(5.0) * x))(A), np.array([5.0, *(2 * A[1:])]))
    assert ft.grad(lambda x: x.at[...].add(2 * x))(1.0) == 3.0
    assert "at(" in repr(at(A))


def test_staged_mask_in_an_update():
    def f(x):
        return x.at[x > 0].set(0.5) + x.at[x < 0].add(x[0]) + x.at[x > 1].multiply(x[1]) + x.at[x > 0.5].get().sum()

    def g(x):
        return x.at[x > 0].set(0.5) + x.at[x < 0].add(x[0]) + x.at[x > 1].multiply(x[1])

    same_bits(ft.evaluate(ft.trace(g)(A), A), ft.vjp(g, A)[0])
    rows = ft.trace(lambda x: x.at[np.sum(x, axis=1) > 0].set(x[0, 0]))(M)
    same_bits(ft.evaluate(rows, M), at(M)[np.sum(M, axis=1) > 0].set(M[0, 0]))
    with pytest.raises(TracedValueError, match="depends on the values of the mask"):
        ft.trace(f)(A)
    with pytest.raises(TracedValueError, match="several values"):
        ft.trace(lambda x: x.at[x > 0].set(x[:3]))(A)
    with pytest.raises(IndexError, match="mask has the shape"):
        ft.trace(lambda x: x.at[x[:2] > 0].set(0.0))(A)


GATHERS = {
    "take": (lambda x: np.take(x, [[0, -1], [2, 2]], axis=1), B),
    "take flat": (lambda x: np.take(x, [3, 3, 20]), B),
    "take one": (lambda x: np.take(x, 2, axis=-1), B),
    "take none": (lambda x: np.take(x, []), B),
    "take wrap": (lambda x: np.take(x, [-7, 9], axis=0, mode="wrap"), B),
    "take clip": (lambda x: np.take(x, np.array([-7, 9]), 2, mode="clip"), B),
    "take method": (lambda x: x.take([1, 1], axis=0, mode="raise"), B),
    "take scalar": (lambda x: np.take(x, [0, 0, 0]), np.array(1.5)),
    "take scalar axis": (lambda x: np.take(x, [0, 0, 0], axis=0), np.array(1.5)),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.argsort(np.cos(B * 9), axis=1), 1), B),
    "take_along_axis default": (lambda x: np.take_along_axis(x, np.array([[[0, 0, -1]]])), B),
    "take_along_axis broadcast": (lambda x: np.take_along_axis(x, np.array([[[1]]]), axis=0), B),
    "take_along_axis stretch": (lambda x: np.take_along_axis(x[:, :1], np.zeros((1, 5, 4), int), 0), B),
    "take_along_axis flat": (lambda x: np.take_along_axis(x, np.array([3, 3, 20]), axis=None), B),
    "compress": (lambda x: np.compress([True, False, True], x, axis=2), B),
    "compress flat": (lambda x: np.compress([0, 2, 0, -1], x), B),
    "compress method": (lambda x: x.compress([False, True], axis=-2), B),
    "compress beyond": (lambda x: np.compress([True, True, False, False], x, axis=0), B),
    "extract": (lambda x: np.extract(MASK, x), B),
    "extract numbers": (lambda x: np.extract(np.arange(24) % 3, x), B),
    "choose": (lambda x: np.choose([0, 2, 1, 0], [x, np.sin(x), 3.0]), B),
    "choose wrap": (lambda x: np.choose(np.array([0, 2, -1, 7]), [x, np.sin(x), x[0]], mode="wrap"), B),
    "choose clip": (lambda x: np.choose(np.array([0, 2, -1, 7]), [x, np.sin(x), x[0]], mode="clip"), B),
    "choose of an array": (lambda x: np.choose(np.array([[0], [1], [1]]), x), B),
    "choose broadcast": (lambda x: np.choose(np.array([[0], [1], [1]]), [x[0, 0], x]), B),
    "choose one": (lambda x: np.choose(1, [x, x * x]), np.array(1.5)),
    "select": (lambda x: np.select([np.arange(4) < 2, np.arange(3)[:, None] > 1], [x * x, np.sin(x)], 7.0), B),
    "select default": (lambda x: np.select([x > 0, x > -0.5], [x * x, np.sin(x)], default=x[0, 0, 0]), B),
    "select numbers": (lambda x: np.select([x > 0, x > -0.5], [1, x]), B),
    "delete": (lambda x: np.delete(x, [0, -1], 1), B),
    "delete one": (lambda x: np.delete(x, 1, axis=-1), B),
    "delete slice": (lambda x: np.delete(x, slice(1, 3), 2), B),
    "delete mask": (lambda x: np.delete(x, np.array([True, False, True]), 1), B),
    "delete flat": (lambda x: np.delete(x, 7), B),
    "insert": (lambda x: np.insert(x, 1, x[:, 0] * x[:, 1], axis=1), B),
    "insert several": (lambda x: np.insert(x, [1, 1, 3], x[0, 0, 0] ** 2, axis=2), B),
    "insert list of one": (lambda x: np.insert(x, [1], x[:, :, :2] ** 2, axis=2), B),
    "insert block": (lambda x: np.insert(x, 0, x[0] * x[1], 0), B),
    "insert flat": (lambda x: np.insert(x, slice(0, 4, 2), [1.0, 2.0]), B),
    "insert flat several values": (lambda x: np.insert(x, 2, x[0, 0]), B),
    "insert mask": (lambda x: np.insert(x, np.array([True, False, True]), 5.0, axis=1), B),
    "insert integers": (lambda x: np.insert(x, -1, 5, axis=0), B),
    "diagonal": (lambda x: np.diagonal(x), B),
    "diagonal offset": (lambda x: np.diagonal(x, 1, 0, 2), B),
    "diagonal below": (lambda x: np.diagonal(x, offset=-1, axis1=2, axis2=1), B),
    "diagonal beyond": (lambda x: x.diagonal(9), B),
    "diagonal square": (lambda x: np.diagonal(x, -1), Q),
    "diagonal square turned": (lambda x: np.diagonal(x, -1, 1, 0), Q),
    "linalg.diagonal": (lambda x: np.linalg.diagonal(x, offset=-1), B),
    "diag": (lambda x: np.diag(x, -2), A),
    "diag of a matrix": (lambda x: np.diag(x, 1), M),
    "diag of a square": (lambda x: np.diag(x), Q),
    "diagflat": (lambda x: np.diagflat(x, 1), M),
    "trace": (lambda x: np.trace(x, 1, 2, 0), B),
    "trace method": (lambda x: x.trace(offset=-1), M),
    "trace dtype": (lambda x: np.trace(x, dtype=np.float32).astype(float), Q.astype(np.float32).astype(float)),
    "linalg.trace": (lambda x: np.linalg.trace(x, offset=1), B),
    "tril": (lambda x: np.tril(x, -1), B),
    "triu": (lambda x: np.triu(x, k=1), B),
    "tril of a vector": (lambda x: np.tril(x), A),
}


if np.lib.NumpyVersion(np.__version__) < "2.3.0":
    # No default axis yet, and a mask is still counted as integers.
    del GATHERS["take_along_axis default"], GATHERS["insert mask"]


@pytest.mark.parametrize("name", GATHERS)
def test_gathers(name):
    f, x = GATHERS[name]
    if name == "trace dtype":
        same_value(f, x)
        return
    check(f, x)
    stays_single(f, x)


@pytest.mark.parametrize("name", ["take", "take_along_axis", "choose", "diagonal", "diag", "tril", "extract"])
def test_gathers_of_complex(name):
    f, x = GATHERS[name]
    check(lambda z: f(z * z), x + 1j * x[::-1])


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_gathers_of_nothing(shape):
    x = np.zeros(shape)
    check(lambda x: np.take(x, [], axis=-1), x)
    check(lambda x: np.extract(np.zeros(shape, bool), x), x)
    check(lambda x: np.tril(x), x)
    check(lambda x: np.diag(x), x)
    check(lambda x: at(x)[...].set(3.0), x)


def test_trim_zeros():
    x = np.array([0.0, 0.0, 1.5, 0.0, 2.0, 0.0])
    for trim in ("fb", "f", "b"):
        same_bits(ft.vjp(lambda x: np.trim_zeros(x, trim), x)[0], np.trim_zeros(x, trim))
    same_bits(ft.vjp(np.trim_zeros, 0 * x)[0], np.trim_zeros(0 * x))
    assert np.array_equal(ft.grad(lambda x: np.sum(np.trim_zeros(x) ** 2))(x), 2 * x)


def test_select_promotes_all_together():
    x = np.ones(2, np.float32)
    for values in ([1.0, x], [x, 2], [x, np.float64(2)], [1, 2.5]):
        same_value(lambda x: np.select([x > 0, x > 1], [v * 1 if v is not x else x for v in values], 3), x)


ERRORS = {
    "beyond": (lambda x: x[9], IndexError, "out of bounds"),
    "below": (lambda x: x[0, -9], IndexError, "out of bounds"),
    "too many": (lambda x: x[0, 0, 0, 0], IndexError, "too many indices"),
    "too many with arrays": (lambda x: x[0, 0, [0], 0], IndexError, "too many indices"),
    "two ellipses": (lambda x: x[..., ...], IndexError, "ellipsis"),
    "float": (lambda x: x[1.0], IndexError, "only integers"),
    "floats": (lambda x: x[[0.0, 1.0]], IndexError, "only integers|must be of integer"),
    "text": (lambda x: x["a"], IndexError, "only integers"),
    "mask too short": (lambda x: x[np.array([True])], IndexError, "boolean index did not match"),
    "arrays which do not broadcast": (lambda x: x[[0, 1], [0, 1, 2]], IndexError, "broadcast"),
    "integer beside array": (lambda x: x[[0, 1], 7], IndexError, "out of bounds"),
    "slice of a float": (lambda x: x[1.0:], TypeError, "integer"),
    "take": (lambda x: np.take(x, 9, axis=0), IndexError, "out of bounds"),
    "take mode": (lambda x: np.take(x, 9, axis=0, mode="bend"), ValueError, "clipmode"),
    "take axis": (lambda x: np.take(x, 0, axis=3), np.exceptions.AxisError, "axis 3"),
    "take_along_axis floats": (lambda x: np.take_along_axis(x, x, 0), IndexError, "integer"),
    "take_along_axis dimensions": (lambda x: np.take_along_axis(x, np.array([0]), 0), ValueError, "same number"),
    "compress": (lambda x: np.compress([True] * 3, x, axis=0), IndexError, "out of bounds"),
    "compress matrix": (lambda x: np.compress([[True]], x), ValueError, "1-d"),
    "diagonal": (lambda x: np.diagonal(x[0, 0]), ValueError, "two dimensions"),
    "diagonal axes": (lambda x: np.diagonal(x, axis1=1, axis2=-2), ValueError, "cannot be the same"),
    "select": (lambda x: np.select([], []), ValueError, "empty"),
    "select lengths": (lambda x: np.select([x > 0], [x, x]), ValueError, "same length"),
    "select numbers": (lambda x: np.select([x.shape[0]], [x]), TypeError, "boolean"),
    "diag": (lambda x: np.diag(x), ValueError, "np.diag|Input must be 1- or 2-d"),
    "delete": (lambda x: np.delete(x, 5, axis=0), IndexError, "out of bounds"),
    "insert": (lambda x: np.insert(x, 5, x[0], axis=0), IndexError, "out of bounds"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_numpys(name):
    f, kind, message = ERRORS[name]
    if not name.startswith("select"):
        with pytest.raises(kind):
            f(B)
    with pytest.raises(kind, match=message):
        ft.vjp(f, B)


@pytest.mark.parametrize("name", ERRORS)
def test_errors_while_staged(name):
    f, kind, message = ERRORS[name]
    with pytest.raises(kind, match=message):
        ft.trace(f)(B)


def test_choose_refuses_what_is_no_choice():
    with pytest.raises(ValueError, match="invalid entry"):
        ft.vjp(lambda x: np.choose([0, 3], [x, x]), A[:2])
    with pytest.raises(ValueError, match="clipmode"):
        ft.vjp(lambda x: np.choose([0, 3], [x, x], mode="bend"), A[:2])


def test_traced_number_is_no_index():
    with pytest.raises(TracedValueError, match="used as an index"):
        ft.grad(lambda x: np.sum(np.take(x, x)))(A)
    with pytest.raises(TracedValueError, match="used as an index"):
        ft.grad(lambda x: x[x[0]])(A)
    with pytest.raises(TracedValueError, match="an index"):
        ft.grad(lambda x: np.sum(x[: x[0]]))(A)


def test_staged_mask_has_no_shape():
    with pytest.raises(TracedValueError, match=r"np\.where\(mask, x, 0\)"):
        ft.trace(lambda x: x[x > 0])(A)
    with pytest.raises(TracedValueError, match="depends on values"):
        ft.trace(lambda x: np.compress(x > 0, x))(A)


def test_update_errors():
    with pytest.raises(UncoveredFunctionError, match="twice"):
        ft.grad(lambda x: np.sum(x.at[[0, 0]].multiply(2.0)))(A)
    with pytest.raises(UncoveredFunctionError, match="twice"):
        ft.trace(lambda x, i: x.at[i].max(2.0))(A, np.array([0, 1]))
    with pytest.raises(TracedValueError, match="lose its derivative"):
        ft.grad(lambda x: np.sum(at(np.arange(3))[0].set(x)))(1.0)
    with pytest.raises(TracedValueError, match="lose its derivative"):
        ft.grad(lambda x: np.sum(at(A)[0].set(x * 1j)))(1.0)
    with pytest.raises(TypeError, match="complex"):
        at(A)[0].set(1j)
    with pytest.raises((ShapeError, ValueError), match=r"fit|broadcast"):
        ft.grad(lambda x: np.sum(x.at[:2].set(np.ones(3))))(A)
    with pytest.raises(ShapeError, match="do not fit"):
        ft.trace(lambda x: x.at[:2].add(np.ones(3)))(A)
    with pytest.raises(IndexError):
        ft.grad(lambda x: np.sum(x.at[9].set(0.0)))(A)
    with pytest.raises(TracedAssignmentError, match="at"):
        ft.grad(lambda x: x.__setitem__(0, 1.0))(A)


def test_choose_is_a_method_of_the_indices():
    indices, x = np.array([2, 0, 1]), np.array([0.5, 1.5, -2.5])
    f = lambda i, x: i.choose([x * x, 3.0 * x, np.sin(x)])  # noqa: E731
    program = ft.trace(f)(indices, x).validate()
    same_bits(ft.evaluate(program, indices, x), f(indices, x))
    same_bits(run_source(program, indices, x), f(indices, x))
    gradient = ft.trace(lambda i, x: ft.grad(lambda x: np.sum(f(i, x)))(x))(indices, x)
    np.testing.assert_array_equal(ft.evaluate(gradient, indices, x), [np.cos(0.5), 3.0, 3.0])
