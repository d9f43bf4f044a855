"""Pictures: curves of derivatives, the graph of a program, what derivatives cost.

Needs matplotlib and, for graphs as pictures, Graphviz's program ``dot``: ``pip install 'functrans[viz]'``.
"""

from functrans.viz.bars import Costs, cost, costs
from functrans.viz.boxes import Graph, graph
from functrans.viz.curves import plot

__all__ = ["Costs", "Graph", "cost", "costs", "graph", "plot"]


def __dir__() -> list[str]:
    return __all__
