"""Render the report: one page that holds its figures, its numbers and their origin."""

from __future__ import annotations

import argparse

from ushaped import report
from ushaped.errors import run
from ushaped.files import write_text


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", required=True, help="metrics.csv")
    parser.add_argument("--shapes", required=True, help="shapes.csv")
    parser.add_argument("--literature", help="folder that `snakemake figures` fills")
    parser.add_argument("--protocols", help="protocols.csv")
    parser.add_argument("--parts", help="parts.csv")
    parser.add_argument("--flips", help="flips.csv")
    parser.add_argument("--flip-items", help="flips.json")
    parser.add_argument("--questions", nargs="*", default=[], help="answers, as .../QUESTION.csv")
    parser.add_argument("--evidence", help="evidence.json")
    parser.add_argument("--published-verdicts", help="what papers say of their curves (CSV)")
    parser.add_argument("--power", help="power.csv")
    parser.add_argument("--figures", nargs="+", required=True, help="SVG files, or their folders")
    parser.add_argument(
        "--prompts", nargs="*", default=[], help="prompts, as .../SOURCE/TASK/VARIANT.parquet"
    )
    parser.add_argument("--tasks", nargs="+", required=True, help="task.yaml files")
    parser.add_argument("--models", nargs="*", default=[], help="model.json files")
    parser.add_argument("--config", required=True, help="resolved configuration (JSON)")
    parser.add_argument("--provenance", required=True, help="provenance.json")
    parser.add_argument("--benchmarks", help="folder of benchmark files")
    parser.add_argument(
        "--scores",
        nargs="*",
        default=[],
        help="scores, as .../MODEL/SOURCE/TASK/VARIANT.parquet, or the folder that holds them",
    )
    parser.add_argument("--template", required=True, help="report.html.j2")
    parser.add_argument("--output", required=True, help="the page (HTML)")
    return parser.parse_args()


def main() -> None:
    given = vars(arguments())
    template, output = given.pop("template"), given.pop("output")
    write_text(output, report.render(template, report.gather(**given)))


if __name__ == "__main__":
    run(main)
