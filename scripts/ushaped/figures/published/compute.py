"""Parameters and training compute of every published model."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ushaped.figures import style, theme
from ushaped.figures.published import parts
from ushaped.results.numbers import metric_prefix
from ushaped.results.tables import CHANCE
from ushaped.terms import PUBLISHED

TITLE = "parameters by compute of every model"
CAPTION = """\
Parameters against training compute of every published model; along a dotted line models saw equally
many training tokens, by FLOPs = 6 N D.
"""
TOKENS = (3e10, 1e11, 3e11, 1e12)
COLUMNS = ["family", "size", "parameters", "training_flops", "implied_tokens"]


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect one row per model, with the tokens D that its compute implies by FLOPs = 6 N D."""
    rows = published[published["series"] != CHANCE].drop_duplicates(["series", "size"])
    tokens = rows["training_flops"] / (6 * rows["parameters"])
    rows = rows.assign(family=rows["series"], implied_tokens=tokens)
    rows = rows.sort_values(["family", "training_flops"], kind="stable")
    return rows[COLUMNS].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw parameters against compute, with lines of equal numbers of training tokens."""
    groups, table = same_models(table), table.assign(source=PUBLISHED)
    looks = parts.series_looks(table)
    rows = table[table["family"].isin(list(groups))]
    with theme.theme():
        drawn = Figure(figsize=(10.2, 5.2), layout="constrained")
        axis = drawn.subplots()
        rows = rows.assign(low=math.nan, high=math.nan)
        parts.all_series(axis, rows, looks=looks, y="parameters")
        parts.zetta_axis(axis, table["training_flops"])
        limits = (table["parameters"].min() / 1.5, table["parameters"].max() * 1.3)
        axis.set(yscale="log", ylim=limits, ylabel="Parameters")
        ticks = style.decade_ticks(*limits, most=8)
        axis.set_yticks(ticks, [metric_prefix(tick) for tick in ticks])
        axis.minorticks_off()
        _token_lines(axis)
        handles = [
            theme.entry("\n= ".join([name, *others]), looks[f"{name} {PUBLISHED}"])
            for name, others in groups.items()
        ]
        drawn.legend(handles=handles, loc="outside right upper", handlelength=theme.HANDLE)
        return drawn


def same_models(table: pd.DataFrame) -> dict[str, list[str]]:
    """Series by the one that holds all their models: tuned models keep size and compute."""
    models = {
        str(name): set(zip(rows["parameters"], rows["training_flops"], strict=True))
        for name, rows in table.groupby("family")
    }
    groups: dict[str, list[str]] = {}
    for name in parts.order(models):
        holder = next((first for first in groups if models[name] <= models[first]), None)
        if holder is None:
            groups[name] = []
        else:
            groups[holder].append(name)
    return groups


def _token_lines(axis: Axes) -> None:
    """Draw FLOPs = 6 N D for some numbers of tokens, each named where it meets the upper edge."""
    (left, right), top = axis.get_xlim(), axis.get_ylim()[1]
    dotted: dict[str, Any] = {"color": style.MUTED, "linewidth": 0.8, "linestyle": (0, (1, 2))}
    names = [(6 * TOKENS[0] * top / 1.6, "lines of equal training tokens:", "right")]
    for tokens in TOKENS:
        axis.plot([left, right], [left / (6 * tokens), right / (6 * tokens)], **dotted, zorder=1)
        names.append((6 * tokens * top, metric_prefix(tokens), "center"))
    above: dict[str, Any] = {
        "xytext": (0, 3),
        "textcoords": "offset points",
        "annotation_clip": False,
    }
    for x, name, side in names:
        if left < x < right:
            axis.annotate(name, (x, top), **above, ha=side, fontsize=8, color=style.MUTED)
