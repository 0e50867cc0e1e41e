"""Points of the literature: one value of one published model on one task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ushaped.errors import UserError
from ushaped.results.tables import CHANCE
from ushaped.results.text_files import number, read_rows

UNKNOWN_SIZE = "?"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Point:
    """One value of one published model.

    Attributes
    ----------
    series, size : str
        Whose model, and its size label, corrected where the source's was not consistent.
    plotted_size : str
        The size label at which the source draws the point; "?" where it draws none.
    parameters, flops : float
    task, metric : str
    value : float
        In the metric's own unit.
    k, n : int or None
        Right answers and items, where known.
    """

    series: str
    size: str
    plotted_size: str
    parameters: float
    flops: float
    task: str
    metric: str
    value: float
    k: int | None
    n: int | None


def points_of(published: pd.DataFrame) -> list[Point]:
    """Points of the published series, without the chance level.

    Parameters
    ----------
    published : DataFrame
        The table of `ushaped.results.tables.read_published`.
    """
    return [
        Point(
            series=row["series"],
            size=row["size"],
            plotted_size=row["plotted_size"],
            parameters=row["parameters"],
            flops=row["training_flops"],
            task=row["task"],
            metric=row["metric"],
            value=row["value"],
            k=_count(row["k"]),
            n=_count(row["n"]),
        )
        for row in published[published["series"] != CHANCE].to_dict("records")
    ]


def _count(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def chance_of(published: pd.DataFrame) -> dict[str, float]:
    """Chance level of each task, as a share of 1."""
    rows = published[published["series"] == CHANCE]
    return dict(zip(rows["task"], rows["value"], strict=True))


@dataclass(frozen=True)
class Human:
    """How often people agree with the answers of a task; ``agreement`` is None if unknown."""

    agreement: float | None
    source: str


def read_humans(path: Path) -> dict[str, Human]:
    """Human agreement of each task (``literature/humans.csv``).

    Raises
    ------
    UserError
        If a value is neither a share of 1 nor "unknown", or a share has no source.
    """
    humans = {}
    for row in read_rows(path, ("task", "agreement", "source")):
        where = f"{path}, line {row['line']}"
        if row["agreement"] == UNKNOWN:
            humans[row["task"]] = Human(None, row["source"])
            continue
        agreement = number(path, row, "agreement")
        if not 0 <= agreement <= 1 or not row["source"]:
            do = "give a share from 0 to 1 with its source, or 'unknown'"
            raise UserError(where, f"agreement {row['agreement']} is no sourced share", do)
        humans[row["task"]] = Human(agreement, row["source"])
    return humans


def series_names(points: Iterable[Point]) -> list[str]:
    """Names of the series in the order of the file."""
    return list(dict.fromkeys(point.series for point in points))
