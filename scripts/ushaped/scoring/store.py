"""The scores of one model, stored item by item under the digest of everything they depend on.

A store is a folder of parts, each a text file: a first line with the SHA-256 of the rest, then one
JSON row ``[key, value]`` per line. A part is written under a temporary name and renamed, after
every batch, so a job that dies loses at most its last batch and every part is whole. Parts are
named by their content: several jobs may write to one store, and at worst store a row twice.

Locks of the operating system, which end with their process, order the jobs. The file ``lock`` is
held by a whole job alone, or shared by the jobs of its shards, each of which holds ``lock-SHARD``
alone. Parts are merged only by who holds ``lock`` alone, and who gets it, shared or not, reads the
folder afterwards: so no job relies on what it read while parts disappeared.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.files import digest, whole

Value = dict[str, Any]

# More parts than this are merged into one when the store is opened, unless a job is at work.
MANY = 64
LOCK = "lock"


def key(*parts: str) -> str:
    """Key of a row: a digest of everything that its value depends on, 32 hex digits."""
    return digest(*parts)[:32]


class Store:
    """Values by key, in the folder of one model, which is made if it is missing.

    ``log`` gets a line for each damaged part.

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
            self._merge_if_idle(parts)

    def add(self, rows: Mapping[str, Value]) -> None:
        """Store rows, as one part.

        Raises
        ------
        UserError
            If they cannot be written, for instance because the disk is full; older rows stay.
        """
        self._write(rows)
        self.rows.update(rows)

    @contextmanager
    def exclusive_lock(self) -> Iterator[None]:
        """Let no other job compute for this store at the same time.

        A job that holds the lock is waited for, and its rows are read: on a cluster, a job may
        outlive the run that sent it. On file systems without locks nobody waits, and at worst
        scores are computed twice.
        """
        with ExitStack() as locks:
            self._wait_for(locks, LOCK, fcntl.LOCK_EX)
            self._read()
            yield

    @contextmanager
    def shard_lock(self, shard: str) -> Iterator[None]:
        """Let other shards be computed at the same time, but this one by no second job.

        Otherwise as `exclusive_lock`; the two wait for one another.
        """
        with ExitStack() as locks:
            self._wait_for(locks, LOCK, fcntl.LOCK_SH)
            self._wait_for(locks, f"{LOCK}-{shard}", fcntl.LOCK_EX)
            self._read()
            yield

    def _wait_for(self, locks: ExitStack, name: str, kind: int) -> None:
        """Lock a file until ``locks`` is closed."""
        try:
            handle = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o666)
            # Closing a file gives up its lock.
            locks.callback(os.close, handle)
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                self.log(f"{self.folder}: another job scores with this model; waiting for it")
                fcntl.flock(handle, kind)
        except OSError as error:
            self.log(f"{self.folder}: is not locked ({error.strerror})")

    def _write(self, rows: Mapping[str, Value]) -> Path:
        body = "".join(
            json.dumps([name, value], ensure_ascii=False) + "\n" for name, value in rows.items()
        ).encode()
        checksum = hashlib.sha256(body).hexdigest()
        path = self.folder / f"{checksum[:32]}.jsonl"
        try:
            with whole(path) as beside:
                beside.write_bytes(json.dumps({"sha256": checksum}).encode() + b"\n" + body)
        except OSError as error:
            raise self._refused(error) from None
        self._known.add(path)
        return path

    def _read(self) -> list[Path]:
        """Read all new parts, until no job adds one by merging others meanwhile."""
        read: list[Path] = []
        # A name with a leading dot is being written, or was when its writer died.
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
            # Another job may have seen it too.
            with suppress(FileNotFoundError):
                path.replace(aside)
            self.log(f"{path}: is damaged, set aside as {aside.name}; its items are scored again")
            return
        for name, value in rows:
            # NaN and infinity are no scores: their items are scored again.
            if all(math.isfinite(x) for x in value.values() if isinstance(x, float)):
                self.rows.setdefault(name, value)

    def _merge_if_idle(self, parts: list[Path]) -> None:
        """Merge parts unless a job is at work, whose own reading could miss what is moved."""
        with ExitStack() as locks:
            try:
                handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
                locks.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            except OSError:
                pass  # No locks here: a job that misses rows at worst computes them again.
            self._merge(parts)

    def _merge(self, parts: list[Path]) -> None:
        """Write all rows as one part, and only then remove the parts that they came from."""
        merged = self._write(self.rows)
        for path in parts:
            if path != merged:
                path.unlink(missing_ok=True)

    def _refused(self, error: OSError) -> UserError:
        return UserError(
            str(self.folder),
            f"scores cannot be stored ({error.strerror})",
            f"mend that and run again: {len(self.rows)} scores are stored and will not be computed "
            "again",
        )
