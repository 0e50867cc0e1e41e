"""Does a curve change from one size to the next? One test for each pair of neighbouring sizes.

The test follows from what is known of the sizes.

mcnemar
    Which items each size has right, one model per size. The items that both or none have right say
    nothing; of the others, either size has as many as a fair coin gives, if nothing changed. The
    exact, conditional test of McNemar (1947), which takes the items as independent of each other.
two-proportions
    Counts alone. The score test of two independent shares (Miettinen and Nurminen 1985): Pearson's
    chi-squared times (N - 1) / N, of N items in all. It does not know that the items are the same,
    which makes it cautious where the sizes tend to have the same items right.
paired-means, means
    Standard errors of the heights, with or without their correlation: Student's t.

P-values are two-sided. An interval holds 95 % and leaves out zero where, and only where, p is below
0.05 (before Holm's correction).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, betaincinv, ndtr, stdtr, stdtrit

from ushaped.errors import UserError
from ushaped.metrics.intervals import NORMAL_QUANTILE
from ushaped.shapes.hypothesis_tests.multiple_testing import holm
from ushaped.shapes.rules import Floats, Ints

# Halvings of a range of at most 2: what is left is below 1e-12.
_HALVINGS = 42

# Difference, ends of its interval and p-value of each pair of neighbours, shape (pairs,) each.
Tested = tuple[Floats, Floats, Floats, Floats]


@dataclass(frozen=True)
class Step:
    """The change from one size to the next.

    Attributes
    ----------
    first, second : int
        Places of the two sizes.
    difference, low, high : float
        Second height minus first, in the unit of the heights, and its 95 % interval; NaN where
        nothing is known of its error.
    p, p_holm : float
        Two-sided, as it stands and after Holm's correction over all pairs of the curve; NaN
        likewise.
    test : str
        ``mcnemar``, ``two-proportions``, ``paired-means`` or ``means``.
    """

    first: int
    second: int
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    test: str


def neighbour_tests(
    heights: Floats,
    errors: Floats,
    correlation: Floats,
    degrees: float,
    correct: Floats | None = None,
    counts: tuple[Ints, Ints] | None = None,
) -> list[Step]:
    """Test each size against the next one.

    Parameters
    ----------
    heights, errors : ndarray of float, shape (sizes,)
        Smallest scale first, higher is better; and their standard errors.
    correlation : ndarray of float, shape (sizes, sizes)
        Of the heights' errors.
    degrees : float
        Degrees of freedom of the errors; may be infinite.
    correct : ndarray of 0 and 1, shape (sizes, n), optional
        Whether each size, of one model, has each item right. Where it is given it decides.
    counts : pair of ndarray of int, shape (sizes,), optional
        Right answers and items of each size. Where they are given, and ``correct`` is not, they
        decide.

    Returns
    -------
    list of Step
        One fewer than sizes.

    Raises
    ------
    UserError
        If ``correct`` holds anything but 0 and 1, or a count exceeds its items.

    Examples
    --------
    >>> correct = np.array([[1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0]])
    >>> (step,) = neighbour_tests(correct.mean(1), np.full(2, 0.1), np.eye(2), 6, correct)
    >>> step.test, round(step.difference, 3), step.p
    ('mcnemar', -0.857, 0.03125)
    """
    if correct is not None:
        test, tested = "mcnemar", mcnemar(correct)
    elif counts is not None:
        test, tested = "two-proportions", two_proportions(*counts)
    else:
        independent = (correlation == np.diag(np.diag(correlation))).all()
        test = "means" if independent else "paired-means"
        tested = paired_means(heights, errors, correlation, degrees)
    columns = np.stack([*tested, holm(tested[3])], axis=1).tolist()
    return [
        Step(place, place + 1, difference, low, high, p, p_holm, test)
        for place, (difference, low, high, p, p_holm) in enumerate(columns)
    ]


def mcnemar(correct: Floats) -> Tested:
    """Exact McNemar test of each size against the next, on the same items.

    The p-value is the two-sided binomial one: twice the smaller tail, at most 1. The interval is
    the wider, at each end, of two. One is the exact interval of the discordant items' share
    (Clopper and Pearson 1934) times how many they are, which agrees with the test but takes their
    number as given. The other is that of Bonett and Price (2012), which allows for it, and leaves
    out zero wherever the exact test rejects.

    Parameters
    ----------
    correct : ndarray of 0 and 1, shape (sizes, n)

    Returns
    -------
    Tested

    Raises
    ------
    UserError
        If a value is neither 0 nor 1.
    """
    right = np.asarray(correct) == 1
    if not (right | (np.asarray(correct) == 0)).all():
        raise UserError("items", "are neither right (1) nor wrong (0)", "give 0 or 1 for each")
    n = right.shape[1]
    gained = (~right[:-1] & right[1:]).sum(axis=1)
    lost = (right[:-1] & ~right[1:]).sum(axis=1)
    discordant = gained + lost
    p = np.minimum(1.0, 2 * bdtr(np.minimum(gained, lost), discordant, 0.5))
    # Ends of the exact interval; where there is no such item the share may be anything.
    least = np.where(gained > 0, betaincinv(np.maximum(gained, 1), lost + 1, 0.025), 0.0)
    most = np.where(lost > 0, betaincinv(gained + 1, np.maximum(lost, 1), 0.975), 1.0)
    middle = (gained - lost) / (n + 2)
    half = NORMAL_QUANTILE * np.sqrt(((discordant + 2) / (n + 2) - middle**2) / (n + 2))
    low = np.minimum((2 * least - 1) * discordant / n, middle - half)
    high = np.maximum((2 * most - 1) * discordant / n, middle + half)
    return (gained - lost) / n, low.clip(min=-1), high.clip(max=1), p


def two_proportions(k: Ints, n: Ints) -> Tested:
    """Score test of each size's share against the next, as of independent items.

    The interval holds the differences that the test does not reject (Miettinen and Nurminen 1985).

    Parameters
    ----------
    k, n : ndarray of int, shape (sizes,)
        Right answers and items.

    Returns
    -------
    Tested

    Raises
    ------
    UserError
        If there are more right answers than items, or no items.
    """
    right, items = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if ((right < 0) | (right > items) | (items < 1)).any():
        raise UserError(
            "counts", "more items are right than there are, or there are none", "mend k or n"
        )
    difference = np.diff(right / items)
    p = 2 * ndtr(-np.abs(_score(right, items, np.zeros_like(difference))))
    low, high = _ends(right, items)
    return difference, low, high, p


def paired_means(heights: Floats, errors: Floats, correlation: Floats, degrees: float) -> Tested:
    """Student's t test of each height against the next.

    Parameters
    ----------
    heights, errors : ndarray of float, shape (sizes,)
    correlation : ndarray of float, shape (sizes, sizes)
    degrees : float
        Degrees of freedom; may be infinite.

    Returns
    -------
    Tested
        NaN but for the difference where the difference has no error: two heights that never vary,
        or vary alike, say nothing of how far they would on other items.
    """
    difference = np.diff(heights)
    covariance = np.diag(correlation, 1) * errors[:-1] * errors[1:]
    variance = errors[:-1] ** 2 + errors[1:] ** 2 - 2 * covariance
    # Of equal errors that move together, rounding leaves a trace.
    known = variance > 1e-12 * (errors[:-1] ** 2 + errors[1:] ** 2)
    error = np.sqrt(np.where(known, variance, np.nan))
    half = stdtrit(degrees, 0.975) * error if np.isfinite(degrees) else NORMAL_QUANTILE * error
    p = 2 * np.asarray(stdtr(degrees, -np.abs(difference) / error), dtype=np.float64)
    return difference, difference - half, difference + half, p


def steps_json(steps: Sequence[Step], sizes: Sequence[str]) -> list[dict[str, object]]:
    """Steps as they stand in ``evidence.json``, with the sizes' names.

    Examples
    --------
    >>> steps_json([Step(0, 1, 0.1, 0.05, 0.15, 0.01, 0.02, "means")], ["1B", "8B"])[0]["to"]
    '8B'
    """
    return [
        {
            "from": sizes[step.first],
            "to": sizes[step.second],
            "difference": step.difference,
            "low": step.low,
            "high": step.high,
            "p": step.p,
            "p_holm": step.p_holm,
            "test": step.test,
        }
        for step in steps
    ]


def _score(k: Floats, n: Floats, supposed: Floats) -> Floats:
    """Score statistic of supposed differences, shape (..., pairs); positive if more is observed."""
    first = _constrained(k, n, supposed)
    second = (first + supposed).clip(0, 1)
    total = n[:-1] + n[1:]
    variance = first * (1 - first) / n[:-1] + second * (1 - second) / n[1:]
    error = np.sqrt(variance * total / (total - 1))
    excess = np.diff(k / n) - supposed
    # Without variance an excess is impossible, and none is as supposed.
    certain = np.where(excess == 0, 0.0, np.copysign(np.inf, excess))
    return np.divide(excess, error, out=certain, where=error > 0)


def _constrained(k: Floats, n: Floats, supposed: Floats) -> Floats:
    """Most likely first share where the second is ``supposed`` higher (their appendix).

    Miettinen and Nurminen (1985): a root of a cubic with three real ones, by the trigonometric
    formula.
    """
    first_n, second_n, first_k = n[:-1], n[1:], k[:-1]
    right, total = k[:-1] + k[1:], n[:-1] + n[1:]
    constant = first_k * supposed * (1 - supposed)
    linear = (first_n * supposed - total - 2 * first_k) * supposed + right
    square = (second_n + 2 * first_n) * supposed - total - right
    centre = square / (3 * total)
    q = centre**3 - linear * square / (6 * total**2) + constant / (2 * total)
    # Of three equal roots the radius is 0 and the angle does not matter.
    radius = np.sqrt(np.maximum(centre**2 - linear / (3 * total), 1e-60))
    radius = np.where(q < 0, -radius, radius)
    angle = (np.pi + np.arccos((q / radius**3).clip(-1, 1))) / 3
    return (2 * radius * np.cos(angle) - centre).clip(
        np.maximum(0, -supposed), np.minimum(1, 1 - supposed)
    )


def _ends(k: Floats, n: Floats) -> Floats:
    """Least and largest difference that the score test does not reject, shape (2, pairs).

    By bisection: the score falls as the supposed difference grows.
    """
    observed = np.diff(k / n)
    wanted = np.array([[NORMAL_QUANTILE], [-NORMAL_QUANTILE]])
    below = np.stack([np.full_like(observed, -1.0), observed])
    above = np.stack([observed, np.ones_like(observed)])
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        too_low = _score(k, n, middle) > wanted
        below, above = np.where(too_low, middle, below), np.where(too_low, above, middle)
    return (below + above) / 2
