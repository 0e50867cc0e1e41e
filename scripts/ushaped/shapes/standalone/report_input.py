"""Curves of ``report.json``: from the items of the same results where they lie beside it.

Alone it holds no items, so that a share becomes a number of right answers, and what is no share, or
a mean over training seeds, cannot be judged again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ushaped.axes import BY_COLUMN, COMPUTE
from ushaped.errors import UserError
from ushaped.shapes.curves import Curve, values_by_model
from ushaped.shapes.data import Data
from ushaped.shapes.read import items_by_size, read_items, read_metrics
from ushaped.shapes.standalone.reading import Reading, Wanted
from ushaped.shapes.standalone.rows import is_text
from ushaped.shapes.standalone.table_input import CurveLabels, curve_from_counts
from ushaped.terms import AVERAGE, PUBLISHED

FORMAT, MAJOR = "ushaped-report", "1"
ITEMS, METRICS = "items.parquet", "metrics.csv"
# Numbers of a report have ten significant digits.
EXACT = 1e-9


def is_report(content: Any) -> bool:
    """Whether JSON content is a report of this workflow."""
    return isinstance(content, dict) and content.get("format") == FORMAT


def read_report(path: Path, content: Mapping[str, Any], wanted: Wanted) -> Reading:
    """The measured curves of a report.

    Ten-task averages are means over tasks and published series have no models, so neither is
    read again.

    Raises
    ------
    UserError
        If the report is of another version, or its curves do not run along ``wanted.axis``.
    """
    version = str(content.get("version"))
    if version.split(".")[0] != MAJOR:
        what = f"version is '{version}', not {MAJOR}.x"
        raise UserError(str(path), what, "read it with the release that wrote it")
    if wanted.axis not in (None, COMPUTE):
        do = "leave --axis out; other axes are in its own 'axes'"
        raise UserError(str(path), "has curves along the sizes of a family", do)
    if (path.parent / ITEMS).is_file() and (path.parent / METRICS).is_file():
        return _from_items(path.parent, wanted)
    curves = content.get("curves")
    if not isinstance(curves, list):
        raise UserError(f"{path}, curves", "is no list", "run the step again that wrote it")
    return _from_counts(path, curves, wanted)


def _is_wanted(family: str, task: str, wanted: Wanted) -> bool:
    return wanted.family in ("", family) and wanted.task in ("", task)


def _from_items(folder: Path, wanted: Wanted) -> Reading:
    """Curves with their items, those of points that were not measured left out."""
    reading = Reading()
    answers = read_items(folder / ITEMS)
    for curve in read_metrics(folder / METRICS):
        if curve.task == AVERAGE or not _is_wanted(curve.family, curve.task, wanted):
            continue
        own = answers.get(curve.key)
        if own is None:
            what = f"has no items of {curve.key}"
            reading.left_out.append(UserError(str(folder / ITEMS), what, "run the step again"))
            continue
        measured = curve.without_published()
        if len(measured.sizes) < len(curve.sizes):
            published = [size for size in curve.sizes if size not in measured.sizes]
            note = f"left out, since only published: {', '.join(published)}"
            measured = replace(measured, flags=(*measured.flags, note))
        try:
            values_by_model(measured, {curve.key: own})
        except UserError as error:
            reading.left_out.append(error)
            continue
        reading.curves.append((measured, items_by_size(measured, own)))
    return reading


def _from_counts(path: Path, curves: Sequence[Mapping[str, Any]], wanted: Wanted) -> Reading:
    """Curves without items, as numbers of right answers."""
    reading = Reading()
    for number, record in enumerate(curves):
        where = f"{path}, curves[{number}]"
        try:
            if record["source"] == PUBLISHED or record["task"] == AVERAGE:
                continue
            if _is_wanted(record["family"], record["task"], wanted):
                reading.curves.append(_counted(where, record))
        except UserError as error:
            reading.left_out.append(error)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            reading.left_out.append(UserError(where, "is no curve of a report", "run it again"))
    return reading


def _counted(where: str, record: Mapping[str, Any]) -> tuple[Curve, Data]:
    name = "/".join(record[key] for key in ("family", "source", "task", "variant"))
    do = f"keep {ITEMS} and {METRICS} beside the report"
    if record["metric"] != "accuracy":
        raise UserError(f"{where}, {name}", "its values are no shares of items", do)
    if max(record["seeds"] or [1]) > 1:
        raise UserError(f"{where}, {name}", "its values are means over training seeds", do)
    n, axis = int(record["n"]), BY_COLUMN[record["scale"]]
    values, at = (np.array(record[key], dtype=np.float64) for key in ("values", "at"))
    if not len(values) == len(at) == len(record["sizes"]) or not all(map(is_text, record["sizes"])):
        raise ValueError("its lists do not belong together")
    if n < 1 or any(map(axis.complaint, at)) or (np.diff(at) <= 0).any():
        raise UserError(f"{where}, {name}", "its sizes do not stand in order", "run the step again")
    right = np.rint(values * n)
    # A share that is no number is equal to none.
    if not (np.abs(right / n - values) <= EXACT).all() or not ((right >= 0) & (right <= n)).all():
        raise UserError(f"{where}, {name}", f"its values are no shares of {n} items", do)
    chance = record["chance"]
    labels = CurveLabels(
        f"{where}, {name}",
        **{key: record[key] for key in ("family", "source", "task", "variant", "protocol")},
        modified=record["modified"],
        metric="accuracy",
        axis=axis,
        chance=math.nan if chance is None else chance,
    )
    notes = (*record["flags"], "items are not beside the report: answers count as independent")
    counts = right.astype(np.int64), np.full(len(right), n)
    return curve_from_counts(labels, record["sizes"], at.tolist(), *counts, notes)
