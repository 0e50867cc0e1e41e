"""Step: judge curves that were measured elsewhere; see `ushaped.shapes.standalone.elsewhere`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ushaped.errors import run
from ushaped.literature.run_noise import read_run_noise
from ushaped.options import add_bootstrap, add_rule, add_run_noise
from ushaped.shapes.data import Settings
from ushaped.shapes.elsewhere_record import write_elsewhere
from ushaped.shapes.standalone.elsewhere import judge_elsewhere


def main() -> None:
    """Read the command line, judge, write."""
    arguments = parse()
    run_noise = read_run_noise(arguments.run_noise, arguments.run_noise_table)
    settings = Settings.from_options(arguments, run_noise)
    write_elsewhere(arguments.output, *judge_elsewhere(arguments.elsewhere, settings))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elsewhere", type=json.loads, required=True, help="setting as JSON")
    add_bootstrap(parser)
    add_rule(parser)
    add_run_noise(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
