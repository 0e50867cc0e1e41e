"""Look inside a drawn figure."""

from __future__ import annotations

from matplotlib.text import Text


def in_sight(text: Text) -> bool:
    """Whether a text is on the page: tick labels beyond the limits are not."""
    axis = text.axes
    if axis is None or text not in axis.get_xticklabels() + axis.get_yticklabels():
        return True
    low, high = sorted(axis.get_xlim() if text in axis.get_xticklabels() else axis.get_ylim())
    at = text.get_position()[0 if text in axis.get_xticklabels() else 1]
    return axis.axison and low <= at <= high
