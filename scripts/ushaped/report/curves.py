"""The evidence on each curve, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from ushaped.figures.evidence import evidence_svg, next_shape, shown_shape
from ushaped.report.evidence import CurveEvidence, by_task
from ushaped.report.findings import Findings

# What the intervals and tests of a curve come from.
SAMPLING = {
    "items": "its items, one by one",
    "counts": "counts of right answers alone",
    "errors": "means with their standard errors",
    "none": "means alone, so nothing can be tested",
}
PARAMETERS = {
    "true_onset": "true task sets in at",
    "distractor_onset": "distractor sets in at",
    "true_width": "width of the true task (decades)",
    "distractor_width": "width of the distractor (decades)",
    "baseline": "right answers of a model that does neither task",
    "distractor_baseline": "distractor answers of such a model",
}


@dataclass(frozen=True)
class CurveView:
    """What opens below the line of one curve."""

    evidence: CurveEvidence

    @property
    def record(self) -> dict[str, Any]:
        return self.evidence.record

    @property
    def picture(self) -> Markup:
        """The picture; every name in it is escaped."""
        return Markup(evidence_svg(self.record))

    @property
    def sampling(self) -> str:
        """What the intervals come from."""
        return SAMPLING.get(self.record["sampling"], self.record["sampling"])

    @cached_property
    def fits(self) -> list[tuple[str, list[float]]]:
        """The fits that the picture shows: of the verdict's shape, and of the next one."""
        by_shape = {fit["shape"]: fit["values"] for fit in self.record["shapes"]}
        names = (shown_shape(self.record), next_shape(self.record))
        return [(name, by_shape[name]) for name in names if name]

    @property
    def points(self) -> list[dict[str, Any]]:
        """One row per size: value, interval, trials, seeds and fitted values."""
        rows = []
        for index, size in enumerate(self.record["sizes"]):
            row: dict[str, Any] = {"size": size}
            for column in ("at", "values", "low", "high", "trials", "seeds"):
                row[column] = (self.record[column] or [None] * (index + 1))[index]
            rows.append(row | {"fits": [values[index] for _, values in self.fits]})
        return rows

    @property
    def parameters(self) -> list[tuple[str, list[float | None], bool]]:
        """Parameters of the mechanism: words, [estimate, low, high], and whether on the scale."""
        fitted = (self.record["mechanism"] or {}).get("parameters") or {}
        return [
            (words, fitted[name], name.endswith("onset"))
            for name, words in PARAMETERS.items()
            if fitted.get(name)
        ]


@dataclass(frozen=True)
class CurvesView:
    """``partials/curves.html.j2``."""

    by_task: dict[str, list[CurveView]]


def curves_view(findings: Findings) -> CurvesView | None:
    """None where no curve has evidence."""
    groups = by_task(list(findings.evidence.values()))
    views = {task: [CurveView(curve) for curve in curves] for task, curves in groups.items()}
    return CurvesView(views) if views else None
