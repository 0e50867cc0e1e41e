"""A run that is killed and started again finishes with what it would have made at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from project import Project, environment


@pytest.mark.workflow
def test_a_run_killed_twice_finishes_with_the_same_tables(
    finished: Project, fresh: Project
) -> None:
    for stage in ("weights/*.safetensors", "scores/*/*.jsonl"):
        kill_when(fresh, f"results/store/{stage}")
        assert not (fresh.folder / "results/metrics.csv").exists()
    done = fresh.run("shapes")
    assert done.returncode == 0, done.stdout
    for table in ("metrics.csv", "shapes.csv"):
        assert fresh.read(f"results/{table}") == finished.read(f"results/{table}")


def kill_when(project: Project, pattern: str) -> None:
    """Start the workflow and kill all of it as soon as a file of the pattern is there."""
    run = subprocess.Popen(
        project.command("--", "shapes"),
        cwd=project.folder,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not list(project.folder.glob(pattern)):
        if run.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the run ended before it made {pattern}")
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
