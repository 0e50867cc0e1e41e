"""What several partials of the page share: the results, and what is concluded from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ushaped.axes import BY_COLUMN
from ushaped.items.released import describe_sources
from ushaped.ladder.families import ladders
from ushaped.report.evidence import CurveEvidence, index_evidence
from ushaped.report.pictures import Picture, picture
from ushaped.report.text import slug
from ushaped.report.verdicts import Tally, Verdict, editions_of, read_verdicts, tally_families
from ushaped.results import tables
from ushaped.results.folder import Results
from ushaped.results.records import Key
from ushaped.results.tables import Edition
from ushaped.terms import AVERAGE, LADDER, PUBLISHED


@dataclass(frozen=True)
class Findings:
    """The results and the conclusions from them.

    Attributes
    ----------
    names : dict of Edition to str
        What the page calls the items of one source for one task.
    editions : list of Edition
        What was run, without averages.
    """

    results: Results
    verdicts: list[Verdict]
    tallies: list[Tally]
    evidence: dict[Key, CurveEvidence]
    names: dict[Edition, str]
    editions: list[Edition]

    @property
    def figures(self) -> Mapping[str, Path]:
        return self.results.figures

    @cached_property
    def ours(self) -> list[Verdict]:
        """The verdicts on what was run."""
        return [verdict for verdict in self.verdicts if verdict.source != PUBLISHED]

    @cached_property
    def families(self) -> list[str]:
        return tables.our_families(self.results.metrics)

    @cached_property
    def trained_here(self) -> dict[str, dict[str, Any]]:
        """All settings of each family that this workflow trains; empty where none are known."""
        config = self.results.config
        known = ladders(config) or {LADDER: {}}
        return {name: known[name] for name in self.families if name in known}

    @cached_property
    def several_families(self) -> bool:
        return len(self.families) > 1

    @cached_property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(edition.task for edition in self.editions))

    @cached_property
    def item_sources(self) -> str:
        """A sentence: where the items of each task come from."""
        return describe_sources(self.editions) if self.editions else ""

    @cached_property
    def scale(self) -> str:
        """The axes of figures with a panel per task, in words."""
        metrics = self.results.metrics
        panels = (tables.of_edition(metrics, edition) for edition in self.editions)
        titles = {BY_COLUMN[tables.axis_of(rows)].title for rows in panels}
        return " or ".join(sorted(titles, reverse=True))

    def picture(self, name: str, number: int | str, alt: str, id: str = "") -> Picture:
        """A figure; an integer counts those after the cards of the tasks."""
        label = number if isinstance(number, str) else f"{3 + len(self.editions) + number}"
        return picture(name, self.figures, f"Figure {label}", alt, id)

    def card(self, edition: tuple[str, str]) -> str:
        """The id of the card of an edition (source and task); "" if it has none."""
        if edition not in self.editions:
            return ""
        source, task = edition
        unique = self.names[Edition(source, task)] == task
        return f"task-{slug(task)}" + ("" if unique else f"-{slug(source)}")


def findings_of(results: Results) -> Findings:
    verdicts = read_verdicts(results.shapes)
    editions = tables.editions(results.metrics)
    return Findings(
        results=results,
        verdicts=verdicts,
        tallies=tally_families(verdicts, results.metrics),
        evidence=index_evidence(results.evidence),
        names=tables.edition_names(dict.fromkeys([*editions, *editions_of(verdicts)])),
        editions=[edition for edition in editions if edition.task != AVERAGE],
    )
