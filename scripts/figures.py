"""Draw one figure: SVG, PNG, and the CSV of the numbers in it."""

from __future__ import annotations

import argparse
from typing import Any

from ushaped.errors import UserError, run
from ushaped.figures import NAMES, figure_module
from ushaped.figures.save import save
from ushaped.results import tables


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=NAMES, help="which figure")
    parser.add_argument("--metrics", required=True, help="metrics.csv")
    parser.add_argument("--shapes", required=True, help="shapes.csv")
    parser.add_argument("--published", required=True, help="published series (CSV)")
    parser.add_argument("--output", required=True, help="path of the results, without ending")
    parser.add_argument("--task", help="which task (figure 'task')")
    parser.add_argument("--source", help="on items of which source (figure 'task')")
    parser.add_argument("--variant", help="which variant (figure 'seeds'; default zero-shot)")
    return parser.parse_args()


def options(given: argparse.Namespace) -> dict[str, Any]:
    """Options of one figure, as its function ``table`` takes them."""
    for option in ("task", "source"):
        if (given.name == "task") != bool(vars(given)[option]):
            raise UserError(
                f"figures.py {given.name}",
                f"needs --{option}" if given.name == "task" else f"has no --{option}",
                f"use --{option} with the figure 'task' and with no other",
            )
    if given.variant and given.name != "seeds":
        raise UserError(f"figures.py {given.name}", "has no --variant", "leave it out")
    chosen = {"task": given.task, "source": given.source, "variant": given.variant}
    return {name: value for name, value in chosen.items() if value}


def main() -> None:
    given = arguments()
    chosen = options(given)
    module = figure_module(given.name)
    table = tables.rounded(
        module.table(
            tables.read_metrics(given.metrics),
            tables.read_shapes(given.shapes),
            tables.read_published(given.published),
            **chosen,
        )
    )
    title = " ".join([given.name, *chosen.values()])
    save(module.figure(table), table, given.output, title)


if __name__ == "__main__":
    run(main)
