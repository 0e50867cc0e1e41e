"""Each part of one task on its own: many tasks were put together from sub-tasks.

A small SVG written by hand, one panel per part on the same axes. With one family the curve of all
items lies behind each panel; with several, families have their own colours, markers and dashes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd

from ushaped.figures import style
from ushaped.figures.evidence import coordinate, round_ticks, written
from ushaped.results import tables
from ushaped.terms import SIGNS

# A task of one part has nothing to tell apart; of more than so many, panels tell nothing.
FEWEST, MOST = 2, 9
ALL = "all"
COLUMNS = (
    "family",
    "source",
    "task",
    "variant",
    "protocol",
    "part",
    "metric",
    "size",
    "parameters",
    "training_flops",
    "value",
    "low",
    "high",
    "n",
    "chance",
)

# In pixels: of a panel, and of the room around its axes.
WIDTH, HEIGHT = 225, 176
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 26, 42
KEY_STEP = 19
ACROSS = 4
LABELS = {
    "accuracy": "Accuracy",
    "sequence_loss": "Loss (nats)",
    "log_odds": "Log odds (nats)",
    "absolute_log_odds": "Absolute log odds (nats)",
}
SCALES = {"training_flops": "FLOPs", "parameters": "Parameters"}

# Markers by the names that matplotlib has for them, as path data from their middle.
MARKERS = {
    "o": "m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0",
    "s": "m-3-3h6v6h-6z",
    "^": "m0-4l3.6 6.6h-7.2z",
    "v": "m0 4l3.6-6.6h-7.2z",
    "<": "m-4 0l6.6-3.6v7.2z",
    ">": "m4 0l-6.6-3.6v7.2z",
    "D": "m0-4l4 4l-4 4l-4-4z",
    "d": "m0-4.5l2.8 4.5l-2.8 4.5l-2.8-4.5z",
    "x": "m-3-3l6 6m0-6l-6 6",
    "X": "m-3.5-3.5l7 7m0-7l-7 7",
    "+": "m-4 0h8m-4-4v8",
    "P": "m-4.5 0h9m-4.5-4.5v9",
    "p": "m0-4l3.8 2.8l-1.4 4.4h-4.8l-1.4-4.4z",
    "8": "m-1.6-3.8h3.2l2.2 2.2v3.2l-2.2 2.2h-3.2l-2.2-2.2v-3.2z",
    "H": "m-2-3.5h4l2 3.5l-2 3.5h-4l-2-3.5z",
    "1": "m0 0v4.4m0-4.4l3.8-2.2m-3.8 2.2l-3.8-2.2",
    "2": "m0 0v-4.4m0 4.4l3.8 2.2m-3.8-2.2l-3.8 2.2",
    "h": "m0-4l3.5 2v4l-3.5 2l-3.5-2v-4z",
    "*": "m0-4.6l1.3 3l3.3.2l-2.5 2.1l.8 3.2l-2.9-1.7l-2.9 1.7l.8-3.2l-2.5-2.1l3.3-.2z",
}

SHEET = (
    f"text{{font:11px 'DejaVu Sans',Verdana,sans-serif;fill:{style.MUTED}}}"
    f".t{{font-weight:bold;fill:{style.INK}}}.k{{fill:{style.INK}}}"
    f"path{{fill:none;stroke-width:1.8}}.g{{stroke:{style.GRID};stroke-width:1}}"
    f".a{{stroke:{style.MUTED};stroke-width:1}}"
    f".c{{stroke:{style.MUTED};stroke-width:1.1;stroke-dasharray:2 3}}"
    f".w{{stroke:{style.GREY};stroke-width:1.5;stroke-dasharray:5 3}}"
    f".p{{fill:{style.PAPER}}}"
)


@dataclass(frozen=True)
class Frame:
    """From the scale and heights to places in a panel; the axes are those of all panels."""

    first: float
    last: float
    low: float
    high: float

    def x(self, scale: float) -> float:
        """Place along the panel; ``scale`` in FLOPs or parameters."""
        share = (math.log10(scale) - self.first) / (self.last - self.first)
        return LEFT + (WIDTH - LEFT - RIGHT) * share

    def y(self, height: float) -> float:
        """Place down the panel."""
        share = (height - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


class Point(NamedTuple):
    """Places of a value and of the ends of its interval; "" for one that is not known."""

    at: str
    value: str
    low: str
    high: str


def table(parts: pd.DataFrame, metrics: pd.DataFrame, edition: tables.Edition) -> pd.DataFrame:
    """Collect the scores by part of one edition, under its main way of asking.

    Parameters
    ----------
    parts : DataFrame
        ``parts.csv``.
    metrics : DataFrame
        ``metrics.csv``, for the curve of all items.
    edition : Edition

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; ``part`` is text, `ALL` for the curve of all items. Empty unless there
        are 2 to 9 parts.
    """
    own = tables.of_edition(parts, edition)
    if not FEWEST <= own["part"].nunique() <= MOST:
        return pd.DataFrame(columns=list(COLUMNS))
    variant = style.order_variants(own["variant"])[0]
    own = own[own["variant"] == variant]
    own = own.assign(part=own["part"].astype(int).astype(str))
    whole = tables.of_edition(metrics, edition)
    chosen = (whole["variant"] == variant) & (whole["metric"] == own["metric"].iloc[0])
    whole = whole[chosen & (whole["model"] == "") & whole["family"].isin(own["family"])]
    whole = whole[~tables.flagged(whole, tables.PUBLISHED_POINT)].assign(part=ALL)
    return tables.rounded(pd.concat([own, whole])[list(COLUMNS)].reset_index(drop=True))


def parts_of(drawn: pd.DataFrame) -> list[str]:
    """The parts in a table, in their order.

    Examples
    --------
    >>> parts_of(pd.DataFrame({"part": ["10", "2", "all"]}))
    ['2', '10']
    """
    return sorted(set(drawn["part"]) - {ALL}, key=int)


def svg(drawn: pd.DataFrame) -> str:
    """Draw a table of `table` that is not empty.

    Returns
    -------
    str
        An SVG file. The names of families are escaped in it.
    """
    parts = parts_of(drawn)
    looks = style.family_looks(drawn["family"])
    # As wide for any number of parts, so that all cards show them at one scale.
    width, height = ACROSS * WIDTH, -(-(len(parts) + 1) // ACROSS) * HEIGHT
    frame = _frame(drawn)
    cells = [_panel(drawn, part, frame, looks) for part in parts] + [_key(drawn, looks)]
    panels = [_moved(place, cell) for place, cell in enumerate(cells)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}"><style>{SHEET}{_colours(looks)}</style>'
        f'<rect class="p" width="{width}" height="{height}"/>{"".join(panels)}</svg>\n'
    )


def _colours(looks: Mapping[str, style.Look]) -> str:
    """Classes of the families, in their order: lines, and filled markers."""
    rules = []
    for place, look in enumerate(looks.values()):
        gaps = "" if isinstance(look.line, str) else " ".join(map(str, look.line[1]))
        dashes = f";stroke-dasharray:{gaps}" if gaps else ""
        rules.append(
            f".l{place}{{stroke:{look.colour}{dashes}}}"
            f".m{place}{{stroke:{look.colour};fill:{look.colour};stroke-width:1.2}}"
            f".b{place}{{stroke:{look.colour};stroke-width:1.1}}"
        )
    return "".join(rules)


def _moved(place: int, drawing: str) -> str:
    x, y = place % ACROSS * WIDTH, place // ACROSS * HEIGHT
    return f'<g transform="translate({x} {y})">{drawing}</g>'


def _sign(drawn: pd.DataFrame) -> float:
    return SIGNS[drawn["metric"].iloc[0]]


def _frame(drawn: pd.DataFrame) -> Frame:
    at = [math.log10(scale) for scale in drawn[tables.axis_of(drawn)].dropna()]
    margin = max(0.12, 0.05 * (max(at) - min(at)))
    low, high = 0.0, 1.0
    if drawn["metric"].iloc[0] != "accuracy":
        heights = _sign(drawn) * drawn[["value", "low", "high"]].to_numpy()
        low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    room = 0.04 * (high - low) or 0.05
    return Frame(min(at) - margin, max(at) + margin, low - room, high + room)


def _panel(drawn: pd.DataFrame, part: str, frame: Frame, looks: Mapping[str, style.Look]) -> str:
    x, sign, rows = tables.axis_of(drawn), _sign(drawn), drawn[drawn["part"] == part]
    pieces = [_text(LEFT, 15, f"Part {part}, {rows['n'].max():,.0f} items", "t")]
    pieces.append(_axes(drawn, frame))
    chances = rows["chance"].dropna().unique()
    if len(chances) == 1 and frame.low <= chances[0] <= frame.high:
        height = coordinate(frame.y(sign * chances[0]))
        pieces.append(f'<path class="c" d="M{LEFT} {height}H{WIDTH - RIGHT}"/>')
    if len(looks) == 1:
        whole = _points(drawn[drawn["part"] == ALL], x, frame, sign)
        pieces.append(f'<path class="w" d="{_line(whole)}"/>')
    for place, (family, look) in enumerate(looks.items()):
        points = _points(rows[rows["family"] == family], x, frame, sign)
        pieces.append(f'<path class="b{place}" d="{_bars(points)}"/>')
        pieces.append(f'<path class="l{place}" d="{_line(points)}"/>')
        pieces.append(f'<path class="m{place}" d="{_marks(points, MARKERS[look.marker])}"/>')
    return "".join(pieces)


def _axes(drawn: pd.DataFrame, frame: Frame) -> str:
    share, sign = drawn["metric"].iloc[0] == "accuracy", _sign(drawn)
    heights = [0, 0.25, 0.5, 0.75, 1] if share else round_ticks(frame.low, frame.high)
    unit, digits = ("share", 0) if share else ("nats", 1 if heights[1] - heights[0] < 1 else 0)
    grid = "".join(f"M{LEFT} {coordinate(frame.y(h))}H{WIDTH - RIGHT}" for h in heights)
    named = "".join(
        _text(LEFT - 6, frame.y(h) + 4, written(sign * h, unit, digits)) for h in heights
    )
    bottom, x = HEIGHT - BOTTOM, tables.axis_of(drawn)
    powers = style.decade_ticks(10**frame.first, 10**frame.last, most=3)
    marks = "".join(f"M{coordinate(frame.x(at))} {bottom}v4" for at in powers)
    write = style.power_of_ten if x == "training_flops" else style.metric_prefix
    scale = "".join(_text(frame.x(at), bottom + 16, write(at)) for at in powers)
    middle = (LEFT + WIDTH - RIGHT) / 2
    return (
        f'<path class="g" d="{grid}"/><path class="a" d="M{LEFT} {bottom}H{WIDTH - RIGHT}{marks}"/>'
        f'<g text-anchor="end">{named}</g>'
        f'<g text-anchor="middle">{scale}{_text(middle, bottom + 31, SCALES[x])}</g>'
    )


def _points(rows: pd.DataFrame, x: str, frame: Frame, sign: float) -> list[Point]:
    """The points of one curve from left to right, without those whose place is not known."""
    columns = rows[[x, "value", "low", "high"]].to_numpy(dtype=float)
    columns = columns[~np.isnan(columns[:, :2]).any(axis=1)]
    return [
        Point(
            coordinate(frame.x(scale)),
            *("" if np.isnan(one) else coordinate(frame.y(sign * one)) for one in heights),
        )
        for scale, *heights in columns[columns[:, 0].argsort(kind="stable")]
    ]


def _line(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{one.at} {one.value}" for one in points) if points else ""


def _bars(points: Sequence[Point]) -> str:
    """The 95 % intervals."""
    return "".join(f"M{one.at} {one.low}V{one.high}" for one in points if one.low and one.high)


def _marks(points: Sequence[Point], marker: str) -> str:
    return "".join(f"M{one.at} {one.value}{marker}" for one in points)


def _key(drawn: pd.DataFrame, looks: Mapping[str, style.Look]) -> str:
    metric = drawn["metric"].iloc[0]
    pieces = [_text(LEFT, 15, LABELS[metric], "t")]
    rows: list[tuple[Sequence[str], str]] = []
    for place, (family, look) in enumerate(looks.items()):
        mark = f'<path class="m{place}" d="M12 0{MARKERS[look.marker]}"/>'
        rows.append(([f'<path class="l{place}" d="M0 0h24"/>', mark], family))
    if len(looks) == 1:
        rows.append((['<path class="w" d="M0 0h24"/>'], "all items"))
    if drawn["chance"].notna().any():
        rows.append((['<path class="c" d="M0 0h24"/>'], "chance"))
    if _sign(drawn) < 0:
        rows.append(([], "axis turned: up is better"))
    for place, (lines, words) in enumerate(rows):
        y = 36 + KEY_STEP * place
        pieces.append(f'<g transform="translate({LEFT} {y})">{"".join(lines)}</g>')
        pieces.append(_text(LEFT + 32, y + 4, words, "k"))
    return "".join(pieces)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{coordinate(x)}" y="{coordinate(y)}">{escape(words)}</text>'
