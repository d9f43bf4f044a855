"""``np.pad``: every mode with every keyword; margins longer than the array; values that are traced."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
from functrans.errors import TracedValueError, UncoveredFunctionError
from functrans.tracing.dispatch import FUNCTIONS
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

R = np.array([0.5, -0.25, 2.0, 1.5])
A = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.5]])
C = np.sin(np.arange(24.0)).reshape(2, 3, 4)
V = np.array([[0.5, 1.5], [-2.0, 3.0]])
S = np.array(0.75)

CASES = {
    "constant": (lambda x: np.pad(x, 2), R),
    "constant value": (lambda x: np.pad(x, ((1, 2), (0, 3)), constant_values=4.5), A),
    "constant pair": (lambda x: np.pad(x, ((1, 2), (2, 1)), constant_values=(1.0, 2.0)), A),
    "constant pairs": (lambda x: np.pad(x, 1, mode="constant", constant_values=((1, 2), (3, 4))), A),
    "constant zero-d": (lambda x: np.pad(x, 1), S),
    "constant empty": (lambda x: np.pad(x[:0], 2), R),
    "constant no width": (lambda x: np.pad(x, 0), A),
    "constant int width": (lambda x: np.pad(x, np.int64(2)), A),
    "constant list": (lambda x: np.pad(x, [1, 2]), A),
    "traced value": (lambda x, s: np.pad(x, (2, 1), constant_values=s), R, S),
    "traced pair": (lambda x, v: np.pad(x, ((1, 2), (3, 0)), constant_values=v), A, V[0]),
    "traced pairs": (lambda x, v: np.pad(x, ((1, 2), (3, 1)), constant_values=v), A, V),
    "traced column": (lambda x, v: np.pad(x, ((1, 2), (3, 1)), constant_values=v), A, V[:, :1]),
    "traced in a tuple": (lambda x, s: np.pad(x, 2, constant_values=(s, 1.0)), A, S),
    "traced in tuples": (lambda x, s: np.pad(x, 2, "linear_ramp", end_values=((s, 1), (2, s * s))), A, S),
    "edge": (lambda x: np.pad(x, ((2, 1), (0, 3)), "edge"), A),
    "wrap": (lambda x: np.pad(x, (3, 2), mode="wrap"), R),
    "wrap far": (lambda x: np.pad(x, (11, 6), mode="wrap"), R),
    "linear_ramp": (lambda x: np.pad(x, ((2, 3), (1, 0)), "linear_ramp"), A),
    "linear_ramp values": (lambda x: np.pad(x, 2, "linear_ramp", end_values=((1.0, 2.0), (3.0, 4.0))), A),
    "linear_ramp traced": (lambda x, v: np.pad(x, ((2, 3), (1, 0)), "linear_ramp", end_values=v), A, V),
    "linear_ramp traced one": (lambda x, s: np.pad(x, 3, "linear_ramp", end_values=s), A, S),
    "mean": (lambda x: np.pad(x, 2, "mean"), A),
    "mean length": (lambda x: np.pad(x, 2, "mean", stat_length=2), C),
    "mean lengths": (lambda x: np.pad(x, ((0, 0), (1, 1), (2, 0)), "mean", stat_length=((1, 1), (1, 2), (3, 4))), C),
    "mean far": (lambda x: np.pad(x, 2, "mean", stat_length=20), A),
    "maximum": (lambda x: np.pad(x, 2, "maximum"), A),
    "maximum length": (lambda x: np.pad(x, (2, 3), "maximum", stat_length=(2, 1)), R),
    "minimum": (lambda x: np.pad(x, ((1, 0), (2, 1)), "minimum"), A),
    "minimum lengths": (lambda x: np.pad(x, 1, "minimum", stat_length=((1, 2), (2, 9))), A),
    "median": (lambda x: np.pad(x, 1, "median"), A),
    "median length": (lambda x: np.pad(x, (2, 1), "median", stat_length=(3, 2)), R),
    "none length": (lambda x: np.pad(x, (2, 1), "maximum", stat_length=None), R),
}
for _mode in ("reflect", "symmetric"):
    for _type in ("even", "odd"):
        CASES[f"{_mode} {_type}"] = (lambda x, m=_mode, t=_type: np.pad(x, ((1, 1), (2, 0)), m, reflect_type=t), A)
        CASES[f"{_mode} {_type} far"] = (lambda x, m=_mode, t=_type: np.pad(x, (9, 7), m, reflect_type=t), R)
        CASES[f"{_mode} {_type} single"] = (
            lambda x, m=_mode, t=_type: np.pad(x[:1], ((2, 1), (1, 1)), m, reflect_type=t),
            A,
        )

CHOOSING = ("maximum", "minimum", "median", "none")  # of complex numbers: in lexicographic order, no function


@pytest.mark.parametrize("name", CASES)
def test_agreement(name):
    f, *args = CASES[name]
    check(f, *args)


@pytest.mark.parametrize("name", CASES)
def test_dtypes(name):
    f, *args = CASES[name]
    stays_single(f, *args)
    if not name.startswith(CHOOSING):
        check(f, *[x + 0.5j * x * x for x in args])


@pytest.mark.parametrize(
    "mode", ["constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "wrap"]
)
def test_memory_order(mode):
    """NumPy sums in the order of the memory: the bits of Fortran arrays and views are the same too."""
    x = np.sin(np.arange(5 * 6 * 7.0)).reshape(5, 6, 7)
    for y in (np.asfortranarray(x), x.transpose(1, 0, 2), x[:, ::-1, ::2]):
        same_bits(ft.vjp(lambda y: np.pad(y, 2, mode), y)[0], np.pad(y, 2, mode))


def test_width_by_axis():
    for width in ({0: 2}, {-1: (1, 2)}, {0: (1, 0), 1: 3}):
        try:
            expected = np.pad(A, width)
        except (TypeError, ValueError):  # before NumPy 2.2
            pairs = [(0, 0), (0, 0)]
            for axis, pair in width.items():
                pairs[axis] = pair if isinstance(pair, tuple) else (pair, pair)
            expected = np.pad(A, pairs)
        same_bits(ft.vjp(lambda x, w=width: np.pad(x, w), A)[0], expected)


def test_values_meet_the_dtype_of_the_array():
    """Values are cast to the array's dtype, and so are their tangents; an integer array takes no derivative."""
    single = np.float32([1, 2])
    same_value(lambda x, v: np.pad(x, 1, constant_values=v), single, S)
    same_bits(
        ft.grad(lambda x, v: np.sum(np.pad(x, 1, constant_values=v)), (0, 1))(single, S), (single * 0 + 1, 2 * S / S)
    )
    same_value(lambda x: np.pad(x, 1, constant_values=0.1), single)
    program = ft.trace(lambda x, v: np.pad(x, 1, constant_values=v))(np.array([1, 2]), 2.5)
    same_bits(ft.evaluate(program, np.array([1, 2]), 2.5), np.array([2, 1, 2, 2]))


