"""Step: take the released file of one task from a mirror, verified and unchanged."""

from __future__ import annotations

import argparse
from pathlib import Path

from ushaped.errors import run
from ushaped.files import whole
from ushaped.official import accept, find, release
from ushaped.tasks import load_task


def main() -> None:
    """Read the command line, find, verify, copy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--mirror", required=True, help="folder with released files; '' for none")
    parser.add_argument("--output", type=Path, required=True, metavar="JSONL")
    arguments = parser.parse_args()
    wanted = release(load_task(arguments.task))
    # The very bytes that were verified are written, whatever happens to the mirror meanwhile.
    data = accept(find(wanted, arguments.mirror), wanted)
    with whole(arguments.output) as beside:
        beside.write_bytes(data)


if __name__ == "__main__":
    run(main)
