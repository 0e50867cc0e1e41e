"""Step: judge every curve of the atlas, with a correction for all of them together.

``--output`` (CSV)
    One row for each curve: `ushaped.atlas.judge.COLUMNS`. Curves of finished runs (``--runs``) have
    the verdicts that their runs gave them.
``--left-out`` (CSV)
    What of the finished runs is on no curve, and why.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from ushaped.atlas.archive import read_runs
from ushaped.atlas.curves import curves_of
from ushaped.atlas.judge import add_q_values, judge_curve
from ushaped.atlas.points import read_points, write_left_out
from ushaped.atlas.sources import read_sources
from ushaped.atlas.verdicts import write_verdicts
from ushaped.errors import UserError, run
from ushaped.literature.run_noise import read_run_noise
from ushaped.options import add_bootstrap, add_rule, add_run_noise
from ushaped.shapes.data import Settings
from ushaped.shapes.run_noise import Borrowed

# Each task borrows the noise of its own kind.
BY_TASK = "by-task"


def main() -> None:
    """Read the command line and the points, judge all curves, write both tables."""
    arguments = parse()
    two_choice, others = read_noise(arguments.run_noise, arguments.run_noise_table)
    settings = Settings.from_options(arguments, others)
    judge = partial(judge_curve, settings=settings, two_choice=two_choice)
    pooled = {name: own.pooled for name, own in read_sources(arguments.sources).items()}
    curves, _ = curves_of(read_points(arguments.curves), pooled)
    # The longest first, so that no process is left with them at the end.
    order = sorted(range(len(curves)), key=lambda place: -len(curves[place].sizes))
    with ProcessPoolExecutor(arguments.threads) as pool:
        judged = pool.map(judge, [curves[place] for place in order], chunksize=4)
        by_place = dict(zip(order, judged, strict=True))
    rows = [by_place[place] for place in range(len(curves))]
    own, left_out = read_runs(arguments.runs)
    rows += own
    add_q_values(rows)
    write_verdicts(arguments.output, rows)
    write_left_out(arguments.left_out, left_out)


def read_noise(setting: str, table: Path) -> tuple[Borrowed | None, Borrowed | None]:
    """Run-to-run noise of tasks with two choices, and of all others."""
    by_task = setting == BY_TASK
    kinds = ("two-choice", "multiple-choice") if by_task else (setting, setting)
    two_choice, others = (read_run_noise(kind, table) for kind in kinds)
    return two_choice, others


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Judge every curve of the atlas.")
    parser.add_argument("--curves", type=Path, required=True, metavar="CSV")
    parser.add_argument("--sources", type=Path, required=True, help="literature/atlas.yaml")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="report.json of each run")
    add_rule(parser)
    add_bootstrap(parser)
    add_run_noise(parser)
    parser.add_argument("--threads", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument("--left-out", type=Path, required=True, metavar="CSV")
    arguments = parser.parse_args()
    if arguments.threads < 1:
        raise UserError("--threads", f"is {arguments.threads}", "give 1 or more")
    return arguments


if __name__ == "__main__":
    run(main)
