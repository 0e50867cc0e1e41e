"""Where a curve is lowest, how deep it falls there, and how much of that it wins back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ushaped.metrics.intervals import percentile_interval
from ushaped.shapes.hypothesis_tests.significance import null_errors
from ushaped.shapes.rules import Floats, valley
from ushaped.shapes.sample import Sample, half_counts

LEVEL = 0.95

# Share of a variance that is rounding.
_SAME = 1e-8

Estimate = tuple[float, float, float]


@dataclass(frozen=True)
class Turning:
    """The valley of one curve; each estimate with the ends of its 95 % interval.

    Attributes
    ----------
    place : int
        The size where the curve is lowest after its fall.
    places : tuple of int
        All sizes that may be the lowest one: see `possible_lowest`.
    depth, rise, recovery : (float, float, float)
        Fall down to the valley, rise from there to the last size, and rise / fall. NaN ends where
        nothing was drawn; those of the recovery also where the fall may be none, since nothing
        bounds the ratio then.
    """

    place: int
    places: tuple[int, ...]
    depth: Estimate
    rise: Estimate
    recovery: Estimate


def turning(sample: Sample, drawn: Floats, draws: int, rng: np.random.Generator) -> Turning | None:
    """Describe the valley of a curve; None where it never falls.

    The lowest of several noisy heights is too low on average, by the more the more sizes may be the
    lowest. Each interval covers what two intervals cover: that of the difference between the places
    observed, and the basic bootstrap interval (Davison and Hinkley 1997, section 5.2.1) of the
    valley wherever it falls, if all sizes that may be lowest were equally low, and all that may be
    highest before them equally high. The first is right where the places are clear, the second
    where they are not; `benchmarks/calibration` measures how often they hold the truth.

    Parameters
    ----------
    sample : Sample
    drawn : ndarray of float, shape (draws, S)
        The heights drawn again.
    draws : int
        For `possible_lowest`.
    rng : numpy.random.Generator
    """
    heights = sample.heights
    found = valley(heights)
    if not found.drop[0] > 0:
        return None
    drawn = _varied(sample, drawn, rng)
    place, last = int(found.place[0]), len(heights) - 1
    peak = int(np.argmax(heights[: place + 1]))
    places = possible_lowest(sample, draws, rng)
    low = [size for size in places if size == place or peak < size < last]
    high = [size for size in _possible_highest(sample, place, draws, rng) if size not in low]
    level = heights.copy()
    level[low], level[high] = heights[low].mean(), heights[high].mean()
    flat, some = valley(level), valley(drawn - heights + level)

    fall, climb = drawn[:, peak] - drawn[:, place], drawn[:, last] - drawn[:, place]
    ratio = np.divide(climb, fall, out=np.full(len(fall), np.nan), where=fall > 0)
    most = 1.0 if sample.trials is not None else np.inf
    depth = _estimate(found.drop, fall, some.drop - flat.drop, most)
    recovery = _estimate(found.recovery, ratio, some.recovery - flat.recovery, np.inf)
    return Turning(
        place,
        places,
        depth,
        _estimate(found.rise, climb, some.rise - flat.rise, most),
        recovery if depth[1] > 0 else (recovery[0], np.nan, np.nan),
    )


def _varied(sample: Sample, drawn: Floats, rng: np.random.Generator) -> Floats:
    """Draws in which shares of exactly 0 or 1 vary too, as if they had half an answer more."""
    if sample.trials is None:
        return drawn
    fixed = np.flatnonzero((sample.heights <= 0) | (sample.heights >= 1))
    n = np.maximum(1, np.rint(sample.trials[fixed])).astype(np.int64)
    shares = half_counts(sample, sample.heights)[0][fixed]
    drawn = drawn.copy()
    drawn[:, fixed] = rng.binomial(n, shares, size=(len(drawn), len(fixed))) / n
    return drawn


def _estimate(value: Floats, there: Floats, errors: Floats, most: float) -> Estimate:
    """An estimate and its interval, from draws at the places observed and errors of any place.

    Neither end is beyond ``most``, nor below minus that.
    """
    found = float(value[0])
    low, high = map(float, percentile_interval(there[~np.isnan(there)]))
    below, above = map(float, percentile_interval(errors[~np.isnan(errors)]))
    return found, max(min(low, found - above), -most), min(max(high, found - below), most)


def _possible_highest(
    sample: Sample, end: int, draws: int, rng: np.random.Generator
) -> tuple[int, ...]:
    """Of the sizes before ``end``, those that may be the highest."""
    heights = -sample.heights if sample.trials is None else 1 - sample.heights
    before = Sample(
        heights[:end],
        sample.errors[:end],
        sample.correlation[:end, :end],
        None if sample.trials is None else sample.trials[:end],
        sample.degrees,
    )
    return possible_lowest(before, draws, rng) if end > 1 else (0,)


def possible_lowest(sample: Sample, draws: int, rng: np.random.Generator) -> tuple[int, ...]:
    """The sizes that may be the lowest, with 95 % confidence: multiple comparisons with the best.

    A size is left out if it is significantly higher than some other one, by Dunnett's one-sided
    critical value (Hsu 1984); at least 95 % of such sets hold the truly lowest size.
    """
    heights, errors = half_counts(sample, sample.heights)
    covariance = sample.correlation * np.outer(errors, errors)
    variances = np.diag(covariance)
    spread = variances[:, None] + variances[None] - 2 * covariance
    # Sizes whose errors are the same differ for certain, if at all.
    deviation = np.sqrt(np.maximum(spread, _SAME * variances.max()))
    noise = null_errors(sample, draws, rng) * (np.sqrt(sample.weights) * errors)
    kept = []
    for size in range(len(heights)):
        others = np.arange(len(heights)) != size
        drawn = ((noise[:, [size]] - noise) / deviation[size])[:, others].max(axis=1)
        observed = ((heights[size] - heights) / deviation[size])[others].max()
        if observed <= np.quantile(drawn, LEVEL):
            kept.append(size)
    return tuple(kept)
