"""Wrong derivatives that no law can catch, and why: they are right, or right to rounding, everywhere."""

EXPLAINED: dict[str, str] = {}
