"""Render pages from fabricated inputs, and read what they show."""

from __future__ import annotations

import base64
import copy
import html
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd

from drawing import make
from fabricate import published, shapes
from ushaped.figures.theme import save
from ushaped.results.folder import Results

ROOT = Path(__file__).parents[2]

TEMPLATE = ROOT / "report" / "report.html.j2"

HOSTILE = (
    '</pre><script>alert("x")</script><img src=http://evil.example/x onerror=alert(1)>'
    "{{ 7 * 7 }} & <b>"
)

SMALL: dict[str, Any] = {
    "tasks": ("memo-trap", "neqa", "prompt-injection"),
    "variants": ("zero-shot", "cot"),
    "sizes": (1_000, 8_000, 45_000),
    "seeds": 2,
}

VOID = {"meta", "img", "br", "hr", "link", "input", "path"}


class Page(HTMLParser):
    """Elements with their attributes, text by element, and whether tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return " ".join(self.texts["main"][0].split())


def spaced(text: str) -> str:
    """The words of a page with every tag read as a space."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def unpacked(page: str, name: str) -> Any:
    """The value of a packed block of the page."""
    found = re.search(rf'<script type="text/plain" id="pack-{name}">(.*?)</script>', page)
    assert found is not None
    return json.loads(zlib.decompress(base64.b64decode(found[1]), -zlib.MAX_WBITS))


def draw_some(folder: Path, measured: pd.DataFrame) -> None:
    tables_of = {"metrics": measured, "shapes": shapes(measured), "published": published()}
    for name, options in {
        "scaling": {},
        "verdicts": {},
        "task": {"source": "replica", "task": "neqa"},
    }.items():
        table, figure = make(name, tables_of, **options)
        target = "/".join(["tasks", *options.values()]) if options else name
        save(figure, table, folder / "figures" / target, target)


def inputs(folder: Path, **changed: Any) -> Results:
    """Fabricated results; ``changed`` attributes are not read, those of missing files are empty."""
    made = Results(folder, folder / "tasks", ROOT / "literature")
    made.literature = folder / "literature"
    made.scores = sorted(folder.glob("scores/*/*/*/*.parquet"))
    missing: dict[str, Any] = {
        name: None for name in ("parts", "flips") if not (folder / f"{name}.csv").exists()
    }
    if not (folder / "flips.json").exists():
        missing["flip_items"] = {}
    for name, value in (missing | changed).items():
        setattr(made, name, value)
    return made


def changed(given: Results, **attributes: Any) -> Results:
    """A copy of some results with other attributes."""
    other = copy.copy(given)
    for name, value in attributes.items():
        setattr(other, name, value)
    return other


def own_scripts(parsed: Page) -> list[str]:
    """Texts of the elements that run; blocks of data have a type."""
    texts = zip(parsed.all("script"), parsed.texts["script"], strict=True)
    return [text for attributes, text in texts if "type" not in attributes]
