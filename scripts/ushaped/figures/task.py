"""One task on the items of one source: accuracy, and beside it what accuracy hides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from ushaped.errors import UserError
from ushaped.figures import panels, style
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from matplotlib.lines import Line2D

BESIDE = ("distractor_share", "loss", "label_mass")
# In inches; and how many families stand side by side.
WIDTH, SMALL_HEIGHT = 10.2, 2.3
ACROSS = 4


def table(
    metrics: pd.DataFrame, shapes: pd.DataFrame, published: pd.DataFrame, *, task: str, source: str
) -> pd.DataFrame:
    """Collect accuracy (or sequence loss) and its companions for every variant of one edition.

    With several families, the companions are those of the main variant alone.

    Raises
    ------
    UserError
        If the metrics hold no such task with items of that source.
    """
    rows = tables.curves(metrics, task, [*tables.PRIMARY, *BESIDE], source=source)
    if rows.empty:
        known = ", ".join("/".join(one) for one in tables.editions(metrics)) or "none"
        what = "has no rows in the metrics"
        raise UserError(f"{source} items of task '{task}'", what, f"give one of: {known}")
    if len(tables.our_families(rows)) == 1:
        return rows
    return rows[~rows["metric"].isin(BESIDE) | (rows["variant"] == _main(rows))]


def _main(rows: pd.DataFrame) -> str:
    return style.order_variants(rows["variant"])[0]


def figure(table: pd.DataFrame) -> Figure:
    """Draw the metric that judges the task, and its companions.

    One family has a curve for each way of asking. Several families stand in the same panels, asked
    in the main way; below, each has a small panel with its ways of asking.
    """
    with style.context():
        families = tables.our_families(table)
        height = 4.5 if table["metric"].isin(BESIDE).any() else 3.6
        if len(families) == 1:
            drawn = Figure(figsize=(WIDTH, height), layout="constrained")
            title = panels.legend_title(tables.editions(table))
            looks = panels.curve_looks(table)
            _row(drawn, table, looks, panels.legend_entries(table), title)
            return drawn
        one_way = table["variant"].nunique() == 1
        below = 0.0 if one_way else SMALL_HEIGHT * -(-(len(families) + 1) // ACROSS)
        drawn = Figure(figsize=(WIDTH, height + below), layout="constrained")
        if one_way:
            _together(drawn, table)
            return drawn
        top, bottom = drawn.subfigures(2, 1, squeeze=False, height_ratios=[height, below])[:, 0]
        _together(top, table[table["variant"] == _main(table)])
        _ways(bottom, table[~table["metric"].isin(BESIDE)], families)
        return drawn


def _together(part: Figure | SubFigure, rows: pd.DataFrame) -> None:
    """All families, asked in one way; each has its colour, marker and line."""
    variant, protocol = _main(rows), rows["protocol"].iloc[0]
    families = style.family_looks(tables.our_families(rows))
    entries = [
        panels.entry(family, color=look.colour, marker=look.marker, linestyle=look.line)
        for family, look in families.items()
    ]
    items = tables.title_of_items(tables.editions(rows))
    title = f"{items}\n{tables.variant_label(variant, protocol)}"
    looks = {(family, variant): look for family, look in families.items()}
    _row(part, rows, looks, [*entries, *panels.sign_entries(rows)], title)


def _ways(part: Figure | SubFigure, rows: pd.DataFrame, families: Sequence[str]) -> None:
    """A small panel for each family, with a curve for each way of asking."""
    judged = tables.primary_metric(rows)
    grid = part.add_gridspec(-(-(len(families) + 1) // ACROSS), ACROSS)
    cells = [grid[place // ACROSS, place % ACROSS] for place in range(len(families) + 1)]
    looks = style.variant_looks(rows["variant"])
    for family, cell in zip(families, cells, strict=False):
        own = rows[rows["family"] == family]
        axis = part.add_subplot(cell)
        own_looks = {(family, v): look for v, look in looks.items() if v in set(own["variant"])}
        panels.metric_panel(axis, own, judged, own_looks)
        axis.set_title(family)
        axis.set_xlabel(panels.SHORT_SCALES[tables.axis_of(own)])
    protocols = panels.protocols(rows)
    entries = [
        panels.entry(
            tables.variant_label(variant, protocols[variant]),
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
        )
        for variant, look in looks.items()
    ]
    title = panels.legend_title(tables.editions(rows))
    panels.legend_cell(part.add_subplot(cells[-1]), entries, title)


def _row(
    part: Figure | SubFigure,
    rows: pd.DataFrame,
    looks: dict[tuple[str, str], style.Look],
    entries: list[Line2D],
    title: str,
) -> None:
    judged = tables.primary_metric(rows)
    beside = [metric for metric in BESIDE if (rows["metric"] == metric).any()]
    grid = part.add_gridspec(2, 4, width_ratios=[1, 1, 1.05, 1.05])
    main = part.add_subplot(grid[:, :2] if beside else grid[:, :3])
    _main_panel(main, rows, judged, looks, "a\u2002" if beside else "")
    cells = [grid[0, 2], grid[0, 3], grid[1, 2]]
    for letter, metric, cell in zip("bcd", beside, cells, strict=False):
        axis = part.add_subplot(cell)
        panels.metric_panel(axis, rows, metric, looks)
        axis.set_title(f"{letter}\u2002{panels.TITLES[metric]}")
        axis.set_xlabel(panels.SHORT_SCALES[tables.axis_of(rows)])
    legend = part.add_subplot(grid[1, 3] if beside else grid[:, 3])
    panels.legend_cell(legend, entries, title)


def _main_panel(
    axis: Axes,
    rows: pd.DataFrame,
    metric: str,
    looks: dict[tuple[str, str], style.Look],
    letter: str,
) -> None:
    """Draw the metric that judges the task; the sizes of one family are named on top."""
    panels.metric_panel(axis, rows, metric, looks)
    up = ", axis turned: up is better" if metric in tables.LOSSES else ""
    single = rows["family"].nunique() == 1
    axis.set_title(f"{letter}{panels.TITLES[metric]}{up}", pad=20 if single else None)
    if single:
        means = rows[(rows["kind"] == "mean") & (rows["metric"] == metric)]
        panels.size_axis(axis, means, x=tables.axis_of(rows))
