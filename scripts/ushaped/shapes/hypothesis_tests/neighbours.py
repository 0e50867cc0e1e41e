"""Tests of the change between neighbouring sizes; the data decide which test.

mcnemar
    Right and wrong items of each size, one model per size. Items that both or neither have right
    are uninformative; without a change, each of the others is right at either size with
    probability 1/2. The exact, conditional test of McNemar (1947); items are independent.
two-proportions
    Counts alone. Score test of two independent shares (Miettinen and Nurminen 1985): Pearson's
    chi-squared times (N - 1) / N, of N items in all. It ignores that the items are the same, which
    makes it conservative where sizes tend to have the same items right.
paired-means, means
    Standard errors of the heights, with or without their correlation: Student's t.

P-values are two-sided. A 95 % interval excludes zero if and only if p is below 0.05 (before Holm's
correction).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit
from statsmodels.stats import contingency_tables
from statsmodels.stats.proportion import proportion_confint

from ushaped.errors import UserError
from ushaped.metrics.intervals import NORMAL_QUANTILE
from ushaped.shapes.evidence_record import NeighbourTest
from ushaped.shapes.hypothesis_tests.multiple_testing import holm
from ushaped.shapes.rules import Floats, Ints

# Bisections of a range of at most 2: its width is then below 1e-12.
_BISECTIONS = 42

# Difference, both ends of its interval, and p-value; each of shape (pairs,).
Tested = tuple[Floats, Floats, Floats, Floats]


def neighbour_tests(
    sizes: Sequence[str],
    heights: Floats,
    errors: Floats,
    correlation: Floats,
    degrees: float,
    correct: Floats | None = None,
    counts: tuple[Ints, Ints] | None = None,
) -> list[NeighbourTest]:
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
        Whether each size, of one model, has each item right. Takes precedence.
    counts : pair of ndarray of int, shape (sizes,), optional
        Right answers and items of each size. Takes precedence over heights and errors.

    Raises
    ------
    UserError
        If ``correct`` contains a value other than 0 and 1, or a count exceeds its items.

    Examples
    --------
    >>> correct = np.array([[1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0]])
    >>> errors = np.full(2, 0.1)
    >>> (step,) = neighbour_tests(["1B", "8B"], correct.mean(1), errors, np.eye(2), 6, correct)
    >>> step["test"], round(step["difference"], 3), step["p"]
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
    rows = np.stack([*tested, holm(tested[3])], axis=1).tolist()
    return [
        {
            "from": sizes[index],
            "to": sizes[index + 1],
            "difference": difference,
            "low": low,
            "high": high,
            "p": p,
            "p_holm": p_holm,
            "test": test,
        }
        for index, (difference, low, high, p, p_holm) in enumerate(rows)
    ]


def mcnemar(correct: Floats) -> Tested:
    """Exact McNemar test of each size against the next, on the same items.

    The interval is the union of two: the exact interval of the discordant items' share (Clopper and
    Pearson 1934) times their number, which agrees with the test but conditions on that number; and
    that of Bonett and Price (2012), which does not condition on it, and excludes zero wherever the
    exact test rejects.

    Parameters
    ----------
    correct : ndarray of 0 and 1, shape (sizes, n)

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
    pairs = zip(gained, lost, strict=True)
    p = np.array([contingency_tables.mcnemar([[0, up], [down, 0]]).pvalue for up, down in pairs])
    # Without discordant items any share of them is possible, and the interval below has width 0.
    least, most = proportion_confint(gained, np.maximum(discordant, 1), method="beta")
    middle = (gained - lost) / (n + 2)
    half = NORMAL_QUANTILE * np.sqrt(((discordant + 2) / (n + 2) - middle**2) / (n + 2))
    low = np.minimum((2 * least - 1) * discordant / n, middle - half)
    high = np.maximum((2 * most - 1) * discordant / n, middle + half)
    return (gained - lost) / n, low.clip(min=-1), high.clip(max=1), p


def two_proportions(k: Ints, n: Ints) -> Tested:
    """Score test of each size's share against the next, for independent items.

    The interval contains the differences that the test does not reject (Miettinen and Nurminen
    1985).

    Parameters
    ----------
    k, n : ndarray of int, shape (sizes,)
        Right answers and items.

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
    """Student's t test of each height against the next; parameters as in `neighbour_tests`.

    Interval and p-value are NaN where the difference has no variance: two heights that do not vary,
    or vary alike, give no estimate of its error on other items.
    """
    difference = np.diff(heights)
    covariance = np.diag(correlation, 1) * errors[:-1] * errors[1:]
    variance = errors[:-1] ** 2 + errors[1:] ** 2 - 2 * covariance
    # Of equal, perfectly correlated errors, rounding leaves a positive remainder.
    known = variance > 1e-12 * (errors[:-1] ** 2 + errors[1:] ** 2)
    error = np.sqrt(np.where(known, variance, np.nan))
    half = stdtrit(degrees, 0.975) * error if np.isfinite(degrees) else NORMAL_QUANTILE * error
    p = 2 * np.asarray(stdtr(degrees, -np.abs(difference) / error), dtype=np.float64)
    return difference, difference - half, difference + half, p


# statsmodels' score interval (0.15) is not used: it fails where both shares are 0 or 1, and its
# constrained estimate for a supposed difference other than 0 is not the most likely one.


def _score(k: Floats, n: Floats, supposed: Floats) -> Floats:
    """Score statistic of supposed differences, shape (..., pairs); positive if more is observed."""
    first = _constrained(k, n, supposed)
    second = (first + supposed).clip(0, 1)
    total = n[:-1] + n[1:]
    variance = first * (1 - first) / n[:-1] + second * (1 - second) / n[1:]
    error = np.sqrt(variance * total / (total - 1))
    excess = np.diff(k / n) - supposed
    # Without variance any other difference is impossible.
    certain = np.where(excess == 0, 0.0, np.copysign(np.inf, excess))
    return np.divide(excess, error, out=certain, where=error > 0)


def _constrained(k: Floats, n: Floats, supposed: Floats) -> Floats:
    """Maximum-likelihood first share if the second is ``supposed`` higher.

    A root of a cubic with three real ones, by the trigonometric formula (Miettinen and Nurminen
    1985, appendix).
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
    """Smallest and largest difference that the score test does not reject, shape (2, pairs).

    By bisection: the score falls as the supposed difference grows.
    """
    observed = np.diff(k / n)
    quantiles = np.array([[NORMAL_QUANTILE], [-NORMAL_QUANTILE]])
    below = np.stack([np.full_like(observed, -1.0), observed])
    above = np.stack([observed, np.ones_like(observed)])
    for _ in range(_BISECTIONS):
        middle = (below + above) / 2
        too_low = _score(k, n, middle) > quantiles
        below, above = np.where(too_low, middle, below), np.where(too_low, above, middle)
    return (below + above) / 2
