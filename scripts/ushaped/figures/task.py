"""One task on the items of one source: accuracy, and beside it what accuracy hides."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from ushaped.errors import UserError
from ushaped.figures import panels, style, theme
from ushaped.results import tables
from ushaped.variants import order_variants

TITLE = "one task"
CAPTION = """\
Against training compute, or parameters where the compute is unknown: the metric that judges the
task and, where it has classes, the share of distractor answers, the loss, and the label mass.
Lines are means over training seeds; bands are 95 % intervals over items (with more than four
curves, of zero-shot alone), dots single seeds (with up to four curves), hollow marks are models
that nearly always give the same answer; every prompt variant is labelled with its protocol.
"""
BESIDE = ("distractor_share", "loss", "label_mass")
# In inches; and how many families stand side by side.
WIDTH, SMALL_HEIGHT = 10.2, 2.3
ACROSS = 4


def table(metrics: pd.DataFrame, *, task: str, source: str) -> pd.DataFrame:
    """Collect accuracy (or sequence loss) and its companions for every variant of one edition.

    With several families, the companions are those of the main variant alone.

    Raises
    ------
    UserError
        If the metrics hold no such task with items of that source.
    """
    rows = tables.curves(metrics, task, [*tables.PRIMARY, *BESIDE], source=source)
    if rows.empty:
        known = ", ".join("/".join(edition) for edition in tables.editions(metrics)) or "none"
        what = "has no rows in the metrics"
        raise UserError(f"{source} items of task '{task}'", what, f"give one of: {known}")
    if len(tables.our_families(rows)) == 1:
        return rows
    return rows[~rows["metric"].isin(BESIDE) | (rows["variant"] == _main(rows))]


def _main(rows: pd.DataFrame) -> str:
    return order_variants(rows["variant"])[0]


def figure(table: pd.DataFrame) -> Figure:
    """Draw the metric that judges the task, and its companions.

    One family has a curve for each prompt variant. Several families stand in the same panels with
    their main variant; below, each has a small panel with all its variants.
    """
    with theme.theme():
        families = tables.our_families(table)
        height = 4.5 if table["metric"].isin(BESIDE).any() else 3.6
        alone, single = len(families) == 1, table["variant"].nunique() == 1
        below = 0.0 if alone or single else SMALL_HEIGHT * -(-(len(families) + 1) // ACROSS)
        drawn = Figure(figsize=(WIDTH, height + below), layout="constrained")
        top: Figure | SubFigure = drawn
        if below:
            parts = drawn.subfigures(2, 1, squeeze=False, height_ratios=[height, below])
            top, bottom = parts[:, 0]
        if alone:
            title = panels.legend_title(tables.editions(table))
            looks = panels.curve_looks(table)
            _draw_metrics(top, table, looks, panels.legend_entries(table), title)
        else:
            rows = table[table["variant"] == _main(table)]
            by_family = style.family_looks(families)
            looks = {f"{name}, {_main(rows)}": look for name, look in by_family.items()}
            entries = [*theme.entries(by_family), *panels.sign_entries(rows)]
            variant = tables.variant_label(_main(rows), rows["protocol"].iloc[0])
            title = f"{tables.title_of_items(tables.editions(rows))}\n{variant}"
            _draw_metrics(top, rows, looks, entries, title)
        if below:
            _draw_families(bottom, table[~table["metric"].isin(BESIDE)], families)
        return drawn


def _draw_families(part: SubFigure, rows: pd.DataFrame, families: list[str]) -> None:
    """A small panel for each family, with a curve for each of its variants."""
    axes = part.subplots(-(-(len(families) + 1) // ACROSS), ACROSS, squeeze=False).ravel()
    variants = style.variant_looks(rows["variant"])
    for family, axis in zip(families, axes, strict=False):
        looks = {f"{family}, {variant}": look for variant, look in variants.items()}
        own = rows[rows["family"] == family]
        panels.draw_metric(axis, own, tables.primary_metric(rows), looks, short=True)
        axis.set_title(family)
    for axis in axes[len(families) + 1 :]:
        axis.remove()
    protocols = dict(zip(rows["variant"], rows["protocol"], strict=True))
    labels = {tables.variant_label(name, protocols[name]): look for name, look in variants.items()}
    title = panels.legend_title(tables.editions(rows))
    theme.legend_cell(axes[len(families)], theme.entries(labels), title)


def _draw_metrics(
    part: Figure | SubFigure,
    rows: pd.DataFrame,
    looks: panels.Looks,
    entries: list[Line2D],
    title: str,
) -> None:
    """The metric that judges the task, its companions, and the legend."""
    judged = tables.primary_metric(rows)
    beside = [metric for metric in BESIDE if (rows["metric"] == metric).any()]
    grid = part.add_gridspec(2, 4, width_ratios=[1, 1, 1.05, 1.05])
    main = part.add_subplot(grid[:, :2] if beside else grid[:, :3])
    panels.draw_metric(main, rows, judged, looks)
    inverted = ", reversed axis: up is better" if judged in tables.LOSSES else ""
    letter = "a\u2002" if beside else ""
    named: dict[str, Any] = {}
    if rows["family"].nunique() == 1:
        means = rows[(rows["kind"] == "mean") & (rows["metric"] == judged)]
        panels.size_axis(main, means, x=tables.axis_of(rows))
        named["pad"] = 20
    main.set_title(f"{letter}{panels.TITLES[judged]}{inverted}", **named)
    for letter, metric, cell in zip(
        "bcd", beside, (grid[0, 2], grid[0, 3], grid[1, 2]), strict=False
    ):
        axis = part.add_subplot(cell)
        panels.draw_metric(axis, rows, metric, looks, short=True)
        axis.set_title(f"{letter}\u2002{panels.TITLES[metric]}")
    theme.legend_cell(part.add_subplot(grid[1, 3] if beside else grid[:, 3]), entries, title)
