"""Which GPUs a job runs on, and that no other job of this machine runs there."""

from __future__ import annotations

import ctypes
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ushaped.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
# Seconds between two looks for a free GPU.
PATIENCE = 1.0

# Options of glibc's mallopt (malloc.h): when freed memory is returned to the system, how much more
# than requested is taken from it, and from which size on a block is mapped by itself.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def lock_folder() -> Path:
    """Folder of this user's lock files on this machine."""
    return Path(tempfile.gettempdir()) / f"ushaped-devices-{os.getuid()}"


@contextmanager
def lock_gpus(count: int, wanted: int = 1, folder: Path | None = None) -> Iterator[list[int]]:
    """Wait for ``wanted`` free GPUs of ``count`` and keep other jobs from them.

    Yields their numbers. The locks are the operating system's, so they end with the process,
    however it ends.

    Raises
    ------
    UserError
        If more are wanted than there are.
    """
    if wanted > count:
        raise UserError(
            "scoring.device: cuda",
            f"{wanted} GPUs are asked for, this machine shows {count}",
            "set scoring.device to cpu, or fewer gpus for this model in the registry",
        )
    folder = folder or lock_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as locks:
        # All or none: jobs that each hold a part and wait for the rest would wait for ever.
        while len(numbers := _lock_free(folder, count, wanted, locks)) < wanted:
            locks.close()
            time.sleep(PATIENCE)
        yield numbers


def _lock_free(folder: Path, count: int, wanted: int, locks: ExitStack) -> list[int]:
    """Lock as many free GPUs as wanted, or fewer if there are fewer; their numbers."""
    from filelock import FileLock, Timeout

    numbers: list[int] = []
    for number in range(count):
        lock = FileLock(folder / f"{number}.lock", blocking=False, fallback_to_soft=False)
        try:
            locks.enter_context(lock)
        except Timeout:
            continue
        numbers.append(number)
        if len(numbers) == wanted:
            break
    return numbers


@contextmanager
def reserve_gpus(device: str, wanted: int = 1) -> Iterator[None]:
    """While this is entered, PyTorch sees only the GPUs of this job.

    With ``cuda``, GPUs that a scheduler chose (``CUDA_VISIBLE_DEVICES``) are taken; without a
    scheduler, free ones are locked.
    """
    if device == "cpu" or os.environ.get(VISIBLE):
        yield
        return
    import torch

    # Counting the GPUs does not yet bind the process to any of them.
    with lock_gpus(torch.cuda.device_count(), wanted) as numbers:
        os.environ[VISIBLE] = ",".join(map(str, numbers))
        try:
            yield
        finally:
            del os.environ[VISIBLE]


def reuse_memory() -> None:
    """Let this process keep freed memory for its next tensors.

    By default glibc returns large blocks to the system and maps them again, and each page is then
    cleared anew: some percent of the time of a forward pass. Without glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, size in (
            (M_MMAP_THRESHOLD, 1 << 30),
            (M_TRIM_THRESHOLD, 1 << 30),
            (M_TOP_PAD, 1 << 26),
        ):
            mallopt(option, size)
