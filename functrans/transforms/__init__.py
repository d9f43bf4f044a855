"""Transforms: a function in, the function of its derivatives out. Each is a walk over operations, asking their rules."""
