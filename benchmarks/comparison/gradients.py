"""Slope and curvature of a call by each library, in reverse mode: the curvature is the gradient of the slope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from comparison.catalogue import Case, summed
from comparison.translated import Names, translated
from comparison.writing import written_by_jax

Scalar = Callable[..., Any]


class Differentiator:
    """A library: the names of its functions, its arrays, and ``grad(f, argnums)``, None if it is MyGrad's way."""

    def __init__(self, names: Any, grad: Any, array: Callable[[Any], Any] = np.asarray) -> None:
        self.names, self.grad, self.array = names, grad, array

    def scalar(self, case: Case) -> Scalar:
        """The number that is differentiated, as a function of the arguments that move."""
        f = translated(case.f, self.names) if isinstance(self.names, Names) else case.f

        def of(*moved: Any) -> Any:
            args = list(case.args)
            for i, x in zip(case.moving, moved, strict=True):
                args[i] = x
            return summed(self.names, f(*args), case.weights)

        return of

    def point(self, case: Case) -> list[Any]:
        return [self.array(case.args[i]) for i in case.moving]

    def value(self, f: Scalar, case: Case) -> float:
        return float(f(*self.point(case)))

    def along(self, f: Scalar, case: Case) -> Scalar:
        """The slope in the direction, as a function."""
        gradient = self.grad(f, tuple(range(len(case.moving))))

        def slope(*moved: Any) -> Any:
            pairs = zip(gradient(*moved), case.direction, strict=True)
            return sum(self.names.sum(self.names.real(g * v)) for g, v in pairs)

        return slope

    def slope(self, f: Scalar, case: Case) -> float:
        return float(self.along(f, case)(*self.point(case)))

    def curvature(self, f: Scalar, case: Case) -> float:
        return self.slope(self.along(f, case), case)

    def derivatives(self, case: Case) -> list[float | None]:
        """Value, slope and curvature; None for what raises."""
        found: list[float | None] = []
        for order in (self.value, self.slope, self.curvature):
            try:
                found.append(order(self.scalar(case), case))
            except Exception:
                found.append(None)
        return found


class Compiled(Differentiator):
    """jax: all three as one compiled program, which takes a quarter of the time; one by one where that fails."""

    def derivatives(self, case: Case) -> list[float | None]:
        import jax

        def all_of_them(*moved: Any) -> Any:
            f = self.scalar(case)
            slope = self.along(f, case)
            return f(*moved), slope(*moved), self.along(slope, case)(*moved)

        try:
            return [float(found) for found in jax.jit(all_of_them)(*self.point(case))]
        except Exception:
            return super().derivatives(case)


class Backward(Differentiator):
    """MyGrad: gradients are left on the tensors, and are arrays."""

    def slope(self, f: Scalar, case: Case) -> float:
        tensors = self.point(case)
        f(*tensors).backward()
        return float(sum(np.sum(tensor.grad * v) for tensor, v in zip(tensors, case.direction, strict=True)))

    def curvature(self, f: Scalar, case: Case) -> float:
        raise NotImplementedError("MyGrad has no second derivatives")


def _functrans() -> Differentiator:
    import functrans as ft

    return Differentiator(np, ft.grad)


def _autograd() -> Differentiator:
    import autograd
    import autograd.numpy as anp

    return Differentiator(Names(anp), autograd.grad)


def _jax() -> Differentiator:
    import jax

    jax.config.update("jax_enable_x64", True)
    return Compiled(Names(jax.numpy, special={"written": written_by_jax}), jax.grad, jax.numpy.asarray)


def _mygrad() -> Differentiator:
    import mygrad

    def tensor(x: Any) -> Any:
        if x.dtype.kind == "c":
            raise TypeError("MyGrad has no complex tensors")
        return mygrad.tensor(x)

    return Backward(Names(mygrad, np), None, tensor)


class Library(NamedTuple):
    """What is imported, and the differentiator."""

    module: str
    make: Callable[[], Differentiator]


LIBRARIES = {
    "functrans": Library("functrans", _functrans),
    "autograd": Library("autograd", _autograd),
    "JAX": Library("jax", _jax),
    "MyGrad": Library("mygrad", _mygrad),
}
