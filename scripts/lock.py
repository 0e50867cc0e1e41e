"""Step: write down which commits branches and tags on the hub are now, and fetch nothing.

What the lock file has already stays.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from ushaped.errors import run
from ushaped.models.hub import head
from ushaped.models.lock import locked


def main() -> None:
    """Read the command line, ask the hub for what is not known yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revisions", nargs="*", required=True, metavar="REPOSITORY@REVISION")
    parser.add_argument("--lock", type=Path, required=True, metavar="YAML", help="lock file")
    arguments = parser.parse_args()
    for name in arguments.revisions:
        hub, revision = name.rsplit("@", 1)
        print(f"{name}: {locked(arguments.lock, hub, revision, partial(head, hub, revision))}")


if __name__ == "__main__":
    run(main)
