"""What the figures of curves share: the curves of a panel, its axes, its legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn.objects as so
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from ushaped.axes import BY_COLUMN
from ushaped.figures import style, theme
from ushaped.figures.marks import Curves
from ushaped.results import tables
from ushaped.results.numbers import percentage
from ushaped.terms import MAIN_VARIANT

CONSTANT = "constant-answer"
# More curves than so many hide each other's bands and seeds: then only the main variant has a band,
# and the seeds are left to the figure of seeds.
FEW = 4
SMALL = 0.01
DASHES = (0, (2.5, 1.8))
HOLLOW: dict[str, Any] = {"fillcolor": style.PAPER, "linewidth": 0}
TITLES = {
    "accuracy": "Accuracy",
    "distractor_share": "Distractor answers",
    "loss": "Loss (nats)",
    "label_mass": "Label mass",
    "sequence_loss": "Loss of the completion (nats)",
    "log_odds": "Log odds of the answer (nats)",
    "absolute_log_odds": "Absolute log odds (nats)",
}
# Metrics that judge a task and are better where they are lower: their axis is inverted.
INVERTED = frozenset({"sequence_loss", "absolute_log_odds"})
SHARES = frozenset({"accuracy", "distractor_share", "label_mass", "parsed_accuracy"})
WITH_CHANCE = ("accuracy", "loss", "log_odds")

Looks = Mapping[str, style.Look]


def name_series(rows: pd.DataFrame) -> pd.Series:
    """Family and variant of each row, as one name."""
    return rows["family"] + ", " + rows["variant"]


def draw_curves(
    axis: Axes,
    rows: pd.DataFrame,
    looks: Looks,
    x: str,
    bands: Mapping[str, float],
) -> None:
    """Draw lines with 95 % bands, hollow marks where answers are constant, and single seeds.

    Published points have a hollow star with its interval, and dashes lead to them.

    Rows are of one metric, with the columns ``tables.CURVE``; looks are those of `name_series`,
    and ``bands`` the opacity of the band of each variant that has one.
    """
    rows = rows.assign(series=name_series(rows)).dropna(subset=[x, "value"]).sort_values(x)
    rows = rows[rows["series"].isin(list(looks))]
    means, seeds = rows[rows["kind"] != "seed"], rows[rows["kind"] == "seed"]
    theirs = tables.flagged(means, tables.PUBLISHED_POINT)
    ours, stars = means[~theirs], means[theirs]
    alone = ours.groupby("series")["series"].transform("size") == 1
    several = seeds.groupby(["series", "size"])["size"].transform("size") > 1
    banded = ours.assign(opacity=ours["variant"].map(bands))[~alone]
    interval = {"ymin": "low", "ymax": "high"}
    constant = ours[is_constant(ours)]
    dot = so.Path(linewidth=2.6, alpha=0.55, artist_kws={"solid_capstyle": "round", "snap": False})
    star = so.Line(marker="*", pointsize=9, edgewidth=1, **HOLLOW)
    layers: list[theme.Layer] = [
        *((so.Band(alpha=shade), part, interval) for shade, part in banded.groupby("opacity")),
        (dot, _strokes(seeds[several], x), {}),
        (so.Range(linewidth=theme.RANGE, alpha=0.7), pd.concat([ours[alone], stars]), interval),
        (so.Line(linewidth=1.2, linestyle=DASHES), _joined(means, theirs), {"group": "run"}),
        (Curves(looks=looks, edgewidth=1.2), ours, {}),
        (Curves(looks=looks, parts=("color", "marker"), edgewidth=1.2, **HOLLOW), constant, {}),
        (star, stars, {}),
    ]
    theme.draw_layers(axis, looks, "series", layers, x=x, y="value")


def _strokes(rows: pd.DataFrame, x: str) -> pd.DataFrame:
    """Points as very short strokes of one path: a third of the bytes of markers in an SVG."""
    ends, gaps = rows.assign(**{x: rows[x] * 1.0005}), rows.assign(value=np.nan)
    return pd.concat([rows, ends, gaps]).sort_index(kind="stable").reset_index(drop=True)


def _joined(means: pd.DataFrame, theirs: pd.Series) -> pd.DataFrame:
    """The stretches of curves that begin or end at a published point, each with its number."""
    if not theirs.any():
        return means.iloc[:0]
    ordered = means.assign(theirs=theirs).sort_values("series", kind="stable")
    before = ordered.groupby("series")["theirs"].shift(fill_value=False)
    return ordered.assign(run=(~(ordered["theirs"] | before)).cumsum())


def chance_of(rows: pd.DataFrame) -> float:
    """The chance level of some rows; NaN if it is not defined or not the same in all of them."""
    levels = rows["chance"].dropna().round(6).unique()
    return float(levels[0]) if len(levels) == 1 else float("nan")


def value_axis(axis: Axes, metric: str, values: pd.Series) -> None:
    """Set up the vertical axis of a metric: shares from 0 to 100 %, losses with better on top.

    A label mass that falls below one percent gets a logarithmic axis.
    """
    smallest = values[values > 0].min()
    if metric == "label_mass" and smallest < SMALL:
        low = max(float(smallest) / 3, 1e-12)
        axis.set_yscale("log")
        axis.set_ylim(low, 1.8)
        axis.yaxis.set_major_locator(FixedLocator(style.decade_ticks(low, 1.0, most=4)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percentage(value)))
        axis.yaxis.set_minor_locator(NullLocator())
    elif metric in SHARES:
        axis.set_ylim(-0.03, 1.03)
        axis.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    elif metric in tables.LOSSES:
        top = float(values.max()) if values.notna().any() else 1.0
        axis.set_ylim(0, (top or 1.0) * 1.06)
    if metric in INVERTED:
        axis.invert_yaxis()


def scale_axis(axis: Axes, values: pd.Series, x: str, most: int = 6, short: bool = False) -> None:
    """Make the horizontal axis that of the column ``x``."""
    along = BY_COLUMN[x]
    label = along.short if short else along.label
    if along.from_zero:
        theme.log_axis_from_zero(axis, values.dropna().to_list(), along.tick, most, label)
        return
    present = values[values > 0]
    limits = style.limits(present.to_list()) if len(present) else (1.0, 10.0)
    theme.log_axis(axis, limits, along.tick, most, label)


def short_label(metric: str) -> str:
    """Label of the vertical axis of a small panel."""
    if metric in tables.NATS:
        return "Nats, reversed axis" if metric in tables.LOSSES else "Nats"
    return "Accuracy"


def draw_metric(
    axis: Axes, rows: pd.DataFrame, metric: str, looks: Looks, most: int = 6, short: bool = False
) -> None:
    """Draw one metric of one task against the scale, every family and variant.

    Rows are of all metrics, with the columns ``tables.CURVE``: they share a scale.
    """
    chosen = rows[rows["metric"] == metric]
    means = chosen[chosen["kind"] == "mean"]
    x, crowded = tables.axis_of(rows), is_crowded(rows)
    banded = [MAIN_VARIANT] if crowded else rows["variant"]
    bands = {name: theme.BAND for name in banded}
    draw_curves(axis, means if crowded else chosen, looks, x, bands)
    if metric in WITH_CHANCE:
        theme.chance_line(axis, chance_of(chosen))
    value_axis(axis, metric, pd.concat([chosen["value"], means["high"]]))
    scale_axis(axis, means[x], x, most, short)


def is_crowded(rows: pd.DataFrame) -> bool:
    """Whether more curves are drawn than bands can be told apart."""
    return name_series(rows).nunique() > FEW


def curve_looks(rows: pd.DataFrame) -> dict[str, style.Look]:
    """Looks by series: colour tells variants, or families once there are several."""
    families, variants = style.family_looks(rows["family"]), style.variant_looks(rows["variant"])
    pairs = set(zip(rows["family"], rows["variant"], strict=True))
    return {
        f"{family}, {variant}": style.Look(
            families[family].colour if len(families) > 1 else look.colour, look.marker, look.line
        )
        for family in families
        for variant, look in variants.items()
        if (family, variant) in pairs
    }


def legend_entries(rows: pd.DataFrame) -> list[Line2D]:
    """Entries for every family and variant in ``rows``, and for the signs that occur there."""
    several = rows["family"].nunique() > 1
    protocols = rows.groupby(name_series(rows), sort=False)["protocol"].agg(tables.shared_protocol)
    labels = {
        series: tables.variant_label(
            series if several else series.partition(", ")[2], protocols[series]
        )
        for series in protocols.index
    }
    looks = curve_looks(rows)
    return [
        *theme.entries({labels[series]: look for series, look in looks.items()}),
        *sign_entries(rows),
    ]


def sign_entries(rows: pd.DataFrame) -> list[Line2D]:
    """Entries for the signs that occur in ``rows``, whatever the looks of their curves."""
    seeds = rows[rows["kind"] == "seed"]
    several = (seeds.groupby(["family", "size"])["seed"].nunique() > 1).any()
    entries = []
    if several and not is_crowded(rows):
        entries.append(theme.entry("one training seed", marker=".", linestyle="none"))
    entries += constant_entry(rows)
    if tables.flagged(rows, tables.PUBLISHED_POINT).any():
        entries.append(published_entry())
    return entries + chance_entry(rows[rows["metric"].isin(WITH_CHANCE)])


def is_constant(rows: pd.DataFrame) -> pd.Series:
    """Which points are of models that nearly always give the same answer."""
    return rows["flags"].str.contains(CONSTANT, regex=False)


def constant_entry(rows: pd.DataFrame) -> list[Line2D]:
    """The entry that explains hollow marks, if there are any."""
    if not is_constant(rows).any():
        return []
    hollow: dict[str, Any] = {"marker": "o", "markerfacecolor": style.PAPER}
    return [theme.entry("always the same answer", linestyle="none", **hollow)]


def published_entry() -> Line2D:
    """The entry that explains published points."""
    star: dict[str, Any] = {"marker": "*", "markersize": 9, "markerfacecolor": style.PAPER}
    return theme.entry("published, not run here", linestyle=DASHES, **star)


def chance_entry(rows: pd.DataFrame) -> list[Line2D]:
    """The legend entry of the chance line, if any row has a chance level."""
    return [theme.entry("chance", **theme.CHANCE)] if rows["chance"].notna().any() else []


def legend_title(found: Sequence[tables.Edition]) -> str:
    """Title of a legend of variants, with where the items come from if that is one source."""
    items = tables.title_of_items(found)
    return f"{items}\nVariant (protocol)" if items else "Variant (protocol)"


def small_multiples(
    found: Sequence[tables.Edition], cells: int, height: float, below: float, columns: int = 4
) -> tuple[Figure, list[Axes]]:
    """Axes of one small panel for each edition, titled, and of the cells that are left, empty."""
    columns = min(columns, max(1, cells))
    lines = max(1, -(-cells // columns))
    figure = Figure(figsize=(2.55 * columns, height * lines + below), layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).ravel())
    for axis in axes[len(found) :]:
        axis.axis("off")
    return figure, axes


def label_small(
    axis: Axes, edition: tables.Edition, found: Sequence[tables.Edition], metric: str
) -> None:
    """Title and labels of a small panel; its title names the source if there are several."""
    mixed = not tables.title_of_items(found)
    title = f"{edition.task}\n{edition.source} items" if mixed else edition.task
    axis.set_title(title, fontsize=8.5)
    cell = axis.get_subplotspec()
    first = cell is not None and cell.is_first_col()
    axis.set_ylabel(short_label(metric) if first or metric in tables.NATS else "", fontsize=8)
    axis.xaxis.label.set_fontsize(8)
    axis.tick_params(labelsize=7.5)


def size_axis(axis: Axes, rows: pd.DataFrame, *, x: str = "training_flops", most: int = 8) -> None:
    """Name the model sizes on top of a panel whose horizontal axis is the column ``x``."""
    points = rows.dropna(subset=[x]).drop_duplicates("size").sort_values(x)
    if points.empty:
        return
    points = points.iloc[:: max(1, -(-len(points) // most))]
    keep = points[_apart(np.log10(points[x].to_numpy()))]
    top = axis.secondary_xaxis("top")
    top.xaxis.set_major_locator(FixedLocator(keep[x].to_list()))
    # The axis gives each position back with an error in its last digits.
    names = {f"{at:.9g}": size for at, size in zip(keep[x], keep["size"], strict=True)}
    top.xaxis.set_major_formatter(FuncFormatter(lambda value, _: names.get(f"{value:.9g}", "")))
    top.xaxis.set_minor_locator(NullLocator())
    top.tick_params(axis="x", length=2, labelsize=7.5, labelcolor=style.MUTED)
    top.spines["top"].set_visible(False)


def _apart(at: np.ndarray, least: float = 0.08) -> list[bool]:
    """Which positions, from the left, leave room for a name: a share ``least`` of their span."""
    room = least * (at[-1] - at[0])
    chosen: list[bool] = []
    last = -np.inf
    for position in at:
        chosen.append(bool(position - last >= room))
        last = position if chosen[-1] else last
    return chosen
