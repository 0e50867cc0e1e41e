"""Curves of the metrics table and of the published series, and the answers behind the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ushaped.axes import COMPUTE, PARAMETERS, Axis
from ushaped.errors import UserError
from ushaped.metrics.definitions import CONSTANT
from ushaped.results.columns import KEY, METRICS, SERIES, CurveKey
from ushaped.results.parquet import ITEMS
from ushaped.results.tables import CHANCE, read_lines
from ushaped.results.text_files import AGAIN
from ushaped.shapes.curves import PUBLISHED_POINTS, Answers, Curve
from ushaped.shapes.data import Items
from ushaped.shapes.rules import Floats
from ushaped.terms import FLOPS, MAIN_VARIANT, PUBLISHED, SIGNS

BY_PARAMETERS = "ordered-by-parameters"
# What a flag of a size is called where it is one of a curve.
NAMES = {"published": PUBLISHED_POINTS}


def read_metrics(path: Path, axis: Axis | None = None) -> list[Curve]:
    """Curves of the metrics table: the metric that judges a task over the sizes of a family.

    With an ``axis`` the table is one of `ushaped.metrics.regroup`, and its points are ordered by
    that column.

    Raises
    ------
    UserError
        With file and row, if a cell is wrong, a curve mixes protocols, or two of its sizes stand at
        one place of the scale.
    """
    table = read_lines(path, axis.columns(METRICS) if axis else METRICS)
    table = table[table["metric"].isin(list(SIGNS))]
    single, pooled = table[table["model"] != ""], table[table["model"] == ""]
    models = single.groupby([*KEY, "size"])["model"].agg(tuple).to_dict()
    return [
        _measured(path, CurveKey(*map(str, key)), rows, models, axis)
        for key, rows in pooled.groupby(list(KEY), sort=False)
    ]


def _measured(
    path: Path,
    key: CurveKey,
    rows: pd.DataFrame,
    models: Mapping[Any, tuple[str, ...]],
    axis: Axis | None,
) -> Curve:
    """The curve of the pooled rows of one key; ``models`` are those of each key and size."""
    # Parameters order sizes where the compute of any is not known.
    scale = axis or (COMPUTE if rows[FLOPS].notna().all() else PARAMETERS)
    rows = _in_order(path, key, rows, scale)
    sizes = tuple(rows["size"])
    flags = [
        (size, flag)
        for size, cell in zip(sizes, rows["flags"], strict=True)
        for flag in cell.split(";")
    ]
    return Curve(
        *key,
        protocol=_shared(path, key, rows, "protocol"),
        modified=_shared(path, key, rows, "modified"),
        metric=_shared(path, key, rows, "metric"),
        sizes=sizes,
        flops=rows[FLOPS].to_numpy(),
        parameters=rows[PARAMETERS.column].to_numpy(),
        chance=float(rows["chance"].iloc[0]),
        values=_finite(path, rows, "value"),
        n=int(_shared(path, key, rows, "n")),
        flags=(
            *(NAMES.get(flag, flag) for _, flag in flags if flag != CONSTANT),
            *([BY_PARAMETERS] if scale is PARAMETERS and not axis else []),
        ),
        models=tuple(models.get((*key, size), ()) for size in sizes),
        constant=tuple(size for size, flag in flags if flag == CONSTANT),
        along=axis,
        points=rows[axis.column].to_numpy() if axis else None,
    )


def read_published(path: Path) -> list[Curve]:
    """Curves of the published series (`literature/series.csv`), all of the main variant.

    Raises
    ------
    UserError
        With file and row: a wrong cell, more right answers than items, a count that contradicts
        the value, or one scale twice.
    """
    table = read_lines(path, SERIES)
    chance = table[table["series"] == CHANCE].set_index(["task", "metric"])["value"].to_dict()
    table = table[(table["series"] != CHANCE) & table["metric"].isin(list(SIGNS))]
    _check_counts(path, table)
    return [
        _published(path, CurveKey(str(series), PUBLISHED, str(task), MAIN_VARIANT), rows, chance)
        for (series, task), rows in table.groupby(["series", "task"], sort=False)
    ]


def _published(path: Path, key: CurveKey, rows: pd.DataFrame, chance: Mapping[Any, float]) -> Curve:
    rows = _in_order(path, key, rows, COMPUTE)
    metric, n = _shared(path, key, rows, "metric"), _shared(path, key, rows, "n")
    counted = rows["k"].notna().all()
    return Curve(
        *key,
        protocol=_shared(path, key, rows, "protocol"),
        modified="",
        metric=metric,
        sizes=tuple(rows["size"]),
        flops=rows[FLOPS].to_numpy(),
        parameters=rows[PARAMETERS.column].to_numpy(),
        chance=chance.get((key.task, metric), float("nan")),
        values=_finite(path, rows, "value"),
        n=None if np.isnan(n) else int(n),
        flags=("relabelled-sizes",) if (rows["plotted_size"] != rows["size"]).any() else (),
        right=rows["k"].to_numpy().astype(np.int64) if counted else None,
        items=rows["n"].to_numpy().astype(np.int64) if counted else None,
    )


def read_items(path: Path) -> dict[CurveKey, Answers]:
    """Answers of all models, by curve.

    Raises
    ------
    UserError
        If models of one family were not given the same items.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(str(path), f"is not readable Parquet ({error})", AGAIN) from None
    for column in ITEMS.names:
        if column not in table.column_names:
            raise UserError(str(path), f"column '{column}' is missing", AGAIN)
    frame = table.select(ITEMS.names).to_pandas()
    frame = frame.astype(dict.fromkeys([*KEY, "model"], "category"))
    frame = frame.sort_values([*KEY, "model", "item"], kind="stable")
    curves = frame.groupby(list(KEY), sort=False, observed=True)
    keys = {CurveKey(*map(str, names)): rows for names, rows in curves}
    return {key: _answers(path, key, rows) for key, rows in keys.items()}


