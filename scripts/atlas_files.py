"""Step: bring the published files of one set of the atlas, verified and unchanged."""

from __future__ import annotations

import argparse
from pathlib import Path

from ushaped.atlas.fetching import mirror_folder, take
from ushaped.atlas.sources import read_sources
from ushaped.errors import run


def main() -> None:
    """Read the command line, bring the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True, help="literature/atlas.yaml")
    parser.add_argument("--set", required=True, help="name of the set")
    parser.add_argument("--mirror", required=True, help="folder of repositories; '' to download")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    published = read_sources(arguments.sources)[arguments.set]
    take(published, mirror_folder(arguments.mirror), arguments.output)


if __name__ == "__main__":
    run(main)
