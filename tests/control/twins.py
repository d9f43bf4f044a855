"""Each structured loop or branch beside the same in plain Python, which every transform must agree with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import functrans as ft


class Twin(NamedTuple):
    """A function with structured control flow, the same in plain Python, and arguments: those of vmap are noisy."""

    structured: Callable[..., Any]
    plain: Callable[..., Any]
    args: tuple[Any, ...]


W = np.array([[0.3, -0.5, 0.2], [0.1, 0.4, -0.7], [-0.6, 0.2, 0.5]])
XS = np.array([[0.1, -0.4, 0.9], [1.1, 0.3, -0.2], [-0.7, 0.8, 0.5], [0.2, 0.6, -1.0]])
H = np.array([0.5, -0.3, 0.8])


def rnn(w, h, xs, **options):
    h, ys = ft.scan(lambda h, x: (np.tanh(w @ h + x), np.sum(h * h)), h, xs, **options)
    return np.sum(h**3) + ys @ np.arange(1.0, len(xs) + 1)


def plain_rnn(w, h, xs, reverse=False, **_):
    ys = [0.0] * len(xs)
    for i in reversed(range(len(xs))) if reverse else range(len(xs)):
        ys[i] = np.sum(h * h)
        h = np.tanh(w @ h + xs[i])
    return np.sum(h**3) + sum(y * (i + 1) for i, y in enumerate(ys))


def tree_scan(p, x):
    def body(carry, row):
        out = {"a": carry["a"] * row["u"] + p["b"], "n": carry["n"] + 1}
        return out, (row["u"] * out["a"], None)

    carry, (ys, _) = ft.scan(body, {"a": p["a"], "n": 0}, {"u": x})
    return np.sum(ys) * carry["a"] * carry["n"]


def plain_tree_scan(p, x):
    a, total = p["a"], 0.0
    for u in x:
        a = a * u + p["b"]
        total = total + u * a
    return total * a * len(x)


def nested(x, y):
    def inner(c, u):
        return np.sin(c * u + x), c

    def outer(c, v):
        c, ys = ft.scan(inner, c, np.array([0.5, 1.5]))
        return c * v, np.sum(ys)

    c, ys = ft.scan(outer, y, np.array([1.0, -2.0, 0.3]))
    return c + np.sum(ys**2)


def plain_nested(x, y):
    c, total = y, 0.0
    for v in (1.0, -2.0, 0.3):
        seen = 0.0
        for u in (0.5, 1.5):
            seen = seen + c
            c = np.sin(c * u + x)
        total = total + seen**2
        c = c * v
    return c + total


def branch(x, y):
    return ft.cond(x > 0.3, lambda x: np.exp(x) * y, lambda x: x * y**2, x)


def plain_branch(x, y):
    return np.exp(x) * y if x > 0.3 else x * y**2


def chosen(x, y):
    index = np.add(x > 0.3, x > 1.0, dtype=int)
    return ft.switch(index, [np.multiply, lambda x, y: np.sin(x) / y, lambda x, y: x**3 + 0 * y], x, y)


def plain_chosen(x, y):
    if x > 1.0:
        return x**3
    return np.sin(x) / y if x > 0.3 else x * y


def doubled(x, y):
    return ft.while_loop(lambda c: c[0] < 3.0, lambda c: (c[0] * 1.7 + c[1] * y, np.cos(c[1])), (x, 2 * x))[0]


def plain_doubled(x, y):
    a, b = x, 2 * x
    while a < 3.0:
        a, b = a * 1.7 + b * y, np.cos(b)
    return a


def powers(x, y):
    return ft.fori_loop(1, 4, lambda i, c: c * x + y / i, 1.0)


def plain_powers(x, y):
    c = 1.0
    for i in (1, 2, 3):
        c = c * x + y / i
    return c


def in_a_loop(x, y):
    def body(c, u):
        return ft.cond(c > u, lambda c: c * y, lambda c: np.sin(c) + x, c), c

    c, ys = ft.scan(body, x, np.array([0.2, 0.4, 0.1, 2.0]))
    return c + np.sum(ys)


def plain_in_a_loop(x, y):
    c, total = x, 0.0
    for u in (0.2, 0.4, 0.1, 2.0):
        total = total + c
        c = c * y if c > u else np.sin(c) + x
    return c + total


def until(x, y):
    """A while in a scan, with a number of steps that differs from step to step."""

    def body(c, u):
        return ft.while_loop(lambda c: c < u, lambda c: c * 1.5 + y, c), c

    c, ys = ft.scan(body, x, np.array([1.0, 3.0, 3.5]))
    return c * np.sum(ys)


def plain_until(x, y):
    c, total = x, 0.0
    for u in (1.0, 3.0, 3.5):
        total = total + c
        while c < u:
            c = c * 1.5 + y
    return c * total


def pieces(w, h, xs):
    return rnn(w, h, xs, checkpoint=2)


def backwards_in_pieces(w, h, xs):
    return rnn(w, h, xs, reverse=True, checkpoint=3)


def again(x, y):
    return ft.checkpoint(lambda x: np.sin(np.sin(x) * y) ** 2)(x) * x


def plain_again(x, y):
    return np.sin(np.sin(x) * y) ** 2 * x


TWINS = {
    "scan": Twin(rnn, plain_rnn, (W, H, XS)),
    "scan, backwards": Twin(
        lambda w, h, xs: rnn(w, h, xs, reverse=True), lambda w, h, xs: plain_rnn(w, h, xs, True), (W, H, XS)
    ),
    "scan, written out": Twin(lambda w, h, xs: rnn(w, h, xs, unroll=True), plain_rnn, (W, H, XS)),
    "scan of trees": Twin(tree_scan, plain_tree_scan, ({"a": 0.7, "b": 1.3}, np.array([0.4, -0.9, 1.2]))),
    "scan of one step": Twin(rnn, plain_rnn, (W, H, XS[:1])),
    "scan in a scan": Twin(nested, plain_nested, (0.4, 0.9)),
    "cond, true": Twin(branch, plain_branch, (0.7, 1.3)),
    "cond, false": Twin(branch, plain_branch, (-0.7, 1.3)),
    "switch": Twin(chosen, plain_chosen, (0.7, 1.3)),
    "while_loop": Twin(doubled, plain_doubled, (0.4, 0.6)),
    "while_loop, no step": Twin(doubled, plain_doubled, (3.4, 0.6)),
    "fori_loop": Twin(powers, plain_powers, (0.4, 0.6)),
    "cond in a scan": Twin(in_a_loop, plain_in_a_loop, (0.7, 1.3)),
    "while_loop in a scan": Twin(until, plain_until, (0.3, 0.2)),
    "scan, in pieces": Twin(pieces, plain_rnn, (W, H, XS)),
    "scan, backwards, in pieces": Twin(backwards_in_pieces, lambda *args: plain_rnn(*args, reverse=True), (W, H, XS)),
    "checkpoint": Twin(again, plain_again, (0.7, 1.3)),
}
