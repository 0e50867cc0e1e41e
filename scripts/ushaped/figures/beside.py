"""Families run here in front of the published series, one panel per task."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ushaped.figures import panels, style
from ushaped.figures.published import parts
from ushaped.figures.published.tasks import panel_grid
from ushaped.results import tables
from ushaped.terms import MAIN_VARIANT, OFFICIAL

NONE_HERE = "Published series only: nothing was run\nhere zero-shot under the official protocol"


def table(metrics: pd.DataFrame, shapes: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Collect the curves that were asked alike: zero-shot under the official protocol.

    Returns
    -------
    DataFrame
        Columns ``tables.CURVE``, tasks that were run here; ``kind`` is ``mean`` or ``published``.
        ``source`` tells replica items from official ones, which are different questions.
    """
    ours = []
    for task in tables.order_tasks(metrics["task"]):
        if task != tables.AVERAGE:
            judged = tables.primary_metric(metrics[metrics["task"] == task])
            rows = tables.curves(metrics, task, [judged], variants=[MAIN_VARIANT], seeds=False)
            ours.append(rows[rows["protocol"] == OFFICIAL])
    run = set(metrics["task"]) - {tables.AVERAGE}
    theirs = tables.published_curves(published[published["task"].isin(run)])
    return pd.concat([*ours, theirs], ignore_index=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw small multiples, families run here in front; the last cell holds the legend."""
    with style.context():
        drawn, _, cell = panel_grid(table, _run_here)
        some = (table["source"] != "published").any()
        legend = parts.entries(table, _run_here) + parts.chance_entry(table)
        panels.legend_cell(cell, legend, "Thick: run here; thin: published" if some else NONE_HERE)
        return drawn


def _run_here(family: str, source: str) -> bool:
    return source != "published"
