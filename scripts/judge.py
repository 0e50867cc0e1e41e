"""Step: name the shape of every curve, measured and published, and say how sure that is.

One row per family, source, task and variant with the columns `ushaped.shapes.curves.COLUMNS`; the
rules stand in `ushaped.shapes.rules`. ``p_*`` are shares of the bootstrap draws, over items and
training seeds, whose verdict, by the published-equivalent rule, is that one; they stay empty where
a published mean comes without counts. ``flags`` also name the traps of `ushaped.shapes.traps`.
Without ``--metrics`` the published curves are judged alone.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ushaped.errors import UserError, run
from ushaped.metrics.table import write_table
from ushaped.shapes.curves import (
    COLUMNS,
    draw_measured,
    draw_published,
    judge,
)
from ushaped.shapes.read import read_items, read_metrics, read_published
from ushaped.shapes.rules import Rule
from ushaped.shapes.traps import labels_of, read_labels, with_traps


def main() -> None:
    """Read the command line, judge, write the table."""
    arguments = parse()
    literal = Rule.literal(arguments.equivalence)
    equivalent = Rule.published_equivalent(arguments.equivalence, arguments.recovery)
    rows = []
    if arguments.metrics:
        measured = read_metrics(arguments.metrics)
        items = read_items(arguments.items)
        drawn = draw_measured(measured, items, arguments.draws, arguments.seed)
        for curve in measured:
            labels = labels_of(items[curve.key]) if curve.key in items else None
            some = drawn.get(curve.key)
            rows.append(judge(with_traps(curve, labels), some, literal, equivalent))
    released = read_labels(arguments.labels) if arguments.labels else {}
    for curve in read_published(arguments.published) if arguments.published else ():
        some = draw_published(curve, arguments.draws, arguments.seed)
        named = with_traps(curve, released.get(curve.task))
        rows.append(judge(named, some, literal, equivalent))
    write_table(arguments.output, COLUMNS, rows, exact=("valley_flops",))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Name the shape of every curve.")
    parser.add_argument("--metrics", type=Path, metavar="CSV")
    parser.add_argument("--items", type=Path, metavar="PARQUET")
    parser.add_argument(
        "--published", type=Path, metavar="CSV", help="series.csv of the literature"
    )
    parser.add_argument(
        "--labels", type=Path, metavar="CSV", help="right answers of the released files"
    )
    parser.add_argument(
        "--recovery", type=float, default=1 / 3, help="least ratio of fall and rise"
    )
    parser.add_argument("--equivalence", type=float, default=0.02, help="no practical difference")
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap draws (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    arguments = parser.parse_args()
    if (arguments.metrics is None) != (arguments.items is None):
        raise UserError("--metrics and --items", "one of them is missing", "give both, or neither")
    if not (arguments.metrics or arguments.published):
        raise UserError("judge.py", "has nothing to judge", "give --metrics or --published")
    if not 0 < arguments.recovery < math.inf:
        raise UserError("--recovery", f"is {arguments.recovery}", "give a number above 0")
    if not 0 <= arguments.equivalence < math.inf:
        raise UserError("--equivalence", f"is {arguments.equivalence}", "give 0 or more")
    if arguments.draws < 0:
        raise UserError("--draws", f"is {arguments.draws}", "give 0 or more")
    return arguments


if __name__ == "__main__":
    run(main)
