"""``verdicts.csv`` of the atlas: one row for each curve, written and read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ushaped.atlas.judge import ABOUT, COLUMNS, SEPARATOR
from ushaped.results.text_files import Row, number, read_rows, write_table

TEXT = frozenset(
    {
        *(*ABOUT, "size_names", "at", "values", "low", "high", "valley_size", "literal"),
        *("equivalent", "statistical", "because", "these_models", "run_noise_source"),
        *("confirmed", "held_out", "flags"),
    }
)


def write_verdicts(path: str | Path, rows: Sequence[Row]) -> None:
    """Write ``verdicts.csv``."""
    write_table(path, COLUMNS, rows)


def read_verdicts(path: str | Path) -> list[Row]:
    """Read ``verdicts.csv``; numbers are floats, None where a cell is empty.

    Raises
    ------
    UserError
        With file and line, if a column is missing or a cell is no number.
    """
    return [
        {
            name: row[name] if name in TEXT else number(path, row, name) if row[name] else None
            for name in COLUMNS
        }
        for row in read_rows(path, COLUMNS)
    ]


def numbers_in(cell: object) -> list[float | None]:
    """Numbers of the points of a curve.

    Examples
    --------
    >>> numbers_in("0.5;;1e+21")
    [0.5, None, 1e+21]
    """
    return [float(text) if text else None for text in str(cell).split(SEPARATOR)]


def task_of(row: Row) -> str:
    """Its task, with the group of items."""
    return f"{row['task']}, group {row['part']}" if row["part"] else str(row["task"])


def is_tested(row: Row) -> bool:
    """Whether the errors of its values are known."""
    return row["pvalue_change"] is not None