def test_traced_value_beside_a_plain_array():
    """NumPy does not let us know of it: refused by name, never dropped."""
    with pytest.raises(TracedValueError, match="would become a plain array"):
        ft.grad(lambda v: np.sum(np.pad(np.ones(2), 1, constant_values=v)))(2.5)


def test_extremes_at_ties_share():
    same_bits(ft.grad(lambda x: np.pad(x, (2, 0), "maximum")[0])(np.array([1.0, 1.0, 0.0])), np.array([0.5, 0.5, 0.0]))


def test_infinite_margins():
    """A margin that is infinite in value leaves the derivative finite."""
    f = lambda x: np.max(np.pad(x, 1, constant_values=-np.inf))  # noqa: E731
    same_bits(ft.grad(f)(R), np.array([0.0, 0.0, 1.0, 0.0]))


def test_staged_integers_are_rounded():
    for mode in ("mean", "maximum", "median"):
        x = np.array([1, 2, 4, 10])
        f = lambda x, m=mode: np.pad(x, 2, m)  # noqa: E731
        same_bits(ft.evaluate(ft.trace(f)(x), x), f(x))


def test_zero_width_is_the_array_itself():
    assert not ft.trace(lambda x: np.pad(x, 0, "edge"))(A).equations


def test_refusals():
    for mode, message in ((lambda *_: None, "in place"), ("empty", "undefined")):
        with pytest.raises(UncoveredFunctionError, match=message):
            ft.vjp(lambda x, m=mode: np.pad(x, 1, m), A)
    cases = [
        (lambda x: np.pad(x, 1, "nothing"), ValueError, "not supported"),
        (lambda x: np.pad(x, 1, "edge", constant_values=1), ValueError, "unsupported keyword"),
        (lambda x: np.pad(x, -1), ValueError, "negative"),
        (lambda x: np.pad(x, 1.5), TypeError, "integral"),
        (lambda x: np.pad(x, ((1, 2), (3, 4), (5, 6))), ValueError, "pad_width|broadcast"),
        (lambda x: np.pad(x[:0], 1, "edge"), ValueError, "can't extend empty axis 0"),
        (lambda x: np.pad(x, 1, "maximum", stat_length=0), ValueError, "stat_length of 0"),
        (lambda x: np.pad(x, 1, constant_values=x), ValueError, "broadcast|margin values"),
    ]
    for f, kind, message in cases:
        with pytest.raises(kind):
            f(A)
        with pytest.raises(kind, match=message):
            ft.vjp(f, A)


