"""Released items: taken from a mirror only if they are the released ones, to the last byte."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from page import spaced
from project import ROOT, TINY, Project
from released import complaint, declare, make
from ushaped.items.released import (
    VARIABLE,
    Release,
    accept,
    describe_sources,
    find,
    mirror,
    release,
)
from ushaped.items.task import CLASSIFICATION, load_task, read_items
from ushaped.models.registry import read_registry
from ushaped.prompts import build, misfits
from ushaped.settings import check_present, editions, settings_for_provenance
from ushaped.terms import OFFICIAL, REPLICA, ROUND_1, TASKS
from ushaped.variants import EmbeddedShots, parse_variant

MIRROR = os.environ.get(VARIABLE, "")


# -- what is known of the released files -------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_every_task_names_its_released_file(name: str) -> None:
    wanted = release(load_task(ROOT / "tasks" / name))
    assert wanted.file.endswith(".jsonl")
    assert wanted.bytes > 50 * wanted.rows > 0
    assert len(wanted.sha256) == 64


def test_a_task_without_those_facts_is_told_in_one_line(tmp_path: Path) -> None:
    facts = (ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8")
    (tmp_path / "task.yaml").write_text(facts[: facts.index("  sha256:")])
    line = complaint(load_task, tmp_path)
    assert "task.yaml, official: key 'sha256' is missing; add 'sha256:'" in line


ROUND_1_ROWS = {
    "neqa": 300,
    "redefine": 900,
    "resisting-correction": 300,
    "hindsight-neglect": 315,
}


@pytest.mark.parametrize("name", TASKS)
def test_four_tasks_had_an_edition_in_round_1_and_nobody_published_its_digest(name: str) -> None:
    task = load_task(ROOT / "tasks" / name)
    file = task.facts.round1
    assert (file and file.rows) == ROUND_1_ROWS.get(name)
    line = complaint(release, task, ROUND_1)
    if not file:
        assert "task.yaml: key 'round1' is missing, which source 'round-1' needs" in line
        return
    assert f"task.yaml: no bytes or sha256 of {file.file} is published here; " in line
    assert "`sha256sum`" in line


def test_a_digest_that_was_written_in_makes_the_round_1_edition_usable(tmp_path: Path) -> None:
    facts = yaml.safe_load((ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8"))
    facts["round1"] |= {"bytes": 7, "sha256": "ab" * 32}
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(facts))
    assert release(load_task(tmp_path), ROUND_1) == Release("neqa.jsonl", 7, 300, "ab" * 32)


@pytest.mark.parametrize(
    ("key", "value"),
    [("file", 3), ("bytes", "many"), ("rows", True), ("rows", 0), ("sha256", "ab"), ("byte", 1)],
)
def test_a_fact_that_no_file_can_have_is_told_in_one_line(
    tmp_path: Path, key: str, value: Any
) -> None:
    facts = yaml.safe_load((ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8"))
    facts["official"][key] = value
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(facts))
    line = complaint(load_task, tmp_path)
    if key == "byte":
        assert "task.yaml, official: unknown key 'byte'; did you mean 'bytes'?" in line
    else:
        assert f"task.yaml, official.{key}: {value!r} " in line
        assert "; it should be: " in line


# -- where the mirror is -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("configured", "around", "expected"),
    [("a", "b", "a"), ("", "b", "b"), ("a", "", "a"), ("", "", ""), ("", None, "")],
)
def test_the_configuration_names_the_mirror_or_else_the_environment(
    monkeypatch: pytest.MonkeyPatch, configured: str, around: str | None, expected: str
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if around is not None:
        monkeypatch.setenv(VARIABLE, around)
    assert mirror({"official": {"mirror": configured}}) == expected


def test_a_mirror_without_the_file_is_told_in_one_line(tmp_path: Path) -> None:
    wanted = replace(make(tmp_path / "mirror"), file="memo-trap_classification.jsonl")
    line = complaint(find, wanted, str(tmp_path / "mirror"))
    assert line.startswith(f"{tmp_path}/mirror/memo-trap_classification.jsonl: no such file")
    for word in (wanted.sha256, "official.mirror", VARIABLE):
        assert word in line


def test_only_what_is_not_made_yet_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    settings: dict[str, Any] = {"output": "results", "tasks": ["neqa"], "families": []}
    settings |= {"sources": {"all": ["official"]}, "official": {"mirror": str(tmp_path / "empty")}}
    given = (settings, read_registry(ROOT), ROOT)
    assert "neqa_classification.jsonl: no such file" in complaint(check_present, *given)
    # Without a mirror it may be downloaded.
    check_present(settings | {"official": {"mirror": ""}}, *given[1:])
    made = tmp_path / "results/tasks/official/neqa.jsonl"
    made.parent.mkdir(parents=True)
    made.write_text("made before")
    check_present(*given)


# -- what is accepted --------------------------------------------------------------------------


def test_the_released_file_is_accepted_unchanged(tmp_path: Path) -> None:
    wanted = make(tmp_path / "mirror")
    path = find(wanted, str(tmp_path / "mirror"))
    assert accept(path, wanted) == path.read_bytes()


def test_a_last_row_without_its_line_break_counts(tmp_path: Path) -> None:
    data = b'{"a": 1}\n{"a": 2}'
    (tmp_path / "file").write_bytes(data)
    wanted = Release("file", len(data), 2, hashlib.sha256(data).hexdigest())
    assert accept(tmp_path / "file", wanted) == data


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda data: data[:-1], {"bytes", "sha256"}),
        (lambda data: data + b"\n", {"bytes", "rows", "sha256"}),
        (lambda data: data.replace(b"one", b"eno", 1), {"sha256"}),
        (lambda data: data.replace(b"\n", b" ", 1), {"rows", "sha256"}),
        (lambda data: b"", {"bytes", "rows", "sha256"}),
    ],
    ids=["cut short", "a line more", "another word", "a line break less", "empty"],
)
def test_another_file_is_refused_with_what_differs(
    tmp_path: Path, spoil: Callable[[bytes], bytes], named: set[str]
) -> None:
    wanted = make(tmp_path / "mirror")
    path = tmp_path / "mirror" / wanted.file
    path.write_bytes(spoil(path.read_bytes()))
    line = complaint(accept, path, wanted)
    assert line.startswith(f"{path}: is not the released file: ")
    assert {key for key in ("bytes", "rows", "sha256") if f"{key} is " in line} == named
    assert f"expected {wanted.sha256}" in line
    assert "get the released file again" in line


def acquire(
    folder: Path, mirror: str, output: Path, source: str = "official"
) -> subprocess.CompletedProcess[str]:
    """Run the step."""
    words = ["--task", str(folder), "--source", source, "--mirror", mirror]
    words += ["--mirrors", str(ROOT / "tasks/mirrors.yaml"), "--output", str(output)]
    words += ["--origin", str(output.with_suffix(".origin.json")), "--lock", "no-such.yaml"]
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/acquire.py"), *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_step_copies_every_byte_or_leaves_nothing(tmp_path: Path) -> None:
    folder, output = tmp_path / "neqa", tmp_path / "out/neqa.jsonl"
    folder.mkdir()
    (folder / "task.yaml").write_bytes((ROOT / "tasks/neqa/task.yaml").read_bytes())
    wanted = make(tmp_path / "my mirror")
    done = acquire(folder, str(tmp_path / "my mirror"), output)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("error: ")
    assert not output.parent.exists()
    declare(folder, wanted)
    assert acquire(folder, str(tmp_path / "my mirror"), output).returncode == 0
    assert output.read_bytes() == (tmp_path / "my mirror" / wanted.file).read_bytes()
    origin = json.loads(output.with_suffix(".origin.json").read_text())
    assert origin == {"source": "official", "task": "neqa"} | asdict(wanted)


def test_the_round_1_edition_is_taken_from_the_mirror_once_its_digest_is_known(
    tmp_path: Path,
) -> None:
    folder, output = tmp_path / "neqa", tmp_path / "out/neqa.jsonl"
    folder.mkdir()
    wanted = make(tmp_path / "mirror", name="neqa.jsonl")
    facts = yaml.safe_load((ROOT / "tasks/neqa/task.yaml").read_text(encoding="utf-8"))
    facts["round1"] |= asdict(wanted)
    (folder / "task.yaml").write_text(yaml.safe_dump(facts))
    done = acquire(folder, str(tmp_path / "mirror"), output, ROUND_1)
    assert done.returncode == 0, done.stderr
    assert output.read_bytes() == (tmp_path / "mirror/neqa.jsonl").read_bytes()
    items, _ = read_items(output, CLASSIFICATION)
    assert len(items) == wanted.rows


# -- which task has which items ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ("ra rb rc", "All items are replica items."),
        ("oa ob oc", "All items are official items."),
        ("ra ob rc", "Official items: b; replica items: all other tasks."),
        ("ra ob", "Official items: b; replica items: all other tasks."),
        ("oa ob rc od", "Replica items: c; official items: all other tasks."),
        ("oa ra rb", "Official items: a; replica items: all tasks."),
        ("oa ra ob rb", "Official items: all tasks; replica items: all tasks."),
        ("oa ra ob rc", "Official items: a, b; replica items: a, c."),
        ("oa ra rb wc", "Official items: a; own items: c; replica items: a, b."),
    ],
)
def test_the_sources_of_all_items_are_described_in_a_sentence(pairs: str, sentence: str) -> None:
    names = {"r": "replica", "o": "official", "w": "own"}
    assert describe_sources([(names[p[0]], p[1]) for p in pairs.split()]) == sentence


def test_editions_come_in_the_order_of_the_tasks_and_of_their_sources() -> None:
    sources = {"all": ["replica"], "neqa": ["round-1", "official"]}
    assert editions({"tasks": ["redefine", "neqa"], "sources": sources}) == [
        ("replica", "redefine"),
        ("round-1", "neqa"),
        ("official", "neqa"),
    ]


def test_the_mirror_is_not_recorded_in_the_provenance() -> None:
    settings = {"sources": {"all": ["official"]}, "official": {"mirror": "/home/somebody"}}
    assert settings_for_provenance(settings) == {"sources": {"all": ["official"]}}


# -- in the workflow ---------------------------------------------------------------------------

WITH_NEQA = TINY | {"sources": {"neqa": ["official"]}}


def test_snakemake_refuses_to_start_where_the_mirror_lacks_the_file(
    fresh: Project, tmp_path: Path
) -> None:
    fresh.configure(WITH_NEQA)
    given = {VARIABLE: str(tmp_path / "empty")}
    done = fresh.call(fresh.command("--dry-run", "--", "report"), **given)
    assert done.returncode != 0
    (line,) = [line for line in done.stdout.splitlines() if "error" in line.lower()]
    assert "neqa_classification.jsonl" in line
    assert VARIABLE in line
    assert "Job stats" not in done.stdout


def test_a_wrong_file_is_told_on_the_screen_and_leaves_no_items(
    fresh: Project, tmp_path: Path
) -> None:
    make(tmp_path / "mirror")
    fresh.configure(WITH_NEQA)
    given = {VARIABLE: str(tmp_path / "mirror")}
    done = fresh.call(fresh.command("--", "results/tasks/official/neqa.jsonl"), **given)
    assert done.returncode != 0
    assert "is not the released file: bytes is" in done.stdout
    assert not (fresh.folder / "results/tasks").exists()


@pytest.mark.workflow
def test_a_report_on_official_items_says_so_and_outlives_its_mirror(
    project: Project, tmp_path: Path
) -> None:
    wanted = make(tmp_path / "mirror")
    declare(project.folder / "tasks/neqa", wanted)
    project.configure(WITH_NEQA)
    done = project.call(project.command("--", "report"), **{VARIABLE: str(tmp_path / "mirror")})
    assert done.returncode == 0, done.stdout
    made = project.folder / "results/tasks/official/neqa.jsonl"
    assert made.read_bytes() == (tmp_path / "mirror" / wanted.file).read_bytes()
    rows = [line.split(",") for line in project.read("results/metrics.csv").splitlines()[1:]]
    assert {(cells[9], cells[8]) for cells in rows} == {
        ("neqa", "official"),
        ("memo-trap", "replica"),
    }
    page = project.read("results/report.html")
    assert "Official items: neqa; replica items: all other tasks." in spaced(page)
    assert "mirror" not in project.read("results/config.json")
    assert str(tmp_path) not in page

    # Moved, named by the configuration, or gone: what was made from it stays.
    (tmp_path / "mirror").rename(tmp_path / "moved")
    project.configure(WITH_NEQA | {"official": {"mirror": str(tmp_path / "moved")}})
    assert project.plan() == []
    project.configure(WITH_NEQA | {"official": {"mirror": str(tmp_path / "gone")}})
    assert project.plan() == []


@pytest.mark.workflow
def test_a_task_on_items_of_two_sources_is_one_test_each(project: Project, tmp_path: Path) -> None:
    wanted = make(tmp_path / "mirror")
    declare(project.folder / "tasks/neqa", wanted)
    project.configure(TINY | {"sources": {"neqa": ["official", "replica"]}})
    done = project.call(project.command("--", "report"), **{VARIABLE: str(tmp_path / "mirror")})
    assert done.returncode == 0, done.stdout
    rows = [line.split(",") for line in project.read("results/metrics.csv").splitlines()[1:]]
    assert {(cells[9], cells[8]) for cells in rows} == {
        ("neqa", "official"),
        ("neqa", "replica"),
        ("memo-trap", "replica"),
    }
    drawn = {path.parent.name for path in project.folder.glob("results/figures/tasks/*/neqa.svg")}
    assert drawn == {"official", "replica"}
    page = project.read("results/report.html")
    for source in ("official", "replica"):
        assert f'<article id="task-neqa-{source}"' in page
        assert f"neqa ({source} items)" in spaced(page)
    assert '<article id="task-memo-trap"' in page
    assert "This figure was not drawn" not in page
    assert project.plan() == []


# -- the released files themselves -------------------------------------------------------------

PRESENT = [
    name
    for name in TASKS
    if MIRROR and (Path(MIRROR) / release(load_task(ROOT / "tasks" / name)).file).is_file()
]
each_released_file = pytest.mark.parametrize("name", PRESENT or ["none"])


@pytest.mark.needs("released")
def test_the_mirror_holds_a_released_file() -> None:
    assert PRESENT


@pytest.mark.needs("released")
@each_released_file
def test_a_released_file_is_accepted_and_every_item_can_be_read(name: str, tmp_path: Path) -> None:
    task = load_task(ROOT / "tasks" / name)
    wanted = release(task)
    output = tmp_path / f"{name}.jsonl"
    assert acquire(task.folder, MIRROR, output).returncode == 0
    assert output.read_bytes() == (Path(MIRROR) / wanted.file).read_bytes()
    items, warnings = read_items(output, task.schema)
    assert not warnings
    assert len(items) == wanted.rows
    assert {item.distractor_index for item in items} == {None}
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    if task.schema == CLASSIFICATION:
        assert [list(item.classes) for item in items] == [
            ast.literal_eval(row["classes"]) for row in rows
        ]


@pytest.mark.needs("released")
@each_released_file
def test_released_items_have_classes_of_the_form_that_is_said_and_split_in_every_variant(
    name: str,
) -> None:
    task = load_task(ROOT / "tasks" / name)
    items, _ = read_items(find(release(task), MIRROR), task.schema)
    form, ours = task.class_form(OFFICIAL), task.demonstrations(OFFICIAL)
    assert form is not None
    assert all(form.fullmatch(text) for item in items for text in item.classes)
    assert misfits(items, ours) == []
    for variant in yaml.safe_load((ROOT / "config/config.yaml").read_text())["variants"]:
        if not parse_variant(variant).applies(task):
            continue
        rows = build(items, variant, ours, task.chain, 0, task.inside)
        assert len(rows) == len(items)
        parsed = parse_variant(variant)
        if not isinstance(parsed, EmbeddedShots):
            continue
        for row, item in zip(rows, items, strict=True):
            assert item.prompt.endswith(row["prompt"])
            assert row["prompt"].count("Question:") == parsed.k + 1


@pytest.mark.needs("released")
@each_released_file
def test_our_demonstrations_are_no_official_items(name: str) -> None:
    task = load_task(ROOT / "tasks" / name)
    items, _ = read_items(find(release(task), MIRROR), task.schema)
    text = "\n".join(item.prompt for item in items)
    for source in (OFFICIAL, REPLICA):
        for one in task.demonstrations(source):
            # No line of ours is a line of theirs, but for the words before an answer.
            assert not [line for line in one.prompt.split("\n") if len(line) > 8 and line in text]
