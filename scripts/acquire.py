"""Step: take the given items of one task: a released file, verified and unchanged, or a user's own.

Beside them it writes what was read: name, rows, bytes and sha256 of the file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ushaped.errors import run
from ushaped.files import whole, write_json
from ushaped.items.download import download, read_mirrors
from ushaped.items.own import read_own
from ushaped.items.released import BLOCKS, accept, find, measure, release
from ushaped.items.task import Task, load_task
from ushaped.terms import OWN


def main() -> None:
    """Read the command line, take, verify, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--source", choices=[*BLOCKS, OWN], required=True)
    parser.add_argument("--mirror", required=True, help="folder with released files; '' for none")
    parser.add_argument("--mirrors", type=Path, required=True, help="public mirrors (YAML)")
    parser.add_argument("--lock", type=Path, required=True, metavar="YAML", help="lock file")
    parser.add_argument("--output", type=Path, required=True, metavar="JSONL")
    parser.add_argument("--origin", type=Path, required=True, metavar="JSON")
    arguments = parser.parse_args()
    task = load_task(arguments.task)
    if arguments.source == OWN:
        data, record, warnings = read_own(task, arguments.lock)
        print("".join(f"{line}\n" for line in warnings), end="", file=sys.stderr)
    else:
        data, record = take(task, arguments.source, arguments.mirror, arguments.mirrors)
    # The very bytes that were verified are written, whatever happens to their place meanwhile.
    with whole(arguments.output) as beside:
        beside.write_bytes(data)
    write_json(arguments.origin, {"source": arguments.source, "task": task.name} | record)


def take(task: Task, source: str, mirror: str, mirrors: Path) -> tuple[bytes, dict[str, Any]]:
    """The verified content of a task's released file, of the mirror or else downloaded.

    Returns
    -------
    data : bytes
    record : dict
        ``file``, ``rows``, ``bytes`` and ``sha256``: not where it was, which changes nothing.
    """
    wanted = release(task, source)
    if mirror:
        data = accept(find(wanted, mirror), wanted, source)
    else:
        data, address = download(task.name, wanted, read_mirrors(mirrors, source))
        print(f"{wanted.file}: taken from {address}, verified", file=sys.stderr)
    return data, {"file": wanted.file, **measure(data)}


if __name__ == "__main__":
    run(main)
