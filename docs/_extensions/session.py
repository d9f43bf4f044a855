"""Colours for fences of ``console``: lines after ``$`` are commands, all else is what they print, whatever it is."""

from pygments.lexer import RegexLexer, bygroups, using
from pygments.lexers.shell import BashLexer
from pygments.token import Generic, Text
from sphinx.application import Sphinx


class SessionLexer(RegexLexer):
    """What a terminal shows. Pygments' own lexer of that name takes an apostrophe in the output for a mistake."""

    name = "Terminal session"
    tokens = {  # noqa: RUF012 (Pygments' form)
        "root": [
            (r"^(\$ )(.*\n)", bygroups(Generic.Prompt, using(BashLexer))),
            (r"^.+\n", Generic.Output),
            (r"\n", Text),
        ],
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Takes the place of Pygments' `console`."""
    app.add_lexer("console", SessionLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
