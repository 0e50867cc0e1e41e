"""Step: answer one open question with a table.

``continuing-published``, ``continuing-measured``
    The last step of every inverse curve: `ushaped.questions.continuing`.
``chains``
    The verdicts of the variants with reasoning: `ushaped.questions.chains`.
``matching``
    Chinchilla beside Gopher and PaLM: `ushaped.questions.matching`.
``selection``
    Simulated tasks, chosen for looking inverse: `ushaped.questions.selection`.

The columns are the ``COLUMNS`` of these modules. ``continuing-published``, ``matching`` and
``selection`` need nothing but the published series.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from ushaped.errors import UserError, run
from ushaped.metrics.table import Row, write_table
from ushaped.questions import chains, continuing, matching, selection
from ushaped.shapes.curves import draw_measured, draw_published
from ushaped.shapes.read import read_items, read_metrics, read_published
from ushaped.shapes.rules import Rule


def continuing_published(given: argparse.Namespace) -> list[Row]:
    """The last step of the published curves."""
    curves = read_published(given.published)
    levels = read_rows(given.published)
    chance = {
        ("published", row["task"]): float(row["value"])
        for row in levels
        if row["series"] == "chance" and row["metric"] == "accuracy"
    }
    return continuing.continuing(
        curves, lambda curve: draw_published(curve, given.draws, given.seed), chance, rule(given)
    )


def continuing_measured(given: argparse.Namespace) -> list[Row]:
    """The last step of the curves that were measured here."""
    curves = [curve.without_published() for curve in read_metrics(given.metrics)]
    drawn = draw_measured(curves, read_items(given.items), given.draws, given.seed)
    chance = {
        (row["source"], row["task"]): float(row["chance"])
        for row in read_rows(given.metrics)
        if row["metric"] == "accuracy" and row["chance"]
    }
    return continuing.continuing(curves, lambda curve: drawn[curve.key], chance, rule(given))


def chains_measured(given: argparse.Namespace) -> list[Row]:
    """The verdicts of the variants with reasoning."""
    return chains.chains(read_rows(given.protocols), read_rows(given.metrics))


def matching_published(given: argparse.Namespace) -> list[Row]:
    """Chinchilla beside Gopher and PaLM."""
    names = (matching.OPTIMAL, *matching.OTHERS)
    curves = [curve for curve in read_published(given.published) if curve.family in names]
    drawn = {
        (curve.family, curve.task): draw_published(curve, given.draws, given.seed)
        for curve in curves
    }
    parameters = {
        (row["series"], row["size"]): float(row["parameters"])
        for row in read_rows(given.published)
        if row["series"] in names
    }
    return matching.matching(matching.series_of(curves, parameters, drawn))


def selection_published(given: argparse.Namespace) -> list[Row]:
    """Simulated tasks beside what the published series show."""
    return selection.selection(read_published(given.published), rule(given), given.seed)


Answer = tuple[Callable[[argparse.Namespace], list[Row]], Sequence[str], Sequence[str]]

# Each question's answer, its columns, and the files that it needs.
QUESTIONS: dict[str, Answer] = {
    "continuing-published": (continuing_published, continuing.COLUMNS, ["published"]),
    "continuing-measured": (continuing_measured, continuing.COLUMNS, ["metrics", "items"]),
    "chains": (chains_measured, chains.COLUMNS, ["metrics", "protocols"]),
    "matching": (matching_published, matching.COLUMNS, ["published"]),
    "selection": (selection_published, selection.COLUMNS, ["published"]),
}


def rule(given: argparse.Namespace) -> Rule:
    """The published-equivalent rule with the margins given."""
    return Rule.published_equivalent(given.equivalence, given.recovery)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))
    except OSError as error:
        raise UserError(str(path), f"cannot be read ({error.strerror})", "give its path") from None


def main() -> None:
    """Read the command line, answer, write the table."""
    given = parse()
    answer, columns, needed = QUESTIONS[given.question]
    for name in needed:
        if getattr(given, name) is None:
            raise UserError(f"questions.py {given.question}", f"needs --{name}", "give its path")
    write_table(given.output, columns, answer(given))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Answer one open question with a table.")
    parser.add_argument("question", choices=QUESTIONS)
    parser.add_argument(
        "--published", type=Path, metavar="CSV", help="series.csv of the literature"
    )
    parser.add_argument("--metrics", type=Path, metavar="CSV")
    parser.add_argument("--items", type=Path, metavar="PARQUET")
    parser.add_argument("--protocols", type=Path, metavar="CSV")
    parser.add_argument(
        "--recovery", type=float, default=1 / 3, help="least ratio of fall and rise"
    )
    parser.add_argument("--equivalence", type=float, default=0.02, help="no practical difference")
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap draws (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of all drawing (default 0)")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
