"""Files of Wu and Lo (2024): means of released models over ten groups of items by difficulty.

``data/TASK/*_10_redist.csv`` has one row for each model and a column ``FIRST_LAST_METRIC`` for each
group of items. Under accuracy the first group is the hardest; under the Brier score, which is
better where it is lower, the first is the easiest. Groups are numbered here from the hardest, 0.
Models sorted the items, those that are drawn among them, so part of the differences between groups
is selection.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ushaped.atlas.points import LeftOut, Point, Read
from ushaped.atlas.sources import PublishedSet
from ushaped.errors import UserError
from ushaped.report.text import plural
from ushaped.results.numbers import metric_prefix
from ushaped.results.text_files import number, read_csv

COLUMN = re.compile(r"(?P<first>\d+)_(?P<last>\d+)_(?P<metric>acc|brier)")
METRICS = {"acc": "accuracy", "brier": "brier"}
PARAMETERS, TOKENS, FLOPS = "Model Size (B)", "Pretraining Data Size (T)", "FLOPs (1E21)"
HEAD = ("Model", "Model Family", PARAMETERS, TOKENS, FLOPS)
PROTOCOL = "choices compared by log-likelihood"


def read(name: str, published: PublishedSet, folder: Path) -> Read:
    """Points of every model and group of items."""
    points: list[Point] = []
    left_out: list[LeftOut] = []
    for path in sorted((folder / "data").rglob("*_10_redist.csv")):
        try:
            found = _table(path, name, published.commit)
        except UserError as error:
            left_out.append(LeftOut(name, path.name, str(error).replace(f"{folder}/", "")))
            continue
        points += found.points
        left_out += found.left_out
    return Read(points, left_out)


def _table(path: Path, name: str, commit: str) -> Read:
    header, rows = read_csv(path, HEAD)
    groups = [found for column in header if (found := COLUMN.fullmatch(column))]
    if not groups:
        what = "has no column FIRST_LAST_acc or FIRST_LAST_brier"
        raise UserError(str(path), what, "take the files of the commit in literature/atlas.yaml")
    ranks = range(len(groups))
    if groups[0]["metric"] == "brier":
        ranks = ranks[::-1]
    points: list[Point] = []
    without_values: list[str] = []
    without_compute: list[str] = []
    for row in rows:
        if not row["Model"]:
            # Empty rows set models of one table apart.
            continue
        measured = [group for group in groups if row[group.group()]]
        if not measured:
            without_values.append(row["Model"])
            continue
        if not row[FLOPS]:
            without_compute.append(row["Model"])
            continue
        shared = _model(path, row) | {"set": name, "task": path.parent.name, "commit": commit}
        points += [
            Point(
                **shared,
                part=str(rank),
                metric=METRICS[group["metric"]],
                value=number(path, row, group.group()),
                n=int(group["last"]) - int(group["first"]),
            )
            for rank, group in zip(ranks, groups, strict=True)
            if group in measured
        ]
    reasons = {
        "no values": without_values,
        "unknown compute, so no place on an axis": without_compute,
    }
    what = f"{path.parent.name}, {METRICS[groups[0]['metric']]}"
    left_out = [
        LeftOut(name, what, f"{plural(len(models), 'model')}, {models[0]} the first: {reason}")
        for reason, models in reasons.items()
        if models
    ]
    return Read(points, left_out)


def _model(path: Path, row: Mapping[str, str]) -> dict[str, Any]:
    def times(column: str, unit: float) -> float:
        return unit * number(path, row, column) if row[column] else math.nan

    parameters = times(PARAMETERS, 1e9)
    return {
        "corpus": row["Model Family"],
        "model": row["Model"],
        "run": "",
        "size": metric_prefix(parameters),
        "chance": math.nan,
        "parameters": parameters,
        "training_tokens": times(TOKENS, 1e12),
        "training_flops": times(FLOPS, 1e21),
        "token_multiple": math.nan,
        "validation_loss": math.nan,
        "protocol": PROTOCOL,
        "modified": "",
    }
