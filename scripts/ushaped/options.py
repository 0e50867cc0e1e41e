"""Options that several steps share; none has a default, since the configuration has them all."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

from ushaped.errors import UserError


def add_bootstrap(parser: argparse.ArgumentParser) -> None:
    """Add ``--draws`` and ``--seed``.

    Raises
    ------
    UserError
        On parsing, if there are no draws.
    """
    draws = _number("--draws", int, lambda value: value >= 1, "give 1 or more")
    parser.add_argument("--draws", type=draws, required=True, help="bootstrap draws")
    parser.add_argument("--seed", type=int, required=True, help="of all random draws")


def add_rule(parser: argparse.ArgumentParser) -> None:
    """Add ``--recovery`` and ``--equivalence``, the margins of the published-equivalent rule.

    Raises
    ------
    UserError
        On parsing, if one is out of its range.
    """
    recovery = _number(
        "--recovery", float, lambda value: 0 < value < math.inf, "give a number above 0"
    )
    equivalence = _number(
        "--equivalence", float, lambda value: 0 <= value < math.inf, "give 0 or more"
    )
    parser.add_argument(
        "--recovery", type=recovery, required=True, help="least ratio of fall and rise"
    )
    parser.add_argument(
        "--equivalence", type=equivalence, required=True, help="no practical difference"
    )


def add_run_noise(parser: argparse.ArgumentParser) -> None:
    """Add ``--run-noise`` and ``--run-noise-table``, for `literature.run_noise.read_run_noise`."""
    parser.add_argument(
        "--run-noise",
        required=True,
        metavar="KIND",
        help="of families with one run per size: a kind of task, a number, or zero",
    )
    parser.add_argument("--run-noise-table", type=Path, required=True, metavar="CSV")


def _number(
    option: str,
    kind: Callable[[str], float],
    is_valid: Callable[[float], bool],
    do: str,
) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not is_valid(value):
            raise UserError(option, f"is {value}", do)
        return value

    return number
