"""The scores of one model, kept item by item under what they depend on.

A store is a folder of parts, each a text file: a first line with the SHA-256 of the rest, then one
JSON row ``[key, value]`` per line. A part is written beside and renamed, after every batch, so a
job that dies loses at most the batch it was at, and what is there is whole. Parts are named by
their content: several jobs may write to one store, and what they have both computed is there twice
at worst.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.files import digest, whole

Value = dict[str, Any]

# With more parts than this, they are written together as one when the store is opened.
MANY = 64


def key(*parts: str) -> str:
    """Key of a row: a digest of everything that its value depends on, 32 hex digits."""
    return digest(*parts)[:32]


def _is_finite(value: Value) -> bool:
    return all(math.isfinite(one) for one in value.values() if isinstance(one, float))


class Store:
    """Values by key, in a folder.

    Parameters
    ----------
    folder : path
        Of one model; made if it is not there.
    log : callable
        Gets a line for each damaged part.

    Raises
    ------
    UserError
        If the folder cannot be read or written to.
    """

    def __init__(self, folder: str | Path, log: Callable[[str], None]) -> None:
        self.folder, self.log = Path(folder), log
        self.rows: dict[str, Value] = {}
        self._known: set[Path] = set()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            parts = self._read()
        except OSError as error:
            raise self._refused(error) from None
        if len(parts) > MANY:
            self._merge(parts)

    def add(self, rows: Mapping[str, Value]) -> None:
        """Keep some rows, as one part.

        Raises
        ------
        UserError
            If they cannot be written, for instance because the disk is full; what was there stays.
        """
        self._write(rows)
        self.rows.update(rows)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this is entered, no other job that enters it computes for this store.

        A job that is there already is waited for, and what it has kept is taken over: on a cluster,
        one that outlived the run that sent it. The lock is the operating system's, so it goes when
        its process does. On file systems without locks nobody waits, and at worst scores are
        computed twice.
        """
        with ExitStack() as held:
            try:
                handle = held.enter_context(open(self.folder / "lock", "ab"))
                self._wait(handle.fileno())
            except OSError as error:
                self.log(f"{self.folder}: is not locked ({error.strerror})")
            self._read()
            yield

    def _wait(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.log(f"{self.folder}: another job scores with this model; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)

    def _write(self, rows: Mapping[str, Value]) -> Path:
        body = "".join(
            json.dumps([name, value], ensure_ascii=False) + "\n" for name, value in rows.items()
        ).encode()
        found = hashlib.sha256(body).hexdigest()
        path = self.folder / f"{found[:32]}.jsonl"
        try:
            with whole(path) as beside:
                beside.write_bytes(json.dumps({"sha256": found}).encode() + b"\n" + body)
        except OSError as error:
            raise self._refused(error) from None
        self._known.add(path)
        return path

    def _read(self) -> list[Path]:
        """Read all new parts; those that another job is just merging are looked for again."""
        read: list[Path] = []
        # What begins with a dot is being written, or was when its writer died.
        while new := sorted(set(self.folder.glob("[!.]*.jsonl")) - self._known):
            for path in new:
                read.append(path)
                self._known.add(path)
                try:
                    content = path.read_bytes()
                except FileNotFoundError:
                    continue
                self._take(path, content)
        return read

    def _take(self, path: Path, content: bytes) -> None:
        head, _, body = content.partition(b"\n")
        try:
            if json.loads(head)["sha256"] != hashlib.sha256(body).hexdigest():
                raise ValueError
            rows = [json.loads(line) for line in body.splitlines()]
        except (ValueError, TypeError, KeyError):
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            self.log(f"{path}: is damaged, set aside as {aside.name}; its items are scored again")
            return
        for name, value in rows:
            # Numbers that are none are no scores: their items are scored again.
            if _is_finite(value):
                self.rows.setdefault(name, value)

    def _merge(self, parts: list[Path]) -> None:
        """Write all rows as one part, and only then remove the parts that they came from."""
        merged = self._write(self.rows)
        for path in parts:
            if path != merged:
                path.unlink(missing_ok=True)

    def _refused(self, error: OSError) -> UserError:
        return UserError(
            str(self.folder),
            f"scores cannot be kept ({error.strerror})",
            f"mend that and run again: {len(self.rows)} scores are kept and will not be computed "
            "again",
        )
