"""``scipy.fft``: transforms of Fourier, in any number of dimensions, and those of cosines and sines.

All are linear; in one dimension they are those along one axis. The transposes of the complex ones are as in
:mod:`functrans.ops.fourier`. Cosine and sine transforms of types I and IV are symmetric and those of types II and III
each other's transposes, if they are orthogonal ones but for a factor; else the entries that count half say by how much
they differ (Makhoul, *A fast cosine transform in one and two dimensions*, IEEE Trans. ASSP 28 (1980)).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import fft

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.contract import conj
from functrans.ops.family import keywords, normalize_axis, real_dtype
from functrans.ops.reduction import array
from functrans.primitives import Linear, Primitive, Rule, call_source
from functrans.scipy.covering import COVERED, covers
from functrans.scipy.twin import transpose
from functrans.tracing.bind import bind

Axes = tuple[int, ...]
_SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _floating(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What SciPy computes in."""
    if dtype.kind not in "fc":
        return np.dtype(np.float64)
    return np.dtype(np.float32) if dtype.char == "e" else dtype


def _complex(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.result_type(_floating(dtype), np.complex64)


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return real_dtype(_floating(dtype))


def _slices(x: Any, s: Axes, axes: Axes) -> Any:
    """The first entries along some axes: transforms have operands of at most their lengths."""
    index = [slice(None)] * len(x.shape)
    for n, axis in zip(s, axes, strict=True):
        index[axis] = slice(n)
    return x[tuple(index)] if any(n < x.shape[axis] for n, axis in zip(s, axes, strict=True)) else x


def _cut(ct: Any, x: ArraySpec, axes: Axes) -> Any:
    return _slices(ct, tuple([x.shape[axis] for axis in axes]), axes)


def _complex_transpose(name: str) -> Rule:
    def rule(ct: Any, x: ArraySpec, *, s: Axes, axes: Axes, **how: Any) -> Any:
        return _cut(bind(PRIMITIVES[name], ct, s=s, axes=axes, **how), x, axes)

    return rule


def _weighted(half: Any, n: int, axis: int, inside: float) -> Any:
    """Half a spectrum of ``n`` points, times ``inside`` where an entry stands for two."""
    weights = np.full(n // 2 + 1, inside, real_dtype(half.dtype))
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    return half * weights.reshape(-1, *[1] * (half.ndim - 1 - axis))


def _swap(how: dict[str, Any]) -> dict[str, Any]:
    return keywords({**how, "norm": _SWAPPED[how.get("norm", "backward")]}, norm="backward")


def _rfftn_transpose(ct: Any, x: ArraySpec, *, s: Axes, axes: Axes, **how: Any) -> Any:
    if len(axes) > 1:
        ct = bind(PRIMITIVES["fftn"], ct, s=s[:-1], axes=axes[:-1], **how)
    ct = conj(_weighted(ct, s[-1], axes[-1], 0.5))
    return _cut(bind(PRIMITIVES["irfftn"], ct, s=s[-1:], axes=axes[-1:], **_swap(how)), x, axes)


def _irfftn_transpose(ct: Any, x: ArraySpec, *, s: Axes, axes: Axes, **how: Any) -> Any:
    ct = np.conjugate(bind(PRIMITIVES["rfftn"], ct, s=s[-1:], axes=axes[-1:], **_swap(how)))
    ct = _weighted(ct, s[-1], axes[-1], 2.0)
    if len(axes) > 1:
        ct = bind(PRIMITIVES["ifftn"], ct, s=s[:-1], axes=axes[:-1], **how)
    return _cut(ct, x, axes)


def _ihfftn_twin(x: Any, *, s: Axes, axes: Axes, **how: Any) -> Any:
    return np.conjugate(bind(PRIMITIVES["rfftn"], x, s=s, axes=axes, **_swap(how)))


def _halved(s: Axes) -> Axes:
    return (*s[:-1], s[-1] // 2 + 1)


def _transform(
    name: str, derivative: Rule, dtype: Callable[[np.dtype[Any]], np.dtype[Any]], lengths: Callable[[Axes], Axes]
) -> Primitive:
    function = getattr(fft, name)

    def spec(x: ArraySpec, *, s: Axes, axes: Axes, **_: Any) -> ArraySpec:
        shape = list(x.shape)
        for n, axis in zip(lengths(s), axes, strict=True):
            shape[axis] = n
        return ArraySpec(tuple(shape), dtype(x.dtype))

    def source(args: list[str], params: dict[str, Any]) -> str:
        if len(params["axes"]) > 1 or not hasattr(fft, name[:-1]):
            return call_source(f"scipy.fft.{name}", args, params)
        rest = {key: value for key, value in params.items() if key not in ("s", "axes")}
        n, axis = params["s"][0], params["axes"][0]
        return call_source(f"scipy.fft.{name[:-1]}", args, {"n": n, "axis": axis, **rest})

    return Primitive(
        f"scipy.fft.{name}", function, spec, Linear((derivative,)), source=source, batch=batching.along("axes")
    )


# Cosines and sines. Of complex numbers SciPy ignores `orthogonalize`.


def _trigonometric_twin(name: str, ends: Callable[[int, int], tuple[int, ...]]) -> Rule:
    """Transposed: with ``ends(type, n)``, the entries that count half in a transform that is not orthogonal."""

    def rule(ct: Any, x: ArraySpec, *, type: int, s: Axes, axes: Axes, orthogonalize: Any = None, **how: Any) -> Any:
        if x.dtype.kind == "c" or orthogonalize is None:
            orthogonalize = how.get("norm") == "ortho"
        other = {2: 3, 3: 2}.get(type, type)

        def weigh(ct: Any, which: int, weight: float) -> Any:
            for n, axis in zip(s, axes, strict=True):
                weights = np.ones(n, real_dtype(ct.dtype))
                for place in ends(which, n):
                    weights[place] = weight
                ct = ct * weights.reshape(-1, *[1] * (ct.ndim - 1 - axis))
            return ct

        params = {"type": other, "s": s, "axes": axes, **how}
        if orthogonalize != (how.get("norm") == "ortho"):
            params["orthogonalize"] = orthogonalize
        if orthogonalize:
            return _cut(bind(PRIMITIVES[name], ct, **params), x, axes)
        ct = bind(PRIMITIVES[name], weigh(ct, type, 2.0) if type in (1, 2) else ct, **params)
        return _cut(weigh(ct, type, 0.5) if type in (1, 3) else ct, x, axes)

    return rule


PRIMITIVES = {
    "fftn": _transform("fftn", _complex_transpose("fftn"), _complex, tuple),
    "ifftn": _transform("ifftn", _complex_transpose("ifftn"), _complex, tuple),
    "rfftn": _transform("rfftn", _rfftn_transpose, _complex, _halved),
    "irfftn": _transform("irfftn", _irfftn_transpose, _real, tuple),
    "ihfftn": _transform("ihfftn", transpose(_ihfftn_twin, 0), _complex, _halved),
    "dctn": _transform("dctn", _trigonometric_twin("dctn", lambda t, n: (0, -1) if t == 1 else (0,)), _floating, tuple),
    "dstn": _transform("dstn", _trigonometric_twin("dstn", lambda t, n: () if t == 1 else (-1,)), _floating, tuple),
}


# What users call.


def _normalization(norm: Any) -> str:
    if norm is None:
        return "backward"
    if norm not in _SWAPPED:
        raise ValueError(f'Invalid norm value {norm!r}, should be "backward", "ortho" or "forward"')
    return str(norm)


def _how(norm: str, workers: Any = None, plan: Any = None) -> dict[str, Any]:
    if plan is not None:
        raise NotImplementedError("Passing a precomputed plan is not yet supported by scipy.fft functions")
    return keywords({"norm": norm, "workers": workers}, norm="backward", workers=None)


def _lengths(x: Any, s: Any, axes: Any) -> tuple[list[int], Axes]:
    if axes is None:
        given = None if s is None else list(np.atleast_1d(s))
        axes = range(x.ndim) if given is None else range(x.ndim - len(given), x.ndim)
        if len(axes) > x.ndim:
            raise ValueError("shape requires more axes than are present")
    axes = [axes] if np.ndim(axes) == 0 else list(axes)
    places = tuple([normalize_axis(axis, x.ndim) for axis in axes])
    if len(set(places)) != len(places):
        raise ValueError("all axes must be unique")
    if s is None:
        return [x.shape[axis] for axis in places], places
    lengths = [operator.index(n) for n in np.atleast_1d(s)]
    if len(lengths) != len(places):
        raise ValueError("when given, axes and shape arguments have to be of the same length")
    return [x.shape[axis] if n == -1 else n for n, axis in zip(lengths, places, strict=True)], places


def _apply(name: str, x: Any, s: Any, axes: Any, how: dict[str, Any], halved: bool = False) -> Any:
    """Along some axes; ``halved``: the last one has half a spectrum."""
    lengths, places = _lengths(x, s, axes)
    if not places:
        if name in ("dctn", "dstn", "fftn", "ifftn"):
            return x
        raise ValueError("at least 1 axis must be transformed")
    if halved and s is None:
        lengths[-1] = 2 * (lengths[-1] - 1)
    if min(lengths) < 1:
        raise ValueError(f"invalid number of data points ({tuple(lengths)}) specified")
    if name in ("rfftn", "ihfftn") and x.dtype.kind == "c":
        raise TypeError("x must be a real sequence")
    used = [*lengths[:-1], lengths[-1] // 2 + 1] if halved else lengths
    return bind(PRIMITIVES[name], _slices(x, tuple(used), places), s=tuple(lengths), axes=places, **how)


def _hermitian(x: Any, s: Any, axes: Any, norm: str, workers: Any, plan: Any) -> Any:
    return _apply("irfftn", conj(x), s, axes, _how(_SWAPPED[norm], workers, plan), True)


def _plainly(name: str, halved: bool = False) -> Callable[..., Any]:
    return lambda x, s, axes, norm, workers, plan: _apply(name, x, s, axes, _how(norm, workers, plan), halved)


def _declare(name: str, apply: Callable[..., Any]) -> None:
    """In one dimension, in two, and in any number."""

    @covers(getattr(fft, name))
    def one(
        x: Any,
        n: Any = None,
        axis: Any = -1,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        *,
        plan: Any = None,
    ) -> Any:
        """With all keywords; a traced value is never overwritten."""
        length = None if n is None else (operator.index(n),)
        if length is not None and length[0] < 1:
            raise ValueError(f"invalid number of data points ({n}) specified")
        return apply(array(x), length, (axis,), _normalization(norm), workers, plan)

    def several(function: Callable[..., Any], every: Any) -> None:
        @covers(function)
        def handler(
            x: Any,
            s: Any = None,
            axes: Any = every,
            norm: Any = None,
            overwrite_x: bool = False,
            workers: Any = None,
            *,
            plan: Any = None,
        ) -> Any:
            """With all keywords; a traced value is never overwritten."""
            return apply(array(x), s, axes, _normalization(norm), workers, plan)

    several(getattr(fft, f"{name}2"), (-2, -1))
    several(getattr(fft, f"{name}n"), None)


for _name, _function in {
    "fft": _plainly("fftn"),
    "ifft": _plainly("ifftn"),
    "rfft": _plainly("rfftn"),
    "irfft": _plainly("irfftn", True),
    "hfft": _hermitian,
    "ihfft": _plainly("ihfftn"),
}.items():
    _declare(_name, _function)


def _trigonometric(name: str, inverse: bool) -> None:
    def apply(x: Any, type: Any, s: Any, axes: Any, norm: Any, workers: Any, orthogonalize: Any) -> Any:
        if type not in (1, 2, 3, 4):
            raise ValueError("invalid type; must be one of (1, 2, 3, 4)")
        norm = _normalization(norm)
        how = {}
        if orthogonalize is not None and bool(orthogonalize) != (norm == "ortho"):
            how["orthogonalize"] = bool(orthogonalize)
        if inverse:
            norm, type = _SWAPPED[norm], {2: 3, 3: 2}.get(type, type)
        return _apply(f"{name}n", x, s, axes, {"type": operator.index(type), **_how(norm, workers), **how})

    prefix = "i" if inverse else ""

    @covers(getattr(fft, prefix + name))
    def one(
        x: Any,
        type: Any = 2,
        n: Any = None,
        axis: Any = -1,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        orthogonalize: Any = None,
    ) -> Any:
        """Of types 1 to 4, with all keywords; a traced value is never overwritten."""
        return apply(array(x), type, None if n is None else (n,), (axis,), norm, workers, orthogonalize)

    @covers(getattr(fft, f"{prefix}{name}n"))
    def several(
        x: Any,
        type: Any = 2,
        s: Any = None,
        axes: Any = None,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        *,
        orthogonalize: Any = None,
    ) -> Any:
        """Of types 1 to 4, with all keywords; a traced value is never overwritten."""
        return apply(array(x), type, s, axes, norm, workers, orthogonalize)


for _name in ("dct", "dst"):
    _trigonometric(_name, False)
    _trigonometric(_name, True)


def _shifted(function: Callable[..., Any]) -> None:
    @covers(getattr(fft, function.__name__))
    def handler(x: Any, axes: Any = None) -> Any:
        """With all keywords."""
        return function(x, axes=axes)


_shifted(np.fft.fftshift)
_shifted(np.fft.ifftshift)


def _as_they_are(names: Sequence[str]) -> None:
    """Functions of plain numbers alone."""
    COVERED.setdefault("scipy.fft", {}).update({name: getattr(fft, name) for name in names if hasattr(fft, name)})


_as_they_are(["fftfreq", "rfftfreq", "next_fast_len", "prev_fast_len", "set_workers", "get_workers"])
