"""All tasks at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from ushaped.report.findings import Findings
from ushaped.report.pictures import Picture
from ushaped.terms import MAIN_VARIANT


@dataclass(frozen=True)
class OverviewView:
    """``partials/overview.html.j2``."""

    picture: Picture
    scale: str
    several_sources: bool
    main_variant: str
    item_sources: str


def overview_view(findings: Findings) -> OverviewView:
    counts = "; ".join(tally.description for tally in findings.tallies)
    alt = f"One small panel per task and source of items, value against {findings.scale}. {counts}."
    return OverviewView(
        picture=findings.picture("overview", "3", alt),
        scale=findings.scale,
        several_sources=len(findings.editions) > len(findings.tasks),
        main_variant=MAIN_VARIANT,
        item_sources=findings.item_sources,
    )
