"""The ten-task average against scale: our families beside the published series."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ushaped.figures import panels, style
from ushaped.figures.task_mean import add_task_mean
from ushaped.results import tables
from ushaped.terms import MAIN_VARIANT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SERIES = ("PaLM", "Gopher", "Chinchilla", "Anthropic LM")
ZETTA = 1e21
# Letters of a legend's entry, of which four still stand side by side.
LONG = 32
CHANCE: dict[str, Any] = {"color": style.MUTED, "linestyle": (0, (2, 2)), "linewidth": 1.1}
MISSING = "No accuracy task was run here"


def table(metrics: pd.DataFrame, shapes: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Collect the points: our means over seeds, published series, and both chance levels.

    Of several families only zero-shot is drawn, where it was asked: all ways of asking of all of
    them would hide each other.

    Parameters
    ----------
    metrics, shapes, published : DataFrame
        As read by `ushaped.results.tables`.

    Returns
    -------
    DataFrame
        Columns ``tables.CURVE``; ``kind`` is ``mean``, ``published`` or ``chance``.
    """
    metrics, published, average_name = add_task_mean(metrics, published)
    ours = _legible(tables.curves(metrics, average_name, ["accuracy"], seeds=False))
    average = published[published["task"] == average_name]
    theirs = tables.published_curves(average, ["accuracy"])
    copied = theirs[theirs["family"].isin(SERIES)]
    return pd.concat([ours, copied], ignore_index=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw the average against training FLOPs (left) and against parameters (right)."""
    editions = tables.editions(table)
    if len(editions) > 1:
        table = _apart(table)
    with style.context():
        drawn = Figure(figsize=(10.2, 5.0), layout="constrained")
        pieces = style.segments(table["training_flops"].dropna())
        spans = [math.log10(high / low) for low, high in pieces]
        total = sum(spans)
        widths = [1.3 * max(span / total, 0.42) for span in spans]
        axes = drawn.subplots(
            1, len(pieces) + 1, sharey=True, width_ratios=[*widths, 0.95], squeeze=False
        )[0]
        for axis, piece in zip(axes[:-1], pieces, strict=True):
            flops_panel(axis, table, piece)
        panels.mark_cuts(axes[:-1])
        parameters_panel(axes[-1], table)
        axes[0].set_ylabel(_label(table))
        axes[0].set_title("a\u2002Training compute")
        axes[-1].set_title("b\u2002Parameters")
        entries = _entries(table)
        longest = max((len(str(entry.get_label())) for entry in entries), default=0)
        drawn.legend(
            handles=entries,
            loc="outside lower center",
            title=_legend_title(editions),
            ncols=4 if longest <= LONG else 3,
            handlelength=3.2,
        )
        return drawn


def _label(table: pd.DataFrame) -> str:
    names = set(table["task"]) - {tables.AVERAGE}
    return f"Accuracy, {names.pop()}" if names else "Mean accuracy over ten tasks"


def _legible(ours: pd.DataFrame) -> pd.DataFrame:
    main = ours[ours["variant"] == MAIN_VARIANT]
    return main if ours["family"].nunique() > 1 and len(main) else ours


def _apart(table: pd.DataFrame) -> pd.DataFrame:
    """Let a family's averages over items of different sources be drawn as series of their own."""
    ours = table["source"] != "published"
    named = table["family"] + ", " + table["source"] + " items"
    return table.assign(family=table["family"].where(~ours, named))


def _legend_title(editions: Sequence[tables.Edition]) -> str:
    if not editions:
        return MISSING
    items = tables.title_of_items(editions) or "items as named"
    return f"Families run here: {items}; published series: official items"


def flops_panel(axis: Axes, table: pd.DataFrame, piece: tuple[float, float]) -> None:
    """Draw the curves that lie in one piece of the compute axis.

    Where the piece reaches a tenth of a zettaFLOP, the axis counts in zettaFLOPs.
    """
    inside = table[table["training_flops"].between(*piece)]
    large = piece[1] >= 0.1 * ZETTA
    write: Callable[[float], str] = style.zetta if large else style.power_of_ten
    most = max(2, round(math.log10(piece[1] / piece[0])) + 1)
    _draw(axis, inside, "training_flops", _looks(table))
    style_limits = piece
    panels.set_log_limits(axis, style_limits, write, most=min(most, 5))
    axis.set_xlabel("zettaFLOPs (10²¹)" if large else "FLOPs")
    _accuracy_axis(axis, table)


def parameters_panel(axis: Axes, table: pd.DataFrame) -> None:
    """Draw the curves against the number of parameters, but for those along which it is one."""
    curves = table.groupby(["family", "source", "variant"])["parameters"]
    rows = table[(curves.transform("nunique") > 1) | (curves.transform("size") == 1)]
    _draw(axis, rows, "parameters", _looks(table))
    panels.log_axis(axis, rows["parameters"], "Parameters", style.metric_prefix, most=6)
    _accuracy_axis(axis, table)


def _draw(axis: Axes, rows: pd.DataFrame, x: str, looks: dict[tuple[str, str], style.Look]) -> None:
    for level, group in rows.dropna(subset=["chance", x]).groupby("chance"):
        ends = [float(group[x].min()) / 1.6, float(group[x].max()) * 1.6]
        axis.plot(ends, [float(str(level))] * 2, **CHANCE, zorder=1)
    for (family, variant), look in looks.items():
        chosen = rows[(rows["family"] == family) & (rows["variant"] == variant)]
        panels.curve(axis, chosen, look, x=x, band=0.18 if variant == MAIN_VARIANT else 0.06)


def _looks(rows: pd.DataFrame) -> dict[tuple[str, str], style.Look]:
    """Colour and marker by family; other variants than zero-shot change line and marker."""
    families = style.family_looks(rows["family"])
    variants = style.variant_looks(rows["variant"])
    looks = {}
    for family, variant in sorted(set(zip(rows["family"], rows["variant"], strict=True))):
        look = families[family]
        if variant != MAIN_VARIANT:
            look = style.Look(look.colour, variants[variant].marker, variants[variant].line)
        looks[family, variant] = look
    return looks


def _accuracy_axis(axis: Axes, table: pd.DataFrame) -> None:
    values = pd.concat([table["value"], table["low"], table["high"], table["chance"]]).dropna()
    low = math.floor(10 * min(values.min(), 0.3) - 0.1) / 10
    high = math.ceil(10 * max(values.max(), 0.6) + 0.1) / 10
    low, high = max(low, 0.0), min(high, 1.0)
    axis.set_ylim(low, high)
    ticks = [t / 10 for t in range(11) if low - 1e-9 <= t / 10 <= high + 1e-9]
    axis.yaxis.set_major_locator(FixedLocator(ticks))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
    axis.yaxis.set_minor_locator(NullLocator())


def _where(rows: pd.DataFrame) -> str:
    """What a legend says of a curve that one of the panels does not show, or not all of."""
    unknown = rows["training_flops"].isna()
    if unknown.any():
        return ", only in b" if unknown.all() else ", some only in b"
    return ", only in a" if len(rows) > 1 and rows["parameters"].nunique() == 1 else ""


def _entries(table: pd.DataFrame) -> list:
    protocol = panels.protocols(table[table["kind"] == "mean"])
    ours = table[table["kind"] == "mean"]
    own_looks = _looks(ours)
    order = {v: i for i, v in enumerate(style.order_variants(ours["variant"]))}
    entries = [
        panels.entry(
            f"{family}, {tables.variant_label(variant, protocol[variant])}"
            + _where(ours[(ours["family"] == family) & (ours["variant"] == variant)]),
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
        )
        for (family, variant), look in sorted(
            own_looks.items(), key=lambda item: (item[0][0], order[item[0][1]])
        )
    ]
    looks = style.family_looks(SERIES)
    for series, look in ((name, looks[name]) for name in SERIES):
        if (table["family"] == series).any():
            entries.append(
                panels.entry(
                    f"{series}, published zero-shot",
                    color=look.colour,
                    marker=look.marker,
                    linestyle=look.line,
                )
            )
    if tables.flagged(ours, tables.PUBLISHED_POINT).any():
        entries.append(panels.published_entry())
    if table["chance"].notna().any():
        entries.append(panels.entry("chance", **CHANCE))
    return entries
