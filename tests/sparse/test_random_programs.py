"""Sparse derivatives of random programs equal the dense ones."""

import numpy as np
from hypothesis import assume, given

import functrans as ft
from functrans.testing import strategies as st


def is_real(value):
    return isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f"


def one_array(case):
    """The program as a function of its first real argument, and of the others, with one array out."""
    args = list(case.args)
    position = next((i for i, arg in enumerate(args) if is_real(arg) and np.size(arg)), None)
    assume(position is not None)
    real = [i for i, atom in enumerate(case.program.outputs) if atom.spec.dtype.kind == "f"]
    assume(real)

    def f(x, *others):
        given = [*others[:position], x, *others[position:]]
        outs = ft.tree.flatten(ft.evaluate(case.program, *given))[0]
        return np.concatenate([np.reshape(outs[i], (-1,)) * 1.0 for i in real])

    return f, [args[position], *args[:position], *args[position + 1 :]]


def expect_equal(sparse, dense, case):
    """Up to the coarsest rounding in the program: one mode may round where the other does not."""
    dense = np.reshape(dense, sparse.shape)
    assume(np.all(np.isfinite(dense)))
    atoms = [*case.program.inputs, *[out for equation in case.program.equations for out in equation.outputs]]
    eps = max(np.finfo(atom.spec.dtype).eps for atom in atoms if atom.spec.dtype.kind in "fc")
    scale = max(1.0, float(np.max(np.abs(dense), initial=0.0)))
    np.testing.assert_allclose(sparse.toarray(), dense, rtol=200 * eps, atol=200 * eps * scale)


@given(case=st.program_cases(max_equations=10, differentiable=True))
def test_jacobians(case):
    f, args = one_array(case)
    with np.errstate(all="ignore"):
        dense = ft.jacobian(f)(*args)
        for mode in (None, "reverse", "both"):
            expect_equal(ft.sparse.jacobian(f, mode=mode)(*args), dense, case)


@given(case=st.program_cases(max_equations=8, differentiable=True))
def test_hessians(case):
    f, args = one_array(case)
    with np.errstate(all="ignore"):
        dense = ft.hessian(lambda *args: np.sum(f(*args)))(*args)
        expect_equal(ft.sparse.hessian(lambda *args: np.sum(f(*args)))(*args), dense, case)
