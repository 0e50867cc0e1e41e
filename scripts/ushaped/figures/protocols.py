"""Verdicts by way of asking: tasks by variants, one block per family, changed verdicts framed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ushaped.figures import style
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = [
    "family",
    "source",
    "task",
    "variant",
    "protocol",
    "equivalent",
    "p",
    "flips",
    "settled",
]
# Frames of verdicts that differ from zero-shot's: line style by whether that is settled.
FRAMES: dict[str, Any] = {"yes": "-", "no": (0, (2.2, 1.6))}
CELL_WIDTH, CELL_HEIGHT = 1.16, 0.47


def read(path: str | Path) -> pd.DataFrame:
    """Read ``protocols.csv``."""
    return tables.read_protocols(path)


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Collect the cells of the matrices, in reading order.

    Parameters
    ----------
    found : DataFrame
        The table of `ushaped.results.tables.read_protocols`.
    """
    variants = {v: i for i, v in enumerate(style.order_variants(found["variant"]))}
    tasks = {t: i for i, t in enumerate(tables.order_tasks(found["task"]))}
    keyed = found.assign(_task=found["task"].map(tasks), _variant=found["variant"].map(variants))
    ordered = keyed.sort_values(["family", "_task", "source", "_variant"], kind="stable")
    return ordered[COLUMNS].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one block per family, with the protocol of each column above it."""
    with style.context():
        blocks = [rows for _, rows in table.groupby("family", sort=True)]
        columns = max((rows["variant"].nunique() for rows in blocks), default=1)
        lines = [len(_lines(rows)) + 2.2 for rows in blocks]
        drawn = Figure(
            figsize=(max(7.0, 2.3 + CELL_WIDTH * columns), CELL_HEIGHT * sum(lines) + 0.5),
            layout="constrained",
        )
        axes = drawn.subplots(max(1, len(blocks)), 1, squeeze=False, height_ratios=lines or None)[
            :, 0
        ]
        for axis, rows in zip(axes, blocks, strict=False):
            _block(axis, rows, columns)
        drawn.legend(handles=_entries(table), loc="outside lower center", ncols=3)
        return drawn


def _lines(rows: pd.DataFrame) -> list[tables.Edition]:
    """Rows of a block from top to bottom."""
    pairs = dict.fromkeys(zip(rows["source"], rows["task"], strict=True))
    return [tables.Edition(*pair) for pair in pairs]


def _block(axis: Axes, rows: pd.DataFrame, columns: int) -> None:
    lines = {line: place for place, line in enumerate(_lines(rows))}
    variants = {v: i for i, v in enumerate(style.order_variants(rows["variant"]))}
    one_source = tables.title_of_items(lines)
    for (source, task), y in lines.items():
        weight = "bold" if task == tables.AVERAGE else "normal"
        axis.text(-0.1, y, task, ha="right", va="center", fontsize=9, fontweight=weight)
        if not one_source:
            _small(axis, -0.1, y + 0.33, f"{source} items", ha="right")
    family = str(rows["family"].iloc[0])
    axis.text(-0.1, -1.1, family, ha="right", va="center", fontsize=9.5, fontweight="bold")
    _small(axis, -0.1, -0.75, one_source, ha="right")
    protocols = dict(zip(rows["variant"], rows["protocol"], strict=True))
    for variant, x in variants.items():
        name: dict[str, Any] = {"ha": "center", "va": "center"}
        axis.text(x + 0.5, -0.75, variant, fontsize=9, fontweight="bold", **name)
        axis.text(x + 0.5, -1.1, protocols[variant], fontsize=8, color=style.MUTED, **name)
    cells = {(c["source"], c["task"], c["variant"]): c for _, c in rows.iterrows()}
    for line, y in lines.items():
        for variant, x in variants.items():
            cell = cells.get((*line, variant))
            if cell is None:
                _small(axis, x + 0.5, y, "not run", ha="center")
            else:
                _cell(axis, cell, x, y)
    axis.set_xlim(-1.75, columns + 0.05)
    axis.set_ylim(len(lines) - 0.4, -1.4)
    axis.axis("off")


def _cell(axis: Axes, cell: pd.Series, x: float, y: float) -> None:
    shape = str(cell["equivalent"])
    colour = style.SHAPE_COLOURS.get(shape, style.GRID)
    axis.add_patch(
        Rectangle((x + 0.03, y - 0.44), 0.94, 0.88, facecolor=colour, alpha=0.16, linewidth=0)
    )
    if cell["flips"] == "yes":
        line = FRAMES[str(cell["settled"])]
        axis.add_patch(
            Rectangle(
                (x + 0.03, y - 0.44),
                0.94,
                0.88,
                fill=False,
                edgecolor=style.INK,
                linewidth=1.6,
                linestyle=line,
            )
        )
    if shape in style.SHAPE_CURVES:
        axis.plot(
            [x + 0.1 + 0.13 * px for px, _ in style.SHAPE_CURVES[shape]],
            [y + 0.2 - 0.4 * py for _, py in style.SHAPE_CURVES[shape]],
            color=colour,
            linewidth=2.2,
            solid_capstyle="round",
        )
    said = tables.say_probability(cell["p"])
    axis.text(x + 0.31, y - (0.15 if said else 0), shape or "one size", va="center", fontsize=8.5)
    _small(axis, x + 0.31, y + 0.2, said)


def _small(axis: Axes, x: float, y: float, text: str, **settings: Any) -> None:
    if text:
        axis.text(x, y, text, va="center", fontsize=7, color=style.MUTED, **settings)


def _entries(table: pd.DataFrame) -> list[Line2D]:
    said = {
        "yes": "differs from zero-shot, both verdicts sure (p ≥ 0.9)",
        "no": "differs from zero-shot, not settled",
    }
    present = set(table.loc[table["flips"] == "yes", "settled"])
    return [
        Line2D([], [], color=style.INK, linewidth=1.6, linestyle=FRAMES[settled], label=text)
        for settled, text in said.items()
        if settled in present
    ]
