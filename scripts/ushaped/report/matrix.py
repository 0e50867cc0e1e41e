"""The verdict matrix as a table that can be switched: tasks by families, one way of asking."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.figures import style
from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.metrics.flags import Flag
from ushaped.report.comparisons import editions_of
from ushaped.report.evidence import Key, Proof
from ushaped.report.text import glyphs, p_value, slug
from ushaped.report.verdicts import Verdict, main_variant
from ushaped.results import tables
from ushaped.terms import CONFIDENCE, PALM, SIGNIFICANCE, UNDETERMINED

RULES = {
    "equivalent": "published-equivalent rule",
    "literal": "literal rule",
    "statistical": "statistical verdict",
}
PUBLISHED = "published"


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
    """The verdicts on one curve by rule, the link to what they rest on, and its flags."""

    opinions: dict[str, Opinion]
    shown: str
    link: str
    marks: list[Flag]

    def given(self) -> dict[str, Any]:
        """The cell as the page's script reads it."""
        by_rule = {rule: [o.shape, o.note, o.sure] for rule, o in self.opinions.items()}
        told: dict[str, Any] = {"shown": self.shown, "link": self.link}
        if self.marks:
            told["flags"] = [flag.name for flag in self.marks]
        return by_rule | told


@dataclass(frozen=True)
class Way:
    """A way of asking, with its protocol."""

    variant: str
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
class Switched:
    """The matrix: its rows, and what can be chosen; ``variant`` is chosen at first."""

    rows: list[Row]
    families: list[str]
    published: list[str]
    ways: list[Way]
    sources: list[str]
    variant: str

    @property
    def rules(self) -> dict[str, str]:
        """The rules that can be chosen, the first one at first, in words."""
        return RULES

    @property
    def way(self) -> Way:
        """The way of asking that is chosen at first."""
        return next(way for way in self.ways if way.variant == self.variant)

    @property
    def cells(self) -> list[Cell]:
        """All cells, whatever is chosen."""
        ours = [c for row in self.rows for by in row.cells.values() for c in by.values()]
        return ours + [c for row in self.rows for c in row.published.values()]

    @property
    def marks(self) -> list[Flag]:
        """The flags that occur, in their order."""
        seen = {flag.name for cell in self.cells for flag in cell.marks}
        return [flag for flag in DOUBTS.values() if flag.name in seen]

    @property
    def shapes(self) -> list[str]:
        """Verdicts that occur, in reading order."""
        seen = {o.shape for cell in self.cells for o in cell.opinions.values()}
        return [s for s in (*style.SHAPES, "irregular", UNDETERMINED) if s in seen]

    def given(self) -> dict[str, Any]:
        """The matrix as the page's script reads it."""
        return {
            "rules": RULES,
            "shapes": self.shapes,
            "ways": [[way.variant, way.protocol, way.modified] for way in self.ways],
            "families": self.families,
            "published": self.published,
            "variant": self.variant,
            "glyphs": glyphs(),
            "marks": {flag.name: [flag.mark, flag.words] for flag in self.marks},
            "rows": [
                {
                    "source": row.source,
                    "task": row.task,
                    "card": row.card,
                    "cells": {
                        family: {variant: cell.given() for variant, cell in by.items()}
                        for family, by in row.cells.items()
                    },
                    "published": {name: cell.given() for name, cell in row.published.items()},
                }
                for row in self.rows
            ],
        }


def cells_of(
    found: Iterable[Verdict], proofs: Mapping[Key, Proof], protocols: pd.DataFrame | None
) -> dict[Key, Cell]:
    """The verdicts on each curve by rule.

    Parameters
    ----------
    found : iterable of Verdict
    proofs : mapping
        The evidence by family, source, task and variant.
    protocols : DataFrame or None
        ``protocols.csv``, which alone knows how sure verdicts of the literal rule are.
    """
    literal = literal_shares(protocols)
    return {key_of(v): _cell(v, proofs.get(key_of(v)), literal) for v in found}


