"""Step: draw the test items of one task's replica."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ushaped.errors import run
from ushaped.files import write_text
from ushaped.items.task import as_item, load_task, replicate


def main() -> None:
    """Read the command line, draw, write one JSON item per line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="JSONL")
    arguments = parser.parse_args()
    task = load_task(arguments.task)
    drafts = replicate(task, arguments.items, arguments.seed)
    write_text(
        arguments.output,
        "".join(json.dumps(as_item(task, draft), ensure_ascii=False) + "\n" for draft in drafts),
    )


if __name__ == "__main__":
    run(main)
