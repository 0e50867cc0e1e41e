"""The workflow on a real Slurm of one node with two pretend GPUs, and what clusters do to jobs.

`run` beside this file starts that Slurm; without it these tests are skipped. A fault comes while
jobs are held after some batches, so that none comes too early or too late on a busy machine.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import combinations
from pathlib import Path

import pytest

from cluster import (
    FOLDER,
    MODELS,
    OUT,
    Logs,
    Run,
    ask,
    assert_as_undisturbed,
    made,
    score,
    wait_for,
    without_scores,
)
from project import ROOT, Project

pytestmark = pytest.mark.needs("slurm")

# No GPU is there, so scoring runs on the processor; but its jobs ask for one, as on a cluster.
GPU = ["--set-resources", "scores:gpu=1"]
# Rules that are sent to the cluster; the others take seconds and run where Snakemake does.
SENT = {"corpus", "train", "scores", "metrics", "shapes", "flips", "power", "protocols"}
SENT |= {"published_shapes", "exchange"}


@pytest.fixture(scope="module")
def overdue(undisturbed: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Logs]:
    """A run whose jobs hang, begun early: it spends minutes waiting.

    The first attempt has one minute, the shortest limit; the next one time on a busy machine too.
    """
    project = without_scores(undisturbed, tmp_path_factory.mktemp("overdue"))
    return score(project, "--set-resources", "scores:runtime=30**(attempt-1)"), Logs()


@pytest.fixture(scope="module")
def hungry(undisturbed: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Logs]:
    """A run in which one model needs more memory than its first job asks for; begun early too."""
    project = without_scores(undisturbed, tmp_path_factory.mktemp("hungry"))
    return score(project, hold=MODELS[:1], NEEDS_MEMORY=MODELS[0]), Logs()


def memory(jobs: list[str]) -> set[str]:
    """Main memory that jobs asked for."""
    ids = ",".join(jobs)
    asked = ask("squeue", "--states=all", "--noheader", f"--jobs={ids}", "--format=%m")
    return set(asked.split())


# -- undisturbed -------------------------------------------------------------------------------


@pytest.mark.usefixtures("overdue", "hungry")
def test_the_report_through_slurm_is_the_one_without(undisturbed: Project, tmp_path: Path) -> None:
    project = made(tmp_path)
    run = Run(
        project,
        *(*GPU, "--slurm-keep-successful-logs", "--", "report"),
        HOLD=" ".join(MODELS),
    )
    # Both scoring jobs run side by side then.
    run.wait_until_held()
    run.go()
    run.finish(500)
    for path in sorted((undisturbed.folder / OUT).rglob("*.csv")):
        name = str(path.relative_to(undisturbed.folder))
        assert project.read(name) == undisturbed.read(name), name
    assert (project.folder / OUT / "report.html").stat().st_size > 0

    logs = project.folder / ".snakemake" / "slurm_logs"
    assert {path.name for path in logs.iterdir()} == {f"rule_{name}" for name in SENT}
    # Every scoring job asked for one GPU, and each got its own.
    asked = ask("squeue", "--states=all", "--noheader", "--Format=JobID:9,tres-per-job:30")
    gpus = dict(line.split() for line in asked.splitlines() if len(line.split()) == 2)
    given = {(told["job"], told["devices"]) for told in run.told()}
    assert len(given) == len(MODELS)
    assert {re.sub(r"^gres:", "", gpus[job]) for job, _ in given} == {"gpu:1"}
    assert {device for _, device in given} == {"0", "1"}


def test_the_device_that_slurm_gives_is_kept(tmp_path: Path) -> None:
    program = (
        "import os, sys, time\n"
        f"sys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
        "from ushaped.scoring.devices import reserve_gpus\n"
        "with reserve_gpus('cuda'):\n"
        "    print(os.environ['CUDA_VISIBLE_DEVICES'], time.time(), flush=True)\n"
        "    time.sleep(4)\n"
        "    print(time.time())\n"
    )
    (tmp_path / "job.py").write_text(f"#!{sys.executable}\n{program}", encoding="utf-8")
    for number in range(3):
        output = tmp_path / f"{number}.txt"
        ask("sbatch", "--gpus=1", "--mem=500", f"--output={output}", str(tmp_path / "job.py"))
    wait_for(
        lambda: sum(len(p.read_text().split()) == 3 for p in tmp_path.glob("*.txt")) == 3,
        "three jobs on two GPUs",
    )
    runs = sorted(path.read_text().split() for path in tmp_path.glob("*.txt"))
    assert {device for device, _, _ in runs} == {"0", "1"}
    for one, other in combinations(runs, 2):
        assert one[0] != other[0] or one[1] > other[2] or other[1] > one[2]


# -- faults ------------------------------------------------------------------------------------


def test_a_job_out_of_memory_is_sent_again_with_more(
    undisturbed: Project, hungry: tuple[Run, Logs]
) -> None:
    run, logs = hungry
    run.finish()
    killed, again = (
        [job for job, state in run.states().items() if (state == "COMPLETED") == completed]
        for completed in (False, True)
    )
    # The first job of the model that needs more than 2 GB, and nothing of the other model.
    assert (len(killed), len(again)) == (1, len(MODELS))
    assert memory(killed) == {"2000M"}
    assert {told["job"] for told in run.told() if told["model"] == MODELS[0]} & set(killed)
    assert memory(again) == {"2000M", "4000M"}
    lines = logs.lines(rf"StepId={killed[0]}\b.*exceeded memory limit")
    assert_as_undisturbed(run, undisturbed, 1, "out of memory", lines)


def test_a_job_past_its_time_limit_goes_on_in_the_next(
    undisturbed: Project, overdue: tuple[Run, Logs]
) -> None:
    run, logs = overdue
    ended = ["TIMEOUT"] * len(MODELS)
    wait_for(lambda: list(run.states().values())[: len(MODELS)] == ended, "a time limit")
    first = run.sent()[: len(MODELS)]
    # On a busy machine the first ones may have ended before they came to where jobs are held.
    run.go()
    run.finish()
    assert list(run.states().values()) == ended + ["COMPLETED"] * len(MODELS)
    lines = logs.lines(rf"Time limit exhausted for JobId=({'|'.join(first)})\b")
    assert_as_undisturbed(run, undisturbed, 1, "past the time limit", lines)


def test_a_cancelled_job_is_sent_again_and_asks_for_more_memory(
    undisturbed: Project, trained: Project
) -> None:
    logs = Logs()
    run = score(trained)
    run.wait_until_held()
    first = run.jobs("running")
    assert len(first) == len(MODELS)
    ask("scancel", *first)
    run.finish()
    second = run.sent()[len(MODELS) :]
    assert {told["job"] for told in run.told()} == {*first, *second}
    assert list(run.states().values()) == ["CANCELLED"] * len(MODELS) + ["COMPLETED"] * len(MODELS)
    assert memory(first) == {"2000M"}
    assert memory(second) == {"4000M"}
    lines = logs.lines(rf"REQUEST_KILL_JOB JobId=({'|'.join(first)})\b")
    assert_as_undisturbed(run, undisturbed, 1, "cancelled", lines)


def test_jobs_wait_for_a_drained_node_and_survive_one_that_goes_down(
    undisturbed: Project, trained: Project
) -> None:
    logs = Logs()
    node = ask("sinfo", "--noheader", "--format=%n").strip()

    def make(state: str) -> None:
        ask("scontrol", "update", f"nodename={node}", f"state={state}", "reason=test")

    def bring_back() -> None:
        # A node that was taken down may come back by itself, when its daemon tells of itself again;
        # Slurm then refuses to bring it back.
        command = ["scontrol", "update", f"nodename={node}", "state=resume"]
        subprocess.run(command, check=False, capture_output=True)
        state = ["sinfo", "--noheader", "--format=%t"]
        wait_for(
            lambda: re.fullmatch(r"(idle|mix|alloc)", ask(*state).strip()), "a node that is back"
        )

    make("drain")
    try:
        run = score(trained)
        wait_for(lambda: len(run.jobs("pending")) == len(MODELS), "jobs that wait")
        time.sleep(3)
        assert not run.told()
        bring_back()
        run.wait_until_held()
        make("down")
        wait_for(lambda: not run.jobs("running"), "jobs that lost their node")
    finally:
        bring_back()
    run.finish()
    # Slurm itself has begun them again, under the same number.
    assert list(run.states().values()) == ["COMPLETED"] * len(MODELS)
    lines = logs.lines(r"node \S+ state set to|due to failure of node")
    assert_as_undisturbed(run, undisturbed, 1, "a node drained, then down", lines)


def test_a_controller_that_stops_for_a_while_loses_nothing(
    undisturbed: Project, trained: Project
) -> None:
    logs = Logs()
    controller = str(Path(__file__).with_name("controller"))
    run = score(trained)
    run.wait_until_held()
    ask(controller, "stop", FOLDER)
    try:
        run.go()
        scores = [trained.folder / OUT / "benchmarks/scores" / f"{model}.tsv" for model in MODELS]
        wait_for(lambda: all(path.exists() for path in scores), "jobs that go on by themselves")
        sbatch = trained.folder / "profiles/slurm/bin/sbatch"
        sent = subprocess.Popen(
            [sbatch, "--parsable", "--output=/dev/null", "--wrap=true"],
            stdout=subprocess.PIPE,
            text=True,
        )
        # Slurm's programs give up after nine seconds.
        time.sleep(12)
        assert run.process.poll() is None
        assert sent.poll() is None
    finally:
        ask(controller, "start", FOLDER)
    assert sent.communicate(timeout=60)[0].strip().isdigit()
    run.finish()
    assert list(run.states().values()) == ["COMPLETED"] * len(MODELS)
    lines = logs.lines(r"slurmctld version .* started|Terminate signal")
    assert_as_undisturbed(run, undisturbed, 0, "no controller for a while", lines)


def test_snakemake_killed_and_started_again_scores_nothing_twice(
    undisturbed: Project, trained: Project
) -> None:
    run = score(trained)
    run.wait_until_held()
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    # Its jobs outlive it, and those of the second run wait for them.
    assert len(run.jobs("running")) == len(MODELS)
    run.start()
    said = [trained.folder / f"logs/{OUT}/scores/{model}.log" for model in MODELS]
    waits = "another job scores with this model; waiting for it"

    def wait_both() -> bool:
        # Snakemake removes the log of a job that it starts again.
        with suppress(FileNotFoundError):
            return all(waits in path.read_text(encoding="utf-8") for path in said)
        return False

    wait_for(wait_both, "jobs that wait")
    run.go()
    run.finish()
    # Jobs of the first run may end a little later than those that waited for their scores.
    wait_for(
        lambda: list(run.states().values()) == ["COMPLETED"] * 2 * len(MODELS), "jobs that end"
    )
    assert len({told["job"] for told in run.told()}) == len(MODELS)
    lines = [line for path in said for line in trained.read(path).splitlines() if waits in line]
    assert_as_undisturbed(run, undisturbed, 0, "Snakemake killed and started again", lines)
