"""How sure the verdicts of the first section are."""

from __future__ import annotations

from dataclasses import dataclass

from ushaped.report.findings import Findings
from ushaped.report.verdicts import Answer, Tally, answers, tally
from ushaped.terms import CONFIDENCE, PALM, PUBLISHED


@dataclass(frozen=True)
class SureView:
    """``partials/sure.html.j2``."""

    answers: list[Answer]
    tasks: int
    confidence: float
    palm: Tally | None

    @property
    def has_draws(self) -> bool:
        return any(answer.tally.expected for answer in self.answers)

    @property
    def has_seeds(self) -> bool:
        return any(answer.tally.seeds > 1 for answer in self.answers)


def sure_view(findings: Findings) -> SureView:
    palm = [v for v in findings.verdicts if v.source == PUBLISHED and v.family == PALM]
    return SureView(
        answers(findings), len(findings.tasks), CONFIDENCE, tally(palm) if palm else None
    )
