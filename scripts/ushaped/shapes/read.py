"""Reading curves: the metrics table, the published series, and the items behind the metrics."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ushaped.errors import UserError
from ushaped.metrics.definitions import CONSTANT
from ushaped.shapes.curves import PUBLISHED_POINTS, Answers, Curve, Key
from ushaped.shapes.rules import Floats, Ints
from ushaped.terms import FLOPS, PARAMETERS, SIGNS

AGAIN = "delete it and run the workflow again"
ITEM_COLUMNS = ("correct", "cluster", "answer", "distractor")
BY_PARAMETERS = "ordered-by-parameters"
# What a flag of a size is called where it is one of a curve.
NAMES = {"published": PUBLISHED_POINTS}


def read_metrics(path: Path) -> list[Curve]:
    """Curves of the metrics table: accuracy or sequence loss over the sizes of a family.

    Raises
    ------
    UserError
        With file and row, if a cell is wrong, a curve mixes protocols, or two of its sizes stand at
        one place of the scale.
    """
    points: dict[Key, list[dict[str, str]]] = {}
    models: dict[tuple[Key, str], list[str]] = {}
    for row in read_rows(path, ("family", "model", "size", "training_flops", "value", "metric")):
        if row["metric"] not in SIGNS:
            continue
        key = (row["family"], row["source"], row["task"], row["variant"])
        if row["model"]:
            models.setdefault((key, row["size"]), []).append(row["model"])
        else:
            points.setdefault(key, []).append(row)
    curves = []
    for key, rows in points.items():
        scale = _scale(rows)
        rows = _in_order(path, "/".join(key), rows, scale)
        sizes = tuple(row["size"] for row in rows)
        flags = [(row["size"], flag) for row in rows for flag in row["flags"].split(";")]
        curves.append(
            Curve(
                *key,
                protocol=_one(path, key, rows, "protocol"),
                modified=_one(path, key, rows, "modified"),
                metric=_one(path, key, rows, "metric"),
                sizes=sizes,
                flops=_numbers(path, rows, FLOPS, unknown=scale != FLOPS),
                parameters=_numbers(path, rows, PARAMETERS, unknown=scale == FLOPS),
                chance=_numbers(path, rows[:1], "chance", unknown=True).item(),
                values=_numbers(path, rows, "value"),
                n=int(_one(path, key, rows, "n")),
                flags=(
                    *(NAMES.get(flag, flag) for _, flag in flags if flag != CONSTANT),
                    *([BY_PARAMETERS] if scale != FLOPS else []),
                ),
                models=tuple(tuple(models.get((key, size), ())) for size in sizes),
                constant=tuple(size for size, flag in flags if flag == CONSTANT),
            )
        )
    return curves


def read_published(path: Path) -> list[Curve]:
    """Curves of the published series (`literature/series.csv`), all zero-shot.

    Raises
    ------
    UserError
        With file and row: a wrong cell, more right answers than items, a count that contradicts
        the value, or one scale twice.
    """
    points: dict[Key, list[dict[str, str]]] = {}
    chance: dict[tuple[str, str], float] = {}
    for row in read_rows(path, ("series", "size", "training_flops", "task", "metric", "value")):
        if row["series"] == "chance":
            chance[row["task"], row["metric"]] = number(path, row, "value")
        elif row["metric"] in SIGNS:
            _check_counts(path, row)
            key = (row["series"], "published", row["task"], "zero-shot")
            points.setdefault(key, []).append(row)
    curves = []
    for key, rows in points.items():
        rows = _in_order(path, "/".join(key), rows, FLOPS)
        n = _one(path, key, rows, "n")
        counted = all(row["k"] for row in rows)
        moved = any(row["plotted_size"] != row["size"] for row in rows)
        curves.append(
            Curve(
                *key,
                protocol=_one(path, key, rows, "protocol"),
                modified="",
                metric=_one(path, key, rows, "metric"),
                sizes=tuple(row["size"] for row in rows),
                flops=_numbers(path, rows, FLOPS),
                parameters=_numbers(path, rows, PARAMETERS, unknown=True),
                chance=chance.get((key[2], rows[0]["metric"]), float("nan")),
                values=_numbers(path, rows, "value"),
                n=int(n) if n else None,
                flags=("relabelled-sizes",) if moved else (),
                right=_numbers(path, rows, "k").astype(np.int64) if counted else None,
                items=_numbers(path, rows, "n").astype(np.int64) if counted else None,
            )
        )
    return curves


def read_items(path: Path) -> dict[Key, Answers]:
    """Answers of all models, by family, source, task and variant.

    Raises
    ------
    UserError
        If models of one family were not given the same items.
    """
    names = ("family", "source", "task", "variant")
    try:
        table = pq.read_table(path).unify_dictionaries()
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(str(path), f"is not readable Parquet ({error})", AGAIN) from None
    for column in (*names, "model", "item", *ITEM_COLUMNS):
        if column not in table.column_names:
            raise UserError(str(path), f"column '{column}' is missing", AGAIN)
    coded = {name: _codes(table, name) for name in (*names, "model")}
    item = table["item"].to_numpy()
    order = np.lexsort((item, *(coded[name][0] for name in ("model", *reversed(names)))))
    rows = np.stack([coded[name][0][order] for name in (*names, "model")], axis=1)
    item = item[order]
    correct, clusters, answers, distractor = (
        table[name].to_numpy()[order] for name in ITEM_COLUMNS
    )

    found: dict[Key, Answers] = {}
    new = np.flatnonzero((rows[1:, :4] != rows[:-1, :4]).any(axis=1)) + 1
    for start, end in _spans(new, len(rows)):
        family, source, task, variant = (
            coded[name][1][rows[start, place]] for place, name in enumerate(names)
        )
        model = rows[start:end, 4]
        starts = np.flatnonzero(np.diff(model)) + 1
        per_model = np.split(item[start:end], starts)
        labels = [coded["model"][1][code] for code in model[np.append(0, starts)]]
        for label, own in zip(labels, per_model, strict=True):
            if not np.array_equal(own, per_model[0]):
                raise UserError(
                    f"{path}, {family}/{source}/{task}/{variant}",
                    f"models '{labels[0]}' and '{label}' have different items",
                    "score all models of a family on the same items",
                )
        # What belongs to an item stands in the rows of every model; those of the first will do.
        first = slice(start, start + len(per_model[0]))
        found[family, source, task, variant] = Answers(
            per_model[0],
            {label: place for place, label in enumerate(labels)},
            correct[start:end].reshape(len(labels), -1),
            clusters[first],
            answers[first],
            distractor[start:end].reshape(len(labels), -1),
        )
    return found


# -- small parts ----------------------------------------------------------------------------------


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file, each with its line number under the key ``line``.

    Raises
    ------
    UserError
        If the file cannot be read or lacks a column.
    """
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            for column in columns:
                if column not in (reader.fieldnames or ()):
                    raise UserError(str(path), f"column '{column}' is missing", "add it")
            return [_whole(path, row, reader.line_num) for row in reader]
    except OSError as error:
        raise UserError(str(path), f"cannot be read ({error.strerror})", "give its path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(str(path), f"is no CSV in UTF-8 ({error})", AGAIN) from None


def _whole(path: Path, row: dict[str, str], line: int) -> dict[str, str]:
    """A row with its line number, if it has one cell for each column."""
    if None in row or None in row.values():
        raise UserError(f"{path}, line {line}", "has more or fewer cells than columns", "mend it")
    return row | {"line": str(line)}


def number(path: Path, row: Mapping[str, str], column: str) -> float:
    """A finite number in a row of `read_rows`.

    Raises
    ------
    UserError
        With file and line, if the cell holds none.
    """
    try:
        # Python takes 1_000 for a number; where it stands in a table, something went wrong.
        value = float("nan") if "_" in row[column] else float(row[column])
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        where = f"{path}, line {row['line']}"
        raise UserError(where, f"{column} is '{row[column]}'", "give a number")
    return value


def _numbers(
    path: Path, rows: Iterable[Mapping[str, str]], column: str, unknown: bool = False
) -> Floats:
    """A column of numbers; empty cells become NaN where ``unknown`` allows them."""
    return np.array(
        [np.nan if unknown and not row[column] else number(path, row, column) for row in rows]
    )


def _scale(rows: Iterable[Mapping[str, str]]) -> str:
    """The column that orders sizes: parameters, where the compute of any is not known."""
    return FLOPS if all(row[FLOPS] for row in rows) else PARAMETERS


def _in_order(path: Path, name: str, rows: list[dict[str, str]], by: str) -> list[dict[str, str]]:
    """Rows by one column, all above 0; no two of them at the same place."""
    scale = {row["line"]: number(path, row, by) for row in rows}
    rows = sorted(rows, key=lambda row: scale[row["line"]])
    words = {FLOPS: "training compute", PARAMETERS: "number of parameters"}
    for row in rows:
        if not scale[row["line"]] > 0:
            where = f"{path}, line {row['line']}"
            raise UserError(where, f"{by} is '{row[by]}'", "give a number above 0")
    for one, other in pairwise(rows):
        if scale[one["line"]] == scale[other["line"]]:
            raise UserError(
                f"{path}, line {other['line']}",
                f"sizes '{one['size']}' and '{other['size']}' of {name} have the same "
                f"{words[by]} ({other[by]})",
                "a curve needs one point per scale: correct or remove one",
            )
    return rows


def _one(path: Path, key: Key, rows: Iterable[Mapping[str, str]], column: str) -> str:
    names = sorted({row[column] for row in rows})
    if len(names) > 1:
        told = " and ".join(f"'{name}'" for name in names)
        raise UserError(
            f"{path}, {'/'.join(key)}",
            f"its sizes differ in {column} ({told})",
            "a curve must be measured alike at every size",
        )
    return names[0]


def _check_counts(path: Path, row: Mapping[str, str]) -> None:
    if not row["k"]:
        return
    k, n, value = (number(path, row, column) for column in ("k", "n", "value"))
    where = f"{path}, line {row['line']}"
    if not 0 <= k <= n or n < 1:
        raise UserError(where, f"k is {row['k']} of n {row['n']}", "mend k or n")
    # Published percentages have one decimal.
    if abs(k / n - value) > 0.001:
        raise UserError(where, f"k / n is {k / n:.4f} but value is {value}", "mend k, n or value")


def _codes(table: pa.Table, column: str) -> tuple[Ints, list[str]]:
    values = table[column].combine_chunks()
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    codes = values.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, values.dictionary.to_pylist()


def _spans(starts: Ints, length: int) -> Iterable[tuple[int, int]]:
    edges = [0, *starts.tolist(), length]
    return pairwise(edges)
