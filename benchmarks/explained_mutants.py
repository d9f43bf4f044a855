"""Wrong derivatives that no law can catch, and why: they are right, or right to rounding, everywhere.

Each is ``pattern: reason``; a ``*`` in the pattern stands for anything. It is compared with the key of a mutant: the
file, the kind, and the change.
"""

from __future__ import annotations

import re

EXPLAINED: dict[str, str] = {}


def reason(key: str) -> str:
    """Why a mutant cannot be caught; an empty string, where that is not known."""
    for pattern, why in EXPLAINED.items():
        if re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), key, re.DOTALL):
            return why
    return ""
