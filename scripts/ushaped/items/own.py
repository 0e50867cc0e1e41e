"""A user's own items: the file, or the split of a dataset, that ``own`` of ``task.yaml`` names.

They may change from run to run. What was read is recorded with the results; what ``own`` says of
rows, bytes and sha256 is held against it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ushaped.errors import UserError
from ushaped.items.datasets import folder_files, hub_files
from ushaped.items.own_facts import OwnColumns, OwnItems
from ushaped.items.records import READERS, Record, read_records
from ushaped.items.released import unlike
from ushaped.items.task import (
    COLUMNS,
    KNOWN_COLUMNS,
    OPTIONAL,
    Task,
    check_item,
    parse_classes,
    read_items,
    unread_warning,
)

PINS = ("rows", "bytes", "sha256")
NUMBERS = ("answer_index", "distractor_index", "part", "template")


def described(task: Task) -> OwnItems:
    """What ``task.yaml`` says of a user's own items.

    Raises
    ------
    UserError
        If it says nothing.
    """
    if task.facts.own is None:
        raise UserError(
            str(task.folder / "task.yaml"),
            "key 'own' is missing, which source 'own' needs",
            "add it, as in own: {file: items.jsonl}, or take the source out of 'sources'",
        )
    return task.facts.own


def find_own(task: Task) -> list[Path]:
    """The files of a user's own items; only their being there is looked at. None on the hub.

    Raises
    ------
    UserError
        If there are no such files.
    """
    own, where = described(task), f"{task.folder / 'task.yaml'}, own"
    if own.hub is not None:
        return []
    if own.folder is not None:
        folder = task.folder / os.path.expanduser(own.folder)
        return folder_files(folder, own.subset, own.split, where)
    path = task.folder / os.path.expanduser(own.file)
    if not path.is_file():
        raise UserError(f"{where}.file", f"{path} is no file", "put the items there")
    return [path]


def read_own(task: Task, lock: Path) -> tuple[bytes, dict[str, Any], list[str]]:
    """A user's own items, and what was read.

    Parameters
    ----------
    task : Task
    lock : Path
        The lock file, with the commits of branches of the hub.

    Returns
    -------
    items : bytes
        One JSON item per line in the prize's schema: those of a file that has them so, unchanged.
    record : dict
        ``file`` (its name, or dataset and split), ``rows``, ``bytes`` and ``sha256`` (hex; of
        several files one after the other), and ``revision``, the commit of a dataset of the hub.
    warnings : list of str
        A line for each column that is not read.

    Raises
    ------
    UserError
        If the files are missing, an item cannot be used, or they are not what ``task.yaml`` says.
    """
    own = described(task)
    if own.hub is None:
        return _read(task, find_own(task), {})
    where = f"{task.folder / 'task.yaml'}, own"
    with TemporaryDirectory() as folder:
        commit, files = hub_files(
            own.hub,
            own.revision,
            own.subset,
            own.split,
            lock=lock,
            folder=Path(folder),
            where=where,
        )
        return _read(task, files, {"revision": commit})


def _read(
    task: Task, paths: Sequence[Path], origin: dict[str, Any]
) -> tuple[bytes, dict[str, Any], list[str]]:
    own = described(task)
    contents = [path.read_bytes() for path in paths]
    record = {"file": _name(own, paths), "rows": 0, "bytes": sum(map(len, contents))}
    record |= {"sha256": hashlib.sha256(b"".join(contents)).hexdigest()} | origin
    warnings: list[str] = []
    if len(paths) == 1 and _is_plain(own, paths[0]):
        data = contents[0]
        # The step that builds the prompts shows its warnings.
        record["rows"] = len(read_items(paths[0], task.schema)[0])
    else:
        items = []
        for path in paths:
            records = read_records(path)
            warnings += _unread(path, records, own.columns)
            items += list(_items(path, records, own, task.schema))
        if not items:
            raise UserError(str(paths[0]), "has no rows", "give a file with one item per row")
        record["rows"] = len(items)
        data = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items).encode()
    if wrong := unlike(record, {key: getattr(own, key) for key in PINS}):
        raise UserError(
            str(paths[0]),
            f"is not what task.yaml describes: {', '.join(wrong)}",
            "undo the change, or write the new numbers into task.yaml, or take them out there",
        )
    return data, record, warnings


def _is_plain(own: OwnItems, path: Path) -> bool:
    """Whether a file holds items as they are used."""
    lines = READERS.get(path.suffix, READERS[".jsonl"]) is READERS[".jsonl"]
    return lines and own.columns == OwnColumns() and not own.leading_space


def _name(own: OwnItems, paths: Sequence[Path]) -> str:
    """What is recorded of the place: no path of this machine."""
    if own.file is not None:
        return paths[0].name
    place = own.hub or Path(own.folder).name
    return ", ".join(filter(None, (place, own.subset, own.split)))


def _unread(path: Path, records: Sequence[Record], columns: OwnColumns) -> list[str]:
    """Warnings about columns that may be misspelt: all that are not read, where none is named."""
    if columns != OwnColumns() or not records:
        return []
    return [unread_warning(str(path), name) for name in records[0] if name not in KNOWN_COLUMNS]


def _items(
    path: Path, records: Sequence[Record], own: OwnItems, schema: str
) -> Iterator[dict[str, Any]]:
    """Items in the prize's schema, each of which can be used."""
    for number, record in enumerate(records, start=1):
        where = f"{path}, row {number}"
        item: dict[str, Any] = {}
        for column in (*COLUMNS[schema], *OPTIONAL):
            named = getattr(own.columns, column)
            value = _value(where, record, column, named, column in COLUMNS[schema])
            if column in NUMBERS:
                value = _number(value)
            if value is not None or column in COLUMNS[schema]:
                item[column] = value
        if "classes" in item:
            item["classes"] = list(parse_classes(where, item["classes"]))
        if own.leading_space:
            _add_spaces(item)
        check_item(where, item, schema)
        yield item


def _value(where: str, record: Record, column: str, named: Any, needed: bool) -> Any:
    """The value of a part of an item; None where it has none."""
    if isinstance(named, list):
        values = [_cell(where, record, name) for name in named]
        while values and values[-1] in (None, ""):
            values.pop()
        return values
    if named is not None or column in record:
        return _cell(where, record, named or column)
    if needed:
        there = ", ".join(map(str, record))
        do = f"name it in task.yaml, as in own: {{columns: {{{column}: ...}}}}; there are: {there}"
        raise UserError(where, f"column '{column}' is missing", do)
    return None


def _cell(where: str, record: Record, name: str) -> Any:
    """The value of a column, or of one inside a column of structures."""
    if name in record:
        return record[name]
    value: Any = record
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            there = ", ".join(map(str, record))
            what = f"column '{name}', which own.columns of task.yaml names, is missing"
            raise UserError(where, what, f"name one that is there: {there}")
        value = value[key]
    return value


def _number(value: Any) -> Any:
    """A whole number where a cell holds one; None where it is empty; else the value."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isdecimal() and text.isascii() and len(text) < 20 else text or None
    if isinstance(value, float):
        # A table with an empty cell has floats for whole numbers.
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return value


def _add_spaces(item: dict[str, Any]) -> None:
    """Put a space before classes and completion that begin with none."""
    if isinstance(item.get("completion"), str):
        item["completion"] = _spaced(item["completion"])
    if "classes" in item:
        item["classes"] = list(map(_spaced, item["classes"]))


def _spaced(text: str) -> str:
    return text if text[:1].isspace() else f" {text}"
