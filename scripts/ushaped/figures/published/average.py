"""Figure 1 of Wei et al. (2022): the average over ten tasks, without and with PaLM."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from ushaped.figures import panels, style
from ushaped.figures.published import parts
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect the published averages, columns ``tables.CURVE``; PaLM is drawn on the right only."""
    rows = tables.published_curves(published[published["task"] == tables.AVERAGE], ["accuracy"])
    return rows.reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw the average as the prize saw it (left), and with PaLM in front (right)."""
    with style.context():
        drawn = Figure(figsize=(10.2, 5.0), layout="constrained")
        left, right = drawn.subplots(1, 2, sharex=True, sharey=True)
        others = table[table["family"] != parts.LEAD]
        for axis, rows in ((left, others), (right, table)):
            panels.chance_line(axis, panels.chance_of(rows))
            parts.all_series(axis, rows)
        parts.zetta_axis(left, table["training_flops"])
        parts.zetta_axis(right, table["training_flops"])
        _unseen(left, others["training_flops"].max())
        left.set_ylabel("Mean accuracy over ten tasks")
        left.set_ylim(math.floor(20 * table["value"].min() - 0.2) / 20, None)
        left.yaxis.set_major_locator(MultipleLocator(0.1))
        left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        most = [style.zetta(rows["training_flops"].max()) for rows in (others, table)]
        left.set_title(f"a\u2002Models of the prize, up to {most[0]} zettaFLOPs")
        right.set_title(f"b\u2002With {parts.LEAD}, up to {most[1]} zettaFLOPs")
        drawn.legend(
            handles=parts.entries(table) + parts.chance_entry(table),
            loc="outside lower center",
            ncols=4,
            handlelength=3.2,
        )
        return drawn


def _unseen(axis: Axes, largest: float) -> None:
    """Shade the compute that no model of the panel has."""
    end = axis.get_xlim()[1]
    axis.axvspan(largest * 1.35, end, color=style.GRID, alpha=0.6, linewidth=0, zorder=0)
    axis.text(
        math.sqrt(largest * 1.35 * end),
        0.3,
        "more compute: not measured",
        transform=axis.get_xaxis_transform(),
        rotation=90,
        ha="center",
        va="center",
        fontsize=8,
        color=style.MUTED,
    )
