"""A user's own task: a folder with task.yaml and a file of items, and nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from page import spaced
from project import ROOT, TINY, Project
from ushaped.errors import UserError
from ushaped.items.released import VARIABLE, accept, find_own, release
from ushaped.items.task import load_task
from ushaped.models.registry import read_registry
from ushaped.settings import check, check_present, tasks_with_generator
from ushaped.terms import OWN

NAME = "fewer"
SETTINGS: dict[str, Any] = TINY | {
    "tasks": ["neqa", "memo-trap", NAME, "swayed"],
    "variants": ["zero-shot", "few-shot-2"],
    "sources": {NAME: ["own"], "swayed": ["own"]},
}


def write_own(tasks: Path, name: str, items: list[dict[str, Any]], **facts: Any) -> Path:
    """Write a task of one's own; return its folder."""
    folder = tasks / name
    folder.mkdir(parents=True)
    data = "".join(json.dumps(item) + "\n" for item in items).encode()
    (folder / "items.jsonl").write_bytes(data)
    facts |= {
        "title": name,
        "balanced": False,
        "chain": {"answer_after": " So the answer is", "stop": ["\n"]},
        "own": {
            "file": "items.jsonl",
            "rows": len(items),
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        },
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(facts), encoding="utf-8")
    return folder


def make_own(tasks: Path) -> Path:
    """Write an invented task of one's own; return its folder."""
    items = [
        {
            "prompt": f"Which has fewer: {n} stones or {n + 3}?\nA. first\nB. second\nAnswer:",
            "classes": [" A", " B"],
            "answer_index": 0,
        }
        for n in range(8)
    ]
    return write_own(
        tasks,
        NAME,
        items,
        schema="classification",
        metric="accuracy",
        true_task="name the smaller number",
        distractor_task="name the larger number",
    )


def make_paired(tasks: Path) -> Path:
    """Write an invented log-odds task: does a remark before the question move the answer?"""
    items = [
        {
            "prompt": f"They say no.\nIs {n} more than {n - 1}?\nAnswer:",
            "other_prompt": f"Is {n} more than {n - 1}?\nAnswer:",
            "classes": [" yes", " no"],
            "answer_index": n % 2,
        }
        for n in range(6)
    ]
    return write_own(
        tasks,
        "swayed",
        items,
        schema="log-odds",
        metric="absolute-log-odds",
        true_task="answer alike",
        distractor_task="follow the remark",
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder with the tasks of this one and an own one beside them."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    (tmp_path / "tasks").mkdir()
    for path in (ROOT / "tasks").glob("*/task.yaml"):
        (tmp_path / "tasks" / path.parent.name).symlink_to(path.parent)
    make_own(tmp_path / "tasks")
    return tmp_path


def settings(**changed: Any) -> dict[str, Any]:
    """The default configuration with some keys replaced."""
    told = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    own = {"tasks": ["neqa", NAME], "variants": ["zero-shot"]}
    return dict(told | own | {"sources": {"all": ["replica"], NAME: ["own"]}} | changed)


def complaint(config: dict[str, Any], root: Path) -> str:
    """The one line that a configuration earns."""
    with pytest.raises(UserError) as caught:
        check(config, read_registry(ROOT), root)
        check_present(config, read_registry(ROOT), root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_own_task_needs_neither_generator_nor_demonstrations(root: Path) -> None:
    given = settings()
    check(given, read_registry(ROOT), root)
    check_present(given, read_registry(ROOT), root)
    assert tasks_with_generator(given["tasks"], root) == ["neqa"]


@pytest.mark.parametrize("variant", ["one-shot", "cot"])
def test_variants_with_demonstrations_are_refused_for_it(root: Path, variant: str) -> None:
    line = complaint(settings(variants=["few-shot-2", variant]), root)
    assert f"config, variants: '{variant}' needs {root}/tasks/fewer/demonstrations.yaml" in line
    assert f"write it, or run fewer without '{variant}'" in line


def test_replica_items_of_it_are_refused(root: Path) -> None:
    line = complaint(settings(sources={"all": ["replica"]}), root)
    assert f"config, sources.all: 'replica' needs {root}/tasks/fewer/replica.py" in line
    line = complaint(settings(sources={"all": ["replica"], NAME: ["own", "replica"]}), root)
    assert line.startswith("config, sources.fewer: 'replica' needs ")


def test_the_ladder_is_refused_where_it_would_have_nothing_to_learn(root: Path) -> None:
    line = complaint(settings(tasks=[NAME]), root)
    assert line.startswith(
        "config, families: 'ladder' learns from what the tasks' replica.py write"
    )


def test_a_missing_file_of_items_is_told_before_any_job(root: Path) -> None:
    (root / "tasks/fewer/items.jsonl").unlink()
    line = complaint(settings(), root)
    assert line.startswith(f"{root}/tasks/fewer/task.yaml, own.file: ")


def test_a_changed_item_is_refused_with_what_differs(root: Path) -> None:
    task = load_task(root / "tasks/fewer")
    path = find_own(task)
    assert accept(path, release(task, OWN), OWN) == path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"stones", b"stonez", 1))
    with pytest.raises(
        UserError, match=r"items\.jsonl: is not the file that task\.yaml describes: sha"
    ):
        accept(path, release(task, OWN), OWN)


