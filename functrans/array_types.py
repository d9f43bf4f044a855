"""Annotations of arrays in jaxtyping's notation: ``x: Inexact[Array, "... n k"]``, where an array may be a traced one.

They are jaxtyping's own when it was imported before functrans, as the tests do, which check them against every call. An
ordinary run does not load it: annotations are then text that nobody reads.
"""

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from jaxtyping import Inexact as Inexact  # noqa: PLC0414
    from jaxtyping import Num as Num  # noqa: PLC0414

    Array: TypeAlias = Any
elif "jaxtyping" in sys.modules:
    import numpy as np
    from jaxtyping import Inexact, Num

    from functrans.tracing.tracer import Tracer

    Array = np.ndarray | np.generic | Tracer
else:
    Array = Inexact = Num = None
