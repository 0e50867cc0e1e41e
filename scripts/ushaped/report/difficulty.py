"""The open question on difficulty groups, in words: how much of the effect is the selection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from ushaped.questions.difficulty import EASIEST, HARDEST
from ushaped.report.text import WhoseCurves, listing, plural
from ushaped.results import tables
from ushaped.results.numbers import is_missing, percent, signed
from ushaped.shapes.difficulty import GROUPINGS
from ushaped.terms import INVERTED_U, U_SHAPED

CURVES = ["family", "source", "variant", "protocol"]


@dataclass(frozen=True)
class Third:
    """One group of one task at the smallest size, under both groupings.

    ``same`` and ``cross`` are rows of the answer.
    """

    task: str
    group: str
    same: Mapping[str, Any]
    cross: Mapping[str, Any]


@dataclass(frozen=True)
class Difficulty(WhoseCurves):
    """The groups of all tasks of one family, source and variant."""

    thirds: list[Third]

    @property
    def difficulty_from(self) -> str:
        """Whose answers sort the items when cross-fitted."""
        return listing(sorted({third.cross["difficulty_from"] for third in self.thirds}))

    @property
    def uncounted(self) -> list[str]:
        """Tasks with groups whose chance level is not known."""
        return [third.task for third in self.of(HARDEST) if is_missing(third.same["chance"])]

    def of(self, group: str) -> list[Third]:
        """One group of every task."""
        return [third for third in self.thirds if third.group == group]

    @property
    def start(self) -> str:
        """On how many tasks the hardest items start below chance, in words."""
        counted = [third for third in self.of(HARDEST) if third.task not in self.uncounted]
        if not counted:
            return "the chance level of the groups is known for no task"
        same, cross, whole = (
            sum(row[high] < row["chance"] for row in rows)
            for rows, high in (
                ([third.same for third in counted], "high"),
                ([third.cross for third in counted], "high"),
                ([third.same for third in counted], "all_high"),
            )
        )
        return (
            f"the hardest third starts below chance on {same} of {plural(len(counted), 'task')} "
            f"with groups by the same models and on {cross} with cross-fitted groups; all items "
            f"together do on {whole}"
        )

    @property
    def gaps(self) -> str:
        """How far the outer groups lie from all items at the smallest size, in words."""
        return "; ".join(map(self._gap, (HARDEST, EASIEST)))

    def _gap(self, group: str) -> str:
        same, cross = (
            fmean(row["gap"] for row in rows)
            for rows in zip(*((third.same, third.cross) for third in self.of(group)), strict=True)
        )
        remaining = f" ({percent(cross / same, 0)} of it)" if same else ""
        return (
            f"{group} third {signed(same, 'accuracy')} points with groups by the same models and "
            f"{signed(cross, 'accuracy')} with cross-fitted groups{remaining}"
        )

    @property
    def turns(self) -> str:
        """How many outer groups have the shape that Wu and Lo report, in words."""
        return "; ".join(
            f"{group} third {shape} on {self._count(group, shape, 'same')} of "
            f"{plural(len(self.of(group)), 'task')} with groups by the same models and on "
            f"{self._count(group, shape, 'cross')} with cross-fitted groups"
            for group, shape in ((HARDEST, U_SHAPED), (EASIEST, INVERTED_U))
        )

    def _count(self, group: str, shape: str, grouping: str) -> int:
        return sum(getattr(third, grouping)["equivalent"] == shape for third in self.of(group))


def difficulties(table: pd.DataFrame | None) -> list[Difficulty]:
    """The groups at the smallest size of every family, source and variant."""
    if table is None or table.empty:
        return []
    # Rows of a curve stand smallest size first.
    starts = table.drop_duplicates([*CURVES, "task", "grouping", "group"])
    return [
        Difficulty(**dict(zip(CURVES, map(str, key), strict=True)), thirds=list(_thirds(rows)))
        for key, rows in starts.groupby(CURVES)
    ]


def _thirds(rows: pd.DataFrame) -> Iterator[Third]:
    by_name: dict[tuple[str, str, str], dict[str, Any]] = {
        (row["task"], row["group"], row["grouping"]): row
        for row in ({str(name): cell for name, cell in row.items()} for _, row in rows.iterrows())
    }
    for task in tables.order_tasks(rows["task"]):
        for group in (HARDEST, EASIEST):
            same, cross = (by_name[task, group, grouping] for grouping in GROUPINGS)
            yield Third(task, group, same, cross)


def describe_difficulty(table: pd.DataFrame | None) -> str:
    """What the figure shows, with its finding."""
    found = "; ".join(f"{each.who}: {each.start}" for each in difficulties(table))
    return f"Accuracy by difficulty group and size, grouped in two ways, task by task. {found}"
