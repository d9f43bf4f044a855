"""Every page is found, every link leads somewhere, every example runs, no page names what a reader does not have."""

import doctest
import importlib
import inspect
import pydoc
import re
from pathlib import Path

import pytest

import functrans
from tests.docs.pages import DOCS, PAGES, READ, ROOT, anchors, called, fences, links, toctree

each_page = pytest.mark.parametrize("page", READ, ids=called)

#: Python that no test runs, by its page and first line, with the reason.
NOT_RUN = {
    ("docs/command_line.md", "import numpy as np"): "a file, which the tests of the command line write and read",
    ("docs/howto/c_function.md", "def compiled(library):"): "docs/examples/c_function.py, abridged",
    (
        "docs/howto/c_function.md",
        '@ft.primitive(derivatives="numerical", spec=shapes)',
    ): "docs/examples/c_function.py, abridged",
}


def test_every_page_is_in_the_table_of_contents():
    reached, ahead = set(), [DOCS / "index.md"]
    while ahead:
        page = ahead.pop()
        assert page.exists(), f"{called(page)} is listed, but is not there"
        if page not in reached:
            reached.add(page)
            ahead += toctree(page)
    assert sorted(map(called, set(PAGES) - reached)) == []


@each_page
def test_links_lead_to_pages_and_headings(page):
    assert [target for target in links(page.read_text(encoding="utf-8")) if leads_nowhere(page, target)] == []


def leads_nowhere(page, target):
    if re.match(r"[a-z]+:", target) or target == "genindex":  # a page that Sphinx makes
        return False
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists() or not file.is_relative_to(ROOT):
        return True
    return bool(anchor) and (file.suffix != ".md" or anchor not in anchors(file.read_text(encoding="utf-8")))


@each_page
def test_python_is_an_example_that_runs(page):
    text = page.read_text(encoding="utf-8")
    programs = "\n".join(program.read_text(encoding="utf-8") for program in sorted(DOCS.glob("examples/*.py")))
    silent = [
        f"line {fence.line}"
        for fence in fences(text)
        if fence.info.startswith("python") and ">>>" not in fence.body
        # another library's code, which test_porting.py runs where there is that library
        if not (page.parent.name == "porting" and re.match(r"# (autograd|jax|torch|tensorflow|mxnet)\n", fence.body))
        # an excerpt of a program, which the tests run
        if not all(normal(part) in normal(programs) for part in fence.body.split("\n...\n"))
        if (called(page), fence.body.partition("\n")[0]) not in NOT_RUN
    ]
    assert silent == []


def normal(code):
    return "\n".join(line.strip() for line in code.split("\n") if line.strip())


@each_page
def test_every_prompt_is_an_example_for_doctest(page):
    text = page.read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_examples(text)
    assert len(examples) == sum(line.lstrip().startswith(">>> ") for line in text.split("\n"))
    assert [example.source for example in examples if example.options.get(doctest.SKIP)] == []


def test_python_that_is_not_run_is_still_there():
    there = {
        (called(page), fence.body.partition("\n")[0])
        for page in READ
        for fence in fences(page.read_text(encoding="utf-8"))
    }
    assert set(NOT_RUN) <= there


@each_page
def test_a_page_starts_with_its_title_and_says_what_it_gives(page):
    first, _, rest = page.read_text(encoding="utf-8").partition("\n")
    assert re.fullmatch(r"# \S.*", first)
    assert not rest.lstrip().startswith("#") or page.name == "changelog.md"


@each_page
def test_no_page_names_places_outside_of_the_project(page):
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.])(?:/tmp|/home|/root|/work|/Users|/mnt|[A-Z]:\\)(?:[/\\]\S*)?", text) == []


def test_every_error_has_a_heading_of_its_own_name():
    classes = {
        name
        for name, value in vars(functrans.errors).items()
        if inspect.isclass(value) and issubclass(value, functrans.errors.FunctransError)
    } - {"FunctransError"}
    headings = anchors((DOCS / "errors.md").read_text(encoding="utf-8"))
    assert {name for name in classes if name.lower() not in headings} == set()


def entries() -> set[str]:
    """Public names of which the reference has an entry."""
    found = set()
    for page in sorted(Path(DOCS, "reference").glob("*.md")):
        for fence in fences(page.read_text(encoding="utf-8")):
            if fence.info.startswith("{api} "):
                module = fence.info.removeprefix("{api} ")
                found |= {f"{module}.{line}" for line in fence.body.split("\n") if line and not line.startswith(":")}
            elif fence.info == "{eval-rst}":
                found |= set(re.findall(r"^\.\. (?:auto\w+|py:\w+):: +(\S+)", fence.body, re.M))
    return found


def public(module) -> set[str]:
    """The names of a module that are meant to be used."""
    names = getattr(module, "__all__", None)
    if module is functrans.errors:
        names = [n for n, v in vars(module).items() if inspect.isclass(v) and issubclass(v, module.FunctransError)]
    elif module is functrans.config:
        names = [n for n, v in vars(type(module)).items() if isinstance(v, property)]
    elif names is None:
        names = [n for n, v in vars(module).items() if n[0] != "_" and getattr(v, "__module__", "") == module.__name__]
    return {f"{module.__name__}.{name}" for name in names}


#: Public modules; those whose names are NumPy's and SciPy's are in the coverage page.
MODULES = ("config", "debug", "errors", "implicit", "optimize", "sparse", "testing", "tree", "viz")


def test_every_public_name_has_an_entry_in_the_reference():
    there = entries()
    names = {name for name in public(functrans) if not inspect.ismodule(value(name))}
    for name in MODULES:
        names |= public(importlib.import_module(f"functrans.{name}"))
    # what two modules offer has one entry
    assert {n for n in names - there if f"functrans.{n.rpartition('.')[2]}" not in there} == set()


def value(name: str):
    return getattr(functrans, name.rpartition(".")[2])


def test_every_module_for_users_is_among_those_looked_at():
    modules = {name for name in functrans.__all__ if inspect.ismodule(getattr(functrans, name))}
    assert modules - {"numpy", "scipy"} <= set(MODULES)


def test_the_reference_names_nothing_that_is_not_there():
    for name in entries():
        assert pydoc.locate(name) is not None, name
