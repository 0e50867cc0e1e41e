"""Prompt files, tiny models, and scoring jobs on them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fetch as fetch_step
import prompts as prompt_step
import scores as score_step
from fake_server import NAME, Server

TEXTS = ("a bird", "not a bird", "Which one")

AFTER = " So the answer is"

RULE = {"answer_after": AFTER, "stop": ["\n"], "chain_limit": None}


def write_prompts(
    folder: Path, task: str, variant: str, texts: tuple[str, ...] = TEXTS, **rule: Any
) -> Path:
    """A small prompt file; ``rule`` is what its chains do otherwise, one value for each text."""
    rows = [
        {
            "item": n,
            "prompt": f"{text}?",
            "other_prompt": None,
            "classes": [" yes", " no"],
            "answer_index": 0,
        }
        | {"distractor_index": 1, "part": 1, "protocol": "official", "modified": ""}
        | {"chain": variant == "cot", "metric": "accuracy"}
        | (RULE if variant == "cot" else dict.fromkeys(RULE))
        | {name: values[n] for name, values in rule.items()}
        for n, text in enumerate(texts)
    ]
    path = folder / "prompts/replica" / task / f"{variant}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=prompt_step.SCHEMA), path)
    return path


def words(folder: Path, *more: str) -> list[str]:
    """Command line of the scoring step."""
    files = sorted(str(path) for path in (folder / "prompts").rglob("*.parquet"))
    fixed = f"--batch-tokens 64 --chain-tokens 5 --store {folder}/store --output {folder}/scores"
    timed = f"--benchmark {folder}/benchmark.tsv"
    return [
        "--model",
        f"{folder}/model.json",
        "--prompts",
        *files,
        *fixed.split(),
        *timed.split(),
        *more,
    ]


def score(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> dict[str, float]:
    """Run the scoring step in this process; its benchmark."""
    monkeypatch.setattr("sys.argv", ["score", *words(folder, *more)])
    score_step.main()
    names, values = (folder / "benchmark.tsv").read_text().splitlines()
    return dict(zip(names.split("\t"), map(float, values.split("\t")), strict=True))


def counted_items(log: str) -> list[tuple[int, int, int]]:
    """Items, chains and tokens per second of each line of progress."""
    pattern = r": ([\d,]+) of [\d,]+ items(?:, ([\d,]+) chains)?, ([\d,]+) tokens/s"
    return [
        (number(items), number(chains or "0"), number(speed))
        for items, chains, speed in re.findall(pattern, log)
    ]


def number(text: str) -> int:
    """A whole number with separators."""
    return int(text.replace(",", ""))


def scores(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All scores, by variant."""
    return {
        path.stem: pq.read_table(path).to_pylist()
        for path in (folder / "scores/replica/neqa").glob("*.parquet")
    }


def made(folder: Path) -> dict[str, Any]:
    """What a file of scores says about how it was made."""
    metadata = pq.read_schema(folder / "scores/replica/neqa/zero-shot.parquet").metadata
    return dict(json.loads(metadata[b"made"]))


def parts(folder: Path) -> dict[str, int]:
    """Modification times of the parts of the store."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "store").glob("*/*")}


SCALE = {
    "size": "1",
    "parameters": 1,
    "non_embedding_parameters": 1,
    "training_tokens": 1,
    "training_flops": 1.0,
}


def describe_served(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> None:
    """Write the ``model.json`` of the served model with the fetching step."""
    entry = SCALE | {"endpoint": server.url, "served_as": NAME, "retries": 0, "concurrency": 2}
    line = ["--entry", json.dumps(entry | more), "--name", "remote", "--family", "test"]
    line += ["--lock", f"{folder}/lock.yaml", "--output", str(folder)]
    line += ["--store", f"{folder}/fetched", "--benchmark", f"{folder}/fetched.tsv"]
    monkeypatch.setattr("sys.argv", ["fetch", *line])
    fetch_step.main()
