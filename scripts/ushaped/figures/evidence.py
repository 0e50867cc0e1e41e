"""The picture of one curve's evidence, as a small SVG written by hand.

Unlike the other figures it needs no matplotlib: a report has some hundreds of them, each of a few
kilobytes inside the page, and ``python -m ushaped.shapes`` writes one that opens alone. Lines are
told apart by their dashes and by the words of the key, not by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ushaped.figures import style
from ushaped.files import without_nan
from ushaped.terms import SIGNS

WIDTH, HEIGHT = 640, 320
# Of the part in which curves are drawn; the key stands to its right.
LEFT, RIGHT, TOP, BOTTOM = 52, 462, 52, 268
KEY, KEY_TEXT, KEY_STEP = 478, 508, 19
SIZE_ROWS = (46, 34, 22)
CHARACTER = 6.6
# Smallest part of the vertical axis that is shown, so that no tiny change looks like a large one.
LEAST_SPAN = 0.1

SCALES = {"training_flops": "training compute (FLOPs)", "parameters": "parameters"}
AXES = {
    "accuracy": "accuracy",
    "sequence_loss": "loss (nats), turned: up is better",
    "log_odds": "log odds (nats)",
    "absolute_log_odds": "absolute log odds (nats), turned: up is better",
}

# Class, stroke width and dashes of each kind of line; style.css says the same for the page.
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


@dataclass(frozen=True)
class Line:
    """One line of the picture: its kind, its words in the key, logs of the scale and heights.

    Without words it is not in the key.
    """

    kind: str
    words: str
    at: Sequence[float]
    heights: Sequence[float]


@dataclass(frozen=True)
class Frame:
    """From logarithms of the scale and heights to places in the picture."""

    first: float
    last: float
    low: float
    high: float

    def x(self, at: float) -> float:
        """Place along the picture."""
        return LEFT + (RIGHT - LEFT) * (at - self.first) / (self.last - self.first)

    def y(self, height: float) -> float:
        """Place down the picture."""
        return BOTTOM - (BOTTOM - TOP) * (height - self.low) / (self.high - self.low)

    def path(self, at: Sequence[float], heights: Sequence[float]) -> str:
        """Path data of a line."""
        points = zip(at, heights, strict=True)
        return "M" + "L".join(f"{coordinate(self.x(a))} {coordinate(self.y(h))}" for a, h in points)


def evidence_svg(evidence: dict[str, Any], standalone: bool = False) -> str:
    """Draw the evidence on one curve.

    Parameters
    ----------
    evidence : dict
        One of the curves of ``evidence.json``; what is not known may be None or NaN.
    standalone : bool
        Whether the picture opens alone: with its colours, on white. Else it takes them from the
        style sheet of the page that it stands in.

    Returns
    -------
    str
        An ``svg`` element. Names and sentences are escaped in it.
    """
    evidence = without_nan(evidence)
    lines = _lines(evidence)
    frame = _frame(evidence, lines)
    parts = [
        _words(evidence),
        _axes(evidence, frame),
        *(_path(line.kind, frame.path(line.at, line.heights)) for line in lines),
        _chance(evidence, frame),
        _valley(evidence, frame),
        _points(evidence, frame),
        _key(evidence, lines, frame),
    ]
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    if standalone:
        size = f'xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
        colour = style.SHAPE_COLOURS.get(said_of(evidence), style.GREY)
        sheet = f"<style>{SHEET}.fit{{stroke:{colour}}}</style>"
        paper = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{style.PAPER}"/>'
        name = f'<text class="name" x="{WIDTH - 8}" y="14">{escape(title_of(evidence))}</text>'
        # Title and description have to come first.
        return f"<svg {size} {box}>{parts[0]}{sheet}{paper}{name}{''.join(parts[1:])}</svg>\n"
    said = said_of(evidence)
    colour = f" {said.lower()}" if said in style.SHAPES else ""
    return f'<svg class="proof{colour}" {box}>{"".join(parts)}</svg>'


def shown_shape(evidence: dict[str, Any]) -> str | None:
    """The shape whose fit is drawn: that of the verdict, or the one with the largest weight."""
    by_shape = {fit["shape"]: fit for fit in evidence["shapes"]}
    said = (evidence["verdict"] or {}).get("statistical")
    said = "any" if said == "irregular" else said
    return said if said in by_shape else _heaviest(by_shape.values())


def next_shape(evidence: dict[str, Any]) -> str | None:
    """The other shape with the largest weight; a curve under no constraint is not one."""
    besides = {shown_shape(evidence), "any"}
    return _heaviest(fit for fit in evidence["shapes"] if fit["shape"] not in besides)


def _heaviest(fits: Iterable[dict[str, Any]]) -> str | None:
    weighed = [fit for fit in fits if fit["weight"] is not None]
    return max(weighed, key=lambda fit: fit["weight"])["shape"] if weighed else None


def said_of(evidence: dict[str, Any]) -> str:
    """The statistical verdict as a word; ``no verdict`` where there is none."""
    return (evidence["verdict"] or {}).get("statistical") or "no verdict"


def title_of(evidence: dict[str, Any]) -> str:
    """What the curve is of, and its verdict."""
    names = [evidence["about"][name] for name in ("family", "task", "variant")]
    return f"{', '.join(name for name in names if name)}: {said_of(evidence)}"


def _lines(evidence: dict[str, Any]) -> list[Line]:
    at = [math.log10(scale) for scale in evidence["at"]]
    fits = {fit["shape"]: fit["values"] for fit in evidence["shapes"]}
    found = []
    for kind, words, shape in (
        ("next", "next", next_shape(evidence)),
        ("fit", "fit", shown_shape(evidence)),
    ):
        if shape:
            heights = [_sign(evidence) * value for value in fits[shape]]
            found.append(Line(kind, f"{words}: {shape}", at, heights))
    if not found:
        found.append(Line("joined", "", at, _heights(evidence, "values")))
    broken = (evidence["broken"] or {}).get("curve")
    if broken:
        found.append(Line("law", "broken law", broken["x"], broken["value"]))
    mechanism = evidence["mechanism"] or {}
    if mechanism.get("identifiable"):
        curve = mechanism["curve"]
        for kind, words, name in (
            ("mix", "mechanism", "accuracy"),
            ("true", "true task", "true"),
            ("false", "distractor", "distractor"),
        ):
            found.append(Line(kind, words, curve["x"], curve[name]))
    return found


def _sign(evidence: dict[str, Any]) -> float:
    return SIGNS[evidence["about"]["metric"]]


def _heights(evidence: dict[str, Any], name: str) -> list[float]:
    """Values or ends of intervals, turned so that higher is better, without missing ones."""
    return [_sign(evidence) * value for value in evidence[name] or [] if value is not None]


def _frame(evidence: dict[str, Any], lines: Sequence[Line]) -> Frame:
    at = [math.log10(scale) for scale in evidence["at"]]
    at += [place for line in lines for place in line.at]
    margin = max(0.12, 0.04 * (max(at) - min(at)))
    heights = [h for name in ("values", "low", "high") for h in _heights(evidence, name)]
    heights += [height for line in lines for height in line.heights]
    low, high = min(heights), max(heights)
    # Chance is shown where that does not press the curve flat.
    chance = evidence["chance"]
    if chance is not None and low - (high - low) <= chance <= high + (high - low):
        low, high = min(low, chance), max(high, chance)
    wanting = max(0.0, LEAST_SPAN - (high - low)) / 2
    room = 0.05 * max(high - low, LEAST_SPAN)
    low, high = low - wanting - room, high + wanting + room
    if evidence["unit"] == "share":
        low, high = max(low, -0.03), min(high, 1.03)
    return Frame(min(at) - margin, max(at) + margin, low, high)


def round_ticks(low: float, high: float) -> list[float]:
    """At most seven round numbers between two others."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(s for s in (1, 2, 5, 10) if (high - low) / (s * step) <= 6)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [place * step for place in range(first, last + 1)]


