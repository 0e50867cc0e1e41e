"""Rules that name the shape of a curve.

A curve is a row of values, smallest scale first, where higher is better; only their order matters,
so a rule cannot depend on the unit of scale. With its lowest value, the highest value before that,
and the last one,

    drop = highest before - lowest,    rise = last - lowest,    recovery = rise / drop.

literal
    U-shaped if the curve falls and then rises up to the largest model: drop > 0 and rise > 0.
published-equivalent
    U-shaped if the fall exceeds practical equivalence and the smaller of fall and rise is at least
    a third of the larger: a fall with a small recovery is no U, nor is a rise with a small dip. It
    gives the eleven labels of Wei et al. (2022, arXiv:2211.02011) for any threshold between 0.27
    and 0.38. The rule is ours: the paper states none.

Both call a curve flat whose values are all practically equivalent, and call it inverted-U if it is
no U but its mirror image is one; any other curve is positive if it ends higher than it began, else
inverse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ushaped.errors import UserError
from ushaped.terms import FLAT, INVERSE, INVERTED_U, POSITIVE, SHAPES, U_SHAPED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


# Means of the same numbers in another order differ in the last digits.
DIGITS = 12


@dataclass(frozen=True)
class Rule:
    """What counts as flat, as a fall, and as a recovery.

    Attributes
    ----------
    equivalence : float
        Largest difference that is practically none.
    drop : float
        A fall must be larger.
    recovery : float
        Least ratio of the smaller to the larger of fall and rise; both must be positive.
    """

    equivalence: float
    drop: float
    recovery: float

    @classmethod
    def literal(cls, equivalence: float = 0.02) -> Rule:
        """Any fall, then any rise."""
        return cls(equivalence, 0.0, 0.0)

    @classmethod
    def published_equivalent(cls, equivalence: float = 0.02, recovery: float = 1 / 3) -> Rule:
        """A fall of practical size and a rise, neither below ``recovery`` of the other."""
        return cls(equivalence, equivalence, recovery)


@dataclass(frozen=True)
class Valley:
    """Lowest value of each curve, fall before and rise after it; arrays of shape (curves,).

    Attributes
    ----------
    index : ndarray of int
        Scale of the lowest value: the first after the highest value before it.
    lowest, drop, rise : ndarray of float
        ``drop`` is 0 where no value precedes the lowest.
    """

    index: Ints
    lowest: Floats
    drop: Floats
    rise: Floats

    @property
    def recovery(self) -> Floats:
        """Rise / drop; NaN where there is no drop."""
        falls = self.drop > 0
        return np.where(falls, self.rise / np.where(falls, self.drop, 1.0), np.nan)


def valley(values: ArrayLike) -> Valley:
    """Find the valley of every curve.

    Parameters
    ----------
    values : array_like of float, shape (curves, scales) or (scales,)

    Returns
    -------
    Valley
        If the lowest value occurs twice, the fall before the last occurrence counts, so that a
        curve which starts at its lowest value and returns to it has fallen.

    Examples
    --------
    >>> lowest = valley([0.9, 0.3, 0.7])
    >>> int(lowest.index[0]), round(float(lowest.recovery[0]), 3)
    (1, 0.667)
    """
    rows = as_rows(values)
    scales = rows.shape[1]
    each = np.arange(len(rows))
    lowest = rows.min(axis=1)
    last_lowest = scales - 1 - np.argmin(rows[:, ::-1], axis=1)
    so_far = np.maximum.accumulate(rows, axis=1)
    before = np.where(last_lowest > 0, so_far[each, last_lowest - 1], lowest)
    # The first time that the curve is as high as it gets before its valley.
    peak = np.argmax(rows == before[:, None], axis=1)
    after_peak = np.arange(scales) >= peak[:, None]
    index = np.argmax((rows == lowest[:, None]) & after_peak, axis=1)
    drop = np.round(before - lowest, DIGITS)
    rise = np.round(rows[:, -1] - lowest, DIGITS)
    return Valley(index, lowest, drop, rise)


def verdicts(values: ArrayLike, rule: Rule) -> Ints:
    """Shape of every curve, as an index into `SHAPES`.

    Parameters
    ----------
    values : array_like of float, shape (curves, scales) or (scales,)
        Higher is better; smallest scale first; two scales or more.
    rule : Rule

    Returns
    -------
    ndarray of int, shape (curves,)

    Raises
    ------
    UserError
        For fewer than two scales or values that are not finite.
    """
    rows = as_rows(values)
    if rows.shape[1] < 2:
        raise UserError("a curve", "has one size", "score two sizes or more of the family")
    if not np.isfinite(rows).all():
        raise UserError("a curve", "has a value that is no finite number", "mend the metrics")
    span = np.round(rows.max(axis=1) - rows.min(axis=1), DIGITS)
    ends_higher = np.round(rows[:, -1] - rows[:, 0], DIGITS) > 0
    return np.select(
        [span <= rule.equivalence, _turns(rows, rule), _turns(-rows, rule), ends_higher],
        [SHAPES.index(name) for name in (FLAT, U_SHAPED, INVERTED_U, POSITIVE)],
        SHAPES.index(INVERSE),
    )


def verdict(values: ArrayLike, rule: Rule) -> str:
    """Shape of one curve.

    Examples
    --------
    >>> verdict([0.926, 0.728, 0.767, 0.827], Rule.published_equivalent())
    'U-shaped'
    >>> verdict([0.50, 0.49, 0.90], Rule.published_equivalent())
    'positive'
    >>> verdict([0.50, 0.49, 0.90], Rule.literal())
    'U-shaped'
    """
    return SHAPES[int(verdicts(values, rule)[0])]


def _turns(rows: Floats, rule: Rule) -> NDArray[np.bool_]:
    """Whether curves fall and recover."""
    turn = valley(rows)
    drop, rise = turn.drop, turn.rise
    smaller, larger = np.minimum(rise, drop), np.maximum(rise, drop)
    enough = np.round(smaller - rule.recovery * larger, DIGITS) >= 0
    return (drop > rule.drop) & (rise > 0) & enough


def as_rows(values: ArrayLike) -> Floats:
    """Curves as rows, also a single one, shape (curves, scales)."""
    return np.atleast_2d(np.asarray(values, dtype=np.float64))
