"""One panel per task with every published series; families run here can stand in front."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ushaped.figures import panels, style
from ushaped.figures.published import parts
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.gridspec import SubplotSpec

COLUMNS = 4
MARKER = "marker"
DOT: dict[str, Any] = {"color": style.INK, "marker": "o", "linestyle": "none"}
ARROW: dict[str, Any] = {"color": style.INK, "marker": "^", "linewidth": 1.6}


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
    given = {name: markers[name] for name in tables.CURVE if name in markers}
    numbers = dict.fromkeys(
        ("parameters", "training_flops", "low", "high", "n", "chance"), math.nan
    )
    made = {"family": markers["series"], "source": "published", "kind": MARKER}
    texts = {"variant": "zero-shot", "size": "", "seed": "", "flags": markers["direction"]}
    edge = pd.DataFrame(given | made | texts | numbers, columns=tables.CURVE, index=markers.index)
    return pd.concat([points, edge.astype({"value": float})], ignore_index=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw small multiples, PaLM in front; the last cell holds the legend."""
    with style.context():
        points = table[table["kind"] != MARKER]
        drawn, last, cell = panel_grid(points)
        for task, axis in last.items():
            _edge(axis, table[(table["kind"] == MARKER) & (table["task"] == task)])
        legend = parts.entries(points) + parts.chance_entry(points)
        panels.legend_cell(cell, legend + _edge_entries(table))
        return drawn


def panel_grid(
    points: pd.DataFrame, front: parts.Front = parts.leads
) -> tuple[Figure, dict[str, Axes], Axes]:
    """Draw one panel per task, its axis cut where no model lies, and an empty one for the legend.

    Parameters
    ----------
    points : DataFrame
        Columns ``tables.CURVE``, one metric per task.
    front : callable
        Whether the series of a family and source is drawn in front.

    Returns
    -------
    Figure
    dict of str to Axes
        The last piece of the panel of each task.
    Axes
        The empty one.
    """
    tasks = tables.order_tasks(points["task"])
    pieces = style.segments(points["training_flops"].dropna())
    looks = style.family_looks(points["family"])
    columns = min(COLUMNS, len(tasks) + 1)
    lines = -(-(len(tasks) + 1) // columns)
    drawn = Figure(figsize=(2.55 * columns, 2.35 * lines + 0.1), layout="constrained")
    grid = drawn.add_gridspec(lines, columns)
    last = {}
    for place, task in enumerate(tasks):
        rows = points[points["task"] == task]
        metric = tables.primary_metric(rows)
        axes = _pieces(drawn, grid[divmod(place, columns)], pieces)
        for axis, piece in zip(axes, pieces, strict=True):
            panels.chance_line(axis, panels.chance_of(rows))
            inside = rows[rows["training_flops"].between(*piece)]
            parts.all_series(axis, inside, front, looks)
            panels.value_axis(axis, metric, rows["value"])
            _compute_axis(axis, piece, 4 if len(pieces) == 1 else 3 if axis is axes[-1] else 2)
            axis.tick_params(labelsize=7.5, labelleft=axis is axes[0])
        panels.mark_cuts(axes)
        _title(axes, task)
        if place % columns == 0 or metric in tables.LOSSES:
            axes[0].set_ylabel(panels.short_label(metric), fontsize=8)
        last[task] = axes[-1]
    return drawn, last, drawn.add_subplot(grid[divmod(len(tasks), columns)])


def _title(axes: list[Axes], words: str) -> None:
    """Write a title on the first of some axes; it may reach over those that follow."""
    if len(axes) == 1:
        axes[0].set_title(words, fontsize=8.5)
        return
    # The room that a title takes in height, and not in width.
    axes[0].set_title(" ", fontsize=8.5)
    title = axes[0].annotate(
        words,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 6),
        textcoords="offset points",
        annotation_clip=False,
        weight="bold",
        size=8.5,
    )
    title.set_in_layout(False)


def _pieces(drawn: Figure, cell: SubplotSpec, pieces: list[tuple[float, float]]) -> list[Axes]:
    """Axes side by side, as wide as their pieces of the horizontal axis are long."""
    spans = [math.log10(high / low) for low, high in pieces]
    widths = [max(span / sum(spans), 0.36) for span in spans]
    inner = cell.subgridspec(1, len(pieces), width_ratios=widths, wspace=0.05)
    return [drawn.add_subplot(inner[place]) for place in range(len(pieces))]


def _compute_axis(axis: Axes, piece: tuple[float, float], most: int) -> None:
    """Count in zettaFLOPs where the piece reaches a tenth of one."""
    large = piece[1] >= 1e20
    write = style.zetta if large else style.power_of_ten
    panels.set_log_limits(axis, piece, write, most)
    axis.set_xlabel("zettaFLOPs" if large else "FLOPs", fontsize=8)


def _edge(axis: Axes, markers: pd.DataFrame) -> None:
    """Mark results of unknown compute at the right edge: a dot, or an arrow if without number."""
    for _, row in markers.iterrows():
        if pd.notna(row["value"]):
            at: dict[str, Any] = {"transform": axis.get_yaxis_transform()}
            axis.plot([1], [row["value"]], **at, **DOT, clip_on=False, zorder=7)
        else:
            at = {"transform": axis.transAxes, "markevery": [1]}
            axis.plot([1, 1], [0.55, 0.95], **at, **ARROW, clip_on=False, zorder=7)


def _edge_entries(table: pd.DataFrame) -> list[Line2D]:
    markers = table[table["kind"] == MARKER]
    known = markers["value"].notna()
    dots = [
        panels.entry(f"{name}: compute not published", **DOT)
        for name in sorted(set(markers.loc[known, "family"]))
    ]
    arrows = [
        panels.entry(f"{name}: {said}\n(number and compute not given)", **ARROW, markevery=[1])
        for name, said in sorted(
            set(zip(markers.loc[~known, "family"], markers.loc[~known, "flags"], strict=True))
        )
    ]
    return dots + arrows
