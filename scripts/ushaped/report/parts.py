"""The parts of one task: a picture, and the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.figures import parts as figure
from ushaped.report.findings import Findings
from ushaped.report.pictures import Picture, svg_picture
from ushaped.report.text import listing
from ushaped.results import tables
from ushaped.results.records import key_of
from ushaped.results.tables import Edition

# Value and the ends of its interval.
Cell = tuple[float, float, float]


@dataclass(frozen=True)
class PartCurves:
    """One family: the value of each part by size, and the verdict of the rule on each part."""

    family: str
    rows: list[tuple[str, list[Cell | None]]]
    verdicts: list[str]


@dataclass(frozen=True)
class PartsView:
    """``partials/parts.html.j2``: the parts under the main variant; ``names`` are their numbers."""

    task: str
    variant: str
    protocol: str
    metric: str
    names: list[str]
    items: list[int]
    curves: list[PartCurves]
    picture: Picture


def parts_view(findings: Findings, edition: Edition) -> PartsView | None:
    """None unless the edition has 2 to 9 parts."""
    results = findings.results
    if results.parts is None:
        return None
    table = figure.table(results.parts, results.metrics, edition)
    if table.empty:
        return None
    names = figure.parts_of(table)
    first = table.iloc[0]
    judged = {key_of(curve["about"]): curve["parts"] for curve in results.evidence}
    curves = []
    for family in sorted(set(table["family"])):
        verdicts = judged.get((family, *edition, first["variant"])) or []
        curves.append(_curves(family, table[table["family"] == family], names, verdicts))
    counts = table.groupby("part")["n"].max()
    name = f"parts/{edition.source}/{edition.task}"
    csv = table.to_csv(index=False, lineterminator="\n")
    label = f"Parts of {findings.names[edition]}"
    alt = _describe(edition, names, curves)
    id = f"parts-{findings.card(edition)}"
    return PartsView(
        task=findings.names[edition],
        variant=str(first["variant"]),
        protocol=str(first["protocol"]),
        metric=str(first["metric"]),
        names=names,
        items=[int(counts[name]) for name in names],
        curves=curves,
        picture=svg_picture(name, figure.svg(table), csv, label, alt, id),
    )


def _curves(
    family: str, rows: pd.DataFrame, names: Sequence[str], judged: Sequence[Mapping[str, Any]]
) -> PartCurves:
    columns = rows[["size", "part", "value", "low", "high"]].itertuples(index=False, name=None)
    cells = {(size, part): (value, low, high) for size, part, value, low, high in columns}
    sizes = rows.iloc[tables.scale(rows).argsort(kind="stable")]["size"]
    by_size = [(size, [cells.get((size, name)) for name in names]) for size in sizes.unique()]
    verdicts = {str(part["part"]): str(part["equivalent"] or "") for part in judged}
    return PartCurves(family, by_size, [verdicts.get(name, "") for name in names])


def _describe(edition: Edition, names: Sequence[str], curves: Sequence[PartCurves]) -> str:
    """The verdicts on all parts, in words."""
    sentences = [f"Parts of {edition.task}, {edition.source} items: one small panel per part."]
    for curve in curves:
        pairs = zip(names, curve.verdicts, strict=True)
        if verdicts := [f"part {name} {verdict}" for name, verdict in pairs if verdict]:
            sentences.append(f"{curve.family}: {listing(verdicts)}.")
    return " ".join(sentences)
