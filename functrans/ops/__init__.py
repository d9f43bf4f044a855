"""Operations: every primitive with all its rules side by side, one file per family."""

from functrans.ops import arithmetic as arithmetic
from functrans.ops import compare as compare
from functrans.ops import complex as complex
from functrans.ops import contract as contract
from functrans.ops import convert as convert
from functrans.ops import creation as creation
from functrans.ops import cumulative as cumulative
from functrans.ops import determinant as determinant
from functrans.ops import einsum as einsum
from functrans.ops import elementwise as elementwise
from functrans.ops import index as index
from functrans.ops import join as join
from functrans.ops import linalg as linalg
from functrans.ops import operators as operators
from functrans.ops import pad as pad
from functrans.ops import plain as plain
from functrans.ops import products as products
from functrans.ops import rearrange as rearrange
from functrans.ops import reduce as reduce
from functrans.ops import refuse as refuse
from functrans.ops import select as select
from functrans.ops import shape as shape
from functrans.ops import statistics as statistics
from functrans.ops import ufunc_methods as ufunc_methods
