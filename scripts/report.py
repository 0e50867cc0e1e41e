"""Step: render the report, one page that holds its figures, its numbers and their origin."""

from __future__ import annotations

import argparse

from ushaped import report
from ushaped.errors import run
from ushaped.files import write_text
from ushaped.results.folder import Results


def main() -> None:
    """Read the command line, render the page."""
    arguments = parse()
    results = Results(arguments.results, arguments.tasks, arguments.literature)
    write_text(arguments.output, report.render(arguments.template, results))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Render the report.")
    Results.add_options(parser)
    parser.add_argument("--template", required=True, help="report.html.j2")
    parser.add_argument("--output", required=True, help="the page (HTML)")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
