"""Several GPUs in one machine: one job each, all of them busy, the largest models first."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
import yaml

from project import TINY, Project

pytestmark = pytest.mark.workflow

# In place of scoring: takes devices of a machine that has two, holds them for a while, and writes
# down which and when.
SCORE = """
import argparse, json, os, sys, time
from pathlib import Path
from types import SimpleNamespace

sys.modules["torch"] = SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 2))
from ushaped.scoring import devices

parser = argparse.ArgumentParser()
parser.add_argument("--model", type=Path)
parser.add_argument("--prompts", nargs="+", type=Path)
parser.add_argument("--device")
parser.add_argument("--gpus", type=int)
parser.add_argument("--output", type=Path)
parser.add_argument("--benchmark", type=Path)
told, _ = parser.parse_known_args()
with devices.reserve_gpus(told.device, told.gpus):
    began = time.monotonic()
    time.sleep(0.4)
    used = os.environ[devices.VISIBLE].split(",")
    row = {"model": told.model.parent.name, "devices": used, "began": began}
    row["ended"] = time.monotonic()
for path in told.prompts:
    made = told.output / Path(*path.parts[-3:])
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text("")
told.benchmark.write_text("")
Path("jobs", row["model"]).write_text(json.dumps(row))
"""
# Parameters in millions, and GPUs of the largest.
SIZES = (40, 160, 10, 80, 20)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the jobs of five fetched models had, in the order in which they began."""
    project = Project(tmp_path_factory.mktemp("gpus") / "project")
    project.create()
    path = "config/models.yaml"
    registry = yaml.safe_load(project.read(path))
    registry["families"]["invented"] = {"models": {f"m{size}": entry(size) for size in SIZES}}
    project.write(path, yaml.safe_dump(registry))
    only = {"tasks": ["neqa"], "variants": ["zero-shot"], "families": ["invented"]}
    project.configure(TINY | only | {"scoring": {"device": "cuda"}})
    project.write("scripts/scores.py", SCORE)
    (project.folder / "jobs").mkdir()
    for size in SIZES:
        project.write(f"results/models/m{size}/model.json", "{}")
    wanted = [f"results/benchmarks/scores/m{size}.tsv" for size in SIZES]
    # Four cores are enough for two jobs; locks lie in a folder of this test.
    words = ("--cores", "4", "--resources", "gpu=2", "--", *wanted)
    command = [word for word in project.command() if word not in ("--cores", "2")]
    done = project.call([*command, *words], TMPDIR=str(project.folder / "jobs"))
    assert done.returncode == 0, done.stdout
    found = [json.loads((project.folder / "jobs" / f"m{size}").read_text()) for size in SIZES]
    return sorted(found, key=lambda row: row["began"])


def entry(size: int) -> dict[str, Any]:
    """A registry entry; the largest model is spread over two GPUs."""
    return {
        "hub": f"nobody/m{size}",
        "revision": "main",
        "size": f"{size}M",
        "parameters": size * 10**6,
        "non_embedding_parameters": size * 10**6,
        "training_tokens": 10**9,
        "training_flops": "6ND",
    } | ({"gpus": 2} if size == max(SIZES) else {})


def test_no_two_jobs_share_a_gpu(jobs: list[dict[str, Any]]) -> None:
    for device in ("0", "1"):
        own = [row for row in jobs if device in row["devices"]]
        assert len(own) >= 2
        assert all(first["ended"] <= second["began"] for first, second in pairwise(own))


def test_a_model_that_is_spread_has_both(jobs: list[dict[str, Any]]) -> None:
    assert {row["model"]: len(row["devices"]) for row in jobs} == {
        f"m{size}": 2 if size == max(SIZES) else 1 for size in SIZES
    }


def test_larger_models_begin_first(jobs: list[dict[str, Any]]) -> None:
    names = [row["model"] for row in jobs]
    assert names[0] == "m160"
    # Two begin at once.
    assert set(names[1:3]) == {"m80", "m40"}
    assert set(names[3:]) == {"m20", "m10"}


def test_both_gpus_are_busy_at_once(jobs: list[dict[str, Any]]) -> None:
    _, second, third, *_ = jobs
    assert third["began"] < second["ended"]
    assert {*second["devices"], *third["devices"]} == {"0", "1"}
