"""Whether the way of asking matters: what changed against zero-shot, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from ushaped.figures import style
from ushaped.report.comparisons import Column
from ushaped.report.text import plural
from ushaped.report.verdicts import ONE_SIZE
from ushaped.results import tables
from ushaped.terms import MAIN_VARIANT


@dataclass(frozen=True)
class Side:
    """One verdict of a comparison, as the page shows it."""

    shape: str
    probability: float

    @property
    def shown(self) -> str:
        """The verdict as a word, or why there is none."""
        return self.shape or ONE_SIZE


@dataclass(frozen=True)
class Way:
    """One row of ``protocols.csv``; see `ushaped.protocols.COLUMNS`."""

    family: str
    source: str
    task: str
    variant: str
    protocol: str
    modified: str
    metric: str
    size: str
    equivalent: str
    base_equivalent: str
    p: float
    base_p: float
    p_differs: float
    flips: str
    settled: str
    literal: str
    base_literal: str
    p_literal: float
    base_p_literal: float
    flips_literal: str
    settled_literal: str
    value: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float

    @property
    def here(self) -> Side:
        """The verdict under this variant."""
        return Side(self.equivalent, self.p)

    @property
    def main(self) -> Side:
        """The verdict under the main variant."""
        return Side(self.base_equivalent, self.base_p)

    @property
    def here_literal(self) -> Side:
        """The literal rule's verdict under this variant."""
        return Side(self.literal, self.p_literal)

    @property
    def main_literal(self) -> Side:
        """The literal rule's verdict under the main variant."""
        return Side(self.base_literal, self.base_p_literal)

    @property
    def direction(self) -> str:
        """Whether the largest size does better or worse than under the main variant."""
        gain = -self.difference if self.metric in tables.LOSSES else self.difference
        return "better" if gain > 0 else "worse" if gain < 0 else "the same"

    @property
    def changes(self) -> bool:
        """Whether either rule's verdict differs from the main variant's."""
        return "yes" in (self.flips, self.flips_literal)


def ways(found: pd.DataFrame | None) -> list[Way]:
    """Turn ``protocols.csv`` into rows, in reading order."""
    if found is None:
        return []
    names = [field.name for field in fields(Way)]
    rows = [Way(**{name: row[name] for name in names}) for _, row in found.iterrows()]
    tasks = {t: i for i, t in enumerate(tables.order_tasks(found["task"]))}
    variants = {v: i for i, v in enumerate(style.order_variants(found["variant"]))}
    return sorted(rows, key=lambda w: (tasks[w.task], w.source, w.family, variants[w.variant]))


@dataclass(frozen=True)
class Count:
    """How often the verdict differs from the main variant's.

    Attributes
    ----------
    who : str
        Of what this is the count.
    variants : list of str
    compared, flips, settled : int
        Comparisons with two verdicts, those that differ, and of these those that are settled.
    flips_literal, settled_literal : int
        The same by the literal rule.
    """

    who: str
    variants: list[str]
    compared: int
    flips: int
    settled: int
    flips_literal: int
    settled_literal: int

    @property
    def sentence(self) -> str:
        """The count in words."""
        changed = f"in {self.flips} of {plural(self.compared, 'comparison')} the verdict changes"
        if not self.flips:
            return changed
        settled = f"{self.settled} of them {'is' if self.settled == 1 else 'are'} settled"
        return f"{changed}; {settled}"


def count(who: str, some: Iterable[Way]) -> Count:
    """Count the comparisons on single tasks; the ten-task average is none."""
    chosen = [way for way in some if way.flips and way.task != tables.AVERAGE]
    flips = [way for way in chosen if way.flips == "yes"]
    literal = [way for way in chosen if way.flips_literal == "yes"]
    return Count(
        who,
        style.order_variants(way.variant for way in chosen),
        len(chosen),
        len(flips),
        sum(way.settled == "yes" for way in flips),
        len(literal),
        sum(way.settled_literal == "yes" for way in literal),
    )


@dataclass(frozen=True)
class Summary:
    """The counts of one family and source: in all, and for each protocol."""

    family: str
    source: str
    all: Count
    by_protocol: list[Count]


def summaries(found: Sequence[Way]) -> list[Summary]:
    """One summary per family and source of items that has comparisons."""
    summed = []
    for family, source in sorted({(way.family, way.source) for way in found}):
        own = [way for way in found if (way.family, way.source) == (family, source)]
        total = count(f"{family}, {source} items", own)
        parts = [
            count(protocol, [way for way in own if way.protocol == protocol])
            for protocol in sorted({way.protocol for way in own}, reverse=True)
        ]
        if total.compared:
            summed.append(Summary(family, source, total, [part for part in parts if part.compared]))
    return summed


def say_summaries(summed: Sequence[Summary]) -> str:
    """The summaries as one line, for the text of the figure."""
    return "; ".join(f"{one.all.who}: {one.all.sentence}" for one in summed)


@dataclass(frozen=True)
class Line:
    """One row of the table tasks x variants; a missing cell is None."""

    task: str
    source: str
    cells: list[Way | None]


def columns(found: Sequence[Way]) -> list[Column]:
    """Columns of that table, family by family."""
    order = {v: i for i, v in enumerate(style.order_variants(way.variant for way in found))}
    seen: dict[tuple[str, str], set[str]] = {}
    protocols: dict[tuple[str, str], str] = {}
    for way in found:
        key = (way.family, way.variant)
        seen.setdefault(key, set()).add(way.modified)
        protocols[key] = way.protocol
    keys = sorted(seen, key=lambda key: (key[0], order[key[1]]))
    return [Column(*key, protocols[key], "; ".join(sorted(seen[key]))) for key in keys]


def lines(found: Sequence[Way], shown: Sequence[Column]) -> list[Line]:
    """Rows of that table."""
    cells = {(way.task, way.source, way.family, way.variant): way for way in found}
    keys = dict.fromkeys((way.task, way.source) for way in found)
    return [Line(*key, [cells.get((*key, c.family, c.variant)) for c in shown]) for key in keys]


def protocol_values(found: pd.DataFrame | None) -> dict[str, Any]:
    """What the section refers to."""
    rows = ways(found)
    shown = columns(rows)
    return {
        "summaries": summaries(rows),
        "changes": [way for way in rows if way.changes],
        "columns": shown,
        "lines": lines(rows, shown),
        "compared": any(way.variant != MAIN_VARIANT for way in rows),
    }
