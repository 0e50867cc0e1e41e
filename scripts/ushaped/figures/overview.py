"""All tasks at a glance: one small panel for each edition, every variant."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ushaped.figures import panels, style, theme
from ushaped.results import tables

TITLE = "every task and prompt variant"
CAPTION = """\
Accuracy against training compute (against parameters where the compute of a model is unknown) for
each task and prompt variant (for prompt-injection the loss of the completion, on a reversed axis,
so that up is better).
Bands are 95 % intervals over items, with more than four curves in a panel of zero-shot alone;
hollow marks are models that nearly always give the same answer.
"""


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Collect, for every edition, the metric that judges it, as mean over seeds with interval.

    Of several families only the main variant is shown: the figure is to be read at a glance.
    """
    parts = []
    shown = tables.main_rows(metrics) if metrics["family"].nunique() > 1 else metrics
    left_out = shown["variant"].map(style.variant_kind).isin(list(style.LEFT_OUT))
    metrics = shown[~left_out]
    for edition in tables.editions(metrics):
        if edition.task != tables.AVERAGE:
            rows = tables.of_edition(metrics, edition)
            judged = tables.primary_metric(rows)
            parts.append(tables.curves(rows, edition.task, [judged], seeds=False))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=tables.CURVE)


def figure(table: pd.DataFrame) -> Figure:
    """Draw small multiples; the last cell holds the legend."""
    with theme.theme():
        found = tables.editions(table)
        drawn, axes = panels.small_multiples(found, len(found) + 1, 2.25, 0.1)
        looks = panels.curve_looks(table)
        for axis, edition in zip(axes, found, strict=False):
            rows = tables.of_edition(table, edition)
            judged = tables.primary_metric(rows)
            panels.draw_metric(axis, rows, judged, looks, most=4, short=True)
            panels.label_small(axis, edition, found, judged)
        title = panels.legend_title(found)
        theme.legend_cell(axes[len(found)], panels.legend_entries(table), title)
        return drawn
