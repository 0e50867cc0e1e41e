"""Official items: the prize's released files, looked for in a folder of this machine and verified.

The folder, a mirror, is named by the configuration (``official.mirror``) or else by the environment
variable ``USHAPED_MIRROR``. What a file must be stands in ``task.yaml`` under ``official``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.tasks import Task

OFFICIAL = "official"
VARIABLE = "USHAPED_MIRROR"


@dataclass(frozen=True)
class Release:
    """A released file: its name, its length in bytes and rows, its SHA-256 (hex)."""

    file: str
    bytes: int
    rows: int
    sha256: str


def release(task: Task) -> Release:
    """What ``task.yaml`` says about the released file of a task.

    Raises
    ------
    UserError
        If it says nothing, or not all.
    """
    facts = task.facts.get(OFFICIAL) or {}
    for key in Release.__annotations__:
        if key not in facts:
            raise UserError(
                str(task.folder / "task.yaml"),
                f"key '{OFFICIAL}.{key}' is missing",
                f"add it, or take {task.name} out of official.tasks",
            )
    return Release(**{key: facts[key] for key in Release.__annotations__})


def said(sources: Mapping[str, str]) -> str:
    """Where the items of all tasks come from, in a sentence.

    Parameters
    ----------
    sources : mapping of str to str
        ``official`` or ``replica`` for each task; not empty.

    Examples
    --------
    >>> said({"neqa": "replica", "redefine": "replica"})
    'All items are replica items.'
    >>> said({"neqa": "official", "redefine": "replica", "sig-figs": "replica"})
    'Official items: neqa; replica items: all other tasks.'
    """
    groups: dict[str, list[str]] = {}
    for task, source in sources.items():
        groups.setdefault(source, []).append(task)
    if len(groups) == 1:
        return f"All items are {next(iter(groups))} items."
    # The shorter list first; the longer one need not be spelt out.
    shorter, longer = sorted(groups, key=lambda source: (len(groups[source]), source))
    named = ", ".join(groups[shorter])
    return f"{shorter.capitalize()} items: {named}; {longer} items: all other tasks."


def mirror(config: Mapping[str, Any]) -> str:
    """The folder with released files: of the configuration, or of the environment; "" if none."""
    return str(config[OFFICIAL]["mirror"] or os.environ.get(VARIABLE, ""))


def find(wanted: Release, folder: str) -> Path:
    """The path of a released file in a mirror; only its being there is looked at.

    Raises
    ------
    UserError
        If no mirror is named, or it does not hold the file.
    """
    name = f"the released file {wanted.file} (sha256 {wanted.sha256})"
    naming = f"as official.mirror in the configuration or in the environment as {VARIABLE}"
    if not folder:
        raise UserError(
            "official.mirror",
            f"{name} is wanted, and no mirror is named",
            f"name a folder that holds it, {naming}",
        )
    path = Path(folder).expanduser() / wanted.file
    if not path.is_file():
        raise UserError(
            str(path),
            f"no such file; {name} is wanted",
            f"put it there, or name another folder, {naming}",
        )
    return path


def accept(path: Path, wanted: Release) -> bytes:
    """The content of a released file, verified.

    Raises
    ------
    UserError
        If bytes, rows or sha256 differ, with what was expected and what was found.
    """
    data = path.read_bytes()
    # A last line without its line break is a row too.
    rows = data.count(b"\n") + bool(data and not data.endswith(b"\n"))
    found = asdict(Release(wanted.file, len(data), rows, hashlib.sha256(data).hexdigest()))
    wrong = [
        f"{key} is {found[key]}, expected {value}"
        for key, value in asdict(wanted).items()
        if found[key] != value
    ]
    if wrong:
        raise UserError(
            str(path),
            f"is not the released file: {', '.join(wrong)}",
            "get the released file again, or take the task out of official.tasks",
        )
    return data
