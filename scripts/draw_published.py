"""Draw one figure of the literature: SVG, PNG, and the CSV of the numbers in it."""

from __future__ import annotations

import argparse
from types import ModuleType

from ushaped.errors import run
from ushaped.figures.published import answers, average, compute, injection, ordering, tasks
from ushaped.figures.published.parts import read_markers
from ushaped.figures.save import save
from ushaped.results import tables

FIGURES: dict[str, ModuleType] = {
    "average": average,
    "tasks": tasks,
    "injection": injection,
    "compute": compute,
    "answers": answers,
    "ordering": ordering,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=FIGURES, help="which figure")
    parser.add_argument("--published", required=True, help="published series (CSV)")
    parser.add_argument("--markers", required=True, help="results without known compute (CSV)")
    parser.add_argument("--output", required=True, help="path of the results, without ending")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    module = FIGURES[given.name]
    published, markers = tables.read_published(given.published), read_markers(given.markers)
    table = tables.rounded(module.table(published, markers))
    save(module.figure(table), table, given.output, f"published {given.name}")


if __name__ == "__main__":
    run(main)
