"""The pages of the site, read as Markdown: fences, links, headings and their anchors."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
READ = [ROOT / "README.md", *PAGES]

_FENCE = re.compile(r"^(?P<mark>`{3,}|~{3,}|:{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=mark)[ \t]*$", re.M | re.S)
_LINK = re.compile(r"(?<!\\)\[(?:[^\[\]]|\[[^\[\]]*\])*\]\((?P<target>[^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *#*$", re.M)


class Fence(NamedTuple):
    """What stands between two fences, and what is said after the first."""

    info: str
    body: str
    line: int


def called(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(text: str) -> list[Fence]:
    """The outermost fences of a page."""
    return [
        Fence(found["info"].strip(), found["body"], text.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(text)
    ]


def prose(text: str) -> str:
    """The text outside of fences."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    """Where links and pictures of a page point to."""
    without_code = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", lambda code: "x" * len(code[0]), prose(text), flags=re.S)
    return [found["target"] for found in _LINK.finditer(without_code)]


def anchors(text: str) -> set[str]:
    """Anchors of headings, by GitHub's rule: lower case, no punctuation, hyphens for spaces, numbers for repeats."""
    seen: dict[str, int] = {}
    result = set()
    for found in _HEADING.finditer(prose(text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", lambda part: part[1] or "", found["text"])
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        result.add(f"{slug}-{count}" if count else slug)
    return result


def toctree(page: Path) -> list[Path]:
    """The pages which a page lists."""
    return [
        (page.parent / f"{entry}.md").resolve()
        for fence in fences(page.read_text(encoding="utf-8"))
        if fence.info == "{toctree}"
        for entry in fence.body.split("\n")
        if entry.strip() and not entry.startswith(":")
    ]
