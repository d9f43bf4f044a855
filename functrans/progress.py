"""A progress bar for what takes long, where one is asked for: ``progress=True``, or a description, by tqdm.

Needs tqdm: ``pip install 'functrans[progress]'``. Nothing is loaded and nothing is shown otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from functrans.tracing.tracer import Tracer


class Bar:
    """A bar while its block runs; it says how far the work is, and the numbers that it is told.

    Args:
        progress: False and None show nothing; a text is shown in front of the bar.
        what: the text where ``progress`` is True.
        total: how much there is to do, if that is known.
        unit: what is counted.

    Raises:
        ImportError: tqdm is not installed.

    Example:
        >>> with Bar(False, "nothing is shown") as bar:
        ...     bar.advance()
    """

    __slots__ = ("_shown",)

    def __init__(self, progress: bool | str | None, what: str, total: int | None = None, unit: str = "it") -> None:
        self._shown: Any = None
        if progress is None or progress is False:
            return
        if not isinstance(progress, bool | str):
            raise TypeError(f"progress={progress!r}: give True, False, or a description, which is a string")
        text = what if progress is True else progress
        self._shown = _tqdm()(total=total, desc=text, unit=unit, dynamic_ncols=True)

    def __bool__(self) -> bool:
        return self._shown is not None

    def advance(self, numbers: Mapping[str, float | None] | None = None, steps: int = 1) -> None:
        """So much more is done; ``numbers`` are shown behind the bar, without those that are None."""
        if self._shown is None:
            return
        known = {name: f"{number:.6g}" for name, number in (numbers or {}).items() if number is not None}
        if known:
            self._shown.set_postfix(known, refresh=False)
        self._shown.update(steps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.close()


def bar_unless_traced(progress: bool | str | None, what: str, total: int, unit: str, values: Iterable[Any]) -> Bar:
    """A :class:`Bar` for work on these values; none where one of them is traced.

    Then another transform calls, perhaps many times, or a program is written and nothing is computed yet.
    """
    if progress and any(type(value) is Tracer for value in values):
        progress = False
    return Bar(progress, what, total, unit)


def _tqdm() -> Any:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError(
            "progress= needs tqdm, which is not installed\nFix: `pip install 'functrans[progress]'`.", name="tqdm"
        ) from None
    return tqdm
