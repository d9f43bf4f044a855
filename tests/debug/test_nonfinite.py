"""NaN and infinities are found at the user's line, in every transform, and nothing is slower or different without."""

import contextvars
import threading

import numpy as np
import pytest

import functrans as ft
from functrans.errors import NonFiniteError
from functrans.tracing.watch import WATCH


def of_logarithm(x):
    y = x - 1.0
    z = np.log(y)  # forward
    return np.sum(z * 2.0)


def of_root(x):
    z = np.sqrt(x)  # backward
    return np.sum(z * 2.0)


def shrinking(x):
    def body(c, i):
        c = c - 1.0
        return np.sqrt(c), c  # in a loop

    return ft.scan(body, x, np.arange(5.0))[0]


def steep(x):
    def body(c, row):
        z = np.sqrt(c * row)  # steep in a loop
        return c + z, None

    return ft.scan(body, x, np.array([2.0, 1.0, 0.0, 1.0]))[0]


def repeated(x):
    return ft.while_loop(lambda c: c[1] < 3.0 * x, lambda c: (np.log(c[0]), c[1] + x), (x, 0.0 * x))[0]  # in a while


def line(text):
    """The number of the line of this file that ends with a remark."""
    with open(__file__, encoding="utf-8") as file:
        return next(i for i, row in enumerate(file, 1) if row.rstrip().endswith(f"# {text}"))


A = np.array([0.5, 2.0, 3.0])
ROWS = np.array([[2.0, 3.0], [0.5, 3.0]])
PROGRAM = ft.trace(of_logarithm)(A)
STAGED_GRADIENT = ft.trace(ft.grad(of_root))(A)
LOG = "`log` of Float64[3] gave NaN in 1 of 3 entries; its operands are finite"
LOG_OF_ROWS = "`log` of Float64[2] gave NaN in 1 of 4 entries, in example 1 of 2; its operands are finite"
ROOT_BACK = "on the way back, the derivative of `sqrt` gave an infinity in 1 of 2 entries"
ZEROS = np.array([0.0, 1.0])

