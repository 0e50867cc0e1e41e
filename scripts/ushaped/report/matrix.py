"""The verdict matrix: tasks by families under one prompt variant, and all variants in one table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ushaped.figures import style
from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.metrics.flags import Flag
from ushaped.report.evidence import CurveEvidence
from ushaped.report.findings import Findings
from ushaped.report.pictures import Picture
from ushaped.report.text import glyphs
from ushaped.report.verdicts import Verdict, editions_of, main_variant
from ushaped.results.numbers import draws, p_value
from ushaped.results.records import Key
from ushaped.results.tables import Edition, shared_protocol
from ushaped.terms import (
    AVERAGE,
    CONFIDENCE,
    PALM,
    PUBLISHED,
    SIGNIFICANCE,
    STATISTICAL_SHAPES,
    UNDETERMINED,
)
from ushaped.variants import order_variants

RULES = {
    "equivalent": "published-equivalent rule",
    "literal": "literal rule",
    "statistical": "statistical verdict",
}


@dataclass(frozen=True)
class Opinion:
    """What one rule says of a curve.

    ``shape`` is "" where it says nothing; ``note`` is how sure that is, in words; ``sure`` whether
    95 % of the bootstrap draws agree, or the test rejects at 5 %.
    """

    shape: str
    note: str = ""
    sure: bool = False


@dataclass(frozen=True)
class Cell:
    """The verdicts on one curve by rule, the link to their evidence, and the flags."""

    opinions: dict[str, Opinion]
    shown: str
    link: str
    marks: list[Flag]

    def record(self) -> dict[str, Any]:
        """The cell as the page's script reads it."""
        record: dict[str, Any] = {
            rule: [o.shape, o.note, o.sure] for rule, o in self.opinions.items()
        }
        record |= {"shown": self.shown, "link": self.link}
        if self.marks:
            record["flags"] = [flag.name for flag in self.marks]
        return record


@dataclass(frozen=True)
class Variant:
    """A prompt variant with its protocol."""

    name: str
    protocol: str
    modified: str


@dataclass(frozen=True)
class Row:
    """One edition of a task: the id of its card, and its cells by family and variant."""

    source: str
    task: str
    card: str
    cells: dict[str, dict[str, Cell]]
    published: dict[str, Cell]


@dataclass(frozen=True)
class VerdictMatrix:
    """Tasks by families, and what can be chosen; ``variant`` is chosen at first."""

    rows: list[Row]
    families: list[str]
    published: list[str]
    variants: list[Variant]
    sources: list[str]
    variant: Variant

    @property
    def rules(self) -> dict[str, str]:
        return RULES

    @property
    def cells(self) -> list[Cell]:
        """All cells, whatever is chosen."""
        ours = [c for row in self.rows for by in row.cells.values() for c in by.values()]
        return ours + [c for row in self.rows for c in row.published.values()]

    @property
    def marks(self) -> list[Flag]:
        """The flags that occur."""
        names = {flag.name for cell in self.cells for flag in cell.marks}
        return [flag for flag in DOUBTS.values() if flag.name in names]

    @property
    def shapes(self) -> list[str]:
        """The verdicts that occur."""
        occurring = {o.shape for cell in self.cells for o in cell.opinions.values()}
        return [s for s in (*style.SHAPES, *STATISTICAL_SHAPES[-2:]) if s in occurring]

    def record(self) -> dict[str, Any]:
        """The matrix as the page's script reads it."""
        return {
            "rules": RULES,
            "shapes": self.shapes,
            "variants": [[v.name, v.protocol, v.modified] for v in self.variants],
            "families": self.families,
            "published": self.published,
            "variant": self.variant.name,
            "glyphs": glyphs(),
            "marks": {flag.name: [flag.mark, flag.words] for flag in self.marks},
            "rows": [
                {
                    "source": row.source,
                    "task": row.task,
                    "card": row.card,
                    "cells": {
                        family: {variant: cell.record() for variant, cell in by.items()}
                        for family, by in row.cells.items()
                    },
                    "published": {name: cell.record() for name, cell in row.published.items()},
                }
                for row in self.rows
            ],
        }


@dataclass(frozen=True)
class Column:
    """One column of a table tasks x variants."""

    family: str
    variant: str
    protocol: str
    modified: str
    published: bool = False


@dataclass(frozen=True)
class MatrixView:
    """``partials/matrix.html.j2``: the matrix, and the table of all variants."""

    matrix: VerdictMatrix | None
    columns: list[Column]
    rows: list[tuple[Edition, list[Verdict | None]]]
    picture: Picture
    has_evidence: bool
    has_palm: bool
    item_sources: str


def matrix_view(findings: Findings) -> MatrixView:
    columns, rows = every_variant(findings.verdicts)
    counts = "; ".join(tally.description for tally in findings.tallies)
    return MatrixView(
        matrix=verdict_matrix(findings),
        columns=columns,
        rows=rows,
        picture=findings.picture(
            "verdicts", "2", f"Matrix of verdicts, tasks by variants. {counts}."
        ),
        has_evidence=bool(findings.evidence),
        has_palm=any(column.published for column in columns),
        item_sources=findings.item_sources,
    )


