"""What lies behind a curve's values: answers to items, counts, or means with their errors."""

from __future__ import annotations

from dataclasses import dataclass

from ushaped.shapes.rules import Floats, Ints

# Of the file of evidence; another number means another layout.
VERSION = 1


@dataclass(frozen=True)
class Items:
    """Every model's value on every item; all models have the same items.

    Attributes
    ----------
    values : ndarray of float, shape (models, n)
        1 or 0, or what judges the task; higher is better.
    members : tuple of tuple of int
        For each size, the rows of its models; several where it was trained with several seeds.
    clusters : ndarray of int, shape (n,), or None
        The part or template that each item belongs to; None where nothing is known of them.
    distractor : ndarray of float, shape (models, n), or None
        1 where the distractor task's class was chosen, else 0; NaN for items that have none.
    """

    values: Floats
    members: tuple[tuple[int, ...], ...]
    clusters: Ints | None = None
    distractor: Floats | None = None


@dataclass(frozen=True)
class Counts:
    """Right answers and items of each size; which items were right is not known.

    Attributes
    ----------
    k, n : ndarray of int, shape (sizes,)
    """

    k: Ints
    n: Ints


@dataclass(frozen=True)
class Means:
    """Standard errors of the values of each size, each on its own.

    Attributes
    ----------
    errors : ndarray of float, shape (sizes,)
        In the unit of the curve's values; above 0.
    """

    errors: Floats


Data = Items | Counts | Means


@dataclass(frozen=True)
class Settings:
    """How curves are examined.

    Attributes
    ----------
    equivalence : float
        Values that differ by no more are practically equal.
    recovery : float
        Share of the larger one of fall and rise that the smaller must reach.
    draws, seed : int
        Of the bootstrap.
    """

    equivalence: float = 0.02
    recovery: float = 1 / 3
    draws: int = 2000
    seed: int = 0
