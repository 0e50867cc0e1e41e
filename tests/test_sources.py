"""Some items of a source: which they are, and that no number on them is one on all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from page import spaced
from project import ROOT, TINY, Project
from ushaped.benchmark_file import read_benchmark
from ushaped.items.task import as_item, load_task, replicate
from ushaped.sources import PATTERNS, base_of, is_source, parse_source
from ushaped.terms import SOURCES


def test_the_first_items_are_the_first_and_a_sample_is_its_seeds() -> None:
    assert parse_source("own-first-3").choose(10, "neqa") == [0, 1, 2]
    assert parse_source("own").choose(3, "neqa") == [0, 1, 2]
    drawn = parse_source("own-random-30-s1").choose(100, "neqa")
    assert drawn == sorted(set(drawn))
    assert len(drawn) == 30
    assert drawn != list(range(30))
    assert drawn == parse_source("official-random-30-s1").choose(100, "neqa")
    assert drawn != parse_source("own-random-30-s2").choose(100, "neqa")
    assert drawn != parse_source("own-random-30-s1").choose(100, "memo-trap")


def test_every_item_is_drawn_equally_often() -> None:
    seeds, items, count = 400, 20, 5
    hits = [0] * items
    for seed in range(seeds):
        for number in parse_source(f"own-random-{count}-s{seed}").choose(items, "neqa"):
            hits[number] += 1
    expected = seeds * count / items
    # Five standard deviations of a binomial count.
    width = 5 * (expected * (1 - count / items)) ** 0.5
    assert all(abs(hit - expected) < width for hit in hits)


def test_a_larger_sample_of_a_seed_holds_the_smaller_one() -> None:
    small, large = (set(parse_source(f"own-random-{n}-s5").choose(50, "neqa")) for n in (10, 30))
    assert small < large


def test_more_items_than_there_are_cannot_be_taken() -> None:
    for name in ("own-first-4", "own-random-4-s0"):
        assert len(parse_source(name).choose(4, "neqa")) == 4
        with pytest.raises(ValueError, match="4 of 3 items"):
            parse_source(name).choose(3, "neqa")


@pytest.mark.parametrize(
    "name",
    [
        *("own-first", "own-first-0", "own-first-03", "own-random-3", "own-random-3-s"),
        *("own-first-3-s1", "owned", "first-3", "own-first-3 ", "published"),
        *("own-random-3-s01", "own-first-9999999999"),
    ],
)
def test_other_names_are_no_sources(name: str) -> None:
    assert not is_source(name)
    assert base_of(name) == name
    with pytest.raises(ValueError, match="is no source"):
        parse_source(name)


def test_all_that_a_message_suggests_are_sources() -> None:
    for pattern in PATTERNS:
        name = pattern.replace("N", "2").replace("S", "0")
        assert base_of(name) in SOURCES
        assert is_source(name)


def test_the_schema_of_report_json_knows_the_same_names() -> None:
    schema = json.loads((ROOT / "report/schema/report.schema.json").read_text(encoding="utf-8"))
    pattern = schema["$defs"]["task"]["properties"]["sources"]["items"]["pattern"]
    for name in PATTERNS:
        assert re.search(pattern, name.replace("N", "20").replace("S", "0"))
    for name in ("own-first", "own-first-0", "own-random-3", "owned", "first-3", "published"):
        assert not re.search(pattern, name)


def build(folder: Path, source: str, *variants: str) -> subprocess.CompletedProcess[str]:
    """Run the step that builds the prompts of neqa."""
    task = load_task(ROOT / "tasks/neqa")
    path = folder / "items.jsonl"
    drafts = replicate(task, 12, seed=1)
    path.write_text("".join(json.dumps(as_item(task, draft)) + "\n" for draft in drafts))
    words = ["--task", str(task.folder), "--items", str(path), "--source", source, "--seed", "0"]
    words += ["--variants", *variants, "--output", str(folder / source)]
    program = [sys.executable, str(ROOT / "scripts/prompts.py")]
    return subprocess.run([*program, *words], capture_output=True, text=True, check=False)


def test_a_prompt_on_some_items_is_the_one_on_all_of_them(tmp_path: Path) -> None:
    variants = ("zero-shot", "few-shot-2", "cot")
    for source in ("replica", "replica-random-5-s1"):
        done = build(tmp_path, source, *variants)
        assert done.returncode == 0, done.stderr
    for variant in variants:
        every, some = (
            pq.read_table(tmp_path / source / f"{variant}.parquet").to_pylist()
            for source in ("replica", "replica-random-5-s1")
        )
        numbers = parse_source("replica-random-5-s1").choose(12, "neqa")
        assert some == [every[number] for number in numbers]


def test_a_sample_of_too_many_items_is_refused_in_one_line(tmp_path: Path) -> None:
    done = build(tmp_path, "replica-first-13", "zero-shot")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "items.jsonl: has 12 items, and replica-first-13 takes 13 of them; take fewer" in line
    assert not (tmp_path / "replica-first-13").exists()


@pytest.mark.workflow
def test_some_items_beside_all_have_numbers_and_cards_of_their_own_and_are_scored_once(
    project: Project,
) -> None:
    done = project.run("report")
    assert done.returncode == 0, done.stdout
    sources = {"all": ["replica"], "neqa": ["replica", "replica-random-5-s1"]}
    changed: dict[str, Any] = TINY | {"sources": sources}
    project.configure(changed)
    assert not {"train", "replica"} & {job.rule for job in project.plan()}
    done = project.run("report")
    assert done.returncode == 0, done.stdout
    metrics = pd.read_csv(project.folder / "results/metrics.csv", keep_default_na=False)
    rows = metrics[(metrics["task"] == "neqa") & (metrics["metric"] == "accuracy")]
    assert set(rows["source"]) == {"replica", "replica-random-5-s1"}
    for source, own in rows.groupby("source"):
        assert {float(n) for n in own["n"]} == {8.0 if source == "replica" else 5.0}
    # The same prompts of the same models: nothing was scored for the sample.
    for path in project.folder.glob("results/benchmarks/scores/*.tsv"):
        assert read_benchmark(path)["items"] == 0
    page = project.read("results/report.html")
    for source in ("replica", "replica-random-5-s1"):
        assert f'<article id="task-neqa-{source}"' in page
    said = spaced(page)
    assert "Taken are 5 of them, drawn at random with seed 1" in said
    assert "This figure was not drawn" not in page
    assert (project.folder / "results/tables/numbers-replica-random-5-s1.md").exists()
    assert project.plan() == []
