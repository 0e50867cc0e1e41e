"""Curves from one file of numbers, for those who have nothing else; and such a file from curves.

The columns of a file say what it holds; see `FORMS` and `OPTIONAL`. Rows of JSON objects (JSONL)
do as well as CSV. What is read otherwise than it stands in the file is said in a curve's flags.
"""

from __future__ import annotations

import csv
import difflib
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ushaped.errors import UserError
from ushaped.files import whole
from ushaped.results.text_files import number
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Counts, Data, Items, Means
from ushaped.shapes.read import BY_PARAMETERS
from ushaped.shapes.rules import Floats, Ints
from ushaped.terms import SIGNS

Row = dict[str, str]

COUNTS, MEANS, FILES, ITEMS = "counts", "means", "files", "items"
FORMS = {
    COUNTS: ("scale", "k", "n"),
    MEANS: ("scale", "mean", "error"),
    FILES: ("scale", "file"),
    ITEMS: ("scale", "item", "correct"),
}
"""Columns by which a file is recognised; ``error`` is a standard error."""

NAMES = ("family", "task", "protocol", "chance", "size")
OPTIONAL = {
    COUNTS: NAMES,
    MEANS: NAMES,
    FILES: (*NAMES, "seed"),
    ITEMS: (*NAMES, "seed", "part"),
}
"""Columns that a file may have besides."""

_FORM_OF: dict[type, str] = {Counts: COUNTS, Means: MEANS, Items: ITEMS}

# What a row has besides its cells: where it stands.
OWN = ("path", "line")

# Larger files are seldom what was meant, and their rows would fill the memory.
LARGEST = 64 * 2**20

# What can be neither written as UTF-8 nor stand in XML.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

# Values and scales of another magnitude are mistakes, and their squares would not be finite.
LARGEST_NUMBER = 1e100

# Larger whole numbers are not exact as floating-point numbers.
LARGEST_COUNT = 2**53

COMMAS = "give a CSV file with commas and a line of column names, or JSONL"


@dataclass(frozen=True)
class About:
    """What is said of a curve besides its numbers.

    Attributes
    ----------
    where : str
        File and curve, for messages.
    family, source, task, protocol, metric : str
    by_parameters : bool
        Whether the scale is the number of parameters; else it is training FLOPs.
    chance : float
        NaN where it is not known.
    """

    where: str
    family: str
    source: str
    task: str
    protocol: str
    metric: str
    by_parameters: bool
    chance: float


@dataclass(frozen=True)
class Answered:
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
    by_parameters: bool = False,
) -> list[tuple[Curve, Data]]:
    """Curves of a file, in its order.

    Parameters
    ----------
    path : Path
        CSV or JSONL with the columns of one of `FORMS`.
    family, task : str
        Names of the curve; where the file has a column of that name, the one to be read of it.
    metric : str
        One of `ushaped.metrics.definitions.SIGNS`; says whether higher is better.
    chance : float
        Value of guessing evenly, where the file has no such column; NaN for unknown.
    by_parameters : bool
        Whether ``scale`` is the number of parameters; else it is training FLOPs.

    Returns
    -------
    list of (Curve, Data)

    Raises
    ------
    UserError
        With file and line, for whatever would make the verdict a wrong one.
    """
    rows = read_table(path)
    form = _form(path, rows[0])
    asked = {"family": family, "task": task}
    wanted = {name: value for name, value in asked.items() if value and name in rows[0]}
    names = {"family": family or "models", "task": task or path.stem}
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        key = (row.get("family", names["family"]), row.get("task", names["task"]))
        groups.setdefault(key, []).append(row)
    curves = []
    for (of_family, of_task), group in groups.items():
        if any(group[0][name] != value for name, value in wanted.items()):
            continue
        where = f"{path}, {of_family}/{of_task}"
        about = About(
            where,
            family=of_family,
            source="given",
            task=of_task,
            protocol=_one(where, group, "protocol"),
            metric=metric,
            by_parameters=by_parameters,
            chance=_chance(where, group, metric, chance),
        )
        curves.append(_READERS[form](about, group))
    if not curves:
        told = ", ".join("/".join(key) for key in groups)
        raise UserError(str(path), f"has no such family or task; it has {told}", "name one of them")
    return curves