def _axes(evidence: dict[str, Any], frame: Frame) -> str:
    share, sign = evidence["unit"] == "share", _sign(evidence)
    heights = [h for h in round_ticks(frame.low, frame.high) if not share or -1e-9 <= h <= 1 + 1e-9]
    grid = "".join(f"M{LEFT} {coordinate(frame.y(h))}H{RIGHT}" for h in heights)
    digits = max(0, -math.floor(math.log10(heights[1] - heights[0]) + 1e-9) - 2 * share)
    named = "".join(
        _text(LEFT - 6, frame.y(h) + 4, written(sign * h, evidence["unit"], digits))
        for h in heights
    )
    powers = [
        at
        for at in map(math.log10, style.decade_ticks(10**frame.first, 10**frame.last, most=7))
        if frame.first <= at <= frame.last
    ]
    marks = "".join(f"M{coordinate(frame.x(at))} {BOTTOM}v5" for at in powers)
    scale = [_text(frame.x(at), BOTTOM + 19, style.power_of_ten(10**at)) for at in powers]
    scale.append(_text((LEFT + RIGHT) / 2, BOTTOM + 41, SCALES[evidence["scale"]]))
    label = AXES.get(evidence["about"]["metric"], evidence["about"]["metric"])
    return (
        _path("grid", grid)
        + _path("axis", f"M{LEFT} {BOTTOM}H{RIGHT}{marks}")
        + f'<g text-anchor="end">{named}</g>'
        + f'<g text-anchor="middle">{"".join([*scale, *_sizes(evidence, frame)])}</g>'
        + f'<text class="y" x="6" y="14">{escape(label)}</text>'
    )


