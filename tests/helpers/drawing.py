"""Draw figures of made-up tables, and look inside them."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from ushaped.figures import entries
from ushaped.results import tables


def make(name: str, inputs: dict[str, Any], **options: str) -> tuple[pd.DataFrame, Figure]:
    """The table of a figure and what is drawn of it."""
    entry = entries()[name]
    table = tables.rounded(entry.make_table(inputs, **options))
    return table, entry.module().figure(table)


def in_sight(text: Text) -> bool:
    """Whether a text is on the page: tick labels beyond the limits are not."""
    axis = text.axes
    if axis is None or text not in axis.get_xticklabels() + axis.get_yticklabels():
        return True
    low, high = sorted(axis.get_xlim() if text in axis.get_xticklabels() else axis.get_ylim())
    at = text.get_position()[0 if text in axis.get_xticklabels() else 1]
    return axis.axison and low <= at <= high
