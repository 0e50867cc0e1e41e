"""Step: answer one open question of `ushaped.questions` with a table.

The columns are the ``COLUMNS`` of the module that bears the name of the question.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

from ushaped.errors import run
from ushaped.options import add_bootstrap, add_rule
from ushaped.questions import QUESTIONS
from ushaped.questions.inputs import Inputs
from ushaped.results.text_files import write_table
from ushaped.shapes.rules import Rule


def main() -> None:
    """Read the command line, answer, write the table."""
    arguments = parse()
    module = import_module(f"ushaped.questions.{arguments.question.replace('-', '_')}")
    inputs = Inputs(
        published=arguments.published,
        metrics=arguments.results / "metrics.csv",
        items=arguments.results / "items.parquet",
        protocols=arguments.results / "protocols.csv",
        prompts=arguments.results / "prompts",
        scores=arguments.results / "scores",
        ladders=arguments.ladders,
        pairs=arguments.pairs,
        rule=Rule.published_equivalent(arguments.equivalence, arguments.recovery),
        draws=arguments.draws,
        seed=arguments.seed,
    )
    write_table(arguments.output, module.COLUMNS, module.answer(inputs))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Answer one open question with a table.")
    parser.add_argument("question", choices=QUESTIONS)
    parser.add_argument("--results", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--published", type=Path, required=True, metavar="CSV")
    parser.add_argument(
        "--ladders", type=json.loads, default={}, help="settings of families trained here, as JSON"
    )
    parser.add_argument(
        "--pairs", type=json.loads, default={}, help="base family of each chat family, as JSON"
    )
    add_rule(parser)
    add_bootstrap(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
