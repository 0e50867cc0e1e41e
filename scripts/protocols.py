"""Step: compare every prompt variant with zero-shot, one row per family, source, task and variant.

The columns are `ushaped.results.columns.PROTOCOLS`. ``base_*`` are those of zero-shot with the same
family, source and task; ``p*`` shares of the bootstrap draws, over items and training seeds, with
the verdict beside which they stand, by the published-equivalent or (``*_literal``) the literal
rule; ``p_differs`` the share of paired draws in which the two verdicts differ. ``flips`` says
whether the verdicts differ, and ``settled`` whether each of them is that of 95 % of draws or more.
``difference`` is the value at the largest size less that of zero-shot, with a 95 % interval from
drawing the same items and seeds for both; where one of them lacks items, it and ``p_differs`` are
of the items that both have. Draws and seed are those of the shapes, so the verdicts and their
``p`` are the same as there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ushaped.errors import run
from ushaped.options import add_bootstrap, add_rule
from ushaped.protocols import compare
from ushaped.results.columns import PROTOCOLS
from ushaped.results.text_files import write_table
from ushaped.shapes.curves import draw_measured
from ushaped.shapes.read import read_items, read_metrics
from ushaped.shapes.rules import Rule


def main() -> None:
    """Read the command line, compare, write the table."""
    arguments = parse()
    # A published point has no items that could be paired, and one prompt variant alone.
    curves = [curve.without_published() for curve in read_metrics(arguments.metrics)]
    answers = read_items(arguments.items)
    drawn = draw_measured(curves, answers, arguments.draws, arguments.seed)
    literal = Rule.literal(arguments.equivalence)
    equivalent = Rule.published_equivalent(arguments.equivalence, arguments.recovery)
    rows = compare(curves, drawn, answers, literal, equivalent, arguments.seed)
    write_table(arguments.output, PROTOCOLS, rows)


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Compare every prompt variant with zero-shot.")
    parser.add_argument("--metrics", type=Path, required=True, metavar="CSV")
    parser.add_argument("--items", type=Path, required=True, metavar="PARQUET")
    add_rule(parser)
    add_bootstrap(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
