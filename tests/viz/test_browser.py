"""The page of a program in a browser: what is typed filters, what is touched lights up."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import functrans as ft

_BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=2000",
]

# What a reader does, and what is to be seen then.
_ACTIONS = """
var roots = document.querySelectorAll('.functrans-program'), root = roots[0], other = roots[1];
var all = function (what) { return Array.prototype.slice.call(root.querySelectorAll(what)); };
var codes = function (what) { return all(what).map(function (row) { return row.querySelector('code').textContent; }); };
var visible = function () {
  return all('tr.ft-eq').filter(function (row) { return row.offsetParent !== null; })
    .map(function (row) { return row.querySelector('code').textContent; });
};
var search = root.querySelector('.ft-search'), count = root.querySelector('.ft-count'), seen = {};
var type = function (text) { search.value = text; search.dispatchEvent(new Event('input', {bubbles: true})); };
var touch = function (row, what) { row.dispatchEvent(new MouseEvent(what, {bubbles: true})); };
var named = function (code) {
  return all('tr[data-line]').filter(function (row) { return row.querySelector('code').textContent === code; })[0];
};
seen.searchable = !search.hidden;
seen.start = visible();
type('sin');
seen.sin = visible();
seen.count = count.textContent;
type('np. COS');
seen.cos = visible();
type('no such thing');
seen.nothing = visible();
type('');
seen.again = visible();
touch(named('c = np.cos(x)'), 'mouseenter');
seen.hover = codes('tr.ft-hot');
touch(named('c = np.cos(x)'), 'mouseleave');
seen.left = codes('tr.ft-hot');
touch(named('c = np.cos(x)'), 'click');
seen.pinned = codes('tr.ft-hot');
touch(named('b = 2 * a'), 'mouseenter');
touch(named('b = 2 * a'), 'mouseleave');
seen.stillPinned = codes('tr.ft-hot');
touch(named('c = np.cos(x)'), 'click');
seen.unpinned = codes('tr.ft-hot');
touch(named('s = np.sin(x)'), 'click');
seen.ofLine = visible();
seen.lit = codes('tr.ft-hot');
touch(named('s = np.sin(x)'), 'click');
seen.ofAll = visible();
var key = root.querySelector('.ft-key[data-kind="1"]');
touch(key, 'click');
seen.backward = visible();
seen.pressed = key.getAttribute('aria-pressed');
touch(key, 'click');
named('s = np.sin(x)').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}));
seen.byKey = visible();
named('s = np.sin(x)').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}));
seen.other = other.querySelectorAll('.ft-hot, .ft-out').length;
root = other;
search = root.querySelector('.ft-search');
var inner = root.querySelector('.ft-held details');
seen.before = inner.open;
type('tanh');
seen.after = inner.open;
seen.opened = visible();
var result = document.createElement('pre');
result.id = 'seen';
result.textContent = JSON.stringify(seen);
document.body.appendChild(result);
"""


def f(x):
    s = np.sin(x)
    return s**2


def loop(x):
    return ft.fori_loop(0, 3, lambda _, y: np.tanh(y), x)


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    if not _BROWSER:
        pytest.skip("no browser")

    def run(body, *flags):
        folder = tmp_path_factory.mktemp("browser")
        path = folder / "page.html"
        path.write_text(f"<!doctype html><meta charset=utf-8><body>{body}", encoding="utf-8")
        done = subprocess.run(
            [_BROWSER, *_FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, path.as_uri()],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
        return done.stdout

    return run


def seen(browse, body):
    dom = browse(f"{body}<script>{_ACTIONS}</script>", "--dump-dom")
    return json.loads(html.unescape(re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL).group(1)))


def test_search_and_links(browse):
    program = ft.trace(ft.grad(f))(0.5)
    looped = ft.trace(loop)(0.5)
    found = seen(browse, program._repr_html_() + looped._repr_html_())
    everything = ["a = np.sin(x)", "b = 2 * a", "c = np.cos(x)", "d = b * c", "e = float(d)"]
    assert found["start"] == found["again"] == found["ofAll"] == everything
    # A search sees the place, too, and the equation's text.
    assert found["sin"] == ["a = np.sin(x)"]
    assert found["count"] == "1 of 5"
    assert found["cos"] == ["c = np.cos(x)"]
    assert found["nothing"] == []
    # The line, its equation forwards, and those of its derivative.
    line = ["s = np.sin(x)", "a = np.sin(x)", "c = np.cos(x)", "d = b * c"]
    assert found["hover"] == found["pinned"] == found["stillPinned"] == found["lit"] == line
    assert found["left"] == found["unpinned"] == []
    assert found["ofLine"] == found["byKey"] == line[1:]
    assert found["backward"] == everything[1:]
    assert found["pressed"] == "true"
    assert found["other"] == 0  # a page keeps to itself
    # A loop's body is opened where something in it is searched.
    assert (found["before"], found["after"]) == (False, True)
    assert [code for code in found["opened"] if "np.tanh(" in code]
