"""The workflow sent to a real Slurm, jobs that can be held at a known place, and what was seen."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import ROOT, Project, environment

# Where `up` keeps that Slurm; without one there is nothing to test.
FOLDER = os.environ.get("USHAPED_SLURM", "")
SETTINGS = yaml.safe_load((ROOT / "tests/config/slurm.yaml").read_text(encoding="utf-8"))
OUT = SETTINGS["output"]
MODELS = [f"ladder-{rung['size']}-s0" for rung in SETTINGS["ladder"]["rungs"]]
TABLES = ["metrics.csv", "parts.csv", "shapes.csv"]
# The rules of the profile, in the hurry of a test.
HURRY = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "20"]
# Every run that was started.
STARTED: list[Run] = []
# What was seen of each fault, for the end of the tests.
SEEN: list[Seen] = []
# Batches that are held, and told before that, were not kept yet.
KEPT_BEFORE_HOLD = 3
# Every batch is told when it is computed, before it is kept. If that is asked for, a model's first
# job is held then, after some batches, until it may go on; and a model may need much memory.
TELL = f"""
import json, os, sys, time
from pathlib import Path

MODEL = Path(sys.argv[sys.argv.index("--model") + 1]).parent.name
needed = []

def tell(folder, rows):
    told = {{
        "model": MODEL,
        "keys": sorted(set(rows) - {{"made"}}),
        "job": os.environ["SLURM_JOB_ID"],
        "devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }}
    with open("told.jsonl", "a") as handle:
        handle.write(json.dumps(told) + "\\n")
    if len(list(folder.glob("*.jsonl"))) < {KEPT_BEFORE_HOLD}:
        return
    held = Path(MODEL + ".held")
    first = MODEL in os.environ.get("HOLD", "").split() and not held.exists()
    if first:
        held.touch()
    if MODEL == os.environ.get("NEEDS_MEMORY") and not needed:
        needed.append(b"x" * 2_000_000_000)
        # Long enough for Slurm to look.
        time.sleep(6)
    while first and not Path("go").exists():
        time.sleep(0.1)
"""


@dataclass(frozen=True)
class Seen:
    """One fault: what Slurm made of the jobs, what it wrote, and what it cost."""

    fault: str
    jobs: str
    lines: list[str]
    twice: dict[str, int]


def ask(*command: str) -> str:
    """Output of a program of Slurm."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 300) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)


class Logs:
    """What the daemons of Slurm write from now on."""

    def __init__(self) -> None:
        self.paths = sorted(Path(FOLDER, "log").glob("*.log"))
        self.read = {path: path.stat().st_size for path in self.paths}

    def lines(self, pattern: str) -> list[str]:
        """New lines with a pattern in them; there must be some."""
        found = []
        for path in self.paths:
            new = path.read_bytes()[self.read[path] :].decode(errors="replace")
            found += [line for line in new.splitlines() if re.search(pattern, line)]
        assert found, f"no log of Slurm says {pattern!r}"
        return found


class Run:
    """Snakemake, sending the jobs of one project to Slurm."""

    def __init__(self, project: Project, *words: str, profile: str = "slurm", **told: str) -> None:
        self.project, self.words, self.profile, self.told_jobs = project, words, profile, told
        self.start()
        STARTED.append(self)

    def start(self) -> None:
        """Start Snakemake."""
        profile = f"profiles/{self.profile}"
        env = environment() | self.told_jobs
        env["PATH"] = f"{self.project.folder / profile / 'bin'}{os.pathsep}{env['PATH']}"
        snakemake = [sys.executable, str(Path(__file__).with_name("hurried.py"))]
        options = ["--workflow-profile", profile, *HURRY, "--configfile", "tiny.yaml"]
        with open(self.project.folder / "output.txt", "a", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                [*snakemake, *options, *self.words],
                cwd=self.project.folder,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What Snakemake has said."""
        return self.project.read("output.txt")

    def told(self) -> list[dict[str, Any]]:
        """The batches that were computed, in their order."""
        path = self.project.folder / "told.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [told for told in map(json.loads, lines) if told["keys"]]

    def sent(self) -> list[str]:
        """Ids of all jobs of this run, in the order they were sent in."""
        found = re.findall(r"has been submitted with SLURM jobid (\d+)", self.output)
        return sorted(set(found), key=int)

    def jobs(self, state: str) -> list[str]:
        """Ids of the jobs of this run that are in a state now."""
        known = ask("squeue", "--noheader", f"--states={state}", "--format=%i").split()
        return [job for job in self.sent() if job in known]

    def states(self) -> dict[str, str]:
        """How each of its jobs stands or has ended, as Slurm knows it."""
        lines = ask("squeue", "--noheader", "--states=all", "--format=%i %T").splitlines()
        known = dict(line.split() for line in lines)
        return {job: known[job] for job in self.sent()}

    def wait_until_held(self, models: list[str] = MODELS) -> None:
        """Wait until jobs have some batches, and are held before they have all."""
        marks = [self.project.folder / f"{model}.held" for model in models]
        wait_for(lambda: all(mark.exists() for mark in marks), "jobs that score")

    def go(self) -> None:
        """Let the held jobs go on."""
        (self.project.folder / "go").touch()

    def end(self) -> None:
        """Leave nothing behind if a test failed: Snakemake and its jobs may wait for ever."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if left := self.jobs("pending,running"):
            ask("scancel", *left)

    def finish(self, seconds: float = 300) -> None:
        """Wait until Snakemake has made all that it was asked for."""
        try:
            assert self.process.wait(seconds) == 0, self.output
        except subprocess.TimeoutExpired:
            pytest.fail(self.output)


def made(folder: Path) -> Project:
    """A project with the settings of these tests, which tells of every batch that it computes."""
    project = Project(folder / "project")
    project.create()
    project.configure(SETTINGS)
    make_telling(project)
    return project


def without_scores(finished: Project, folder: Path) -> Project:
    """A copy of a finished project without scores and what hangs on them; it tells of batches."""
    shutil.copytree(finished.folder, folder / "project")
    project = Project(folder / "project")
    for part in ("scores", "store/scores", "benchmarks/scores"):
        shutil.rmtree(project.folder / OUT / part)
    for table in (*TABLES, "items.parquet", "evidence.json"):
        (project.folder / OUT / table).unlink()
    make_telling(project)
    return project


def make_telling(project: Project) -> None:
    """Let a project tell of every batch that it computes."""
    project.write("scripts/telling.py", TELL)
    project.edit(
        "scripts/ushaped/scoring/store.py",
        "        self._write(rows)\n        self.rows.update(rows)\n",
        "        __import__('telling').tell(self.folder, rows)\n"
        "        self._write(rows)\n        self.rows.update(rows)\n",
    )


def score(project: Project, *words: str, hold: list[str] = MODELS, **told: str) -> Run:
    """Score with all models through Slurm; jobs of some are held, the first of each."""
    until = ["--until", "scores", "--", "shapes"]
    return Run(project, *words, *until, HOLD=" ".join(hold), **told)


def assert_as_undisturbed(
    run: Run, undisturbed: Project, again: int, fault: str, lines: list[str]
) -> None:
    """The tables are the undisturbed ones; at most so many batches of a model came twice."""
    done = run.project.run("shapes")
    assert done.returncode == 0, done.stdout
    for table in TABLES:
        assert run.project.read(f"{OUT}/{table}") == undisturbed.read(f"{OUT}/{table}")
    twice = dict.fromkeys(MODELS, 0)
    for model in MODELS:
        seen: set[str] = set()
        for told in run.told():
            if told["model"] == model:
                twice[model] += bool(seen & set(told["keys"]))
                seen |= set(told["keys"])
        assert seen, f"nothing was told of {model}"
    assert max(twice.values()) <= again, f"batches that were computed twice: {twice}"
    jobs = ", ".join(f"{job} {state}" for job, state in run.states().items())
    SEEN.append(Seen(fault, jobs, lines, twice))