def from_answers(
    about: About,
    models: Sequence[Answered],
    clusters: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> tuple[Curve, Items]:
    """A curve from the answers of models to the same items.

    Items that not every model has are left out, and a note says how many.

    Parameters
    ----------
    about : About
    models : sequence of Answered
        Models of equal scale are training seeds of one size.
    clusters : mapping of str to int, optional
        For each item, the part that it belongs to.
    notes : sequence of str

    Raises
    ------
    UserError
        If fewer than half of the items are common to all models.
    """
    models = sorted(models, key=lambda model: model.scale)
    shared, left_out = _shared(about.where, models)
    own = np.array([[model.values[item] for item in shared] for model in models])
    _check_values(about, own)
    scales = [model.scale for model in models]
    starts = [place for place, scale in enumerate(scales) if scale not in scales[:place]]
    ends = [*starts[1:], len(models)]
    members = tuple(tuple(range(*span)) for span in zip(starts, ends, strict=True))
    sign = SIGNS[about.metric]
    curve = curve_of(
        about,
        [models[start].size for start in starts],
        [scales[start] for start in starts],
        [float(own[list(rows)].mean()) for rows in members],
        n=len(shared),
        notes=(*notes, *left_out),
        models=tuple(tuple(models[row].name for row in rows) for rows in members),
    )
    parts = np.array([clusters[item] for item in shared]) if clusters else None
    return curve, Items(sign * own, members, parts)


def curve_of(
    about: About,
    sizes: Sequence[str],
    scales: Sequence[float],
    values: Sequence[float] | Floats,
    n: int | None,
    notes: Iterable[str] = (),
    **more: Any,
) -> Curve:
    """A curve of given points, in the order of their scale; ``more`` are fields of `Curve`.

    The number of parameters, where sizes are ordered by it, stands in ``flops``, and the flag
    ``ordered-by-parameters`` says so.

    Raises
    ------
    UserError
        If one label stands for two sizes.
    """
    for size in sizes:
        if sizes.count(size) > 1:
            what = f"size '{size}' stands at several scales"
            raise UserError(about.where, what, "give every scale a label of its own, or none")
    places = np.array(scales, dtype=np.float64)
    if len(set(np.log10(places).tolist())) < len(places):
        what = "two of its scales differ by less than curves can show"
        raise UserError(about.where, what, "give them one scale")
    return Curve(
        family=about.family,
        source=about.source,
        task=about.task,
        variant="",
        protocol=about.protocol,
        modified="",
        metric=about.metric,
        sizes=tuple(sizes),
        flops=np.full(len(places), np.nan) if about.by_parameters else places,
        parameters=places if about.by_parameters else None,
        chance=about.chance,
        values=np.array(values, dtype=np.float64),
        n=n,
        flags=(*([BY_PARAMETERS] if about.by_parameters else []), *notes),
        **more,
    )


def label(scale: float, by_parameters: bool) -> str:
    """Name of a size that was given none.

    Examples
    --------
    >>> label(2.4e20, False), label(1.3e9, True), label(540.0, True)
    ('2.4e20', '1.3B', '540')
    """
    if by_parameters:
        for power, letter in ((12, "T"), (9, "B"), (6, "M"), (3, "k")):
            if scale >= 10**power:
                return f"{scale / 10**power:.6g}{letter}"
    return f"{scale:.6g}".replace("e+", "e")


# -- writing --------------------------------------------------------------------------------------


def write_curves(path: Path, curves: Sequence[tuple[Curve, Data]]) -> list[Path]:
    """Write curves such that `read_curves` reads them again.

    Items and seeds are numbered anew; metric, unit of the scale and flags are not kept. A file
    holds one of `FORMS`; where the curves are of several, each has a file of its own, named after
    it.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UserError
        If a file cannot be written.
    """
    by_form: dict[str, list[tuple[Curve, Data]]] = {}
    for curve, data in curves:
        by_form.setdefault(_FORM_OF[type(data)], []).append((curve, data))
    paths = []
    for form, some in by_form.items():
        alone = len(by_form) == 1
        paths.append(path if alone else path.with_name(f"{path.stem}-{form}{path.suffix}"))
        rows = [row for curve, data in some for row in _written(curve, data)]
        columns = [name for name in (*NAMES, *FORMS[form], "seed", "part") if name in rows[0]]
        try:
            with whole(paths[-1]) as beside, open(beside, "w", encoding="utf-8", newline="") as out:
                writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
        except OSError as error:
            what = f"cannot be written ({error.strerror})"
            raise UserError(str(paths[-1]), what, "choose another file") from None
    return paths


def _written(curve: Curve, data: Data) -> Iterable[dict[str, object]]:
    """Rows of one curve."""
    chance = "" if math.isnan(curve.chance) else curve.chance
    common = {"family": curve.family, "task": curve.task, "protocol": curve.protocol}
    for place, (size, scale) in enumerate(zip(curve.sizes, curve.at.tolist(), strict=True)):
        row = common | {"chance": chance, "size": size, "scale": scale}
        if isinstance(data, Counts):
            yield row | {"k": int(data.k[place]), "n": int(data.n[place])}
        elif isinstance(data, Means):
            mean, error = float(curve.values[place]), float(data.errors[place])
            yield row | {"mean": mean, "error": error}
        else:
            own = SIGNS[curve.metric] * data.values[list(data.members[place])]
            for seed, values in enumerate(own.tolist()):
                for item, value in enumerate(values):
                    answer = {"item": item, "correct": f"{value:g}", "seed": seed}
                    part = "" if data.clusters is None else int(data.clusters[item])
                    yield row | answer | {"part": part}


# -- the four forms -------------------------------------------------------------------------------


def _read_counts(about: About, rows: list[Row]) -> tuple[Curve, Data]:
    if about.metric != "accuracy":
        do = "leave --metric and --lower-is-better out, or give mean and error"
        raise UserError(about.where, f"counts of right answers are no {about.metric}", do)
    rows, sizes, scales, notes = _points(about, rows)
    counts = []
    for row in rows:
        k, n = _number(row, "k"), _number(row, "n")
        if k != int(k) or n != int(n) or not 0 <= k <= n or not 1 <= n <= LARGEST_COUNT:
            what = f"{row['k']} of {row['n']} items are right"
            do = f"give whole numbers with 0 <= k <= n and n from 1 to {LARGEST_COUNT}"
            raise UserError(_at(row), what, do)
        counts.append((int(k), int(n)))
    right, items = (np.array(column, dtype=np.int64) for column in zip(*counts, strict=True))
    return counted(about, sizes, scales, right, items, notes)


def counted(
    about: About,
    sizes: Sequence[str],
    scales: Sequence[float],
    right: Ints,
    items: Ints,
    notes: Sequence[str] = (),
) -> tuple[Curve, Counts]:
    """A curve of right answers and items, both of shape (sizes,)."""
    same = len(set(items.tolist())) == 1
    if not same:
        notes = (*notes, "the sizes have different numbers of items")
    curve = curve_of(
        about,
        sizes,
        scales,
        right / items,
        n=int(items[0]) if same else None,
        notes=notes,
        right=right,
        items=items,
    )
    return curve, Counts(right, items)


def _read_means(about: About, rows: list[Row]) -> tuple[Curve, Data]:
    rows, sizes, scales, notes = _points(about, rows)
    values = np.array([_number(row, "mean") for row in rows])
    errors = np.array([_number(row, "error") for row in rows])
    _check_values(about, values)
    for row, error in zip(rows, errors, strict=True):
        if error <= 0:
            do = "give its standard error, above 0; of right answers give k and n instead"
            raise UserError(_at(row), f"error is {row['error']}", do)
    return curve_of(about, sizes, scales, values, None, notes), Means(errors)


def _read_files(about: About, rows: list[Row]) -> tuple[Curve, Data]:
    expanded = []
    for row in rows:
        path = Path(row["path"]).parent / row["file"]
        answers = read_table(path)
        check_columns(path, answers[0], ("item", "correct"), ("part",))
        of_model = {name: row[name] for name in ("scale", "size", "seed") if name in row}
        expanded += [answer | of_model for answer in answers]
    return _read_items(about, expanded)


def _read_items(about: About, rows: list[Row]) -> tuple[Curve, Data]:
    sizes = _sizes(about, rows)
    models: dict[tuple[float, str], dict[str, float]] = {}
    clusters: dict[str, int] = {}
    for row in rows:
        seed, item = row.get("seed", ""), row["item"]
        of_model = models.setdefault((float(row["scale"]), seed), {})
        if not item:
            raise UserError(_at(row), "item is ''", "give each item a name or number")
        if item in of_model:
            what = f"item '{item}' is there twice at scale {row['scale']}"
            do = "remove one, or tell models of one scale apart by a column seed"
            raise UserError(_at(row), what, do)
        of_model[item] = _number(row, "correct")
        if row.get("part"):
            part = _number(row, "part")
            if (
                part != int(part)
                or abs(part) > LARGEST_COUNT
                or clusters.setdefault(item, int(part)) != part
            ):
                what = f"part of item '{item}' is {row['part']}"
                raise UserError(_at(row), what, "give a whole number, the same for all models")
    if clusters and len(clusters) < len({item for values in models.values() for item in values}):
        raise UserError(about.where, "some items have no part", "give all of them one, or none")
    answered = [
        Answered(f"{sizes[scale]}{f', seed {seed}' if seed else ''}", sizes[scale], scale, values)
        for (scale, seed), values in models.items()
    ]
    return from_answers(about, answered, clusters, _unsorted([one.scale for one in answered]))


_READERS = {COUNTS: _read_counts, MEANS: _read_means, FILES: _read_files, ITEMS: _read_items}

# -- checks ---------------------------------------------------------------------------------------


def _points(
    about: About, rows: list[Row]
) -> tuple[list[Row], list[str], list[float], tuple[str, ...]]:
    """One row per size in the order of their scale, with labels, scales and notes."""
    sizes = _sizes(about, rows)
    notes = _unsorted([float(row["scale"]) for row in rows])
    rows = sorted(rows, key=lambda row: float(row["scale"]))
    for one, other in pairwise(rows):
        if float(one["scale"]) == float(other["scale"]):
            what = f"scale {other['scale']} of {about.family}/{about.task} is there twice"
            do = "a curve needs one point per scale: correct, pool or remove one"
            raise UserError(_at(other), what, do)
    scales = [float(row["scale"]) for row in rows]
    return rows, [sizes[scale] for scale in scales], scales, notes


def _sizes(about: About, rows: Iterable[Row]) -> dict[float, str]:
    """Label of each scale."""
    sizes: dict[float, str] = {}
    for row in rows:
        scale = positive(row, "scale")
        size = row.get("size") or label(scale, about.by_parameters)
        if sizes.setdefault(scale, size) != size:
            what = f"scale {row['scale']} has the sizes '{sizes[scale]}' and '{size}'"
            raise UserError(_at(row), what, "give one label per scale")
    return sizes


def _unsorted(scales: Sequence[float]) -> tuple[str, ...]:
    if all(one <= other for one, other in pairwise(scales)):
        return ()
    return ("the sizes were not in the order of their scale, and were sorted",)


def _shared(where: str, models: Sequence[Answered]) -> tuple[list[str], tuple[str, ...]]:
    """Items that all models have, and a note if others were left out."""
    every = dict.fromkeys(item for model in models for item in model.values)
    shared = [item for item in every if all(item in model.values for model in models)]
    if len(shared) == len(every):
        return shared, ()
    fewest = min(models, key=lambda model: len(model.values))
    if 2 * len(shared) < len(every):
        what = (
            f"only {len(shared):,} of {len(every):,} items are common to all models "
            f"(fewest: {len(fewest.values):,} of '{fewest.name}')"
        )
        raise UserError(where, what, "give all models the same items")
    left_out = len(every) - len(shared)
    note = f"{left_out:,} of {len(every):,} items left out: not every model has them"
    return shared, (note,)


def _check_values(about: About, values: Floats) -> None:
    """Accuracies are shares of 1."""
    if about.metric != "accuracy":
        return
    wrong = values[(values < 0) | (values > 1)]
    if wrong.size and values.min() >= 0 and values.max() <= 100:
        what = f"a value is {wrong.flat[0]:g}, which looks like percent"
        raise UserError(about.where, what, "give shares from 0 to 1: divide by 100")
    if wrong.size:
        what = f"a value is {wrong.flat[0]:g}, which is no share"
        do = "give shares from 0 to 1, or name another --metric (--lower-is-better for a loss)"
        raise UserError(about.where, what, do)


def _chance(where: str, rows: Sequence[Row], metric: str, given: float) -> float:
    cell = _one(where, rows, "chance")
    chance = _number(rows[0], "chance") if cell else given
    if metric == "accuracy" and not (math.isnan(chance) or 0 <= chance < 1):
        raise UserError(where, f"chance is {chance:g}", "give a share of 1, such as 0.5")
    return chance


def _one(where: str, rows: Iterable[Row], column: str) -> str:
    """The one text of an optional column; "" where there is no such column."""
    found = sorted({row.get(column, "") for row in rows})
    if len(found) > 1:
        told = " and ".join(f"'{text}'" for text in found[:3])
        do = "a curve must be measured alike at every size"
        raise UserError(where, f"its sizes differ in {column} ({told})", do)
    return found[0]


# -- reading rows ---------------------------------------------------------------------------------


def read_table(path: Path) -> list[Row]:
    """Rows of a CSV or JSONL file as text, each with its ``path`` and ``line``.

    Raises
    ------
    UserError
        With file and line, if it cannot be read as such or has no rows.
    """
    try:
        if path.stat().st_size > LARGEST:
            what = f"has {path.stat().st_size / 2**20:,.0f} MiB, more than {LARGEST // 2**20}"
            raise UserError(str(path), what, "keep the named columns only, or split it by task")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(str(path), f"cannot be read ({error.strerror})", "give its path") from None
    except UnicodeDecodeError:
        raise UserError(str(path), "is no text in UTF-8", COMMAS) from None
    if not is_text(text):
        where = next(n for n, line in enumerate(text.split("\n"), 1) if not is_text(line))
        raise UserError(f"{path}, line {where}", "has a control character", "remove it")
    lines = text.split("\n")
    read = _json_rows if text.lstrip().startswith("{") else _csv_rows
    rows = list(read(path, lines))
    if not rows:
        raise UserError(str(path), "has no rows", COMMAS)
    return rows


def _csv_rows(path: Path, lines: Sequence[str]) -> Iterable[Row]:
    reader = csv.reader(lines, strict=True)
    columns: list[str] = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            where = f"{path}, line {reader.line_num}"
            if not any(cells):
                continue
            if not columns:
                columns = _header(where, cells)
            else:
                if len(cells) != len(columns):
                    what = f"has {len(cells)} cells, but there are {len(columns)} columns"
                    raise UserError(where, what, "write a comma between any two cells")
                place = {"path": str(path), "line": str(reader.line_num)}
                yield dict(zip(columns, cells, strict=True)) | place
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}", f"is no CSV ({error})", COMMAS) from None


