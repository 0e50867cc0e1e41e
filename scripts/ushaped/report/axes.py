"""Curves along other axes than the sizes of a family: one figure and one table for each axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ushaped.axes import Axis
from ushaped.report.evidence import CurveEvidence, index_evidence
from ushaped.report.findings import Findings
from ushaped.report.pictures import Picture
from ushaped.report.text import listing, plural
from ushaped.report.verdicts import count_statistical
from ushaped.results import tables
from ushaped.results.folder import AlongAxis
from ushaped.results.numbers import MISSING, by_metric, is_missing, whole_number
from ushaped.results.records import Key, key_of
from ushaped.terms import AVERAGE, PRIMARY
from ushaped.variants import order_variants


@dataclass(frozen=True)
class Along:
    """One curve: its evidence, and what it has at each point, in the order of the axis.

    ``used`` is empty where that is the value on the axis itself.
    """

    evidence: CurveEvidence
    axis: Axis
    used: list[str]

    @property
    def points(self) -> list[str]:
        """Values on the axis."""
        return [self.axis.tick(value) for value in self.evidence.record["at"]]

    @property
    def values(self) -> list[str]:
        metric = self.evidence.about["metric"]
        return [by_metric(value, metric) for value in self.evidence.record["values"]]


@dataclass(frozen=True)
class AxisView:
    """What the page shows of one axis; ``left_out`` are sentences."""

    axis: Axis
    picture: Picture
    sentences: list[str]
    curves: list[Along]
    left_out: list[str]


@dataclass(frozen=True)
class AxesView:
    """``partials/axes.html.j2``."""

    axes: list[AxisView]
    item_sources: str


def axes_view(findings: Findings) -> AxesView | None:
    """None where the configuration asks for no other axis."""
    views = [
        _view(findings, own, place) for place, own in enumerate(findings.results.axes.values(), 1)
    ]
    return AxesView(views, findings.item_sources) if views else None


def _view(findings: Findings, own: AlongAxis, place: int) -> AxisView:
    used, evidence = _used(own), index_evidence(own.evidence)
    order = {family: at for at, family in enumerate(dict.fromkeys(own.metrics["family"]))}
    tasks = tables.order_tasks(key[2] for key in evidence)
    variants = order_variants(key[3] for key in evidence)
    keys = sorted(
        evidence,
        key=lambda k: (variants.index(k[3]), tasks.index(k[2]), k[1], order.get(k[0], 0)),
    )
    curves = [Along(evidence[key], own.axis, used.get(key, [])) for key in keys]
    sentences = list(_count(curves))
    name = own.axis.name
    alt = f"One small panel per task and source of items, along {own.axis.title}. "
    alt += "; ".join(sentences) or "No curve."
    return AxisView(
        axis=own.axis,
        picture=findings.picture(f"axes/{name}", f"A{place}", alt, f"axis-{name}"),
        sentences=sentences,
        curves=curves,
        left_out=list(_left_out(own.left_out)),
    )


def _used(own: AlongAxis) -> dict[Key, list[str]]:
    """What was really used at each point, written out, by curve."""
    if not own.axis.used:
        return {}
    rows = own.metrics[(own.metrics["model"] == "") & own.metrics["metric"].isin(PRIMARY)]
    rows = rows.sort_values(own.axis.column, kind="stable")
    written: dict[Key, list[str]] = {}
    for row in rows.to_dict("records"):
        value = row[own.axis.used]
        text = MISSING if is_missing(value) else whole_number(value)
        written.setdefault(key_of(row), []).append(text)
    return written


def _count(curves: list[Along]) -> Iterator[str]:
    """How many curves of each prompt variant have which shape, averages not counted."""
    groups: dict[tuple[str, str], list[str]] = {}
    for curve in curves:
        about = curve.evidence.about
        if about["task"] != AVERAGE:
            group = groups.setdefault((about["variant"], about["protocol"]), [])
            group.append(curve.evidence.statistical)
    for (variant, protocol), verdicts in groups.items():
        counted = count_statistical(verdicts) or "none has a verdict"
        yield f"{variant}, {protocol} protocol: of {plural(len(verdicts), 'curve')} {counted}"


def _left_out(table: pd.DataFrame) -> Iterator[str]:
    """What is on no curve, equal reasons together."""
    for (variant, reason), rows in table.groupby(["variant", "reason"], sort=False):
        families = list(dict.fromkeys(filter(None, rows["family"])))
        tasks = tables.order_tasks(filter(None, rows["task"]))
        what = [listing(families)] if families else []
        what += [str(variant)] if variant else []
        what += [listing(tasks)] if tasks else []
        yield f"{', '.join(what)}: {reason}"
