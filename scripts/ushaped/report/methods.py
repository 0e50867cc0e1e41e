"""What each number of the page is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.metrics.flags import Flag
from ushaped.report.findings import Findings
from ushaped.report.text import FLAGS
from ushaped.sources import Source, base_of, is_source, parse_source
from ushaped.terms import CONFIDENCE, SIGNIFICANCE


@dataclass(frozen=True)
class MethodsView:
    """``partials/methods.html.j2``."""

    flags: dict[str, str]
    doubts: Mapping[str, Flag]
    sources: set[str]
    samples: list[Source]
    rule: dict[str, float]
    level: float
    confidence: float
    has_evidence: bool


def methods_view(findings: Findings) -> MethodsView:
    names = sorted({edition.source for edition in findings.editions})
    return MethodsView(
        flags=FLAGS,
        doubts=DOUBTS,
        sources={base_of(name) for name in names},
        samples=[one for one in map(parse_source, filter(is_source, names)) if one.words],
        rule=rule_settings(findings.results.config),
        level=SIGNIFICANCE,
        confidence=CONFIDENCE,
        has_evidence=bool(findings.evidence),
    )


def rule_settings(config: Mapping[str, Any]) -> dict[str, float]:
    """Thresholds of the published-equivalent rule."""
    section = config.get("shapes")
    section = section if isinstance(section, Mapping) else {}
    defaults = {"equivalence": 0.02, "recovery": 1 / 3}
    return {name: float(section.get(name, value)) for name, value in defaults.items()}
