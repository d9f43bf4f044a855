"""The style and the script of a program's page: both keep to the page's own element."""

#: Light and dark: as the reader's system has it, unless the page around says otherwise (Jupyter, VS Code, Colab, Furo).
_LIGHT = """--ft-bg:#fff;--ft-fg:#1f2328;--ft-dim:#59636e;--ft-rule:#d8dee4;--ft-hot:#fff3c4;--ft-head:#f6f8fa;
--ft-0:#2f6fde;--ft-0b:#e8f0fe;--ft-1:#bc4c00;--ft-1b:#ffeede;--ft-2:#8250df;--ft-2b:#f3ebff;"""
_DARK = """--ft-bg:#0d1117;--ft-fg:#e6edf3;--ft-dim:#9198a1;--ft-rule:#30363d;--ft-hot:#4a3c0a;--ft-head:#161b22;
--ft-0:#79b0ff;--ft-0b:#12294d;--ft-1:#ff9d57;--ft-1b:#43230d;--ft-2:#c8a6ff;--ft-2b:#2f2150;"""
_RULES = """
.functrans-program{background:var(--ft-bg);color:var(--ft-fg);border:1px solid var(--ft-rule);border-radius:8px;
font:13px/1.5 system-ui,sans-serif;max-width:100%;overflow:hidden;text-align:left;color-scheme:light dark}
.functrans-program *{box-sizing:border-box}
.functrans-program code{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:none;border:0;
padding:0;color:inherit;white-space:pre-wrap;overflow-wrap:anywhere}
.functrans-program summary{cursor:pointer;padding:8px 12px}
.functrans-program>details>summary{background:var(--ft-head);font-weight:600}
.functrans-program small{color:var(--ft-dim);font-size:11px;font-weight:400}
.functrans-program .ft-tools{display:flex;flex-wrap:wrap;gap:6px;align-items:center;padding:8px 12px;
border-top:1px solid var(--ft-rule);border-bottom:1px solid var(--ft-rule)}
.functrans-program .ft-search{flex:0 1 220px;min-width:120px;font:inherit;color:inherit;background:var(--ft-bg);
border:1px solid var(--ft-rule);border-radius:6px;padding:3px 8px;margin:0;height:auto}
.functrans-program .ft-key{font:inherit;font-size:12px;line-height:1.4;cursor:pointer;border-radius:10px;
padding:1px 9px;margin:0;border:1px solid transparent}
.functrans-program .ft-key small{color:inherit;opacity:.8}
.functrans-program .ft-key[aria-pressed=true]{border-color:currentColor}
.functrans-program .ft-count{margin-left:auto;color:var(--ft-dim)}
.functrans-program .ft-parts{display:flex;flex-wrap:wrap;align-items:stretch}
.functrans-program .ft-lines{flex:1 1 270px;max-height:70vh;overflow:auto;padding-bottom:6px}
.functrans-program .ft-equations{flex:2.4 1 440px;max-height:70vh;overflow:auto;padding-bottom:6px;
border-left:1px solid var(--ft-rule)}
.functrans-program h4{margin:0;padding:6px 12px 2px;font-size:12px;font-weight:600;color:var(--ft-dim)}
.functrans-program table{border-collapse:collapse;width:100%;margin:0;border:0;font:inherit;color:inherit;display:table}
.functrans-program tr{background:none;border:0}
.functrans-program td,.functrans-program th{padding:2px 8px;border:0;text-align:left;vertical-align:top;
background:none;color:inherit}
.functrans-program .ft-file th{color:var(--ft-dim);font-weight:400;font-size:11px;padding-left:12px}
.functrans-program .ft-no{color:var(--ft-dim);text-align:right;width:1%;padding-left:12px;
font:12px/1.6 ui-monospace,monospace}
.functrans-program .ft-line td:last-child{text-align:right;white-space:nowrap;width:1%}
.functrans-program .ft-n{display:inline-block;min-width:18px;text-align:center;border-radius:9px;padding:0 5px;
margin-left:3px;font-size:11px}
.functrans-program .ft-n.ft-k0,.functrans-program .ft-key.ft-k0{color:var(--ft-0);background:var(--ft-0b)}
.functrans-program .ft-n.ft-k1,.functrans-program .ft-key.ft-k1{color:var(--ft-1);background:var(--ft-1b)}
.functrans-program .ft-n.ft-k2,.functrans-program .ft-key.ft-k2{color:var(--ft-2);background:var(--ft-2b)}
.functrans-program tr.ft-eq td:first-child{border-left:3px solid var(--ft-0);padding-left:10px}
.functrans-program tr.ft-eq.ft-k1 td:first-child{border-left-color:var(--ft-1)}
.functrans-program tr.ft-eq.ft-k2 td:first-child{border-left-color:var(--ft-2)}
.functrans-program tr[data-line]{cursor:pointer}
.functrans-program tr.ft-eq:hover,.functrans-program tr.ft-line:hover{background:var(--ft-head)}
.functrans-program tr.ft-hot,.functrans-program tr.ft-hot:hover{background:var(--ft-hot)}
.functrans-program tr.ft-pinned td:last-child{box-shadow:inset -3px 0 var(--ft-fg)}
.functrans-program tr:focus-visible{outline:2px solid var(--ft-0);outline-offset:-2px}
.functrans-program tr.ft-out{display:none}
.functrans-program .ft-spec,.functrans-program .ft-place{color:var(--ft-dim);white-space:nowrap;width:1%;
font:12px/1.6 ui-monospace,monospace}
.functrans-program .ft-held>td{padding:0 0 4px 22px}
.functrans-program .ft-held summary{padding:1px 8px;color:var(--ft-dim)}
.functrans-program .ft-result,.functrans-program .ft-more,.functrans-program .ft-constants{margin:0;padding:4px 13px;
color:var(--ft-dim);list-style:none}
"""


