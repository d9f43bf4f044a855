"""Rules and operations of users' own: custom derivatives, primitives made of any function, recomputation."""

from functrans.custom import rules as rules
from functrans.custom import tag as tag
