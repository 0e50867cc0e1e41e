"""Step: take a given file of items of one task, verified and unchanged."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ushaped.errors import run
from ushaped.files import whole
from ushaped.items.download import download, read_mirrors
from ushaped.items.released import BLOCKS, accept, find, find_own, release
from ushaped.items.task import Task, load_task
from ushaped.terms import OWN


def main() -> None:
    """Read the command line, take, verify, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--source", choices=BLOCKS, required=True)
    parser.add_argument("--mirror", required=True, help="folder with released files; '' for none")
    parser.add_argument("--mirrors", type=Path, required=True, help="public mirrors (YAML)")
    parser.add_argument("--output", type=Path, required=True, metavar="JSONL")
    arguments = parser.parse_args()
    task = load_task(arguments.task)
    data = take(task, arguments.source, arguments.mirror, arguments.mirrors)
    # The very bytes that were verified are written, whatever happens to their place meanwhile.
    with whole(arguments.output) as beside:
        beside.write_bytes(data)


def take(task: Task, source: str, mirror: str, mirrors: Path) -> bytes:
    """The verified content of a task's file: a user's own, or of the mirror, or else downloaded."""
    wanted = release(task, source)
    if source == OWN:
        return accept(find_own(task), wanted, source)
    if mirror:
        return accept(find(wanted, mirror), wanted, source)
    data, address = download(task.name, wanted, read_mirrors(mirrors, source))
    print(f"{wanted.file}: taken from {address}, verified", file=sys.stderr)
    return data


if __name__ == "__main__":
    run(main)
