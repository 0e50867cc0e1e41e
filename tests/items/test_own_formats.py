"""A user's own items in CSV, Parquet and Hugging Face datasets are those of the same JSON lines."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import fake_hub
from project import ROOT
from ushaped.errors import UserError
from ushaped.items.datasets import split_files
from ushaped.items.own import find_own, read_own
from ushaped.items.records import read_records
from ushaped.items.task import load_task, read_items

LOCK = Path("no-such.lock.yaml")
FACTS: dict[str, Any] = {
    "title": "Fewer",
    "schema": "classification",
    "metric": "accuracy",
    "balanced": False,
    "true_task": "name the smaller number",
    "distractor_task": "name the larger number",
    "chain": {"answer_after": " So the answer is", "stop": ["\n"]},
}
ITEMS: list[dict[str, Any]] = [
    {
        "prompt": f'Which is "fewer", {n} or {n + 3}?\nÉ; A, B.\nAnswer:',
        "classes": [" A", " B's"],
        "answer_index": n % 2,
        **({"distractor_index": 1 - n % 2} if n else {}),
        "part": n // 2 + 1,
    }
    for n in range(4)
]


def lines(items: list[dict[str, Any]]) -> bytes:
    """JSON lines."""
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def cells(items: list[dict[str, Any]], separator: str = ",") -> bytes:
    """CSV with a cell for every column that any item has."""
    names = list(dict.fromkeys(name for item in items for name in item))
    handle = io.StringIO()
    writer = csv.DictWriter(handle, names, delimiter=separator)
    writer.writeheader()
    writer.writerows(items)
    return handle.getvalue().encode()


def parquet(items: list[dict[str, Any]]) -> bytes:
    """A Parquet file; a column that some items lack holds floats, as pandas would have it."""
    rows = [
        item | {"distractor_index": float(item.get("distractor_index", "nan"))} for item in items
    ]
    handle = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), handle)
    return handle.getvalue()


def arrow(items: list[dict[str, Any]]) -> bytes:
    """A stream of Arrow, as `save_to_disk` of the library `datasets` writes it."""
    handle = io.BytesIO()
    # The columns of the first row are those of the table.
    rows = [item | {"distractor_index": item.get("distractor_index")} for item in items]
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(handle, table.schema) as stream:
        stream.write_table(table)
    return handle.getvalue()


CARD = b"""---
configs:
- config_name: easy
  data_files:
  - {split: train, path: easy/train*}
  - {split: held-out, path: [easy/first.parquet, easy/second.parquet]}
