"""Strict readers of CSV, JSONL and JSON: every error names file and line."""

from __future__ import annotations

import csv
import difflib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ushaped.errors import UserError
from ushaped.results.text_files import number

Row = dict[str, str]

# Keys of a row that say where it stands.
POSITION = ("path", "line")

# Larger files are mistakes, and their rows would fill the memory.
LARGEST = 64 * 2**20

# Characters that UTF-8 or XML do not allow.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

# Numbers beyond this are mistakes, and their squares would not be finite.
LARGEST_NUMBER = 1e100

# Larger integers are not exact as floating-point numbers.
LARGEST_COUNT = 2**53

CSV_REMEDY = "give a CSV file with commas and a line of column names, or JSONL"
JSONL_REMEDY = 'write one object of plain values on each line, such as {"item": 1, "correct": 0}'


def read_table(path: Path) -> list[Row]:
    """Rows of a CSV or JSONL file as text, each with its ``path`` and ``line``.

    Raises
    ------
    UserError
        With file and line, if the file is neither, or has no rows.
    """
    try:
        if path.stat().st_size > LARGEST:
            what = f"has {path.stat().st_size / 2**20:,.0f} MiB, more than {LARGEST // 2**20}"
            raise UserError(str(path), what, "keep the named columns only, or split it by task")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(str(path), f"cannot be read ({error.strerror})", "give its path") from None
    except UnicodeDecodeError:
        raise UserError(str(path), "is no text in UTF-8", CSV_REMEDY) from None
    lines = text.split("\n")
    for line, content in enumerate(lines, 1):
        if not is_text(content):
            raise UserError(f"{path}, line {line}", "has a control character", "remove it")
    rows = list((_json_rows if text.lstrip().startswith("{") else _csv_rows)(path, lines))
    if not rows:
        raise UserError(str(path), "has no rows", CSV_REMEDY)
    return rows


def rows_of_frame(path: Path, frame: pd.DataFrame) -> list[Row]:
    """Rows of a DataFrame as those of a table; ``path`` is its name, lines are counted from 1.

    Raises
    ------
    UserError
        If it has no rows, or a column's name is no text or there twice.
    """
    columns = list(frame.columns)
    if not all(isinstance(column, str) for column in columns) or len(set(columns)) < len(columns):
        raise UserError(str(path), "has columns without names of their own", "name each column")
    if frame.empty:
        raise UserError(str(path), "has no rows", "give a row per size or per answer")
    _refuse_position(str(path), columns)
    rows = []
    for line, values in enumerate(frame.itertuples(index=False, name=None), 1):
        cells = {column: _frame_cell(value) for column, value in zip(columns, values, strict=True)}
        if not all(is_text(part) for part in (*cells, *cells.values())):
            raise UserError(f"{path}, line {line}", "has a control character", "remove it")
        rows.append(cells | {"path": str(path), "line": str(line)})
    return rows


def _frame_cell(value: object) -> str:
    """A value of a DataFrame as a cell of CSV: missing ones empty, numbers with all digits."""
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else repr(float(value))
    return str(value).strip()


def check_columns(
    path: Path, first: Row, required: Collection[str], optional: Collection[str]
) -> None:
    """Raise a UserError if a required column is missing or a column is unknown."""
    for column in required:
        if column not in first:
            raise UserError(str(path), f"column '{column}' is missing", "add it")
    known = [*required, *optional]
    for column in columns_of(first):
        if column not in known:
            close = difflib.get_close_matches(column, known, 1)
            do = f"did you mean '{close[0]}'?" if close else f"remove it; known: {', '.join(known)}"
            what = f"column '{column}' is not known beside {', '.join(required)}"
            raise UserError(str(path), what, do)


def columns_of(row: Row) -> list[str]:
    """Columns of the file, without the row's position."""
    return [column for column in row if column not in POSITION]


def position(row: Row) -> str:
    """File and line of a row, for messages."""
    return f"{row['path']}, line {row['line']}"


def number_in(row: Row, column: str) -> float:
    """Finite number in a row; otherwise raises a UserError with file and line."""
    value = number(Path(row["path"]), row, column)
    if abs(value) > LARGEST_NUMBER:
        raise UserError(position(row), f"{column} is {row[column]}", "give a number below 1e100")
    return value


def positive_number(row: Row, column: str) -> float:
    """Number above 0 in a row; otherwise raises a UserError with file and line."""
    value = number_in(row, column)
    if value < 1 / LARGEST_NUMBER:
        raise UserError(position(row), f"{column} is {row[column]}", "give a number above 0")
    return value


def parse_json(text: str) -> Any:
    """Parse JSON; raises ValueError also for duplicate keys and for too deep nesting."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_text(text: str) -> bool:
    """Whether a string can be printed and stand in a picture: no control characters, surrogates."""
    return UNPRINTABLE.search(text) is None


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(n for n in names if names.count(n) > 1)!r} is there twice")
    return mapping


def _csv_rows(path: Path, lines: Sequence[str]) -> Iterator[Row]:
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
                continue
            if len(cells) != len(columns):
                what = f"has {len(cells)} cells, but there are {len(columns)} columns"
                raise UserError(where, what, "write a comma between any two cells")
            row = dict(zip(columns, cells, strict=True))
            yield row | {"path": str(path), "line": str(reader.line_num)}
    except csv.Error as error:
        where = f"{path}, line {reader.line_num}"
        raise UserError(where, f"is no CSV ({error})", CSV_REMEDY) from None


def _header(where: str, columns: list[str]) -> list[str]:
    if len(columns) < 2:
        what = f"is no line of column names ('{''.join(columns)[:40]}')"
        raise UserError(where, what, CSV_REMEDY)
    for column in columns:
        if columns.count(column) > 1:
            raise UserError(where, f"column '{column}' is there twice", "remove one")
    _refuse_position(where, columns)
    return columns


def _refuse_position(where: str, columns: Iterable[str]) -> None:
    """Refuse columns with the names of a row's position."""
    for column in POSITION:
        if column in columns:
            raise UserError(where, f"column '{column}' is not known", "remove it")


def _json_rows(path: Path, lines: Sequence[str]) -> Iterator[Row]:
    columns: set[str] = set()
    for count, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {count}"
        try:
            row = parse_json(line)
        except ValueError as error:
            raise UserError(where, f"is no row of JSONL ({error})", JSONL_REMEDY) from None
        if not isinstance(row, dict) or any(isinstance(v, dict | list) for v in row.values()):
            raise UserError(where, "is no row of JSONL", JSONL_REMEDY)
        if flags := [key for key, v in row.items() if isinstance(v, bool) and key != "correct"]:
            raise UserError(where, f"{flags[0]} is true or false", "give a number or text")
        if not all(is_text(str(part)) for part in (*row, *row.values())):
            raise UserError(where, "has a control character or half of one", "remove it")
        _refuse_position(where, row)
        columns = columns or set(row)
        if set(row) != columns:
            raise UserError(where, "has other keys than the first line", "give all lines the same")
        cells = {key: _cell(value) for key, value in row.items()}
        yield cells | {"path": str(path), "line": str(count)}


def _cell(value: object) -> str:
    """A JSON value as a cell of CSV; true and false as 1 and 0."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value).strip()
