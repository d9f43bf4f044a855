"""Recipes for the primitives of ``scipy.special`` that are not elementwise, or whose operands are special."""
