"""Recipes for the primitives of SciPy's functions, loaded when first asked for; one file per module of SciPy's."""
