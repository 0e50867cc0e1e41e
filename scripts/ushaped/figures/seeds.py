"""How much a curve depends on the training seed."""

from __future__ import annotations

import pandas as pd
import seaborn.objects as so
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ushaped.figures import panels, style, theme
from ushaped.results import spread, tables

TITLE = "how far training seeds differ"
CAPTION = """\
How much each zero-shot curve depends on the training seed: one thin line per seed, their mean, and
the range between the lowest and the highest.
The intervals in the other figures come from resampling items and do not contain this run-to-run
noise; the shares of draws do, as far as so few seeds can show it.
"""


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Collect, for every edition, the judging metric, zero-shot: each seed and their mean."""
    return spread.seed_curves(metrics)


def figure(table: pd.DataFrame) -> Figure:
    """Draw small multiples: a thin line per seed, the range between them, and their mean."""
    with theme.theme():
        found = tables.editions(table)
        drawn, axes = panels.small_multiples(found, len(found), 2.2, 0.5)
        looks = style.family_looks(table["family"])
        for axis, edition in zip(axes, found, strict=False):
            rows = tables.of_edition(table, edition)
            judged = tables.primary_metric(rows)
            _draw_panel(axis, rows, looks)
            theme.chance_line(axis, panels.chance_of(rows))
            panels.value_axis(axis, judged, rows["value"])
            x = tables.axis_of(rows)
            panels.scale_axis(axis, rows[x], x, most=4, short=True)
            panels.label_small(axis, edition, found, judged)
        entries = []
        for family, look in looks.items():
            line = style.Look(look.colour, "", "-")
            entries.append(theme.entry(f"{family}: mean over seeds", line, linewidth=2.2))
            entries.append(theme.entry(f"{family}: one training seed", line, linewidth=0.9))
        entries += panels.chance_entry(table)
        theme.legend_below(drawn, entries, tables.title_of_items(found))
        return drawn


def _draw_panel(axis: Axes, rows: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    x = tables.axis_of(rows)
    rows = rows.dropna(subset=[x, "value"])
    single, mean = rows[rows["kind"] == "seed"], rows[rows["kind"] == "mean"]
    ends = single.groupby(["family", x])["value"].agg(low="min", high="max").reset_index()
    # A line through a single point cannot be seen.
    alone = rows[x].nunique() == 1
    thin = so.Line(linewidth=0.9, alpha=0.85, marker="_" if alone else "", pointsize=12)
    thick = so.Line(linewidth=2.2, marker="o" if alone else "")
    layers: list[theme.Layer] = [
        (so.Band(alpha=0.16), ends, {"y": None, "ymin": "low", "ymax": "high"}),
        (thin, single, {"group": "seed"}),
        (thick, mean, {}),
    ]
    theme.draw_layers(axis, looks, "family", layers, x=x, y="value")
