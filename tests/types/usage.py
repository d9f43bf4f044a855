"""What type checkers find out about transformed functions: read by them, never run (``test_checkers.py``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import functrans as ft
from functrans import grad
from functrans.compile.jit import Jitted
from functrans.transforms.linearize import Pushforward

Vector = npt.NDArray[np.float64]
point: Vector = np.ones(3)


def f(x: float, y: Vector) -> float:
    return float(x + y.sum())


def with_aux(x: float) -> tuple[float, dict[str, int]]:
    return x * x, {"calls": 1}


def vector(x: Vector, *, scale: float = 1.0) -> Vector:
    return scale * x


# Gradients take what the function takes.
gradient = ft.grad(f)
gradient(1.0, point)
gradient(x=1.0, y=point)
assert_type(gradient(1.0, point), Any)
assert_type(grad(f, argnums=(0, 1))(1.0, point), Any)
gradient("one", point)  # wrong: a string
gradient(1.0)  # wrong: an argument is missing
ft.grad(ft.grad(f))(1.0, point)
ft.grad(with_aux, has_aux=True)(1.0)[1]["calls"]
assert_type(ft.value_and_grad(f)(1.0, point), tuple[float, Any])
assert_type(ft.value_and_grad(with_aux, has_aux=True)(1.0), tuple[tuple[float, dict[str, int]], Any])
ft.value_and_grad(f)(point, point)  # wrong: an array for a number
ft.grad(3.0)  # wrong: no function

# Ufuncs, functions of NumPy's, and lambdas.
ft.grad(np.sin)(0.5)
ft.elementwise_grad(np.tanh)(point)
ft.jacobian(np.sin)(point)
ft.vmap(ft.grad(np.tanh))(point)
ft.jit(np.sin)(point)
ft.grad(lambda x: x * x)(3.0)
ft.grad(lambda p, x: np.sum(p["w"] * x))({"w": np.ones(2)}, point)
ft.jvp(ft.grad(lambda x: x**3), (2.0,), (1.0,))
ft.vjp(np.multiply, 2.0, 3.0)
ft.hvp(lambda x: np.sum(x**3))(point, point)
ft.trace(ft.grad(lambda x: x * x))(0.5)

# Products with Jacobians.
out, pullback = ft.vjp(f, 1.0, point)
assert_type(out, float)
assert_type(pullback, Callable[[Any], tuple[Any, ...]])
assert_type(ft.vjp(with_aux, 1.0, has_aux=True)[2], dict[str, int])
assert_type(ft.jvp(f, (1.0, point), (1.0, point)), tuple[float, float])
assert_type(ft.jvp(with_aux, (1.0,), (1.0,), has_aux=True), tuple[float, float, dict[str, int]])
assert_type(ft.linearize(f, 1.0, point), tuple[float, Pushforward])
assert_type(ft.linearize(with_aux, 1.0, has_aux=True)[2], dict[str, int])

# Jacobians, Hessians.
assert_type(ft.jacobian(vector)(point, scale=2.0), Any)
assert_type(ft.jacobian(vector).mode(point), str)
ft.jacobian(np.cumprod)(point)
ft.jacobian(np.cumprod).mode(point)
ft.jacfwd(vector)(point, scale=2.0)
ft.jacrev(vector)(point, factor=2.0)  # wrong: there is no such keyword
ft.hessian(f)(1.0, point)
value, first, second = ft.value_grad_and_hessian(f)(1.0, point)

# Compiled functions, with and without options.
fast = ft.jit(f)
assert_type(fast(1.0, point), float)
fast(1.0, point, 3)  # wrong: an argument too many
assert_type(fast.source(1.0, point), str)
assert_type(fast.cache_info().hits, int)


@ft.jit
def decorated(x: Vector) -> Vector:
    return 2.0 * x


@ft.jit(static_argnums=1)
def with_options(x: Vector, n: int) -> Vector:
    return x * n


assert_type(decorated(point), Vector)
assert_type(with_options(point, 2), Vector)
with_options(point)  # wrong: an argument is missing
assert_type(ft.grad(ft.jit(f))(1.0, point), Any)
jitted: Jitted[[Vector], Vector] = decorated


class Model:
    @ft.jit
    def predict(self, x: Vector) -> Vector:
        return x


assert_type(Model().predict(point), Vector)

# What takes other arguments in the place of the function's: batches, specs.
ft.vmap(f, in_axes=(0, None))(point, point)
assert_type(ft.trace(f)(1.0, point), ft.Program)
ft.trace(f)(ft.ArraySpec((), np.float64), ft.ArraySpec((3,), np.float64))
assert_type(ft.checkpoint(f)(1.0, point), float)

# The same type comes back.
assert_type(ft.stop_gradient(point), Vector)
assert_type(ft.tag(point, "z"), Vector)


# Rules of one's own keep the signature.
@ft.custom_vjp
def clipped(x: Vector, limit: float = 1.0) -> Vector:
    return np.clip(x, -limit, limit)


clipped.defvjp(lambda x, limit: (x, None), lambda _, ct: (ct, None))
assert_type(clipped(point, 2.0), Vector)
clipped("x")  # wrong: a string


@ft.custom_jvp
def softplus(x: float) -> float:
    return float(np.log1p(np.exp(x)))


assert_type(softplus(1.0), float)


@ft.primitive(derivatives=[lambda out, x: 2.0 * x])
def squared(x: Vector) -> Vector:
    return x * x


assert_type(squared(point), Vector)
assert_type(ft.primitive(f, derivatives="numerical")(1.0, point), float)

# Control flow.
assert_type(ft.cond(True, lambda x: x, lambda x: -x, 1.0), Any)
assert_type(ft.scan(lambda total, x: (total + x, total), 0.0, point)[1], Any)
ft.while_loop(lambda c: c < 10.0, lambda c: c * 2.0, 1)
ft.fori_loop(0, 3, lambda i, y: y * i, 1.0)
assert_type(ft.associative_scan(np.maximum, point), Vector)
ft.switch(1, [np.sin, np.exp, lambda x: x], 0.0)

# Settings.
ft.config.traceback = "full"
ft.config.traceback = None
ft.config.threads = 2
ft.errors.ShapeError("what", "fix")
ft.gard  # wrong: no such name
