"""A model whose prompts are split into several jobs: the jobs, what they ask for, their files."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from project import TINY, Project

MODEL = "llama-2-70b"
SCORES = "results/scores/ladder-tiny-s0"


def split(project: Project, **scoring: Any) -> None:
    """Let the registry split a large model into three jobs, and the configuration all others."""
    registry = yaml.safe_load(project.read("config/models.yaml"))
    registry["families"]["llama-2"]["models"][MODEL]["shards"] = 3
    project.write("config/models.yaml", yaml.safe_dump(registry))
    settings = TINY | {"families": ["llama-2", "ladder"]}
    project.configure(settings | {"scoring": {"device": "cuda"} | scoring})


def shards(project: Project) -> Counter[tuple[str, str]]:
    """How many jobs score a shard, by model and stage."""
    return Counter(
        (job.wildcards["model"], job.wildcards["shard"].split("-")[0])
        for job in project.plan("metrics")
        if job.rule == "score_shard"
    )


def test_the_registry_and_else_the_configuration_say_how_many_jobs_score_a_model(
    fresh: Project,
) -> None:
    split(fresh)
    assert shards(fresh) == {(MODEL, "chains"): 3, (MODEL, "scores"): 3}
    split(fresh, shards=2)
    counted = shards(fresh)
    assert {model for model, _ in counted} > {MODEL, "llama-2-7b", "ladder-tiny-s0"}
    assert set(counted.values()) == {2, 3}
    fresh.configure(yaml.safe_load(fresh.read("tiny.yaml")) | {"variants": ["zero-shot"]})
    assert {stage for _, stage in shards(fresh)} == {"scores"}


def test_a_shard_asks_for_what_a_whole_job_does_and_comes_before_it(fresh: Project) -> None:
    split(fresh)
    wanted = f"results/scores/{MODEL}/replica/neqa/cot.parquet"
    options = ("--workflow-profile", "none", "--dry-run", "--printshellcmds")
    done = fresh.call(fresh.command(*options, "--", wanted))
    assert done.returncode == 0, done.stdout
    pattern = r"^rule (score_shard|scores):.*?resources: ([^\n]*)"
    asked = re.findall(pattern, done.stdout, re.MULTILINE | re.DOTALL)
    assert Counter(rule for rule, _ in asked) == {"score_shard": 6, "scores": 1}
    assert len({resources for _, resources in asked}) == 1
    assert "gpu=2" in asked[0][1]
    # Numbers of a fetched model, so not of its weights.
    assert '"shards"' not in done.stdout
    told = re.findall(r"--benchmark \S+/(\S+)\.tsv (--shards? [^>]*)2>", done.stdout)
    commands = {name: options.split() for name, options in told}
    names = [f"{stage}-{n}-of-3" for stage in ("chains", "scores") for n in (1, 2, 3)]
    for name in names:
        assert commands[name] == ["--shard", name]
    folder = f"results/benchmarks/scores/{MODEL}"
    assert commands[MODEL] == ["--shards", *(f"{folder}/{name}.tsv" for name in names)]


@pytest.mark.workflow
def test_the_files_are_those_of_one_job_and_the_plan_counts_the_jobs(fresh: Project) -> None:
    last = f"{SCORES}/replica/neqa/cot.parquet"
    run(fresh, 1, last)
    alone = tables(fresh)
    assert len(alone) == len(TINY["tasks"]) * len(TINY["variants"])
    for part in ("store/scores", "scores", "benchmarks/scores"):
        shutil.rmtree(fresh.folder / "results" / part)
    said = run(fresh, 2, last, "plan")
    assert re.search(r"^ladder-tiny-s0 .* 5 +0\.0( |$)", said, re.MULTILINE)
    assert "Several jobs, the last one of which collects" in said
    assert tables(fresh) == alone
    # Other shards find all scores.
    before = fresh.times("results/store/scores/*/*.jsonl")
    assert shards_in(run(fresh, 3, last)) == 6
    assert fresh.times("results/store/scores/*/*.jsonl") == before
    assert tables(fresh) == alone


def run(project: Project, count: int, *targets: str) -> str:
    """Make targets with so many shards; what Snakemake said."""
    project.configure(TINY | {"scoring": {"chain_tokens": 4, "shards": count}})
    done = project.run(*targets)
    assert done.returncode == 0, done.stdout
    return done.stdout


def shards_in(said: str) -> int:
    """How many jobs of shards were run."""
    return int(re.search(r"^score_shard +(\d+)$", said, re.MULTILINE).group(1))


def tables(project: Project) -> dict[str, list[dict[str, Any]]]:
    """All scores of one model."""
    paths = sorted((project.folder / SCORES).rglob("*.parquet"))
    return {
        str(path.relative_to(project.folder)): pq.read_table(path).to_pylist() for path in paths
    }
