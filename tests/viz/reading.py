"""HTML read as a browser's parser would: tags must match, and what a row holds is taken from it."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"input", "br", "meta", "link", "img"}


class Page(HTMLParser):
    """The rows of equations and of the user's lines, with their attributes; raises where tags do not match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.rows, self.tags, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), names
        self.tags.append(tag)
        if tag in ("tr", "input"):
            self.rows.append({**dict(attrs), "codes": []})
        if tag == "code" and "tr" in self.open:
            self.rows[-1]["codes"].append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"{tag} was not open"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            return
        self.text += data
        if self.open and self.open[-1] == "code" and "tr" in self.open:
            self.rows[-1]["codes"][-1] += data

    def of_class(self, name):
        return [row for row in self.rows if name in row.get("class", "").split()]
