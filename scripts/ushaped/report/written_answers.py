"""The open question whether written answers agree with log-likelihoods: the answer in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.report.text import WhoseCurves, listing, plural
from ushaped.results import tables
from ushaped.results.numbers import is_missing, percent

Row = dict[str, Any]
CURVES = ["family", "source", "variant", "protocol"]


@dataclass(frozen=True)
class WrittenAnswers(WhoseCurves):
    """Written answers of one family on the items of one source, by one prompt variant.

    ``rows`` are those of the question's table, tasks in the order of the paper.
    """

    rows: list[Row]

    @property
    def baseline(self) -> str:
        """The variant that they are compared with; "" where it was not run."""
        return str(self.rows[0]["base_variant"])

    @property
    def thinks(self) -> bool:
        return any(not is_missing(row["thinking_tokens"]) for row in self.rows)

    @property
    def examples(self) -> list[Row]:
        """The first row of each task with an answer from which no class was read."""
        unread = {row["task"]: row for row in reversed(self.rows) if row["unread_example"]}
        return list(reversed(unread.values()))

    @property
    def readable(self) -> str:
        """The share of answers from which a class was read, over tasks and sizes."""
        shares = [1 - row["unanswered_share"] for row in self.rows]
        low, high = percent(min(shares)), percent(max(shares))
        return low if low == high else f"{low} to {high}"

    @property
    def verdicts(self) -> str:
        """On how many tasks the verdict is that of the baseline, in words."""
        pairs = {row["task"]: (row["equivalent"], row["base_equivalent"]) for row in self.rows}
        judged = {task: pair for task, pair in pairs.items() if all(pair)}
        if not judged:
            return "no verdict to compare: one size, or no baseline in this run"
        changed = [
            f"{task} ({own}, with {self.baseline} {base})"
            for task, (own, base) in judged.items()
            if own != base
        ]
        same = len(judged) - len(changed)
        counted = f"the same verdict as with {self.baseline} on {same} of "
        counted += plural(len(judged), "task")
        return f"{counted}; another on {listing(changed)}" if changed else counted


def written_answers_view(table: pd.DataFrame | None) -> list[WrittenAnswers]:
    """Per family, source and variant; empty where no answers were written."""
    if table is None or table.empty:
        return []
    return [
        WrittenAnswers(
            **dict(zip(CURVES, map(str, key), strict=True)),
            rows=tables.records(rows),
        )
        for key, rows in table.groupby(CURVES, sort=False)
    ]
