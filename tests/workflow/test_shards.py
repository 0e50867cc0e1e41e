"""A model whose prompts are split into several jobs: the jobs, what they ask for, their files."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from project import TINY, Project

MODEL = "llama-2-70b"


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
def test_the_files_are_those_of_one_job_and_the_plan_counts_the_jobs(
    finished: Project, fresh: Project
) -> None:
    fresh.configure(TINY | {"scoring": {"chain_tokens": 4, "shards": 2}})
    scores = "results/scores/ladder-tiny-s0"
    done = fresh.run(f"{scores}/replica/neqa/cot.parquet", "plan")
    assert done.returncode == 0, done.stdout
    paths = sorted((finished.folder / scores).rglob("*.parquet"))
    assert len(paths) == len(TINY["tasks"]) * len(TINY["variants"])
    for path in paths:
        own = fresh.folder / path.relative_to(finished.folder)
        assert pq.read_table(own).equals(pq.read_table(path))
    assert re.search(r"^ladder-tiny-s0 .* 5$", done.stdout, re.MULTILINE)
    assert "Several jobs, the last one of which collects" in done.stdout
    # One model is left as it is, and jobs that are added find all of its scores.
    fresh.configure(TINY | {"scoring": {"chain_tokens": 4, "shards": 3}})
    before = fresh.times(f"{scores}/**/*.parquet"), fresh.times("results/store/scores/*/*.jsonl")
    done = fresh.run(f"{scores}/replica/neqa/cot.parquet")
    assert done.returncode == 0, done.stdout
    assert fresh.times("results/store/scores/*/*.jsonl") == before[1]
    assert pq.read_table(own).equals(pq.read_table(path))
