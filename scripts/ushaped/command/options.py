"""Options that say which curves to read, shared by the commands."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ushaped.axes import AXES, COMPUTE
from ushaped.errors import UserError
from ushaped.shapes.standalone.options import axis_of
from ushaped.shapes.standalone.reading import Wanted


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the files, and what they may not say."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="table (CSV, JSONL; columns scale,k,n or scale,mean,error or scale,item,correct), "
        "report.json, or files or a folder of Every Eval Ever or lm-evaluation-harness",
    )
    curves = parser.add_argument_group("which curves")
    add = curves.add_argument
    add("--models", type=Path, metavar="CSV", help="scale of each model: model,family,scale")
    add("--family", default="", help="the one to read, or its name if the files have none")
    add("--task", default="", help="the one to read, or its name if the files have none")
    add("--metric", default="", help="its name in the files (default: the usual one)")
    add("--axis", metavar="AXIS", help=f"{', '.join(AXES)} (default {COMPUTE.name})")
    add("--chance", type=float, default=math.nan, help="value of guessing evenly, if not in them")
    direction = curves.add_mutually_exclusive_group()
    for name, higher in (("lower", False), ("higher", True)):
        direction.add_argument(
            f"--{name}-is-better",
            action="store_const",
            const=higher,
            dest="higher_is_better",
            help=f"{name} values are better, if the files do not say it",
        )


def wanted_of(options: argparse.Namespace) -> Wanted:
    """What a command line asks for; ends the program with its usage if that is wrong."""
    try:
        axis = axis_of(options.axis)
    except UserError as error:
        options.usage_error(str(error))
    if math.isinf(options.chance):
        options.usage_error(f"--chance: is {options.chance}; give a number")
    return Wanted(
        models=options.models,
        metric=options.metric,
        higher_is_better=options.higher_is_better,
        axis=axis,
        chance=options.chance,
        family=options.family,
        task=options.task,
    )
