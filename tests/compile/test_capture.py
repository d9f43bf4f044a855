"""What jitted functions close over: read afresh, or seen to have changed."""

from __future__ import annotations

import collections
import functools
import gc
import logging
import types
import weakref
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import functrans as ft
from functrans.errors import LeakedTracerError, TracedAssignmentError

X = np.array([0.5, -1.25, 2.0])
scale: Any = 2.0
activation: Any = np.tanh


def shifted(x):
    return x + 1.0


def same(fast, plain, *args):
    got, want = fast(*args), plain(*args)
    for a, b in zip(ft.tree.flatten(got)[0], ft.tree.flatten(want)[0], strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), (got, want)
        assert np.asarray(a).dtype == np.asarray(b).dtype


@pytest.fixture
def set_global(monkeypatch):
    def put(name, value):
        monkeypatch.setitem(globals(), name, value)

    return put


def test_globals(set_global):
    def f(x):
        return activation(shifted(x)) * scale

    fast = ft.jit(f)
    same(fast, f, X)
    for name, value in (
        ("scale", 3.0),
        ("scale", np.float64(3.0)),
        ("scale", 0.0),
        ("scale", -0.0),
        ("scale", True),
        ("activation", np.sin),
        ("activation", lambda x: x * 2),
        ("shifted", lambda x: x - 1.0),
    ):
        set_global(name, value)
        same(fast, f, X)
        same(fast, f, X)
    assert fast.cache_info().misses == 9
    set_global("scale", bool(1))
    same(fast, f, X)
    assert fast.cache_info().misses == 9


def test_nonlocals_and_defaults():
    factor = 1.0

    def f(x, by=(1.0,), *, also=X):
        return x * factor * by[0] * also

    fast = ft.jit(f)
    same(fast, f, X)
    factor = 4.0
    same(fast, f, X)
    f.__defaults__ = ([7.0],)
    same(fast, f, X)
    f.__defaults__[0][0] = 8.0
    same(fast, f, X)
    f.__kwdefaults__["also"] = X * 2
    same(fast, f, X)


def test_entries_of_containers():
    held: dict[str, Any] = {"a": 1.0, "b": [np.ones(3), 2.0], "c": {"d": (np.ones(3),)}, "s": {1, 2}}
    names = [1.0] * 3000

    def f(x):
        return x * held["a"] + held["b"][0] * held["b"][1] + held["c"]["d"][0] + len(held["s"]) + names[2999]

    fast = ft.jit(f)
    same(fast, f, X)

    def change(what):
        what()
        same(fast, f, X)
        same(fast, f, X)

    change(lambda: held.update(a=3.0))
    change(lambda: held["b"].__setitem__(1, 5.0))
    change(lambda: held["b"].__setitem__(0, np.zeros(3)))
    change(lambda: held["b"][0].__setitem__(1, 9.0))
    change(lambda: held["c"]["d"][0].__setitem__(2, 9.0))
    change(lambda: held["c"].update(d=(np.full(3, 4.0),)))
    change(lambda: held["s"].add(7))
    change(lambda: names.__setitem__(2999, 0.5))
    assert fast.cache_info().hits == 8


class Config:
    rate = 2.0

    def __init__(self):
        self.shift = 3.0
        self.steps = 0

    @property
    def both(self):
        return self.rate + self.shift


class Pair(NamedTuple):
    a: Any
    b: Any


class Slotted:
    __slots__ = ("w",)

    def __init__(self, w):
        self.w = w


def test_attributes_of_objects_classes_and_modules(monkeypatch):
    config, slotted, module = Config(), Slotted(1.0), types.ModuleType("settings")
    config.inner = {"of": Config()}  # type: ignore[attr-defined]
    module.factor = 2.0  # type: ignore[attr-defined]

    def f(x):
        return x * config.both + config.inner["of"].shift * slotted.w * module.factor

    fast = ft.jit(f)
    same(fast, f, X)
    for change in (
        lambda: setattr(config, "shift", 5.0),
        lambda: setattr(config, "rate", 1.5),  # hides that of the class
        lambda: delattr(config, "rate"),
        lambda: monkeypatch.setattr(Config, "rate", 9.0),
        lambda: setattr(config.inner["of"], "shift", 0.25),
        lambda: config.inner.update(of=Config()),
        lambda: setattr(slotted, "w", 6.0),
        lambda: setattr(module, "factor", -1.0),
    ):
        before = fast.cache_info().misses
        change()
        same(fast, f, X)
        assert fast.cache_info().misses == before + 1
    config.steps += 1  # which the function does not name
    same(fast, f, X)
    assert fast.cache_info().misses == before + 1


class Base:
    k = 1.0

    def by(self, x):
        return x * self.k

    @staticmethod
    def scaled(x):
        return x * scale

    @classmethod
    def own(cls, x):
        return x * cls.k


class Derived(Base):
    def by(self, x):
        return super().by(x) + self.scaled(x) + self.own(x)


