"""Recipes for the primitives of ``scipy.fft``: even and odd lengths, padded and cropped, along each axis."""

from __future__ import annotations

from typing import Any

import functrans.scipy.fft as fft
from functrans.testing.strategies.operands import FLOATS, INEXACT, calls


def _calls_of(name: str, dtypes: Any) -> None:
    several = getattr(fft, name)
    calls(
        f"scipy.fft.{name}",
        (several, (3,)),
        (several, (2, 3)),
        (lambda x: several(x, (5,), (0,)), (2, 3)),
        (lambda x: several(x, (4, 3), (0, 1), "forward"), (3, 4)),
        (lambda x: several(x, (3, 2), (1, 0), "ortho"), (2, 2)),
        dtypes=dtypes,
    )


for _name in ("fftn", "ifftn", "irfftn"):
    _calls_of(_name, INEXACT)
for _name in ("rfftn", "ihfftn"):
    _calls_of(_name, FLOATS)
for _name in ("dctn", "dstn"):
    _several: Any = getattr(fft, _name)
    calls(
        f"scipy.fft.{_name}",
        *[(lambda x, f=_several, t=t: f(x, t), (2, 3)) for t in (1, 2, 3, 4)],
        *[(lambda x, f=_several, t=t: f(x, t, (4,), (1,), orthogonalize=True), (2, 3)) for t in (1, 2, 3)],
        (lambda x, f=_several: f(x, 3, (2,), (0,), "ortho"), (3,)),
        dtypes=INEXACT,
    )
