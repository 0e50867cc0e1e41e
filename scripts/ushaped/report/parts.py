"""The parts of one task on its card: a picture, and the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.figures import parts as figure
from ushaped.report.evidence import key_of
from ushaped.report.pictures import Picture, drawn_picture
from ushaped.report.text import listing
from ushaped.results import tables

# Value and the ends of its interval.
Cell = tuple[float, float, float]


@dataclass(frozen=True)
class PartCurves:
    """One family: the value of each part by size, and the verdict of the rule on each part."""

    family: str
    lines: list[tuple[str, list[Cell | None]]]
    verdicts: list[str]


@dataclass(frozen=True)
class Parts:
    """What the card says of the parts, asked in the main way; ``names`` are the parts' numbers."""

    variant: str
    protocol: str
    metric: str
    names: list[str]
    items: list[int]
    curves: list[PartCurves]
    picture: Picture


def parts_of(
    edition: tables.Edition,
    parts: pd.DataFrame | None,
    metrics: pd.DataFrame,
    evidence: Sequence[Mapping[str, Any]],
) -> Parts | None:
    """What is said of the parts of one edition; None unless there are 2 to 9 of them.

    Parameters
    ----------
    edition : Edition
    parts : DataFrame or None
        ``parts.csv``.
    metrics : DataFrame
        ``metrics.csv``.
    evidence : sequence of dict
        The curves of ``evidence.json``, which hold the verdict on each part.
    """
    if parts is None:
        return None
    drawn = figure.table(parts, metrics, edition)
    if drawn.empty:
        return None
    names = figure.parts_of(drawn)
    first = drawn.iloc[0]
    judged = {key_of(curve["about"]): curve["parts"] for curve in evidence}
    curves = []
    for family in sorted(set(drawn["family"])):
        verdicts = judged.get((family, *edition, first["variant"])) or []
        curves.append(_curves(family, drawn[drawn["family"] == family], names, verdicts))
    counts = drawn.groupby("part")["n"].max()
    return Parts(
        variant=str(first["variant"]),
        protocol=str(first["protocol"]),
        metric=str(first["metric"]),
        names=names,
        items=[int(counts[name]) for name in names],
        curves=curves,
        picture=drawn_picture(
            f"parts/{edition.source}/{edition.task}",
            figure.svg(drawn),
            drawn.to_csv(index=False, lineterminator="\n"),
            _said(edition, names, curves),
        ),
    )


def _curves(
    family: str, rows: pd.DataFrame, names: Sequence[str], judged: Sequence[Mapping[str, Any]]
) -> PartCurves:
    cells = {
        (size, part): (value, low, high)
        for size, part, value, low, high in rows[
            ["size", "part", "value", "low", "high"]
        ].itertuples(index=False, name=None)
    }
    sizes = rows.iloc[tables.scale(rows).argsort(kind="stable")]["size"]
    lines = [(size, [cells.get((size, name)) for name in names]) for size in dict.fromkeys(sizes)]
    verdicts = {str(one["part"]): str(one["equivalent"] or "") for one in judged}
    return PartCurves(family, lines, [verdicts.get(name, "") for name in names])


def _said(edition: tables.Edition, names: Sequence[str], curves: Sequence[PartCurves]) -> str:
    """The verdicts on all parts, in words."""
    shown = f"Parts of {edition.task}, {edition.source} items: one small panel per part."
    said = []
    for one in curves:
        verdicts = [
            f"part {name} {verdict}"
            for name, verdict in zip(names, one.verdicts, strict=True)
            if verdict
        ]
        if verdicts:
            said.append(f"{one.family}: {listing(verdicts)}.")
    return " ".join([shown, *said])
