"""All tasks at a glance: one small panel for each edition, every variant."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ushaped.figures import panels, style
from ushaped.results import tables
from ushaped.terms import MAIN_VARIANT

COLUMNS = 4


def table(metrics: pd.DataFrame, shapes: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Collect, for every edition, the metric that judges it, as mean over seeds with interval.

    Of several families only the main variant is shown: the figure is to be read at a glance.
    """
    parts = []
    shown = [MAIN_VARIANT] if metrics["family"].nunique() > 1 else metrics["variant"].unique()
    variants = [name for name in shown if style.variant_kind(name) not in style.LEFT_OUT]
    for one in tables.editions(metrics):
        if one.task != tables.AVERAGE:
            rows = tables.of_edition(metrics, one)
            judged = tables.primary_metric(rows)
            parts.append(tables.curves(rows, one.task, [judged], variants=variants, seeds=False))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=tables.CURVE)


def figure(table: pd.DataFrame) -> Figure:
    """Draw small multiples; the last cell holds the legend."""
    with style.context():
        found = tables.editions(table)
        columns = min(COLUMNS, len(found) + 1)
        lines = -(-(len(found) + 1) // columns)
        drawn = Figure(figsize=(2.55 * columns, 2.25 * lines + 0.1), layout="constrained")
        axes = drawn.subplots(lines, columns, squeeze=False).ravel()
        looks = panels.curve_looks(table)
        for place, (axis, one) in enumerate(zip(axes, found, strict=False)):
            rows = tables.of_edition(table, one)
            judged = tables.primary_metric(rows)
            panels.metric_panel(axis, rows, judged, looks)
            axis.set_title(panels.task_title(one, found), fontsize=8.5)
            x = tables.axis_of(rows)
            panels.set_log_limits(axis, axis.get_xlim(), panels.TICKS[x], most=4)
            axis.set_xlabel(panels.SHORT_SCALES[x], fontsize=8)
            if place % columns == 0 or judged in tables.NATS:
                axis.set_ylabel(panels.short_label(judged), fontsize=8)
            axis.tick_params(labelsize=7.5)
        for axis in axes[len(found) :]:
            axis.axis("off")
        entries = panels.legend_entries(table)
        panels.legend_cell(axes[len(found)], entries, panels.legend_title(found))
        return drawn
