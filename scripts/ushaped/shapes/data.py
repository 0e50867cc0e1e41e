"""Data behind a curve's values: answers to items, counts, or means with errors; and settings."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import Any

from ushaped.errors import UserError
from ushaped.shapes.rules import Floats, Ints
from ushaped.shapes.run_noise import NOTHING_BORROWED, Borrowed


@dataclass(frozen=True)
class Items:
    """Every model's value on every item; all models have the same items.

    Attributes
    ----------
    values : ndarray of float, shape (models, n)
        1 or 0, or the task's own value; higher is better.
    members : tuple of tuple of int
        For each size, the rows of its models, one per training seed.
    clusters : ndarray of int, shape (n,), or None
        The part or template of each item; None where unknown.
    distractor : ndarray of float, shape (models, n), or None
        1 where the distractor task's class was chosen, else 0; NaN for items without one.
    """

    values: Floats
    members: tuple[tuple[int, ...], ...]
    clusters: Ints | None = None
    distractor: Floats | None = None


@dataclass(frozen=True)
class Counts:
    """Right answers and items of each size; which items were right is unknown.

    Attributes
    ----------
    k, n : ndarray of int, shape (sizes,)
    """

    k: Ints
    n: Ints


@dataclass(frozen=True)
class Means:
    """Standard errors of the values; errors of different sizes are independent.

    Attributes
    ----------
    errors : ndarray of float, shape (sizes,)
        In the unit of the curve's values; above 0.
    """

    errors: Floats


Data = Items | Counts | Means


@dataclass(frozen=True)
class Settings:
    """Settings of the rules and the bootstrap, with the command-line options of the same names.

    Attributes
    ----------
    equivalence : float
        Largest difference that is practically none.
    recovery : float
        Least ratio of the smaller to the larger of fall and rise.
    draws, seed : int
        Of the bootstrap.
    run_noise : Borrowed or None
        Run-to-run noise of families with one run per size, by default unknown; None for no
        run-to-run noise at all.

    Raises
    ------
    UserError
        If a value is out of range; the message names the option.
    """

    equivalence: float = 0.02
    recovery: float = 1 / 3
    draws: int = 2000
    seed: int = 0
    run_noise: Borrowed | None = NOTHING_BORROWED

    def __post_init__(self) -> None:
        for name, valid, remedy in (
            ("recovery", 0 < self.recovery < math.inf, "give a number above 0"),
            ("equivalence", 0 <= self.equivalence < math.inf, "give 0 or more"),
            ("draws", self.draws >= 1, "give 1 or more"),
            ("seed", self.seed >= 0, "give 0 or more"),
        ):
            if not valid:
                raise UserError(f"--{name}", f"is {getattr(self, name)}", remedy)

    @staticmethod
    def add_options(parser: argparse._ActionsContainer) -> None:
        """Add an option for each setting."""
        for name, text in (
            ("equivalence", "largest difference that is practically none"),
            ("recovery", "least ratio of fall and rise"),
            ("draws", "bootstrap draws"),
            ("seed", "seed of the bootstrap"),
        ):
            default = getattr(Settings, name)
            words = f"{text} (default {default:.4g})"
            about: dict[str, Any] = {"type": type(default), "default": default, "metavar": "X"}
            parser.add_argument(f"--{name}", help=words, **about)

    @classmethod
    def from_options(
        cls, options: argparse.Namespace, run_noise: Borrowed | None = NOTHING_BORROWED
    ) -> Settings:
        """Settings of a parsed command line."""
        return cls(options.equivalence, options.recovery, options.draws, options.seed, run_noise)