- config_name: hard
  data_files: hard/*.jsonl
---
# A card
"""
FORMS: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "csv": ({"items.csv": cells(ITEMS)}, {"file": "items.csv"}),
    "tsv": ({"items.tsv": cells(ITEMS, "\t")}, {"file": "items.tsv"}),
    "parquet": ({"items.parquet": parquet(ITEMS)}, {"file": "items.parquet"}),
    "dataset by names": (
        {
            "set/data/test-00000-of-00002.parquet": parquet(ITEMS[:3]),
            "set/data/test-00001-of-00002.parquet": parquet(ITEMS[3:]),
            "set/data/train-00000-of-00001.parquet": parquet(ITEMS * 2),
        },
        {"folder": "set", "split": "test"},
    ),
    "dataset by its card": (
        {
            "set/README.md": CARD,
            "set/easy/train.parquet": parquet(ITEMS * 2),
            "set/easy/first.parquet": parquet(ITEMS[:1]),
            "set/easy/second.parquet": parquet(ITEMS[1:]),
            "set/hard/one.jsonl": lines(ITEMS * 3),
        },
        {"folder": "set", "subset": "easy", "split": "held-out"},
    ),
    "dataset that was saved to disk": (
        {
            "set/dataset_dict.json": b"{}",
            "set/validation/data-00000-of-00001.arrow": arrow(ITEMS),
            "set/validation/state.json": b"{}",
            "set/train/data-00000-of-00001.arrow": arrow(ITEMS * 2),
        },
        {"folder": "set", "split": "validation"},
    ),
    "split of a dataset that was saved to disk": (
        {"set/data-00000-of-00001.arrow": arrow(ITEMS), "set/state.json": b"{}"},
        {"folder": "set"},
    ),
}


def make(folder: Path, files: dict[str, bytes], own: dict[str, Any], **facts: Any) -> Path:
    """Write a task with files beside its task.yaml."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    folder.mkdir(exist_ok=True)
    text = yaml.safe_dump(FACTS | facts | {"own": own})
    (folder / "task.yaml").write_text(text, encoding="utf-8")
    return folder


def read(folder: Path) -> list[Any]:
    """The items as the prompts are built from them."""
    data, record, _ = read_own(load_task(folder), LOCK)
    path = folder / "made.jsonl"
    path.write_bytes(data)
    items, warnings = read_items(path, "classification")
    assert not warnings
    assert record["rows"] == len(items)
    return items


def complaint(do: Callable[..., Any], *given: Any) -> str:
    """The one line of a refusal."""
    with pytest.raises(UserError) as caught:
        do(*given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def expected(tmp_path: Path) -> list[Any]:
    """The items of the JSON lines."""
    return read(make(tmp_path / "lines", {"items.jsonl": lines(ITEMS)}, {"file": "items.jsonl"}))


# -- formats -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_items_of_every_format_are_those_of_the_json_lines(
    form: str, expected: list[Any], tmp_path: Path
) -> None:
    assert read(make(tmp_path / "task", *FORMS[form])) == expected
    assert len(expected) == len(ITEMS)


def test_columns_of_other_names_and_inside_of_structures_are_read(
    expected: list[Any], tmp_path: Path
) -> None:
    rows = [
        {
            "question": item["prompt"],
            "choices": {"text": [name.strip() for name in item["classes"]], "label": ["A", "B"]},
            "gold": item["answer_index"],
            "not the gold": item.get("distractor_index"),
            "part": item["part"],
        }
        for item in ITEMS
    ]
    columns = {"prompt": "question", "classes": "choices.text", "answer_index": "gold"}
    columns |= {"distractor_index": "not the gold"}
    own = {"columns": columns, "leading_space": True}
    table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), table)
    given = {"items.parquet": table.getvalue(), "items.jsonl": lines(rows)}
    for name in given:
        made = make(tmp_path / name, given, own | {"file": name})
        assert read(made) == expected


def test_classes_may_have_a_column_each_and_fewer_in_some_rows(tmp_path: Path) -> None:
    text = b"prompt,a,b,c,answer_index\nOne?,yes,no,,0\nTwo?,red,blue,green,2\n"
    own = {"file": "items.csv", "leading_space": True, "columns": {"classes": ["a", "b", "c"]}}
    first, second = read(make(tmp_path / "task", {"items.csv": text}, own))
    assert (first.classes, second.classes) == ((" yes", " no"), (" red", " blue", " green"))
    assert (first.answer_index, second.answer_index) == (0, 2)


@pytest.mark.parametrize("text", ["[' A', ' B']", '[" A", " B"]'])
def test_classes_may_be_the_text_of_a_list_in_python_or_json(text: str, tmp_path: Path) -> None:
    item = {"prompt": "Q?", "classes": text, "answer_index": 0}
    (made,) = read(make(tmp_path / "task", {"items.csv": cells([item])}, {"file": "items.csv"}))
    assert made.classes == (" A", " B")


def test_json_lines_without_changes_are_taken_byte_by_byte(tmp_path: Path) -> None:
    data = lines(ITEMS).replace(b", ", b",   ") + b"\n".join([lines(ITEMS[:1]).rstrip()])
    folder = make(tmp_path / "task", {"items.jsonl": data}, {"file": "items.jsonl"})
    made, record, _ = read_own(load_task(folder), LOCK)
    assert made == data
    assert record["rows"] == len(ITEMS) + 1


def test_what_was_read_is_recorded_without_a_path_of_this_machine(tmp_path: Path) -> None:
    folder = make(tmp_path / "task", *FORMS["dataset by its card"])
    _, record, _ = read_own(load_task(folder), LOCK)
    data = (folder / "set/easy/first.parquet").read_bytes()
    data += (folder / "set/easy/second.parquet").read_bytes()
    assert record["file"] == "set, easy, held-out"
    assert record["bytes"] == len(data)
    assert str(tmp_path) not in json.dumps(record)


def test_a_misspelt_column_of_a_table_is_suggested(tmp_path: Path) -> None:
    item = ITEMS[0] | {"distractor_indx": 1, "note": "no"}
    folder = make(tmp_path / "task", {"items.csv": cells([item])}, {"file": "items.csv"})
    _, _, warnings = read_own(load_task(folder), LOCK)
    assert len(warnings) == 2
    assert "column 'distractor_indx' is not read; did you mean 'distractor_index'?" in warnings[0]


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({}, "own: key 'file' is missing; say where the items are by one of file, folder and hub"),
        ({"file": "a", "hub": "b/c"}, "own: both file and hub are there; "),
        ({"file": "a", "split": "test"}, "own.split: goes with folder or hub, not with file"),
        ({"folder": "a", "revision": "main"}, "own.revision: goes with hub, not with folder"),
        ({"folder": "a", "sha256": "0" * 64}, "own.sha256: goes with file, not with folder"),
        ({"hub": "b/c"}, "own: key 'revision' is missing; add it"),
        ({"hub": "b c", "revision": "main"}, "own.hub: 'b c' does not match"),
        (
            {"file": "a", "columns": {"prompts": "q"}},
            "unknown key 'prompts'; did you mean 'pr",
        ),
        ({"file": "a", "columns": {"classes": ["q"]}}, "['q'] names no column; name the column"),
        ({"file": "a", "columns": {"classes": 3}}, "own.columns.classes: 3 names no column"),
        ({"file": "a", "rows": 0}, "own.rows: 0 is less than the minimum of 1"),
    ],
)
def test_a_place_or_column_that_cannot_be_is_refused(
    own: dict[str, Any], said: str, tmp_path: Path
) -> None:
    line = complaint(load_task, make(tmp_path / "task", {}, own))
    assert f"{tmp_path}/task/task.yaml, own" in line
    assert said in line


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "missing column": (
        "items.csv",
        b"prompt,answer_index\nQ?,0\n",
        "row 1: column 'classes' is miss",
    ),
    "cells": ("items.csv", b"prompt,answer_index\nQ?,0,1\n", "row 1: has 3 cells, the header 2"),
    "twice": ("items.csv", b"prompt,prompt\nQ?,R?\n", "items.csv: column 'prompt' is there twice"),
    "quote": ("items.csv", b'prompt,part\n"Q?,1\n', "is no CSV"),
    "not UTF-8": ("items.csv", b"prompt\n\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
    "no rows": ("items.csv", b"prompt,classes,answer_index\n", "has no rows"),
    "fraction": (
        "items.csv",
        b"prompt,classes,answer_index\nQ?,\"['a', 'b']\",0.5\n",
        "row 1: answer_index '0.5' is no whole number",
    ),
    "no number": (
        "items.csv",
        b"prompt,classes,answer_index\nQ?,\"['a', 'b']\",\n",
        "row 1: answer_index None is no whole number",
    ),
    "out of range": (
        "items.csv",
        b"prompt,classes,answer_index\nQ?,\"['a', 'b']\",2\n",
        "row 1: answer_index 2 is out of range for 2 classes",
    ),
    "parquet": ("items.parquet", b"PAR1 but no more", "is no Parquet file"),
    "pointer": ("items.parquet", b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
    "lines": ("items.jsonl", b'{"prompt": "Q?"}\n', "items.jsonl, row 1: column 'classes' is miss"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used_is_refused_with_its_row(name: str, tmp_path: Path) -> None:
    file, data, said = BAD_FILES[name]
    folder = make(tmp_path / "task", {file: data}, {"file": file})
    line = complaint(read_own, load_task(folder), LOCK)
    assert line.startswith(f"{folder / file}")
    assert said in line


def test_a_column_that_is_named_and_not_there_is_refused_with_those_that_are(
    tmp_path: Path,
) -> None:
    own = {"file": "items.csv", "columns": {"classes": "options"}}
    folder = make(tmp_path / "task", {"items.csv": b"prompt,choices\nQ?,no\n"}, own)
    line = complaint(read_own, load_task(folder), LOCK)
    assert "row 1: column 'options', which own.columns of task.yaml names, is missing; " in line
    assert "name one that is there: prompt, choices" in line


NAMES = ["easy/test.csv", "easy/train.csv", "hard/test.csv", "hard/latest.csv", ".cache/test.csv"]


@pytest.mark.parametrize(
    ("names", "card", "subset", "split", "found"),
    [
        (NAMES, "", "easy", "test", ["easy/test.csv"]),
        (NAMES, "", "hard", "test", ["hard/test.csv"]),
        (["val.csv", "test.csv"], "", None, "validation", ["val.csv"]),
        (["a-0-of-2.csv", "a-1-of-2.csv"], "", None, None, ["a-0-of-2.csv", "a-1-of-2.csv"]),
        (["one.csv", "notes.txt"], "", None, None, ["one.csv"]),
        (["hard/one.jsonl"], CARD.decode(), "hard", None, ["hard/one.jsonl"]),
        (["hard/one.jsonl"], CARD.decode(), "hard", "train", ["hard/one.jsonl"]),
        (["test.csv"], "---\nlicense: mit\n---\n", None, "test", ["test.csv"]),
        (["test.csv"], "---\n: [\n---\n", None, "test", ["test.csv"]),
    ],
)
def test_the_files_of_a_split_are_found(
    names: list[str], card: str, subset: str | None, split: str | None, found: list[str]
) -> None:
    assert split_files(names, card, subset, split, "here") == found


@pytest.mark.parametrize(
    ("names", "card", "subset", "split", "said"),
    [
        (NAMES, "", None, "dev", "no file of split 'dev' ends in .jsonl, .csv"),
        (["a.json"], "", None, "test", "no file of split 'test' ends in .jsonl"),
        (["a.csv", "b.csv"], "", None, None, "2 files may be meant, a.csv and b.csv among them"),
        (["test.csv", "test.tsv"], "", None, "test", "2 files may be meant"),
        ([], CARD.decode(), None, "train", "the dataset has several subsets; name one as subset"),
        (
            [],
            CARD.decode(),
            "eazy",
            "train",
            "unknown subset 'eazy'; name one as subset: easy",
        ),
        (
            [],
            CARD.decode(),
            "easy",
            None,
            "the dataset has several splits; name one as split",
        ),
        ([], CARD.decode(), "easy", "test", "unknown split 'test'; name one as split: train, held"),
        ([], CARD.decode(), "easy", "train", "no file of split 'train' of subset 'easy'"),
    ],
)
def test_a_split_that_cannot_be_told_is_refused_with_what_there_is(
    names: list[str], card: str, subset: str | None, split: str | None, said: str
) -> None:
    assert said in complaint(split_files, names, card, subset, split, "here")


def test_two_subsets_of_one_split_are_not_put_together(tmp_path: Path) -> None:
    names = ["easy/test.csv", "hard/test.csv"]
    assert "2 files may be meant" in complaint(split_files, names, "", None, "test", "here")


def test_a_folder_that_is_not_there_is_told_before_any_job(tmp_path: Path) -> None:
    folder = make(tmp_path / "task", {}, {"folder": "set", "split": "test"})
    line = complaint(find_own, load_task(folder))
    assert line.startswith(f"{folder}/task.yaml, own: {folder}/set is no folder; ")


# -- the hub -----------------------------------------------------------------------------------


def acquire(folder: Path, hub: fake_hub.Hub) -> subprocess.CompletedProcess[str]:
    """Run the step in a folder."""
    words = ["--task", "task", "--source", "own", "--mirror", "", "--mirrors", "none.yaml"]
    words += ["--lock", "lock.yaml", "--output", "items.jsonl", "--origin", "origin.json"]
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts/acquire.py"), *words],
        cwd=folder,
        env=os.environ | fake_hub.environment(hub, folder),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_dataset_of_the_hub_is_downloaded_at_one_commit_and_its_split_alone(
    tmp_path: Path, expected: list[Any]
) -> None:
    own = {"hub": "someone/asked", "revision": "main", "subset": "easy", "split": "held-out"}
    folder = make(tmp_path / "task", {}, own)
    assert find_own(load_task(folder)) == []
    files, _ = FORMS["dataset by its card"]
    files = {name.removeprefix("set/"): data for name, data in files.items()}
    with fake_hub.served() as hub:
        first = hub.push("datasets/someone/asked", "main", files)
        done = acquire(tmp_path, hub)
        assert done.returncode == 0, done.stderr
        assert read_items(tmp_path / "items.jsonl", "classification")[0] == expected
        assert not [path for path in hub.asked if "train" in path or "hard" in path]
        # The branch moves on, the run does not.
        hub.push("datasets/someone/asked", "main", files | {"easy/first.parquet": b"other"})
        assert acquire(tmp_path, hub).returncode == 0
    origin = json.loads((tmp_path / "origin.json").read_text())
    assert origin["revision"] == first
    assert origin["file"] == "someone/asked, easy, held-out"
    assert f"datasets/someone/asked@main: {first}" in (tmp_path / "lock.yaml").read_text()
    assert {path.name for path in tmp_path.iterdir()} >= {"items.jsonl", "origin.json"}


@pytest.mark.parametrize("gated", [True, False])
def test_a_dataset_that_cannot_be_fetched_is_told_in_one_line(tmp_path: Path, gated: bool) -> None:
    make(tmp_path / "task", {}, {"hub": "someone/asked", "revision": "main", "split": "test"})
    with fake_hub.served() as hub:
        if gated:
            hub.push("datasets/someone/asked", "main", {})
            hub.gated.add("datasets/someone/asked")
        done = acquire(tmp_path, hub)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    said = "the hub refuses it (403)" if gated else "cannot be fetched from the hub"
    assert f"error: the hub, datasets/someone/asked@main: {said}" in line
    assert "hf_secret" not in line
    assert not (tmp_path / "items.jsonl").exists()


def test_records_of_a_long_prompt_are_read(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(cells([{"prompt": "word " * 100_000}]))
    (record,) = read_records(path)
    assert len(record["prompt"]) == 500_000