def _within(*pages: str) -> str:
    return ",".join(f"{page} .functrans-program" for page in pages)


STYLE = (
    f".functrans-program{{{_LIGHT}}}@media (prefers-color-scheme:dark){{.functrans-program{{{_DARK}}}}}"
    f"{_within('[data-jp-theme-light=true]', '[data-theme=light]', '.vscode-light', '[theme=light]')}{{{_LIGHT}}}"
    f"{_within('[data-jp-theme-light=false]', '[data-theme=dark]', '.vscode-dark', '[theme=dark]')}{{{_DARK}}}"
    f"{_RULES}"
).replace("\n", "")

#: Pages of several programs have it several times: each time it sets up what has not been set up yet.
SCRIPT = """
document.querySelectorAll('.functrans-program:not([data-ready])').forEach(function (root) {
  root.dataset.ready = '1';
  var all = function (what) { return Array.prototype.slice.call(root.querySelectorAll(what)); };
  var rows = all('tr.ft-eq'), held = all('tr.ft-held'), lines = all('tr.ft-line'), keys = all('.ft-key');
  var search = root.querySelector('.ft-search'), count = root.querySelector('.ft-count');
  var pinned = null, only = null, kind = null;
  var light = function (line) {
    all('tr[data-line]').forEach(function (row) {
      row.classList.toggle('ft-hot', line !== null && row.dataset.line === line);
      row.classList.toggle('ft-pinned', pinned !== null && row.dataset.line === pinned);
    });
  };
  var filter = function () {
    var words = search.value.toLowerCase().split(' ').filter(Boolean), shown = 0;
    rows.forEach(function (row) {
      var text = row.textContent.toLowerCase();
      var fits = words.every(function (word) { return text.indexOf(word) >= 0; }) &&
        (only === null || row.dataset.line === only) && (kind === null || row.dataset.kind === kind);
      row.classList.toggle('ft-out', !fits);
      shown += fits;
    });
    var filtered = words.length || only !== null || kind !== null;
    held.forEach(function (row) {
      var found = row.querySelector('tr.ft-eq:not(.ft-out)');
      row.classList.toggle('ft-out', filtered && !found);
      if (filtered && found) { row.querySelector('details').open = true; }
    });
    count.textContent = filtered ? shown + ' of ' + count.dataset.all : '';
  };
  all('tr[data-line]').forEach(function (row) {
    var mine = row.dataset.line, isLine = row.classList.contains('ft-line');
    var act = function () {
      if (isLine) {
        only = pinned = only === mine ? null : mine;
        filter();
      } else {
        pinned = pinned === mine ? null : mine;
      }
      light(pinned);
      if (!isLine && pinned !== null) {
        var place = lines.filter(function (line) { return line.dataset.line === mine; })[0];
        if (place) { place.scrollIntoView({block: 'nearest'}); }
      }
    };
    row.addEventListener('mouseenter', function () { light(mine); });
    row.addEventListener('mouseleave', function () { light(pinned); });
    row.addEventListener('focus', function () { light(mine); });
    row.addEventListener('click', act);
    row.addEventListener('keydown', function (event) {
      if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); act(); }
    });
  });
  keys.forEach(function (key) {
    key.addEventListener('click', function () {
      kind = kind === key.dataset.kind ? null : key.dataset.kind;
      keys.forEach(function (other) { other.setAttribute('aria-pressed', String(other.dataset.kind === kind)); });
      filter();
    });
  });
  search.addEventListener('input', filter);
  search.addEventListener('keydown', function (event) { event.stopPropagation(); });
  search.hidden = false;
});
"""