CASES = {
    "grad": (ft.debug_nans, lambda: ft.grad(of_logarithm)(A), LOG, "forward"),
    "vjp": (ft.debug_nans, lambda: ft.vjp(of_logarithm, A), LOG, "forward"),
    "jvp": (ft.debug_nans, lambda: ft.jvp(of_logarithm, (A,), (A,)), LOG, "forward"),
    "vmap": (ft.debug_nans, lambda: ft.vmap(of_logarithm)(ROWS), LOG_OF_ROWS, "forward"),
    "vmap of grad": (ft.debug_nans, lambda: ft.vmap(ft.grad(of_logarithm))(ROWS), LOG_OF_ROWS, "forward"),
    "grad of vmap": (
        ft.debug_nans,
        lambda: ft.grad(lambda x: np.sum(ft.vmap(of_logarithm)(x)))(ROWS),
        LOG_OF_ROWS,
        "forward",
    ),
    "two batches": (
        ft.debug_nans,
        lambda: ft.vmap(ft.vmap(of_logarithm))(ROWS[:, None]),
        "`log` of Float64[2] gave NaN in 1 of 4 entries, in example (1, 0) of 2 x 1; its operands are finite",
        "forward",
    ),
    "hessian": (ft.debug_nans, lambda: ft.hessian(of_logarithm)(A), LOG, "forward"),
    "derivative": (
        ft.debug_nans,
        lambda: ft.derivative(of_logarithm, 2)(0.5),
        "`log` of float gave NaN; its operands are finite",
        "forward",
    ),
    "evaluate": (ft.debug_nans, lambda: ft.evaluate(PROGRAM, A), LOG, "forward"),
    "linearize": (ft.debug_nans, lambda: ft.linearize(of_logarithm, A), LOG, "forward"),
    "map": (
        ft.debug_nans,
        lambda: ft.map(ft.grad(of_logarithm), np.array([2.0, 0.5])),
        "`log` of Float64[] gave NaN; its operands are finite",
        "forward",
    ),
    "given": (
        ft.debug_nans,
        lambda: ft.grad(of_logarithm)(np.array([np.nan, 2.0])),
        "`subtract` of Float64[2], float gave NaN in 1 of 2 entries; operand 0 had it already, and comes from outside",
        None,
    ),
    "infinite operand": (
        ft.debug_nans,
        lambda: ft.grad(lambda x: np.sum(x - x))(np.array([np.inf])),
        "`subtract` of Float64[1], Float64[1] gave NaN; operand 0 is infinite",
        None,
    ),
    "float32": (
        ft.debug_nans,
        lambda: ft.grad(of_logarithm)(A.astype(np.float32)),
        LOG.replace("Float64", "Float32"),
        "forward",
    ),
    "complex": (
        ft.debug_infs,
        lambda: ft.grad(lambda z: np.real(np.sum(1.0 / z)))(np.array([1j, 0.0])),
        "`divide` of float, Complex128[2] gave",
        None,
    ),
    "scan": (
        ft.debug_nans,
        lambda: ft.grad(shrinking)(3.0),
        "`sqrt` of Float64[] gave NaN, in step 2 of `scan`; its operands are finite",
        "in a loop",
    ),
    "scan in a batch": (
        ft.debug_nans,
        lambda: ft.vmap(shrinking)(np.array([30.0, 3.0])),
        "`sqrt` of Float64[2] gave NaN in 1 of 2 entries, in example 1 of 2, in step 2 of `scan`; its operands are "
        "finite",
        "in a loop",
    ),
    "scan of a program": (
        ft.debug_nans,
        lambda: ft.evaluate(ft.trace(shrinking)(3.0), 3.0),
        "`sqrt` of Float64[] gave NaN, in step 2 of `scan`; its operands are finite",
        "in a loop",
    ),
    "scan backwards": (
        ft.debug_nans,
        lambda: ft.grad(lambda x: ft.scan(lambda c, i: (np.log(c), None), x, None, length=5, reverse=True)[0])(3.0),
        "`log` of Float64[] gave NaN, in step 1 of `scan`; its operands are finite",
        None,
    ),
    "the way back of a scan": (
        ft.debug_nans,
        lambda: ft.grad(steep)(3.0),
        "`multiply` of Float64[], Float64[] gave NaN, in step 2 of `scan`; operand 0 is infinite",
        "steep in a loop",
    ),
    "the tangents of a scan": (
        ft.debug_nans,
        lambda: ft.jvp(steep, (0.0,), (1.0,)),
        "`multiply` of Float64[], Float64[] gave NaN, in step 2 of `scan`; operand 0 is infinite",
        "steep in a loop",
    ),
    "while": (
        ft.debug_nans,
        lambda: ft.vmap(ft.grad(repeated))(np.array([0.5, 2.0])),
        "`log` of Float64[2] gave NaN in 1 of 2 entries, in example 0 of 2, in step 1 of `while_loop`",
        "in a while",
    ),
    "checkpoint": (ft.debug_nans, lambda: ft.grad(ft.checkpoint(of_logarithm))(A), LOG, "forward"),
    "tag": (
        ft.debug_nans,
        lambda: ft.grad(lambda x: of_logarithm(ft.tag(x, "x")), wrt="x")(A),
        LOG,
        "forward",
    ),
    "the way back": (ft.debug_infs, lambda: ft.grad(of_root)(ZEROS), ROOT_BACK, "backward"),
    "a pullback": (ft.debug_infs, lambda: ft.vjp(of_root, ZEROS)[1](1.0), ROOT_BACK, "backward"),
    "the way back, staged": (
        ft.debug_infs,
        lambda: ft.evaluate(STAGED_GRADIENT, np.array([0.0, 1.0, 1.0])),
        "`divide` of float, Float64[3] gave an infinity in 1 of 3 entries; its operands are finite",
        "backward",
    ),
    "the way back of a checkpoint": (
        ft.debug_infs,
        lambda: ft.grad(ft.checkpoint(of_root))(ZEROS),
        "`divide` of float, Float64[2] gave an infinity in 1 of 2 entries; its operands are finite",
        "backward",
    ),
    "a tangent": (
        ft.debug_infs,
        lambda: ft.jvp(of_root, (ZEROS,), (np.ones(2),)),
        "the derivative of `sqrt` of Float64[2] gave an infinity in 1 of 2 entries; its operands are finite",
        "backward",
    ),
    "a Jacobian": (
        ft.debug_infs,
        lambda: ft.jacrev(np.sqrt)(ZEROS),
        "on the way back, the derivative of `sqrt` gave an infinity in 1 of 4 entries",
        None,
    ),
    "a cotangent": (
        ft.debug_nans,
        lambda: ft.vjp(lambda x: 2.0 * x, 1.0)[1](np.nan),
        "the cotangent of what `multiply` gives, the sum over all of its uses, is NaN",
        None,
    ),
    "a sum of cotangents": (
        ft.debug_infs,
        lambda: ft.grad(lambda x: 1e308 * x + 1e308 * x)(0.5),
        "the gradient in an argument, the sum over all of its uses, is an infinity",
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_found(name):
    watch, call, message, remark = CASES[name]
    with watch(), np.errstate(all="ignore"), pytest.raises(NonFiniteError) as caught:
        call()
    assert caught.value.what.startswith(message)
    assert caught.value.fix
    assert caught.value.where.filename == __file__
    if remark:
        assert caught.value.where.line == line(remark)
    assert isinstance(caught.value, FloatingPointError)


def test_the_origin_of_an_infinity_in_a_program_is_named():
    program = ft.trace(lambda x: (x / np.zeros(2)) * 0.0)(1.0)
    with (
        ft.debug_nans(),
        np.errstate(divide="ignore"),
        pytest.raises(NonFiniteError, match=r"operand 0 is infinite, which arose in `divide` \(test_"),
    ):
        ft.evaluate(program, 1.0)
    with ft.debug_nans(), ft.debug_infs(), pytest.raises(NonFiniteError, match=r"`divide` of float, Float64.2. gave"):
        ft.evaluate(program, 1.0)


FINE = {
    "hidden on the way back": lambda: ft.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))(ZEROS),
    "of an order more": lambda: ft.grad(lambda x: np.sum(ft.grad(of_root)(x) * x))(1.0 + ZEROS),
    "in a program": lambda: ft.evaluate(ft.trace(lambda x: np.where(x > 0, np.log(x - 5.0), 1.0))(1.0), -1.0),
    "loops": lambda: ft.hessian(shrinking)(1e30),
    "of a norm": lambda: ft.grad(np.linalg.norm)(np.zeros(2)),
    "integers": lambda: ft.vmap(lambda i: i + 1)(np.arange(3)),
    "all at once": lambda: ft.vmap(ft.value_and_grad(lambda x: repeated(x) + np.sum(x)))(np.array([4.0, 3.0])),
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_fine_is_the_same_to_the_bit(name):
    with np.errstate(all="ignore"):
        expected = ft.tree.flatten(FINE[name]())[0]
        with ft.debug_nans(), ft.debug_infs():
            found = ft.tree.flatten(FINE[name]())[0]
    for a, b in zip(expected, found, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
        assert type(a) is type(b)


def test_it_ends_with_its_block_and_holds_for_its_own_thread():
    found = []
    with ft.debug_nans():
        thread = threading.Thread(target=lambda: found.append(WATCH.get()), daemon=True)
        contextvars.Context().run(thread.start)
        thread.join()
        with ft.debug_infs():
            assert WATCH.get().kinds == {"nan", "inf"}
        assert WATCH.get().kinds == {"nan"}
    assert found == [None]
    assert WATCH.get() is None
    with np.errstate(invalid="ignore"):
        assert np.isnan(ft.grad(lambda x: np.log(x) * x)(-1.0))
    with pytest.raises(NonFiniteError), ft.debug_nans():
        ft.grad(np.log)(-1.0)
    assert WATCH.get() is None


def test_plain_code_is_not_seen():
    with ft.debug_nans(), np.errstate(invalid="ignore"):
        assert np.isnan(np.log(-1.0))
        assert ft.grad(lambda x: x * np.sum(np.isnan(np.log(-np.ones(2)))))(3.0) == 2.0


def test_nothing_is_printed_again_while_it_is_sought(capsys):
    def body(c, i):
        ft.debug.print("{:.0f}", i)
        return c * np.log(1.5 - i), None

    with ft.debug_nans(), pytest.raises(NonFiniteError, match="in step 2 of `scan`"):
        ft.grad(lambda x: ft.scan(body, x, np.arange(4.0))[0])(1.0)
    assert capsys.readouterr().out.split() == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("f", "x", "advice"),
    [
        (np.exp, 1000.0, "leave the range"),
        (lambda x: np.sum(x**2), np.array([1e200, 1.0]), "leave the range"),
        (np.cumprod, np.full(5, 1e100), "leave the range"),
        (np.log, 0.0, "keep the operand"),
        (lambda x: np.sum(x**-2.0), np.array([0.0, 0.5]), "keep the operand"),
    ],
)
def test_advice_on_infinities(f, x, advice):
    for call in (lambda: ft.jvp(f, (x,), (x,)), lambda: ft.evaluate(ft.trace(f)(x), x)):
        with pytest.raises(NonFiniteError, match=advice), ft.debug_infs():
            call()