def test_attributes_that_are_inherited(monkeypatch, set_global):
    one = Derived()
    fast = ft.jit(one.by)
    same(fast, one.by, X)
    for change in (
        lambda: monkeypatch.setattr(Base, "k", 3.0),
        lambda: monkeypatch.setattr(Derived, "k", 4.0, raising=False),
        lambda: setattr(one, "k", 7.0),
        lambda: set_global("scale", 9.0),
        lambda: delattr(one, "k"),
    ):
        change()
        same(fast, one.by, X)


def test_other_containers(set_global):
    waiting, users = collections.deque([1.0, 2.0]), collections.UserDict(a=1.0)
    space, pair, whole = types.SimpleNamespace(w=np.ones(3)), Pair(np.ones(3), [1.0]), np.array(2.0)

    @functools.lru_cache
    def kept(n):
        return n * scale

    def f(x):
        return (x * sum(waiting) + users["a"]) * space.w * pair.a * pair.b[0] * whole + kept(3) + f.extra

    f.extra = 1.0
    fast = ft.jit(f)
    same(fast, f, X)
    for change in (
        lambda: waiting.append(5.0),
        lambda: users.update(a=3.0),
        lambda: space.w.__setitem__(0, 7.0),
        lambda: setattr(space, "w", np.zeros(3)),
        lambda: pair.a.__setitem__(1, 7.0),
        lambda: pair.b.append(1.0),
        lambda: whole.__setitem__((), 5.0),
        lambda: (set_global("scale", 11.0), kept.cache_clear()),
        lambda: setattr(f, "extra", -1.0),
    ):
        change()
        same(fast, f, X)


def test_rules_of_users(set_global):
    rule = ft.custom_vjp(lambda x: x * scale)
    rule.defvjp(lambda x: (x * scale, None), lambda _, ct: (ct * scale,))
    sine = ft.primitive(lambda x: np.sin(x) * scale, derivatives=[lambda out, x: np.cos(x) * scale])
    for f in (
        lambda x: np.sum(rule(x) * x),
        lambda x: np.sum(sine(x) * x),
        lambda x: np.sum(ft.scan(lambda c, _: (c * scale, None), x, None, length=2)[0] * x),
    ):
        fast = ft.jit(ft.grad(f))
        for value in (2.0, 3.0, 2.0):
            set_global("scale", value)
            same(fast, ft.grad(f), X)


@dataclass
class Layer:
    w: Any
    b: Any


class Net:
    def __init__(self):
        self.layers = [Layer(np.ones((3, 3)), np.zeros(3)), Layer(np.eye(3), np.ones(3))]
        self.act = np.tanh
        self.seen = 0

    def __call__(self, x):
        for layer in self.layers:
            x = self.act(layer.w @ x + layer.b)
        return np.sum(x)


@pytest.mark.parametrize(
    "transform",
    [lambda f: f, ft.grad, ft.value_and_grad, ft.jacfwd, lambda f: ft.vmap(ft.grad(f)), ft.hessian],
    ids=["itself", "grad", "value_and_grad", "jacfwd", "vmap", "hessian"],
)
def test_a_network_behind_transforms(transform):
    net = Net()

    def loss(x):
        return net(x) ** 2

    x = np.stack([X, X[::-1]]) if transform(loss).__name__.startswith("vmap") else X
    fast = ft.jit(transform(loss))
    same(fast, transform(loss), x)
    for change in (
        lambda: setattr(net, "act", np.sin),
        lambda: net.layers[0].w.__setitem__((1, 2), 0.3),
        lambda: net.layers[1].b.__setitem__(0, -0.3),
        lambda: setattr(net.layers[1], "b", np.full(3, 0.1)),
        lambda: net.layers.append(Layer(np.eye(3) * 2, np.ones(3))),
        lambda: net.layers.pop(0),
    ):
        change()
        same(fast, transform(loss), x)


def test_arrays_that_are_written_into_are_read_afresh():
    w = np.arange(12.0).reshape(3, 4)
    for f in (
        lambda x: w.T @ x,
        lambda x: x * w[:, 1],
        lambda x: w[::-1, 2] * x,
        lambda x: w.reshape(4, 3) @ x,
        lambda x: x * w.view(np.int64)[:, 0],
        ft.grad(lambda x: np.sum(np.tanh(w.T @ x))),
        ft.grad(lambda x: np.sum(np.tanh(np.dot(w.T, x) ** 2))),
    ):
        fast = ft.jit(f)
        for value in (7.0, -3.0, 0.5, 2.0):
            w[0, 0] = w[1, 2] = value
            same(fast, f, X)
        assert fast.cache_info().misses <= 2


def test_what_is_made_of_arrays_before_traced_values_meet_it_is_seen():
    w = np.arange(12.0).reshape(3, 4)
    for f in (
        lambda x: x * (w[:, 0] * 2),
        lambda x: x * float(w[0, 0]),
        lambda x: x * w[1, 2],
        lambda x: x if w[0, 0] > 5 else -x,
        lambda x: x @ (w / np.sum(w)),
        lambda x: ft.vmap(lambda v: v * np.exp(w[:, 0]))(x[None]),
    ):
        fast = ft.jit(f)
        for value in (7.0, -3.0, 8.0):
            w[0, 0] = w[1, 2] = value
            same(fast, f, X)
            same(fast, f, X)
        assert fast.cache_info()[:2] == (3, 3)


