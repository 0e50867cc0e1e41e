"""GPUs: one job each, freed when a process dies, and a scheduler's choice respected."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from ushaped.errors import UserError
from ushaped.scoring import devices
from ushaped.scoring.devices import VISIBLE, lock_gpus, reserve_gpus

# A job: locks a GPU of two, prints when it had which, holds it for a while.
JOB = """
import sys, time
from pathlib import Path
from ushaped.scoring import devices
devices.PATIENCE = 0.01
with devices.lock_gpus(2, int(sys.argv[2]), Path(sys.argv[1])) as numbers:
    began = time.monotonic()
    print(*numbers, flush=True)
    time.sleep(float(sys.argv[3]))
    print(began, time.monotonic(), flush=True)
"""


def job(folder: Path, wanted: int = 1, seconds: float = 0.2) -> subprocess.Popen[str]:
    """Start a job that reserves devices."""
    scripts = str(Path(devices.__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", JOB, str(folder), str(wanted), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": scripts},
    )


def test_no_two_jobs_have_one_device_at_once_and_both_devices_are_used(tmp_path: Path) -> None:
    jobs = [job(tmp_path) for _ in range(6)]
    spans: dict[str, list[tuple[float, float]]] = {"0": [], "1": []}
    for one in jobs:
        number, times = one.communicate(timeout=60)[0].splitlines()
        began, ended = map(float, times.split())
        spans[number].append((began, ended))
    assert all(spans.values())
    for taken in spans.values():
        taken.sort()
        assert all(first[1] <= second[0] for first, second in pairwise(taken))


def test_a_job_that_wants_both_waits_until_both_are_free(tmp_path: Path) -> None:
    with lock_gpus(2, 1, tmp_path):
        both = job(tmp_path, wanted=2)
        time.sleep(0.3)
        # It holds none while it waits, so that others can go on.
        with lock_gpus(2, 1, tmp_path) as second:
            assert second == [1]
    assert both.communicate(timeout=60)[0].splitlines()[0] == "0 1"


def test_a_killed_job_gives_its_device_back(tmp_path: Path) -> None:
    holder = job(tmp_path, wanted=2, seconds=60)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "0 1\n"
    holder.kill()
    holder.wait()
    with lock_gpus(2, 2, tmp_path) as numbers:
        assert numbers == [0, 1]


def test_more_devices_than_there_are_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 GPUs are asked for, this machine shows 1"):
        lock_gpus(1, 2, tmp_path).__enter__()


def test_what_a_scheduler_chose_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "3")
    with reserve_gpus("cuda"):
        assert os.environ[VISIBLE] == "3"
    assert os.environ[VISIBLE] == "3"


def test_without_a_scheduler_the_job_sees_its_own_device_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(devices, "lock_folder", lambda: tmp_path)
    with lock_gpus(2, 1, tmp_path), reserve_gpus("cuda"):
        assert os.environ[VISIBLE] == "1"
    assert VISIBLE not in os.environ


def test_a_job_on_the_processor_reserves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setattr(devices, "lock_gpus", None)
    with reserve_gpus("cpu"):
        assert VISIBLE not in os.environ
