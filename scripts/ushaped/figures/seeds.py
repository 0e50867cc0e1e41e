"""How much a curve depends on the training seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from ushaped.figures import panels, style
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4


def table(
    metrics: pd.DataFrame,
    shapes: pd.DataFrame,
    published: pd.DataFrame,
    *,
    variant: str = "zero-shot",
) -> pd.DataFrame:
    """Collect, for every edition, the judging metric of one variant: each seed and their mean."""
    parts = []
    for one in tables.editions(metrics):
        rows = tables.of_edition(metrics, one)
        judged = tables.primary_metric(rows)
        rows = tables.curves(rows, one.task, [judged], variants=[variant])
        parts.append(rows[~tables.flagged(rows, tables.PUBLISHED_POINT)])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=tables.CURVE)


def spread(table: pd.DataFrame) -> pd.DataFrame:
    """Measure the spread between seeds.

    Returns
    -------
    DataFrame
        One row per family, task and metric: ``seeds`` (most seeds at one size), ``sd`` (standard
        deviation between seeds, mean over the sizes that have more than one), ``range`` (largest
        difference between two seeds at one size) and ``range_size`` (where it is).
    """
    single = table[table["kind"] == "seed"]
    columns = ["family", "source", "task", "metric"]
    rows = []
    for key, group in single.groupby(columns, sort=False):
        values = group.groupby("size", sort=False)["value"]
        several = values.count() > 1
        widths = (values.max() - values.min())[several]
        rows.append(
            {
                **dict(zip(columns, key, strict=True)),
                "seeds": int(values.count().max()),
                "sd": values.std()[several].mean(),
                "range": widths.max() if len(widths) else float("nan"),
                "range_size": widths.idxmax() if widths.notna().any() else "",
            }
        )
    return pd.DataFrame(rows, columns=[*columns, "seeds", "sd", "range", "range_size"])


def figure(table: pd.DataFrame) -> Figure:
    """Draw small multiples: a thin line per seed, the range between them, and their mean."""
    with style.context():
        found = tables.editions(table)
        columns = min(COLUMNS, max(1, len(found)))
        lines = max(1, -(-len(found) // columns))
        drawn = Figure(figsize=(2.55 * columns, 2.2 * lines + 0.5), layout="constrained")
        axes = drawn.subplots(lines, columns, squeeze=False).ravel()
        families = style.family_looks(table["family"])
        for place, (axis, one) in enumerate(zip(axes, found, strict=False)):
            judged = _panel(axis, tables.of_edition(table, one), families)
            if place % columns == 0 or judged in tables.NATS:
                axis.set_ylabel(panels.short_label(judged), fontsize=8)
            axis.set_title(panels.task_title(one, found), fontsize=8.5)
        for axis in axes[len(found) :]:
            axis.axis("off")
        drawn.legend(
            handles=_entries(table, families),
            loc="outside lower center",
            title=tables.title_of_items(found) or None,
            ncols=4,
            handlelength=3.2,
        )
        return drawn


def _panel(axis: Axes, rows: pd.DataFrame, families: dict[str, style.Look]) -> str:
    """Draw one edition; return the metric that judges it."""
    x = tables.axis_of(rows)
    for family, look in families.items():
        own = rows[rows["family"] == family].dropna(subset=[x, "value"])
        own = own.sort_values(x, kind="stable")
        single = own[own["kind"] == "seed"]
        by_size = single.groupby(x)["value"]
        low, high = by_size.min(), by_size.max()
        axis.fill_between(
            low.index, low.to_numpy(), high.to_numpy(), color=look.colour, alpha=0.16, linewidth=0
        )
        # A line through a single point cannot be seen.
        alone = own[x].nunique() == 1
        for _, line in single.groupby("seed"):
            axis.plot(
                line[x].to_numpy(),
                line["value"].to_numpy(),
                color=look.colour,
                linewidth=0.9,
                alpha=0.85,
                marker="_" if alone else None,
                markersize=12,
            )
        mean = own[own["kind"] == "mean"]
        axis.plot(
            mean[x].to_numpy(),
            mean["value"].to_numpy(),
            color=look.colour,
            linewidth=2.2,
            marker=look.marker if alone else None,
        )
    judged = tables.primary_metric(rows)
    panels.chance_line(axis, panels.chance_of(rows))
    panels.value_axis(axis, judged, rows["value"])
    panels.log_axis(axis, rows[x], panels.SHORT_SCALES[x], panels.TICKS[x], most=4)
    axis.xaxis.label.set_fontsize(8)
    axis.tick_params(labelsize=7.5)
    return judged


def _entries(table: pd.DataFrame, families: dict[str, style.Look]) -> list:
    entries = []
    for family, look in families.items():
        entries += [
            panels.entry(f"{family}: mean over seeds", color=look.colour, linewidth=2.2),
            panels.entry(f"{family}: one training seed", color=look.colour, linewidth=0.9),
        ]
    if table["chance"].notna().any():
        entries.append(
            panels.entry("chance", color=style.MUTED, linestyle=(0, (2, 2)), linewidth=1.1)
        )
    return entries
