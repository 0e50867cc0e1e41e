"""The program ``ushaped``: verdicts on scaling curves, without models or the workflow.

Exit codes are 0 where all is fine (even if something was left out: it is named at the end), 1 for
bad input, with one line, and 2 for a wrong command line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from ushaped.command import convert, judge, plan
from ushaped.errors import run_program

COMMANDS = {"judge": judge, "convert": convert, "plan": plan}


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that the command line names, and exit."""
    parser = parser_of_all()
    options = parser.parse_args(words)
    sys.exit(run_program(lambda: options.run(options)))


def parser_of_all() -> argparse.ArgumentParser:
    """Parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="ushaped",
        description="Does a task get better, worse, or worse and then better as language models "
        "grow? Verdicts on scaling curves, with their evidence.",
        epilog="exit codes: 0 fine, 1 bad input, 2 wrong command line",
    )
    parser.add_argument("--version", action="version", version=f"ushaped {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        usage = f"ushaped {name} {command.USAGE}"
        texts = {"help": command.HELP, "description": command.DESCRIPTION, "usage": usage}
        own = commands.add_parser(name, **texts)
        command.add(own)
        own.set_defaults(run=command.run, usage_error=own.error)
    return parser


def _version() -> str:
    try:
        return version("ushaped")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    main()