def test_chains_are_refused_where_two_prompts_are_compared(root: Path) -> None:
    make_paired(root / "tasks")
    given = {"tasks": ["neqa", "swayed"], "sources": {"all": ["replica"], "swayed": ["own"]}}
    line = complaint(settings(**given, variants=["zero-shot", "zero-shot-cot"]), root)
    assert "variant 'zero-shot-cot': task swayed compares two prompts by log odds" in line


@pytest.mark.workflow
def test_an_own_task_runs_to_the_page_and_trains_nothing_again(
    project: Project,
) -> None:
    folder = make_own(project.folder / "tasks")
    make_paired(project.folder / "tasks")
    weights = project.times("results/store/weights/*")
    project.configure(SETTINGS)
    assert not {"corpus", "train"} & {job.rule for job in project.plan()}
    done = project.call(project.command("--", "report"), **{VARIABLE: ""})
    assert done.returncode == 0, done.stdout
    assert project.times("results/store/weights/*") == weights
    made = project.folder / "results/tasks/own/fewer.jsonl"
    assert made.read_bytes() == (folder / "items.jsonl").read_bytes()
    prompts = pq.read_table(project.folder / "results/prompts/own/fewer/few-shot-2.parquet")
    assert set(prompts["protocol"].to_pylist()) == {"own"}
    assert prompts["prompt"][0].as_py().count("Which has fewer") == 3
    rows = [line.split(",") for line in project.read("results/metrics.csv").splitlines()[1:]]
    assert {(cells[8], cells[10]) for cells in rows if cells[9] == NAME} == {
        ("own", "zero-shot"),
        ("own", "few-shot-2"),
    }
    page = project.read("results/report.html")
    said = spaced(page)
    assert '<article id="task-fewer"' in page
    assert "Own items: fewer, swayed; replica items: all other tasks." in said
    assert "The text holds nothing of fewer and swayed, since no generator exists for it." in said
    card = page[page.index('<article id="task-fewer"') :].split("</article>")[0]
    assert '<span class="tag own">own</span>' in card
    assert "official" not in card
    assert "Own marks tasks that are not the Inverse Scaling Prize's" in said
    check_log_odds(project, said)
    assert project.plan() == []

    # One byte of the user's file: its items are looked at again, and refused.
    items = folder / "items.jsonl"
    items.write_bytes(items.read_bytes().replace(b"stones", b"stonez", 1))
    assert "acquire" in {job.rule for job in project.plan()}
    done = project.call(project.command("--", "report"), **{VARIABLE: ""})
    assert done.returncode != 0
    assert "is not the file that task.yaml describes: sha256 is" in done.stdout


def check_log_odds(project: Project, said: str) -> None:
    """The numbers of the task that compares two prompts, from the scores to the page."""
    metrics = pd.read_csv(project.folder / "results/metrics.csv", keep_default_na=False)
    rows = metrics[(metrics["task"] == "swayed") & (metrics["variant"] == "zero-shot")]
    assert set(rows["metric"]) == {"absolute_log_odds", "label_mass"}
    (model, *_) = (name for name in rows["model"] if name)
    path = project.folder / f"results/scores/{model}/own/swayed/zero-shot.parquet"
    scores = pq.read_table(path).to_pylist()
    sizes = [
        abs(np.subtract(*row["last_token"]) - np.subtract(*row["other_last_token"]))
        for row in scores
    ]
    (value,) = rows[(rows["model"] == model) & (rows["metric"] == "absolute_log_odds")]["value"]
    assert float(value) == pytest.approx(np.mean(sizes))
    assert float(value) > 0
    shapes = pd.read_csv(project.folder / "results/shapes.csv", keep_default_na=False)
    assert set(shapes[shapes["task"] == "swayed"]["metric"]) == {"absolute_log_odds"}
    assert "absolute log odds, against the other prompt (nats, lower is better)" in said


def test_the_run_of_the_paper_keeps_its_own_tasks_and_sources(fresh: Project) -> None:
    make_own(fresh.folder / "tasks")
    given = {"tasks": [NAME], "sources": {"all": ["own"]}, "variants": ["zero-shot"]}
    fresh.configure(TINY | given | {"families": ["pythia"]})
    jobs = [job for job in fresh.plan("paper") if job.rule == "paper_acquire"]
    assert {job.wildcards["source"] for job in jobs} == {"official"}
    assert len({job.wildcards["task"] for job in jobs} - {NAME}) == len(jobs) == 11


def test_snakemake_refuses_a_chain_of_thought_for_it_before_any_job(fresh: Project) -> None:
    make_own(fresh.folder / "tasks")
    given = {"tasks": ["neqa", NAME], "sources": {NAME: ["own"]}, "variants": ["zero-shot", "cot"]}
    fresh.configure(TINY | given)
    done = fresh.call(fresh.command("--dry-run", "--", "report"))
    assert done.returncode != 0
    (line,) = [line for line in done.stdout.splitlines() if "error" in line.lower()]
    assert "'cot' needs tasks/fewer/demonstrations.yaml" in line
    assert "Job stats" not in done.stdout
