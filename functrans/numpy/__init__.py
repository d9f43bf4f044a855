"""The drop-in for ``import numpy as np``: NumPy's own functions wherever NumPy can be traced, and a few of functrans.

NumPy's functions call functrans when an argument is traced, so the names here *are* NumPy's, and with plain arguments
nothing is between. Only what NumPy cannot trace (``array``, ``asarray``, ``full``, ``arange``, ``vectorize``, …) is a
function of its own. A name that functrans does not cover raises
:class:`~functrans.errors.UncoveredFunctionError`.

Example:
    >>> import functrans as ft
    >>> import functrans.numpy as np
    >>> ft.grad(lambda x: np.sum(np.array([x, 2.0 * x]) ** 2))(1.0)
    10.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import *  # noqa: F403

    from functrans.ops.update import at as at

#: Functions of functrans: NumPy's own do not ask their arguments what they are.
_OWN = """
arange array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray at full isscalar require

apply_along_axis interp kaiser piecewise polyint take vectorize
"""

#: Constants, types, and functions that see counts, settings and files alone. A traced value does not get through them
#: in silence: all turn their arguments into plain numbers or arrays, and a traced value refuses that.
_PLAIN = """
False_ True_ ScalarType e euler_gamma inf little_endian nan newaxis pi sctypeDict typecodes
__version__ __array_namespace_info__

bool bool_ byte bytes_ cdouble character clongdouble complex128 complex192 complex256 complex64 complexfloating csingle
datetime64 double dtype flatiter flexible float128 float16 float32 float64 float96 floating generic half inexact int16
int32 int64 int8 int_ intc integer intp long longdouble longlong ndarray number object_ short signedinteger single str_
timedelta64 ubyte ufunc uint uint16 uint32 uint64 uint8 uintc uintp ulong ulonglong unsignedinteger ushort void

dtypes finfo iinfo isdtype issubdtype mintypecode promote_types typename typing

bartlett blackman c_ diag_indices empty eye frombuffer fromfile fromfunction fromiter fromregex fromstring hamming
hanning identity index_exp indices mask_indices mgrid ndindex ogrid ones r_ random row_stack s_ tri tril_indices
triu_indices zeros

array2string array_repr array_str base_repr binary_repr errstate exceptions format_float_positional
format_float_scientific genfromtxt get_include get_printoptions getbufsize geterr geterrcall info load loadtxt memmap
printoptions save savetxt savez savez_compressed set_printoptions setbufsize seterr seterrcall show_config show_runtime
testing

broadcast broadcast_shapes diag_indices_from einsum_path from_dlpack isfortran iterable ix_ ndenumerate packbits
ravel_multi_index tril_indices_from triu_indices_from unpackbits unravel_index

busday_count busday_offset busdaycalendar datetime_as_string datetime_data is_busday isnat
"""

_own = frozenset(_OWN.split())
_plain = frozenset(_PLAIN.split())
_submodules = frozenset({"fft", "linalg"})


def _find(name: str) -> Any:
    import numpy

    if name in _own:
        from functrans.numpy import creation, functions

        return getattr(creation, name, None) or getattr(functions, name)
    if name in _submodules:
        from importlib import import_module

        return import_module(f"functrans.numpy.{name}")
    if name in _plain:
        return getattr(numpy, name)
    from functrans.numpy._covered import covered

    return covered(numpy, name)


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return __dir__()
    try:
        found = globals()[name] = _find(name)
    except AttributeError as error:
        from functrans.frames import hide

        hide(error)
        raise
    return found


def __dir__() -> list[str]:
    import numpy

    from functrans.numpy._covered import covered_names

    plain = {name for name in _plain if hasattr(numpy, name) and not name.startswith("_")}
    return sorted(_own | _submodules | plain | covered_names(numpy))
