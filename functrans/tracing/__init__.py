"""Tracing: a function and its arguments in; a Program, or values that remember how they were made, out."""
