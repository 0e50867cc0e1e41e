"""What runs again, and what does not, after a change: always by content, never by time."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from project import TINY, Job, Project

DEMONSTRATIONS = "tasks/neqa/demonstrations.yaml"
GENERATOR = "tasks/neqa/replica.py"
# The job that scores all models of the tiny settings.
SCORES = "scores_small_1"
HANGING_ON_SCORES = {"metrics", "shapes", "measured_figures", "provenance", "report"}
HANGING_ON_SCORES |= {"flips", "protocols", "questions", "export", "exchange"}


def rules(jobs: list[Job]) -> Counter[str]:
    """How many jobs of each rule."""
    return Counter(job.rule for job in jobs)


def of_rule(jobs: list[Job], rule: str) -> list[dict[str, str]]:
    """Wildcards of the jobs of a rule."""
    return [job.wildcards for job in jobs if job.rule == rule]


def scored(project: Project, model: str) -> list[str]:
    """What the last scoring of a model had to score: by task, how many prompts of which variant."""
    lines = project.read("logs/results/scores/small-1.log").splitlines()
    own = [line.removeprefix(f"{model}: ") for line in lines if line.startswith(f"{model}: ")]
    return [line for line in own if " items, " not in line]


def scores(model: str, task: str = "neqa", variant: str = "zero-shot") -> str:
    """One score file: the smallest target that needs a model and all prompts."""
    return f"results/scores/{model}/replica/{task}/{variant}.parquet"


# -- nothing -----------------------------------------------------------------------------------


def test_nothing_runs_when_nothing_has_changed(finished: Project) -> None:
    assert finished.plan() == []


def test_nothing_runs_after_files_were_only_touched(project: Project) -> None:
    for path in (DEMONSTRATIONS, GENERATOR, "scripts/scores.py", "results/metrics.csv"):
        os.utime(project.folder / path)
    assert project.plan() == []


def test_nothing_runs_after_an_edit_was_undone(project: Project) -> None:
    before = project.read(GENERATOR)
    project.write(GENERATOR, before + "# a remark\n")
    assert project.plan() != []
    project.write(GENERATOR, before)
    assert project.plan() == []


def test_nothing_runs_in_a_fresh_checkout_beside_old_results(
    finished: Project, tmp_path: Path
) -> None:
    checkout = Project(tmp_path / "elsewhere")
    checkout.create()
    for part in ("results", "logs", ".snakemake"):
        shutil.copytree(finished.folder / part, checkout.folder / part)
    for path in checkout.folder.rglob("*.*"):
        if not {"results", ".snakemake"} & set(path.relative_to(checkout.folder).parts):
            os.utime(path)
    assert checkout.plan() == []


def test_settings_that_change_no_result_cause_no_run(project: Project) -> None:
    project.configure(TINY | {"scoring": {"chain_tokens": 4, "batch_tokens": 512}})
    assert set(rules(project.plan())) == {"provenance", "export", "report"}


# -- demonstrations and variants ---------------------------------------------------------------


@pytest.mark.workflow
def test_an_edit_of_demonstrations_rebuilds_what_hangs_on_them_and_no_more(
    project: Project,
) -> None:
    project.edit(DEMONSTRATIONS, 'answer: " tool"', 'answer: " gem"')
    jobs = project.plan()
    assert of_rule(jobs, "prompts") == [{"source": "replica", "task": "neqa"}]
    assert set(rules(jobs)) == {"prompts", SCORES} | HANGING_ON_SCORES

    weights = project.times("results/store/weights/*")
    done = project.run(scores("ladder-tiny-s0"))
    assert done.returncode == 0, done.stdout
    # The demonstrations are in the chain-of-thought prompts only.
    assert scored(project, "ladder-tiny-s0") == ["replica neqa: 8 cot"]
    assert project.times("results/store/weights/*") == weights


@pytest.mark.workflow
def test_an_edit_of_a_tasks_chain_rule_scores_its_chains_and_trains_nothing(
    project: Project,
) -> None:
    project.edit("tasks/neqa/task.yaml", 'stop: ["\\n"]', 'stop: ["\\n"]\n  tokens: 2')
    weights = project.times("results/store/weights/*")
    done = project.run(scores("ladder-tiny-s0"))
    assert done.returncode == 0, done.stdout
    assert scored(project, "ladder-tiny-s0") == ["replica neqa: 8 cot"]
    made = pq.read_table(project.folder / scores("ladder-tiny-s0", variant="cot"))
    assert max(made["chain_tokens"].to_pylist()) <= 2
    assert project.times("results/store/weights/*") == weights


@pytest.mark.workflow
def test_a_new_variant_scores_its_own_prompts_and_no_others(project: Project) -> None:
    before = project.times("results/store/weights/*")
    project.configure(TINY | {"variants": ["zero-shot", "cot", "one-shot"]})
    jobs = project.plan()
    assert set(rules(jobs)) == {"prompts", SCORES} | HANGING_ON_SCORES

    done = project.run(scores("ladder-tiny-s0", variant="one-shot"))
    assert done.returncode == 0, done.stdout
    assert scored(project, "ladder-tiny-s0") == [
        "replica neqa: 8 one-shot",
        "replica memo-trap: 8 one-shot",
    ]
    assert project.times("results/store/weights/*") == before


def test_a_variant_less_builds_no_prompts_and_trains_nothing(project: Project) -> None:
    project.configure(TINY | {"variants": ["zero-shot"]})
    assert not {"train", "corpus", "replica"} & set(rules(project.plan()))


# -- generators --------------------------------------------------------------------------------


@pytest.mark.workflow
def test_an_edit_of_a_generator_that_leaves_the_corpus_as_it_was_trains_nothing(
    project: Project,
) -> None:
    project.write(GENERATOR, project.read(GENERATOR) + "# a remark\n")
    jobs = project.plan()
    assert of_rule(jobs, "replica") == [{"task": "neqa"}]
    assert of_rule(jobs, "prompts") == [{"source": "replica", "task": "neqa"}]

    kept = project.times("results/store/**/*")
    done = project.run(scores("ladder-tiny-s0"))
    assert done.returncode == 0, done.stdout
    assert "reused" in project.read("logs/results/models/ladder-tiny-s0.log")
    assert scored(project, "ladder-tiny-s0") == []
    assert project.times("results/store/**/*") == kept


@pytest.mark.workflow
def test_an_edit_that_changes_the_corpus_trains_again(project: Project) -> None:
    project.edit(GENERATOR, "Answer:", "Reply:")
    before = project.times("results/store/weights/*.safetensors")
    done = project.run("results/models/ladder-tiny-s0/model.json")
    assert done.returncode == 0, done.stdout
    assert "step" in project.read("logs/results/models/ladder-tiny-s0.log")
    after = project.times("results/store/weights/*.safetensors")
    assert len(after) == len(before) + 1
    assert {name: after[name] for name in before} == before
