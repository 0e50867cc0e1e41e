"""A matrix of shapes: a tinted heat map; each cell holds its shape's curve, name and details."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgba

from ushaped.figures import style

TINT = 0.16


def shape_matrix(axis: Axes, shapes: pd.DataFrame, details: pd.DataFrame) -> None:
    """Draw the cells; rows and columns are named by `name_rows` and `name_columns`.

    Parameters
    ----------
    axis : Axes
        Cell (row, column) covers the unit square from (column, row), rows counted downwards.
    shapes, details : DataFrame
        Alike in rows and columns: the shape of each cell, NaN where nothing was run, and what is
        written below its name, "" for nothing; alone where there is no shape. A cell with
        the shape "" has one size.
    """
    known = ["", *style.SHAPE_COLOURS]
    tints = [to_rgba(style.GRID), *(to_rgba(c, TINT) for c in style.SHAPE_COLOURS.values())]
    codes = shapes.apply(lambda column: column.map(known.index, na_action="ignore")).astype(float)
    sns.heatmap(
        codes,
        cmap=ListedColormap(tints),
        vmin=-0.5,
        vmax=len(known) - 0.5,
        cbar=False,
        linewidths=4,
        linecolor=style.PAPER,
        xticklabels=False,
        yticklabels=False,
        ax=axis,
    )
    axis.set(xlabel="", ylabel="")
    cells = np.ndenumerate(shapes.to_numpy())
    for ((y, x), shape), detail in zip(cells, details.to_numpy().flat, strict=True):
        _cell(axis, x, y, shape, detail)


def _cell(axis: Axes, x: float, y: float, shape: str | float, detail: str | float) -> None:
    if not isinstance(shape, str):
        small(axis, x + 0.5, y + 0.5, detail if isinstance(detail, str) else "not run", ha="center")
        return
    curve = style.SHAPE_CURVES.get(shape, ())
    axis.plot(
        [x + 0.1 + 0.13 * at for at, _ in curve],
        [y + 0.7 - 0.4 * height for _, height in curve],
        color=style.SHAPE_COLOURS.get(shape),
        linewidth=2.2,
        solid_capstyle="round",
    )
    lines = str(detail).split("\n") if detail else []
    top = y + 0.5 - 0.14 * len(lines)
    axis.text(x + 0.31, top, shape or "one size", va="center", fontsize=8.5)
    for number, line in enumerate(lines):
        small(axis, x + 0.31, top + 0.32 + 0.24 * number, line)


def name_rows(axis: Axes, names: Sequence[tuple[str, str]], bold: str = "") -> None:
    """Write a name and a small remark left of each row; the name ``bold`` in bold."""
    for row, (name, remark) in enumerate(names):
        weight = "bold" if name == bold else "normal"
        axis.text(-0.1, row + 0.5, name, ha="right", va="center", fontsize=9, fontweight=weight)
        small(axis, -0.1, row + 0.83, remark, ha="right")


def name_columns(axis: Axes, names: Sequence[tuple[str, str]]) -> None:
    """Write a name and a muted remark above each column, from position -1 (the rows' names) on."""
    for column, (name, remark) in enumerate(names, start=-1):
        x, side = (-0.1, "right") if column < 0 else (column + 0.5, "center")
        axis.text(x, -0.6, name, ha=side, va="center", fontsize=9, fontweight="bold")
        axis.text(x, -0.25, remark, ha=side, va="center", fontsize=8, color=style.MUTED)


def small(axis: Axes, x: float, y: float, text: str, ha: str = "left") -> None:
    """Write a muted remark, centred vertically."""
    if text:
        axis.text(x, y, text, ha=ha, va="center", fontsize=7, color=style.MUTED)
