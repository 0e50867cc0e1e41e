"""The verdict matrix: editions of tasks by variants, each cell a shape: symbol, word, colour."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ushaped.figures import style, theme
from ushaped.figures.matrix import name_columns, name_rows, shape_matrix
from ushaped.results import tables
from ushaped.results.numbers import draws
from ushaped.variants import order_variants

TITLE = "verdict by task and prompt variant"
CAPTION = """\
The shape of every scaling curve, by task and prompt variant: U-shaped, inverse, positive,
inverted-U or flat under the published-equivalent rule, with the share of bootstrap draws that give
it.
Below it the verdict of the literal rule, where it differs; prompt variants that only some tasks
have are left out; the last column judges the published PaLM results, on official items, by the same
rule.
"""
PUBLISHED = "PaLM"
COLUMNS = ["column", "family", "source", "task", "variant", "protocol", "metric"]
COLUMNS += ["equivalent", "literal", "probability", "recovery", "sizes", "flags"]


def table(shapes: pd.DataFrame) -> pd.DataFrame:
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
    variants = {v: i for i, v in enumerate(order_variants(rows["variant"]))}
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
    with theme.theme():
        # Where nothing was run here, the published tasks, which are on official items.
        found = tables.editions(table) or [
            tables.Edition("official", task) for task in tables.order_tasks(table["task"])
        ]
        items = tables.title_of_items(found)
        headings = _headings(table)
        size = (max(10.2, 2.2 + 1.55 * len(headings)), 1.2 + 0.58 * len(found))
        drawn = Figure(figsize=size, layout="constrained")
        axis = drawn.subplots()
        cells = _beside_each_edition(table, found).set_index(["source", "task", "column"])
        shapes, details = (
            cells[name].unstack().reindex(index=found, columns=list(headings))
            for name in ("equivalent", "details")
        )
        # Beside a task that has no published curve nothing is written.
        published = sorted(set(table.loc[table["source"] == "published", "column"]))
        details[published] = details[published].fillna("")
        shape_matrix(axis, shapes, details)
        name_rows(
            axis,
            [(edition.task, "" if items else f"{edition.source} items") for edition in found],
            bold=tables.AVERAGE,
        )
        name_columns(axis, [("", items), *headings.values()])
        _separate(axis, table, found)
        axis.set_xlim(-1.35, len(headings) + 0.02)
        axis.set_ylim(len(found) + 0.05, -0.8)
        return drawn


def _separate(axis: Axes, table: pd.DataFrame, found: list[tables.Edition]) -> None:
    """Leave room between families, and above the average."""
    families = table.drop_duplicates("column").sort_values("column")["family"].to_list()
    for column, (left, right) in enumerate(pairwise(families), start=1):
        if left != right:
            axis.axvline(column, color=style.PAPER, linewidth=14)
    for row, edition in enumerate(found):
        if edition.task == tables.AVERAGE and row:
            axis.axhline(row, color=style.PAPER, linewidth=9)
            break


def _beside_each_edition(table: pd.DataFrame, found: list[tables.Edition]) -> pd.DataFrame:
    """The cells, published ones once for each edition of their task; with their small lines."""
    published = table["source"] == "published"
    copies = pd.DataFrame(found, columns=["source", "task"]).merge(
        table[published].drop(columns="source"), on="task"
    )
    cells = pd.concat([table[~published], copies], ignore_index=True)
    return cells.assign(details=[_details(cell) for _, cell in cells.iterrows()])


def _details(cell: pd.Series) -> str:
    """Share of draws, and the literal rule's verdict where it differs."""
    lines = [draws(cell["probability"])]
    if cell["literal"] != cell["equivalent"]:
        lines.append(f"literal {cell['literal']}" if cell["literal"] else "")
    return "\n".join(filter(None, lines))


def _headings(table: pd.DataFrame) -> dict[int, tuple[str, str]]:
    several = table.loc[table["source"] != "published", "family"].nunique() > 1
    headings = {}
    for column in table["column"].unique():
        rows = table[table["column"] == column]
        first = rows.iloc[0]
        protocol = tables.shared_protocol(rows["protocol"])
        name, below = str(first["variant"]), f"{protocol} protocol"
        if first["source"] == "published":
            name = f"{first['family']}, published"
            below = f"{first['variant']}, {first['protocol']}"
        elif several:
            name = f"{first['family']} {name}"
        headings[int(column)] = (name, below)
    return headings
