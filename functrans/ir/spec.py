"""What is known of a value before it is computed: shape, dtype, and whether it promotes like a Python scalar."""

from __future__ import annotations

from typing import Any

import numpy as np

_WEAK_TYPES: dict[type, np.dtype[Any]] = {
    bool: np.dtype(np.bool_),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    complex: np.dtype(np.complex128),
}
_WEAK_NAMES = {"b": "bool", "i": "int", "f": "float", "c": "complex"}
WEAK: dict[str, type] = {"b": bool, "i": int, "f": float, "c": complex}


class Length(int):
    """The length of an axis that is not known before a loop has run; it counts as zero until then."""

    def __repr__(self) -> str:
        return "n"

    __str__ = __repr__


class ArraySpec:
    """Shape and dtype of an array. A *weak* spec is that of a Python scalar, which takes the other operand's dtype.

    Example:
        >>> ArraySpec((3, 4), np.float64)
        Float64[3 4]
        >>> ArraySpec.of(1.5)
        float
    """

    __slots__ = ("dtype", "shape", "weak")

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    weak: bool

    def __init__(self, shape: tuple[int, ...], dtype: Any, weak: bool = False) -> None:
        _put_shape(self, shape)
        _put_dtype(self, dtype if isinstance(dtype, np.dtype) else np.dtype(dtype))
        _put_weak(self, weak)

    @classmethod
    def of(cls, value: Any) -> ArraySpec:
        """The spec of a value: an array, a scalar, a spec, or a traced value."""
        if type(value) is np.ndarray:
            return cls(value.shape, value.dtype)
        if isinstance(value, ArraySpec):
            return value
        spec = getattr(value, "spec", None)
        if spec is not None:
            return spec  # type: ignore[no-any-return]
        weak = _WEAK_TYPES.get(type(value))
        if weak is not None:
            return cls((), weak, True)
        if not hasattr(value, "dtype"):
            value = np.asarray(value)
        return cls(value.shape, value.dtype)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def promoting(self) -> Any:
        """What NumPy takes for this operand as it promotes, which is its dtype, or the Python type of a weak scalar."""
        return WEAK[self.dtype.kind] if self.weak else self.dtype

    def with_shape(self, shape: tuple[int, ...]) -> ArraySpec:
        """The same dtype (no longer weak) in another shape."""
        return ArraySpec(shape, self.dtype)

    def strong(self) -> ArraySpec:
        """The same, promoting as an array does."""
        return ArraySpec(self.shape, self.dtype) if self.weak else self

    def annotation(self) -> str:
        """The spec in jaxtyping's notation, as it stands in a printed Program."""
        if self.weak:
            return _WEAK_NAMES[self.dtype.kind]
        return f'{_dtype_name(self.dtype)}[Array, "{" ".join(map(str, self.shape))}"]'

    def __repr__(self) -> str:
        if self.weak:
            return _WEAK_NAMES[self.dtype.kind]
        return f"{_dtype_name(self.dtype)}[{' '.join(map(str, self.shape))}]"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArraySpec):
            return NotImplemented
        return self.shape == other.shape and self.dtype == other.dtype and self.weak == other.weak

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.weak))

    def __setattr__(self, name: str, _: object) -> None:
        raise AttributeError(f"ArraySpec is immutable: {name} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return (ArraySpec, (self.shape, self.dtype, self.weak))


# How `__init__` writes what nobody else may: the slots' own setters, a third of the cost of `object.__setattr__`.
_put_shape = ArraySpec.__dict__["shape"].__set__
_put_dtype = ArraySpec.__dict__["dtype"].__set__
_put_weak = ArraySpec.__dict__["weak"].__set__


def _dtype_name(dtype: np.dtype[Any]) -> str:
    name = dtype.name
    return "UI" + name[2:] if name.startswith("uint") else name[:1].upper() + name[1:]
