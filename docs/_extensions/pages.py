"""Two fences of these pages: ``api`` writes the entries of public names, ``show`` what an example gives."""

import doctest
import html
import importlib
import inspect
import linecache
import subprocess
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode


class Api(SphinxDirective):
    """The entries of public names of a module, one a line: a table of all, then each with its docstring.

    The option ``members`` shows the methods of classes, but for those named after it; ``bare`` leaves out the table.
    """

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"members": directives.unchanged, "bare": directives.flag}

    def run(self) -> list[nodes.Node]:
        """The table and the entries, as autosummary and autodoc write them."""
        (module,) = self.arguments
        names = [line.strip() for line in self.content if line.strip()]
        lines = [f".. currentmodule:: {module}", ""]
        if "bare" not in self.options:
            lines += [".. autosummary::", "   :nosignatures:", "", *(f"   {name}" for name in names), ""]
        for name in names:
            value = getattr(importlib.import_module(module), name)
            kind = _kind(value)
            lines.append(f".. auto{kind}:: {module + '.' if kind == 'module' else ''}{name}")
            if kind == "class" and "members" in self.options:
                lines += ["   :members:", f"   :exclude-members: {self.options['members']}"]
            lines.append("")
        return self.parse_text_to_nodes("\n".join(["```{eval-rst}", *lines, "```"]), allow_section_headings=True)


def _kind(value: Any) -> str:
    if inspect.ismodule(value):
        return "module"
    if not isinstance(value, type):
        return "function" if callable(value) else "data"
    return "exception" if issubclass(value, BaseException) else "class"


class Show(SphinxDirective):
    """An example of ``>>>`` lines, and below it what its argument, an expression, shows in a notebook."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The example, and HTML or a picture; text where the program that draws is not there."""
        code = "\n".join(self.content)
        scope: dict[str, Any] = {"__name__": "__main__"}
        text = "".join(example.source for example in doctest.DocTestParser().get_examples(code))
        name = f"{self.env.docname.rpartition('/')[2]}.py"
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)  # for lines that what is shown names
        exec(compile(text, name, "exec"), scope)
        block = nodes.literal_block(code, code, language="pycon")
        self.set_source_info(block)
        shown = nodes.raw("", f'<div class="shown">{_shown(eval(self.arguments[0], scope))}</div>', format="html")
        return [block, shown]


def _shown(value: Any) -> str:
    """As a notebook shows it: its richest form."""
    for name in ("_repr_html_", "_repr_svg_", "_repr_image_svg_xml"):
        if (form := getattr(value, name, None)) is None:
            continue
        try:
            text = form()
        except (FileNotFoundError, subprocess.CalledProcessError, RuntimeError) as missing:
            if "dot" not in str(missing):
                raise
            text = (
                f"<p>(This picture needs Graphviz' program <code>dot</code>.)</p><pre>{html.escape(str(value))}</pre>"
            )
        if text is not None:
            return str(text[text.index("<svg") :] if text.startswith("<?xml") else text)
    return f"<pre>{html.escape(repr(value))}</pre>"


def _public_entry(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Node) -> nodes.Node | None:
    """A type in a signature is named by the module that holds it; the entry to link to, by the public one."""
    if node.get("refdomain") != "py" or node.get("reftype") not in ("class", "exc", "obj", "data", "func", "mod"):
        return None
    domain = env.domains.python_domain
    _, _, name = node["reftarget"].rpartition(".")
    found = [entry for entry in domain.objects if entry.startswith("functrans.") and entry.endswith(f".{name}")]
    if not found:
        return None
    entry = domain.objects[min(found, key=len)]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, text)


def _as_written(app: Sphinx, what: str, name: str, of: Any, options: Any, takes: Any, gives: Any) -> tuple[Any, Any]:
    """Sphinx writes ``Callable[[...], Any]``; Python, and whoever reads it, ``Callable[..., Any]``."""
    written = [text and text.replace("Callable[[...], ", "Callable[..., ") for text in (takes, gives)]
    return written[0], written[1]


def _without_last_line(app: Sphinx, page: nodes.document) -> None:
    """Doctest needs an empty line before the fence that closes an example; a reader does not."""
    for block in page.findall(nodes.literal_block):
        if block.astext().endswith("\n"):
            block[:] = [nodes.Text(block.astext().rstrip("\n"))]
            block.rawsource = block.astext()


def _one_signature() -> None:
    """Overloads tell type checkers apart what one signature tells readers: entries show that of the definition."""
    analyze = ModuleAnalyzer.analyze

    def without_overloads(self: ModuleAnalyzer) -> None:
        analyze(self)
        self.overloads.clear()

    ModuleAnalyzer.analyze = without_overloads  # type: ignore[method-assign]


def setup(app: Sphinx) -> dict[str, bool]:
    """The two fences."""
    _one_signature()
    app.connect("autodoc-process-signature", _as_written)
    app.connect("doctree-read", _without_last_line)
    app.connect("missing-reference", _public_entry)
    app.add_directive("api", Api)
    app.add_directive("show", Show)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