def test_large_arrays_that_the_program_reads_itself_are_not_compared():
    w = np.ones((200, 200))
    fast = ft.jit(lambda x: np.sum(np.tanh(w @ x)))
    x = np.ones(200)
    for value in (1.0, 2.0, 0.001):
        w[:] = value
        same(fast, lambda x: np.sum(np.tanh(w @ x)), x)
    assert fast.cache_info()[:2] == (2, 1)


def test_large_arrays_that_something_else_depends_on_are_compared():
    w = np.ones((200, 200))
    for f in (lambda x: x * (w[0] - np.mean(w)), lambda x: x @ w * float(w[3, 3]), lambda x: x @ (w * 2)):
        fast = ft.jit(f)
        for value in (1.0, np.nan, -0.0, 0.0, 3.5):
            w[3, 3] = value
            same(fast, f, np.ones(200))
            same(fast, f, np.ones(200))
        assert fast.cache_info()[:2] == (5, 5)


def test_static_arguments_and_partials():
    @ft.jit(static_argnums=1)
    def f(x, config):
        return x * config.shift

    config = Config()
    assert f(X, config)[0] == 1.5
    config.shift = 1.0
    assert f(X, config)[0] == 0.5
    held = {"a": 1.0}
    part = ft.jit(functools.partial(lambda held, x: x * held["a"], held))
    assert part(X)[0] == 0.5
    held["a"] = 2.0
    assert part(X)[0] == 1.0


def test_jitted_functions_within(set_global):
    inner = ft.jit(lambda x: x * scale)
    outer = ft.jit(lambda x: inner(x) + 1)
    assert outer(1.0) == 3.0
    set_global("scale", 5.0)
    assert outer(1.0) == 6.0
    assert inner.cache_info().currsize == 1


def test_traced_values_are_captured():
    w = np.ones(3)

    def f(v):
        return np.sum(np.sin(ft.jit(lambda x: x * v + w)(X)))

    def plain(v):
        return np.sum(np.sin(X * v + w))

    for transform in (ft.grad, ft.hessian, lambda f: ft.jit(ft.grad(f)), ft.jacfwd):
        same(transform(f), transform(plain), 0.7)
    same(ft.vmap(f), ft.vmap(plain), X)


def test_writing_between_two_reads_is_an_error():
    w = np.ones(3)

    def f(x):
        y = x * w
        w[0] += 1.0
        return y + w

    with pytest.raises(TracedAssignmentError, match="wrote into an array that it closes over"):
        ft.jit(f)(X)

    def own(x):
        buffer = np.ones(3)
        y = x * buffer
        buffer[0] = 5.0
        return y + buffer

    same(ft.jit(own), own, X)
    same(ft.jit(ft.grad(lambda x: np.sum(own(x) * x))), ft.grad(lambda x: np.sum(own(x) * x)), X)


def test_leaks():
    store = []

    def leak(x):
        store.append(x)
        return x * 2

    ft.jit(leak)(X)
    for use in (lambda: store[0] + 1, lambda: np.sin(store[0]), lambda: float(store[0]), lambda: bool(store[0])):
        with pytest.raises(LeakedTracerError, match=r"(?s)`jit` of `leak` \(test_capture.py:.*at test_capture.py"):
            use()
    for f in (lambda y: y + store[0], lambda y: store[0]):
        with pytest.raises(LeakedTracerError):
            ft.jit(f)(X)


def test_the_log_says_what_has_changed(set_global, caplog):
    held = {"k": [1.0]}
    w = np.ones(3)

    def f(x):
        return x * scale * held["k"][0] * float(w[0])

    fast = ft.jit(f)
    with caplog.at_level(logging.WARNING, "functrans.jit"), ft.log_compiles():
        fast(X)
        set_global("scale", 9.0)
        fast(X)
        held["k"][0] = 2.0
        fast(X)
        w[0] = 3.0
        fast(X)
        fast(X[:2])
    reasons = [record.getMessage().partition(" equations: ")[2] for record in caplog.records]
    assert reasons == [
        "the first call",
        "`scale`, which it closes over, was replaced",
        "entries of `held['k']`, which it closes over, were replaced",
        "`w`, which it closes over, was written into",
        "`x` was Float64[3], is Float64[2]",
    ]


def test_what_is_captured_is_freed_with_the_function():
    def made():
        w = np.ones(1000)
        net = Net()
        fast = ft.jit(lambda x: net(x) * w)
        fast(X)
        return fast, weakref.ref(w), weakref.ref(net)

    fast, *held = made()
    assert all(one() is not None for one in held)
    del fast
    gc.collect()
    assert not any(one() is not None for one in held)


def test_arguments_are_not_kept():
    class Array(np.ndarray):
        pass

    x = np.ones(100_000).view(Array)
    alive = weakref.ref(x)
    fast = ft.jit(lambda x: np.sin(x) * 2 + x)
    fast(x)
    fast(x)
    del x
    gc.collect()
    assert alive() is None
