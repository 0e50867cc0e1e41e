"""How deep a dip must be to be called U-shaped, against the number of items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from ushaped.figures import style
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# `dip` is the smallest fall that is called U-shaped with `probability`; empty if none tried is.
COLUMNS = ("family", "sizes", "n", "ratio", "dip", "probability")


def read(path: str | Path) -> pd.DataFrame:
    """Read ``power.csv``."""
    return tables.read(path, COLUMNS)


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Sort the rows as they are drawn: by ratio, family and number of items."""
    ordered = found.sort_values(["ratio", "family", "n"], kind="stable")
    return ordered[list(COLUMNS)].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per ratio of rise and fall, one line per family."""
    with style.context():
        ratios = sorted(set(table["ratio"]))
        drawn = Figure(figsize=(10.2, 3.9), layout="constrained")
        axes = drawn.subplots(1, max(1, len(ratios)), squeeze=False, sharey=True)[0]
        looks = style.family_looks(table["family"])
        top = 1.12 * table["dip"].max() if table["dip"].notna().any() else 1.0
        for place, (axis, ratio) in enumerate(zip(axes, ratios, strict=False)):
            _panel(axis, table[table["ratio"] == ratio], looks, top)
            axis.set_title(f"{chr(ord('a') + place)}\u2002{_said(ratio)}")
            _items_axis(axis, table["n"])
        axes[0].set_ylim(0, 1.06 * top)
        axes[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes[0].set_ylabel("smallest fall (points of accuracy)")
        handles, names = axes[0].get_legend_handles_labels()
        drawn.legend(handles, names, loc="outside lower center", ncols=4, handlelength=3.2)
        return drawn


def _said(ratio: float) -> str:
    """The ratio in words."""
    return "Rise as large as the fall" if ratio == 1 else f"Rise {ratio:.2g} times the fall"


def _panel(axis: Axes, rows: pd.DataFrame, looks: dict[str, style.Look], top: float) -> None:
    for family, look in looks.items():
        own = rows[rows["family"] == family]
        sizes = f"{own['sizes'].iloc[0]:.0f} sizes" if len(own) else ""
        axis.plot(
            own["n"].to_numpy(),
            own["dip"].to_numpy(),
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
            label=f"{family}, {sizes}",
        )
        # At the top, hollow: no fall that was tried is enough.
        never = own[own["dip"].isna()]
        axis.plot(
            never["n"].to_numpy(),
            [top] * len(never),
            linestyle="none",
            marker=look.marker,
            markerfacecolor="none",
            markeredgecolor=look.colour,
        )


def _items_axis(axis: Axes, items: pd.Series) -> None:
    present = sorted(set(items.astype(int)))
    axis.set_xscale("log")
    axis.set_xlim(*style.limits(present or [1, 10]))
    axis.xaxis.set_major_locator(FixedLocator(present))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("items")
