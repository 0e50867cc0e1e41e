"""The ten-task average against scale: our families beside the published series."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, PercentFormatter

from ushaped.figures import panels, style, theme
from ushaped.figures.task_mean import add_task_mean
from ushaped.results import tables
from ushaped.terms import MAIN_VARIANT as MAIN

TITLE = "average of ten tasks by compute and parameters"
CAPTION = """\
Mean accuracy over the ten accuracy tasks (or over those that were run, where they are fewer)
against training compute (left) and parameters (right), each curve with its prompt variant and
protocol (of several families zero-shot alone), beside the published zero-shot results of PaLM,
Gopher, Chinchilla and Anthropic LM on official items.
Bands are 95 % intervals over items; the dashed line is chance, and the compute axis is cut where no
model lies.
"""
SERIES = ("PaLM", "Gopher", "Chinchilla", "Anthropic LM")
MISSING = "No accuracy task was run here"


def table(metrics: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Collect the points: our means over seeds, published series, and both chance levels.

    Of several families only zero-shot is drawn, where it was run: all variants of all of them would
    hide each other.

    Returns
    -------
    DataFrame
        Columns ``tables.CURVE``; ``kind`` is ``mean`` or ``published``.
    """
    metrics, published, task = add_task_mean(metrics, published)
    ours = tables.curves(metrics, task, ["accuracy"], seeds=False)
    if ours["family"].nunique() > 1:
        ours = tables.main_rows(ours)
    theirs = tables.published_curves(published[published["task"] == task], ["accuracy"])
    return pd.concat([ours, theirs[theirs["family"].isin(SERIES)]], ignore_index=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw the average against training FLOPs (left) and against parameters (right)."""
    editions = tables.editions(table)
    if len(editions) > 1:
        # Averages over items of different sources are series of their own.
        named = table["family"] + ", " + table["source"] + " items"
        ours = table["source"] != "published"
        table = table.assign(family=named.where(ours, table["family"]))
    with theme.theme():
        drawn = Figure(figsize=(10.2, 5.0), layout="constrained")
        cells = drawn.add_gridspec(1, 2, width_ratios=[1.5, 0.95])
        looks = _looks(table)
        pieces = theme.cut_axis(drawn, cells[0], table["training_flops"].dropna(), least=0.42)
        for axis, piece in pieces:
            inside = table[table["training_flops"].between(*piece)]
            _draw(axis, inside, "training_flops", looks)
            most = max(2, round(math.log10(piece[1] / piece[0])) + 1)
            theme.compute_axis(axis, piece, min(most, 5))
        first = pieces[0][0]
        axis = drawn.add_subplot(cells[1], sharey=first)
        rows = _of_several_sizes(table)
        _draw(axis, rows, "parameters", looks)
        panels.scale_axis(axis, rows["parameters"], "parameters")
        axis.tick_params(axis="y", labelleft=False)
        _accuracy_axis(first, table)
        means = set(table["task"]) - {tables.AVERAGE}
        first.set_ylabel(f"Accuracy, {means.pop()}" if means else "Mean accuracy over ten tasks")
        first.set_title("a\u2002Training compute")
        axis.set_title("b\u2002Parameters")
        items = tables.title_of_items(editions) or "items as named"
        said = f"Families run here: {items}; published series: official items"
        theme.legend_below(drawn, _entries(table, looks), said if editions else MISSING)
        return drawn


def _of_several_sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Without the curves along which the number of parameters is the same everywhere."""
    curves = table.groupby(["family", "source", "variant"])["parameters"]
    return table[(curves.transform("nunique") > 1) | (curves.transform("size") == 1)]


def _draw(axis: Axes, rows: pd.DataFrame, x: str, looks: panels.Looks) -> None:
    bands = {variant: 0.18 if variant == MAIN else 0.06 for variant in set(rows["variant"])}
    panels.draw_curves(axis, rows, looks, x, bands)
    for level, group in rows.dropna(subset=["chance", x]).groupby("chance"):
        ends = [float(group[x].min()) / 1.6, float(group[x].max()) * 1.6]
        axis.plot(ends, [float(str(level))] * 2, **theme.CHANCE, zorder=1)


def _looks(rows: pd.DataFrame) -> dict[str, style.Look]:
    """Colour and marker by family; other variants than zero-shot change line and marker."""
    families, variants = style.family_looks(rows["family"]), style.variant_looks(rows["variant"])
    places = {variant: place for place, variant in enumerate(variants)}
    pairs = sorted(
        set(zip(rows["family"], rows["variant"], strict=True)),
        key=lambda pair: (pair[0], places[pair[1]]),
    )
    return {
        f"{family}, {variant}": families[family]
        if variant == MAIN
        else style.Look(families[family].colour, variants[variant].marker, variants[variant].line)
        for family, variant in pairs
    }


def _accuracy_axis(axis: Axes, table: pd.DataFrame) -> None:
    values = table[["value", "low", "high", "chance"]].to_numpy()
    low = max(math.floor(10 * np.nanmin([*values.flat, 0.3]) - 0.1), 0)
    high = min(math.ceil(10 * np.nanmax([*values.flat, 0.6]) + 0.1), 10)
    axis.set_ylim(low / 10, high / 10)
    axis.yaxis.set_major_locator(FixedLocator([tick / 10 for tick in range(low, high + 1)]))
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _remark(rows: pd.DataFrame) -> str:
    """What a legend says of a curve that one of the panels does not show, or not all of."""
    unknown = rows["training_flops"].isna()
    if unknown.any():
        return ", only in b" if unknown.all() else ", some only in b"
    return ", only in a" if len(rows) > 1 and rows["parameters"].nunique() == 1 else ""


def _entries(table: pd.DataFrame, looks: panels.Looks) -> list[Line2D]:
    ours = table[table["kind"] == "mean"]
    entries = []
    for series, rows in ours.groupby(panels.name_series(ours)):
        label = tables.variant_label(str(series), rows["protocol"].iloc[0])
        entries.append((str(series), label + _remark(rows)))
    entries.sort(key=lambda entry: list(looks).index(entry[0]))
    theirs = [(f"{name}, {MAIN}", f"{name}, published zero-shot") for name in SERIES]
    entries += [(series, label) for series, label in theirs if series in looks]
    stars = tables.flagged(ours, tables.PUBLISHED_POINT).any()
    return [
        *(theme.entry(label, looks[series]) for series, label in entries),
        *([panels.published_entry()] if stars else []),
        *panels.chance_entry(table),
    ]
