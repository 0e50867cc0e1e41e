"""Curves of difficulty groups, chosen by the same models and cross-fitted, side by side."""

from __future__ import annotations

from itertools import product

import pandas as pd
import seaborn.objects as so
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ushaped.figures import panels, style, theme
from ushaped.figures.marks import Curves
from ushaped.questions.difficulty import EASIEST, GROUPS, HARDEST, MIDDLE
from ushaped.results import tables
from ushaped.shapes.difficulty import GROUPINGS

TITLE = "is the U on hard items a selection effect?"
CAPTION = """\
Accuracy on the hardest, middle and easiest third of the items of each task, zero-shot.
Left of each pair, the answers that are drawn also sort the items, as in Wu and Lo (2024); right,
those of other models do (cross-fitted).
What the left shows and the right does not may come from choosing items by the errors that are
drawn.
Intervals are over items, given the groups.
"""
LINES: dict[str, style.Look] = {
    HARDEST: style.Look(style.VERMILLION, "o", "-"),
    MIDDLE: style.Look(style.GREY, "s", (0, (5.0, 1.6))),
    EASIEST: style.Look(style.BLUE, "^", (0, (5.0, 1.4, 1.2, 1.4))),
}
ALL = style.Look(style.INK, "", (0, (1.0, 1.4)))


def table(difficulty: pd.DataFrame) -> pd.DataFrame:
    """The answer itself: its values are drawn, gaps and verdicts stand beside them in the CSV."""
    return difficulty


def figure(table: pd.DataFrame) -> Figure:
    """Draw two small panels per task, one per grouping: a line per group and family."""
    found = tables.editions(table)
    items = tables.title_of_items(found)
    looks = _looks(table)
    cells = [edition for edition in found for _ in GROUPINGS]
    with theme.theme():
        drawn, axes = panels.small_multiples(cells, len(cells), 2.2, 0.6)
        for axis, (edition, grouping) in zip(axes, product(found, GROUPINGS), strict=False):
            rows = tables.of_edition(table, edition)
            _draw_panel(axis, rows[rows["grouping"] == grouping], looks)
            source = "" if items else f", {edition.source} items"
            axis.set_title(f"{edition.task}\n{grouping}{source}", fontsize=8.5)
            axis.tick_params(labelsize=7.5)
            axis.xaxis.label.set_fontsize(8)
            cell = axis.get_subplotspec()
            if cell is not None and cell.is_first_col():
                axis.set_ylabel("Accuracy", fontsize=8)
        theme.legend_below(drawn, _entries(table), items, columns=5)
        return drawn


def _draw_panel(axis: Axes, rows: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    x = tables.axis_of(rows)
    rows = rows.assign(series=_series(rows)).dropna(subset=[x]).sort_values(x)
    whole = rows[rows["group"] == HARDEST].assign(series=rows["family"])
    banded = rows if rows["family"].nunique() == 1 else rows.iloc[:0]
    layers: list[theme.Layer] = [
        (so.Band(alpha=theme.BAND), banded, {"y": None, "ymin": "low", "ymax": "high"}),
        (Curves(looks=looks, linewidth=1), whole, {"y": "all_items"}),
        (Curves(looks=looks, linewidth=1.4, pointsize=3.5), rows, {}),
    ]
    theme.draw_layers(axis, looks, "series", layers, x=x, y="value")
    theme.chance_line(axis, panels.chance_of(rows))
    panels.value_axis(axis, "accuracy", rows["value"])
    panels.scale_axis(axis, rows[x], x, most=4, short=True)


def _series(rows: pd.DataFrame) -> pd.Series:
    return rows["group"] + ", " + rows["family"]


def _looks(table: pd.DataFrame) -> dict[str, style.Look]:
    """Colour, line and marker tell groups; several families take the markers."""
    families = style.family_looks(table["family"])
    looks = dict.fromkeys(families, ALL)
    for (family, own), group in product(families.items(), GROUPS):
        line = LINES[group]
        marker = own.marker if len(families) > 1 else line.marker
        looks[f"{group}, {family}"] = style.Look(line.colour, marker, line.line)
    return looks


def _entries(table: pd.DataFrame) -> list[Line2D]:
    families = style.family_looks(table["family"])
    several = len(families) > 1
    made = []
    for group, look in LINES.items():
        shown = style.Look(look.colour, "" if several else look.marker, look.line)
        made.append(theme.entry(f"{group} third", shown))
    made.append(theme.entry("all items", ALL))
    if several:
        made += [
            theme.entry(family, marker=look.marker, linestyle="none")
            for family, look in families.items()
        ]
    return made + panels.chance_entry(table)
