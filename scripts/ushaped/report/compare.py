"""What the page's comparison draws: every curve, with its intervals and verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ushaped.figures import style
from ushaped.report.matrix import PUBLISHED, RULES, Cell, Way, card_of, ways
from ushaped.report.tasks import SHOWN
from ushaped.report.text import PROBABILITIES, glyphs
from ushaped.report.verdicts import Verdict
from ushaped.results import tables
from ushaped.results.folder import Results

RATE = "answer_rate_"
# Significant digits of a value: more than any reading of a curve needs.
DIGITS = 5

CURVE = ["family", "source", "task", "variant"]
WAY = ["variant", "protocol", "modified"]
POINT = ["parameters", "training_flops", "metric", "size", "value", "low", "high", "n", "chance"]
COLUMNS = [*CURVE, "protocol", "modified", *POINT, "flags"]

Key = tuple[str, str, str, str]
Family = tuple[str, bool]


def compare_values(
    inputs: Results,
    found: Sequence[Verdict],
    cells: Mapping[Key, Cell],
    names: Mapping[tables.Edition, str],
) -> dict[str, Any] | None:
    """Values of the comparison as the page's script reads them; None if nothing was run.

    Parameters
    ----------
    inputs : Results
    found : sequence of Verdict
        In reading order.
    cells : mapping
        The verdicts on each curve by rule; see `matrix.cells_of`.
    names : mapping of Edition to str
        What the page calls each edition.

    Returns
    -------
    dict
        Lists ``metrics``, ``variants``, ``families`` (with their sizes), ``editions`` and
        ``curves``; a curve names its family, variant and metrics by their places in these lists.
    """
    ours = inputs.metrics[inputs.metrics["model"] == ""]
    if ours.empty:
        return None
    points = pd.concat([ours[COLUMNS], published_points(inputs)], ignore_index=True)
    asked = ways(Way(*row) for row in points[WAY].itertuples(index=False, name=None))
    order = [way.variant for way in asked]
    families = families_of(points)
    metrics = metrics_of(points["metric"])
    judged = {(v.family, v.source, v.task, v.variant): v.metric for v in found}
    looks = style.variant_looks(order)
    return {
        "rules": RULES,
        "metrics": [metric_view(name) for name in metrics],
        "primary": [metrics.index(name) for name in tables.PRIMARY if name in metrics],
        "variants": [
            {"name": way.variant, "protocol": way.protocol, "modified": way.modified}
            | look_view(looks[way.variant])
            for way in asked
        ],
        "families": family_views(points, families),
        "editions": [
            {"source": one.source, "task": one.task, "name": names.get(one, one.task)}
            | {"key": edition_key(one, names), "card": card_of(one, names)}
            for one in editions_of(points)
        ],
        "looks": [look_view(look) for look in (*style.FAMILIES.values(), *style.SPARE_FAMILIES)],
        "average": tables.AVERAGE,
        "glyphs": glyphs(),
        "curves": [
            {
                "family": families.index((family, source == PUBLISHED)),
                "source": source,
                "task": task,
                "variant": order.index(variant),
                "judged": judged.get((family, source, task, variant)),
                "verdict": cell.given() if (cell := cells.get(key)) else None,
                "metrics": series,
            }
            for key, series in curves_of(points, metrics).items()
            for family, source, task, variant in [key]
        ],
    }


def published_points(inputs: Results) -> pd.DataFrame:
    """The published values with their intervals, from the evidence on them.

    Parameters of their models come from the tables of the literature; where those were not made,
    they are unknown.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`.
    """
    parameters = _parameters(inputs.literature)
    rows: list[dict[str, Any]] = []
    for curve in inputs.evidence:
        about = curve["about"]
        if about["source"] != PUBLISHED:
            continue
        for place, size in enumerate(curve["sizes"]):
            row = {name: about[name] for name in (*CURVE, "protocol", "modified", "metric")}
            row |= {"size": size, "n": curve["n"], "chance": curve["chance"], "flags": ""}
            row |= {"parameters": parameters.get((about["family"], size))}
            row[curve["scale"]] = curve["at"][place]
            for column, name in (("values", "value"), ("low", "low"), ("high", "high")):
                row[name] = (curve[column] or [None] * (place + 1))[place]
            rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype(dict.fromkeys(tables.numbers(COLUMNS), float))


def _parameters(folder: Path | None) -> dict[tuple[str, str], float]:
    """Parameters of the published models by series and size."""
    if folder is None:
        return {}
    path = folder / "tables" / "series.csv"
    table = tables.read(path, ("series", "size", "parameters"))
    names = zip(table["series"], table["size"], strict=True)
    return dict(zip(names, table["parameters"], strict=True))


def families_of(points: pd.DataFrame) -> list[Family]:
    """Families by name and whether they are published: ours first, then PaLM, then by name."""
    pairs = zip(points["family"], points["source"] == PUBLISHED, strict=True)
    return sorted(set(pairs), key=lambda one: (one[1], one[0] != "PaLM", one[0]))


def editions_of(points: pd.DataFrame) -> list[tables.Edition]:
    """What was run here, then the tasks of which there are published values alone."""
    run = tables.editions(points)
    missing = set(points["task"]) - {one.task for one in run}
    return [*run, *(tables.Edition(PUBLISHED, task) for task in tables.order_tasks(missing))]


def edition_key(edition: tables.Edition, names: Mapping[tables.Edition, str]) -> str:
    """What a link calls an edition: its task, with its items where the task has several editions.

    Examples
    --------
    >>> one = tables.Edition("replica", "neqa")
    >>> edition_key(one, {one: "neqa"}), edition_key(one, {one: "neqa (replica items)"})
    ('neqa', 'neqa@replica')
    """
    alone = names.get(edition, edition.task) == edition.task
    return edition.task if alone else f"{edition.task}@{edition.source}"


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
    unit = "nats" if name in tables.NATS else "small" if name in PROBABILITIES else "share"
    return {"name": name, "label": label, "unit": unit, "lower": name in tables.LOSSES}


def look_view(look: style.Look) -> dict[str, Any]:
    """How a series is drawn: colour on white and on black, marker, lengths of dashes."""
    dashes = [] if isinstance(look.line, str) else list(look.line[1])
    dark = style.DARK.get(look.colour, look.colour)
    return {"colour": [look.colour, dark], "marker": look.marker, "dashes": dashes}


def family_views(points: pd.DataFrame, families: Sequence[Family]) -> list[dict[str, Any]]:
    """Families as they are drawn, each with its sizes by name, parameters and compute."""
    looks = style.family_looks(name for name, _ in families)
    published = points["source"] == PUBLISHED
    views = []
    for name, theirs in families:
        rows = points[(points["family"] == name) & (published == theirs)]
        sizes = rows.drop_duplicates("size")
        sizes = sizes.iloc[tables.scale(sizes).argsort(kind="stable")]
        columns = sizes[["size", "parameters", "training_flops"]]
        views.append(
            {"name": name, "published": theirs, "key": f"published:{name}" if theirs else name}
            | look_view(looks[name])
            | {
                "sizes": [
                    [size, known(parameters), known(flops)]
                    for size, parameters, flops in columns.itertuples(index=False, name=None)
                ]
            }
        )
    return views


def curves_of(points: pd.DataFrame, metrics: Sequence[str]) -> dict[Key, dict[int, Any]]:
    """Series of values by curve and by the place of their metric, sizes in ascending order.

    Returns
    -------
    dict
        Each series holds lists ``size`` (by name), ``value``, ``low`` and ``high``, the largest
        number of items ``n``, ``chance``, and ``flags`` by place in these lists.
    """
    places = {name: place for place, name in enumerate(metrics)}
    made: dict[Key, dict[int, Any]] = {}
    ordered = points.iloc[tables.scale(points).argsort(kind="stable")]
    for (*key, metric), rows in ordered.groupby([*CURVE, "metric"], sort=False):
        family, source, task, variant = map(str, key)
        series: dict[str, Any] = {"size": rows["size"].tolist()}
        series |= {name: [known(v) for v in rows[name]] for name in ("value", "low", "high")}
        series |= {"n": known(rows["n"].max()), "chance": known(rows["chance"].mean())}
        series["flags"] = {place: flags for place, flags in enumerate(rows["flags"]) if flags}
        made.setdefault((family, source, task, variant), {})[places[str(metric)]] = series
    return made


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
