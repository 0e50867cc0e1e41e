"""Whether the prompt variant matters: which verdicts differ from the baseline's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import pandas as pd

from ushaped.report.findings import Findings
from ushaped.report.matrix import Column
from ushaped.report.pictures import Picture
from ushaped.report.text import plural
from ushaped.report.verdicts import ONE_SIZE
from ushaped.results import tables
from ushaped.results.columns import OfCurve
from ushaped.results.tables import Edition
from ushaped.terms import AVERAGE, CONFIDENCE, LOSSES, MAIN_VARIANT, OWN
from ushaped.variants import order_variants


@dataclass(frozen=True)
class Side:
    """One verdict of a comparison."""

    shape: str
    probability: float

    @property
    def shown(self) -> str:
        """The verdict as a word, or why there is none."""
        return self.shape or ONE_SIZE


@dataclass(frozen=True)
class Comparison(OfCurve):
    """One row of ``protocols.csv``; see `ushaped.results.columns.PROTOCOLS`."""

    size: str
    base_variant: str
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
    def side(self) -> Side:
        """The verdict under this variant."""
        return Side(self.equivalent, self.p)

    @property
    def base(self) -> Side:
        """The verdict under its baseline."""
        return Side(self.base_equivalent, self.base_p)

    @property
    def direction(self) -> str:
        """Whether the largest size does better or worse than under the baseline."""
        gain = -self.difference if self.metric in LOSSES else self.difference
        return "better" if gain > 0 else "worse" if gain < 0 else "the same"

    @property
    def changes(self) -> bool:
        """Whether either rule's verdict differs from the baseline's."""
        return "yes" in (self.flips, self.flips_literal)


def read_comparisons(table: pd.DataFrame | None) -> list[Comparison]:
    """Turn ``protocols.csv`` into comparisons, in reading order."""
    if table is None:
        return []
    names = [field.name for field in fields(Comparison)]
    rows = [Comparison(**{name: row[name] for name in names}) for _, row in table.iterrows()]
    tasks = tables.order_tasks(table["task"])
    variants = order_variants(table["variant"])
    return sorted(
        rows,
        key=lambda c: (tasks.index(c.task), c.source, c.family, variants.index(c.variant)),
    )


@dataclass(frozen=True)
class Count:
    """How often the verdict differs from the baseline's.

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
        return f"{changed}; {self.settled} of them {'is' if self.settled == 1 else 'are'} settled"


def count(who: str, comparisons: Iterable[Comparison]) -> Count:
    """Count the comparisons on single tasks; the ten-task average is not one."""
    judged = [c for c in comparisons if c.flips and c.task != AVERAGE]
    flips = [c for c in judged if c.flips == "yes"]
    literal = [c for c in judged if c.flips_literal == "yes"]
    return Count(
        who,
        order_variants(c.variant for c in judged),
        len(judged),
        len(flips),
        sum(c.settled == "yes" for c in flips),
        len(literal),
        sum(c.settled_literal == "yes" for c in literal),
    )


@dataclass(frozen=True)
class Summary:
    """The counts of one family and source: in all, and for each protocol."""

    family: str
    source: str
    all: Count
    by_protocol: list[Count]


def summarize(comparisons: Sequence[Comparison]) -> list[Summary]:
    """One summary per family and source of items that has comparisons."""
    summaries = []
    for family, source in sorted({(c.family, c.source) for c in comparisons}):
        own = [c for c in comparisons if (c.family, c.source) == (family, source)]
        total = count(f"{family}, {source} items", own)
        parts = [
            count(protocol, [c for c in own if c.protocol == protocol])
            for protocol in sorted({c.protocol for c in own}, reverse=True)
        ]
        if total.compared:
            summaries.append(Summary(family, source, total, [p for p in parts if p.compared]))
    return summaries


def tabulate(
    comparisons: Sequence[Comparison],
) -> tuple[list[Column], list[tuple[Edition, list[Comparison | None]]]]:
    """Columns family by family, and rows of a table editions x variants; a missing cell is None."""
    order = order_variants(c.variant for c in comparisons)
    modified: dict[tuple[str, str], set[str]] = {}
    protocols: dict[tuple[str, str], set[str]] = {}
    for c in comparisons:
        modified.setdefault((c.family, c.variant), set()).add(c.modified)
        protocols.setdefault((c.family, c.variant), set()).add(c.protocol)
    columns = [
        Column(*key, tables.shared_protocol(protocols[key]), "; ".join(sorted(modified[key])))
        for key in sorted(modified, key=lambda key: (key[0], order.index(key[1])))
    ]
    cells = {(c.source, c.task, c.family, c.variant): c for c in comparisons}
    editions = dict.fromkeys(Edition(c.source, c.task) for c in comparisons)
    rows = [
        (edition, [cells.get((*edition, column.family, column.variant)) for column in columns])
        for edition in editions
    ]
    return columns, rows


@dataclass(frozen=True)
class ProtocolsView:
    """``partials/protocols.html.j2``."""

    picture: Picture
    summaries: list[Summary]
    changes: list[Comparison]
    columns: list[Column]
    rows: list[tuple[Edition, list[Comparison | None]]]
    several_variants: bool
    has_own: bool
    main_variant: str
    confidence: float
    item_sources: str


def protocols_view(findings: Findings) -> ProtocolsView:
    comparisons = read_comparisons(findings.results.protocols)
    summaries = summarize(comparisons)
    columns, rows = tabulate(comparisons)
    counts = "; ".join(f"{summary.all.who}: {summary.all.sentence}" for summary in summaries)
    alt = (
        f"Matrix of verdicts, tasks by prompt variants, changes from the baseline framed. {counts}"
    )
    return ProtocolsView(
        picture=findings.picture("protocols", 1, alt),
        summaries=summaries,
        changes=[c for c in comparisons if c.changes],
        columns=columns,
        rows=rows,
        several_variants=any(c.variant != MAIN_VARIANT for c in comparisons),
        has_own=any(c.protocol == OWN for c in comparisons),
        main_variant=MAIN_VARIANT,
        confidence=CONFIDENCE,
        item_sources=findings.item_sources,
    )
