"""Step: name the shape of every curve, measured and published, and say how sure that is.

Two products:

``--output`` (CSV)
    One row per family, source, task and variant with the columns `ushaped.results.columns.SHAPES`;
    the rules stand in `ushaped.shapes.rules`, the statistical verdict in
    `ushaped.shapes.conclude`. ``p_*`` are shares of the bootstrap draws, over items and training
    seeds, whose verdict, by the published-equivalent rule, is that one; like everything that needs
    errors they stay empty where a published mean comes without counts.
``--evidence`` (JSON)
    All that a verdict rests on, one record per curve (`ushaped.shapes.evidence.examine`):
    ``{"version": 1, "curves": [...]}``. What is not known is null.

Curves come from ``--metrics`` and its items, from the literature (``--published``), or were judged
before and are taken over (``--judged``).
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ushaped.errors import UserError, run
from ushaped.files import without_nan, write_json
from ushaped.results.columns import SHAPES
from ushaped.results.text_files import AGAIN, write_table
from ushaped.shapes.curves import Answers, Curve, draw_measured, draw_published_average
from ushaped.shapes.data import VERSION, Counts, Items, Settings
from ushaped.shapes.evidence import control, examine, row
from ushaped.shapes.parts import verdicts_by_part
from ushaped.shapes.read import read_items, read_metrics, read_published
from ushaped.shapes.rules import Rule
from ushaped.shapes.validity_flags import labels_of, read_labels, with_traps
from ushaped.terms import AVERAGE

# A curve with what `examine` needs to know of it.
Job = tuple[Curve, dict[str, Any]]


def main() -> None:
    """Read the command line, judge, write both files."""
    arguments = parse()
    settings = Settings(arguments.equivalence, arguments.recovery, arguments.draws, arguments.seed)
    jobs: list[Job] = []
    if arguments.metrics:
        jobs += measured(arguments.metrics, arguments.items, settings)
    if arguments.published:
        jobs += published(arguments.published, arguments.labels, settings)
    with ProcessPoolExecutor(arguments.threads) as pool:
        records = list(pool.map(partial(examined, settings), jobs, chunksize=4))
    control(records)
    if arguments.judged:
        records += judged(arguments.judged)
    write_table(arguments.output, SHAPES, [row(one) for one in records], exact=("valley_flops",))
    write_json(arguments.evidence, {"version": VERSION, "curves": without_nan(records)})


def examined(settings: Settings, job: Job) -> dict[str, Any]:
    """Examine one curve, in a process of its own."""
    curve, known = job
    return examine(curve, settings=settings, **known)


def measured(metrics: Path, items: Path, settings: Settings) -> Iterator[Job]:
    """The curves that were measured here."""
    curves, answers = read_metrics(metrics), read_items(items)
    drawn = draw_measured(curves, answers, settings.draws, settings.seed)
    rule = Rule.published_equivalent(settings.equivalence, settings.recovery)
    for curve in curves:
        known: dict[str, Any] = {"data": None, "drawn": drawn.get(curve.key)}
        found = answers.get(curve.key)
        if found and curve.task != AVERAGE:
            known["parts"] = verdicts_by_part(curve, found, rule)
            curve = with_traps(curve, labels_of(found))
            if len(curve.measured) == len(curve.sizes):
                known["data"] = items_of(curve, found)
        yield curve, known


def items_of(curve: Curve, answers: Answers) -> Items:
    """The answers of a curve's models, those of one size side by side."""
    rows = [[answers.models[name] for name in names] for names in curve.models]
    order = [model for size in rows for model in size]
    ends = [sum(map(len, rows[: place + 1])) for place in range(len(rows))]
    members = tuple(
        tuple(range(end - len(size), end)) for end, size in zip(ends, rows, strict=True)
    )
    distractor = None if answers.distractor is None else answers.distractor[order]
    return Items(answers.correct[order], members, answers.clusters, distractor)


def published(series: Path, labels: Path | None, settings: Settings) -> Iterator[Job]:
    """The curves of the literature."""
    released = read_labels(labels) if labels else {}
    curves = read_published(series)
    tasks = {(curve.family, curve.task): curve for curve in curves}
    for curve in curves:
        known: dict[str, Any] = {"data": None}
        if curve.right is not None and curve.items is not None:
            known["data"] = Counts(curve.right, curve.items)
        elif curve.task == AVERAGE:
            known["drawn"] = draw_published_average(curve, tasks, settings.draws, settings.seed)
        yield with_traps(curve, released.get(curve.task)), known


def judged(path: Path) -> list[dict[str, Any]]:
    """Records that this step wrote before."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] == VERSION:
            return list(found["curves"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(str(path), f"is no evidence ({error})", AGAIN) from None
    raise UserError(str(path), f"is of version {found['version']}, not {VERSION}", AGAIN)


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description="Name the shape of every curve.")
    parser.add_argument("--metrics", type=Path, metavar="CSV")
    parser.add_argument("--items", type=Path, metavar="PARQUET")
    parser.add_argument(
        "--published", type=Path, metavar="CSV", help="series.csv of the literature"
    )
    parser.add_argument("--judged", type=Path, metavar="JSON", help="evidence to be taken over")
    parser.add_argument(
        "--labels", type=Path, metavar="CSV", help="right answers of the released files"
    )
    parser.add_argument(
        "--recovery", type=float, default=1 / 3, help="least ratio of fall and rise"
    )
    parser.add_argument("--equivalence", type=float, default=0.02, help="no practical difference")
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap draws (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default 0)")
    parser.add_argument("--threads", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    parser.add_argument("--evidence", type=Path, required=True, metavar="JSON")
    arguments = parser.parse_args()
    if (arguments.metrics is None) != (arguments.items is None):
        raise UserError("--metrics and --items", "one of them is missing", "give both, or neither")
    if not (arguments.metrics or arguments.published):
        raise UserError("shapes.py", "has nothing to judge", "give --metrics or --published")
    if not 0 < arguments.recovery < math.inf:
        raise UserError("--recovery", f"is {arguments.recovery}", "give a number above 0")
    if not 0 <= arguments.equivalence < math.inf:
        raise UserError("--equivalence", f"is {arguments.equivalence}", "give 0 or more")
    for name in ("draws", "threads"):
        if getattr(arguments, name) < 1:
            raise UserError(f"--{name}", f"is {getattr(arguments, name)}", "give 1 or more")
    return arguments


if __name__ == "__main__":
    run(main)
