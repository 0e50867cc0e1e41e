"""modus-tollens: every answer is " Yes", so accuracy is the share of "Yes"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure

from ushaped.figures import panels, style
from ushaped.figures.published import parts
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TASK = "modus-tollens"
RELEASED, CORRECTED = "accuracy", "accuracy_corrected_items"
COLUMNS = 5
RELEASED_MARK: dict[str, Any] = {"color": style.MUTED, "marker": "s", "linewidth": 2.4}
CORRECTED_MARK: dict[str, Any] = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 9,
    "markerfacecolor": "none",
    "markeredgecolor": style.INK,
}


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect the share of "Yes" on the released and on the corrected items."""
    rows = tables.published_curves(published[published["task"] == TASK], (RELEASED, CORRECTED))
    return rows.reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per series: filled marks for released items, rings for corrected ones."""
    with style.context():
        names = parts.order(table["family"])
        lines = -(-len(names) // COLUMNS)
        drawn = Figure(figsize=(10.2, 2.2 * lines + 0.6), layout="constrained")
        axes = drawn.subplots(lines, COLUMNS, squeeze=False, sharex=True, sharey=True).ravel()
        looks = style.family_looks(names)
        for axis, name in zip(axes, names, strict=False):
            _panel(axis, table[table["family"] == name], looks[name])
            axis.set_title(name, fontsize=8)
            panels.log_axis(axis, table["parameters"], "Parameters", style.metric_prefix, most=3)
            axis.xaxis.label.set_fontsize(8)
            axis.tick_params(labelbottom=True)
        for axis in axes[len(names) :]:
            axis.axis("off")
        panels.value_axis(axes[0], "accuracy", table["value"])
        # Room for the rings, many of which lie on 0 % or 100 %.
        axes[0].set_ylim(-0.08, 1.08)
        drawn.supylabel('Share of "Yes" = accuracy', fontsize=9)
        entries = [
            panels.entry("released items", **RELEASED_MARK),
            panels.entry("corrected items", **CORRECTED_MARK),
            *parts.chance_entry(table),
        ]
        drawn.legend(handles=entries, loc="outside lower center", ncols=3, handlelength=3.2)
        return drawn


def _panel(axis: Axes, own: pd.DataFrame, look: style.Look) -> None:
    panels.chance_line(axis, panels.chance_of(own))
    parts.series(axis, own[own["metric"] == RELEASED], look, front=True, x="parameters")
    corrected = own[own["metric"] == CORRECTED].sort_values("parameters")
    axis.plot(corrected["parameters"], corrected["value"], **CORRECTED_MARK, zorder=7)
    if corrected.empty:
        place: dict[str, Any] = {"x": 0.04, "y": 0.1}
        place["transform"] = axis.transAxes
        axis.text(s="no values for\ncorrected items", **place, fontsize=7.5, color=style.MUTED)
