"""Chinchilla less Gopher and less PaLM, task by task, where the shared range ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ushaped.figures import style
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COMPUTE, PARAMETERS = AXES = ("training_flops", "parameters")
TITLES = {COMPUTE: "a\u2002At equal training compute", PARAMETERS: "b\u2002At equal parameters"}


def read(path: str | Path) -> pd.DataFrame:
    """Read ``matching.csv``."""
    return tables.read_question(path)


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Keep the largest point of each comparison, of the tasks that accuracy judges."""
    rows = found[(found["largest"] == "yes") & (found["metric"] == "accuracy")]
    order = {task: place for place, task in enumerate(tables.order_tasks(rows["task"]))}
    keyed = rows.assign(_task=rows["task"].map(order))
    return (
        keyed.sort_values(["axis", "other", "_task"]).drop(columns="_task").reset_index(drop=True)
    )


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per axis: a row per task, a mark with its interval per series."""
    with style.context():
        drawn = Figure(figsize=(10.2, 5.4), layout="constrained")
        tasks = tables.order_tasks(table["task"])
        places = {task: float(place) for place, task in enumerate(tasks)}
        if tables.AVERAGE in places:
            places[tables.AVERAGE] += 0.3
        axes = drawn.subplots(1, len(AXES), sharey=True)
        for axis, name in zip(axes, AXES, strict=True):
            _panel(axis, table[table["axis"] == name], places)
            axis.set_title(TITLES[name])
        axes[0].set_yticks(list(places.values()), list(places))
        axes[0].set_ylim(max(places.values(), default=0.0) + 0.6, -0.6)
        return drawn


def _panel(axis: Axes, rows: pd.DataFrame, places: dict[str, float]) -> None:
    looks = style.family_looks(rows["other"])
    axis.axvline(0, color=style.MUTED, linewidth=1.1, zorder=1)
    for number, (other, look) in enumerate(looks.items()):
        own = rows[rows["other"] == other]
        at = [places[task] + 0.26 * (number - (len(looks) - 1) / 2) for task in own["task"]]
        axis.hlines(at, own["low"].to_numpy(), own["high"].to_numpy(), color=look.colour)
        axis.plot(
            own["difference"].to_numpy(),
            at,
            linestyle="none",
            marker=look.marker,
            color=look.colour,
            label=f"less {other}, at {_said(own)}",
        )
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _points(value)))
    axis.set_xlabel("Chinchilla less the other (percentage points of accuracy)")
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, -0.27))


def _points(share: float) -> str:
    """A difference in percentage points."""
    points = round(100 * share)
    return f"{points:+d}".replace("-", "−") if points else "0"


def _said(rows: pd.DataFrame) -> str:
    """Where a series is compared."""
    scale = float(rows["scale"].iloc[0])
    if rows["axis"].iloc[0] == COMPUTE:
        return f"{style.zetta(scale)} zettaFLOPs"
    return f"{style.metric_prefix(scale)} parameters"
