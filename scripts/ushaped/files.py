"""Files that appear whole or not at all, and digests of their content."""

from __future__ import annotations

import glob
import hashlib
import json
import math
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ushaped.errors import refusal


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to, and rename it to ``path`` at the end.

    A process that dies in between leaves the old file, or none; never half a file. So does a full
    disk, or another refusal of the machine, whose error names ``path``.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole(folder / "a.txt") as beside:
    ...     _ = beside.write_text("all of it")
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
    """
    path = Path(path)
    beside = path.with_name(f"{_begun(path)}{os.getpid()}{path.suffix}")
    with _refusals_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            os.replace(beside, path)
        finally:
            # A folder that is no folder holds nothing to delete.
            with suppress(OSError):
                beside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a new folder beside ``path`` to fill, and rename it to ``path`` at the end.

    A process that dies in between leaves no folder of that name with a part of its files in it, and
    what it does leave is deleted by the next one.
    """
    path = Path(path)
    delete_abandoned(path)
    beside = path.with_name(f"{_begun(path)}{os.getpid()}")
    with _refusals_named(path):
        beside.mkdir(parents=True)
        try:
            yield beside
            # A folder cannot be renamed onto one that holds something.
            shutil.rmtree(path, ignore_errors=True)
            os.replace(beside, path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _refusals_named(path: Path) -> Iterator[None]:
    """Where the machine refuses to write, say which file was to be written."""
    try:
        yield
    except OSError as error:
        # A write has no name, and that of the file beside tells nobody anything.
        if error.filename is None or Path(str(error.filename)).name.startswith(_begun(path)):
            error.filename = str(path)
        raise
    except Exception as error:
        if found := refusal(error, str(path)):
            raise found from error
        raise


def delete_abandoned(path: Path) -> None:
    """Delete what `whole` or `whole_folder` left of ``path`` where a process was killed.

    Only what processes of this machine left: whether those of another still run is not known.
    """
    for one in path.parent.glob(f"{glob.escape(_begun(path))}*"):
        number = one.name.removeprefix(_begun(path)).removesuffix(path.suffix)
        if not number.isdecimal() or _runs(int(number)):
            continue
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)


def _begun(path: Path) -> str:
    """How names of unfinished files and folders begin; the number of the process follows."""
    return f".{path.name}.{platform.node()}-"


def _runs(process: int) -> bool:
    """Whether another process with this number runs on this machine."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # Somebody else's.
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` (UTF-8), whole."""
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON to ``path``, whole."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity: null instead.

    Examples
    --------
    >>> without_nan({"low": [float("nan"), 0.5]})
    {'low': [None, 0.5]}
    """
    if isinstance(value, Mapping):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def digest(*parts: str | bytes) -> str:
    """SHA-256 (hex) of the parts, each preceded by its length so that none can run together."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)
    return total.hexdigest()


def file_digest(path: str | Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
