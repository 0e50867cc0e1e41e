"""Chinchilla minus Gopher and minus PaLM, task by task, where the shared range ends."""

from __future__ import annotations

import pandas as pd
import seaborn.objects as so
from matplotlib.figure import Figure

from ushaped.figures import style, theme
from ushaped.results import tables
from ushaped.results.numbers import metric_prefix, zetta

TITLE = "equal compute or equal parameters?"
CAPTION = """\
Chinchilla minus Gopher and minus PaLM on the published official items, zero-shot under the official
protocol: at equal training compute (left) and at equal parameters (right), the other series
interpolated inside its own range.
Equal on one axis is unequal on the other.
"""
TITLES = {
    "training_flops": "a\u2002At equal training compute",
    "parameters": "b\u2002At equal parameters",
}


def table(matching: pd.DataFrame) -> pd.DataFrame:
    """Keep the largest point of each comparison, of the tasks that accuracy judges."""
    rows = matching[(matching["largest"] == "yes") & (matching["metric"] == "accuracy")]
    order = {task: place for place, task in enumerate(tables.order_tasks(rows["task"]))}
    ordered = rows.assign(_task=rows["task"].map(order)).sort_values(["axis", "other", "_task"])
    return ordered.drop(columns="_task").reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per axis: a row per task, a mark with its interval per series."""
    looks = style.family_looks(table["other"])
    tasks = tables.order_tasks(table["task"])
    places = {task: i + 0.3 * (task == tables.AVERAGE) for i, task in enumerate(tasks)}
    shifts = {other: 0.26 * (i - (len(looks) - 1) / 2) for i, other in enumerate(looks)}
    rows = table.assign(row=table["task"].map(places) + table["other"].map(shifts))
    with theme.theme():
        drawn = Figure(figsize=(10.2, 5.4), layout="constrained")
        (
            theme.plot(rows, looks, "other", x="difference", y="row", xmin="low", xmax="high")
            .facet("axis", order=list(TITLES))
            .share(x=False)
            .add(so.Range(linewidth=1.7, linestyle="-"), orient="y", legend=False)
            .add(so.Line(linewidth=0), orient="y", legend=False)
            .label(x="Chinchilla minus the other (percentage points of accuracy)", y="")
            .on(drawn)
            .plot()
        )
        drawn.axes[0].set_yticks(list(places.values()), tasks)
        drawn.axes[0].set_ylim(max(places.values(), default=0) + 0.6, -0.6)
        for axis, (name, title) in zip(drawn.axes, TITLES.items(), strict=True):
            axis.set_title(title)
            axis.axvline(0, color=style.MUTED, linewidth=1.1, zorder=1)
            axis.xaxis.set_major_formatter(lambda value, _: _points(value))
            axis.grid(axis="y", visible=False)
            axis.tick_params(axis="y", length=0)
            scales = table[table["axis"] == name].groupby("other")["scale"].first()
            handles = [
                theme.entry(
                    f"minus {other}, at {_scale(name, scale)}", looks[str(other)], linestyle=""
                )
                for other, scale in scales.items()
            ]
            axis.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, -0.27))
        return drawn


def _points(share: float) -> str:
    points = round(100 * share)
    return f"{points:+d}".replace("-", "−") if points else "0"


def _scale(axis: str, scale: float) -> str:
    """The scale at which a series is compared."""
    if axis == "training_flops":
        return f"{zetta(scale)} zettaFLOPs"
    return f"{metric_prefix(scale)} parameters"
