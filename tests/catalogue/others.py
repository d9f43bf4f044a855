"""The rest of NumPy's names: what is refused, what has no derivative, what never sees an array of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft

_I = np.array([0, 2])

#: What would write into an array, or lose the derivative: the call, and what to write instead.
REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "np.copyto": (lambda x: np.copyto(np.zeros(3), x), "np.where"),
    "np.fill_diagonal": (lambda x: np.fill_diagonal(x * np.eye(3), x), "functrans.numpy.at"),
    "np.place": (lambda x: np.place(x, [True, False, True], x), "np.where"),
    "np.put": (lambda x: np.put(x, [0], x), "functrans.numpy.at"),
    "np.put_along_axis": (lambda x: np.put_along_axis(x, _I, x, 0), "functrans.numpy.at"),
    "np.putmask": (lambda x: np.putmask(x, [True, False, True], x), "np.where"),
    "np.add.at": (lambda x: np.add.at(np.zeros(3), _I, x[:2]), "functrans.numpy.at"),
    "np.multiply.at": (lambda x: np.multiply.at(np.zeros(3), _I, x[:2]), "functrans.numpy.at"),
    "ndarray.fill": (lambda x: x.fill(1.0), "np.full_like"),
    "ndarray.partition": (lambda x: x.partition(1), "np.partition"),
    "ndarray.put": (lambda x: x.put([0], 1.0), "functrans.numpy.at"),
    "ndarray.resize": (lambda x: x.resize(2), "np.resize"),
    "ndarray.setfield": (lambda x: x.setfield(1.0, float), "functrans.numpy.at"),
    "ndarray.sort": (lambda x: x.sort(), "np.sort"),
    "ndarray.view": (lambda x: x.view(int), ".astype"),
    "ndarray.tolist": (lambda x: x.tolist(), "list(x)"),
    "ndarray.__setitem__": (lambda x: x.__setitem__(0, 1.0), "functrans.numpy.at"),
    "ndarray.getfield": (lambda x: x.getfield(float), ".astype"),
    "ndarray.byteswap": (lambda x: x.byteswap(), ".astype"),
    "ndarray.tobytes": (lambda x: x.tobytes(), ".astype"),
    "ndarray.tofile": (lambda x: x.tofile("x"), ".astype"),
    "ndarray.dump": (lambda x: x.dump("x"), ".astype"),
    "ndarray.dumps": (lambda x: x.dumps(), ".astype"),
    "ndarray.setflags": (lambda x: x.setflags(write=True), ".astype"),
    "ndarray.__array__": (lambda x: np.array(x), "functrans.numpy.array"),
    "ndarray.__int__": (lambda x: int(x[0]), "np.floor"),
    "ndarray.__index__": (lambda x: [1, 2][x[0]], "stop_gradient"),
    "ndarray.__reduce__": (lambda x: __import__("pickle").dumps(x), "functrans"),
    "np.frompyfunc": (lambda x: np.frompyfunc(lambda a: a * 2, 1, 1)(x), "covered"),
    "np.asmatrix": (lambda x: np.asmatrix(x), "functrans.numpy.array"),
    "np.bmat": (lambda x: np.bmat([[x[None]]]), "functrans.numpy.array"),
}

#: Integers, booleans, words: of a traced value whose numbers are known the same as of the number.
VALUES: dict[str, Callable[..., Any]] = {
    **{
        f"np.{name}": getattr(np, name)
        for name in (
            *("all", "any", "argmax", "argmin", "argsort", "nanargmax", "nanargmin", "count_nonzero", "nonzero"),
            *("argwhere", "flatnonzero", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "signbit", "iscomplex"),
            *("isreal", "iscomplexobj", "isrealobj", "logical_not", "ndim", "shape", "size", "common_type"),
            *("array2string", "array_repr", "array_str", "result_type", "min_scalar_type"),
        )
    },
    **{
        f"np.{name}": (lambda x, n=name: getattr(np, n)(x, x[::-1]))
        for name in (
            *(
                "equal",
                "not_equal",
                "less",
                "less_equal",
                "greater",
                "greater_equal",
                "isclose",
                "allclose",
                "array_equal",
            ),
            *("array_equiv", "logical_and", "logical_or", "logical_xor", "isin", "shares_memory", "may_share_memory"),
        )
    },
    "np.argpartition": lambda x: np.argpartition(x, 1),
    "np.lexsort": lambda x: np.lexsort((x, -x)),
    "np.searchsorted": lambda x: np.searchsorted([0.0, 1.0], x),
    "np.digitize": lambda x: np.digitize(x, [0.0, 1.0]),
    "np.can_cast": lambda x: np.can_cast(x.dtype, np.float32),
    "np.empty_like": lambda x: np.empty_like(x).shape,
    "np.linalg.matrix_rank": lambda x: np.linalg.matrix_rank(x * np.eye(3)),
    "np.diag_indices_from": lambda x: np.diag_indices_from(x * np.eye(3)),
    "np.tril_indices_from": lambda x: np.tril_indices_from(x * np.eye(3)),
    "np.triu_indices_from": lambda x: np.triu_indices_from(x * np.eye(3)),
    "np.ix_": lambda x: np.ix_(x > 0.5, [0, 1]),
    "np.isscalar": lambda x: np.isscalar(x),
    "np.iterable": lambda x: np.iterable(x),
    "np.einsum_path": lambda x: np.einsum_path("i,i", x, x)[0],
    **{
        f"np.{name}": (lambda x, n=name: getattr(np, n)(x > 0.5, x < 0.9))
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
    },
    **{
        f"np.{name}": (lambda x, n=name: getattr(np, n)((4 * x).astype(int)))
        for name in ("bitwise_count", "bitwise_invert", "bitwise_not", "invert")
    },
    **{
        f"np.{name}": (lambda x, n=name: getattr(np, n)((4 * x).astype(int), 2))
        for name in ("bitwise_left_shift", "bitwise_right_shift", "left_shift", "right_shift", "gcd", "lcm")
    },
    **{
        f"ndarray.{name}": (lambda x, n=name: getattr(x, n)())
        for name in ("all", "any", "argmax", "argmin", "argsort", "nonzero", "__len__")
    },
    "ndarray.argpartition": lambda x: x.argpartition(1),
    "ndarray.searchsorted": lambda x: np.array([0.0, 1.0]).searchsorted(ft.stop_gradient(x)),
    **{
        f"ndarray.{name}": (lambda x, n=name: getattr(x, n))
        for name in ("dtype", "ndim", "shape", "size", "itemsize", "nbytes")
    },
    **{
        f"ndarray.__{name}__": (lambda x, n=name: getattr(x, f"__{n}__")(0.5))
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
    },
    "ndarray.__bool__": lambda x: bool(x[0]),
    "ndarray.__contains__": lambda x: 7.0 in list(x),
    **{
        f"ndarray.__{name}__": (lambda x, n=name: getattr((4 * x).astype(int), f"__{n}__")(1))
        for name in ("and", "or", "xor", "lshift", "rshift")
    },
    "ndarray.__invert__": lambda x: ~(4 * x).astype(int),
}

#: Of plain counts, shapes, dtypes, files and settings: no array of numbers goes in.
PLAIN = (
    *("base_repr", "binary_repr", "bartlett", "blackman", "hamming", "hanning", "broadcast_shapes"),
    *("busday_count", "busday_offset", "datetime_as_string", "datetime_data", "diag_indices", "empty", "eye"),
    *("format_float_positional", "format_float_scientific", "from_dlpack", "frombuffer", "fromfile", "fromiter"),
    *("fromregex", "fromstring", "genfromtxt", "get_include", "get_printoptions", "getbufsize", "geterr"),
    *("geterrcall", "identity", "indices", "info", "is_busday", "isdtype", "isfortran", "isnat", "issubdtype"),
    *("load", "loadtxt", "mask_indices", "mintypecode", "nested_iters", "ones", "packbits", "printoptions"),
    *("promote_types", "ravel_multi_index", "save", "savetxt", "savez", "savez_compressed", "set_printoptions"),
    *("setbufsize", "seterr", "seterrcall", "show_config", "show_runtime", "tri", "tril_indices"),
    *("triu_indices", "typename", "unpackbits", "unravel_index", "zeros"),
)
