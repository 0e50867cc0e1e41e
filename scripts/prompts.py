"""Step: turn the items of one task into prompts, one file per variant.

A file whose variant lacks items, since they do not split as it needs, says so in the metadata of
its schema: `UNSPLIT`, JSON with the ``count`` of such items, the number of the ``first``, and how
many items the task has, ``of``. The numbers of the other items stay.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ushaped.errors import UserError, run
from ushaped.files import whole
from ushaped.items.task import Item, load_task, read_items, repeated
from ushaped.prompts import build, misfits, unknown_aliases, unsplit
from ushaped.results.parquet import DUPLICATES, UNSPLIT
from ushaped.results.parquet import PROMPTS as SCHEMA
from ushaped.sources import Source, parse_source
from ushaped.terms import REPLICA
from ushaped.variants import parse_variant


def main() -> None:
    """Read the command line, check the items, write the prompts of every variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--items", type=Path, required=True, metavar="JSONL")
    parser.add_argument(
        "--source",
        type=parse_source,
        default=parse_source(REPLICA),
        help="whose items they are, and which of them have prompts",
    )
    parser.add_argument("--variants", nargs="+", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    task = load_task(arguments.task)
    items, warnings = read_items(arguments.items, task.schema)
    chosen = choose(arguments.source, items, task.name, arguments.items)
    again = [chosen[place] for place in repeated([items[number] for number in chosen])]
    for line in warnings + ([said_again(arguments.items, again, len(chosen))] if again else []):
        log(line)
    for written, name in unknown_aliases(items, task.answer).items():
        raise UserError(
            f"{arguments.task / 'task.yaml'}, answer.aliases",
            f"'{written}' stands for {name!r}, which is no class of any item of {arguments.items}",
            "write the class as the items have it, with its leading space",
        )
    shown = any(parse_variant(variant).needs_demonstrations for variant in arguments.variants)
    demonstrations = task.demonstrations(arguments.source.name) if shown else []
    for answer in misfits(items, demonstrations):
        log(f"warning: {task.name}: a demonstration's answer {answer!r} is no class of any item")
    for variant in arguments.variants:
        rows = build(
            items,
            variant,
            demonstrations,
            task.chain,
            arguments.seed,
            task.inside,
            task.answer,
            task.protocol,
        )
        # Few-shot demonstrations are drawn from all items, so a prompt is the same on some of them.
        taken = set(chosen)
        rows = [row | {"metric": task.metric} for row in rows if row["item"] in taken]
        metadata = {DUPLICATES: json.dumps(len(again))}
        if missing := unsplit(chosen, rows):
            about = {"count": len(missing), "first": missing[0], "of": len(chosen)}
            metadata[UNSPLIT] = json.dumps(about)
            log(
                f"warning: {task.name}, {variant}: {len(missing)} of {len(chosen)} items do not "
                f"split and are left out, the first of them item {missing[0]}"
            )
        if not rows:
            raise UserError(
                f"{arguments.items}, {variant}",
                f"none of the items of {arguments.source.name} splits",
                "take more of them, or leave the variant out",
            )
        write(arguments.output / f"{variant}.parquet", rows, metadata)


def choose(source: Source, items: Sequence[Item], task: str, path: Path) -> list[int]:
    """The numbers of the items of a source that have prompts."""
    try:
        return source.choose(len(items), task)
    except ValueError:
        raise UserError(
            str(path),
            f"has {len(items)} items, and {source.name} takes {source.count} of them",
            f"take fewer, or all: {source.base}",
        ) from None


def said_again(path: Path, again: list[int], items: int) -> str:
    """The line about items whose question is that of an earlier one; ``again`` counts from 0."""
    rows = ", ".join(str(number + 1) for number in again[:5]) + ", ..." * (len(again) > 5)
    return (
        f"warning: {path}: {len(again)} of {items} items repeat the question of an earlier one "
        f"(rows {rows}); they are scored, but never shown to each other by few-shot-k"
    )


def write(path: Path, rows: list[dict[str, Any]], metadata: dict[str, str]) -> None:
    """Write the rows of one variant and what the file says beside them, whole."""
    schema = SCHEMA.with_metadata(metadata)
    with whole(path) as beside:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), beside)


def log(line: str) -> None:
    """Write a line of the log."""
    print(line, file=sys.stderr)


if __name__ == "__main__":
    run(main)
