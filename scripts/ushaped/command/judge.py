"""``ushaped judge``: the verdict on each curve of files, as a table, as JSON, or in full."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ushaped.command.options import add_inputs, wanted_of
from ushaped.errors import UserError
from ushaped.shapes.data import Settings
from ushaped.shapes.evidence_record import VERSION
from ushaped.shapes.standalone.evidence_text import evidence_text
from ushaped.shapes.standalone.inputs import read_inputs
from ushaped.shapes.standalone.options import add_settings, settings_of

if TYPE_CHECKING:
    from ushaped.judged import Judged

# Of the files of a picture.
ENDINGS = ("svg", "png", "csv")
USAGE = "FILE... [options]"
HELP = "name the shape of scaling curves"
DESCRIPTION = "Name the shape of scaling curves, with the evidence for it."


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_inputs(parser)
    output = parser.add_argument_group("what to print and write")
    form = output.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all evidence as JSON")
    form.add_argument("--evidence", action="store_true", help="all evidence in words")
    output.add_argument(
        "--picture", type=Path, metavar="NAME", help="write NAME.svg, NAME.png and NAME.csv"
    )
    add_settings(parser.add_argument_group("how to judge"))


def run(options: argparse.Namespace) -> None:
    """Judge, print and draw."""
    wanted, settings = wanted_of(options), _settings(options)
    if options.picture:
        _keep_inputs(options)
    reading = read_inputs(options.files, wanted)
    # Imported only once the input is valid: statistics take seconds to load.
    from ushaped.judged import judge_reading

    judged = judge_reading(reading, settings)
    print(_written(judged, options))
    if options.picture:
        from ushaped.figures.theme import save

        save(judged.figure, judged.points, options.picture, "Judged curves")


def _keep_inputs(options: argparse.Namespace) -> None:
    """Refuse a name of pictures under which a file that is read would be overwritten."""
    written = {Path(f"{options.picture}.{ending}").resolve() for ending in ENDINGS}
    for path in options.files:
        if path.resolve() in written:
            what = f"would overwrite {path}, which is read"
            raise UserError(f"--picture {options.picture}", what, "choose another name")


def _settings(options: argparse.Namespace) -> Settings:
    try:
        return settings_of(options)
    except UserError as error:
        options.usage_error(str(error))
        raise


def _written(judged: Judged, options: argparse.Namespace) -> str:
    """What is printed."""
    if options.json:
        content = {"version": VERSION, "curves": judged.evidence, "left_out": judged.left_out}
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    if not options.evidence:
        return repr(judged)
    texts = [evidence_text(record) + "\n" for record in judged.evidence]
    if judged.left_out:
        texts.append("\n".join([f"left out ({len(judged.left_out)}):", *judged.left_out]))
    return "\n".join(texts)
