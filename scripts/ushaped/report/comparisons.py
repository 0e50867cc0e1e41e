"""Tables across tasks: verdicts and training seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.figures import seeds as seeds_figure
from ushaped.figures import style
from ushaped.report.verdicts import Verdict
from ushaped.results import tables
from ushaped.terms import PALM


@dataclass(frozen=True)
class Column:
    """One column of a table tasks x variants."""

    family: str
    variant: str
    protocol: str
    modified: str
    published: bool = False


@dataclass(frozen=True)
class Matrix:
    """A table tasks (or editions of them) x variants; a missing cell is None."""

    columns: list[Column]
    rows: list[tuple[Any, list[Any]]]


def columns_of(found: Iterable[Verdict]) -> list[Column]:
    """Columns of our families, in reading order, without repetition."""
    ours = [v for v in found if v.source != "published"]
    order = {v: i for i, v in enumerate(style.order_variants(v.variant for v in ours))}
    seen: dict[tuple[str, str], Column] = {}
    for v in ours:
        key = (v.family, v.variant)
        seen.setdefault(key, Column(*key, v.protocol, v.modified))
    return sorted(seen.values(), key=lambda c: (c.family, order[c.variant]))


def verdict_matrix(found: Sequence[Verdict]) -> Matrix:
    """Verdicts, editions by variants; one more column for the published PaLM series."""
    columns = columns_of(found)
    palm = {v.task: v for v in found if v.source == "published" and v.family == PALM}
    cells = _ours(found)
    rows = []
    for one in editions_of(found):
        row: list[Any] = [cells.get((*one, c.family, c.variant)) for c in columns]
        rows.append((one, [*row, palm.get(one.task)] if palm else row))
    if palm:
        first = next(iter(palm.values()))
        columns = [*columns, Column(PALM, first.variant, first.protocol, "", published=True)]
    return Matrix(columns, rows)


def editions_of(found: Iterable[Verdict]) -> list[tables.Edition]:
    """The editions on which there are verdicts of ours, as verdicts are ordered: by task."""
    ours = (tables.Edition(v.source, v.task) for v in found if v.source != "published")
    return list(dict.fromkeys(ours))


def _ours(found: Iterable[Verdict]) -> dict[tuple[str, str, str, str], Verdict]:
    """Verdicts on what was run here, by source, task, family and variant."""
    return {(v.source, v.task, v.family, v.variant): v for v in found if v.source != "published"}


def seed_spread(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Spread between training seeds, one row per family and edition, main variant."""
    variants = style.order_variants(metrics["variant"])
    if not variants:
        return []
    table = seeds_figure.table(metrics, pd.DataFrame(), pd.DataFrame(), variant=variants[0])
    return [
        {str(k): v for k, v in row.items()} for row in seeds_figure.spread(table).to_dict("records")
    ]
