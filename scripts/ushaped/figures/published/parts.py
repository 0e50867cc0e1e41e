"""What the figures of the literature share: series before and behind, axes, legend, markers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.lines import Line2D

from ushaped.figures import panels, style
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAD = "PaLM"
ZETTA = "Training compute (zettaFLOPs)"
CHANCE: dict[str, Any] = {"color": style.MUTED, "linestyle": (0, (2, 2)), "linewidth": 1.1}

# Whether the series of a family and source is one that the figure is about.
Front = Callable[[str, str], bool]

MARKERS = ("series", "task", "metric", "value", "direction", "protocol", "source", "note")


def read_markers(path: str | Path) -> pd.DataFrame:
    """Read ``markers.csv``: published results of models whose training compute is not known."""
    return tables.read(path, MARKERS)


def order(names: Iterable[str]) -> list[str]:
    """Sort series as their looks are listed, others after them by name."""
    known = {name: place for place, name in enumerate(style.FAMILIES)}
    return sorted(set(names), key=lambda name: (known.get(name, len(known)), name))


def series(
    axis: Axes, rows: pd.DataFrame, look: style.Look, *, front: bool, x: str = "training_flops"
) -> None:
    """Draw one series: thick, on top and with its intervals in front, thin and pale behind.

    Parameters
    ----------
    axis : Axes
        Where to draw.
    rows : DataFrame
        One row per size, columns ``tables.CURVE``.
    look : Look
        Colour, marker, line style.
    front : bool
        Whether it is a series that the figure is about.
    x : str
        Column of the horizontal position.
    """
    rows = rows.dropna(subset=[x, "value"]).sort_values(x)
    if front:
        known = rows.dropna(subset=["low", "high"])
        axis.vlines(known[x], known["low"], known["high"], color=look.colour, zorder=5)
    axis.plot(
        rows[x].to_numpy(),
        rows["value"].to_numpy(),
        color=look.colour,
        marker=look.marker,
        linestyle=look.line,
        linewidth=2.4 if front else 0.9,
        markersize=5.5 if front else 3.6,
        alpha=1.0 if front else 0.6,
        zorder=6 if front else 3,
    )


def leads(family: str, source: str) -> bool:
    """Whether a series stands in front where nothing was run here: PaLM alone does."""
    return source == "published" and family == LEAD


def all_series(
    axis: Axes, rows: pd.DataFrame, front: Front = leads, looks: dict[str, style.Look] | None = None
) -> None:
    """Draw every series of some rows against training compute, those in front last.

    The looks are those of the families of all rows, where these are a part of them.
    """
    looks = looks or style.family_looks(rows["family"])
    for family, source in reversed(drawn_series(rows, front)):
        own = rows[(rows["family"] == family) & (rows["source"] == source)]
        series(axis, own, looks[family], front=front(family, source))


def drawn_series(rows: pd.DataFrame, front: Front) -> list[tuple[str, str]]:
    """Family and source of each series in the order of a legend: those in front first."""
    pairs = set(zip(rows["family"], rows["source"], strict=True))
    place = {family: place for place, family in enumerate(order(rows["family"]))}
    return sorted(pairs, key=lambda pair: (not front(*pair), place[pair[0]], pair[1]))


def zetta_axis(axis: Axes, flops: Iterable[float], label: str = ZETTA, most: int = 7) -> None:
    """Make the horizontal axis logarithmic, counted in zettaFLOPs."""
    panels.log_axis(axis, flops, label, style.zetta, most=most)


def entries(rows: pd.DataFrame, front: Front = leads) -> list[Line2D]:
    """Legend entries of series, those in front first; whose items it has, if run here."""
    looks = style.family_looks(rows["family"])
    return [
        panels.entry(
            family if source == "published" else f"{family}, {source} items",
            color=looks[family].colour,
            marker=looks[family].marker,
            linestyle=looks[family].line,
            linewidth=2.4 if front(family, source) else 0.9,
        )
        for family, source in drawn_series(rows, front)
    ]


def chance_entry(rows: pd.DataFrame) -> list[Line2D]:
    """The legend entry of the chance line, if any row has a chance level."""
    return [panels.entry("chance", **CHANCE)] if rows["chance"].notna().any() else []
