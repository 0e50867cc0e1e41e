"""modus-tollens: every answer is " Yes", so accuracy is the share of "Yes"."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn.objects as so
from matplotlib.figure import Figure

from ushaped.figures import panels, style, theme
from ushaped.figures.marks import Curves
from ushaped.figures.published import parts
from ushaped.results import tables
from ushaped.results.numbers import metric_prefix

TITLE = "modus-tollens, the share of Yes"
CAPTION = """\
modus-tollens: every right answer is " Yes", so accuracy is the share of "Yes", and many models are
near 0 or 100 %. Rings are the items without the faulty ones.
"""
TASK = "modus-tollens"
RELEASED, CORRECTED = "accuracy", "accuracy_corrected_items"
COLUMNS = 5
NOTE: dict[str, Any] = {"fontsize": 7.5, "color": style.MUTED}
RING: dict[str, Any] = {"marker": "o", "edgecolor": style.INK, "fillcolor": (0.0, 0.0, 0.0, 0.0)}


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect the share of "Yes" on the released and on the corrected items."""
    rows = tables.published_curves(published[published["task"] == TASK], (RELEASED, CORRECTED))
    return rows.reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per series: filled marks for released items, rings for corrected ones."""
    names, looks = parts.order(table["family"]), style.family_looks(table["family"])
    released, corrected = (table[table["metric"] == m] for m in (RELEASED, CORRECTED))
    limits = style.limits(table["parameters"].tolist())
    lines = -(-len(names) // COLUMNS)
    with theme.theme():
        drawn = Figure(figsize=(10.2, 2.2 * lines + 0.6), layout="constrained")
        axes = drawn.subplots(lines, COLUMNS, squeeze=False, sharex=True, sharey=True).ravel()
        for axis, name in zip(axes, names, strict=False):
            own, rings = (rows[rows["family"] == name] for rows in (released, corrected))
            theme.chance_line(axis, panels.chance_of(own))
            layers = [
                (so.Range(linewidth=1.7), own, parts.ENDS),
                (Curves(looks=looks, linewidth=2.4, pointsize=5.5), own, {}),
                (so.Line(linewidth=0, pointsize=9, **RING), rings, {}),
            ]
            theme.draw_layers(axis, looks, "family", layers, x="parameters", y="value")
            if rings.empty:
                axis.text(
                    0.04, 0.1, "no values for\ncorrected items", transform=axis.transAxes, **NOTE
                )
            theme.log_axis(axis, limits, metric_prefix, most=3)
            axis.set_xlabel("Parameters", fontsize=8)
            axis.set_title(name, fontsize=8)
            axis.tick_params(labelbottom=True, labelleft=name in names[::COLUMNS])
        for axis in axes[len(names) :]:
            axis.axis("off")
        panels.value_axis(axes[0], "accuracy", table["value"])
        # Room for the rings, many of which are at 0 % or 100 %.
        axes[0].set_ylim(-0.08, 1.08)
        drawn.supylabel('Share of "Yes" = accuracy', fontsize=9)
        ring = theme.entry("corrected items", color=style.INK, marker="o", markersize=9)
        ring.set(linestyle="none", markerfacecolor="none")
        released_items = theme.entry("released items", marker="s", linewidth=2.4)
        handles = [released_items, ring, *panels.chance_entry(table)]
        theme.legend_below(drawn, handles)
        return drawn
