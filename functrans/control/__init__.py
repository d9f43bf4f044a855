"""Structured control flow: branches and loops as primitives that hold programs, with every derivative of them."""
