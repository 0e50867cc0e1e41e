"""Draw figures of made-up tables, and look inside them."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from ushaped.figures import entries, theme
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


def overlapping_labels(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts of a figure that overlap by more than the empty rim of their boxes."""
    canvas = FigureCanvasAgg(figure)
    with theme.theme():
        canvas.draw()
    renderer = canvas.get_renderer()
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts if in_sight(t)]
    return [
        (first, second)
        for (first, a), (second, b) in combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) >= 2 and min(a.y1, b.y1) - max(a.y0, b.y0) >= 2
    ]
