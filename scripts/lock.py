"""Step: add the commits of branches and tags of the hub to the lock file; nothing is fetched."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from ushaped.errors import run
from ushaped.models.hub import head
from ushaped.models.lock import pin_commit


def main() -> None:
    """Read the command line, query the hub for commits that are not pinned yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revisions", nargs="*", required=True, metavar="REPOSITORY@REVISION")
    parser.add_argument("--lock", type=Path, required=True, metavar="YAML", help="lock file")
    arguments = parser.parse_args()
    for name in arguments.revisions:
        hub, revision = name.rsplit("@", 1)
        print(f"{name}: {pin_commit(arguments.lock, hub, revision, partial(head, hub, revision))}")


if __name__ == "__main__":
    run(main)
