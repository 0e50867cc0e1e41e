"""Step: write the results as plain files; see `ushaped.export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ushaped.errors import run
from ushaped.export.latex import document as latex
from ushaped.export.markdown import document as markdown
from ushaped.export.paper import paper_tables
from ushaped.export.record import check, record, text
from ushaped.files import write_text
from ushaped.results.folder import Results


def main() -> None:
    """Read the command line, write ``report.json`` and the tables."""
    arguments = parse()
    results = Results(arguments.results, arguments.tasks, arguments.literature)
    value: dict[str, Any] = record(results)
    check(value, arguments.schema)
    write_text(arguments.output, text(value))
    for name, tables in paper_tables(results).items():
        write_text(arguments.tables / f"{name}.tex", latex(tables))
        write_text(arguments.tables / f"{name}.md", markdown(tables))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Write the results as plain files.")
    Results.add_options(parser)
    parser.add_argument("--schema", required=True, metavar="JSON", help="of report.json")
    parser.add_argument("--output", required=True, metavar="JSON", help="report.json")
    parser.add_argument("--tables", type=Path, required=True, metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
