"""The command line: an expression or a function in a file in, its derivatives out, as a table, source or a plot.

``import functrans`` does not import this package.
"""

from functrans.cli.command import main as main