_widths = st.tuples(st.integers(0, 7), st.integers(0, 7))


@given(
    st.sampled_from(["edge", "wrap", "reflect", "symmetric", "linear_ramp", "mean", "constant"]),
    st.sampled_from(["even", "odd"]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(_widths, _widths),
    st.integers(0, 99),
)
def test_the_transpose_of_every_width(mode, kind, shape, widths, seed):
    """<w, pad(x)> == <pad^T(w), x>, for margins up to several times the array."""
    options = {"reflect_type": kind} if mode in ("reflect", "symmetric") else {}
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, shape)
    out, pullback = ft.vjp(lambda x: np.pad(x, widths, mode, **options), x)
    same_bits(out, np.pad(x, widths, mode, **options))
    w = rng.uniform(-1, 1, out.shape)
    assert np.vdot(w, out) == pytest.approx(np.vdot(pullback(w)[0], x), rel=1e-10, abs=1e-10)


# Batches.

pad = FUNCTIONS[np.pad]  # NumPy's own asks only the array whether it is traced
BATCH = np.sin(np.arange(1.0, 25.0)).reshape(3, 2, 4)


@pytest.mark.parametrize("mode", ["wrap", "edge", "reflect", "symmetric", "mean", "maximum", "median"])
def test_batches(mode):
    check_batches(lambda x: np.pad(x, ((1, 0), (2, 3)), mode), BATCH)
    if mode in ("mean", "maximum", "median"):
        check_batches(lambda x: np.pad(x, ((1, 0), (2, 3)), mode, stat_length=((1, 2), (3, 1))), BATCH)
    if mode in ("reflect", "symmetric"):
        check_batches(lambda x: np.pad(x, ((1, 0), (2, 3)), mode, reflect_type="odd"), BATCH)


@pytest.mark.parametrize(("mode", "name"), [("constant", "constant_values"), ("linear_ramp", "end_values")])
@pytest.mark.parametrize("shape", [(), (1,), (2,), (1, 2), (2, 1), (2, 2)])
def test_batches_of_values(mode, name, shape):
    values = np.cos(np.arange(3.0 * np.prod(shape))).reshape(3, *shape)
    check_batches(lambda x, v: pad(x, ((1, 0), (2, 3)), mode, **{name: v}), BATCH, values)
    check_batches(lambda x, v: pad(x, ((2, 2), (0, 0)), mode, **{name: v}), BATCH.astype(np.float32), values)


def test_batches_of_values_in_one_dimension_and_of_integers():
    for mode, name in (("constant", "constant_values"), ("linear_ramp", "end_values")):
        check_batches(lambda x, v, m=mode, n=name: pad(x, (2, 1), m, **{n: v}), BATCH[:, 0], BATCH[:, 0, :2])
        whole = np.arange(12).reshape(3, 4)
        check_batches(lambda x, v, m=mode, n=name: pad(x, (3, 2), m, **{n: v}), whole, np.array([7, -8, 9]))


def test_batches_of_no_examples():
    for mode in ("wrap", "reflect", "mean", "linear_ramp", "constant", "edge"):
        assert vmap(lambda x, mode=mode: np.pad(x, (1, 2), mode))(np.zeros((0, 3))).shape == (0, 6)
