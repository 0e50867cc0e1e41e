"""Which items flip between sizes: how many from each size to the next, and along which shape.

A curve says how many items are right at each size, not which. Between two sizes of equal accuracy
many items may have changed both ways, and the items that make a U, right at a small size, wrong at
a middle one and right at a large one, show what the models answered on the way down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ushaped.metrics.definitions import Bools, Floats
from ushaped.metrics.table import Condition, by_size, mean_over
from ushaped.results.text_files import Row
from ushaped.terms import INVERSE, INVERTED_U, POSITIVE, U_SHAPED


@dataclass(frozen=True)
class Transition:
    """From a small size to the largest, and the items that change along it.

    Attributes
    ----------
    shape : str
        The shape of a curve whose items changed like this.
    sizes : tuple of int
        Positions of the two or three sizes at which items are compared.
    follows : ndarray of bool, shape (n,)
        Which items are right and wrong there as the shape says.
    split : ndarray of bool, shape (n,)
        On which items the seeds of one of these sizes are split, so that they follow no shape.
    """

    shape: str
    sizes: tuple[int, ...]
    follows: Bools
    split: Bools


def flipped(before: Floats, after: Floats) -> tuple[float, float]:
    """Number of items that go from right to wrong, and from wrong to right.

    With several seeds it is the mean over all pairs of one seed of each size. The second number
    less the first is always the change of accuracy times the number of items.

    Parameters
    ----------
    before, after : ndarray of float, shape (n,)
        Shares of the seeds of two sizes that have each item right.

    Examples
    --------
    >>> flipped(np.array([1.0, 1.0, 0.5]), np.array([0.0, 1.0, 1.0]))
    (1.0, 0.5)
    """
    return float((before * (1 - after)).sum()), float(((1 - before) * after).sum())


def seeds_differ(share: Floats, seeds: int) -> float | None:
    """Number of items on which two seeds of one size differ, mean over pairs; None for one seed.

    Parameters
    ----------
    share : ndarray of float, shape (n,)
        Share of the seeds that have each item right.
    seeds : int

    Examples
    --------
    >>> seeds_differ(np.array([0.5, 1.0, 0.5]), 2)
    2.0
    """
    if seeds == 1:
        return None
    return float((2 * share * (1 - share)).sum() * seeds / (seeds - 1))


def step_rows(condition: Condition, correct: Floats) -> list[Row]:
    """One row for each pair of neighbouring sizes.

    Parameters
    ----------
    condition : Condition
    correct : ndarray of 0 and 1, shape (models, n)

    Returns
    -------
    list of dict
        Columns `ushaped.results.columns.FLIPS`; ``lost`` and ``gained`` as `flipped` has them.
    """
    members = by_size(condition.models)
    shares = mean_over(members, correct)
    names = [condition.models[rows[0]].size for rows in members]
    differ = [seeds_differ(share, len(rows)) for share, rows in zip(shares, members, strict=True)]
    rows: list[Row] = []
    for size in range(len(members) - 1):
        lost, gained = flipped(shares[size], shares[size + 1])
        rows.append(
            about(condition)
            | {
                "size": names[size],
                "next_size": names[size + 1],
                "seeds": len(members[size]),
                "next_seeds": len(members[size + 1]),
                "n": correct.shape[1],
                "lost": lost,
                "gained": gained,
                "seeds_differ": differ[size],
                "next_seeds_differ": differ[size + 1],
            }
        )
    return rows


def about(condition: Condition) -> Row:
    """What a curve is of."""
    return {
        "family": condition.models[0].family,
        "source": condition.source,
        "task": condition.task,
        "variant": condition.variant,
        "protocol": condition.questions.protocol,
        "modified": condition.questions.modified,
    }


def transitions(shares: Floats) -> Iterator[Transition]:
    """The items that fall, rise, fall and rise, and rise and fall.

    A fall and a rise are those between the smallest and the largest size. A turn is that of the
    curve: from the highest size before its lowest inner one, through that, to the largest, which
    the published-equivalent rule compares too; and the mirror image. An item is right at a size if
    more than half of its seeds have it right, wrong if more than half have it wrong; one on which
    they are split follows no shape.

    Parameters
    ----------
    shares : ndarray of float, shape (sizes, n)
        Share of the seeds that have each item right, smallest size first.

    Yields
    ------
    Transition
        None for a single size; no turns for two.
    """
    last = len(shares) - 1
    if last > 0:
        yield _transition(INVERSE, (0, last), shares)
        yield _transition(POSITIVE, (0, last), shares)
    if last > 1:
        heights = shares.mean(axis=1)
        yield _transition(U_SHAPED, (*_turn(heights), last), shares)
        yield _transition(INVERTED_U, (*_turn(-heights), last), shares)


def _transition(shape: str, sizes: tuple[int, ...], shares: Floats) -> Transition:
    """The items that are right and wrong in turn at some sizes, right first where a shape falls."""
    at_sizes = shares[list(sizes)]
    first = 1.0 if shape in (U_SHAPED, INVERSE) else 0.0
    expected = np.array([[abs(first - i % 2)] for i in range(len(sizes))])
    follows = (np.abs(at_sizes - expected) < 0.5).all(axis=0)
    return Transition(shape, sizes, follows, (at_sizes == 0.5).any(axis=0))


def _turn(heights: Floats) -> tuple[int, int]:
    """The highest size before the lowest inner one, and that; the first of equals."""
    turn = 1 + int(heights[1:-1].argmin())
    return int(heights[:turn].argmax()), turn
