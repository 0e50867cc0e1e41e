"""The open question whether a rarer true regularity moves the place where a curve turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.questions.onsets import ALL_TASKS, DISTRACTOR, NO_VALLEY, ONSET, SLOPE, STILL
from ushaped.results import tables
from ushaped.results.numbers import is_missing, metric_prefix, number, percent
from ushaped.shapes.onsets import ONSETS

Row = Mapping[Any, Any]
KEYS = ["source", "variant", "protocol"]
# What is expected of each slope, in words.
EXPECTED = {name: "below 0" for name in ONSETS} | {DISTRACTOR: f"within ±{STILL}"}


@dataclass(frozen=True)
class Moved:
    """How one onset moves with the frequency, on one task or on their mean."""

    task: str
    onset: str
    outcome: str
    slope: str
    expected: str


@dataclass(frozen=True)
class Located:
    """The onsets of one curve, written out, in the order of `ONSETS`."""

    task: str
    frequency: str
    family: str
    places: list[str]


@dataclass(frozen=True)
class Onsets:
    """Onsets of one task's items from one source, and how they move."""

    source: str
    variant: str
    protocol: str
    moved: list[Moved]
    located: list[Located]

    @property
    def overall(self) -> list[Moved]:
        """The mean over tasks; without one, what there is of the single task."""
        return [m for m in self.moved if m.task == ALL_TASKS] or self.moved

    @property
    def sentence(self) -> str:
        """The answer in words."""
        return "; ".join(
            f"{moved.onset}: {moved.slope}, expected {moved.expected} ({moved.outcome})"
            for moved in self.overall
        )


def onsets_view(table: pd.DataFrame | None) -> list[Onsets]:
    """Per source and variant; empty where no two ladders were compared."""
    if table is None or table.empty:
        return []
    return [
        Onsets(
            **dict(zip(KEYS, map(str, key), strict=True)),
            moved=_moved(rows),
            located=_located(rows),
        )
        for key, rows in table.groupby(KEYS, sort=False)
    ]


def describe_onsets(table: pd.DataFrame | None) -> str:
    """What the figure shows, with its finding."""
    found = "; ".join(each.sentence for each in onsets_view(table))
    return (
        "Sizes at which distractor and true task set in and the valley ends, against the frequency "
        f"of the true regularity, task by task. Movement per doubling of the frequency: {found}"
    )


def _moved(rows: pd.DataFrame) -> list[Moved]:
    return [
        Moved(row["task"], row["onset"], row["outcome"], _slope(row), EXPECTED[row["onset"]])
        for row in rows[rows["kind"] == SLOPE].to_dict("records")
    ]


def _slope(row: Row) -> str:
    if is_missing(row["value"]):
        return "none"
    return f"{number(row['value'])} decades ({number(row['low'])} to {number(row['high'])})"


def _located(rows: pd.DataFrame) -> list[Located]:
    found = rows[rows["kind"] == ONSET]
    order = tables.order_tasks(found["task"])
    places: dict[tuple[int, float, str], dict[str, str]] = {}
    for row in found.to_dict("records"):
        curve = (order.index(row["task"]), row["true_frequency"], row["family"])
        places.setdefault(curve, {})[row["onset"]] = _place(row)
    return [
        Located(order[task], percent(share, 0), family, [own[name] for name in ONSETS])
        for (task, share, family), own in sorted(places.items())
    ]


def _place(row: Row) -> str:
    """A size with its interval, or on which side of the sizes it lies."""
    if row["outside"]:
        if row["outside"] == NO_VALLEY:
            return NO_VALLEY
        return f"{row['outside']} ({metric_prefix(row['value'])})"
    ends = f"{metric_prefix(row['low'])} to {metric_prefix(row['high'])}"
    return f"{metric_prefix(row['value'])} ({ends})"
