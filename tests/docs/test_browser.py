"""The built site in a real browser: it needs no network, fits a phone, and its search finds what there is.

Where it was built (``sphinx-build -W --keep-going -q docs docs/_build/html``) after the last change of a page.
"""

import re
import shutil
import subprocess

import pytest

from tests.docs.pages import DOCS, PAGES

SITE = DOCS / "_build" / "html"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: Windows are not made narrower than 500 pixels; a page within a page may be, and tells how wide it became.
PROBE = "<script>addEventListener('load', () => parent.postMessage(document.documentElement.scrollWidth, '*'))</script>"
FRAME = "<iframe src='{}' style='width:{}px;height:900px;border:0'></iframe><p id=width></p>"
FRAME += "<script>onmessage = event => document.getElementById('width').textContent = event.data</script>"


def built() -> bool:
    index = SITE / "searchindex.js"
    return index.exists() and index.stat().st_mtime > max(page.stat().st_mtime for page in PAGES)


needs_site = pytest.mark.skipif(not built(), reason="the site is not built, or before the last change")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The site, whose pages tell how wide they are."""
    folder = tmp_path_factory.mktemp("site") / "html"
    shutil.copytree(SITE, folder)
    for page in folder.rglob("*.html"):
        page.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    return folder


def seen(address: str, folder) -> str:
    """The document as it stands after its scripts have run."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1500,1000", "--virtual-time-budget=10000"]
    done = subprocess.run([*command, "--dump-dom", address], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_site
def test_no_page_asks_the_network():
    asked = {
        (page.relative_to(SITE).as_posix(), address)
        for page in SITE.rglob("*.html")
        for tag in re.findall(r"<(?:script|img|link|iframe|source)\b[^>]*>", page.read_text(encoding="utf-8"))
        for address in re.findall(r"(?:src|href)=[\"'](?:https?:)?(//[^\"']+)", tag)
    }
    assert asked == set()


@needs_site
@needs_browser
@pytest.mark.parametrize("page", ["index", "howto/fit", "reference/derivatives", "errors", "coverage"])
@pytest.mark.parametrize("width", [400, 1400])
def test_a_page_is_as_wide_as_its_window(page, width, copy, tmp_path):
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format((copy / f"{page}.html").as_uri(), width), encoding="utf-8")
    assert re.search(r'<p id="width">(\d*)</p>', seen(frame.as_uri(), tmp_path))[1] == str(width)


@needs_site
@needs_browser
@pytest.mark.parametrize(
    ("words", "page"), [("grad", "reference/derivatives.html"), ("TracedBoolError", "errors.html")]
)
def test_search_finds(words, page, copy, tmp_path):
    text = seen(f"{(copy / 'search.html').as_uri()}?q={words}", tmp_path)
    results = text[text.index('id="search-results"') :]
    assert f'href="{page}' in results
