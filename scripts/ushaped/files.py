"""Files that are written whole or not at all, and digests of their content."""

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
    """Yield a temporary path beside ``path``, which is renamed to ``path`` at the end.

    A process that dies in between, or a write that fails, leaves the old file or none; never half a
    file. Errors of the system name ``path``.

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
    beside = path.with_name(f"{_temporary_prefix(path)}{os.getpid()}{path.suffix}")
    with _name_in_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            os.replace(beside, path)
        finally:
            # The parent may be no folder.
            with suppress(OSError):
                beside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield a new folder beside ``path``, which is renamed to ``path`` at the end.

    A process that dies in between leaves no incomplete folder ``path``; the next call deletes its
    temporary folder.
    """
    path = Path(path)
    delete_abandoned(path)
    beside = path.with_name(f"{_temporary_prefix(path)}{os.getpid()}")
    with _name_in_errors(path):
        beside.mkdir(parents=True)
        try:
            yield beside
            # A folder cannot be renamed onto one that is not empty.
            shutil.rmtree(path, ignore_errors=True)
            os.replace(beside, path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _name_in_errors(path: Path) -> Iterator[None]:
    """Let errors of the system name the file that was to be written."""
    try:
        yield
    except OSError as error:
        # A failed write has no file name, and a temporary name means nothing to the user.
        name = error.filename
        if name is None or Path(str(name)).name.startswith(_temporary_prefix(path)):
            error.filename = str(path)
        raise
    except Exception as error:
        if refused := refusal(error, str(path)):
            raise refused from error
        raise


def delete_abandoned(path: Path) -> None:
    """Delete temporary files and folders of ``path`` that killed processes left.

    Only those of this machine: whether processes of another still run is unknown.
    """
    prefix = _temporary_prefix(path)
    for leftover in path.parent.glob(f"{glob.escape(prefix)}*"):
        number = leftover.name.removeprefix(prefix).removesuffix(path.suffix)
        if not number.isdecimal() or _runs(int(number)):
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _temporary_prefix(path: Path) -> str:
    """Prefix of temporary names; the number of the process follows."""
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
        pass  # Another user's process.
    return True


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` (UTF-8), whole."""
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON to ``path``, whole."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def without_nan(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by null.

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
    """SHA-256 (hex) of the parts, each preceded by its length, so that boundaries count."""
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