def _header(where: str, columns: list[str]) -> list[str]:
    if len(columns) < 2:
        raise UserError(where, f"is no line of column names ('{''.join(columns)[:40]}')", COMMAS)
    for column in columns:
        if columns.count(column) > 1:
            raise UserError(where, f"column '{column}' is there twice", "remove one")
    _check_own(where, columns)
    return columns


def _check_own(where: str, columns: Iterable[str]) -> None:
    """Refuse columns that would be taken for the place of a row."""
    for column in OWN:
        if column in columns:
            raise UserError(where, f"column '{column}' is not known", "remove it")


def parse_json(text: str) -> Any:
    """Parse JSON; a key that is there twice is an error, of which the standard says nothing.

    Raises
    ------
    ValueError
        Also for what is nested too deeply.
    """
    try:
        read = json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return read


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(n for n in names if names.count(n) > 1)!r} is there twice")
    return found


def is_text(text: str) -> bool:
    """Whether a string can be printed, and stand in a picture.

    Halves of characters cannot, nor control characters but tabs and ends of lines.
    """
    return UNPRINTABLE.search(text) is None


def _json_rows(path: Path, lines: Sequence[str]) -> Iterable[Row]:
    columns: set[str] = set()
    for count, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {count}"
        do = 'write one object of plain values on each line, such as {"item": 1, "correct": 0}'
        try:
            read = parse_json(line)
        except ValueError as error:
            raise UserError(where, f"is no row of JSONL ({error})", do) from None
        if not isinstance(read, dict) or any(isinstance(v, dict | list) for v in read.values()):
            raise UserError(where, "is no row of JSONL", do)
        if flags := [key for key, v in read.items() if isinstance(v, bool) and key != "correct"]:
            raise UserError(where, f"{flags[0]} is true or false", "give a number or text")
        if not all(is_text(str(one)) for one in (*read, *read.values())):
            raise UserError(where, "has a control character or half of one", "remove it")
        _check_own(where, read)
        columns = columns or set(read)
        if set(read) != columns:
            raise UserError(where, "has other keys than the first line", "give all lines the same")
        yield {key: _plain(value) for key, value in read.items()} | {
            "path": str(path),
            "line": str(count),
        }


