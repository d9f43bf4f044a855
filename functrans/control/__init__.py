"""Structured control flow: branches and loops as primitives that hold programs, with every derivative of them."""

from functrans.control import branch as branch
from functrans.control import checkpoint as checkpoint
from functrans.control import loop as loop
from functrans.control import scan as scan
