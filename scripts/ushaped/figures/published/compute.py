"""Parameters and training compute of every published model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ushaped.figures import panels, style
from ushaped.figures.published import parts
from ushaped.results.tables import CHANCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    with style.context():
        drawn = Figure(figsize=(10.2, 5.2), layout="constrained")
        axis = drawn.subplots()
        parts.zetta_axis(axis, table["training_flops"])
        _parameter_axis(axis, table["parameters"])
        _token_lines(axis)
        groups = same_models(table)
        looks = style.family_looks(table["family"])
        for first in groups:
            rows = table[table["family"] == first].assign(value=table["parameters"])
            parts.series(
                axis, rows.assign(low=math.nan, high=math.nan), looks[first], front=_leads(first)
            )
        handles = [
            panels.entry(
                "\n= ".join([first, *others]),
                color=looks[first].colour,
                marker=looks[first].marker,
                linestyle=looks[first].line,
            )
            for first, others in groups.items()
        ]
        drawn.legend(handles=handles, loc="outside right upper", handlelength=3.2)
        return drawn


def same_models(table: pd.DataFrame) -> dict[str, list[str]]:
    """Series by the one that holds all their models: tuned models keep size and compute."""
    models = {
        name: set(zip(rows["parameters"], rows["training_flops"], strict=True))
        for name, rows in ((str(name), rows) for name, rows in table.groupby("family"))
    }
    groups: dict[str, list[str]] = {}
    for name in parts.order(models):
        holder = next((first for first in groups if models[name] <= models[first]), None)
        if holder is None:
            groups[name] = []
        else:
            groups[holder].append(name)
    return groups


def _leads(name: str) -> bool:
    return name == parts.LEAD


def _parameter_axis(axis: Axes, parameters: pd.Series) -> None:
    low, high = parameters.min() / 1.5, parameters.max() * 1.3
    axis.set_yscale("log")
    axis.set_ylim(low, high)
    axis.yaxis.set_major_locator(FixedLocator(style.decade_ticks(low, high, most=8)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.metric_prefix(value)))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_ylabel("Parameters")


def _token_lines(axis: Axes) -> None:
    """Draw FLOPs = 6 N D for some numbers of tokens, each named where it meets the upper edge."""
    (left, right), top = axis.get_xlim(), axis.get_ylim()[1]
    for tokens in TOKENS:
        axis.plot(
            [left, right],
            [left / (6 * tokens), right / (6 * tokens)],
            color=style.MUTED,
            linewidth=0.8,
            linestyle=(0, (1, 2)),
            zorder=1,
        )
        if left < 6 * tokens * top < right:
            _name(axis, 6 * tokens * top, style.metric_prefix(tokens), ha="center")
    _name(axis, 6 * TOKENS[0] * top / 1.6, "lines of equal training tokens:", ha="right")


def _name(axis: Axes, x: float, text: str, ha: str) -> None:
    axis.annotate(
        text,
        (x, axis.get_ylim()[1]),
        xytext=(0, 3),
        textcoords="offset points",
        ha=ha,
        fontsize=8,
        color=style.MUTED,
        annotation_clip=False,
    )
