"""``x.view``: the same entries, or complex numbers as pairs of real ones, against NumPy's own."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import UncoveredFunctionError
from tests.ops.agreement import check, drawn, same_value
from tests.ops.batches import check_batches

rng = np.random.default_rng(43)
X, Z = drawn(rng, 2, 4), drawn(rng, 2, 3, kind="c")


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x.view(), X),
        (lambda x: x.view(float), X),
        (lambda x: x.view(np.ndarray), X),
        (lambda x: x.view(x.dtype, np.ndarray), Z),
        (lambda x: x.view(dtype=complex), X),
        (lambda x: x.view(type=np.ndarray), X),
        (lambda x: x.view("f8"), Z),
        (lambda x: x.view(np.float64), Z[0]),
        (lambda x: x.view(complex).view(float), X),
    ],
)
def test_everything(f, x):
    check(f, x)
    check_batches(f, np.stack([x, x[::-1]]))


def test_other_precisions():
    same_value(lambda x: x.view(np.complex64), X.astype(np.float32))
    same_value(lambda x: x.view(np.float32), Z.astype(np.complex64))
    for x in (np.zeros((0, 2)), np.zeros((2, 0))):
        same_value(lambda x: x.view(complex), x)
    gradient = ft.grad(lambda z: np.sum(z.view(float) ** 2))(Z)
    np.testing.assert_allclose(gradient, 2 * Z.conj())


@pytest.mark.parametrize("dtype", [int, np.float32, np.complex64, "S8"])
def test_other_memory_is_refused(dtype):
    for transform in (ft.grad, ft.trace, ft.vmap):
        with pytest.raises(UncoveredFunctionError, match=r"`\.view"):
            transform(lambda x: x.view(dtype))(X)
        with pytest.raises(UncoveredFunctionError, match=r"`\.view"):
            transform(lambda x: x.view(np.recarray))(X)
        with pytest.raises(UncoveredFunctionError, match=r"`\.view"):
            transform(lambda x: x.view(type=np.matrix))(X)


@pytest.mark.parametrize(("dtype", "x"), [(complex, X[:, :3]), (float, np.array(1j)), (complex, np.array(1.0))])
def test_numpys_own_errors(dtype, x):
    with pytest.raises(ValueError, match=r"[Cc]hang") as own:
        x.copy().view(dtype)
    for run in (ft.vjp, lambda f, x: ft.trace(f)(x)):
        with pytest.raises(ValueError, match=r"[Cc]hang") as found:
            run(lambda x: x.view(dtype), x)
        assert str(found.value).splitlines()[0] == str(own.value)