def _answers(path: Path, key: CurveKey, rows: pd.DataFrame) -> Answers:
    """The answers of the models of one curve; rows stand model by model, items increasing."""
    starts = [0, *(np.flatnonzero(np.diff(rows["model"].cat.codes)) + 1)]
    labels = [str(rows["model"].iloc[start]) for start in starts]
    items = np.split(rows["item"].to_numpy(), starts[1:])
    for label, own in zip(labels, items, strict=True):
        if not np.array_equal(own, items[0]):
            raise UserError(
                f"{path}, {key}",
                f"models '{labels[0]}' and '{label}' have different items",
                "score all models of a family on the same items",
            )
    # Clusters and right answers belong to the items, so they are the same for every model.
    first = rows.iloc[: len(items[0])]
    return Answers(
        items[0],
        {label: place for place, label in enumerate(labels)},
        rows["correct"].to_numpy().reshape(len(labels), -1),
        first["cluster"].to_numpy(),
        first["answer"].to_numpy(),
        rows["distractor"].to_numpy().reshape(len(labels), -1),
    )


def items_by_size(curve: Curve, answers: Answers) -> Items:
    """Answers of a curve's models, with the models of one size in adjacent rows."""
    order = [answers.models[name] for names in curve.models for name in names]
    distractor = None if answers.distractor is None else answers.distractor[order]
    return Items(answers.correct[order], curve.model_rows, answers.clusters, distractor)


# -- checks ---------------------------------------------------------------------------------------


def _finite(path: Path, rows: pd.DataFrame, column: str) -> Floats:
    """A column of finite numbers."""
    for line, value in rows[column].items():
        if not np.isfinite(value):
            raise UserError(f"{path}, line {line}", f"{column} is {_cell(value)}", "give a number")
    return rows[column].to_numpy()


def _in_order(path: Path, key: CurveKey, rows: pd.DataFrame, axis: Axis) -> pd.DataFrame:
    """Rows in the order of an axis, on which all of them stand at different values."""
    rows = rows.sort_values(axis.column, kind="stable")
    scale = _finite(path, rows, axis.column)
    for line, value in zip(rows.index, scale, strict=True):
        if do := axis.complaint(value):
            raise UserError(f"{path}, line {line}", f"{axis.column} is {_cell(value)}", do)
    points = zip(rows.index, rows["size"], scale, strict=True)
    for (_, size, value), (line, other, next_value) in pairwise(points):
        if value == next_value:
            raise UserError(
                f"{path}, line {line}",
                f"sizes '{size}' and '{other}' of {key} have the same {axis.noun} ({value:g})",
                "a curve needs one point per scale: correct or remove one",
            )
    return rows


def _shared(path: Path, key: CurveKey, rows: pd.DataFrame, column: str) -> Any:
    """The one value of a column."""
    values = rows[column].unique()
    if len(values) > 1:
        raise UserError(
            f"{path}, {key}",
            f"its sizes differ in {column} ({' and '.join(map(_cell, sorted(values)))})",
            "a curve must be measured alike at every size",
        )
    return values[0]


def _check_counts(path: Path, rows: pd.DataFrame) -> None:
    """Right answers are no more than the items, and their share is the value."""
    for line, row in rows[rows["k"].notna()].iterrows():
        k, n, value = row["k"], row["n"], row["value"]
        if not 0 <= k <= n or n < 1:
            what = f"k is {k:g} of n {n:g}"
            raise UserError(f"{path}, line {line}", what, "correct k or n")
        # Published percentages have one decimal.
        if abs(k / n - value) > 0.001:
            what = f"k / n is {k / n:.4f} but value is {value:g}"
            raise UserError(f"{path}, line {line}", what, "correct k, n or value")


def _cell(value: str | float) -> str:
    """A cell as a message quotes it."""
    if isinstance(value, str):
        return f"'{value}'"
    return "''" if np.isnan(value) else f"'{value:.10g}'"
