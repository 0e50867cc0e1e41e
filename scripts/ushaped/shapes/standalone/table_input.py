"""Curves from a table of numbers, and such a table from curves.

The columns of a file decide what it contains; see `FORMS` and `OPTIONAL`. Anything that is read
differently from what the file says is noted in a curve's flags.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ushaped.axes import AXES, COMPUTE, PARAMETERS, Axis
from ushaped.errors import UserError
from ushaped.files import whole
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Counts, Data, Items, Means
from ushaped.shapes.read import BY_PARAMETERS
from ushaped.shapes.rules import Floats, Ints
from ushaped.shapes.standalone.rows import (
    LARGEST_COUNT,
    Row,
    check_columns,
    columns_of,
    number_in,
    position,
    positive_number,
    read_table,
)
from ushaped.terms import SIGNS

# Source of the curves of a table.
GIVEN = "given"

COUNTS, MEANS, FILES, ITEMS = "counts", "means", "files", "items"
FORMS = {
    COUNTS: ("scale", "k", "n"),
    MEANS: ("scale", "mean", "error"),
    FILES: ("scale", "file"),
    ITEMS: ("scale", "item", "correct"),
}
"""Required columns of each form; ``error`` is a standard error."""

SCALE_COLUMNS = {axis.column: axis for axis in AXES.values()} | {
    name.replace("-", "_"): axis for name, axis in AXES.items()
}
"""Columns that may stand in place of ``scale``, and the axis that each names."""

NAMES = ("family", "task", "protocol", "chance", "size")
OPTIONAL = {
    COUNTS: NAMES,
    MEANS: NAMES,
    FILES: (*NAMES, "seed"),
    ITEMS: (*NAMES, "seed", "part"),
}

_FORM_OF: dict[type, str] = {Counts: COUNTS, Means: MEANS, Items: ITEMS}


@dataclass(frozen=True)
class CurveLabels:
    """Properties of a curve other than its points; ``where`` is its file and name, for messages.

    The scale is a value on ``axis``; ``chance`` is NaN where unknown. ``variant`` and ``modified``
    are "" unless the curve is of this workflow.
    """

    where: str
    family: str
    source: str
    task: str
    protocol: str
    metric: str
    axis: Axis
    chance: float
    variant: str = ""
    modified: str = ""

    @property
    def is_share(self) -> bool:
        """Whether values are shares of 1."""
        return self.metric == "accuracy"


@dataclass(frozen=True)
class ModelAnswers:
    """One model's value on each item, in the metric's own unit."""

    name: str
    size: str
    scale: float
    values: Mapping[str, float]


def read_curves(
    path: Path,
    family: str = "",
    task: str = "",
    metric: str = "accuracy",
    chance: float = math.nan,
    axis: Axis | None = None,
) -> list[tuple[Curve, Data]]:
    """Curves of a CSV or JSONL file with the columns of one of `FORMS`, in its order.

    Parameters
    ----------
    path : Path
    family, task : str
        Names of the curve; where the file has a column of that name, the one to select.
    metric : str
        One of `ushaped.terms.SIGNS`; decides whether higher is better.
    chance : float
        Value of guessing evenly, where the file has no such column; NaN if unknown.
    axis : Axis, optional
        What ``scale`` is; by default training FLOPs, or what the column that stands in its place is
        named after (`SCALE_COLUMNS`).

    Raises
    ------
    UserError
        With file and line, for anything that would make the verdict wrong.
    """
    return curves_of_rows(path, read_table(path), family, task, metric, chance, axis)


def curves_of_rows(
    path: Path,
    rows: list[Row],
    family: str = "",
    task: str = "",
    metric: str = "accuracy",
    chance: float = math.nan,
    axis: Axis | None = None,
    left_out: list[UserError] | None = None,
) -> list[tuple[Curve, Data]]:
    """Curves of the rows of a table; parameters as of `read_curves`.

    Parameters
    ----------
    path : Path
        Name of the table in messages; its stem is the task where nothing else names one.
    rows : list of Row
    left_out : list of UserError, optional
        If given, curves with an error and models without a scale are left out, and added to it.

    Raises
    ------
    UserError
        With file and line, if nothing can be read; without ``left_out``, for the first error.
    """
    rows, axis = _with_scale(path, rows, axis)
    form = _form(path, rows[0])
    selected = {
        name: value
        for name, value in (("family", family), ("task", task))
        if value and name in rows[0]
    }
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in _without_unknown_scales(rows, axis, left_out):
        key = (row.get("family", family or "models"), row.get("task", task or path.stem))
        groups.setdefault(key, []).append(row)
    wanted = {
        key: group
        for key, group in groups.items()
        if all(group[0][name] == value for name, value in selected.items())
    }
    if not wanted:
        names = ", ".join("/".join(key) for key in groups)
        what = f"has no such family or task; it has {names}"
        raise UserError(str(path), what, "name one of them")
    curves = []
    for (own_family, own_task), group in wanted.items():
        where = f"{path}, {own_family}/{own_task}"
        try:
            labels = CurveLabels(
                where,
                family=own_family,
                source=GIVEN,
                task=own_task,
                protocol=_common(where, group, "protocol"),
                metric=metric,
                axis=axis,
                chance=_chance(where, group, metric, chance),
            )
            curves.append(_READERS[form](labels, group))
        except UserError as error:
            if left_out is None:
                raise
            left_out.append(error)
    return curves


def _without_unknown_scales(
    rows: list[Row], axis: Axis, left_out: list[UserError] | None
) -> list[Row]:
    """Rows whose scale is not empty, the others named in ``left_out``; all if it is for all."""
    known = [row for row in rows if row["scale"]]
    if left_out is None or not known:
        return rows
    left_out += [
        UserError(position(row), "scale is ''", f"give its {axis.noun}")
        for row in rows
        if not row["scale"]
    ]
    return known


def _with_scale(path: Path, rows: list[Row], axis: Axis | None) -> tuple[list[Row], Axis]:
    """Rows with the column ``scale``, and its axis: a column may be named after another one."""
    named = [name for name in SCALE_COLUMNS if name in rows[0]]
    if "scale" in rows[0] or len(named) != 1:
        return rows, axis or COMPUTE
    (name,) = named
    found = SCALE_COLUMNS[name]
    if axis not in (None, found):
        what = f"column '{name}' is not the axis that is asked for, {axis.name}"
        raise UserError(str(path), what, "leave --axis and --parameters out, or rename the column")
    return [{"scale": row[name], **_without(row, name)} for row in rows], found


def _without(row: Row, column: str) -> Row:
    return {name: cell for name, cell in row.items() if name != column}


def curve_from_answers(
    labels: CurveLabels,
    models: Sequence[ModelAnswers],
    clusters: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> tuple[Curve, Items]:
    """A curve from the answers of models to the same items.

    Models of equal scale are training seeds of one size. Items that not every model has are left
    out, with a note. ``clusters`` maps items to parts.

    Raises
    ------
    UserError
        If fewer than half of the items are common to all models.
    """
    models = sorted(models, key=lambda model: model.scale)
    shared, left_out = _shared_items(labels.where, models)
    values = np.array([[model.values[item] for item in shared] for model in models])
    _check_shares(labels, values)
    scales = [model.scale for model in models]
    starts = [index for index, scale in enumerate(scales) if scale not in scales[:index]]
    members = tuple(tuple(range(*span)) for span in pairwise([*starts, len(models)]))
    curve = make_curve(
        labels,
        [models[start].size for start in starts],
        [scales[start] for start in starts],
        [float(values[list(rows)].mean()) for rows in members],
        n=len(shared),
        notes=(*notes, *left_out),
        models=tuple(tuple(models[row].name for row in rows) for rows in members),
    )
    parts = np.array([clusters[item] for item in shared]) if clusters else None
    return curve, Items(SIGNS[labels.metric] * values, members, parts)


def curve_from_counts(
    labels: CurveLabels,
    sizes: Sequence[str],
    scales: Sequence[float],
    right: Ints,
    items: Ints,
    notes: Sequence[str] = (),
) -> tuple[Curve, Counts]:
    """A curve of right answers and items, both of shape (sizes,)."""
    n: int | None = int(items[0])
    if (items != n).any():
        n, notes = None, (*notes, "the sizes have different numbers of items")
    curve = make_curve(labels, sizes, scales, right / items, n, notes, right=right, items=items)
    return curve, Counts(right, items)


def make_curve(
    labels: CurveLabels,
    sizes: Sequence[str],
    scales: Sequence[float],
    values: Sequence[float] | Floats,
    n: int | None,
    notes: Iterable[str] = (),
    **more: Any,
) -> Curve:
    """A curve of points in the order of their scale; ``more`` are fields of `Curve`.

    Raises
    ------
    UserError
        If a label stands for two sizes, or two scales are equal after the logarithm.
    """
    for size in sizes:
        if sizes.count(size) > 1:
            what = f"size '{size}' stands at several scales"
            raise UserError(labels.where, what, "give every scale a label of its own, or none")
    x, axis = np.array(scales, dtype=np.float64), labels.axis
    if len(set(axis.positions(x).tolist())) < len(x):
        what = "two of its scales differ by less than curves can show"
        raise UserError(labels.where, what, "give them one scale")
    return Curve(
        family=labels.family,
        source=labels.source,
        task=labels.task,
        variant=labels.variant,
        protocol=labels.protocol,
        modified=labels.modified,
        metric=labels.metric,
        sizes=tuple(sizes),
        flops=x if axis is COMPUTE else np.full(len(x), np.nan),
        along=axis,
        points=x,
        chance=labels.chance,
        values=np.array(values, dtype=np.float64),
        n=n,
        flags=(*([BY_PARAMETERS] if axis is PARAMETERS else []), *notes),
        **more,
    )


def scale_of(row: Row, axis: Axis) -> float:
    """The scale of a row; otherwise raises a UserError with file and line."""
    if not axis.from_zero:
        return positive_number(row, "scale")
    scale = number_in(row, "scale")
    if do := axis.complaint(scale):
        raise UserError(position(row), f"scale is {row['scale']}", do)
    return scale


def size_label(scale: float, axis: Axis) -> str:
    """Name of a size without a label.

    Examples
    --------
    >>> size_label(2.4e20, COMPUTE), size_label(1.3e9, PARAMETERS), size_label(540.0, PARAMETERS)
    ('2.4e20', '1.3B', '540')
    """
    if axis is not COMPUTE:
        for power, letter in ((12, "T"), (9, "B"), (6, "M"), (3, "k")):
            if scale >= 10**power:
                return f"{scale / 10**power:.6g}{letter}"
    return f"{scale:.6g}".replace("e+", "e")


# -- writing --------------------------------------------------------------------------------------


def write_curves(path: Path, curves: Sequence[tuple[Curve, Data]]) -> list[Path]:
    """Write curves such that `read_curves` reads them again; returns the files.

    Items and seeds are renumbered; metric and flags are lost. A file has one of `FORMS`, one metric
    and one axis; curves of several go to one file each, named after what differs.

    Raises
    ------
    UserError
        If a file cannot be written, or two curves have the same family and task.
    """
    kinds: dict[tuple[str, str, str], list[tuple[Curve, Data]]] = {}
    for curve, data in curves:
        kind = (_FORM_OF[type(data)], curve.metric, curve.axis.name)
        kinds.setdefault(kind, []).append((curve, data))
    differ = [len(set(names)) > 1 for names in zip(*kinds, strict=True)]
    paths = []
    for kind, members in kinds.items():
        parts = [name for name, several in zip(kind, differ, strict=True) if several]
        paths.append(path.with_name(f"{'-'.join([path.stem, *parts])}{path.suffix}"))
        _write(paths[-1], members)
    return paths


def _write(path: Path, curves: Sequence[tuple[Curve, Data]]) -> None:
    """Write curves of one form, metric and axis."""
    names = [(curve.family, curve.task) for curve, _ in curves]
    if twice := next((name for name in names if names.count(name) > 1), None):
        do = "select one with --family and --task, or give them names of their own"
        raise UserError("/".join(twice), "is the name of several curves", do)
    rows = [row for curve, data in curves for row in _rows(curve, data)]
    form, scale = FORMS[_FORM_OF[type(curves[0][1])]], _scale_column(curves[0][0].axis)
    columns = [*NAMES, scale, *(name for name in form if name != "scale"), "seed", "part"]
    try:
        with whole(path) as beside, open(beside, "w", encoding="utf-8", newline="") as out:
            present = [name for name in columns if name in rows[0]]
            writer = csv.DictWriter(out, present, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise UserError(str(path), what, "choose another file") from None


def _scale_column(axis: Axis) -> str:
    """The column of the scale: of an axis that is not the default one, its own name."""
    return "scale" if axis is COMPUTE else axis.column


def _rows(curve: Curve, data: Data) -> Iterable[dict[str, object]]:
    chance = "" if math.isnan(curve.chance) else curve.chance
    names = {"family": curve.family, "task": curve.task, "protocol": curve.protocol}
    scales = curve.scale_values.tolist()
    for index, (size, scale) in enumerate(zip(curve.sizes, scales, strict=True)):
        row = names | {"chance": chance, "size": size, _scale_column(curve.axis): scale}
        if isinstance(data, Counts):
            yield row | {"k": int(data.k[index]), "n": int(data.n[index])}
        elif isinstance(data, Means):
            yield row | {"mean": float(curve.values[index]), "error": float(data.errors[index])}
        else:
            by_seed = SIGNS[curve.metric] * data.values[list(data.members[index])]
            for seed, values in enumerate(by_seed.tolist()):
                for item, value in enumerate(values):
                    part = "" if data.clusters is None else int(data.clusters[item])
                    answer = {"item": item, "correct": f"{value:g}", "seed": seed, "part": part}
                    yield row | answer


# -- the four forms -------------------------------------------------------------------------------


def _read_counts(labels: CurveLabels, rows: list[Row]) -> tuple[Curve, Data]:
    if not labels.is_share:
        do = "leave --metric and --lower-is-better out, or give mean and error"
        raise UserError(labels.where, f"counts of right answers are no {labels.metric}", do)
    rows, sizes, scales, notes = _points(labels, rows)
    counts = []
    for row in rows:
        k, n = number_in(row, "k"), number_in(row, "n")
        if k != int(k) or n != int(n) or not 0 <= k <= n or not 1 <= n <= LARGEST_COUNT:
            what = f"{row['k']} of {row['n']} items are right"
            do = f"give whole numbers with 0 <= k <= n and n from 1 to {LARGEST_COUNT}"
            raise UserError(position(row), what, do)
        counts.append((int(k), int(n)))
    right, items = np.array(counts, dtype=np.int64).T
    return curve_from_counts(labels, sizes, scales, right, items, notes)


def _read_means(labels: CurveLabels, rows: list[Row]) -> tuple[Curve, Data]:
    rows, sizes, scales, notes = _points(labels, rows)
    values = np.array([number_in(row, "mean") for row in rows])
    errors = np.array([number_in(row, "error") for row in rows])
    _check_shares(labels, values)
    for row, error in zip(rows, errors, strict=True):
        if error <= 0:
            do = "give its standard error, above 0; of right answers give k and n instead"
            raise UserError(position(row), f"error is {row['error']}", do)
    return make_curve(labels, sizes, scales, values, None, notes), Means(errors)


def _read_files(labels: CurveLabels, rows: list[Row]) -> tuple[Curve, Data]:
    expanded = []
    for row in rows:
        path = Path(row["path"]).parent / row["file"]
        answers = read_table(path)
        check_columns(path, answers[0], ("item", "correct"), ("part",))
        model = {name: row[name] for name in ("scale", "size", "seed") if name in row}
        expanded += [answer | model for answer in answers]
    return _read_items(labels, expanded)


def _read_items(labels: CurveLabels, rows: list[Row]) -> tuple[Curve, Data]:
    sizes = _size_labels(labels, rows)
    models: dict[tuple[float, str], dict[str, float]] = {}
    parts: dict[str, int] = {}
    for row in rows:
        item = row["item"]
        values = models.setdefault((float(row["scale"]), row.get("seed", "")), {})
        if not item:
            raise UserError(position(row), "item is ''", "give each item a name or number")
        if item in values:
            what = f"item '{item}' is there twice at scale {row['scale']}"
            do = "remove one, or tell models of one scale apart by a column seed"
            raise UserError(position(row), what, do)
        values[item] = number_in(row, "correct")
        if row.get("part"):
            part = number_in(row, "part")
            whole_number = part == int(part) and abs(part) <= LARGEST_COUNT
            if not whole_number or parts.setdefault(item, int(part)) != part:
                what = f"part of item '{item}' is {row['part']}"
                do = "give a whole number, the same for all models"
                raise UserError(position(row), what, do)
    if parts and len(parts) < len({item for values in models.values() for item in values}):
        raise UserError(labels.where, "some items have no part", "give all of them one, or none")
    answers = [
        ModelAnswers(sizes[scale] + (f", seed {seed}" if seed else ""), sizes[scale], scale, values)
        for (scale, seed), values in models.items()
    ]
    notes = _sorting_note([model.scale for model in answers])
    return curve_from_answers(labels, answers, parts, notes)


_READERS = {COUNTS: _read_counts, MEANS: _read_means, FILES: _read_files, ITEMS: _read_items}

# -- checks ---------------------------------------------------------------------------------------


def _form(path: Path, first: Row) -> str:
    """Which of `FORMS` a file has."""
    for form, required in FORMS.items():
        if set(required) <= set(first):
            check_columns(path, first, required, OPTIONAL[form])
            return form
    forms = " or ".join(",".join(columns) for columns in FORMS.values())
    what = f"has the columns {', '.join(columns_of(first))}"
    raise UserError(str(path), what, f"give {forms}")


def _points(
    labels: CurveLabels, rows: list[Row]
) -> tuple[list[Row], list[str], list[float], tuple[str, ...]]:
    """One row per size in the order of their scale, with labels, scales and notes."""
    sizes = _size_labels(labels, rows)
    notes = _sorting_note([float(row["scale"]) for row in rows])
    rows = sorted(rows, key=lambda row: float(row["scale"]))
    scales = [float(row["scale"]) for row in rows]
    for (previous, scale), row in zip(pairwise(scales), rows[1:], strict=True):
        if previous == scale:
            what = f"scale {row['scale']} of {labels.family}/{labels.task} is there twice"
            do = "a curve needs one point per scale: correct, pool or remove one"
            raise UserError(position(row), what, do)
    return rows, [sizes[scale] for scale in scales], scales, notes


def _size_labels(labels: CurveLabels, rows: Iterable[Row]) -> dict[float, str]:
    """Label of each scale."""
    sizes: dict[float, str] = {}
    for row in rows:
        scale = scale_of(row, labels.axis)
        size = row.get("size") or size_label(scale, labels.axis)
        if sizes.setdefault(scale, size) != size:
            what = f"scale {row['scale']} has the sizes '{sizes[scale]}' and '{size}'"
            raise UserError(position(row), what, "give one label per scale")
    return sizes


def _sorting_note(scales: Sequence[float]) -> tuple[str, ...]:
    if list(scales) == sorted(scales):
        return ()
    return ("the sizes were not in the order of their scale, and were sorted",)


def _shared_items(where: str, models: Sequence[ModelAnswers]) -> tuple[list[str], tuple[str, ...]]:
    """Items that all models have, and a note if others were left out."""
    union = dict.fromkeys(item for model in models for item in model.values)
    shared = [item for item in union if all(item in model.values for model in models)]
    left_out = len(union) - len(shared)
    if not left_out:
        return shared, ()
    if left_out > len(shared):
        fewest = min(models, key=lambda model: len(model.values))
        what = (
            f"only {len(shared):,} of {len(union):,} items are common to all models "
            f"(fewest: {len(fewest.values):,} of '{fewest.name}')"
        )
        raise UserError(where, what, "give all models the same items")
    note = f"{left_out:,} of {len(union):,} items left out: not every model has them"
    return shared, (note,)


def _check_shares(labels: CurveLabels, values: Floats) -> None:
    wrong = values[(values < 0) | (values > 1)]
    if not labels.is_share or not wrong.size:
        return
    what, do = (
        "is no share",
        "give shares from 0 to 1, or name another --metric (--lower-is-better for a loss)",
    )
    if values.min() >= 0 and values.max() <= 100:
        what, do = "looks like percent", "give shares from 0 to 1: divide by 100"
    raise UserError(labels.where, f"a value is {wrong.flat[0]:g}, which {what}", do)


def _chance(where: str, rows: Sequence[Row], metric: str, default: float) -> float:
    chance = number_in(rows[0], "chance") if _common(where, rows, "chance") else default
    if metric == "accuracy" and not (math.isnan(chance) or 0 <= chance < 1):
        raise UserError(where, f"chance is {chance:g}", "give a share of 1, such as 0.5")
    return chance


def _common(where: str, rows: Iterable[Row], column: str) -> str:
    """The common text of an optional column; "" where there is no such column."""
    texts = sorted({row.get(column, "") for row in rows})
    if len(texts) > 1:
        listed = " and ".join(f"'{text}'" for text in texts[:3])
        do = "a curve must be measured alike at every size"
        raise UserError(where, f"its sizes differ in {column} ({listed})", do)
    return texts[0]
