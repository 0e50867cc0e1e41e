"""Power: how large a dip must be for its curve to be called U-shaped.

Curves with a dip and a recovery of given sizes are simulated, with independent items, and judged by
the tests of `.hypothesis_tests.significance`; the result is the smallest dip that is called
U-shaped with a given probability.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ushaped.metrics.intervals import generator
from ushaped.shapes.conclude import conclude, widest
from ushaped.shapes.fits import Fit, fits, loss_of
from ushaped.shapes.hypothesis_tests.significance import Nulls, p_values_of
from ushaped.shapes.rules import Floats, Rule
from ushaped.shapes.sample import Sample, from_counts
from ushaped.terms import U_SHAPED

PROBABILITY = 0.8

# How much of what an accuracy can be a simulated curve may take up.
_ROOM = 0.96

# A dip is sought to this share of itself, which is about what chance leaves open.
_PRECISION = 0.05


def u_curve(x: Floats, dip: float, ratio: float) -> Floats:
    """A curve that falls by ``dip`` and rises by ``ratio`` times as much, around one half.

    Parameters
    ----------
    x : ndarray of float, shape (S,)
        Log scale of the sizes, increasing. The valley is at the size next to the middle; to both
        sides the curve is straight.
    dip, ratio : float

    Examples
    --------
    >>> u_curve(np.array([1.0, 2.0, 3.0, 4.0]), 0.2, 0.5).round(3).tolist()
    [0.6, 0.4, 0.45, 0.5]
    """
    inner = np.arange(1, len(x) - 1)
    place = int(inner[np.argmin(abs(x[inner] - (x[0] + x[-1]) / 2))])
    lowest = 0.5 - max(dip, ratio * dip) / 2
    corners = [lowest + dip, lowest, lowest + ratio * dip]
    return np.interp(x, x[[0, place, -1]], corners)


def shares_of_verdicts(
    truth: Floats, sample: Sample, nulls: Nulls, rule: Rule, curves: int, rng: np.random.Generator
) -> dict[str, float]:
    """How often simulated curves get each statistical verdict.

    Parameters
    ----------
    truth : ndarray of float, shape (S,)
        Probabilities of a right answer.
    sample : Sample
        Whose trials (whole numbers, the same at every size) the curves have.
    nulls : Nulls
        Of this sample.
    rule : Rule
        The published-equivalent one.
    curves : int
    rng : numpy.random.Generator
    """
    assert sample.trials is not None
    n = sample.trials.astype(np.int64)
    rows = rng.binomial(n, truth, size=(curves, len(n))) / n
    found = fits(rows, sample.weights, loss_of(sample))
    counts: dict[str, int] = {}
    for place, p in enumerate(p_values_of(sample, rows, nulls)):
        own = from_counts((rows[place] * n).round().astype(np.int64), n)
        one = slice(place, place + 1)
        fitted = {shape: Fit(fit.heights[one], fit.loss[one]) for shape, fit in found.items()}
        shape = conclude(p, fitted, own, rule, widest(own, 200, rng)).shape
        counts[shape] = counts.get(shape, 0) + 1
    return {shape: count / curves for shape, count in counts.items()}


def smallest_dip(
    x: Floats,
    n: int,
    ratio: float,
    rule: Rule,
    simulations: int,
    draws: int,
    seed: int,
    known: float = math.nan,
) -> float:
    """Smallest dip that is called U-shaped with probability `PROBABILITY`; NaN if none is.

    Parameters
    ----------
    x : ndarray of float, shape (S,)
        Log scale of the sizes.
    n : int
        Independent items.
    ratio : float
        Rise / fall.
    rule : Rule
    simulations, draws : int
        Curves for each dip that is tried, and draws from the null distributions.
    seed : int
    known : float
        The smallest dip for fewer items, if there is one: more items see any dip that these see.
    """
    sample = from_counts(np.full(len(x), n // 2), np.full(len(x), n))
    nulls = Nulls(sample, draws, generator(seed, "power", str(len(x))))

    def probability(dip: float) -> float:
        # The same random numbers for every dip, so that more depth means more U.
        rng = generator(seed, "power", str(n))
        truth = u_curve(x, dip, ratio)
        return shares_of_verdicts(truth, sample, nulls, rule, simulations, rng).get(U_SHAPED, 0.0)

    low, high = 0.0, _ROOM / max(1.0, ratio)
    if math.isfinite(known):
        high = known
    elif probability(high) < PROBABILITY:
        return math.nan
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if probability(middle) >= PROBABILITY else (middle, high)
    return high


def power_rows(
    families: dict[str, Floats],
    items: Sequence[int],
    ratios: Sequence[float],
    rule: Rule,
    simulations: int,
    draws: int,
    seed: int,
) -> Iterator[dict[str, object]]:
    """Rows of the power table, with the keys `COLUMNS`.

    Parameters
    ----------
    families : dict of str to ndarray of float, shape (S,)
        Log scale of the sizes of each family; families of fewer than three are left out.
    items : sequence of int
        Numbers of independent items.
    ratios : sequence of float
        Rise / fall.
    rule : Rule
    simulations, draws, seed : int
    """
    for family, x in families.items():
        if len(x) < 3:
            continue
        for ratio in ratios:
            dip = math.nan
            for n in sorted(items):
                dip = smallest_dip(x, n, ratio, rule, simulations, draws, seed, dip)
                yield {
                    "family": family,
                    "sizes": len(x),
                    "n": n,
                    "ratio": ratio,
                    "dip": dip,
                    "probability": PROBABILITY,
                }
