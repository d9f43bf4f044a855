"""What control flow and rules of users' own keep: arrays as they were, and nothing for longer than it is needed."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import functrans as ft
from functrans.custom.primitive import primitive
from functrans.errors import TracedAssignmentError


@ft.custom_vjp
def by_pulling(q, w):
    return q * w


by_pulling.defvjp(lambda q, w: (q * w, (q, w)), lambda r, ct: (ct * r[1], ct * r[0]))


@ft.custom_jvp
def by_pushing(q, w):
    return q * w


by_pushing.defjvps(lambda t, out, q, w: t * w, lambda t, out, q, w: t * q)

pulled = primitive(lambda q, w: q * w, vjp=lambda ct, out, q, w: (ct * w, ct * q), name="pulled")
pushed = primitive(lambda q, w: q * w, jvp=lambda t, out, q, w: t[0] * w + q * t[1], name="pushed")


def stepped(q, w):
    return ft.scan(lambda c, u: (c * u, None), q, np.broadcast_to(w, (1, *w.shape)))[0]


def branched(q, w):
    return ft.vmap(lambda p: ft.cond(p > 0, lambda w: w * q, lambda w: w, w))(np.ones(1))[0]


def until(q, w):
    def one(p):
        return ft.while_loop(lambda c: c[1] > 0, lambda c: (c[0] * q, c[1] - 1), (w, p))[0]

    return ft.vmap(one)(np.ones(1))[0]


PRODUCTS = {
    "scan": stepped,
    "cond": branched,
    "while_loop": until,
    "checkpoint": ft.checkpoint(lambda q, w: q * w),
    "custom_vjp": by_pulling,
    "custom_jvp": by_pushing,
    "primitive, vjp": pulled,
    "primitive, jvp": pushed,
}


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
@pytest.mark.parametrize("n", [3, 2000])
def test_writing_into_what_was_read_makes_no_wrong_derivative(product, n):
    def f(q):
        w = np.full(n, 2.0)
        out = product(q, w)
        w[:] = 7.0
        return np.sum(out)

    try:
        found = ft.grad(f)(np.ones(n))
    except TracedAssignmentError:
        assert n > 1000  # small arrays are copied
    else:
        np.testing.assert_array_equal(found, np.full(n, 2.0))


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)
def test_arguments_can_be_written_into_afterwards(product):
    w = np.full(2000, 2.0)
    ft.grad(lambda q: np.sum(product(q, w)))(np.ones(2000))
    assert w.flags.writeable


X = np.ones(1000)


def with_rule(w):
    f = ft.custom_jvp(lambda x: x * w)
    f.defjvps(lambda t, out, x: t * w)
    return ft.grad(lambda x: np.sum(f(x)))(X)


def in_branches(w):
    f = lambda x: np.sum(ft.cond(x[0] > 0, lambda: x * w, lambda: w))  # noqa: E731
    return ft.evaluate(ft.trace(ft.grad(f))(X), X)


CLOSURES = {
    "grad": lambda w: ft.grad(lambda x: np.sum(x * w))(X),
    "trace": lambda w: ft.trace(lambda x: x * w)(X),
    "scan": lambda w: ft.grad(lambda x: np.sum(ft.scan(lambda c, _: (c * w, None), x, length=2)[0]))(X),
    "cond": in_branches,
    "while_loop": lambda w: ft.trace(
        ft.grad(lambda x: np.sum(ft.while_loop(lambda c: c[0] < 3, lambda c: c + w**2, x)))
    )(X),
    "while_loop in a scan": lambda w: ft.grad(
        lambda x: np.sum(
            ft.scan(lambda c, _: (ft.while_loop(lambda c: c[0] < 3, lambda c: c + w**2, c), None), x, length=2)[0]
        )
    )(X),
    "checkpoint": lambda w: ft.grad(lambda x: np.sum(ft.checkpoint(lambda x: np.sin(x * w))(x)))(X),
    "custom_jvp": with_rule,
    "tag": lambda w: ft.grad(lambda x: np.sum(ft.tag(x * w, "t")), wrt="t")(X),
}


@pytest.mark.parametrize("call", CLOSURES.values(), ids=CLOSURES)
def test_what_is_closed_over_is_freed_with_the_call(call):
    gc.collect()
    gc.disable()  # it must not take the search for cycles
    try:
        w = np.linspace(1.0, 2.0, 1000)
        alive = weakref.ref(w)
        call(w)
        del w
        assert alive() is None
    finally:
        gc.enable()
