"""Tests of derivatives: ``check_grads`` for functions, the laws, and hypothesis strategies.

``check_grads`` needs NumPy alone; ``assert_laws`` and ``strategies`` need hypothesis
(``pip install 'functrans[testing]'``).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functrans.testing import laws as laws
    from functrans.testing import strategies as strategies
    from functrans.testing.assertion import assert_laws as assert_laws
    from functrans.testing.case import Case as Case
    from functrans.testing.gradient_report import GradientError as GradientError
    from functrans.testing.gradients import check_grads as check_grads

# Where each public name lives; it is loaded when first asked for.
_HOMES = {
    "Case": "case",
    "GradientError": "gradient_report",
    "assert_laws": "assertion",
    "check_grads": "gradients",
    "laws": "laws",
    "strategies": "strategies",
}
__all__ = ["Case", "GradientError", "assert_laws", "check_grads", "laws", "strategies"]

if not TYPE_CHECKING:

    def __getattr__(name):
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'functrans.testing' has no attribute {name!r}")
        from importlib import import_module

        module = import_module(f"functrans.testing.{home}")
        value = module if home == name else getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
