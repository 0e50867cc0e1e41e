"""Figure 1 of Wei et al. (2022): the average over ten tasks, without and with PaLM."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from ushaped.figures import panels, style, theme
from ushaped.figures.published import parts
from ushaped.results import tables
from ushaped.results.numbers import zetta

TITLE = "average of ten tasks, all series"
CAPTION = """\
Mean accuracy over ten tasks against training compute: (a) the models of the Inverse Scaling Prize,
up to 540 zettaFLOPs, which get worse; (b) with PaLM in front, whose curve turns and ends above its
beginning at 2,527 zettaFLOPs.
"""


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect the published averages, columns ``tables.CURVE``; PaLM is drawn on the right only."""
    rows = tables.published_curves(published[published["task"] == tables.AVERAGE], ["accuracy"])
    return rows.reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw the average as the prize saw it (left), and with PaLM in front (right)."""
    with theme.theme():
        drawn = Figure(figsize=(10.2, 5.0), layout="constrained")
        left, right = drawn.subplots(1, 2, sharex=True, sharey=True)
        others = table[table["family"] != parts.LEAD]
        for axis, rows, title in (
            (left, others, "a\u2002Models of the prize"),
            (right, table, f"b\u2002With {parts.LEAD}"),
        ):
            theme.chance_line(axis, panels.chance_of(rows))
            parts.all_series(axis, rows)
            parts.zetta_axis(axis, table["training_flops"])
            largest = zetta(rows["training_flops"].max())
            axis.set_title(f"{title}, up to {largest} zettaFLOPs")
        right.tick_params(labelleft=False)
        _unseen(left, others["training_flops"].max())
        left.set_ylabel("Mean accuracy over ten tasks")
        left.set_ylim(math.floor(20 * table["value"].min() - 0.2) / 20, None)
        left.yaxis.set_major_locator(MultipleLocator(0.1))
        left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        theme.legend_below(drawn, parts.entries(table))
        return drawn


def _unseen(axis: Axes, largest: float) -> None:
    """Shade the compute that no model of the panel has."""
    start, end = largest * 1.35, axis.get_xlim()[1]
    axis.axvspan(start, end, color=style.GRID, alpha=0.6, linewidth=0, zorder=0)
    axis.text(
        math.sqrt(start * end),
        0.3,
        "more compute: not measured",
        transform=axis.get_xaxis_transform(),
        rotation=90,
        ha="center",
        va="center",
        fontsize=8,
        color=style.MUTED,
    )
