"""``scipy.linalg``: functions that have no derivative of their own, each with what to write instead."""

from __future__ import annotations

from typing import Any, NoReturn

from scipy import linalg

from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import refused

_BASIS = "a basis of a space, which could be any other one,"

_INSTEAD = {
    "orth": (_BASIS, "the projector on the space is `a @ scipy.linalg.pinv(a)`."),
    "null_space": (_BASIS, "the projector on the space is `np.eye(n) - scipy.linalg.pinv(a) @ a`."),
    "schur": ("a basis that jumps where eigenvalues change their order,", "use `eig`, `eigh`, `logm` or `sqrtm`."),
    "hessenberg": ("an intermediate form", "use what is computed from it: `eigvals`, `solve`, `det`."),
    "ldl": ("with blocks whose sizes jump", "use `cholesky`, or `lu`."),
    "funm": (
        "with any function of numbers",
        "use `expm`, `logm`, `sqrtm`, …; of hermitian matrices `(v * f(w)) @ np.conj(v.mT)`, `w` and `v` of `eigh`.",
    ),
    "signm": ("", "write `a @ inv(sqrtm(a @ a))`."),
}


def _refuse(name: str, what: str, instead: str) -> None:
    @covers(getattr(linalg, name), module="scipy.linalg")
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise refused(name, what, instead)

    refuse.__doc__ = f"Of plain values alone: {instead}"


for _name, (_what, _way) in _INSTEAD.items():
    _refuse(_name, _what, _way)
