"""Curves that were measured elsewhere: a section of their own."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from ushaped.figures.evidence import evidence_svg
from ushaped.report.evidence import CurveEvidence
from ushaped.report.findings import Findings
from ushaped.report.text import slug
from ushaped.results.numbers import by_metric, is_missing


@dataclass(frozen=True)
class ForeignCurve:
    """One curve: who measured it, the file that it was read from, and its evidence."""

    origin: str
    file: str
    evidence: CurveEvidence

    @property
    def picture(self) -> Markup:
        """The picture; every name in it is escaped."""
        return Markup(evidence_svg(self.evidence.record))

    @property
    def points(self) -> str:
        """Values with their sizes."""
        record = self.evidence.record
        metric = self.evidence.about["metric"]
        return ", ".join(
            f"{size}: {by_metric(value, metric)}"
            for size, value in zip(record["sizes"], record["values"], strict=True)
            if not is_missing(value)
        )


@dataclass(frozen=True)
class ElsewhereView:
    """``partials/elsewhere.html.j2``."""

    curves: list[ForeignCurve]
    left_out: list[str]


def elsewhere_view(findings: Findings) -> ElsewhereView | None:
    """None where the configuration names no curves that were measured elsewhere."""
    if findings.results.elsewhere is None:
        return None
    measured, left_out = findings.results.elsewhere
    curves = []
    for place, one in enumerate(measured):
        about = one.evidence["about"]
        name = slug(f"elsewhere-{place}-{about['family']}-{about['task']}")
        curves.append(ForeignCurve(one.origin, one.file, CurveEvidence({**one.evidence}, name)))
    return ElsewhereView(curves, left_out)
