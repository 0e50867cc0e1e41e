"""Which device a job runs on, and that no other job of this machine runs there."""

from __future__ import annotations

import ctypes
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

# Options of glibc's mallopt (malloc.h): when freed memory goes back to the system, how much more
# than asked for is taken from it, and from which size on a block is taken by itself.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


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


def reuse_memory() -> None:
    """Let this process keep freed memory for its next tensors.

    By default glibc gives large blocks back to the system and gets them again, each page of which
    is then cleared anew: some percent of the time of a forward pass. Elsewhere nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, size in (
            (M_MMAP_THRESHOLD, 1 << 30),
            (M_TRIM_THRESHOLD, 1 << 30),
            (M_TOP_PAD, 1 << 26),
        ):
            mallopt(option, size)
