"""What *Compare curves* draws: every curve, with its intervals and verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ushaped.figures import style
from ushaped.report.findings import Findings
from ushaped.report.matrix import RULES, Variant, cells_of, variants_of
from ushaped.report.tasks import SHOWN
from ushaped.report.text import glyphs
from ushaped.results import tables
from ushaped.results.folder import Results
from ushaped.results.numbers import PROBABILITIES
from ushaped.results.records import Key
from ushaped.results.tables import Edition
from ushaped.terms import AVERAGE, FLOPS, LOSSES, NATS, PALM, PARAMETERS, PRIMARY, PUBLISHED

RATE = "answer_rate_"
# Significant digits of a value: more than any reading of a curve needs.
DIGITS = 5

CURVE = ["family", "source", "task", "variant"]
POINT = ["parameters", "training_flops", "metric", "size", "value", "low", "high", "n", "chance"]
COLUMNS = [*CURVE, "protocol", "modified", *POINT, "flags"]

# A name, and whether the family is published.
Family = tuple[str, bool]


@dataclass(frozen=True)
class CompareView:
    """``partials/compare.html.j2``.

    ``data`` is what the page's script reads: lists ``metrics``, ``variants``, ``families`` (with
    their sizes), ``editions`` and ``curves``; a curve names its family, variant and metrics by
    their indices in these lists, and its protocol where that of its variant depends on the task.
    """

    data: dict[str, Any]


def compare_view(findings: Findings) -> CompareView | None:
    """None if nothing was run."""
    metrics = findings.results.metrics
    ours = metrics[metrics["model"] == ""]
    if ours.empty:
        return None
    points = pd.concat([ours[COLUMNS], published_points(findings.results)], ignore_index=True)
    columns = points[["variant", "protocol", "modified"]].itertuples(index=False, name=None)
    variants = variants_of(Variant(*row) for row in columns)
    families = families_of(points)
    names = metrics_of(points["metric"])
    looks = style.variant_looks([variant.name for variant in variants])
    return CompareView(
        {
            "rules": RULES,
            "metrics": [metric_view(name) for name in names],
            "primary": [names.index(name) for name in PRIMARY if name in names],
            "variants": [
                {"name": variant.name, "protocol": variant.protocol, "modified": variant.modified}
                | look_view(looks[variant.name])
                for variant in variants
            ],
            "families": family_views(points, families),
            "editions": [edition_view(edition, findings) for edition in compared_editions(points)],
            "looks": [
                look_view(look) for look in (*style.FAMILIES.values(), *style.SPARE_FAMILIES)
            ],
            "average": AVERAGE,
            "scale": tables.axis_of(ours),
            "glyphs": glyphs(),
            "curves": curve_views(findings, points, families, variants, names),
        }
    )


def curve_views(
    findings: Findings,
    points: pd.DataFrame,
    families: Sequence[Family],
    variants: Sequence[Variant],
    metrics: Sequence[str],
) -> list[dict[str, Any]]:
    order = [variant.name for variant in variants]
    judged: dict[Key, str] = {v.key: v.metric for v in findings.verdicts}
    cells = cells_of(findings)
    protocols = points.groupby(CURVE)["protocol"].first().to_dict()
    return [
        {
            "family": families.index((key[0], key[1] == PUBLISHED)),
            "source": key[1],
            "task": key[2],
            "variant": order.index(key[3]),
            "judged": judged.get(key),
            "verdict": cell.record() if (cell := cells.get(key)) else None,
            "metrics": series,
        }
        | (
            {}
            if (own := protocols[key]) == variants[order.index(key[3])].protocol
            else {"protocol": own}
        )
        for key, series in series_of(points, metrics).items()
    ]


def published_points(results: Results) -> pd.DataFrame:
    """The published values with their intervals, from the evidence on them.

    Parameters of their models come from the tables of the literature; where those were not made,
    they are unknown.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`.
    """
    parameters = _parameters(results.literature)
    rows: list[dict[str, Any]] = []
    for curve in results.evidence:
        about = curve["about"]
        if about["source"] != PUBLISHED:
            continue
        for index, size in enumerate(curve["sizes"]):
            row = {name: about[name] for name in (*CURVE, "protocol", "modified", "metric")}
            row |= {"size": size, "n": curve["n"], "chance": curve["chance"], "flags": ""}
            row |= {"parameters": parameters.get((about["family"], size))}
            row[curve["scale"]] = curve["at"][index]
            for column, name in (("values", "value"), ("low", "low"), ("high", "high")):
                row[name] = (curve[column] or [None] * (index + 1))[index]
            rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(tables.numbers(COLUMNS), float))


def _parameters(folder: Path | None) -> dict[tuple[str, str], float]:
    """Parameters of the published models by series and size."""
    if folder is None:
        return {}
    table = tables.read(folder / "tables" / "series.csv", ("series", "size", "parameters"))
    names = zip(table["series"], table["size"], strict=True)
    return dict(zip(names, table["parameters"], strict=True))


def families_of(points: pd.DataFrame) -> list[Family]:
    """Families: ours first, then PaLM, then by name."""
    pairs = zip(points["family"], points["source"] == PUBLISHED, strict=True)
    return sorted(set(pairs), key=lambda family: (family[1], family[0] != PALM, family[0]))


def compared_editions(points: pd.DataFrame) -> list[Edition]:
    """What was run, then the tasks of which there are published values alone."""
    run = tables.editions(points)
    missing = set(points["task"]) - {edition.task for edition in run}
    return [*run, *(Edition(PUBLISHED, task) for task in tables.order_tasks(missing))]


def edition_view(edition: Edition, findings: Findings) -> dict[str, str]:
    """An edition as a link names it: its task, with its items where the task has several.

    Its card is "" where it has none.
    """
    name = findings.names.get(edition, edition.task)
    key = edition.task if name == edition.task else f"{edition.task}@{edition.source}"
    return {**edition._asdict(), "name": name, "key": key, "card": findings.card(edition)}


def metrics_of(present: Iterable[str]) -> list[str]:
    """Metrics in reading order: those with a name, the rates of the answers, all others."""
    names = set(present)
    rates = sorted((n for n in names if n.startswith(RATE)), key=lambda n: int(n[len(RATE) :]))
    known = [*(name for name in SHOWN if name in names), *rates]
    return [*known, *sorted(names - set(known))]


def metric_view(name: str) -> dict[str, Any]:
    """What a metric is called, its unit, and whether lower is better.

    Examples
    --------
    >>> metric_view("answer_rate_0")["label"], metric_view("loss")["unit"]
    ('Rate of answer 1', 'nats')
    """
    if name.startswith(RATE):
        label = f"Rate of answer {int(name[len(RATE) :]) + 1}"
    else:
        label = SHOWN.get(name, name)
    unit = "nats" if name in NATS else "small" if name in PROBABILITIES else "share"
    return {"name": name, "label": label, "unit": unit, "lower": name in LOSSES}


def look_view(look: style.Look) -> dict[str, Any]:
    """How a series is drawn: colour on white and on black, marker, lengths of dashes."""
    dashes = [] if isinstance(look.line, str) else list(look.line[1])
    dark = style.DARK.get(look.colour, look.colour)
    return {"colour": [look.colour, dark], "marker": look.marker, "dashes": dashes}


def family_views(points: pd.DataFrame, families: Sequence[Family]) -> list[dict[str, Any]]:
    """Families as they are drawn, each with its sizes by name, parameters and compute."""
    looks = style.family_looks(name for name, _ in families)
    is_published = points["source"] == PUBLISHED
    views = []
    for name, published in families:
        rows = points[(points["family"] == name) & (is_published == published)]
        sizes = rows.drop_duplicates("size")
        sizes = sizes.iloc[tables.scale(sizes).argsort(kind="stable")]
        columns = sizes[["size", PARAMETERS, FLOPS]].itertuples(index=False, name=None)
        scales = [[size, known(parameters), known(flops)] for size, parameters, flops in columns]
        key = f"published:{name}" if published else name
        views.append(
            {"name": name, "published": published, "key": key, "sizes": scales}
            | look_view(looks[name])
        )
    return views


def series_of(points: pd.DataFrame, metrics: Sequence[str]) -> dict[Key, dict[int, Any]]:
    """Series of values by curve and by the index of their metric, sizes in ascending order.

    Returns
    -------
    dict
        Each series holds lists ``size`` (by name), ``value``, ``low`` and ``high``, the largest
        number of items ``n``, ``chance``, and ``flags`` by index in these lists.
    """
    indices = {name: index for index, name in enumerate(metrics)}
    by_curve: dict[Key, dict[int, Any]] = {}
    ordered = points.iloc[tables.scale(points).argsort(kind="stable")]
    for (*key, metric), rows in ordered.groupby([*CURVE, "metric"], sort=False):
        family, source, task, variant = map(str, key)
        series: dict[str, Any] = {"size": rows["size"].tolist()}
        series |= {name: [known(v) for v in rows[name]] for name in ("value", "low", "high")}
        series |= {"n": known(rows["n"].max()), "chance": known(rows["chance"].mean())}
        series["flags"] = {index: flags for index, flags in enumerate(rows["flags"]) if flags}
        by_curve.setdefault((family, source, task, variant), {})[indices[str(metric)]] = series
    return by_curve


def known(value: Any) -> float | None:
    """A number, rounded; None if it is missing.

    Examples
    --------
    >>> known(0.123456789), known(float("nan"))
    (0.12346, None)
    """
    if value is None or math.isnan(value):
        return None
    return float(f"{value:.{DIGITS}g}")
