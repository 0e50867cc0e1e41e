"""The open question what a chat template changes: base and chat models, size by size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.report.text import plural
from ushaped.results import tables

Row = dict[str, Any]
PAIRS = ["family", "base_family", "source", "variant", "base_variant"]


@dataclass(frozen=True)
class BaseAndChat:
    """A chat family beside its base family, under one prompt variant.

    ``rows`` are those of the question's table, tasks in the order of the paper.
    """

    family: str
    base_family: str
    source: str
    variant: str
    base_variant: str
    rows: list[Row]

    @property
    def sentence(self) -> str:
        """How many differences have an interval on one side of zero, in words."""
        better = sum(row["difference_low"] > 0 for row in self.rows)
        worse = sum(row["difference_high"] < 0 for row in self.rows)
        of = plural(len(self.rows), "pair of models", "pairs of models")
        return f"of {of}, {better} better through the template and {worse} worse"


def base_and_chat_view(table: pd.DataFrame | None) -> list[BaseAndChat]:
    """Per pair of families, source and variant; empty where no family has its base beside it."""
    if table is None or table.empty:
        return []
    return [
        BaseAndChat(
            **dict(zip(PAIRS, map(str, key), strict=True)),
            rows=tables.records(rows),
        )
        for key, rows in table.groupby(PAIRS, sort=False)
    ]
