"""The catalogue's calls: ``np.linalg``, ``np.fft``, the methods of ufuncs and of arrays."""

from __future__ import annotations

import copy

import numpy as np

import functrans.numpy as fnp
from tests.catalogue.draws import A, C, H, M, P, S
from tests.catalogue.numpy_calls import CALLS


def _spectral(w, v):
    """The values, and a function of the matrix."""
    return w, (v * w[..., None, :] ** 2) @ np.conj(np.swapaxes(v, -1, -2))


def _moduli(w, v):
    return np.abs(v) ** 2


def _function_of(w, v):
    return (v * w**2) @ np.linalg.inv(v)


def _product(u, s, v):
    return (u * s**2) @ v


def linalg(names: str, *made: tuple) -> None:
    for name in names.split():
        CALLS[f"np.linalg.{name}"] = [
            (getattr(np.linalg, name) if call[0] is None else call[0], *call[1:]) for call in made
        ]


linalg("det inv", (None, M(3, 3)), (None, M(2, 3, 3)), (None, H(2, 2)))
linalg("slogdet", (None, M(3, 3)), (None, M(2, 2, 2)), (None, H(2, 2)))
linalg("solve", (None, M(3, 3), (3,)), (None, M(2, 3, 3), (2, 3, 2)), (None, H(2, 2), C(2, 1)))
linalg("cholesky", (None, S(3, 3)), (None, H(2, 2)), (lambda x: np.linalg.cholesky(x, upper=True), S(2, 2, 2)))
linalg(
    "eigh",
    (lambda x: _spectral(*np.linalg.eigh(x)), S(3, 3)),
    (lambda x: np.linalg.eigh(x, UPLO="U")[0], S(2, 2, 2)),
    (lambda x: _moduli(*np.linalg.eigh(x)), H(2, 2)),
)
linalg("eigvalsh", (None, S(3, 3)), (lambda x: np.linalg.eigvalsh(x, "U"), H(2, 2, 2)))
linalg(
    "eig",
    (lambda x: np.linalg.eig(x)[0], M(3, 3)),
    (lambda x: _function_of(*np.linalg.eig(x)), M(2, 2)),
)
linalg("eigvals", (None, M(3, 3)), (None, M(2, 2, 2)))
linalg(
    "svd",
    (lambda x: _product(*np.linalg.svd(x, full_matrices=False)), M(3, 2)),
    (lambda x: [np.abs(part[..., :2]) ** 2 for part in np.linalg.svd(x)], M(2, 3)),
    (lambda x: np.linalg.svd(x, compute_uv=False), M(2, 3, 2)),
    (lambda x: np.linalg.svd(x, compute_uv=False, hermitian=True), S(2, 2)),
)
linalg("svdvals", (None, M(3, 2)), (None, H(2, 2)))
linalg(
    "qr",
    (None, M(3, 2)),
    (None, M(2, 3)),
    (None, H(2, 2)),
    (lambda x: np.linalg.qr(x, mode="r"), M(2, 3, 2)),
    (lambda x: np.linalg.qr(x, mode="complete")[1], M(3, 2)),
)
linalg(
    "pinv", (None, M(3, 2)), (None, M(2, 3)), (lambda x: np.linalg.pinv(x, hermitian=True), S(2, 2)), (None, H(2, 2))
)
linalg(
    "lstsq",
    (lambda a, b: np.linalg.lstsq(a, b)[:2], M(4, 2), (4,)),
    (lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0], M(2, 3), (2, 2)),
)
linalg("matrix_power", *[(lambda x, n=n: np.linalg.matrix_power(x, n), M(2, 2)) for n in (-2, 0, 1, 3, 5)])
linalg("multi_dot", (lambda x, y, z: np.linalg.multi_dot([x, y, z]), (2,), (2, 3), (3, 2)))
linalg(
    "norm",
    (None, (3,)),
    (None, C(2, 2)),
    *[(lambda x, p=p: np.linalg.norm(x, p), (4,)) for p in (1, 2, 3, 2.5, np.inf, -np.inf, -1)],
    *[(lambda x, p=p: np.linalg.norm(x, p, axis=(2, 0)), M(2, 3, 2)) for p in (1, -1, 2, -2, np.inf, "fro", "nuc")],
    (lambda x: np.linalg.norm(x, axis=1, keepdims=True), (2, 3)),
)
linalg("vector_norm", (lambda x: np.linalg.vector_norm(x, ord=3, axis=1, keepdims=True), (2, 3)), (None, (2, 3)))
linalg("matrix_norm", (lambda x: np.linalg.matrix_norm(x, ord="nuc"), M(2, 3, 2)), (None, (2, 2, 3)))
linalg(
    "cond",
    (None, M(3, 2)),
    *[(lambda x, p=p: np.linalg.cond(x, p), M(2, 2)) for p in (-2, 1, -1, np.inf, "fro", "nuc")],
)
linalg("tensorinv", (lambda x: np.linalg.tensorinv(np.reshape(x, (2, 2, 4)), ind=2), M(4, 4)))
linalg("tensorsolve", (lambda a, b: np.linalg.tensorsolve(np.reshape(a, (2, 2, 4)), b), M(4, 4), (2, 2)))
linalg("matmul", (None, (2, 3), (3, 2)), (None, C(2, 1, 3), (3, 2)))
linalg("outer", (None, (2,), (3,)))
linalg("cross", (None, (2, 3), (2, 3)))
linalg("vecdot", (None, (2, 3), (3,)), (lambda x, y: np.linalg.vecdot(x, y, axis=0), C(3, 2), C(3, 2)))
linalg("tensordot", (lambda x, y: np.linalg.tensordot(x, y, axes=1), (2, 3), (3, 2)))
linalg("diagonal trace", (lambda x: np.linalg.diagonal(x, offset=1), (2, 3, 3)))
CALLS["np.linalg.trace"] = [(lambda x: np.linalg.trace(x, offset=-1), (2, 3, 3))]
linalg("matrix_transpose", (None, (2, 3, 2)))

