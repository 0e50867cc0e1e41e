"""The workflow on a real Slurm of one node with two pretend GPUs, and what clusters do to jobs.

`run` beside this file starts that Slurm; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from workflow import ROOT, Project, environment

FOLDER = os.environ.get("USHAPED_SLURM", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="needs a Slurm: tests/slurm/run starts one")

SETTINGS = yaml.safe_load((ROOT / "tests/config/slurm.yaml").read_text(encoding="utf-8"))
OUT = SETTINGS["output"]
MODELS = [f"ladder-{rung['size']}-s0" for rung in SETTINGS["ladder"]["rungs"]]
# The rules of the profile, in the hurry of a test.
PROFILE = [
    *("--workflow-profile", "profiles/slurm"),
    *("--slurm-init-seconds-before-status-checks", "3"),
    *("--seconds-between-status-checks", "2", "--latency-wait", "20"),
]
# No GPU is there, so scoring runs on the processor; but its jobs ask for one, as on a cluster.
GPU = ["--set-resources", "scores:gpu=1"]
# Rules that are sent to the cluster; the others take seconds and run where Snakemake does.
SENT = {"corpus", "train", "scores", "metrics", "shapes", "flips", "power", "protocols"}
SENT |= {"published_shapes"}
TABLES = ["metrics.csv", "parts.csv", "shapes.csv"]
STARTED: list[subprocess.Popen[bytes]] = []
# Every batch is told when it is computed, before it is kept, and takes as long as is asked for.
TELL = """
import json, os, time

def tell(folder, rows):
    seconds = float(os.environ.get("BATCH_SECONDS", 0))
    told = {
        "model": folder.name,
        "keys": sorted(set(rows) - {"made"}),
        "job": os.environ["SLURM_JOB_ID"],
        "devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "began": time.time(),
        "ended": time.time() + seconds,
    }
    with open("told.jsonl", "a") as handle:
        handle.write(json.dumps(told) + "\\n")
    time.sleep(seconds)
    # A job that hangs, once for every model.
    hung = folder.with_suffix(".hung")
    if "HANG" in os.environ and not hung.exists() and len(list(folder.glob("*.jsonl"))) > 3:
        hung.touch()
        time.sleep(600)
"""


def ask(*command: str) -> str:
    """Output of a program of Slurm."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_for(condition: Callable[[], Any], seconds: float = 90) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it did not come to what was waited for")
        time.sleep(0.2)


def scoring_jobs(state: str) -> list[str]:
    """Ids of the scoring jobs that are in a state now."""
    lines = ask("squeue", "--noheader", "--states", state, "--format=%i %k").splitlines()
    return [line.split()[0] for line in lines if "rule_scores" in line]


