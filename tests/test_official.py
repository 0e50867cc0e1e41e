"""Official items: taken from a mirror only if they are the released ones, to the last byte."""

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

from ushaped.config import check_present, read_registry, sources, told
from ushaped.errors import UserError
from ushaped.official import VARIABLE, Release, accept, find, mirror, release, said
from ushaped.tasks import CLASSIFICATION, load_demonstrations, load_task, read_items
from workflow import ROOT, TINY, Project

TASKS = sorted(path.parent.name for path in (ROOT / "tasks").glob("*/task.yaml"))
MIRROR = os.environ.get(VARIABLE, "")


def row(number: int) -> str:
    """One invented item as the prize writes it: classes as a text, no distractor."""
    item = {
        "prompt": f"Question: which of these is not number {number}?\nA. one\nB. two\nAnswer:",
        "classes": "[' A', ' B']",
        "answer_index": number % 2,
        "round": 1,
        "part": 1,
    }
    return json.dumps(item) + "\n"


def make(folder: Path, rows: int = 12, name: str = "neqa_classification.jsonl") -> Release:
    """A mirror with one invented file; return what a task's facts would say of it."""
    folder.mkdir(parents=True)
    data = "".join(map(row, range(rows))).encode()
    (folder / name).write_bytes(data)
    return Release(name, len(data), rows, hashlib.sha256(data).hexdigest())


def declare(folder: Path, wanted: Release) -> None:
    """Write into a task's facts that this is its released file."""
    path = folder / "task.yaml"
    facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    facts["official"] |= asdict(wanted)
    path.write_text(yaml.safe_dump(facts), encoding="utf-8")


def complaint(do: Callable[..., Any], *given: Any) -> str:
    """The one line of a refusal."""
    with pytest.raises(UserError) as caught:
        do(*given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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
    line = complaint(release, load_task(tmp_path))
    assert "task.yaml: key 'official.sha256' is missing; add it" in line


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
    assert mirror({"official": {"tasks": [], "mirror": configured}}) == expected


def test_without_a_mirror_the_wanted_file_is_named_and_how_to_name_a_mirror() -> None:
    wanted = release(load_task(ROOT / "tasks/neqa"))
    line = complaint(find, wanted, "")
    for word in (wanted.file, wanted.sha256, "official.mirror", VARIABLE):
        assert word in line


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
    settings = {"output": "results", "tasks": ["neqa"], "families": []}
    settings |= {"official": {"tasks": ["neqa"], "mirror": ""}}
    given = (settings, read_registry(ROOT), ROOT)
    assert "no mirror is named" in complaint(check_present, *given)
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


def acquire(folder: Path, mirror: str, output: Path) -> subprocess.CompletedProcess[str]:
    """Run the step."""
    words = ["--task", str(folder), "--mirror", mirror, "--output", str(output)]
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


# -- which task has which items ----------------------------------------------------------------


def test_the_items_of_all_tasks_are_told_in_a_sentence() -> None:
    assert said(dict.fromkeys("abc", "replica")) == "All items are replica items."
    assert said(dict.fromkeys("abc", "official")) == "All items are official items."
    one = {"a": "replica", "b": "official", "c": "replica"}
    assert said(one) == "Official items: b; replica items: all other tasks."
    even = {"a": "replica", "b": "official"}
    assert said(even) == "Official items: b; replica items: all other tasks."
    most = {"a": "official", "b": "official", "c": "replica", "d": "official"}
    assert said(most) == "Replica items: c; official items: all other tasks."


def test_each_task_has_one_source_in_the_order_of_the_tasks() -> None:
    settings = {"tasks": ["redefine", "neqa"], "official": {"tasks": ["neqa"], "mirror": "x"}}
    assert list(sources(settings).items()) == [("redefine", "replica"), ("neqa", "official")]


def test_the_mirror_is_not_told_in_the_provenance() -> None:
    settings = {"tasks": ["neqa"], "official": {"tasks": ["neqa"], "mirror": "/home/somebody"}}
    assert "somebody" not in json.dumps(told(settings))
    assert told(settings)["official"]["tasks"] == ["neqa"]


# -- in the workflow ---------------------------------------------------------------------------

WITH_NEQA = TINY | {"official": {"tasks": ["neqa"], "mirror": ""}}


def test_snakemake_refuses_to_start_without_a_mirror(fresh: Project) -> None:
    fresh.configure(WITH_NEQA)
    done = fresh.call(fresh.command("--dry-run", "--", "report"), **{VARIABLE: ""})
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
    assert "Official items: neqa; replica items: all other tasks." in page
    assert "mirror" not in project.read("results/config.json")
    assert str(tmp_path) not in page

    # Moved, named by the configuration, or gone: what was made from it stays.
    (tmp_path / "mirror").rename(tmp_path / "moved")
    settings = {"official": {"tasks": ["neqa"], "mirror": str(tmp_path / "moved")}}
    project.configure(TINY | settings)
    assert project.plan() == []
    project.configure(TINY | {"official": {"tasks": ["neqa"], "mirror": str(tmp_path / "gone")}})
    assert project.plan() == []


# -- the released files themselves -------------------------------------------------------------

needs_mirror = pytest.mark.skipif(
    not MIRROR, reason=f"{VARIABLE} names no folder with the released files"
)
PRESENT = [
    name
    for name in TASKS
    if MIRROR and (Path(MIRROR) / release(load_task(ROOT / "tasks" / name)).file).is_file()
]


@needs_mirror
def test_the_mirror_holds_a_released_file() -> None:
    assert PRESENT


@pytest.mark.parametrize("name", PRESENT)
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


@pytest.mark.parametrize("name", PRESENT)
def test_our_demonstrations_are_no_official_items(name: str) -> None:
    task = load_task(ROOT / "tasks" / name)
    items, _ = read_items(find(release(task), MIRROR), task.schema)
    asked = {item.prompt for item in items}
    assert not asked & {one.prompt for one in load_demonstrations(task.folder)}
