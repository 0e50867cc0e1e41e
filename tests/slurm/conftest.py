"""What the tests on a real Slurm share, and what they saw, printed at their end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import SEEN, SETTINGS, STARTED, without_scores
from project import Project


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """End what a test has started, if it failed; not what was begun early, for later tests."""
    begun = len(STARTED)
    yield
    for run in STARTED[begun:]:
        run.end()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The report, rendered on this machine without Slurm; not to be changed."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "project")
    project.create()
    project.configure(SETTINGS)
    done = project.run("report")
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture
def trained(undisturbed: Project, tmp_path: Path) -> Project:
    """A copy of it without scores and what hangs on them, which tells of every batch."""
    return without_scores(undisturbed, tmp_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """For each fault that was survived: the jobs, what was computed twice, Slurm's own words."""
    if SEEN:
        terminalreporter.section("faults; after each the tables equal those of an undisturbed run")
    for seen in SEEN:
        twice = ", ".join(f"{count} of {model}" for model, count in seen.twice.items())
        terminalreporter.line(f"{seen.fault}")
        terminalreporter.line(f"    jobs: {seen.jobs}")
        terminalreporter.line(f"    batches computed twice: {twice}")
        for line in seen.lines:
            terminalreporter.line(f"    log: {line}")
