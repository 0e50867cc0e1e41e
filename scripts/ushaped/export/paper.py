"""The tables for papers: verdicts, numbers, prompt variants, and what papers say beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ushaped.export.table import NUMBER, TEXT, Group, Table
from ushaped.report.tasks import SHOWN
from ushaped.report.text import FLAGS, in_order, listing
from ushaped.results import tables
from ushaped.results.folder import Results
from ushaped.results.numbers import (
    MISSING,
    by_metric,
    number,
    p_value,
    probability,
    scientific,
    signed,
    whole_number,
)
from ushaped.terms import MAIN_VARIANT, NATS, PRIMARY, PUBLISHED

# What a table of numbers shows; the metric that judges the task comes first.
METRICS = (*PRIMARY, "distractor_share", "loss", "label_mass", "sequence_probability")

VERDICT_COLUMNS = [
    ("Equivalent", TEXT),
    ("p", NUMBER),
    ("Literal", TEXT),
    ("Statistical", TEXT),
    ("Holds to", NUMBER),
    ("q (U)", NUMBER),
    ("q (change)", NUMBER),
]
VERDICTS_SAID = (
    "Equivalent: the published-equivalent rule (a fall of more than {equivalence}, and the smaller "
    "of fall and rise at least {recovery} of the larger), with p, the share of bootstrap draws "
    "that give the same verdict. Literal: any fall and any rise up to the largest size. "
    "Statistical: what tests at 5% allow to be said of models trained this way. Holds to: the "
    "largest standard deviation between training runs, in points or nats, at which the verdict on "
    "these very models stands. q (U) and q (change): p-values of a U and of any change, corrected "
    "for many tasks (Benjamini and Hochberg)."
)


def paper_tables(results: Results) -> dict[str, list[Table]]:
    """All tables, by the name of their file.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict of str to list of Table
        ``verdicts-SOURCE``, ``numbers-SOURCE`` and ``protocols-SOURCE`` for every source of items,
        and ``published``.
    """
    files: dict[str, list[Table]] = {}
    for source in sorted({edition.source for edition in tables.editions(results.metrics)}):
        files[f"verdicts-{source}"] = [verdict_table(results, source)]
        files[f"numbers-{source}"] = number_tables(results.metrics, source)
        files[f"protocols-{source}"] = [protocol_table(results.protocols, source)]
    return files | {PUBLISHED: published_tables(results)}


# -- verdicts -------------------------------------------------------------------------------------


def verdict_table(results: Results, source: str) -> Table:
    """Verdicts on the main variant, tasks by families, under both rules and by the tests."""
    rows = results.shapes[results.shapes["source"] == source]
    main = tables.order_variants(rows["variant"])[0]
    rows = rows[rows["variant"] == main]
    groups = [
        Group("", [[task, str(row["family"]), *_verdicts(row)] for row in _sorted(own, "family")])
        for task, own in _by_task(rows)
    ]
    several = rows["family"].nunique() > 1
    return Table(
        name=f"verdicts-{source}",
        caption=f"Shape of every scaling curve on {source} items, asked {main}"
        f"{_protocol_said(rows)}. {_verdicts_said(results)}",
        columns=[("Task", TEXT), ("Family", TEXT), *VERDICT_COLUMNS],
        groups=groups if several else _joined(groups),
        notes=_flag_notes(rows),
    )


def _verdicts(row: pd.Series) -> list[str]:
    return [
        str(row["equivalent"]) or MISSING,
        probability(tables.verdict_probability(row)),
        str(row["literal"]) or MISSING,
        str(row["statistical"]) or MISSING,
        signed(row["tipping_point"], str(row["metric"])).lstrip("+") or MISSING,
        p_value(row["qvalue_u"]),
        p_value(row["qvalue_change"]),
    ]


def _verdicts_said(results: Results) -> str:
    settings = results.config.get("shapes") or {}
    known = {name: number(settings.get(name)) for name in ("equivalence", "recovery")}
    return VERDICTS_SAID.format(**known)


def _protocol_said(rows: pd.DataFrame) -> str:
    names = sorted(set(rows["protocol"]))
    return f" ({listing(names)} protocol)" if names else ""


def _flag_notes(rows: pd.DataFrame) -> list[str]:
    """One line per flag: the curves that have it, and what it means."""
    curves: dict[str, list[str]] = {}
    several = rows["family"].nunique() > 1
    for _, row in rows.iterrows():
        name = f"{row['task']}, {row['family']}" if several else str(row["task"])
        for flag in filter(None, str(row["flags"]).split(";")):
            curves.setdefault(flag, []).append(name)
    return [
        f"{flag} ({'; '.join(curves[flag])}): {FLAGS.get(flag, flag)}." for flag in in_order(curves)
    ]


# -- numbers --------------------------------------------------------------------------------------


def number_tables(metrics: pd.DataFrame, source: str) -> list[Table]:
    """What was measured on the items of a source, one table per task."""
    rows = metrics[(metrics["source"] == source) & (metrics["model"] == "")]
    return [_number_table(task, source, own) for task, own in _by_task(rows)]


def _number_table(task: str, source: str, rows: pd.DataFrame) -> Table:
    shown = [metric for metric in METRICS if metric in set(rows["metric"])]
    names = tables.order_variants(rows["variant"])
    groups = [
        _curve(own, shown)
        for _, family in rows.groupby("family")
        for own in (family[family["variant"] == variant] for variant in names)
        if len(own)
    ]
    percents = any(metric not in NATS for metric in shown)
    said = "Shares in percent; 95% intervals" if percents else "95% intervals"
    return Table(
        name=f"numbers-{source}-{task}",
        caption=f"Every size and prompt variant, with its protocol, on {task} ({source} items). "
        f"{said} over items in parentheses; values are means over training seeds.",
        columns=[
            ("Size", TEXT),
            ("Training FLOPs", NUMBER),
            ("Items", NUMBER),
            *((_head(metric), NUMBER) for metric in shown),
        ],
        groups=groups,
        notes=_modified_notes(rows),
    )


def _curve(rows: pd.DataFrame, shown: Sequence[str]) -> Group:
    """The sizes of one family and variant."""
    rows = rows.iloc[tables.scale(rows).argsort(kind="stable")]
    first = rows.iloc[0]
    label = tables.variant_label(str(first["variant"]), str(first["protocol"]))
    lines = []
    for size, own in rows.groupby("size", sort=False):
        cells = {row["metric"]: _with_interval(row) for row in own.to_dict("records")}
        flops, items = own.iloc[0][["training_flops", "n"]]
        told = [str(size), scientific(flops), whole_number(items)]
        lines.append([*told, *(cells.get(metric, MISSING) for metric in shown)])
    return Group(f"{first['family']}, {label}", lines)


def _head(metric: str) -> str:
    unit = "" if metric in NATS else " (%)"
    return f"{SHOWN[metric]}{unit}"


def _with_interval(row: Mapping[Any, Any]) -> str:
    metric = str(row["metric"])
    value, low, high = (_value(row[name], metric) for name in ("value", "low", "high"))
    return value if MISSING in (low, high) else f"{value} ({low}, {high})"


def _value(value: float, metric: str) -> str:
    """A loss or log odds in nats, a share in percent; without the sign of its unit."""
    return by_metric(value, metric).removesuffix("%")


def _modified_notes(rows: pd.DataFrame) -> list[str]:
    """What was modified, one line per variant that follows another protocol."""
    told: dict[str, set[str]] = {}
    for variant, modified in zip(rows["variant"], rows["modified"], strict=True):
        if modified:
            told.setdefault(str(variant), set()).add(str(modified))
    return [
        f"{variant}: {'; '.join(sorted(told[variant]))}." for variant in tables.order_variants(told)
    ]


# -- prompt variants ------------------------------------------------------------------------------


def protocol_table(protocols: pd.DataFrame, source: str) -> Table:
    """Every prompt variant against its baseline."""
    rows = protocols[(protocols["source"] == source) & (protocols["base_variant"] != "")]
    known = rows[rows["base_equivalent"] != ""]
    groups = []
    for family, of_family in known.groupby("family"):
        for task, own in _by_task(of_family):
            lines = [_comparison(row) for row in _sorted(own, "variant")]
            groups.append(Group(f"{task}, {family}", lines))
    return Table(
        name=f"protocols-{source}",
        caption=f"Every prompt variant against its baseline ({MAIN_VARIANT}; for written answers "
        f"log-likelihoods after the same prompt), {source} items: verdicts of the "
        "published-equivalent rule with the share of bootstrap draws that give them (a change is "
        "settled where each of the two has 95%); value at the largest size and its difference to "
        "that of the baseline, with 95% bootstrap intervals, the same items drawn for both "
        "(shares in percent, losses in nats).",
        columns=[
            ("Variant (protocol)", TEXT),
            ("Baseline verdict", TEXT),
            ("Verdict", TEXT),
            ("Changed", TEXT),
            ("Value", NUMBER),
            ("Difference", NUMBER),
        ],
        groups=groups,
        notes=_modified_notes(known),
    )


def _comparison(row: pd.Series) -> list[str]:
    metric = str(row["metric"])
    ends = {"low": "difference_low", "high": "difference_high", "value": "difference"}
    difference = {name: row[column] for name, column in ends.items()} | {"metric": metric}
    return [
        tables.variant_label(str(row["variant"]), str(row["protocol"])),
        _likely(row["base_equivalent"], row["base_p"]),
        _likely(row["equivalent"], row["p"]),
        _changed(row),
        _with_interval(dict(row)),
        _with_interval(difference),
    ]


def _changed(row: pd.Series) -> str:
    settled = row["flips"] == "yes" and row["settled"] == "yes"
    return "yes, settled" if settled else str(row["flips"]) or MISSING


def _likely(shape: str, share: float) -> str:
    return f"{shape} ({probability(share)})" if shape else MISSING


# -- the literature -------------------------------------------------------------------------------


def published_tables(results: Results) -> list[Table]:
    """Series whose shapes a paper has named: their numbers, then its verdicts beside ours."""
    found = []
    for series, rows in results.labels.groupby("series", sort=False):
        found.append(_value_table(results, str(series)))
        labels = dict(zip(rows["task"], rows["verdict"], strict=True))
        found.append(_label_table(results, str(series), labels))
    return found


def _value_table(results: Results, series: str) -> Table:
    """What was published of a series, tasks by sizes."""
    points = results.published[results.published["series"] == series]
    points = points[points["metric"].isin(PRIMARY)].sort_values("training_flops")
    sizes = [str(size) for size in dict.fromkeys(points["size"])]
    rows = []
    for task, own in _by_task(points):
        metric = tables.primary_metric(own)
        cells = {row["size"]: _value(row["value"], metric) for row in own.to_dict("records")}
        unit = "loss, nats" if metric in NATS else "accuracy, %"
        rows.append([task, unit, *(cells.get(size, MISSING) for size in sizes)])
    return Table(
        name=f"published-{series}-values",
        caption=f"Published results of {series} on official items, {MAIN_VARIANT}"
        f"{_protocol_said(points)}, by size. A lower loss is better.",
        columns=[("Task", TEXT), ("Unit", TEXT), *((size, NUMBER) for size in sizes)],
        groups=[Group("", rows)],
    )


def _label_table(results: Results, series: str, labels: Mapping[str, str]) -> Table:
    """The published verdicts on a series beside ours from the same numbers."""
    shapes = results.shapes
    rows = shapes[(shapes["family"] == series) & (shapes["source"] == PUBLISHED)]
    lines = [
        [task, labels.get(task, MISSING), *_verdicts(own.iloc[0])] for task, own in _by_task(rows)
    ]
    return Table(
        name=f"published-{series}-verdicts",
        caption=f"The published verdict on each curve of {series}, and ours from the published "
        f"numbers ({MAIN_VARIANT}{_protocol_said(rows)}, official items). "
        f"{_verdicts_said(results)}",
        columns=[("Task", TEXT), ("Published", TEXT), *VERDICT_COLUMNS],
        groups=[Group("", lines)],
        notes=_flag_notes(rows),
    )


# -- order ----------------------------------------------------------------------------------------


def _by_task(rows: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    """Rows task by task, in the order of the paper."""
    for task in tables.order_tasks(rows["task"]):
        yield task, rows[rows["task"] == task]


def _sorted(rows: pd.DataFrame, column: str) -> list[pd.Series]:
    """Rows by family, or by variant in reading order."""
    names = sorted(set(rows[column]))
    order = tables.order_variants(names) if column == "variant" else names
    return sorted((row for _, row in rows.iterrows()), key=lambda row: order.index(row[column]))


def _joined(groups: Sequence[Group]) -> list[Group]:
    """All rows without space between the groups."""
    return [Group("", [row for group in groups for row in group.rows])]
