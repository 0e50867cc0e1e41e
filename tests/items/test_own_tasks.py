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
from ushaped.benchmark_file import read_benchmark
from ushaped.errors import UserError
from ushaped.items.own import find_own, read_own
from ushaped.items.released import VARIABLE
from ushaped.items.task import load_task
from ushaped.models.registry import read_registry
from ushaped.settings import check, check_present, settings_for_provenance, task_paths

NAME = "fewer"
# Nothing here is on the hub.
LOCK = Path("no-such.lock.yaml")
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
        "own": {"file": "items.jsonl"},
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


def pin(folder: Path, **own: Any) -> None:
    """Add to what the task's facts say of its items."""
    path = folder / "task.yaml"
    facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    facts["own"] |= own
    path.write_text(yaml.safe_dump(facts), encoding="utf-8")


def test_a_changed_item_is_read_and_what_was_read_is_told(root: Path) -> None:
    task = load_task(root / "tasks/fewer")
    (path,) = find_own(task)
    for _ in range(2):
        data, record, _ = read_own(task, LOCK)
        assert data == path.read_bytes()
        assert record == {
            "file": "items.jsonl",
            "rows": 8,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        path.write_bytes(path.read_bytes().replace(b"stones", b"stonez", 1))


@pytest.mark.parametrize("key", ["rows", "bytes", "sha256"])
def test_a_number_that_is_given_is_held_against_the_file(root: Path, key: str) -> None:
    folder = root / "tasks/fewer"
    _, record, _ = read_own(load_task(folder), LOCK)
    pin(folder, **{key: record[key]})
    read_own(load_task(folder), LOCK)
    path = folder / "items.jsonl"
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(UserError) as caught:
        read_own(load_task(folder), LOCK)
    line = str(caught.value)
    assert line.startswith(f"{path}: is not what task.yaml describes: {key} is ")
    assert f"expected {record[key]}; " in line


def test_a_number_of_items_that_nobody_knows_is_left_out_and_not_called_unknown(
    root: Path,
) -> None:
    pin(root / "tasks/fewer", rows="unknown")
    line = complaint(settings(), root)
    assert "task.yaml, own.rows: 'unknown' is no whole number; " in line


def test_a_task_without_items_of_its_own_is_refused_for_that_source(root: Path) -> None:
    line = complaint(settings(sources={"all": ["own"]}), root)
    assert "tasks/neqa/task.yaml: key 'own' is missing, which source 'own' needs; add it" in line


def test_a_folder_of_tasks_outside_the_project_lies_beside_its_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    make_paired(tmp_path / "elsewhere/mine")
    tasks, sources = ["neqa", "swayed"], {"all": ["replica"], "swayed": ["own"]}
    given = settings(task_folders=["mine/"], tasks=tasks, sources=sources)
    checked = check(given, read_registry(ROOT), root)
    assert checked["task_folders"] == ["mine"]
    check_present(checked, read_registry(ROOT), root)
    paths = task_paths(checked, root)
    assert paths["swayed"] == Path("mine/swayed")
    assert paths["neqa"] == root / "tasks/neqa"
    # Where they lie is no part of a result.
    assert "task_folders" not in settings_for_provenance(checked)


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("no-such", "'no-such' is no folder; name a folder with tasks in it"),
        ("empty", "'empty' holds no task; name a folder with tasks in it, TASK/task.yaml"),
        ("mine/swayed", "'mine/swayed' is a task; name the folder that it lies in"),
        ("mi{n}e", "'mi{n}e' has '{' '}'; rename it"),
        ("", "'' is empty"),
        ("twin", "task 'fewer' is in {root}/tasks and in twin; rename the folder of one of them"),
    ],
)
def test_a_folder_of_tasks_that_cannot_be_used_is_told_in_one_line(
    root: Path, folder: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    make_paired(root / "mine")
    make_own(root / "twin")
    (root / "empty").mkdir()
    line = complaint(settings(task_folders=[folder]), root)
    assert line.startswith("config, task_folders")
    assert said.replace("{root}", str(root)) in line


def test_two_folders_of_tasks_of_ones_own_share_no_name(root: Path) -> None:
    folders = [str(root / name) for name in ("one", "two")]
    for folder in folders:
        make_paired(Path(folder))
    line = complaint(settings(task_folders=folders), root)
    assert line.startswith(
        f"config, task_folders: task 'swayed' is in {root}/one and in {root}/two"
    )


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

    # One word of one item: what depends on it runs again, and nothing in YAML was touched.
    items = folder / "items.jsonl"
    items.write_bytes(items.read_bytes().replace(b"stones", b"pebbles", 1))
    again = project.plan()
    assert [job.wildcards for job in again if job.rule == "acquire"] == [
        {"source": "own", "task": NAME}
    ]
    assert not {"corpus", "train", "replica"} & {job.rule for job in again}
    done = project.call(project.command("--", "report"), **{VARIABLE: ""})
    assert done.returncode == 0, done.stdout
    (told,) = [
        one
        for one in json.loads(project.read("results/provenance.json"))["items"]
        if one["task"] == NAME
    ]
    assert told["sha256"] == hashlib.sha256(items.read_bytes()).hexdigest()
    # Of this task: the changed item, as a demonstration too; of the others nothing.
    scored = [
        json.loads(path.read_text()) for path in project.folder.glob("results/models/*/model.json")
    ]
    for model in (about["model"] for about in scored):
        benchmark = read_benchmark(project.folder / f"results/benchmarks/scores/{model}.tsv")
        assert 1 <= benchmark["items"] <= 1 + 8
        assert benchmark["items_kept"] > benchmark["items"]
    assert told["sha256"][:12] in project.read("results/report.html")


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