def _sizes(evidence: dict[str, Any], frame: Frame) -> list[str]:
    """Names of the sizes above their points, in rows where they would touch."""
    ends = dict.fromkeys(SIZE_ROWS, -math.inf)
    found = []
    for name, scale in zip(evidence["sizes"], evidence["at"], strict=True):
        x, half = frame.x(math.log10(scale)), CHARACTER * len(name) / 2
        row = next((row for row in SIZE_ROWS if ends[row] <= x - half), None)
        if row is not None:
            ends[row] = x + half + CHARACTER
            found.append(_text(x, row, name))
    return found


def _points(evidence: dict[str, Any], frame: Frame) -> str:
    sign, marks, bars = _sign(evidence), [], []
    missing = [None] * len(evidence["values"])
    rows = zip(
        evidence["at"],
        evidence["values"],
        evidence["low"] or missing,
        evidence["high"] or missing,
        strict=True,
    )
    for scale, value, low, high in rows:
        if value is None:
            continue
        x = coordinate(frame.x(math.log10(scale)))
        if low is not None and high is not None:
            bars.append(
                f"M{x} {coordinate(frame.y(sign * low))}V{coordinate(frame.y(sign * high))}"
            )
        marks.append(f'<circle cx="{x}" cy="{coordinate(frame.y(sign * value))}" r="4"/>')
    return (_path("bar", "".join(bars)) if bars else "") + "".join(marks)


def _chance(evidence: dict[str, Any], frame: Frame) -> str:
    if evidence["chance"] is None or not frame.low <= evidence["chance"] <= frame.high:
        return ""
    return _path("chance", f"M{LEFT} {coordinate(frame.y(evidence['chance']))}H{RIGHT}")


def _valley(evidence: dict[str, Any], frame: Frame) -> str:
    """The sizes at which the valley may lie, marked on the axis; neighbours are joined."""
    named = set((evidence["valley"] or {}).get("sizes") or ())
    runs: list[list[float]] = []
    before = False
    for size, scale in zip(evidence["sizes"], evidence["at"], strict=True):
        if size in named:
            x = frame.x(math.log10(scale))
            runs = [*runs[:-1], [*runs[-1], x]] if before else [*runs, [x]]
        before = size in named
    drawn = "".join(f"M{coordinate(run[0] - 5)} {BOTTOM}H{coordinate(run[-1] + 5)}" for run in runs)
    return _path("valley", drawn) if drawn else ""


def _key(evidence: dict[str, Any], lines: Sequence[Line], frame: Frame) -> str:
    interval = any(value is not None for value in evidence["low"] or ())
    entries = [("", "values, 95%" if interval else "values")]
    entries += [(line.kind, line.words) for line in reversed(lines) if line.words]
    chance = evidence["chance"]
    if chance is not None:
        words = f"chance {written(chance, evidence['unit'], 0)}"
        shown = frame.low <= chance <= frame.high
        where = ", above" if chance > frame.high else ", below"
        entries.append(("chance", words) if shown else ("none", words + where))
    if evidence["valley"]:
        entries.append(("valley", "valley, 95% set"))
    rows = []
    for place, (kind, words) in enumerate(entries):
        y = TOP + 8 + KEY_STEP * place
        if not kind:
            rows.append(f'<circle cx="{KEY + 12}" cy="{y}" r="4"/>')
        elif kind != "none":
            rows.append(_path(kind, f"M{KEY} {y}h24"))
        rows.append(_text(KEY_TEXT, y + 4, words))
    return f'<g class="k">{"".join(rows)}</g>'


def _words(evidence: dict[str, Any]) -> str:
    values = ", ".join(
        f"{written(value, evidence['unit'], 1 if evidence['unit'] == 'share' else 2)} at {size}"
        for size, value in zip(evidence["sizes"], evidence["values"], strict=True)
        if value is not None
    )
    because = (evidence["verdict"] or {}).get("because") or ""
    # No name of a file, so a sentence needs its full stop.
    told = f"{because.rstrip('.')}. {values}." if because else f"{values}."
    return f"<title>{escape(title_of(evidence))}</title><desc>{escape(told)}</desc>"


def written(value: float, unit: str, digits: int) -> str:
    text = f"{100 * value:.{digits}f}%" if unit == "share" else f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text.rstrip("%")) else text.replace("-", "")


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{coordinate(x)}" y="{coordinate(y)}">{escape(words)}</text>'


def _path(kind: str, data: str) -> str:
    return f'<path class="{kind}" d="{data}"/>'


def coordinate(number: float) -> str:
    """A coordinate with one decimal at most.

    Examples
    --------
    >>> coordinate(12.04), coordinate(3.45678)
    ('12', '3.5')
    """
    return f"{number:.1f}".removesuffix(".0")
