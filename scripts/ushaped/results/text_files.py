"""CSV files as rows of text, with their line numbers, and JSON files; written whole."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.files import whole

Row = dict[str, object]

AGAIN = "delete it and run the workflow again"


def read_rows(path: str | Path, columns: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows of a CSV file, each with its line number under the key ``line``; see `read_csv`."""
    return read_csv(path, columns)[1]


def read_csv(
    path: str | Path, columns: Sequence[str] = ()
) -> tuple[list[str], list[dict[str, str]]]:
    """Header and rows of a CSV file; each row has its line number under the key ``line``.

    Raises
    ------
    UserError
        If the file cannot be read, lacks one of ``columns``, or a row has not one cell per column.
    """
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            header = list(reader.fieldnames or ())
            for column in columns:
                if column not in header:
                    do = "add it, or run the step again that writes the file"
                    raise UserError(f"{path}, column '{column}'", "is missing", do)
            return header, [_checked(path, row, reader.line_num) for row in reader]
    except FileNotFoundError:
        do = "run the step that writes it, or correct its path"
        raise UserError(str(path), "cannot be read: no such file", do) from None
    except OSError as error:
        raise UserError(str(path), f"cannot be read ({error.strerror})", "give its path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(str(path), f"is no CSV in UTF-8 ({error})", AGAIN) from None


def _checked(path: str | Path, row: dict[str, str], line: int) -> dict[str, str]:
    if None in row or None in row.values():
        what = "has more or fewer cells than columns"
        raise UserError(f"{path}, line {line}", what, "correct the line")
    return row | {"line": str(line)}


def number(path: str | Path, row: Mapping[str, str], column: str) -> float:
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
    if not math.isfinite(value):
        where = f"{path}, line {row['line']}"
        raise UserError(where, f"{column} is '{row[column]}'", "give a number")
    return value


def write_table(
    path: str | Path, columns: Sequence[str], rows: Sequence[Row], exact: Sequence[str] = ()
) -> None:
    """Write rows as CSV, whole.

    Numbers get ten significant digits, those of the columns ``exact`` all that they have; None and
    NaN give empty cells.
    """
    with whole(path) as beside, open(beside, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row[column], column in exact) for column in columns])


def _cell(value: object, exact: bool) -> object:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    # Adding zero takes the sign from a negative one.
    return format(value + 0.0, ".10g") if isinstance(value, float) and not exact else value


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UserError
        If there is no such file or it holds no JSON object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(str(path), "no such file", "run the step that writes it") from None
    except (OSError, ValueError) as error:
        raise UserError(str(path), f"is not readable JSON ({error})", AGAIN) from None
    if not isinstance(value, dict):
        raise UserError(str(path), "is not a JSON object", AGAIN)
    return value
