"""The stand-in for an array that flows through a user's function while it is traced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from functrans.errors import TracedAssignmentError, TracedValueError
from functrans.ir.spec import WEAK, ArraySpec
from functrans.tracing.dispatch import array_function, array_ufunc, method
from functrans.tracing.refusal import refuse, refuse_truth

if TYPE_CHECKING:
    from functrans.tracing.recorder import Recorder


class Tracer:
    """An array under tracing; it behaves like the array that it stands for.

    ``value`` is what is known one level further out: the value itself in live tracing (possibly a tracer of an outer
    transform), its :class:`~functrans.ir.ArraySpec` in staged tracing. ``mark`` belongs to the recorder: the node to
    walk back through, the tangent, or the variable. Operators and indexing are attached by ``functrans.ops``.
    """

    __slots__ = ("__weakref__", "mark", "recorder", "value")

    recorder: Recorder
    value: Any
    mark: Any

    def __init__(self, recorder: Recorder, value: Any, mark: Any) -> None:
        self.recorder = recorder
        self.value = value
        self.mark = mark

    __array_ufunc__ = array_ufunc
    __array_function__ = array_function

    # What is known without a value.

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The type of what it stands for: ``isinstance(x, float)`` takes the branch that the plain value takes."""
        value = self.value
        if type(value) is not ArraySpec:
            return value.__class__  # type: ignore[no-any-return]
        if value.weak:
            return WEAK[value.dtype.kind]
        return np.ndarray if value.shape else value.dtype.type

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        try:
            return self.value.shape  # type: ignore[no-any-return]
        except AttributeError:
            return np.shape(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        try:
            return self.value.dtype  # type: ignore[no-any-return]
        except AttributeError:
            return ArraySpec.of(self.value).dtype

    @property
    def spec(self) -> ArraySpec:
        """Shape and dtype, and whether it promotes like a Python scalar."""
        return ArraySpec.of(self.value)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.spec.size

    @property
    def itemsize(self) -> int:
        """Bytes of one entry."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return self.size * self.itemsize

    @property
    def T(self) -> Any:
        """The transpose: all axes reversed."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:
        """The matrix transpose: the last two axes exchanged."""
        return np.matrix_transpose(self)  # type: ignore[call-overload]

    @property
    def real(self) -> Any:
        """The real part."""
        return np.real(self)

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return np.imag(self)

    @property
    def flat(self) -> Any:
        """The entries in one dimension, in C order."""
        return np.ravel(self)  # type: ignore[call-overload]

    @property
    def device(self) -> str:
        """Where NumPy's arrays are."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: None = None) -> Tracer:
        """Itself: there is one device."""
        np.empty(0).to_device(device, stream=stream)  # type: ignore[arg-type]  # NumPy's own complaint
        return self

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.shape[0]))  # type: ignore[index]

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        import functrans.numpy

        return functrans.numpy

    # What needs the value, and may have it.

    def __bool__(self) -> bool:
        if self.recorder.closed:
            self.recorder.leaked()
        if type(self.value) is ArraySpec:
            refuse_truth(self)
        return bool(self.value)

    def __contains__(self, item: object) -> bool:
        return bool(np.any(self == item))

    def __repr__(self) -> str:
        if type(self.value) is ArraySpec:
            return f"Traced<{self.value}>"
        return f"Traced<{self.value!r}>"

    def __str__(self) -> str:
        return repr(self) if type(self.value) is ArraySpec else str(self.value)

    def __format__(self, spec: str) -> str:
        return repr(self) if type(self.value) is ArraySpec else format(self.value, spec)

    __hash__ = object.__hash__

    # What would lose the derivative, in silence, if it were allowed.

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        refuse(self, "array")

    def __float__(self) -> float:
        refuse(self, "float")

    def __int__(self) -> int:
        refuse(self, "int")

    def __trunc__(self) -> int:
        refuse(self, "int")

    def __complex__(self) -> complex:
        refuse(self, "complex")

    def __index__(self) -> int:  # noqa: PLE0305  (it never returns)
        refuse(self, "count")

    def __round__(self, ndigits: int = 0) -> Any:
        return np.round(self, ndigits)  # type: ignore[call-overload]

    def item(self, *_: Any) -> NoReturn:
        """Refused: it would lose the derivative."""
        refuse(self, "item")

    def tolist(self) -> NoReturn:
        """Refused: it would lose the derivative."""
        refuse(self, "list")

    def as_integer_ratio(self) -> NoReturn:
        """Refused: it would lose the derivative."""
        refuse(self, "ratio")

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TracedAssignmentError(
            f"assignment into a traced {self.spec}, which is immutable",
            "write `x = functrans.numpy.at(x)[index].set(value)` (or `.add`, `.multiply`, `.min`, `.max`).",
        )

    def __getattr__(self, name: str) -> Any:
        return method(self, name)

    def __reduce__(self) -> NoReturn:
        raise TracedValueError(
            f"a traced {self.spec} cannot be pickled or sent to another process",
            "return it from the function that is being differentiated.",
        )

    def __copy__(self) -> Tracer:
        return self

    def __deepcopy__(self, _: object) -> Tracer:
        return self


def _refuse_setting(instead: str) -> Any:
    def refused(self: Tracer, value: Any) -> NoReturn:
        raise TracedAssignmentError(
            f"assignment to an attribute of a traced {self.spec}, which is immutable", f"write `{instead}`."
        )

    return refused


for _name, _instead in (
    ("shape", "x = x.reshape(shape)"),
    ("dtype", "x = x.astype(dtype)"),
    ("flat", "x = np.broadcast_to(values, x.shape)"),
    ("real", "x = real + 1j * x.imag"),
    ("imag", "x = x.real + 1j * imag"),
):
    setattr(Tracer, _name, getattr(Tracer, _name).setter(_refuse_setting(_instead)))
