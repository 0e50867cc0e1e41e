"""What the figures of curves share: a curve with its band, seeds, chance, axes, legend entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from ushaped.figures import style
from ushaped.results import tables
from ushaped.terms import MAIN_VARIANT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALES = {"training_flops": "Training compute (FLOPs)", "parameters": "Parameters"}
SHORT_SCALES = {"training_flops": "FLOPs", "parameters": "Parameters"}
TICKS = {"training_flops": style.power_of_ten, "parameters": style.metric_prefix}
CONSTANT = "constant-answer"
# Opacity of bands. More curves than so many hide each other's bands and seeds: then only the main
# variant has a band, and the seeds are left to the figure of seeds.
BAND, NO_BAND, FEW = 0.15, 0.0, 4
SMALL = 0.01
DASHES = (0, (2.5, 1.8))
STAR: dict[str, Any] = {"marker": "*", "markersize": 9, "markerfacecolor": style.PAPER}
TITLES = {
    "accuracy": "Accuracy",
    "distractor_share": "Distractor answers",
    "loss": "Loss (nats)",
    "label_mass": "Label mass",
    "sequence_loss": "Loss of the completion (nats)",
    "log_odds": "Log odds of the answer (nats)",
    "absolute_log_odds": "Absolute log odds (nats)",
}
# Judges of a task that are better where they are lower.
TURNED = frozenset({"sequence_loss", "absolute_log_odds"})
SHARES = frozenset({"accuracy", "distractor_share", "label_mass", "parsed_accuracy"})


def curve(
    axis: Axes,
    rows: pd.DataFrame,
    look: style.Look,
    *,
    x: str = "training_flops",
    band: float = BAND,
) -> None:
    """Draw one curve: line, markers, 95 % band; hollow markers where answers are constant.

    Published points have a hollow star with its interval, and dashes lead to them.

    Parameters
    ----------
    axis : Axes
        Where to draw.
    rows : DataFrame
        One row per size, columns ``tables.CURVE``.
    look : Look
        Colour, marker, line style.
    x : str
        Column of the horizontal position.
    band : float
        Opacity of the band; 0 for none.
    """
    rows = rows.dropna(subset=[x, "value"]).sort_values(x)
    if rows.empty:
        return
    theirs = tables.flagged(rows, tables.PUBLISHED_POINT)
    if theirs.any():
        _published_points(axis, rows, theirs.to_numpy(), look, x)
        rows = rows[~theirs]
    at, value = rows[x].to_numpy(), rows["value"].to_numpy()
    low, high = rows["low"].to_numpy(), rows["high"].to_numpy()
    if len(rows) > 1 and band:
        axis.fill_between(at, low, high, color=look.colour, alpha=band, linewidth=0)
    elif len(rows) == 1:
        axis.vlines(at, low, high, color=look.colour, linewidth=1.2, alpha=0.7)
    axis.plot(at, value, color=look.colour, linestyle=look.line, zorder=3)
    constant = rows["flags"].str.contains(CONSTANT, regex=False).to_numpy()
    for chosen, face in ((~constant, look.colour), (constant, style.PAPER)):
        if chosen.any():
            axis.plot(
                at[chosen],
                value[chosen],
                linestyle="none",
                marker=look.marker,
                markerfacecolor=face,
                markeredgecolor=look.colour,
                markeredgewidth=1.2,
                zorder=4,
            )


def _published_points(
    axis: Axes, rows: pd.DataFrame, theirs: np.ndarray, look: style.Look, x: str
) -> None:
    """Draw the published points of a curve, joined to the points beside them."""
    at, value = rows[x].to_numpy(), rows["value"].to_numpy()
    for place in range(len(rows) - 1):
        if theirs[place] or theirs[place + 1]:
            ends = slice(place, place + 2)
            axis.plot(at[ends], value[ends], color=look.colour, linestyle=DASHES, linewidth=1.2)
    own = rows[theirs]
    axis.vlines(own[x], own["low"], own["high"], color=look.colour, linewidth=1.2, alpha=0.7)
    axis.plot(at[theirs], value[theirs], color=look.colour, linestyle="none", zorder=4, **STAR)


def seed_dots(
    axis: Axes, rows: pd.DataFrame, look: style.Look, *, x: str = "training_flops"
) -> None:
    """Draw single training seeds as small dots, where a size has more than one of them."""
    rows = rows.dropna(subset=[x, "value"])
    rows = rows[rows.groupby("size")["size"].transform("size") > 1]
    if rows.empty:
        return
    # Dots as very short strokes of one path: a third of the bytes of markers in an SVG.
    gaps = np.full(len(rows), np.nan)
    axis.plot(
        np.column_stack([rows[x], rows[x] * 1.0005, gaps]).ravel(),
        np.column_stack([rows["value"], rows["value"], gaps]).ravel(),
        linewidth=2.6,
        solid_capstyle="round",
        color=look.colour,
        alpha=0.55,
        zorder=2,
        snap=False,
    )


def chance_line(axis: Axes, level: float) -> None:
    """Draw the level that guessing reaches; nothing if it is not defined."""
    if pd.notna(level):
        axis.axhline(level, color=style.MUTED, linewidth=1.1, linestyle=(0, (2, 2)), zorder=1)


def chance_of(rows: pd.DataFrame) -> float:
    """The chance level of some rows; NaN if it is not defined or not the same in all of them."""
    levels = rows["chance"].dropna().round(6).unique()
    return float(levels[0]) if len(levels) == 1 else float("nan")


def log_axis(
    axis: Axes,
    values: Iterable[float],
    label: str,
    write: Callable[[float], str] = style.power_of_ten,
    most: int = 6,
) -> None:
    """Make the horizontal axis logarithmic, with few and readable ticks."""
    present = [v for v in values if pd.notna(v) and v > 0]
    bounds = style.limits(present) if present else (1.0, 10.0)
    set_log_limits(axis, bounds, write, most)
    axis.set_xlabel(label)


def set_log_limits(
    axis: Axes, bounds: tuple[float, float], write: Callable[[float], str], most: int = 6
) -> None:
    """Set logarithmic limits, and ticks written by ``write``."""
    axis.set_xscale("log")
    axis.set_xlim(*bounds)
    axis.xaxis.set_major_locator(FixedLocator(style.decade_ticks(*bounds, most=most)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axis.xaxis.set_minor_locator(NullLocator())


def mark_cuts(axes: Sequence[Axes]) -> None:
    """Show with two strokes where the axis leaves out an empty stretch."""
    slanted: dict[str, Any] = {
        "marker": [(-0.6, -1), (0.6, 1)],
        "markersize": 8,
        "linestyle": "none",
        "color": style.MUTED,
        "markeredgewidth": 1,
        "clip_on": False,
    }
    for left, right in pairwise(axes):
        left.plot([1], [0], transform=left.transAxes, **slanted)
        right.plot([0], [0], transform=right.transAxes, **slanted)
        right.spines["left"].set_visible(False)
        right.tick_params(axis="y", length=0)


def value_axis(axis: Axes, metric: str, values: pd.Series) -> None:
    """Set up the vertical axis of a metric: shares from 0 to 100 %, losses with better on top.

    A label mass that falls below one percent gets a logarithmic axis.
    """
    smallest = values[values > 0].min()
    if metric == "label_mass" and smallest < SMALL:
        _small_share_axis(axis, float(smallest))
    elif metric in SHARES:
        axis.set_ylim(-0.03, 1.03)
        axis.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    elif metric in tables.LOSSES:
        top = float(values.max()) if values.notna().any() else 1.0
        axis.set_ylim(0, (top or 1.0) * 1.06)
    if metric in TURNED:
        axis.invert_yaxis()


def _small_share_axis(axis: Axes, smallest: float) -> None:
    low = max(smallest / 3, 1e-12)
    axis.set_yscale("log")
    axis.set_ylim(low, 1.8)
    axis.yaxis.set_major_locator(FixedLocator(style.decade_ticks(low, 1.0, most=4)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.percentage(value)))
    axis.yaxis.set_minor_locator(NullLocator())


def short_label(metric: str) -> str:
    """Label of the vertical axis of a small panel."""
    if metric in tables.NATS:
        return "Nats, turned" if metric in tables.LOSSES else "Nats"
    return "Accuracy"


def metric_panel(
    axis: Axes, rows: pd.DataFrame, metric: str, looks: dict[tuple[str, str], style.Look]
) -> None:
    """Draw one metric of one task against the scale, every family and variant.

    The scale is that of `tables.axis_of` all rows.

    Parameters
    ----------
    axis : Axes
        Where to draw.
    rows : DataFrame
        Columns ``tables.CURVE``, any metrics.
    metric : str
        Which of them.
    looks : dict
        Look of each (family, variant).
    """
    chosen = rows[rows["metric"] == metric]
    means, seeds = chosen[chosen["kind"] == "mean"], chosen[chosen["kind"] == "seed"]
    x = tables.axis_of(rows)
    if metric in ("accuracy", "loss", "log_odds"):
        chance_line(axis, chance_of(chosen))
    crowded = is_crowded(rows)
    for (family, variant), look in looks.items():
        band = NO_BAND if crowded and variant != MAIN_VARIANT else BAND
        if not crowded:
            seed_dots(axis, _of(seeds, family, variant), look, x=x)
        curve(axis, _of(means, family, variant), look, x=x, band=band)
    value_axis(axis, metric, pd.concat([chosen["value"], means["high"]]))
    log_axis(axis, means[x], SCALES[x], TICKS[x])


def is_crowded(rows: pd.DataFrame) -> bool:
    """Whether more curves are drawn than bands can be told apart."""
    return len(set(zip(rows["family"], rows["variant"], strict=True))) > FEW


def _of(rows: pd.DataFrame, family: str, variant: str) -> pd.DataFrame:
    return rows[(rows["family"] == family) & (rows["variant"] == variant)]


def curve_looks(rows: pd.DataFrame) -> dict[tuple[str, str], style.Look]:
    """Looks by (family, variant): colour tells variants, or families once there are several."""
    pairs = set(zip(rows["family"], rows["variant"], strict=True))
    families = style.family_looks(family for family, _ in pairs)
    variants = style.variant_looks(variant for _, variant in pairs)
    looks = {}
    for family in families:
        for variant, look in variants.items():
            if (family, variant) not in pairs:
                continue
            colour = families[family].colour if len(families) > 1 else look.colour
            looks[family, variant] = style.Look(colour, look.marker, look.line)
    return looks


def protocols(rows: pd.DataFrame) -> dict[str, str]:
    """Protocol label of each variant."""
    return dict(zip(rows["variant"], rows["protocol"], strict=True))


def entry(label: str, **settings: Any) -> Line2D:
    """One entry of a legend."""
    return Line2D([], [], label=label, **settings)


def published_entry() -> Line2D:
    """The entry that explains published points."""
    return entry("published, not run here", color=style.MUTED, linestyle=DASHES, **STAR)


def legend_entries(rows: pd.DataFrame) -> list[Line2D]:
    """Entries for every family and variant in ``rows``, and for the signs that occur there."""
    looks, protocol = curve_looks(rows), protocols(rows)
    several = len({family for family, _ in looks}) > 1
    entries = [
        entry(
            (f"{family}, " if several else "") + tables.variant_label(variant, protocol[variant]),
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
        )
        for (family, variant), look in looks.items()
    ]
    return entries + sign_entries(rows)


def sign_entries(rows: pd.DataFrame) -> list[Line2D]:
    """Entries for the signs that occur in ``rows``, whatever the looks of their curves."""
    entries = []
    if not is_crowded(rows) and (rows["kind"] == "seed").any() and has_several_seeds(rows):
        entries.append(entry("one training seed", color=style.MUTED, marker=".", linestyle="none"))
    if rows["flags"].str.contains(CONSTANT, regex=False).any():
        entries.append(
            entry(
                "always the same answer",
                color=style.MUTED,
                marker="o",
                markerfacecolor=style.PAPER,
                linestyle="none",
            )
        )
    if tables.flagged(rows, tables.PUBLISHED_POINT).any():
        entries.append(published_entry())
    if rows.loc[rows["metric"].isin(["accuracy", "loss", "log_odds"]), "chance"].notna().any():
        entries.append(entry("chance", color=style.MUTED, linestyle=(0, (2, 2)), linewidth=1.1))
    return entries


def task_title(edition: tables.Edition, found: Sequence[tables.Edition]) -> str:
    """Title of a panel; it says where the items come from if that is not the same in all panels."""
    mixed = not tables.title_of_items(found)
    return f"{edition.task}\n{edition.source} items" if mixed else edition.task


def legend_title(found: Sequence[tables.Edition]) -> str:
    """Title of a legend of variants, with where the items come from if that is one source."""
    items = tables.title_of_items(found)
    return f"{items}\nVariant (protocol)" if items else "Variant (protocol)"


def has_several_seeds(rows: pd.DataFrame) -> bool:
    """Whether any size was trained with more than one seed."""
    seeds = rows[rows["kind"] == "seed"]
    return bool((seeds.groupby(["family", "size"])["seed"].nunique() > 1).any())


def legend_cell(axis: Axes, entries: list[Line2D], title: str = "", columns: int = 1) -> None:
    """Turn an axis into a place for the legend alone."""
    axis.axis("off")
    axis.legend(
        handles=entries,
        loc="center left",
        title=title or None,
        alignment="left",
        borderaxespad=0,
        handlelength=3.2,
        ncols=columns,
    )


def _apart(at: np.ndarray, least: float = 0.08) -> list[bool]:
    """Which positions, from the left, leave room for a name: a share ``least`` of their span."""
    room = least * (at[-1] - at[0])
    chosen: list[bool] = []
    last = -np.inf
    for position in at:
        chosen.append(bool(position - last >= room))
        last = position if chosen[-1] else last
    return chosen


def size_axis(axis: Axes, rows: pd.DataFrame, *, x: str = "training_flops", most: int = 8) -> None:
    """Name the model sizes on top of a panel whose horizontal axis is the column ``x``."""
    points = rows.dropna(subset=[x]).drop_duplicates("size")
    points = points.sort_values(x)
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
