"""Points of the literature: one value of one published model on one task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ushaped.errors import UserError
from ushaped.shapes.read import number, read_rows

CHANCE = "chance"
UNKNOWN_SIZE = "?"
REVERSED = "reverses the trend"
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


def read_points(path: Path) -> list[Point]:
    """Points of ``literature/series.csv``, without the chance level.

    Raises
    ------
    UserError
        With file and line, if a number is none.
    """
    columns = ("series", "size", "plotted_size", "parameters", "training_flops", "task", "metric")
    rows = read_rows(path, (*columns, "value", "k", "n"))
    return [
        Point(
            series=row["series"],
            size=row["size"],
            plotted_size=row["plotted_size"],
            parameters=number(path, row, "parameters"),
            flops=number(path, row, "training_flops"),
            task=row["task"],
            metric=row["metric"],
            value=number(path, row, "value"),
            k=int(number(path, row, "k")) if row["k"] else None,
            n=int(number(path, row, "n")) if row["n"] else None,
        )
        for row in rows
        if row["series"] != CHANCE
    ]


def read_chance(path: Path) -> dict[str, float]:
    """Chance level of each task, as a share of 1."""
    rows = read_rows(path, ("series", "task", "value"))
    return {row["task"]: number(path, row, "value") for row in rows if row["series"] == CHANCE}


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
