"""Judged curves, a small panel for each: values, intervals, and the fit of the verdict's shape.

No figure of the workflow, so it has no title of one (`ushaped.figures`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import seaborn.objects as so
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ushaped.figures import panels, style, theme
from ushaped.shapes.evidence_record import CurveEvidence

NAMES = ("family", "source", "task", "variant", "protocol", "metric")
COLUMNS = (
    *("curve", *NAMES, "verdict", "scale", "size", "at", "value", "low", "high"),
    *("fitted", "chance"),
)
# Width and height of a panel, and what is added once, in inches.
PANEL, MARGIN = (2.9, 2.4), 0.3
MOST_COLUMNS = 4


def points(records: Sequence[CurveEvidence]) -> pd.DataFrame:
    """One row per point, with the columns `COLUMNS`; ``curve`` numbers the curves."""
    rows: list[dict[str, Any]] = []
    for number, record in enumerate(records):
        shape = record["verdict"].get("statistical") or "no verdict"
        about: dict[str, Any] = {**record["about"]}
        same = {"curve": number, "verdict": shape, "scale": record["scale"]}
        same |= {name: about[name] for name in NAMES} | {"chance": record["chance"]}
        fits = {fit["shape"]: fit["values"] for fit in record["shapes"]}
        unknown = [None] * len(record["sizes"])
        columns = {
            **{"size": record["sizes"], "at": record["at"], "value": record["values"]},
            **{"low": record["low"], "high": record["high"], "fitted": fits.get(shape, unknown)},
        }
        for cells in zip(*columns.values(), strict=True):
            rows.append(same | dict(zip(columns, cells, strict=True)))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = ["at", "value", "low", "high", "fitted", "chance"]
    return table.astype(dict.fromkeys(numbers, float))


def figure(table: pd.DataFrame) -> Figure:
    """Draw the rows of `points`, of at least one curve."""
    curves = [rows for _, rows in table.groupby("curve", sort=False)]
    columns = min(MOST_COLUMNS, len(curves))
    lines = math.ceil(len(curves) / columns)
    size = (PANEL[0] * columns + MARGIN, PANEL[1] * lines + MARGIN)
    with theme.theme():
        drawn = Figure(figsize=size, layout="constrained")
        axes = drawn.subplots(lines, columns, squeeze=False).ravel()
        for axis, rows in zip(axes, curves, strict=False):
            _panel(axis, rows)
        for axis in axes[len(curves) :]:
            axis.axis("off")
    return drawn


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    first = rows.iloc[0]
    metric, verdict = first["metric"], first["verdict"]
    colour = style.SHAPE_COLOURS.get(verdict, style.GREY)
    drawn = so.Plot(rows, x="at", y="value").theme(theme.SETTINGS)
    if rows["low"].notna().any():
        interval = so.Range(color=colour, linewidth=theme.RANGE)
        drawn = drawn.add(interval, ymin="low", ymax="high")
    if rows["fitted"].notna().any():
        drawn = drawn.add(so.Line(color=colour), y="fitted")
    theme.draw(drawn.add(so.Dot(color=colour, pointsize=5)), axis)
    theme.chance_line(axis, first["chance"])
    panels.value_axis(axis, metric, pd.concat([rows["value"], rows["high"]]))
    panels.scale_axis(axis, rows["at"], first["scale"], most=4)
    axis.set_ylabel(panels.short_label(metric), fontsize=8)
    names = [first[name] for name in ("family", "task", "variant") if first[name]]
    axis.set_title(f"{', '.join(names)}\n{verdict}", fontsize=8.5)
