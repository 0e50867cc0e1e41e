"""What the atlas answers, one table for each module: columns, and rows from the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ushaped.atlas.answers import (
    agreement,
    counts,
    everywhere,
    metrics,
    predictable,
    published,
    twice,
)
from ushaped.atlas.sources import PublishedSet
from ushaped.results.text_files import Row


@dataclass(frozen=True)
class Inputs:
    """What the tables are made from.

    Attributes
    ----------
    rows : sequence of dict
        Rows of ``verdicts.csv``.
    sets : mapping of str to PublishedSet
        Published sets by name.
    margin : float
        Largest error of a prediction that foretells.
    draws, seed : int
        Of resampled tasks and of permutations.
    """

    rows: Sequence[Row]
    sets: Mapping[str, PublishedSet]
    margin: float
    draws: int
    seed: int


@dataclass(frozen=True)
class Table:
    """A table: its columns, and how its rows are made."""

    columns: tuple[str, ...]
    rows: Callable[[Inputs], list[Row]]


TABLES: dict[str, Table] = {
    "counts": Table(counts.COLUMNS, lambda i: counts.rows(i.rows, i.draws, i.seed)),
    "agreement": Table(agreement.COLUMNS, lambda i: agreement.rows(i.rows, i.draws, i.seed)),
    "everywhere": Table(everywhere.COLUMNS, lambda i: everywhere.rows(i.rows)),
    "predictable": Table(predictable.COLUMNS, lambda i: predictable.rows(i.rows, i.margin)),
    "metrics": Table(metrics.COLUMNS, lambda i: metrics.rows(i.rows)),
    "published": Table(published.COLUMNS, lambda i: published.rows(i.rows, i.sets, i.margin)),
    "twice": Table(twice.COLUMNS, lambda i: twice.rows(i.rows)),
}
