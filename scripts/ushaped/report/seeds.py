"""The spread between training seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.report.findings import Findings
from ushaped.report.pictures import Picture
from ushaped.results.spread import seed_curves, spread
from ushaped.terms import MAIN_VARIANT
from ushaped.variants import order_variants

ALT = "One small panel per task and source of items: each training seed and their mean."


@dataclass(frozen=True)
class SeedsView:
    """``partials/seeds.html.j2``; ``rows`` are the spreads, one per family and edition."""

    picture: Picture
    rows: list[dict[str, Any]]
    has_curves: bool
    several_families: bool
    main_variant: str
    item_sources: str

    @property
    def several_seeds(self) -> bool:
        return any(row["seeds"] > 1 for row in self.rows)


def seeds_view(findings: Findings) -> SeedsView:
    return SeedsView(
        picture=findings.picture("seeds", 2, ALT),
        rows=seed_spread(findings.results.metrics),
        has_curves=any(not tally.only_size for tally in findings.tallies),
        several_families=findings.several_families,
        main_variant=MAIN_VARIANT,
        item_sources=findings.item_sources,
    )


def seed_spread(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Spread between training seeds under the main variant, per family and edition."""
    variants = order_variants(metrics["variant"])
    if not variants:
        return []
    rows = spread(seed_curves(metrics, variants[0])).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
