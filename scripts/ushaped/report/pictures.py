"""Figures inside the page, each with a text that says what it shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ushaped.errors import UserError
from ushaped.figures import style


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    ``address`` is that of its SVG, a ``data:`` URI for an attribute in single quotation marks, ""
    if it was not drawn; ``csv`` the numbers that it draws, "" if there are none, under ``name``.
    """

    id: str
    label: str
    name: str
    address: Markup
    width: int
    height: int
    alt: str
    csv: str


def svg_uri(svg: str) -> Markup:
    """Write an SVG as a ``data:`` URI; it takes a quarter less than base64.

    What an attribute in single quotation marks, or the URI, cannot hold is percent-encoded.
    """
    encoded = re.sub(r"[%#&'\t\r\n]", lambda match: f"%{ord(match[0]):02X}", svg)
    return Markup(f"data:image/svg+xml,{encoded}")


def picture(
    name: str, files: Mapping[str, Path], label: str, alt: str, id: str = "", prefix: str = ""
) -> Picture:
    """Load a figure with its numbers.

    Parameters
    ----------
    name : str
        Its name among the files.
    files : mapping of str to Path
        SVG files by name.
    label : str
        Its name in the caption.
    alt : str
        What it shows, in words.
    id : str
        Its id in the page; its name unless given.
    prefix : str
        Put before its name to tell it from others on the page.
    """
    svg = files.get(name)
    if svg is None:
        return Picture(id or prefix + name, label, prefix + name, Markup(), 0, 0, alt, "")
    if not svg.exists():
        raise UserError(str(svg), "no such file", "draw the figure first")
    table = svg.with_suffix(".csv")
    csv = table.read_bytes().decode() if table.exists() else ""
    return svg_picture(prefix + name, svg.read_bytes().decode(), csv, label, alt, id)


def svg_picture(name: str, svg: str, csv: str, label: str, alt: str, id: str = "") -> Picture:
    """Show the text of an SVG with its numbers."""
    width, height = _size(svg)
    address = svg_uri(style.for_dark_pages(svg))
    return Picture(id or name, label, name, address, width, height, alt, csv)


def _size(svg: str) -> tuple[int, int]:
    """Width and height in CSS pixels, from the view box."""
    start = svg.find('viewBox="')
    if start < 0:
        return 0, 0
    numbers = svg[start + 9 : svg.index('"', start + 9)].split()
    return round(float(numbers[2]) * 4 / 3), round(float(numbers[3]) * 4 / 3)
