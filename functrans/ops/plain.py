"""Functions of values alone."""
