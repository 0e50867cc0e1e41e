"""Verdict with its evidence on one's own curves: ``python -m ushaped.shapes curve.csv``.

Reads a table of numbers (`.standalone.table_input`) or the output of lm-evaluation-harness
(`.standalone.lm_eval_input`), prints the verdict on each curve with its evidence, and draws it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from ushaped.axes import AXES, COMPUTE, PARAMETERS
from ushaped.errors import UserError, run
from ushaped.files import without_nan, write_text
from ushaped.report.text import FLAGS, slug
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Data, Settings
from ushaped.shapes.evidence_record import CurveEvidence, write_evidence
from ushaped.shapes.standalone.evidence_text import evidence_text
from ushaped.shapes.standalone.lm_eval_input import read_harness
from ushaped.shapes.standalone.options import add_settings, axis_of, settings_of
from ushaped.shapes.standalone.table_input import FORMS, read_curves, write_curves
from ushaped.terms import SIGNS

Examine = Callable[[Curve, Data, Settings], CurveEvidence]
Draw = Callable[..., str]


def main() -> None:
    """Read the command line and the curves; convert them, or examine and draw them."""
    options = parse()
    curves = read_input(options)
    if options.convert:
        for path in write_curves(options.convert, curves):
            print(f"written: {path}")
        for curve, _ in curves:
            for flag in curve.flags:
                print(f"note: {curve.family}/{curve.task}: {FLAGS.get(flag, flag)}")
        return
    # Imported only once the input is valid: statistics take seconds to load.
    from ushaped.figures.evidence import evidence_svg
    from ushaped.shapes.evidence import examine

    examine_curves(curves, options, examine, evidence_svg)


def examine_curves(
    curves: Sequence[tuple[Curve, Data]],
    options: argparse.Namespace,
    examine: Examine,
    draw: Draw,
) -> None:
    """Examine curves, print the evidence, and write pictures and JSON."""
    from ushaped.shapes.evidence import add_fdr_q_values

    records = [examine(curve, data, options.settings) for curve, data in curves]
    add_fdr_q_values(records)
    for record in without_nan(records):
        print(f"{evidence_text(record)}\n")
    for record, path in zip(without_nan(records), picture_paths(options, curves), strict=True):
        write_text(path, draw(record, standalone=True))
        print(f"picture: {path}")
    if options.json:
        write_evidence(options.json, records)
        print(f"evidence: {options.json}")


def read_input(options: argparse.Namespace) -> list[tuple[Curve, Data]]:
    """Read the curves that the command line selects."""
    names = {"family": options.family, "task": options.task}
    if options.harness:
        return read_harness(
            options.harness,
            options.models,
            options.metric,
            options.axis or COMPUTE,
            options.higher_is_better,
            **names,
        )
    return read_curves(
        options.curve,
        metric=options.metric or "accuracy",
        chance=options.chance,
        axis=options.axis,
        **names,
    )


def parse() -> argparse.Namespace:
    """Parse and check the command line; ``settings`` of the result are `Settings`."""
    forms = "; ".join(",".join(columns) for columns in FORMS.values())
    parser = argparse.ArgumentParser(
        prog="python -m ushaped.shapes",
        description="Name the shape of scaling curves, with the evidence for it.",
        epilog="Optional columns: size (its label), family, task, protocol, chance; of items and "
        "files also seed, of items also part.",
    )
    add = parser.add_argument
    add("curve", nargs="?", type=Path, help=f"CSV or JSONL with one of these: {forms}")
    add("--harness", nargs="+", type=Path, metavar="PATH", help="output of lm-evaluation-harness")
    add("--models", type=Path, metavar="CSV", help="its models: model,family,scale and size, seed")
    add("--family", default="", help="name of the curve, or the one to select")
    add("--task", default="", help="name of the curve, or the one to select")
    add("--metric", default="", help=f"{', '.join(SIGNS)}; with --harness its name there")
    direction = parser.add_mutually_exclusive_group()
    direction.add_argument(
        "--lower-is-better",
        action="store_false",
        default=None,
        dest="higher_is_better",
        help="the values are losses (sequence_loss)",
    )
    direction.add_argument(
        "--higher-is-better",
        action="store_true",
        default=None,
        help="with --harness, of a metric of unknown direction",
    )
    add("--chance", type=float, default=math.nan, help="value of guessing evenly")
    add(
        "--axis",
        metavar="AXIS",
        help="what the scale is: " + ", ".join(AXES) + "; a column of that name may stand in place "
        f"of scale (default {COMPUTE.name}, in FLOPs)",
    )
    add(
        "--parameters",
        action="store_const",
        const=PARAMETERS.name,
        dest="axis",
        help=f"the same as --axis {PARAMETERS.name}",
    )
    add("--output", type=Path, metavar="SVG", help="picture (default: the input's name)")
    add("--json", type=Path, help="all evidence, as JSON")
    add("--convert", type=Path, metavar="CSV", help="only write the curves as such a table")
    add_settings(parser)
    options = parser.parse_args()
    _check(options)
    options.settings = settings_of(options)
    return options


def _check(options: argparse.Namespace) -> None:
    options.axis = axis_of(options.axis)
    if (options.curve is None) == (options.harness is None):
        raise UserError("the command line", "has no input, or two", "give a table or --harness")
    if (options.models is None) != (options.harness is None):
        do = "give both: --models gives the scale of each model"
        raise UserError("--harness and --models", "one of them is missing", do)
    if options.curve and options.higher_is_better is not None:
        if options.higher_is_better:
            do = "leave it out: higher is better for accuracy"
            raise UserError("--higher-is-better", "is of --harness", do)
        if options.metric:
            do = "leave out --lower-is-better, or --metric"
            raise UserError("--lower-is-better", "is of tables without --metric", do)
        options.metric = "sequence_loss"
    if options.curve and options.metric not in ("", *SIGNS):
        raise UserError("--metric", f"is '{options.metric}'", f"name {', '.join(SIGNS)}")
    if math.isinf(options.chance):
        raise UserError("--chance", f"is {options.chance}", "give a number")


def picture_paths(options: argparse.Namespace, curves: Sequence[tuple[Curve, Data]]) -> list[Path]:
    """Path of each curve's picture; with several curves it contains family and task."""
    name = "harness" if options.harness else options.curve.stem
    path = options.output or Path(f"{name}.svg")
    if len(curves) == 1:
        return [path]
    return [
        path.with_name(f"{path.stem}-{slug(curve.family)}-{slug(curve.task)}{path.suffix}")
        for curve, _ in curves
    ]


if __name__ == "__main__":
    run(main)
