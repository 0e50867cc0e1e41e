"""Step: name the shape of every curve, measured and published, with its uncertainty.

``--output`` (CSV)
    One row per family, source, task and variant, with the columns
    `ushaped.results.columns.SHAPES`. ``p_positive`` to ``p_flat`` are frequencies of the verdicts
    by the published-equivalent rule among bootstrap draws of items and training seeds. Columns that
    need errors are empty for a published mean without counts.
``--evidence`` (JSON)
    The evidence on each curve, in the format of `ushaped.shapes.evidence_record`.

Curves come from ``--metrics`` and its items, from the literature (``--published``), and as finished
records from an earlier evidence file (``--judged``).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ushaped.axes import ASKED, AXES, Axis
from ushaped.errors import UserError, run
from ushaped.literature.run_noise import read_run_noise
from ushaped.options import add_bootstrap, add_rule, add_run_noise
from ushaped.results.columns import SHAPES
from ushaped.results.text_files import write_table
from ushaped.shapes.curves import (
    Curve,
    Draws,
    draw_items_and_runs,
    draw_published_average,
)
from ushaped.shapes.data import Counts, Settings
from ushaped.shapes.evidence import add_fdr_q_values, examine
from ushaped.shapes.evidence_record import CurveEvidence, read_evidence, write_evidence
from ushaped.shapes.parts import verdicts_by_part
from ushaped.shapes.read import items_by_size, read_items, read_metrics, read_published
from ushaped.shapes.rules import Rule
from ushaped.shapes.shapes_table import shapes_row
from ushaped.shapes.validity_flags import add_validity_flags, answer_counts, read_answer_counts
from ushaped.terms import AVERAGE

# A curve and further arguments of `examine`.
Job = tuple[Curve, dict[str, Any]]


def main() -> None:
    """Read the command line, examine all curves, write both files."""
    arguments = parse()
    run_noise = read_run_noise(arguments.run_noise, arguments.run_noise_table)
    settings = Settings.from_options(arguments, run_noise)
    jobs: list[Job] = []
    if arguments.metrics:
        axis = AXES[arguments.axis] if arguments.axis else None
        jobs += measured_jobs(arguments.metrics, arguments.items, settings, axis)
    if arguments.published:
        jobs += published_jobs(arguments.published, arguments.labels, settings)
    with ProcessPoolExecutor(arguments.threads) as pool:
        records = list(pool.map(partial(run_job, settings), jobs, chunksize=4))
    add_fdr_q_values(records)
    if arguments.judged:
        records += read_evidence(arguments.judged)
    rows = [shapes_row(record) for record in records]
    write_table(arguments.output, SHAPES, rows, exact=("valley_flops",))
    write_evidence(arguments.evidence, records)


def run_job(settings: Settings, job: Job) -> CurveEvidence:
    """Examine one curve, in a worker process."""
    curve, details = job
    return examine(curve, settings=settings, **details)


def measured_jobs(
    metrics: Path, items: Path, settings: Settings, axis: Axis | None
) -> Iterator[Job]:
    """Jobs of the measured curves."""
    curves, answers = read_metrics(metrics, axis), read_items(items)
    drawn = draw_items_and_runs(curves, answers, settings.draws, settings.seed)
    rule = Rule.published_equivalent(settings.equivalence, settings.recovery)
    for curve in curves:
        details: dict[str, Any] = {"data": None, "drawn": drawn.get(curve.key)}
        of_curve = answers.get(curve.key)
        if of_curve and curve.task != AVERAGE:
            details["parts"] = verdicts_by_part(curve, of_curve, rule)
            curve = add_validity_flags(curve, answer_counts(of_curve))
            if len(curve.measured) == len(curve.sizes):
                details["data"] = items_by_size(curve, of_curve)
        yield curve, details


def published_jobs(series: Path, labels: Path | None, settings: Settings) -> Iterator[Job]:
    """Jobs of the curves of the literature."""
    counts_by_task = read_answer_counts(labels) if labels else {}
    curves = read_published(series)
    tasks = {(curve.family, curve.task): curve for curve in curves}
    for curve in curves:
        details: dict[str, Any] = {"data": None}
        if curve.right is not None and curve.items is not None:
            details["data"] = Counts(curve.right, curve.items)
        elif curve.task == AVERAGE:
            drawn = draw_published_average(curve, tasks, settings.draws, settings.seed)
            if drawn is not None:
                details["drawn"] = Draws.of_items(drawn, share=True)
        yield add_validity_flags(curve, counts_by_task.get(curve.task)), details


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Name the shape of every curve.")
    parser.add_argument("--metrics", type=Path, metavar="CSV")
    parser.add_argument("--items", type=Path, metavar="PARQUET")
    parser.add_argument("--axis", choices=ASKED, help="of regrouped metrics; by default the sizes")
    parser.add_argument(
        "--published", type=Path, metavar="CSV", help="series.csv of the literature"
    )
    parser.add_argument("--judged", type=Path, metavar="JSON", help="finished evidence to append")
    parser.add_argument(
        "--labels", type=Path, metavar="CSV", help="right answers of the released files"
    )
    add_rule(parser)
    add_bootstrap(parser)
    add_run_noise(parser)
    parser.add_argument("--threads", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument("--evidence", type=Path, required=True, metavar="JSON")
    arguments = parser.parse_args()
    if (arguments.metrics is None) != (arguments.items is None):
        raise UserError("--metrics and --items", "one of them is missing", "give both, or neither")
    if not (arguments.metrics or arguments.published):
        raise UserError("shapes.py", "has nothing to judge", "give --metrics or --published")
    if arguments.threads < 1:
        raise UserError("--threads", f"is {arguments.threads}", "give 1 or more")
    return arguments


if __name__ == "__main__":
    run(main)
