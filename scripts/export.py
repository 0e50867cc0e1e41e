"""Step: write the results as plain files; see `ushaped.export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ushaped.errors import run
from ushaped.export.given import Given, gather
from ushaped.export.latex import document as latex
from ushaped.export.markdown import document as markdown
from ushaped.export.paper import paper_tables
from ushaped.export.record import check, record, text
from ushaped.files import write_text


def main() -> None:
    """Read the command line, write ``report.json`` and the tables."""
    told = vars(parse())
    schema, output, folder = told.pop("schema"), told.pop("output"), told.pop("tables")
    given = gather(**told)
    write_report(given, schema, output)
    for name, tables in paper_tables(given).items():
        write_text(folder / f"{name}.tex", latex(tables))
        write_text(folder / f"{name}.md", markdown(tables))


def write_report(given: Given, schema: str, output: str) -> None:
    """Write ``report.json`` if it is what its schema says."""
    value: dict[str, Any] = record(given)
    check(value, schema)
    write_text(output, text(value))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Write the results as plain files.")
    parser.add_argument("--metrics", required=True, metavar="CSV")
    parser.add_argument("--parts", required=True, metavar="CSV")
    parser.add_argument("--flips", required=True, metavar="CSV")
    parser.add_argument("--shapes", required=True, metavar="CSV")
    parser.add_argument("--evidence", required=True, metavar="JSON")
    parser.add_argument("--protocols", required=True, metavar="CSV")
    parser.add_argument("--power", required=True, metavar="CSV")
    parser.add_argument("--published", required=True, metavar="CSV", help="the published series")
    parser.add_argument("--labels", required=True, metavar="CSV", help="what papers say of them")
    parser.add_argument("--questions", nargs="*", default=[], metavar="CSV")
    parser.add_argument("--tasks", nargs="+", required=True, metavar="YAML")
    parser.add_argument("--models", nargs="+", required=True, metavar="JSON")
    parser.add_argument("--scores", nargs="*", default=[], help="files, or the folder of all")
    parser.add_argument("--prompts", nargs="*", default=[], metavar="PARQUET", help="of a folder")
    parser.add_argument("--config", required=True, metavar="JSON", help="resolved configuration")
    parser.add_argument("--provenance", required=True, metavar="JSON")
    parser.add_argument("--schema", required=True, metavar="JSON", help="of report.json")
    parser.add_argument("--output", required=True, metavar="JSON", help="report.json")
    parser.add_argument("--tables", type=Path, required=True, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
