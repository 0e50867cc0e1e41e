"""Step: turn the items of one task into prompts, one file per variant."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ushaped.errors import run
from ushaped.files import whole
from ushaped.prompts import build, needs_demonstrations
from ushaped.tasks import load_demonstrations, load_task, read_items, repeated

SCHEMA = pa.schema(
    [
        ("item", pa.int64()),
        ("prompt", pa.string()),
        ("other_prompt", pa.string()),
        ("classes", pa.list_(pa.string())),
        ("answer_index", pa.int64()),
        ("distractor_index", pa.int64()),
        ("part", pa.int64()),
        ("cluster", pa.int64()),
        ("protocol", pa.string()),
        ("modified", pa.string()),
        ("chain", pa.bool_()),
        ("answer_after", pa.string()),
        ("stop", pa.list_(pa.string())),
        ("chain_limit", pa.int64()),
        ("metric", pa.string()),
    ]
)


def main() -> None:
    """Read the command line, check the items, write the prompts of every variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--items", type=Path, required=True, metavar="JSONL")
    parser.add_argument("--variants", nargs="+", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    task = load_task(arguments.task)
    items, warnings = read_items(arguments.items, task.schema)
    again = repeated(items)
    for line in warnings + ([said_again(arguments.items, again, len(items))] if again else []):
        print(line, file=sys.stderr)
    shown = any(map(needs_demonstrations, arguments.variants))
    demonstrations = load_demonstrations(arguments.task) if shown else []
    for variant in arguments.variants:
        rows = build(items, variant, demonstrations, task.chain, arguments.seed, task.inside)
        rows = [row | {"metric": task.metric} for row in rows]
        write(arguments.output / f"{variant}.parquet", rows, len(again))


def said_again(path: Path, again: list[int], items: int) -> str:
    """The line about items whose question is that of an earlier one; ``again`` counts from 0."""
    rows = ", ".join(str(number + 1) for number in again[:5]) + ", ..." * (len(again) > 5)
    return (
        f"warning: {path}: {len(again)} of {items} items repeat the question of an earlier one "
        f"(rows {rows}); they are scored, but never shown to each other by few-shot-k"
    )


def write(path: Path, rows: list[dict[str, Any]], duplicates: int) -> None:
    """Write the rows of one variant, whole.

    Metadata ``duplicates``: JSON, how many items ask the question of an earlier one.
    """
    schema = SCHEMA.with_metadata({"duplicates": json.dumps(duplicates)})
    with whole(path) as beside:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), beside)


if __name__ == "__main__":
    run(main)
