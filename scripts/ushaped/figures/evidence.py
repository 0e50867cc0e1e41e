"""The evidence on one curve, as a small SVG (see `ushaped.figures.inline_svg`).

Lines differ in their dashes and in the words of the key, not in colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from ushaped.axes import BY_COLUMN
from ushaped.figures import style
from ushaped.figures.inline_svg import METRICS, Panel, path, text, value_ticks, written
from ushaped.files import without_nan
from ushaped.results.numbers import power_of_ten
from ushaped.terms import SIGNS

WIDTH, HEIGHT = 640, 320
# Edges of the axes; the key is to their right, names of sizes in rows above.
LEFT, RIGHT, TOP, BOTTOM = 52, 462, 52, 268
KEY, KEY_TEXT, KEY_STEP = 478, 508, 19
SIZE_ROWS = (46, 34, 22)
CHARACTER = 6.6
# Smallest part of the vertical axis that is shown, so that no tiny change looks like a large one.
LEAST_SPAN = 0.1

# Class, stroke width and dashes of each kind of line; style.css has the same for the page.
LINES = {
    "fit": (2.6, ""),
    "next": (1.3, "7 4"),
    "chance": (1.2, "1.5 4"),
    "law": (1.3, "2 3"),
    "mix": (1.7, "9 3 2 3"),
    "true": (1.5, "4 2"),
    "false": (1.5, "10 5"),
}
SHEET = (
    f"text{{font:12px system-ui,'DejaVu Sans',sans-serif;fill:{style.MUTED}}}"
    f".k text,.y,.name{{fill:{style.INK}}}.name{{font-weight:bold;text-anchor:end}}"
    f"path{{fill:none;stroke:{style.INK}}}"
    f".grid{{stroke:{style.GRID}}}.axis,.chance,.joined{{stroke:{style.MUTED}}}"
    f"circle{{fill:{style.INK}}}.valley{{stroke:{style.VERMILLION};stroke-width:6}}"
    f".next{{stroke:{style.MUTED}}}.law{{stroke:{style.BROWN}}}.mix{{stroke:{style.PURPLE}}}"
    f".true{{stroke:{style.GREEN}}}.false{{stroke:{style.VERMILLION}}}"
    + "".join(
        f".{name}{{stroke-width:{width}{f';stroke-dasharray:{dashes}' if dashes else ''}}}"
        for name, (width, dashes) in LINES.items()
    )
)


class Line(NamedTuple):
    """A line of the figure: its kind, its words in the key ("" for none), scales and values."""

    kind: str
    words: str
    scales: Sequence[float]
    values: Sequence[float]


def evidence_svg(evidence: dict[str, Any], standalone: bool = False) -> str:
    """Draw the evidence on one curve.

    Parameters
    ----------
    evidence : dict
        One of the curves of ``evidence.json``; what is not known may be None or NaN.
    standalone : bool
        Whether the figure opens alone: with its colours, on white. Else it takes them from the
        style sheet of the page.

    Returns
    -------
    str
        An ``svg`` element. Names and sentences are escaped in it.
    """
    evidence = without_nan(evidence)
    sign, unknown = SIGNS[evidence["about"]["metric"]], [None] * len(evidence["values"])
    columns = [evidence[name] or unknown for name in ("values", "low", "high")]
    values, low, high = sign * np.array(columns, dtype=float)
    lines = _lines(evidence, sign, values)
    panel = _panel(evidence, lines, np.concatenate([values, low, high]))
    scales, chance, metric = _places(evidence), evidence["chance"], evidence["about"]["metric"]
    ticks = value_ticks(*panel.values, evidence["unit"])
    circles = (point.split() for point in panel.points(scales, values))
    parts = [
        _axes(evidence, panel, ticks),
        f'<g text-anchor="middle">{_sizes(evidence, panel)}</g>',
        text(6, 14, METRICS.get(metric, metric).lower(), "y"),
        *(panel.line(line.kind, line.scales, line.values) for line in lines),
        panel.level("chance", math.nan if chance is None else chance),
        path("valley", _valley(evidence, panel)),
        panel.intervals("bar", scales, low, high),
        *(f'<circle cx="{x}" cy="{y}" r="4"/>' for x, y in circles),
        f'<g class="k">{_key(evidence, lines, panel)}</g>',
    ]
    title = title_of(evidence)
    # Title and description have to come first.
    described = f"<title>{escape(title)}</title><desc>{escape(_description(evidence))}</desc>"
    box, drawing = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img"', "".join(parts)
    shape = statistical_verdict(evidence)
    if not standalone:
        colour = f" {shape.lower()}" if shape in style.SHAPES else ""
        return f'<svg class="proof{colour}" {box}>{described}{drawing}</svg>'
    size = f'xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
    colour = style.SHAPE_COLOURS.get(shape, style.GREY)
    sheet = f"<style>{SHEET}.fit{{stroke:{colour}}}</style>"
    paper = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{style.PAPER}"/>'
    name = text(WIDTH - 8, 14, title, "name")
    return f"<svg {size} {box}>{described}{sheet}{paper}{name}{drawing}</svg>\n"


def shown_shape(evidence: dict[str, Any]) -> str | None:
    """The shape whose fit is drawn: that of the verdict, or the one with the largest weight."""
    by_shape = {fit["shape"]: fit for fit in evidence["shapes"]}
    verdict = (evidence["verdict"] or {}).get("statistical")
    verdict = "any" if verdict == "irregular" else verdict
    return verdict if verdict in by_shape else _heaviest(by_shape.values())


def next_shape(evidence: dict[str, Any]) -> str | None:
    """The other shape with the largest weight; a curve under no constraint is not one."""
    besides = {shown_shape(evidence), "any"}
    return _heaviest(fit for fit in evidence["shapes"] if fit["shape"] not in besides)


def _heaviest(fits: Iterable[dict[str, Any]]) -> str | None:
    weighed = [fit for fit in fits if fit["weight"] is not None]
    return max(weighed, key=lambda fit: fit["weight"])["shape"] if weighed else None


def statistical_verdict(evidence: dict[str, Any]) -> str:
    return (evidence["verdict"] or {}).get("statistical") or "no verdict"


def title_of(evidence: dict[str, Any]) -> str:
    """What the curve is of, and its verdict."""
    names = [evidence["about"][name] for name in ("family", "task", "variant")]
    return f"{', '.join(name for name in names if name)}: {statistical_verdict(evidence)}"


def _description(evidence: dict[str, Any]) -> str:
    """The reason of the verdict, and the values, as measured."""
    unit = evidence["unit"]
    values = ", ".join(
        f"{written(value, unit, 1 if unit == 'share' else 2)} at {size}"
        for size, value in zip(evidence["sizes"], evidence["values"], strict=True)
        if value is not None
    )
    because = (evidence["verdict"] or {}).get("because") or ""
    return f"{because.rstrip('.')}. {values}." if because else f"{values}."


def _places(evidence: dict[str, Any]) -> list[float]:
    """Where the sizes stand on the logarithmic axis: at their values, or at 1 + value."""
    return list(10 ** BY_COLUMN[evidence["scale"]].positions(np.array(evidence["at"], float)))


def _axes(evidence: dict[str, Any], panel: Panel, ticks: list[tuple[float, str]]) -> str:
    axis = BY_COLUMN[evidence["scale"]]
    name = axis.label[0].lower() + axis.label[1:]
    if not axis.from_zero:
        return panel.axes(ticks, power_of_ten, 7, name)
    named = dict(zip(_places(evidence), map(axis.tick, evidence["at"]), strict=True))
    return panel.axes(ticks, named.__getitem__, 7, name, list(named))


def _lines(evidence: dict[str, Any], sign: float, values: np.ndarray) -> list[Line]:
    scales = _places(evidence)
    fits = {fit["shape"]: fit["values"] for fit in evidence["shapes"]}
    lines = [
        Line(kind, f"{kind}: {shape}", scales, [sign * value for value in fits[shape]])
        for kind, shape in (("next", next_shape(evidence)), ("fit", shown_shape(evidence)))
        if shape
    ] or [Line("joined", "", scales, values.tolist())]
    broken, mechanism = evidence["broken"] or {}, evidence["mechanism"] or {}
    curves = [("law", "broken law", "value", broken.get("curve"))]
    if mechanism.get("identifiable"):
        names = (
            ("mix", "mechanism", "accuracy"),
            ("true", "true task", "true"),
            ("false", "distractor", "distractor"),
        )
        curves += [(*name, mechanism["curve"]) for name in names]
    # Their scales are logarithms.
    return lines + [
        Line(kind, words, [10**x for x in curve["x"]], curve[column])
        for kind, words, column, curve in curves
        if curve
    ]


def _panel(evidence: dict[str, Any], lines: Sequence[Line], values: np.ndarray) -> Panel:
    scales = [*_places(evidence), *(scale for line in lines for scale in line.scales)]
    values = np.concatenate([values, *(line.values for line in lines)])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    # Chance is shown where that does not press the curve flat.
    chance = evidence["chance"]
    if chance is not None and 2 * low - high <= chance <= 2 * high - low:
        low, high = min(low, chance), max(high, chance)
    room = max(0.0, LEAST_SPAN - (high - low)) / 2 + 0.05 * max(high - low, LEAST_SPAN)
    low, high = low - room, high + room
    if evidence["unit"] == "share":
        low, high = max(low, -0.03), min(high, 1.03)
    return Panel(LEFT, RIGHT, TOP, BOTTOM, style.limits(scales), (low, high))


def _sizes(evidence: dict[str, Any], panel: Panel) -> str:
    """Names of the sizes above their points, in rows where they would touch."""
    ends = dict.fromkeys(SIZE_ROWS, -math.inf)
    names = []
    for name, scale in zip(evidence["sizes"], _places(evidence), strict=True):
        x, half = panel.x(scale), CHARACTER * len(name) / 2
        row = next((row for row in SIZE_ROWS if ends[row] <= x - half), None)
        if row is not None:
            ends[row] = x + half + CHARACTER
            names.append(text(x, row, name))
    return "".join(names)


def _valley(evidence: dict[str, Any], panel: Panel) -> str:
    """The sizes at which the valley may lie, marked on the axis; neighbours are joined."""
    named = set((evidence["valley"] or {}).get("sizes") or ())
    runs: list[list[float]] = [[]]
    for size, scale in zip(evidence["sizes"], _places(evidence), strict=True):
        if size in named:
            runs[-1].append(panel.x(scale))
        elif runs[-1]:
            runs.append([])
    return "".join(f"M{run[0] - 5:.1f} {BOTTOM}H{run[-1] + 5:.1f}" for run in runs if run)


def _key(evidence: dict[str, Any], lines: Sequence[Line], panel: Panel) -> str:
    interval = any(value is not None for value in evidence["low"] or ())
    entries = [("", "values, 95%" if interval else "values")]
    entries += [(line.kind, line.words) for line in reversed(lines) if line.words]
    if (chance := evidence["chance"]) is not None:
        words, (low, high) = f"chance {written(chance, evidence['unit'], 0)}", panel.values
        where = ", above" if chance > high else ", below" if chance < low else ""
        entries.append(("none" if where else "chance", words + where))
    if evidence["valley"]:
        entries.append(("valley", "valley, 95% set"))
    rows = []
    for place, (kind, words) in enumerate(entries):
        y = TOP + 8 + KEY_STEP * place
        sample = path(kind, f"M{KEY} {y}h24") if kind != "none" else ""
        rows.append(sample if kind else f'<circle cx="{KEY + 12}" cy="{y}" r="4"/>')
        rows.append(text(KEY_TEXT, y + 4, words))
    return "".join(rows)
