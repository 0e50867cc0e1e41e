"""Step: write the tables of the literature; see `ushaped.literature.tables`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ushaped.errors import run
from ushaped.literature.tables import TABLES, gather
from ushaped.results.text_files import write_table


def main() -> None:
    """Read the command line, write one CSV file per table."""
    arguments = parse()
    known = gather(arguments.series, arguments.humans, arguments.shapes, arguments.tasks)
    for name, make in TABLES.items():
        rows = make(known)
        write_table(arguments.output / f"{name}.csv", list(rows[0]), rows)


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Write the tables of the literature.")
    parser.add_argument("--series", type=Path, required=True, metavar="CSV")
    parser.add_argument("--humans", type=Path, required=True, metavar="CSV")
    parser.add_argument("--shapes", type=Path, required=True, metavar="CSV")
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, metavar="YAML")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
