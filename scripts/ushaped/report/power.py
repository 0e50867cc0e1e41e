"""How small a dip can be seen with the items and sizes that a family has."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ushaped.report.findings import Findings
from ushaped.report.pictures import Picture
from ushaped.report.text import listing
from ushaped.results.numbers import percent


@dataclass(frozen=True)
class PowerRow:
    """What a family needs with some items: one dip for each ratio of rise and fall."""

    family: str
    sizes: int
    n: int
    dips: list[float]


@dataclass(frozen=True)
class PowerView:
    """``partials/power.html.j2``.

    ``run_noise`` is its standard deviation in all rows; ``ratios`` are the columns of its table,
    ``groups`` its rows by whether the families were run, ``few_sizes`` the families that were run
    at too few sizes for any turn.
    """

    picture: Picture
    run_noise: float
    ratios: list[float]
    groups: list[tuple[str, list[PowerRow]]]
    few_sizes: list[str]


def power_view(findings: Findings) -> PowerView | None:
    """None where no powers were simulated."""
    power = findings.results.power
    if power is None or power.empty:
        return None
    ratios, rows = power_table(power)
    run = set(findings.families)
    groups = {
        "Run here": [row for row in rows if row.family in run],
        "For comparison, not run here": [row for row in rows if row.family not in run],
    }
    return PowerView(
        picture=findings.picture("power", "E1", describe_power(power)),
        run_noise=float(power["run_noise"].iloc[0]),
        ratios=ratios,
        groups=[(name, group) for name, group in groups.items() if group],
        few_sizes=[name for name in findings.families if name not in set(power["family"])],
    )


def power_table(power: pd.DataFrame) -> tuple[list[float], list[PowerRow]]:
    """The ratios of rise and fall, and a row per family and number of items."""
    ratios = sorted(set(power["ratio"]))
    rows = []
    for _, group in power.groupby(["family", "sizes", "n"], sort=False):
        first = group.iloc[0]
        by_ratio = dict(zip(group["ratio"], group["dip"], strict=True))
        dips = [by_ratio.get(ratio, float("nan")) for ratio in ratios]
        rows.append(PowerRow(str(first["family"]), int(first["sizes"]), int(first["n"]), dips))
    return ratios, rows


def describe_power(power: pd.DataFrame) -> str:
    """What the figure of powers shows, in words."""
    ratios, rows = power_table(power)
    clauses = []
    for family in dict.fromkeys(row.family for row in rows):
        own = [(row.n, row.dips[-1]) for row in rows if row.family == family]
        ends = [f"{percent(dip)} at {n:,} items" for n, dip in (own[0], own[-1]) if dip == dip]
        clauses.append(f"{family}: {listing(ends) if ends else 'no dip that was tried'}")
    return (
        "Smallest fall that is called U-shaped with 80% probability, against the number of items. "
        f"Where the rise is {ratios[-1]:g} times the fall: {'; '.join(clauses)}."
    )
