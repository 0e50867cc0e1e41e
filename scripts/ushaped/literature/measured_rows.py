"""Published points of a family: results of sizes whose weights are not to be had.

They stand beside the measured sizes of the family where they were measured in the same way: on the
official items, zero-shot, by the prize's own protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ushaped.errors import UserError
from ushaped.metrics.definitions import joined
from ushaped.metrics.intervals import wilson
from ushaped.metrics.table import Condition, Model, row_of
from ushaped.results.tables import read_published
from ushaped.results.text_files import Row
from ushaped.terms import AVERAGE, MAIN_VARIANT, OFFICIAL, PUBLISHED, TEN_TASKS

METRICS = ("accuracy", "sequence_loss")


@dataclass(frozen=True)
class Point:
    """One published result.

    Attributes
    ----------
    model : Model
        Without name and seed; what the series does not tell is None.
    metric : str
    value : float
    counted : bool
        Whether ``value`` is a share of ``n`` items.
    n : int
    """

    model: Model
    metric: str
    value: float
    counted: bool
    n: int


Points = dict[tuple[str, str], list[Point]]


def read_points(path: Path, wanted: Mapping[str, Mapping[str, Any]]) -> Points:
    """Read the points of each family and task.

    Parameters
    ----------
    path : Path
        ``literature/series.csv``.
    wanted : mapping of str to mapping
        By family, ``series`` and ``sizes`` there.
    """
    table = read_published(path)
    table = table[table["metric"].isin(METRICS) & (table["task"] != AVERAGE)]
    points: Points = {}
    for family, published in wanted.items():
        sizes = table["size"].isin(published["sizes"])
        for row in table[sizes & (table["series"] == published["series"])].to_dict("records"):
            points.setdefault((family, row["task"]), []).append(_point(family, row))
    return points


def _point(family: str, row: Mapping[Any, Any]) -> Point:
    model = Model(
        name="",
        family=family,
        size=row["size"],
        seed=None,
        parameters=int(row["parameters"]),
        non_embedding_parameters=None,
        training_tokens=None,
        training_flops=row["training_flops"],
    )
    counted = not np.isnan(row["k"])
    return Point(model, row["metric"], row["value"], counted, int(row["n"]))


def published_rows(condition: Condition, points: Points, chance: float | None) -> list[Row]:
    """Rows of the points of a condition; none unless its items and prompts are those of the points.

    Parameters
    ----------
    condition : Condition
    points : Points
    chance : float or None
        Of the measured sizes.

    Returns
    -------
    list of dict
        With the keys of the table; intervals are Wilson's, and empty where no count is known.

    Raises
    ------
    UserError
        If a point is of another number of items.
    """
    measured = (condition.source, condition.variant, condition.questions.protocol)
    if measured != (OFFICIAL, MAIN_VARIANT, OFFICIAL):
        return []
    rows = []
    for point in points.get((condition.models[0].family, condition.task), []):
        items = len(condition.questions.item)
        if point.n != items:
            raise UserError(
                f"{condition.where}, size {point.model.size}",
                f"its published result is of {point.n} items, those here are {items}",
                "take 'published' out of the family in the registry",
            )
        low, high = wilson(np.array(point.value), point.n) if point.counted else (None, None)
        rows.append(
            row_of(point.model, condition, point.metric)
            | {
                "value": point.value,
                "low": None if low is None else float(low),
                "high": None if high is None else float(high),
                "n": point.n,
                "chance": chance,
                "flags": PUBLISHED,
            }
        )
    return rows


def published_average(by_task: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Rows of the ten-task average of the sizes whose results on all ten tasks are published.

    Parameters
    ----------
    by_task : mapping of str to sequence of dict
        Rows of `published_rows`, of one family.

    Returns
    -------
    list of dict
        Without interval.
    """
    by_size: dict[object, dict[str, Row]] = {}
    for task, rows in by_task.items():
        for row in rows:
            by_size.setdefault(row["size"], {})[task] = row
    averages = []
    for of_size in by_size.values():
        if not set(TEN_TASKS) <= set(of_size):
            continue
        ten = [of_size[task] for task in TEN_TASKS]
        averages.append(
            ten[0]
            | {
                "task": AVERAGE,
                "modified": joined((str(row["modified"]) for row in ten), "; "),
                "value": float(np.mean([row["value"] for row in ten])),
                "low": None,
                "high": None,
                "n": sum(int(str(row["n"])) for row in ten),
                "chance": float(np.mean([row["chance"] for row in ten])),
            }
        )
    return averages
