"""Options of the programs that judge curves: settings of the verdicts, and the axis."""

from __future__ import annotations

import argparse

from ushaped.axes import AXES, Axis
from ushaped.literature.run_noise import read_run_noise
from ushaped.shapes.data import Settings
from ushaped.validation import unknown

# As in the configuration.
RUN_NOISE = "two-choice"


def add_settings(parser: argparse._ActionsContainer) -> None:
    """Add the options of `Settings`."""
    Settings.add_options(parser)
    parser.add_argument(
        "--run-noise",
        default=RUN_NOISE,
        metavar="KIND",
        help="standard deviation between training runs where sizes have one: two-choice, "
        f"multiple-choice, zero, or a share of 1 (default {RUN_NOISE})",
    )


def settings_of(options: argparse.Namespace) -> Settings:
    """Settings of a parsed command line.

    Raises
    ------
    UserError
        If a value is out of range, or the run-to-run noise has no such name.
    """
    return Settings.from_options(options, read_run_noise(options.run_noise))


def axis_of(name: str | None) -> Axis | None:
    """The axis of that name; None for no name.

    Raises
    ------
    UserError
        With a suggestion, if there is no such axis.
    """
    if not name:
        return None
    if name not in AXES:
        raise unknown("--axis", "axis", name, AXES)
    return AXES[name]
