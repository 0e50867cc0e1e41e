"""Released items: files of the Inverse Scaling Prize, taken only if every byte is as expected.

Those of the sources ``official`` and ``round-1`` are looked for in a folder of this machine, a
mirror, that the configuration names (``official.mirror``) or else the environment variable
``USHAPED_MIRROR``; where none is named, they are downloaded (`ushaped.items.download`). What a file
must be stands in ``task.yaml``, in a block for each source. For a user's own items see
`ushaped.items.own`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.items.task import Task
from ushaped.terms import OFFICIAL, ROUND_1

BLOCKS = {OFFICIAL: "official", ROUND_1: "round1"}
VARIABLE = "USHAPED_MIRROR"
# What task.yaml says where nobody published it.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Release:
    """A released file: its name, its length in bytes and rows, its SHA-256 (hex)."""

    file: str
    bytes: int
    rows: int
    sha256: str


def release(task: Task, source: str = OFFICIAL) -> Release:
    """What ``task.yaml`` says about the file of a task.

    Parameters
    ----------
    task : Task
    source : str
        ``official`` or ``round-1``.

    Raises
    ------
    UserError
        If it names no file of this source, or not all that is needed to verify it.
    """
    where, block = str(task.folder / "task.yaml"), BLOCKS[source]
    facts = task.items_file(source)
    if facts is None:
        raise UserError(
            where,
            f"key '{block}' is missing, which source '{source}' needs",
            "add it with file, rows, bytes and sha256, or take the source out of 'sources'",
        )
    if missing := [key for key, value in facts if value == UNKNOWN]:
        raise UserError(
            where,
            f"no {' or '.join(missing)} of {facts.file} is published here",
            "get the file from where you trust it, and write what `wc -lc` and `sha256sum` say of "
            f"it into '{block}'",
        )
    return Release(**dict(facts))


def describe_sources(editions: Sequence[tuple[str, str]]) -> str:
    """Where the items of all tasks come from, in a sentence.

    Parameters
    ----------
    editions : sequence of (str, str)
        Pairs of source and task; not empty.

    Examples
    --------
    >>> describe_sources([("replica", "neqa"), ("replica", "redefine")])
    'All items are replica items.'
    >>> describe_sources([("official", "neqa"), ("replica", "redefine"), ("replica", "sig-figs")])
    'Official items: neqa; replica items: all other tasks.'
    >>> describe_sources([("official", "neqa"), ("replica", "neqa"), ("replica", "redefine")])
    'Official items: neqa; replica items: all tasks.'
    """
    groups: dict[str, list[str]] = {}
    for source, task in editions:
        groups.setdefault(source, []).append(task)
    if len(groups) == 1:
        return f"All items are {next(iter(groups))} items."
    every = {task for _, task in editions}
    # The shorter lists first; the longest one need not be spelt out if it is all that is left.
    ordered = sorted(groups, key=lambda source: (len(groups[source]), source))
    before: set[str] = set()
    parts = []
    for source in ordered:
        own = set(groups[source])
        rest = source == ordered[-1] and not own & before
        names = "all other tasks" if rest else ", ".join(groups[source])
        parts.append(f"{source} items: {'all tasks' if own == every else names}")
        before |= own
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def mirror(config: Mapping[str, Any]) -> str:
    """The folder with released files: of the configuration, or of the environment; "" if none."""
    return os.path.expanduser(config["official"]["mirror"] or os.environ.get(VARIABLE, ""))


def find(wanted: Release, folder: str) -> Path:
    """The path of a released file in a mirror; only its being there is looked at.

    Raises
    ------
    UserError
        If the mirror does not hold the file.
    """
    path = Path(folder).expanduser() / wanted.file
    if not path.is_file():
        raise UserError(
            str(path),
            f"no such file; the released file {wanted.file} (sha256 {wanted.sha256}) is wanted",
            f"put it there, or name another folder, as official.mirror in the configuration or in "
            f"the environment as {VARIABLE}",
        )
    return path


def differences(data: bytes, wanted: Release) -> list[str]:
    """In what the content of a file differs from the one that is wanted; empty if in nothing."""
    return unlike(measure(data), asdict(wanted))


def measure(data: bytes) -> dict[str, Any]:
    """Length in bytes, number of lines and SHA-256 (hex) of the content of a file."""
    # A last line without its line break is a row too.
    rows = data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    return {"bytes": len(data), "rows": rows, "sha256": hashlib.sha256(data).hexdigest()}


def unlike(actual: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """In what a file differs from what is wanted of it; None there stands for anything."""
    return [
        f"{key} is {value}, expected {wanted[key]}"
        for key, value in actual.items()
        if wanted.get(key) is not None and value != wanted[key]
    ]


def accept(path: Path, wanted: Release, source: str = OFFICIAL) -> bytes:
    """The content of a released file, verified.

    Raises
    ------
    UserError
        If bytes, rows or sha256 differ, with what was expected and what was found.
    """
    data = path.read_bytes()
    if wrong := differences(data, wanted):
        raise UserError(
            str(path),
            f"is not the released file: {', '.join(wrong)}",
            f"get the released file again, or take '{source}' out of 'sources' for its task",
        )
    return data
