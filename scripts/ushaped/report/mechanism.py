"""The curves on which the data determine the two tasks of the mechanism, and why not on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ushaped.report.evidence import CurveEvidence, group_by_origin
from ushaped.report.findings import Findings

# Why the mechanism was not fitted at all.
NOT_FITTED = "not fitted: an average of tasks, a loss, or a metric without counts of answers"


@dataclass(frozen=True)
class Fits:
    """Fits of the mechanism to some curves.

    ``identified`` are the curves that determine it, ``reasons`` why the others do not, each with
    its curves, most frequent first.
    """

    name: str
    identified: list[CurveEvidence]
    reasons: list[tuple[str, list[CurveEvidence]]]

    @property
    def total(self) -> int:
        return len(self.identified) + sum(len(curves) for _, curves in self.reasons)


@dataclass(frozen=True)
class MechanismView:
    """``partials/mechanism.html.j2``."""

    fits: list[Fits]

    @property
    def any_identified(self) -> bool:
        return any(fits.identified for fits in self.fits)


def mechanism_view(findings: Findings) -> MechanismView | None:
    """None where no curve has evidence."""
    groups = group_by_origin(list(findings.evidence.values()))
    fits = [sort_fits(group.name, group.curves) for group in groups if group.curves]
    return MechanismView(fits) if fits else None


def sort_fits(name: str, curves: Sequence[CurveEvidence]) -> Fits:
    identified: list[CurveEvidence] = []
    others: dict[str, list[CurveEvidence]] = {}
    for curve in curves:
        mechanism = curve.record["mechanism"]
        if mechanism and mechanism["identifiable"]:
            identified.append(curve)
        else:
            reason = mechanism["reason"] or "no reason given" if mechanism else NOT_FITTED
            others.setdefault(reason, []).append(curve)
    return Fits(name, identified, sorted(others.items(), key=lambda item: -len(item[1])))