def switched(
    found: Sequence[Verdict], cells: Mapping[Key, Cell], names: Mapping[tables.Edition, str]
) -> Switched | None:
    """Put the verdicts together by edition, family and variant; None if there are none of ours.

    Parameters
    ----------
    found : sequence of Verdict
        In reading order.
    cells : mapping
        As made by `cells_of`.
    names : mapping of Edition to str
        What the page calls each edition.
    """
    ours = [v for v in found if v.source != PUBLISHED]
    if not ours:
        return None
    families = sorted({v.family for v in ours})
    theirs = sorted({v.family for v in found if v.source == PUBLISHED}, key=_palm_first)
    rows = []
    for one in editions_of(found):
        own: dict[str, dict[str, Cell]] = {}
        for v in ours:
            if (v.source, v.task) == one:
                own.setdefault(v.family, {})[v.variant] = cells[key_of(v)]
        beside = {
            v.family: cells[key_of(v)]
            for v in found
            if v.source == PUBLISHED and v.task == one.task
        }
        rows.append(Row(one.source, one.task, card_of(one, names), own, beside))
    return Switched(
        rows=rows,
        families=families,
        published=theirs,
        ways=ways(ours),
        sources=sorted({one.source for one in editions_of(found)}),
        variant=main_variant(ours),
    )


def ways(found: Iterable[Verdict | Way]) -> list[Way]:
    """The ways of asking, each once, in reading order."""
    seen = {v.variant: Way(v.variant, v.protocol, v.modified) for v in found}
    return [seen[variant] for variant in style.order_variants(seen)]


def card_of(edition: tables.Edition, names: Mapping[tables.Edition, str]) -> str:
    """The id of an edition's card; "" for the average, which has none."""
    if edition.task == tables.AVERAGE:
        return ""
    alone = names.get(edition, edition.task) == edition.task
    return f"task-{slug(edition.task)}" + ("" if alone else f"-{slug(edition.source)}")


def key_of(verdict: Verdict) -> Key:
    """What tells a curve from others: family, source, task and variant."""
    return verdict.family, verdict.source, verdict.task, verdict.variant


def literal_shares(protocols: pd.DataFrame | None) -> dict[Key, float]:
    """Share of bootstrap draws that give the literal rule's verdict, by curve."""
    if protocols is None:
        return {}
    keys = protocols[["family", "source", "task", "variant"]].itertuples(index=False, name=None)
    return dict(zip(keys, protocols["p_literal"], strict=True))


def _palm_first(name: str) -> tuple[bool, str]:
    return name != PALM, name


def _cell(verdict: Verdict, proof: Proof | None, literal: Mapping[Key, float]) -> Cell:
    opinions = {
        "equivalent": _drawn(verdict.shape, verdict.probability),
        "literal": _drawn(verdict.literal, literal.get(key_of(verdict), math.nan)),
    }
    opinions["statistical"] = _tested(proof) if proof else Opinion("")
    link = f"evidence-{proof.slug}" if proof else ""
    return Cell(opinions, verdict.shown, link, verdict.marks)


def _drawn(shape: str, share: float) -> Opinion:
    """A rule's verdict, as sure as the bootstrap draws are."""
    return Opinion(shape, tables.say_probability(share) if shape else "", share >= CONFIDENCE)


def _tested(proof: Proof) -> Opinion:
    """The verdict of the tests, as sure as the one that speaks to it.

    A task has a q-value, corrected for the number of tasks; the average is one of its own.
    """
    shape = proof.statistical
    if shape == "flat":
        return Opinion(shape, sure=True)
    test = "u" if shape == "U-shaped" else "change"
    name = "p" if proof.about["task"] == tables.AVERAGE else "q"
    value = proof.verdict[f"{name}_{test}"]
    sure = shape != UNDETERMINED and value is not None and value <= SIGNIFICANCE
    return Opinion(shape, say_level(name, value), sure)


def say_level(name: str, value: float | None) -> str:
    """Write a p-value or q-value; "" if there is none.

    Examples
    --------
    >>> say_level("q", 0.0123), say_level("p", 0.0)
    ('q = 0.012', 'p < 0.001')
    """
    if value is None:
        return ""
    said = p_value(value)
    return f"{name} {said.replace('<', '< ')}" if said.startswith("<") else f"{name} = {said}"
