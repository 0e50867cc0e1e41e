"""Curves along another axis than the sizes of a family: shots, thinking tokens, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ushaped.axes import AXES
from ushaped.figures import panels, style, theme
from ushaped.results import tables

TITLE = "curves along another axis"
CAPTION = """\
The metric that judges each task along another axis than the sizes of a family, one line for what
stays the same along it: a size of a family, or the family. The numbers are those that were measured
anyway. Bands, where lines are few, are 95 % intervals over items.
"""


def table(axes: Mapping[str, pd.DataFrame], *, axis: str) -> pd.DataFrame:
    """Collect the means over training seeds of the metric that judges each task."""
    metrics = axes[axis]
    rows = metrics[(metrics["model"] == "") & metrics["metric"].isin(tables.PRIMARY)]
    order = {
        "_task": {task: place for place, task in enumerate(tables.order_tasks(rows["task"]))},
        "_family": {name: place for place, name in enumerate(dict.fromkeys(rows["family"]))},
        "_variant": {name: at for at, name in enumerate(tables.order_variants(rows["variant"]))},
    }
    keyed = rows.assign(
        axis=axis,
        kind="mean",
        **{name: rows[name[1:]].map(places) for name, places in order.items()},
    )
    column = AXES[axis].column
    keys = ["_task", "source", "_family", "_variant", column]
    ordered = keyed.sort_values(keys, kind="stable")
    return ordered[["axis", *AXES[axis].columns(tables.CURVE)]].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one small panel per edition, all with the axis of the table."""
    with theme.theme():
        found = tables.editions(table)
        drawn, axes = panels.small_multiples(found, len(found), 2.2, 0.7)
        looks = _looks(table)
        bands = {} if len(looks) > panels.FEW else dict.fromkeys(table["variant"], theme.BAND)
        for axis, edition in zip(axes, found, strict=False):
            rows = tables.of_edition(table, edition)
            metric, x = tables.primary_metric(rows), AXES[rows["axis"].iloc[0]].column
            panels.draw_curves(axis, rows, looks, x, bands)
            if metric in panels.WITH_CHANCE:
                theme.chance_line(axis, panels.chance_of(rows))
            panels.value_axis(axis, metric, pd.concat([rows["value"], rows["high"]]))
            panels.scale_axis(axis, table[x], x, most=5, short=True)
            panels.label_small(axis, edition, found, metric)
        theme.legend_below(drawn, _entries(table, looks), _title(table, found))
        return drawn


def _looks(table: pd.DataFrame) -> dict[str, style.Look]:
    """Looks by series, in the order of the table: from the smallest size of a family on."""
    return style.ordered_looks(dict.fromkeys(panels.name_series(table)))


def _entries(table: pd.DataFrame, looks: Mapping[str, style.Look]) -> list[panels.Line2D]:
    names = dict(zip(panels.name_series(table), table["family"], strict=True))
    if table["variant"].nunique() > 1:
        names = {series: series for series in looks}
    entries = theme.entries({names[series]: look for series, look in looks.items()})
    return [*entries, *panels.constant_entry(table), *panels.chance_entry(table)]


def _title(table: pd.DataFrame, found: list[tables.Edition]) -> str:
    """Where the items come from, and the prompt variants with their protocols."""
    pairs = table[["variant", "protocol"]].drop_duplicates().itertuples(index=False, name=None)
    variants = ", ".join(tables.variant_label(*pair) for pair in pairs)
    return "\n".join(filter(None, [tables.title_of_items(found), variants]))
