"""Series whose plotted averages belong to other sizes: as plotted, and corrected."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn.objects as so
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from ushaped.figures import panels, style, theme
from ushaped.figures.published import parts
from ushaped.results import tables

TITLE = "two orders of sizes in one source"
CAPTION = """\
The average over ten tasks of the three series whose tasks are plotted in two orders of sizes: as
plotted, and at the sizes for which it is the mean of the ten tasks.
"""
DASHES = (0, (2, 2))


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect the averages of the series with two orders: the one plotted at a size, and its own.

    `ushaped.literature.ordering` checks the corrected sizes, which are those of ``published``.
    """
    own = published[(published["task"] == tables.AVERAGE) & (published["metric"] == "accuracy")]
    moved = own.loc[own["size"] != own["plotted_size"], "series"]
    own = own[own["series"].isin(moved)].sort_values("training_flops", kind="stable")
    corrected = own.rename(columns={"series": "family", "value": "corrected"})
    plotted = own[["series", "plotted_size", "value"]].set_axis(
        ["family", "size", "plotted"], axis=1
    )
    order = list(dict.fromkeys(own.sort_index()["series"]))
    rows = corrected.merge(plotted, on=["family", "size"])
    rows = rows.sort_values("family", key=lambda names: names.map(order.index), kind="stable")
    return rows[["family", "size", "training_flops", "plotted", "corrected"]].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per series: the average as it was plotted, and at its own size."""
    names, looks = parts.order(table["family"]), style.family_looks(table["family"])
    plotted = so.Line(color=style.MUTED, marker="o", linestyle=DASHES, linewidth=1.4)
    plotted.fillcolor = style.PAPER
    with theme.theme():
        drawn = Figure(figsize=(10.2, 3.9), layout="constrained")
        if names:
            (
                theme.plot(table, looks, "family", x="training_flops")
                .facet("family", order=names)
                .share(x=False)
                .add(plotted, y="plotted", legend=False)
                .add(so.Line(linewidth=2.4), y="corrected", legend=False)
                .label(x="", y="Mean accuracy over ten tasks")
                .on(drawn)
                .plot()
            )
        for axis, name in zip(drawn.axes, names, strict=True):
            own = table[table["family"] == name]
            axis.set_title(name, pad=20)
            parts.zetta_axis(axis, own["training_flops"], most=5)
            panels.size_axis(axis, own)
            axis.yaxis.set_major_locator(MultipleLocator(0.05))
            axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        hollow: dict[str, Any] = {"marker": "o", "markerfacecolor": style.PAPER}
        handles = [theme.entry("as plotted", **hollow, linestyle=DASHES, linewidth=1.4)]
        handles += [theme.entry(f"{n}, corrected", looks[n], linewidth=2.4) for n in names]
        theme.legend_below(drawn, handles)
        return drawn
