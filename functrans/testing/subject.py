"""A function as ``check_grads`` sees it: of the leaves that move, to those that have a derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from functrans import tree
from functrans.ir.spec import ArraySpec
from functrans.testing.compare import double, epsilon, specs
from functrans.tracing.trace import trace
from functrans.transforms.jvp import jvp
from functrans.transforms.vjp import vjp

#: Arrays and numbers: a point, a tangent, a cotangent.
Leaves: TypeAlias = tuple[Any, ...]
#: A derivative that was taken: its mode, and the tangent or cotangent.
Step: TypeAlias = tuple[str, Leaves]


class Subject:
    """A function of the arguments' leaves that move, with its differentiable outputs' leaves as a tuple."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.f = f
        self.leaves, self.structure = tree.flatten(args)
        self.moving = [i for i, leaf in enumerate(self.leaves) if _moves(leaf)]
        self.point: Leaves = tuple(float(x) if type(x) is int else x for x in [self.leaves[i] for i in self.moving])
        self.out = self.call(*self.point)
        outs, self.out_structure = tree.flatten(self.out)
        self.outputs = [i for i, leaf in enumerate(outs) if _is_inexact(leaf)]
        #: The unit roundoff of the coarsest dtype that it computes in when its arguments are in double precision.
        self.rounding = _coarsest(self, double(self.point))

    def call(self, *point: Any) -> Any:
        """The function, of some values for the leaves that move."""
        leaves = list(self.leaves)
        for i, x in zip(self.moving, point, strict=True):
            leaves[i] = x
        return self.f(*tree.unflatten(self.structure, leaves))

    def __call__(self, *point: Any) -> Leaves:
        return tuple(leaf for leaf in tree.flatten(self.call(*point))[0] if _is_inexact(leaf))


def _coarsest(f: Callable[..., Leaves], point: Leaves) -> float:
    try:
        made = [spec for equation in trace(f)(*point).equations for spec in specs([v.spec for v in equation.outputs])]
    except Exception:  # it cannot be staged, such as one that branches on values
        return epsilon()
    return epsilon(made)


def _moves(leaf: Any) -> bool:
    if type(leaf) in (int, float, complex):
        return True
    return isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind in "fc"


def _is_inexact(leaf: Any) -> bool:
    return ArraySpec.of(leaf).dtype.kind in "fc"


def derived(f: Callable[..., Leaves], steps: Sequence[Step]) -> Callable[..., Leaves]:
    """The derivatives of ``f``, the first step innermost: each takes what ``f`` takes."""
    for mode, vector in steps:
        f = _forward(f, vector) if mode == "forward" else _reverse(f, vector)
    return f


def _forward(f: Callable[..., Leaves], v: Leaves) -> Callable[..., Leaves]:
    return lambda *point: jvp(f, point, v)[1]


def _reverse(f: Callable[..., Leaves], w: Leaves) -> Callable[..., Leaves]:
    return lambda *point: vjp(f, *point)[1](w)
