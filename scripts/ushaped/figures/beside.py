"""Families run here in front of the published series, one panel per task."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ushaped.figures import theme
from ushaped.figures.published import parts
from ushaped.figures.published.tasks import panel_grid
from ushaped.results import tables
from ushaped.terms import MAIN_VARIANT, MODIFIED

TITLE = "every task beside the published series"
CAPTION = """
Every task: the families that were run here, zero-shot under the official protocol, in front of all
published series; tasks that are not the prize's, under their own, have none. The legend says whose
items the families answer.
Published series answer official items; bars are 95 % intervals over items, hollow marks are models
that nearly always give the same answer.
"""
NONE_HERE = "Published series only: nothing was\nrun here zero-shot, unmodified"


def table(metrics: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Collect the zero-shot curves of prompts that are not modified.

    Returns
    -------
    DataFrame
        Columns ``tables.CURVE``, tasks that were run here; ``kind`` is ``mean`` or ``published``.
        ``source`` tells replica items from official ones, which are different questions.
    """
    tasks = [task for task in tables.order_tasks(metrics["task"]) if task != tables.AVERAGE]
    ours = []
    for task in tasks:
        judged = tables.primary_metric(metrics[metrics["task"] == task])
        rows = tables.curves(metrics, task, [judged], variants=[MAIN_VARIANT], seeds=False)
        ours.append(rows[rows["protocol"] != MODIFIED])
    theirs = tables.published_curves(published[published["task"].isin(tasks)])
    return pd.concat([*ours, theirs], ignore_index=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw small multiples, families run here in front; the last cell holds the legend."""
    with theme.theme():
        drawn, _, cell = panel_grid(table, _run_here)
        measured = (table["source"] != "published").any()
        title = "Thick: run here; thin: published" if measured else NONE_HERE
        theme.legend_cell(cell, parts.entries(table, _run_here), title)
        return drawn


def _run_here(family: str, source: str) -> bool:
    return source != "published"
