"""One panel per task with every published series; families run here can stand in front."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ushaped.figures import panels, style, theme
from ushaped.figures.published import parts
from ushaped.results import tables

TITLE = "every task, all series"
CAPTION = """\
Every task and every published series, PaLM in front with 95 % intervals over items (for
prompt-injection the loss of the completion, on an inverted axis).
An arrow at the right edge stands for a result whose source gives neither a number nor the training
compute.
"""
COLUMNS = 4
LEGEND_HEIGHT = 3.2
TITLE_FONT = {"weight": "bold", "size": 8.5}
MARKER = "marker"
DOT: dict[str, Any] = {"color": style.INK, "marker": "o", "linestyle": "none"}
ARROW: dict[str, Any] = {"color": style.INK, "marker": "^", "linewidth": 1.6, "markevery": [1]}


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect all published points by task, and the results of models of unknown compute.

    Returns
    -------
    DataFrame
        Columns ``tables.CURVE``; ``kind`` is ``published`` or ``marker``. A marker has no training
        compute; where its source gives no number, it has no value either, and ``flags`` says what
        the source does say.
    """
    points = tables.published_curves(published[published["task"] != tables.AVERAGE])
    texts = {"source": "published", "kind": MARKER, "variant": "zero-shot", "size": "", "seed": ""}
    edge = markers.assign(family=markers["series"], flags=markers["direction"], **texts)
    edge = edge.reindex(columns=tables.CURVE).astype({"value": float})
    return pd.concat([points, edge], ignore_index=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw small multiples, PaLM in front; the last cell holds the legend."""
    with theme.theme():
        points, markers = (table[(table["kind"] == MARKER) == edge] for edge in (False, True))
        drawn, last, cell = panel_grid(points)
        for marker in markers.to_dict("records"):
            _edge(last[marker["task"]], marker["value"])
        theme.legend_cell(cell, parts.entries(points) + _edge_entries(markers))
        return drawn


def panel_grid(
    points: pd.DataFrame, front: parts.Front = parts.leads
) -> tuple[Figure, dict[str, Axes], Axes]:
    """Draw one panel per task, its axis cut where no model lies.

    Returns
    -------
    Figure
    dict of str to Axes
        The last piece of the panel of each task.
    Axes
        An empty one for the legend.
    """
    tasks, looks = tables.order_tasks(points["task"]), parts.series_looks(points)
    columns = min(COLUMNS, len(tasks) + 1)
    lines = -(-(len(tasks) + 1) // columns)
    # A single line of panels is no lower than a legend of all series.
    height = max(2.35 * lines + 0.1, LEGEND_HEIGHT)
    drawn = Figure(figsize=(2.55 * columns, height), layout="constrained")
    grid = drawn.add_gridspec(lines, columns)
    last = {}
    for place, task in enumerate(tasks):
        rows = points[points["task"] == task]
        metric = tables.primary_metric(rows)
        pieces = theme.cut_axis(drawn, grid[divmod(place, columns)], points["training_flops"])
        for axis, limits in pieces:
            last[task] = axis
            inside = rows[rows["training_flops"].between(*limits)]
            theme.chance_line(axis, panels.chance_of(rows))
            parts.all_series(axis, inside, front, looks)
            most = 4 if len(pieces) == 1 else 3 if axis is pieces[-1][0] else 2
            # Within a decade, ticks of a narrow piece would touch.
            most = 1 if len(pieces) > 1 and limits[1] < 10 * limits[0] else most
            theme.compute_axis(axis, limits, most)
            axis.xaxis.label.set_fontsize(8)
            axis.tick_params(labelsize=7.5)
        first = pieces[0][0]
        panels.value_axis(first, metric, rows["value"])
        # A long name reaches over the pieces: the layout has to give it height alone.
        first.set_title(" " if len(pieces) > 1 else task, fontsize=8.5)
        if len(pieces) > 1:
            title = first.text(0, 1.04, task, TITLE_FONT, transform=first.transAxes)
            title.set_in_layout(False)
        if place % columns == 0 or metric in tables.LOSSES:
            first.set_ylabel(panels.short_label(metric), fontsize=8)
    return drawn, last, drawn.add_subplot(grid[divmod(len(tasks), columns)])


def _edge(axis: Axes, value: float) -> None:
    """Mark a result of unknown compute at the right edge: a dot, or an arrow if without number."""
    if math.isnan(value):
        axis.plot([1, 1], [0.55, 0.95], **ARROW, transform=axis.transAxes, clip_on=False, zorder=7)
    else:
        across = axis.get_yaxis_transform()
        axis.plot([1], [value], **DOT, transform=across, clip_on=False, zorder=7)


def _edge_entries(markers: pd.DataFrame) -> list[Line2D]:
    entries = {}
    for row in markers.sort_values("family").to_dict("records"):
        words = f"{row['family']}: {row['flags']}\n(number and compute not given)"
        if not math.isnan(row["value"]):
            words = f"{row['family']}: compute not published"
        entries[words] = theme.entry(words, **(ARROW if math.isnan(row["value"]) else DOT))
    return list(entries.values())
