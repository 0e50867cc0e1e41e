"""What the figures of the literature share: series in front and behind, their axis and legend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn.objects as so
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ushaped.figures import panels, style, theme
from ushaped.figures.marks import Curves
from ushaped.results import tables
from ushaped.results.numbers import zetta
from ushaped.terms import PUBLISHED

LEAD = "PaLM"
ZETTA = "Training compute (zettaFLOPs)"
MARKERS = ("series", "task", "metric", "value", "direction", "protocol", "source", "note")

# Lines of the second and third source of a family.
BROKEN: tuple[style.Line, ...] = ((0, (2.4, 1.0)), (0, (0.8, 0.8)))

ENDS = {"ymin": "low", "ymax": "high"}

# Whether the series of a family and source is one that the figure is about.
Front = Callable[[str, str], bool]


def read_markers(path: str | Path) -> pd.DataFrame:
    """Read ``markers.csv``: published results of models whose training compute is not known."""
    return tables.read(path, MARKERS)


def order(names: Iterable[str]) -> list[str]:
    """Sort series as their looks are listed, others after them by name."""
    known = {name: place for place, name in enumerate(style.FAMILIES)}
    return sorted(set(names), key=lambda name: (known.get(name, len(known)), name))


def leads(family: str, source: str) -> bool:
    return source == "published" and family == LEAD


def series_looks(rows: pd.DataFrame) -> dict[str, style.Look]:
    """Look of each curve, by its family and source.

    A family that answered the items of several sources has another line for each after the first.
    """
    looks: dict[str, style.Look] = {}
    for family, look in style.family_looks(rows["family"]).items():
        sources = set(rows.loc[rows["family"] == family, "source"])
        measured = sorted(sources - {PUBLISHED})
        for source in sources:
            place = measured.index(source) if source in measured else 0
            line = BROKEN[place - 1] if place else look.line
            looks[f"{family} {source}"] = replace(look, line=line)
    return looks


def all_series(
    axis: Axes,
    rows: pd.DataFrame,
    front: Front = leads,
    looks: Mapping[str, style.Look] | None = None,
    y: str = "value",
) -> None:
    """Draw rows of ``tables.CURVE`` against compute: thick with intervals in front, thin behind.

    ``looks`` are those of `series_looks`, by default of these rows.
    """
    looks = looks or series_looks(rows)
    rows = rows.dropna(subset=["training_flops", y])
    rows = rows.assign(curve=rows["family"] + " " + rows["source"])
    by_curve = {curve: looks[curve] for curve in rows["curve"].unique()}
    in_front = np.array([*map(front, rows["family"], rows["source"])], bool)
    ahead, behind = rows[in_front], rows[~in_front]
    thin = Curves(looks=by_curve, linewidth=0.9, pointsize=3.6, alpha=0.6)
    thick = Curves(looks=by_curve, linewidth=2.4, pointsize=5.5)
    layers = [(thin, behind, {}), (so.Range(linewidth=1.7), ahead, ENDS), (thick, ahead, {})]
    if "flags" in ahead:
        signs = ("color", "marker")
        hollow = Curves(looks=by_curve, parts=signs, pointsize=5.5, edgewidth=1.2, **panels.HOLLOW)
        layers.append((hollow, ahead[panels.is_constant(ahead)], {}))
    theme.draw_layers(axis, by_curve, "curve", layers, x="training_flops", y=y)


def zetta_axis(axis: Axes, flops: pd.Series, most: int = 7) -> None:
    """Make the horizontal axis logarithmic, counted in zettaFLOPs."""
    theme.log_axis(axis, style.limits(flops.dropna().tolist()), zetta, most, ZETTA)


def entries(rows: pd.DataFrame, front: Front = leads) -> list[Line2D]:
    """Legend entries of the series, those in front first, and of chance where it is known.

    A family that was run here is named with the source of its items.
    """
    looks = series_looks(rows)
    place = {family: place for place, family in enumerate(order(rows["family"]))}
    series = set(zip(rows["family"], rows["source"], strict=True))
    handles = [
        theme.entry(
            family if source == "published" else f"{family}, {source} items",
            looks[f"{family} {source}"],
            linewidth=2.4 if front(family, source) else 0.9,
        )
        for family, source in sorted(series, key=lambda s: (not front(*s), place[s[0]], s[1]))
    ]
    return handles + panels.constant_entry(rows) + panels.chance_entry(rows)
