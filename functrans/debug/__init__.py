"""Finding out what goes wrong: where a NaN arises, what a value is, where a gradient vanishes."""

from functrans.debug.effects import callback as callback
from functrans.debug.effects import print as print
from functrans.debug.explaining import explain as explain
from functrans.debug.stop import breakpoint as breakpoint

__all__ = ["breakpoint", "callback", "explain", "print"]


def __dir__() -> list[str]:
    return list(__all__)