def every_variant(
    verdicts: Sequence[Verdict],
) -> tuple[list[Column], list[tuple[Edition, list[Verdict | None]]]]:
    """Verdicts, editions by variants; one more column for the published PaLM series."""
    ours: dict[Key, Verdict] = {v.key: v for v in verdicts if v.source != PUBLISHED}
    palm = {v.task: v for v in verdicts if v.source == PUBLISHED and v.family == PALM}
    order = order_variants(v.variant for v in ours.values())
    seen: dict[tuple[str, str], list[Verdict]] = {}
    for v in ours.values():
        seen.setdefault((v.family, v.variant), []).append(v)
    columns = [
        Column(*key, shared_protocol(v.protocol for v in own), own[0].modified)
        for key, own in sorted(seen.items(), key=lambda pair: (pair[0][0], order.index(pair[0][1])))
    ]
    rows = []
    for edition in editions_of(verdicts):
        cells = [ours.get((c.family, *edition, c.variant)) for c in columns]
        rows.append((edition, [*cells, palm.get(edition.task)] if palm else cells))
    if palm:
        first = next(iter(palm.values()))
        columns.append(Column(PALM, first.variant, first.protocol, "", published=True))
    return columns, rows


def verdict_matrix(findings: Findings) -> VerdictMatrix | None:
    """Put the verdicts together by edition, family and variant; None if there are none of ours."""
    ours = findings.ours
    if not ours:
        return None
    cells = cells_of(findings)
    published = {v.family for v in findings.verdicts if v.source == PUBLISHED}
    variants = variants_of(Variant(v.variant, v.protocol, v.modified) for v in ours)
    rows = []
    for edition in editions_of(ours):
        own: dict[str, dict[str, Cell]] = {}
        for v in ours:
            if (v.source, v.task) == edition:
                own.setdefault(v.family, {})[v.variant] = cells[v.key]
        beside = {
            v.family: cells[v.key]
            for v in findings.verdicts
            if v.source == PUBLISHED and v.task == edition.task
        }
        rows.append(Row(*edition, findings.card(edition), own, beside))
    first = main_variant(ours)
    return VerdictMatrix(
        rows=rows,
        families=sorted({v.family for v in ours}),
        published=sorted(published, key=lambda name: (name != PALM, name)),
        variants=variants,
        sources=sorted({row.source for row in rows}),
        variant=next(variant for variant in variants if variant.name == first),
    )


def variants_of(variants: Iterable[Variant]) -> list[Variant]:
    """Variants, each once with the protocols of all tasks, in reading order."""
    by_name: dict[str, list[Variant]] = {}
    for variant in dict.fromkeys(variants):
        by_name.setdefault(variant.name, []).append(variant)
    return [
        replace(own[-1], protocol=shared_protocol(variant.protocol for variant in own))
        for own in (by_name[name] for name in order_variants(by_name))
    ]


def cells_of(findings: Findings) -> dict[Key, Cell]:
    """The verdicts on each curve by rule."""
    literal = literal_shares(findings.results.protocols)
    return {
        v.key: _cell(v, findings.evidence.get(v.key), literal.get(v.key, math.nan))
        for v in findings.verdicts
    }


def literal_shares(protocols: pd.DataFrame | None) -> dict[Key, float]:
    """Share of bootstrap draws that give the literal rule's verdict, by curve.

    Of all tables only ``protocols.csv`` has it.
    """
    if protocols is None:
        return {}
    keys = protocols[["family", "source", "task", "variant"]].itertuples(index=False, name=None)
    return dict(zip(keys, protocols["p_literal"], strict=True))


def _cell(verdict: Verdict, evidence: CurveEvidence | None, literal: float) -> Cell:
    opinions = {
        "equivalent": _rule_opinion(verdict.shape, verdict.probability),
        "literal": _rule_opinion(verdict.literal, literal),
        "statistical": _test_opinion(evidence) if evidence else Opinion(""),
    }
    link = f"evidence-{evidence.slug}" if evidence else ""
    return Cell(opinions, verdict.shown, link, verdict.marks)


def _rule_opinion(shape: str, share: float) -> Opinion:
    return Opinion(shape, draws(share) if shape else "", share >= CONFIDENCE)


def _test_opinion(evidence: CurveEvidence) -> Opinion:
    """The statistical verdict with the level of the test that decides it.

    A task has a q-value, corrected for the number of tasks; the average, a single one, a p-value.
    """
    shape = evidence.statistical
    if shape == "flat":
        return Opinion(shape, evidence.holds, sure=True)
    test = "u" if shape == "U-shaped" else "change"
    name = "p" if evidence.about["task"] == AVERAGE else "q"
    value = evidence.verdict[f"{name}_{test}"]
    sure = shape != UNDETERMINED and value is not None and value <= SIGNIFICANCE
    notes = [note for note in (format_level(name, value), evidence.holds) if note]
    return Opinion(shape, ", ".join(notes), sure)


def format_level(name: str, value: float | None) -> str:
    """Write a p-value or q-value; "" if there is none.

    Examples
    --------
    >>> format_level("q", 0.0123), format_level("p", 0.0)
    ('q = 0.012', 'p < 0.001')
    """
    if value is None:
        return ""
    text = p_value(value)
    return f"{name} {text.replace('<', '< ')}" if text.startswith("<") else f"{name} = {text}"
