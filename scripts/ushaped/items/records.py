"""Rows of JSON lines, CSV, Parquet and Arrow files, as mappings of their columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ushaped import yaml_files
from ushaped.errors import UserError
from ushaped.items.task import read_rows

Record = dict[str, Any]


def read_records(path: Path) -> list[Record]:
    """The rows of a file, by its ending; JSON lines where it is none of `READERS`.

    Cells of CSV are texts.

    Raises
    ------
    UserError
        If the file is not what its ending says; with its row where there is one, counted from 1
        and without the header.
    """
    if path.read_bytes()[:20].startswith(b"version https://git-"):
        do = "get the files themselves: git lfs pull"
        raise UserError(str(path), "is a pointer of git-lfs and not the file", do)
    return READERS.get(path.suffix, _lines)(path)


def _lines(path: Path) -> list[Record]:
    return list(read_rows(path))


def _cells(path: Path, delimiter: str) -> list[Record]:
    text = yaml_files.decode(path.read_bytes(), str(path), "line")
    # The default would refuse long prompts.
    csv.field_size_limit(max(len(text), 1 << 17))
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(rows, [])
        if again := sorted({name for name in header if header.count(name) > 1}):
            raise UserError(str(path), f"column '{again[0]}' is there twice", "keep one")
        records = []
        for number, cells in enumerate(filter(None, rows), start=1):
            if len(cells) != len(header):
                what = f"has {len(cells)} cells, the header {len(header)}"
                do = "give it one for each column; quote a cell that holds the separator"
                raise UserError(f"{path}, row {number}", what, do)
            records.append(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise UserError(
            f"{path}, line {rows.line_num}", f"is no CSV ({error})", "mend it"
        ) from None
    return records


def _parquet(path: Path) -> list[Record]:
    import pyarrow.parquet as pq

    return _table(path, pq.read_table, "Parquet")


def _arrow(path: Path) -> list[Record]:
    return _table(path, _stream, "Arrow stream")


def _stream(path: Path) -> Any:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_stream(source).read_all()


def _table(path: Path, read: Callable[[Path], Any], kind: str) -> list[Record]:
    import pyarrow as pa

    try:
        rows: list[Record] = read(path).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        first = str(error).strip().split("\n")[0]
        raise UserError(str(path), f"is no {kind} file ({first})", "write it again") from None
    return rows


READERS: dict[str, Callable[[Path], list[Record]]] = {
    ".jsonl": _lines,
    ".csv": partial(_cells, delimiter=","),
    ".tsv": partial(_cells, delimiter="\t"),
    ".parquet": _parquet,
    ".arrow": _arrow,
}