def _plain(value: object) -> str:
    """A JSON value as a cell of CSV; true and false as 1 and 0."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value).strip()


def _form(path: Path, first: Row) -> str:
    """Which of `FORMS` a file has."""
    for form, required in FORMS.items():
        if set(required) <= set(first):
            check_columns(path, first, required, OPTIONAL[form])
            return form
    has = ", ".join(_own_columns(first))
    forms = " or ".join(",".join(columns) for columns in FORMS.values())
    raise UserError(str(path), f"has the columns {has}", f"give {forms}")


def check_columns(
    path: Path, first: Row, required: Collection[str], optional: Collection[str]
) -> None:
    """Refuse a file without a required column, or with one that is not known.

    Raises
    ------
    UserError
    """
    for column in required:
        if column not in first:
            raise UserError(str(path), f"column '{column}' is missing", "add it")
    known = [*required, *optional]
    for column in _own_columns(first):
        if column not in known:
            close = difflib.get_close_matches(column, known, 1)
            do = f"did you mean '{close[0]}'?" if close else f"remove it; known: {', '.join(known)}"
            what = f"column '{column}' is not known beside {', '.join(required)}"
            raise UserError(str(path), what, do)


def _own_columns(row: Row) -> list[str]:
    return [column for column in row if column not in OWN]


def positive(row: Row, column: str) -> float:
    """A number above 0 in a row of `read_table`.

    Raises
    ------
    UserError
        With file and line.
    """
    value = _number(row, column)
    if value < 1 / LARGEST_NUMBER:
        raise UserError(_at(row), f"{column} is {row[column]}", "give a number above 0")
    return value


def _number(row: Row, column: str) -> float:
    value = number(Path(row["path"]), row, column)
    if abs(value) > LARGEST_NUMBER:
        raise UserError(_at(row), f"{column} is {row[column]}", "give a number below 1e100")
    return value


def _at(row: Row) -> str:
    return f"{row['path']}, line {row['line']}"
