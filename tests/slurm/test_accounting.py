"""The profile for clusters with accounting, on a Slurm that records its jobs in a database.

`run --accounting` beside this file starts that Slurm; without it these tests are skipped.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cluster import MODELS, OUT, Logs, Run, ask, assert_as_undisturbed, made, score
from project import Project

pytestmark = pytest.mark.needs("slurm-accounting")

# The account is told as the profile says; nobody computes without one.
ACCOUNT = {"profile": "slurm-accounting", "SBATCH_ACCOUNT": "study"}


def recorded(run: Run) -> list[list[str]]:
    """Of each job of a run: rule, account, state and asked memory, as the database has them."""
    jobs = ",".join(run.sent())
    form = "--format=Comment,Account,State,ReqMem"
    lines = ask("sacct", "-X", "--noheader", "--parsable2", f"--jobs={jobs}", form).splitlines()
    return [line.split("|") for line in lines]


def test_the_report_is_the_one_without_and_every_job_is_recorded(
    undisturbed: Project, tmp_path: Path
) -> None:
    project = made(tmp_path)
    run = Run(project, "--", "report", **ACCOUNT)
    run.finish(500)
    for path in sorted((undisturbed.folder / OUT).rglob("*.csv")):
        name = str(path.relative_to(undisturbed.folder))
        assert project.read(name) == undisturbed.read(name), name
    assert (project.folder / OUT / "report.html").stat().st_size > 0
    jobs = recorded(run)
    assert {(account, state) for _, account, state, _ in jobs} == {("study", "COMPLETED")}

    (table,) = (project.folder / "logs/slurm").glob("efficiency_report_*.csv")
    report = pd.read_csv(table)
    assert sorted(report["RuleName"]) == sorted(rule for rule, *_ in jobs)
    assert (report["MaxRSS_MB"] > 0).all()
    assert report["Memory Usage (%)"].between(0, 100, inclusive="neither").all()


def test_a_cancelled_job_and_one_out_of_memory_are_told_by_sacct_and_sent_again(
    undisturbed: Project, trained: Project
) -> None:
    logs = Logs()
    run = score(trained, NEEDS_MEMORY=MODELS[0], **ACCOUNT)
    run.wait_until_held(MODELS[1:])
    (cancelled,) = {told["job"] for told in run.told() if told["model"] == MODELS[1]}
    ask("scancel", cancelled)
    run.finish()
    states = [(state, memory) for _, _, state, memory in recorded(run)]
    ended = sorted(states)
    assert ended == [
        ("CANCELLED by 0", "2000M"),
        ("COMPLETED", "4000M"),
        ("COMPLETED", "4000M"),
        ("FAILED", "2000M"),
    ]
    # What Snakemake says of them comes from sacct.
    assert f"SLURM-job '{cancelled}' failed, SLURM status is: 'CANCELLED" in run.output
    assert "SLURM status is: 'FAILED'" in run.output
    lines = logs.lines(rf"REQUEST_KILL_JOB JobId={cancelled}\b|exceeded memory limit")
    assert_as_undisturbed(run, undisturbed, 1, "accounting: cancelled, out of memory", lines)
