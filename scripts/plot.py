"""Draw one figure of one table: SVG, PNG, and the CSV of the numbers in it."""

from __future__ import annotations

import argparse

from ushaped.errors import run
from ushaped.figures import OF_ONE_TABLE, figure_module
from ushaped.figures.save import save
from ushaped.results import tables


def main() -> None:
    """Read the command line, draw, write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=OF_ONE_TABLE, help="which figure")
    parser.add_argument("--table", required=True, help="the table that it shows (CSV)")
    parser.add_argument("--output", required=True, help="path of the results, without ending")
    given = parser.parse_args()
    module = figure_module(given.name)
    table = tables.rounded(module.table(module.read(given.table)))
    save(module.figure(table), table, given.output, given.name)


if __name__ == "__main__":
    run(main)
