"""``ushaped convert``: curves of files in another format."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ushaped.command.options import add_inputs, wanted_of
from ushaped.report.text import FLAGS
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Data
from ushaped.shapes.standalone.inputs import read_inputs
from ushaped.shapes.standalone.reading import Reading
from ushaped.shapes.standalone.table_input import write_curves

USAGE = "FILE... --to FORMAT --output PATH [options]"
HELP = "write curves in another format"
DESCRIPTION = (
    "Read curves as `ushaped judge` does, and write them as a table (CSV) or as files of Every "
    "Eval Ever."
)
TABLE, EVERY_EVAL_EVER = FORMATS = ("table", "every-eval-ever")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_inputs(parser)
    parser.add_argument("--to", choices=FORMATS, required=True, help="format to write")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="PATH",
        help="CSV of a table; folder of files of Every Eval Ever",
    )


def run(options: argparse.Namespace) -> None:
    """Read, write, and say what was written and left out."""
    reading = read_inputs(options.files, wanted_of(options))
    for path in _write(reading, options.to, options.output):
        print(f"written: {path}")
    for curve, _ in reading.curves:
        for flag in curve.flags:
            print(f"note: {curve.family}/{curve.task}: {FLAGS.get(flag, flag)}")
    if lines := reading.lines():
        print("\n".join([f"left out ({len(lines)}):", *lines]))


def _write(reading: Reading, form: str, path: Path) -> list[Path]:
    if form == TABLE:
        return write_curves(path, _named_apart(reading.curves))
    from ushaped.export.eee_curves import write_every_eval_ever

    return write_every_eval_ever(path, reading.curves)


def _named_apart(curves: Sequence[tuple[Curve, Data]]) -> list[tuple[Curve, Data]]:
    """Curves of one family and task with their variant and source in the name of the task."""
    names = Counter((curve.family, curve.task) for curve, _ in curves)
    return [
        (replace(curve, task=_long_name(curve)), data)
        if names[curve.family, curve.task] > 1
        else (curve, data)
        for curve, data in curves
    ]


def _long_name(curve: Curve) -> str:
    return ", ".join(filter(None, (curve.task, curve.variant, curve.source)))
