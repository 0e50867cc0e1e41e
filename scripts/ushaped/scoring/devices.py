"""Which device a job runs on, and that no other job of this machine runs there."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ushaped.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
# How often a job that waits for a device looks again, in seconds.
PATIENCE = 1.0


def lock_folder() -> Path:
    """Where the locks of this user on this machine lie."""
    return Path(tempfile.gettempdir()) / f"ushaped-devices-{os.getuid()}"


@contextmanager
def reserved(count: int, wanted: int = 1, folder: Path | None = None) -> Iterator[list[int]]:
    """Wait for free devices and keep them from other jobs.

    The locks are the operating system's, so they go when the process does, however it ends.

    Parameters
    ----------
    count : int
        Devices of the machine.
    wanted : int
        How many to reserve.
    folder : path, optional
        Of the lock files; `lock_folder` if none is given.

    Yields
    ------
    list of int
        Their numbers.

    Raises
    ------
    UserError
        If more are wanted than there are.
    """
    if wanted > count:
        raise UserError(
            "scoring.device: cuda",
            f"{wanted} GPUs are asked for, this machine shows {count}",
            "set scoring.device to cpu, or fewer gpus for this model in config/models.yaml",
        )
    folder = folder or lock_folder()
    folder.mkdir(parents=True, exist_ok=True)
    held: dict[int, int] = {}
    try:
        # All or none: jobs that each hold a part and wait for the rest would wait for ever.
        while not (held := _locked(folder, count, wanted)):
            time.sleep(PATIENCE)
        yield sorted(held)
    finally:
        for handle in held.values():
            os.close(handle)


def _locked(folder: Path, count: int, wanted: int) -> dict[int, int]:
    """Open lock files of as many free devices as wanted, or of none."""
    held: dict[int, int] = {}
    for number in range(count):
        handle = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        held[number] = handle
        if len(held) == wanted:
            return held
    for handle in held.values():
        os.close(handle)
    return {}


@contextmanager
def chosen(device: str, wanted: int = 1) -> Iterator[None]:
    """While this is entered, PyTorch sees only the devices of this job.

    Parameters
    ----------
    device : {"cpu", "cuda"}
        With ``cuda``, a choice that a scheduler made (``CUDA_VISIBLE_DEVICES``) is kept; without
        one, free devices are reserved.
    wanted : int
        GPUs for this model.
    """
    if device == "cpu" or os.environ.get(VISIBLE):
        yield
        return
    import torch

    # Counting them does not yet bind the process to any of them.
    with reserved(torch.cuda.device_count(), wanted) as numbers:
        os.environ[VISIBLE] = ",".join(map(str, numbers))
        try:
            yield
        finally:
            del os.environ[VISIBLE]