class Run:
    """Snakemake, sending the jobs of one project to Slurm."""

    def __init__(self, project: Project, *words: str, **told: str) -> None:
        self.project, self.words, self.told_jobs = project, words, told
        self.start()

    def start(self) -> None:
        """Start Snakemake."""
        profile = self.project.folder / "profiles" / "slurm" / "bin"
        env = environment() | self.told_jobs
        env["PATH"] = f"{profile}{os.pathsep}{env['PATH']}"
        with open(self.project.folder / "output.txt", "a", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                ["snakemake", *PROFILE, "--configfile", "tiny.yaml", *self.words],
                cwd=self.project.folder,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        STARTED.append(self.process)

    @property
    def output(self) -> str:
        """What Snakemake has said."""
        return self.project.read("output.txt")

    def told(self) -> list[dict[str, Any]]:
        """The batches that were computed, in their order."""
        path = self.project.folder / "told.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [told for told in map(json.loads, lines) if told["keys"]]

    def wait_until_scoring(self) -> None:
        """Wait until every model has some batches, and none has all."""
        wait_for(lambda: all(count >= 3 for count in self.batches().values()))
        assert len(scoring_jobs("RUNNING")) == len(MODELS)

    def batches(self) -> Counter[str]:
        """Batches by model, as many models as there are."""
        found = Counter(told["model"] for told in self.told())
        return found + Counter() if len(found) == len(MODELS) else Counter({"none": 0})

    def finish(self, seconds: float = 240) -> None:
        """Wait until Snakemake has made all that it was asked for."""
        try:
            assert self.process.wait(seconds) == 0, self.output
        except subprocess.TimeoutExpired:
            pytest.fail(self.output)


@pytest.fixture(scope="module", autouse=True)
def nothing_left() -> Iterator[None]:
    """End the runs of tests that failed: their Snakemake may wait for ever."""
    yield
    for process in STARTED:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def overdue(undisturbed: Project, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose jobs hang, begun early: it spends minutes waiting. One is the shortest limit."""
    project = without_scores(undisturbed, tmp_path_factory.mktemp("overdue"))
    return score(project, "--set-resources", "scores:runtime=1", HANG="yes")


def without_scores(finished: Project, folder: Path) -> Project:
    """A copy of a finished project without scores and what hangs on them."""
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


def score(project: Project, *words: str, **told: str) -> Run:
    """Score with all models through Slurm."""
    told = {"BATCH_SECONDS": "0.5"} | told
    return Run(project, *words, "--until", "scores", "--", "shapes", **told)


def assert_as_undisturbed(run: Run, undisturbed: Project, again: int) -> None:
    """The tables are the undisturbed ones; at most so many batches of a model came twice."""
    done = run.project.run("shapes")
    assert done.returncode == 0, done.stdout
    for table in TABLES:
        assert run.project.read(f"{OUT}/{table}") == undisturbed.read(f"{OUT}/{table}")
    for model in {told["model"] for told in run.told()}:
        seen: set[str] = set()
        twice = 0
        for told in run.told():
            if told["model"] == model:
                twice += bool(seen & set(told["keys"]))
                seen |= set(told["keys"])
        assert twice <= again, f"{twice} batches of {model} were computed twice"


# -- undisturbed -------------------------------------------------------------------------------


@pytest.mark.usefixtures("overdue")
def test_the_report_through_slurm_is_the_one_without(undisturbed: Project, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.create()
    project.configure(SETTINGS)
    make_telling(project)
    run = Run(project, *GPU, "--slurm-keep-successful-logs", "--", "report", BATCH_SECONDS="0.3")
    run.finish(500)
    for path in sorted((undisturbed.folder / OUT).rglob("*.csv")):
        name = str(path.relative_to(undisturbed.folder))
        assert project.read(name) == undisturbed.read(name), name
    assert (project.folder / OUT / "report.html").stat().st_size > 0

    logs = project.folder / ".snakemake" / "slurm_logs"
    assert {path.name for path in logs.iterdir()} == {f"rule_{name}" for name in SENT}
    # Of the scoring jobs, all asked for a GPU, and no two that ran side by side had the same.
    asked = ask("squeue", "--states=all", "--noheader", "--Format=JobID:9,tres-per-job:30")
    gpus = dict(line.split() for line in asked.splitlines() if len(line.split()) == 2)
    jobs = {told["job"] for told in run.told()}
    assert len(jobs) == len(MODELS)
    assert {re.sub(r"^gres:", "", gpus[job]) for job in jobs} == {"gpu:1"}
    assert {told["devices"] for told in run.told()} == {"0", "1"}
    together = [
        (one, other)
        for one, other in combinations(run.told(), 2)
        if one["job"] != other["job"]
        and one["began"] < other["ended"]
        and other["began"] < one["ended"]
    ]
    assert together
    assert all(one["devices"] != other["devices"] for one, other in together)


def test_the_device_that_slurm_gives_is_kept(tmp_path: Path) -> None:
    program = (
        "import os, sys, time\n"
        f"sys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
        "from ushaped.scoring.devices import chosen\n"
        "with chosen('cuda'):\n"
        "    print(os.environ['CUDA_VISIBLE_DEVICES'], time.time(), flush=True)\n"
        "    time.sleep(4)\n"
        "    print(time.time())\n"
    )
    (tmp_path / "job.py").write_text(f"#!{sys.executable}\n{program}", encoding="utf-8")
    for number in range(3):
        output = tmp_path / f"{number}.txt"
        ask("sbatch", "--gpus=1", "--mem=100", f"--output={output}", str(tmp_path / "job.py"))
    wait_for(lambda: sum(len(p.read_text().split()) == 3 for p in tmp_path.glob("*.txt")) == 3)
    runs = sorted(path.read_text().split() for path in tmp_path.glob("*.txt"))
    assert {device for device, _, _ in runs} == {"0", "1"}
    for one, other in combinations(runs, 2):
        assert one[0] != other[0] or one[1] > other[2] or other[1] > one[2]


# -- faults ------------------------------------------------------------------------------------


def test_a_job_past_its_time_limit_goes_on_in_the_next(undisturbed: Project, overdue: Run) -> None:
    overdue.finish()
    assert len(list((overdue.project.folder / OUT / "store/scores").glob("*.hung"))) == len(MODELS)
    assert overdue.output.count("has been submitted") == 2 * len(MODELS)
    assert_as_undisturbed(overdue, undisturbed, again=1)


def test_a_cancelled_job_is_sent_again_and_asks_for_more_memory(
    undisturbed: Project, trained: Project
) -> None:
    run = score(trained)
    run.wait_until_scoring()
    first = scoring_jobs("RUNNING")
    ask("scancel", *first)
    run.finish()
    jobs = {told["job"] for told in run.told()}
    assert len(jobs) == 2 * len(MODELS)
    memory = ask("squeue", "--states=all", "--noheader", "--format=%i %m")
    asked = dict(line.split() for line in memory.splitlines())
    assert {asked[job] for job in first} == {"2000M"}
    assert {asked[job] for job in jobs - set(first)} == {"4000M"}
    assert_as_undisturbed(run, undisturbed, again=1)


def test_jobs_wait_for_a_drained_node_and_survive_one_that_goes_down(
    undisturbed: Project, trained: Project
) -> None:
    node = ask("sinfo", "--noheader", "--format=%n").strip()

    def make(state: str) -> None:
        ask("scontrol", "update", f"nodename={node}", f"state={state}", "reason=test")

    def bring_back() -> None:
        # A node that was taken down may come back by itself, when its daemon tells of itself again;
        # Slurm then refuses to bring it back.
        command = ["scontrol", "update", f"nodename={node}", "state=resume"]
        subprocess.run(command, check=False, capture_output=True)
        state = ["sinfo", "--noheader", "--format=%t"]
        wait_for(lambda: ask(*state).strip().startswith(("idle", "mix", "alloc")))

    make("drain")
    try:
        run = score(trained)
        wait_for(lambda: len(scoring_jobs("PENDING")) == len(MODELS))
        time.sleep(5)
        assert not run.told()
        bring_back()
        run.wait_until_scoring()
        make("down")
        wait_for(lambda: not scoring_jobs("RUNNING"))
    finally:
        bring_back()
    run.finish()
    assert_as_undisturbed(run, undisturbed, again=1)


def test_a_controller_that_stops_for_a_while_loses_nothing(
    undisturbed: Project, trained: Project
) -> None:
    controller = str(Path(__file__).with_name("controller"))
    run = score(trained, BATCH_SECONDS="1")
    run.wait_until_scoring()
    before = len(run.told())
    ask(controller, "stop", FOLDER)
    try:
        time.sleep(30)
        assert run.process.poll() is None
        assert len(run.told()) > before
    finally:
        ask(controller, "start", FOLDER)
    run.finish()
    assert len({told["job"] for told in run.told()}) == len(MODELS)
    assert_as_undisturbed(run, undisturbed, again=0)


def test_snakemake_killed_and_started_again_scores_nothing_twice(
    undisturbed: Project, trained: Project
) -> None:
    run = score(trained, BATCH_SECONDS="1")
    run.wait_until_scoring()
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    # Its jobs outlive it, and those of the second run meet them.
    assert len(scoring_jobs("RUNNING")) == len(MODELS)
    run.start()
    run.finish()
    assert run.output.count("has been submitted") == 2 * len(MODELS)
    assert len({told["job"] for told in run.told()}) == len(MODELS)
    assert_as_undisturbed(run, undisturbed, again=0)
