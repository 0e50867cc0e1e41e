"""Make a figure's SVG small: shared styles, short paths, no wrappers. A quarter of the bytes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as Xml

SVG = "http://www.w3.org/2000/svg"
LINK = "http://www.w3.org/1999/xlink"
# Metrics close to those of the font that the figures are laid out with, on every system.
FONTS = "'DejaVu Sans', Verdana, sans-serif"

_LONG = re.compile(r"-?\d+\.\d{3,}")
_COMMAND = re.compile(r"([MLQCz])([^MLQCz]*)")
_REFERENCE = re.compile(r"#([\w.-]+)")
_POSITIONS = ("x", "y", "transform", "width", "height")
# Paths that reach less far, such as markers, keep a hundredth of a point, others a tenth.
_SMALL = 20.0


def compact(svg: str) -> str:
    """Rewrite an SVG of matplotlib so that it looks the same and is much smaller.

    Styles become classes in one sheet (which is also where the report finds the colours to
    exchange on a dark page), coordinates are rounded (the paths of curves to a tenth of a point, a
    seventh of a pixel), lines say how far they go and not where to, ids that nothing refers to and
    groups that say nothing are dropped, and so is the metadata block.
    """
    Xml.register_namespace("", SVG)
    Xml.register_namespace("xlink", LINK)
    root = Xml.fromstring(svg)
    _drop(root, f"{{{SVG}}}metadata")
    names = _short_names(svg)
    classes: dict[str, str] = {}
    for element in root.iter():
        _shorten(element, names, classes)
    _lift(root)
    _unwrap(root)
    sheet = root.find(f"{{{SVG}}}defs/{{{SVG}}}style")
    if sheet is not None:
        rules = "".join(f".{name}{{{css}}}" for css, name in classes.items())
        sheet.text = (sheet.text or "") + rules
    # Texts and attributes hold no ">" that is not escaped.
    return Xml.tostring(root, encoding="unicode").replace(" />", "/>") + "\n"


def _drop(root: Xml.Element, tag: str) -> None:
    for child in root.findall(tag):
        root.remove(child)


def _short_names(svg: str) -> dict[str, str]:
    """Short names for the ids that are referred to, in order of appearance."""
    colours = re.compile(r"[0-9a-f]{6}")
    found = dict.fromkeys(_REFERENCE.findall(svg))
    used = [name for name in found if f'id="{name}"' in svg and not colours.fullmatch(name)]
    return {name: f"i{place}" for place, name in enumerate(used)}


def _shorten(element: Xml.Element, names: dict[str, str], classes: dict[str, str]) -> None:
    for key, value in list(element.attrib.items()):
        if key == "id":
            del element.attrib["id"]
            if value in names:
                element.set("id", names[value])
        elif key == "style":
            css = _style(value)
            del element.attrib["style"]
            element.set("class", classes.setdefault(css, f"s{len(classes)}"))
        elif "#" in value:
            element.set(key, _REFERENCE.sub(lambda m: "#" + names.get(m[1], m[1]), value))
        elif key == "d":
            element.set("d", _short_path(value))
        elif key in _POSITIONS:
            _set_position(element, key, value)
    if element.text is not None and not element.text.strip():
        element.text = None
    element.tail = None


def _set_position(element: Xml.Element, key: str, value: str) -> None:
    short = " ".join(_LONG.sub(_rounded, value).split())
    if short.startswith("rotate(-0 "):
        del element.attrib[key]
    else:
        element.set(key, short)


def _short_path(path: str) -> str:
    """Write a path of the commands M, L, Q, C and z with relative steps and few decimals."""
    steps = [
        (letter, [float(n) for n in numbers.split()]) for letter, numbers in _COMMAND.findall(path)
    ]
    reach = max((abs(n) for _, numbers in steps for n in numbers), default=0.0)
    unit = 100 if reach < _SMALL else 10
    pen = begun = [0, 0]
    written: list[str] = []
    before = ""
    for letter, numbers in steps:
        places = [round(n * unit) for n in numbers]
        if letter == "z":
            pen = begun
            written.append("z")
        elif letter == "M":
            pen = begun = places
            written.append("M" + _joined(places, unit))
        else:
            moved = _joined([n - pen[place % 2] for place, n in enumerate(places)], unit)
            pen = places[-2:]
            # The same command again needs no letter.
            joint = letter.lower() if letter != before else "" if moved[0] == "-" else " "
            written.append(joint + moved)
        before = letter
    return "".join(written)


def _joined(places: list[int], unit: int) -> str:
    """Numbers in units of a fraction of a point, written with as few characters as they need."""
    written = ""
    for place in places:
        number = f"{place / unit:.2f}".rstrip("0").rstrip(".")
        number = re.sub(r"^(-?)0\.", r"\1.", number)
        written += number if not written or number[0] == "-" else f" {number}"
    return written


def _style(value: str) -> str:
    css = re.sub(r"font-family: [^;]*", f"font-family: {FONTS}", value)
    return re.sub(r"\s*([:;,])\s*", r"\1", css)


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def _lift(parent: Xml.Element) -> None:
    """Give a class that all members of a group share to the group."""
    for child in parent:
        _lift(child)
    shared = {child.get("class") for child in parent}
    group = parent.tag == f"{{{SVG}}}g" and len(parent) > 1 and "class" not in parent.attrib
    if group and len(shared) == 1 and None not in shared:
        parent.set("class", str(shared.pop()))
        for child in parent:
            del child.attrib["class"]


def _unwrap(parent: Xml.Element) -> None:
    """Replace groups without attributes by what is in them."""
    children: list[Xml.Element] = []
    for child in list(parent):
        _unwrap(child)
        bare = child.tag == f"{{{SVG}}}g" and not child.attrib
        children += list(child) if bare else [child]
    if children != list(parent):
        for child in list(parent):
            parent.remove(child)
        parent.extend(children)
