"""Figures as the page shows them: inside it, with a text that says what they show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ushaped.errors import UserError
from ushaped.figures import style
from ushaped.report.evidence import say_power
from ushaped.report.protocols import say_summaries, summaries, ways
from ushaped.report.questions import said_in_pictures
from ushaped.report.text import by_metric, plural
from ushaped.report.verdicts import Tally, Verdict
from ushaped.results import tables
from ushaped.results.folder import Results
from ushaped.terms import PALM


@dataclass(frozen=True)
class Picture:
    """A figure ready to be shown and taken away.

    ``shown`` is the address of its SVG, a ``data:`` URI for an attribute in single quotation marks;
    ``csv`` the numbers that it draws, "" if there are none.
    """

    name: str
    shown: Markup
    width: int
    height: int
    alt: str
    csv: str


def svg_uri(svg: str) -> Markup:
    """Write an SVG as a ``data:`` URI; it takes a quarter less than base64.

    What an attribute in single quotation marks, or the URI, cannot hold is percent-encoded.
    """
    encoded = re.sub(r"[%#&'\t\r\n]", lambda found: f"%{ord(found[0]):02X}", svg)
    return Markup(f"data:image/svg+xml,{encoded}")


def picture(name: str, files: Mapping[str, Path], alt: str, prefix: str = "") -> Picture | None:
    """Load a figure with its numbers; None if it was not drawn.

    Parameters
    ----------
    name : str
        Its name among the files.
    files : mapping of str to Path
        SVG files by name.
    alt : str
        What it shows, in words.
    prefix : str
        Put before its name to tell it from others on the page.
    """
    svg = files.get(name)
    if svg is None:
        return None
    if not svg.exists():
        raise UserError(str(svg), "no such file", "draw the figure first")
    numbers = svg.with_suffix(".csv")
    csv = numbers.read_bytes().decode() if numbers.exists() else ""
    return drawn_picture(prefix + name, svg.read_bytes().decode(), csv, alt)


def drawn_picture(name: str, svg: str, csv: str, alt: str) -> Picture:
    """Show a figure by the texts of its SVG and its numbers; no other has its name."""
    width, height = _size(svg)
    return Picture(name, svg_uri(style.for_dark_pages(svg)), width, height, alt, csv)


def _size(svg: str) -> tuple[int, int]:
    """Width and height in CSS pixels, from the view box."""
    start = svg.find('viewBox="')
    if start < 0:
        return 0, 0
    numbers = svg[start + 9 : svg.index('"', start + 9)].split()
    return round(float(numbers[2]) * 4 / 3), round(float(numbers[3]) * 4 / 3)


def say(verdict: Verdict) -> str:
    """One curve in words: where it starts, where it turns, where it ends."""
    first, lowest, last = (
        by_metric(value, verdict.metric) for value in (verdict.first, verdict.lowest, verdict.last)
    )
    if verdict.sizes == 1:
        return f"{last} at the one size, no shape"
    turn = f", {lowest} at {verdict.valley_size}" if verdict.valley_size else ""
    return f"{verdict.shown} ({first} at the smallest size{turn}, {last} at the largest)"


def say_tally(counted: Tally) -> str:
    """A tally in words."""
    counts = ", ".join(counted.counts)
    what = f"{counted.family}, {counted.variant}, {counted.source} items"
    if counted.only_size:
        return f"{what}: one size, no shape on any of {plural(counted.total, 'task')}"
    return f"{what}: {counts} of {counted.total} tasks"


def pictures(
    inputs: Results, found: Sequence[Verdict], counted: Sequence[Tally]
) -> dict[str, Picture | None]:
    """Load all figures, each with a text that states what it shows."""
    averages = [v for v in found if v.task == tables.AVERAGE]
    lines = [_said(v) for v in averages if _is_shown_average(v)]
    counts = "; ".join(say_tally(one) for one in counted)
    alts = {
        "scaling": "Mean accuracy over ten tasks against training compute and parameters. "
        + ("; ".join(lines) if lines else "Published series only."),
        "verdicts": f"Matrix of verdicts, tasks by variants. {counts}.",
        "overview": "One small panel per task and source of items, value against training compute. "
        f"{counts}.",
        "beside": "One small panel per task: what was run here zero-shot under the official "
        f"protocol in front of all published series. {counts}.",
        "seeds": "One small panel per task and source of items: each training seed and their mean.",
        "protocols": "Matrix of verdicts, tasks by ways of asking, changes from zero-shot framed. "
        + say_summaries(summaries(ways(inputs.protocols))),
        "power": say_power(inputs.power),
        **said_in_pictures(inputs.questions),
    }
    for one in tables.editions(inputs.metrics):
        if one.task != tables.AVERAGE:
            own = [v for v in found if (v.source, v.task) == one]
            lines = [_said(v) for v in own]
            alts[of_edition(one)] = f"{one.task} against training compute. " + "; ".join(lines)
    return {name: picture(name, inputs.figures, alt) for name, alt in alts.items()}


def of_edition(edition: tables.Edition) -> str:
    """Name of the figure of an edition."""
    return f"tasks/{edition.source}/{edition.task}"


def _said(verdict: Verdict) -> str:
    items = "" if verdict.source == "published" else f", {verdict.source} items"
    return f"{verdict.family}, {verdict.variant}{items}: {say(verdict)}"


def _is_shown_average(verdict: Verdict) -> bool:
    return verdict.source != "published" or verdict.family == PALM
