"""Step: what follows from the verdicts of the atlas, one table for each question."""

from __future__ import annotations

import argparse
from pathlib import Path

from ushaped.atlas.answers import TABLES, Inputs
from ushaped.atlas.sources import read_sources
from ushaped.atlas.verdicts import read_verdicts
from ushaped.errors import run
from ushaped.options import add_bootstrap
from ushaped.results.text_files import write_table


def main() -> None:
    """Read the command line and the verdicts, write all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=Path, required=True, metavar="CSV")
    parser.add_argument("--sources", type=Path, required=True, help="literature/atlas.yaml")
    parser.add_argument("--margin", type=float, required=True, help="largest error that foretells")
    add_bootstrap(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    inputs = Inputs(
        read_verdicts(arguments.verdicts),
        read_sources(arguments.sources),
        arguments.margin,
        arguments.draws,
        arguments.seed,
    )
    for name, table in TABLES.items():
        write_table(arguments.output / f"{name}.csv", table.columns, table.rows(inputs))


if __name__ == "__main__":
    run(main)
