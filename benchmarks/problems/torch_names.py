"""NumPy's names for torch's functions, as far as the problems call them."""

from __future__ import annotations

from typing import Any

import torch


class TorchNames:
    """A module in NumPy's place: torch's functions, and those that are called otherwise there."""

    linalg = torch.linalg

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def maximum(x: Any, y: float) -> Any:
        return torch.clamp(x, min=y)

    @staticmethod
    def max(x: Any, axis: int, keepdims: bool = False) -> Any:
        return torch.amax(x, dim=axis, keepdim=keepdims)

    @staticmethod
    def logaddexp(x: float, y: Any) -> Any:
        return torch.logaddexp(torch.tensor(x, dtype=y.dtype), y)

    @staticmethod
    def concatenate(parts: Any, axis: int = 0) -> Any:
        return torch.cat(list(parts), dim=axis)

    @staticmethod
    def swapaxes(x: Any, first: int, second: int) -> Any:
        return torch.transpose(x, first, second)

    @staticmethod
    def eye(n: int) -> Any:
        return torch.eye(n, dtype=torch.float64)
