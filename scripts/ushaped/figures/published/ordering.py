"""Series whose plotted averages belong to other sizes: as plotted, and corrected."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from ushaped.figures import panels, style
from ushaped.figures.published import parts
from ushaped.literature.ordering import as_drawn, find
from ushaped.literature.points import Point
from ushaped.results import tables

COLUMNS = ["family", "size", "training_flops", "plotted", "corrected"]
PLOTTED: dict[str, Any] = {
    "color": style.MUTED,
    "marker": "o",
    "markerfacecolor": style.PAPER,
    "linestyle": (0, (2, 2)),
    "linewidth": 1.4,
}


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect the averages of the series with mixed sizes: the one drawn at each size, and its own.

    Nothing of the corrected labels is read: `ushaped.literature.ordering` finds the correction from
    the points as they are plotted.
    """
    found = [find(drawn) for drawn in as_drawn(_points(published))]
    each = [
        pd.DataFrame(
            {
                "family": one.drawn.series,
                "size": one.drawn.labels,
                "training_flops": one.drawn.flops,
                "plotted": one.drawn.average,
                "corrected": one.average,
            }
        )
        for one in found
        if one.moved
    ]
    return pd.concat(each, ignore_index=True) if each else pd.DataFrame(columns=COLUMNS)


def _points(published: pd.DataFrame) -> list[Point]:
    rows = published[published["series"] != tables.CHANCE]
    return [
        Point(
            series=str(row["series"]),
            size=str(row["size"]),
            plotted_size=str(row["plotted_size"]),
            parameters=float(row["parameters"]),
            flops=float(row["training_flops"]),
            task=str(row["task"]),
            metric=str(row["metric"]),
            value=float(row["value"]),
            k=None,
            n=None,
        )
        for row in rows.to_dict("records")
    ]


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per series: the average as it was plotted, and at the sizes found."""
    with style.context():
        names = parts.order(table["family"])
        drawn = Figure(figsize=(10.2, 3.9), layout="constrained")
        axes = drawn.subplots(1, max(len(names), 1), sharey=True, squeeze=False)[0]
        looks = style.family_looks(names)
        for axis, name in zip(axes, names, strict=False):
            own = table[table["family"] == name].sort_values("training_flops")
            axis.plot(own["training_flops"], own["plotted"], **PLOTTED, zorder=3)
            axis.plot(own["training_flops"], own["corrected"], **_corrected(looks[name]))
            axis.set_title(name, pad=20)
            parts.zetta_axis(axis, own["training_flops"], most=5)
            panels.size_axis(axis, own)
        axes[0].set_ylabel("Mean accuracy over ten tasks")
        axes[0].yaxis.set_major_locator(MultipleLocator(0.05))
        axes[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        entries = [panels.entry("as plotted", **PLOTTED)]
        entries += [panels.entry(f"{name}, corrected", **_corrected(looks[name])) for name in names]
        drawn.legend(handles=entries, loc="outside lower center", ncols=4, handlelength=3.2)
        return drawn


def _corrected(look: style.Look) -> dict[str, Any]:
    return {
        "color": look.colour,
        "marker": look.marker,
        "linestyle": look.line,
        "linewidth": 2.4,
        "zorder": 4,
    }
