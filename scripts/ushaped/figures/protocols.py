"""Verdicts by prompt variant: tasks by variants, one block per family, changed verdicts framed."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ushaped.figures import style, theme
from ushaped.figures.matrix import name_columns, name_rows, shape_matrix
from ushaped.results import tables
from ushaped.results.numbers import draws
from ushaped.variants import order_variants

TITLE = "whether the prompt variant matters"
CAPTION = """\
The shape of every scaling curve by task and prompt variant, one block per family; above each column
its protocol.
A frame marks a verdict that differs from that of the baseline (zero-shot, or log-likelihoods after
the same prompt for written answers): solid where both verdicts are settled, given by at least 95 %
of the bootstrap draws, else dashed.
"""
COLUMNS = ["family", "source", "task", "variant", "protocol"]
COLUMNS += ["equivalent", "p", "flips", "settled"]
# Frames of verdicts that differ from the baseline's, by whether that is settled.
FRAMES: dict[str, tuple[Any, str]] = {
    "yes": ("-", "differs from the baseline, both verdicts in at least 95 % of draws"),
    "no": ((0, (2.2, 1.6)), "differs from the baseline, not settled"),
}
CELL_WIDTH, CELL_HEIGHT, HEADING = 1.24, 0.47, 0.9


def table(protocols: pd.DataFrame) -> pd.DataFrame:
    """Collect the cells of the matrices, in reading order."""
    orders = {"task": tables.order_tasks, "variant": order_variants}
    places = {
        f"_{name}": protocols[name].map({v: i for i, v in enumerate(order(protocols[name]))})
        for name, order in orders.items()
    }
    ordered = protocols.assign(**places).sort_values(
        ["family", "_task", "source", "_variant"], kind="stable"
    )
    return ordered[COLUMNS].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one block per family, with the protocol of each column above it."""
    with theme.theme():
        blocks = [rows for _, rows in table.groupby("family")]
        columns = max((rows["variant"].nunique() for rows in blocks), default=1)
        heights = [len(tables.editions(rows)) + HEADING for rows in blocks] or [1]
        size = (max(7.0, 2.3 + CELL_WIDTH * columns), CELL_HEIGHT * sum(heights) + 0.5)
        drawn = Figure(figsize=size, layout="constrained")
        axes = drawn.subplots(len(heights), squeeze=False, height_ratios=heights)[:, 0]
        for axis, rows in zip(axes, blocks, strict=False):
            _block(axis, rows)
            axis.set_xlim(-1.75, columns + 0.05)
        present = set(table.loc[table["flips"] == "yes", "settled"])
        handles = [
            theme.entry(words, color=style.INK, linewidth=1.6, linestyle=line)
            for settled, (line, words) in FRAMES.items()
            if settled in present
        ]
        drawn.legend(handles=handles, loc="outside lower center", ncols=2)
        return drawn


def _block(axis: Axes, rows: pd.DataFrame) -> None:
    editions = list(dict.fromkeys(zip(rows["source"], rows["task"], strict=True)))
    variants = order_variants(rows["variant"])
    cells = rows.assign(detail=rows["p"].map(draws))
    cells = cells.set_index(["source", "task", "variant"])
    shapes, details = (
        cells[name].unstack().reindex(index=editions, columns=variants)
        for name in ("equivalent", "detail")
    )
    shape_matrix(axis, shapes, details)
    items = tables.title_of_items(tables.Edition(*edition) for edition in editions)
    names = [(task, "" if items else f"{source} items") for source, task in editions]
    name_rows(axis, names, bold=tables.AVERAGE)
    protocols = rows.groupby("variant")["protocol"].agg(tables.shared_protocol)
    heads = [(variant, protocols[variant]) for variant in variants]
    name_columns(axis, [(str(rows["family"].iloc[0]), items), *heads])
    axis.set_ylim(len(editions) + 0.1, -HEADING)
    for cell in rows[rows["flips"] == "yes"].to_dict("records"):
        row = editions.index((cell["source"], cell["task"]))
        frame = {"edgecolor": style.INK, "linewidth": 1.6, "linestyle": FRAMES[cell["settled"]][0]}
        corner = (variants.index(cell["variant"]) + 0.03, row + 0.06)
        axis.add_patch(Rectangle(corner, 0.94, 0.88, fill=False, **frame))
