"""Power: the smallest dip that the statistical verdict calls U-shaped with a given probability.

Curves with a given dip and recovery are simulated with independent items and run-to-run noise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from ushaped.metrics.intervals import generator
from ushaped.results.columns import POWER
from ushaped.shapes.conclude import conclude, range_upper_limit
from ushaped.shapes.data import Settings
from ushaped.shapes.fits import fits, sample_loss
from ushaped.shapes.hypothesis_tests.significance import NullDistributions, p_values_of
from ushaped.shapes.rules import Floats, Ints, Rule
from ushaped.shapes.run_noise import NO_NOISE, RunNoise, noise_profile, with_run_noise
from ushaped.shapes.sample import Sample, from_counts
from ushaped.terms import U_SHAPED

PROBABILITY = 0.8

# Range of a simulated curve, as a fraction of [0, 1].
_RANGE = 0.96

# Relative precision of a dip, about that of the simulation.
_PRECISION = 0.05


def u_curve(x: Floats, dip: float, ratio: float) -> Floats:
    """A curve that falls by ``dip`` and rises by ``ratio`` times as much, around one half.

    Parameters
    ----------
    x : ndarray of float, shape (S,)
        Log scale of the sizes, increasing. The valley is at the size nearest to the middle; the
        curve is straight on both sides.
    dip, ratio : float

    Examples
    --------
    >>> u_curve(np.array([1.0, 2.0, 3.0, 4.0]), 0.2, 0.5).round(3).tolist()
    [0.6, 0.4, 0.45, 0.5]
    """
    inner = np.arange(1, len(x) - 1)
    lowest_index = int(inner[np.argmin(abs(x[inner] - (x[0] + x[-1]) / 2))])
    lowest = 0.5 - max(dip, ratio * dip) / 2
    corners = [lowest + dip, lowest, lowest + ratio * dip]
    return np.interp(x, x[[0, lowest_index, -1]], corners)


def shares_of_verdicts(
    truth: Floats,
    n: int,
    rule: Rule,
    curves: int,
    draws: int,
    rng: np.random.Generator,
    noise: RunNoise = NO_NOISE,
) -> dict[str, float]:
    """Share of simulated curves with each statistical verdict.

    Each size has one run. All curves share the null distributions of their truth's errors.

    Parameters
    ----------
    truth : ndarray of float, shape (S,)
        Probabilities of a right answer.
    n : int
        Independent items.
    rule : Rule
        The published-equivalent one.
    curves : int
        Number of simulated curves.
    draws : int
        Of the null distributions.
    rng : numpy.random.Generator
    noise : RunNoise
        Between runs; the verdict knows it.
    """
    one_run = np.ones(len(truth), np.int64)

    def observed(right: Ints) -> Sample:
        return with_run_noise(from_counts(right, np.full(len(truth), n)), noise, one_run)

    sample = observed(np.rint(truth * n).astype(np.int64))
    nulls = NullDistributions(sample, draws, rng)
    deviation = noise.sd * np.sqrt(noise_profile(truth, n))
    shares = truth + deviation * rng.standard_normal((curves, len(truth)))
    right = rng.binomial(n, shares.clip(0, 1))
    fitted = fits(right / n, sample.weights, sample_loss(sample))
    shapes: Counter[str] = Counter()
    for index, p in enumerate(p_values_of(sample, right / n, nulls)):
        own = observed(right[index])
        of_curve = {shape: fit.take(index) for shape, fit in fitted.items()}
        shapes[conclude(p, of_curve, own, rule, range_upper_limit(own, 200, rng)).shape] += 1
    return {shape: count / curves for shape, count in shapes.items()}


def smallest_dip(
    x: Floats,
    n: int,
    ratio: float,
    settings: Settings,
    simulations: int,
    known: float = math.nan,
) -> float:
    """Smallest dip that is called U-shaped with probability `PROBABILITY`; NaN if there is none.

    Parameters
    ----------
    x : ndarray of float, shape (S,)
        Log scale of the sizes.
    n : int
        Independent items.
    ratio : float
        Rise / fall.
    settings : Settings
        With the run-to-run noise.
    simulations : int
        Curves per dip.
    known : float
        The smallest dip for fewer items, an upper bound for more items.
    """
    rule = Rule.published_equivalent(settings.equivalence, settings.recovery)
    noise = run_noise(settings)

    def probability(dip: float) -> float:
        # The same random numbers for every dip make the probability monotone in it.
        rng = generator(settings.seed, "power", str(n))
        truth = u_curve(x, dip, ratio)
        shares = shares_of_verdicts(truth, n, rule, simulations, settings.draws, rng, noise)
        return shares.get(U_SHAPED, 0.0)

    low, high = 0.0, _RANGE / max(1.0, ratio)
    if math.isfinite(known):
        high = known
    elif probability(high) < PROBABILITY:
        return math.nan
    while high - low > _PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if probability(middle) >= PROBABILITY else (middle, high)
    return high


def run_noise(settings: Settings) -> RunNoise:
    """Noise of the accuracy of one run."""
    borrowed = settings.run_noise
    return borrowed.of("accuracy", average=False) if borrowed else NO_NOISE


def power_rows(
    families: dict[str, Floats],
    items: Sequence[int],
    ratios: Sequence[float],
    settings: Settings,
    simulations: int,
) -> Iterator[dict[str, object]]:
    """Rows of the power table, with the columns `POWER`, for each number of items and ratio.

    ``families`` are log scales of the sizes; families of fewer than three sizes are omitted.
    """
    noise = run_noise(settings).sd
    for family, x in families.items():
        if len(x) < 3:
            continue
        for ratio in ratios:
            dip = math.nan
            for n in sorted(items):
                dip = smallest_dip(x, n, ratio, settings, simulations, dip)
                row = (family, len(x), n, noise, ratio, dip, PROBABILITY)
                yield dict(zip(POWER, row, strict=True))
