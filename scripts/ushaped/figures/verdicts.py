"""The verdict matrix: editions of tasks by variants, each cell a shape: symbol, word, colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ushaped.figures import style
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PUBLISHED = "PaLM"
COLUMNS = [
    "column",
    "family",
    "source",
    "task",
    "variant",
    "protocol",
    "metric",
    "equivalent",
    "literal",
    "probability",
    "recovery",
    "sizes",
    "flags",
]


def table(metrics: pd.DataFrame, shapes: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Collect the verdicts of our families, and those of the published PaLM series on their tasks.

    Returns
    -------
    DataFrame
        One row per verdict; ``column`` counts the matrix's columns from 0, published ones last,
        which are drawn beside every edition of their task; ``probability`` is the share of
        bootstrap draws with the verdict ``equivalent``.
    """
    theirs = (shapes["source"] == "published") & (shapes["family"] == PUBLISHED)
    everywhere = ~shapes["variant"].map(style.variant_kind).isin(style.LEFT_OUT)
    ours = (shapes["source"] != "published") & everywhere
    shared = shapes["task"].isin(shapes.loc[ours, "task"]) if ours.any() else theirs
    rows = shapes[ours | (theirs & shared)]
    variants = {v: i for i, v in enumerate(style.order_variants(rows["variant"]))}
    rows = rows.assign(
        probability=[tables.verdict_probability(row) for _, row in rows.iterrows()],
        _published=rows["source"] == "published",
        _variant=rows["variant"].map(variants),
    )
    keys = ["_published", "family", "_variant"]
    places = rows[keys].drop_duplicates().sort_values(keys).reset_index(drop=True)
    places["column"] = range(len(places))
    rows = rows.merge(places, on=keys)
    tasks = {t: i for i, t in enumerate(tables.order_tasks(rows["task"]))}
    rows = rows.assign(_task=rows["task"].map(tasks)).sort_values(["column", "_task", "source"])
    return rows[COLUMNS].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw the matrix."""
    with style.context():
        found = tables.editions(table) or _published_only(table)
        count = int(table["column"].max()) + 1 if len(table) else 1
        width = max(10.2, 2.2 + 1.55 * count)
        drawn = Figure(figsize=(width, 1.2 + 0.58 * len(found)), layout="constrained")
        matrix(drawn.subplots(), table, found, count)
        return drawn


def _published_only(table: pd.DataFrame) -> list[tables.Edition]:
    """Rows where nothing was run here: the published tasks, which are on official items."""
    return [tables.Edition("official", task) for task in tables.order_tasks(table["task"])]


def matrix(axis: Axes, table: pd.DataFrame, found: Sequence[tables.Edition], count: int) -> None:
    """Draw the cells and their headings on one axis.

    Parameters
    ----------
    axis : Axes
        Where to draw; its frame is removed.
    table : DataFrame
        As made by `table`.
    found : sequence of Edition
        Rows from top to bottom.
    count : int
        Number of columns.
    """
    heights = _heights(found)
    one_source = tables.title_of_items(found)
    left = _positions(table, count)
    for _, cell in table.iterrows():
        for one, y in heights.items():
            if cell["task"] == one.task and cell["source"] in (one.source, "published"):
                _cell(axis, cell, left[int(cell["column"])], y)
    for one, y in heights.items():
        weight = "bold" if one.task == tables.AVERAGE else "normal"
        axis.text(-0.08, y, one.task, ha="right", va="center", fontsize=9, fontweight=weight)
        if not one_source:
            _small(axis, -0.08, y + 0.29, f"{one.source} items", ha="right")
    _small(axis, -0.08, -0.66, one_source, ha="right")
    for column, heading in _headings(table).items():
        top, below = heading
        x = left[column] + 0.5
        axis.text(x, -0.98, top, ha="center", va="center", fontsize=9, fontweight="bold")
        axis.text(x, -0.66, below, ha="center", va="center", fontsize=8, color=style.MUTED)
    axis.set_xlim(-1.35, max(left.values(), default=0) + 1.02)
    axis.set_ylim(max(heights.values(), default=0) + 0.55, -1.25)
    axis.axis("off")


def _heights(found: Sequence[tables.Edition]) -> dict[tables.Edition, float]:
    """Vertical position of each row; the averages stand a little apart."""
    return {one: i + (0.2 if one.task == tables.AVERAGE else 0.0) for i, one in enumerate(found)}


def _positions(table: pd.DataFrame, count: int) -> dict[int, float]:
    """Horizontal position of each column, with a gap between families."""
    family = dict(zip(table["column"], table["family"], strict=True))
    left, shift = {}, 0.0
    for column in range(count):
        if column and family.get(column) != family.get(column - 1):
            shift += 0.14
        left[column] = column + shift
    return left


def _headings(table: pd.DataFrame) -> dict[int, tuple[str, str]]:
    several = table.loc[table["source"] != "published", "family"].nunique() > 1
    headings = {}
    for column, rows in table.groupby("column"):
        first = rows.iloc[0]
        published = first["source"] == "published"
        name = f"{first['family']}, published" if published else str(first["variant"])
        if several and not published:
            name = f"{first['family']} {name}"
        below = f"{first['protocol']} protocol"
        if published:
            below = f"{first['variant']}, {first['protocol']}"
        headings[int(str(column))] = (name, below)
    return headings


def _cell(axis: Axes, cell: pd.Series, x: float, y: float) -> None:
    shape = str(cell["equivalent"])
    colour = style.SHAPE_COLOURS.get(shape, style.PAPER)
    axis.add_patch(
        Rectangle((x + 0.02, y - 0.45), 0.96, 0.9, facecolor=colour, alpha=0.16, linewidth=0)
    )
    if shape in style.SHAPE_CURVES:
        points = style.SHAPE_CURVES[shape]
        axis.plot(
            [x + 0.08 + 0.13 * px for px, _ in points],
            [y + 0.2 - 0.4 * py for _, py in points],
            color=colour,
            linewidth=2.4,
            solid_capstyle="round",
        )
    below = _evidence(cell)
    top = y - 0.13 * len(below)
    axis.text(x + 0.28, top, shape or "none", va="center", fontsize=9)
    for place, text in enumerate(below):
        _small(axis, x + 0.28, top + 0.29 + 0.24 * place, text)


def _small(axis: Axes, x: float, y: float, text: str, **settings: Any) -> None:
    axis.text(x, y, text, va="center", fontsize=7, color=style.MUTED, **settings)


def _evidence(cell: pd.Series) -> list[str]:
    """Small lines of a cell: probability, and the literal rule's verdict where it differs."""
    lines = []
    if pd.notna(cell["probability"]):
        lines.append(tables.say_probability(cell["probability"]))
    if cell["literal"] and cell["literal"] != cell["equivalent"]:
        lines.append(f"literal {cell['literal']}")
    if "one-size" in str(cell["flags"]):
        lines.append("one size")
    return lines