# Fourier transforms.
for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    _draw = (lambda *shape: shape) if _name in ("rfft", "ihfft") else C
    _f = getattr(np.fft, _name)
    CALLS[f"np.fft.{_name}"] = [
        (_f, _draw(4)),
        (lambda x, f=_f: f(x, n=5, axis=0, norm="ortho"), _draw(3, 2)),
        (lambda x, f=_f: f(x, n=2, norm="forward"), _draw(2, 3)),
    ]
for _name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "irfft2", "rfftn", "irfftn"):
    _draw = (lambda *shape: shape) if _name.startswith("r") else C
    _f = getattr(np.fft, _name)
    CALLS[f"np.fft.{_name}"] = [
        (_f, _draw(2, 3)),
        (lambda x, f=_f: f(x, s=(3, 4), axes=(2, 0), norm="ortho"), _draw(3, 2, 3)),
    ]
for _name in ("fftshift", "ifftshift"):
    _f = getattr(np.fft, _name)
    CALLS[f"np.fft.{_name}"] = [(_f, (2, 3)), (lambda x, f=_f: f(x, axes=1), C(2, 3))]
for _f in (fnp.fft.fftfreq, fnp.fft.rfftfreq):
    CALLS[f"np.fft.{_f.__name__}"] = [(lambda d, f=_f: f(4, d), P())]

# Methods of ufuncs.
for _name, _first in (
    ("add", (2, 4)),
    ("multiply", (2, 4)),
    ("logaddexp", (2, 4)),
    ("maximum", (2, 4)),
    ("minimum", (2, 4)),
):
    _f = getattr(np, _name)
    CALLS[f"np.{_name}.reduce"] = [(lambda x, f=_f: f.reduce(x, axis=1, keepdims=True), _first), (_f.reduce, _first)]
    CALLS[f"np.{_name}.accumulate"] = [(lambda x, f=_f: f.accumulate(x, axis=1), _first)]
for _f in (np.add, np.multiply):
    CALLS[f"np.{_f.__name__}.reduceat"] = [(lambda x, f=_f: f.reduceat(x, [0, 3, 1], axis=1), (2, 4))]
for _name in ("add", "subtract", "multiply", "divide", "maximum", "power"):
    CALLS[f"np.{_name}.outer"] = [(getattr(np, _name).outer, P(2), A(2, 2))]

# What arrays have, by name; the first operand is the array.


def method(names: str, *made: tuple) -> None:
    for name in names.split():
        CALLS[f"ndarray.{name}"] = [
            ((lambda x, *args, n=name: getattr(x, n)(*args)) if call[0] is None else call[0], *call[1:])
            for call in made
        ]


