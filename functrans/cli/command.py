"""``main``: the options, what they ask for, and the line in which a mistake is told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

from functrans import __version__
from functrans.cli.derivatives import MAX_ORDER, Table, source, tabulate
from functrans.cli.mistakes import UsageError, explain, listed
from functrans.cli.show import as_json, as_text, emit, heading_line
from functrans.cli.target import EXPRESSION, Target, explain_missing, file_and_name, load
from functrans.cli.values import as_variable, parse_order, parse_range, parse_values

_DESCRIPTION = "The value and the derivatives of a NumPy expression, or of a function in a file."
_EPILOG = """\
An expression is Python and is executed, and so is a file: run only what you trust. An expression sees `np` and NumPy's
functions and constants by their own names (sin, exp, pi, ...); `max` and `min` are Python's.

examples:
  functrans "sin(x)**2 * exp(-x)" --at x=0.5 --order 3
  functrans "x**2 * y" --at x=3 --at y=2
  functrans "x**2 * y" --at x=3 --at y=2 --wrt x --order 2
  functrans "sum(x**3)" --at x='[1, 2, 3]' --order 2
  functrans "sin(x)**2" --source > derivative.py
  functrans "exp(-x**2)" --at x=0 --order 2 --plot bell.png --range -3 3
  functrans model.py:loss --at w='[1, 2, 3]' --at rate=0.1 --wrt w --json
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see functrans --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="functrans",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("function", help="an expression, or file.py:function")
    add("--at", action="append", default=[], metavar="NAME=VALUE", help="a variable's value: a number, or JSON")
    add("--wrt", metavar="NAME", help="differentiate in this variable (default: in each)")
    add("--order", default="1", metavar="N", help=f"up to which derivative, 0 to {MAX_ORDER} (default: 1)")
    add("--source", action="store_true", help="print the first derivative as a program that needs NumPy alone")
    add("--json", action="store_true", help="print JSON")
    add("--plot", metavar="FILE", help="draw the function and its derivatives (needs functrans[viz])")
    add("--range", nargs=2, metavar=("FROM", "TO"), help="what the plot shows (default: around the point)")
    add("--version", action="version", version=f"functrans {__version__}")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 after a mistake, which is told on standard error.

    Args:
        argv: the arguments; those of the process by default.
    """
    file = EXPRESSION
    try:
        # To argparse `-x**2` is an option. Only -h has a single dash, and what begins with a space is none.
        given = [
            f" {text}" if text.startswith("-") and not text.startswith("--") and text != "-h" else text
            for text in (sys.argv[1:] if argv is None else argv)
        ]
        options = _parser().parse_args(given)
        options.function = options.function.strip()
        file = (file_and_name(options.function) or (EXPRESSION,))[0]
        _run(options)
    except UsageError as mistake:
        emit(f"functrans: {mistake}", sys.stderr)
    except Exception as error:
        emit(f"functrans: {explain(error, file, _files_above(sys._getframe(1)))}", sys.stderr)
    except KeyboardInterrupt:
        return 130
    else:
        return 0
    return 2


def _files_above(frame: FrameType | None) -> frozenset[str]:
    """The files of those who called the command: errors must not show their lines as the user's."""
    files = set()
    while frame is not None:
        files.add(frame.f_code.co_filename)
        frame = frame.f_back
    return frozenset(files)


def _run(options: argparse.Namespace) -> None:
    order = parse_order(options.order)
    limits = parse_range(options.range) if options.range else None
    if limits and not options.plot:
        raise UsageError("--range is for --plot")
    given = parse_values(options.at)
    target = load(options.function, given)
    missing = [name for name in target.names if name not in given]
    # A program and a plot need no point.
    if missing and not (options.source and not given) and not (options.plot and len(missing) == 1):
        raise UsageError(explain_missing(options.function, missing[0]))
    if missing and order != 1 and not options.plot:
        raise UsageError("--source prints the first derivative; for a table up to --order give the point with --at")
    values = {name: given.get(name, 0.0) for name in target.names}
    wrt = _selected(options, target, order, missing)
    for name in wrt:
        values[name] = as_variable(name, values[name])

    table = None if missing else tabulate(target.function, values, wrt, order)
    program = source(target.function, values, wrt, table and table.value) if options.source else None
    if options.plot:
        from functrans.cli.plot import draw

        draw(target, values, wrt[0], order, limits, options.plot, marked=not missing)
    if options.json:
        emit(as_json(target, values, table, program, options.plot))
    else:
        emit(_text(options, target, values, table, program))


def _selected(options: argparse.Namespace, target: Target, order: int, missing: Sequence[str]) -> list[str]:
    """The variables in which to differentiate."""
    if not target.names:
        raise UsageError("there is no variable: nothing to differentiate in")
    if options.wrt is not None:
        wrt = options.wrt.strip()
        if wrt not in target.names:
            raise UsageError(f"--wrt {wrt}: there is no such variable among {listed(target.names)}")
        return [wrt]
    if options.plot and missing:
        return list(missing)
    if len(target.names) > 1 and (order > 1 or options.plot):
        why = "a plot is" if options.plot else f"order {order} is"
        raise UsageError(f"{why} in one variable: choose --wrt {' or --wrt '.join(target.names)}")
    return list(target.names)


def _text(
    options: argparse.Namespace, target: Target, values: dict[str, Any], table: Table | None, program: str | None
) -> str:
    parts = []
    if table is not None:
        parts.append(as_text(target, table))
    if options.plot:
        parts.append(f"drawn: {options.plot}")
    if program is None:
        return "\n\n".join(parts)
    # Beside a program all else is a comment, so that the whole output is one.
    head = "\n\n".join([heading_line(target, values if table else {}), *parts])
    return "\n".join(f"# {row}".rstrip() for row in head.split("\n")) + "\n\n" + program.rstrip("\n")
