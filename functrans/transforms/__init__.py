"""Transforms: a function in, the function of its derivatives out. Each walks over operations and asks their rules."""