def attribute(name: str, *operands: tuple) -> None:
    CALLS[f"ndarray.{name}"] = [(lambda x: getattr(x, name), operand) for operand in operands]


attribute("T", (2, 3))
attribute("mT", (2, 2, 3))
attribute("real", C(2), (3,))
attribute("imag", C(2), (3,))
CALLS["ndarray.flat"] = [(lambda x: sum(v * i for i, v in enumerate(x.flat)), (2, 2))]
CALLS["ndarray.__iter__"] = [(lambda x: sum(np.sum(row) ** 2 for row in x), (2, 2))]
CALLS["ndarray.__getitem__"] = [
    (lambda x: x[1, ::-1], (2, 3)),
    (lambda x: x[..., None, np.array([2, 0, 0])], (2, 3)),
    (lambda x: x[np.array([True, False])], (2, 3)),
]
for _name, _f in {
    "__abs__": abs,
    "__neg__": lambda x: -x,
    "__pos__": lambda x: +x,
    "__copy__": copy.copy,
    "__deepcopy__": copy.deepcopy,
}.items():
    CALLS[f"ndarray.{_name}"] = [(_f, (2, 3))]
_OPERATORS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "pow": "**",
    "mod": "%",
    "matmul": "@",
    "floordiv": "//",
}
for _name, _sign in _OPERATORS.items():
    _f = eval(f"lambda x, y: x {_sign} y")
    _g = eval(f"lambda x, y: y {_sign} x")
    _square = A(2, 2)
    CALLS[f"ndarray.__{_name}__"] = [(_f, A(2, 2), _square)]
    CALLS[f"ndarray.__r{_name}__"] = [(lambda x, g=_g: g(x, np.array([[2.5, 3.5], [0.7, 1.4]])), A(2, 2))]
CALLS["ndarray.__divmod__"] = [(lambda x, y: divmod(x, y)[1], (2,), A(2))]
CALLS["ndarray.__rdivmod__"] = [(lambda x: divmod(np.array([2.5, 1.4]), x)[1], A(2))]


def _in_place(sign: str):
    code: dict = {}
    exec(f"def f(x, y):\n    x = x * 1\n    x {sign}= y\n    return x", code)
    return code["f"]


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    CALLS[f"ndarray.__i{_name}__"] = [(_in_place(_OPERATORS[_name]), A(2, 2), A(2, 2))]

method("sum prod mean max min", (None, (2, 3)), (lambda x: x.sum(axis=1, keepdims=True), (2, 3)))
for _name in ("prod", "mean", "max", "min"):
    CALLS[f"ndarray.{_name}"][1] = (lambda x, n=_name: getattr(x, n)(axis=1, keepdims=True), (2, 3))
method("var std", (None, (2, 3)), (lambda x: x.var(0, ddof=1), (3, 2)))
CALLS["ndarray.std"][1] = (lambda x: x.std(0, ddof=1), (3, 2))
method("cumsum cumprod", (None, (2, 3)), (lambda x: x.cumsum(axis=1), (2, 3)))
CALLS["ndarray.cumprod"][1] = (lambda x: x.cumprod(axis=1), (2, 3))
method("ravel flatten copy transpose squeeze conj conjugate", (None, (2, 1, 3)), (None, C(2)))
method("reshape", (lambda x: x.reshape(3, -1), (2, 3)), (lambda x: x.reshape((6,), order="F"), (2, 3)))
method("swapaxes", (lambda x: x.swapaxes(0, 1), (2, 3)))
method("diagonal trace", (None, (3, 3)), (lambda x: x.trace(1), (3, 3)))
method("repeat", (lambda x: x.repeat(2, axis=0), (2, 3)))
method("take", (lambda x: x.take([1, 0], axis=1), (2, 3)))
method("compress", (lambda x: x.compress([True, False], axis=0), (2, 3)))
method("choose", (lambda y: np.choose(np.array([0, 1]), [y, 2 * y]), (2,)))
method("clip", (lambda x, y: x.clip(-0.5, y), (3,), P(3)))
method("dot", (None, (2, 3), (3,)))
method("astype", (lambda x: x.astype(np.complex128), (3,)))
method("item", (lambda x: x.reshape(()), (1,)))
method("round", (None, (3,)))
