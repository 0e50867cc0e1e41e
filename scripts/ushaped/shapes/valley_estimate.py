"""Where a curve is lowest, how deep it falls there, and how much of that it recovers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ushaped.metrics.intervals import percentile_interval
from ushaped.shapes.hypothesis_tests.significance import null_errors
from ushaped.shapes.rules import Floats, valley
from ushaped.shapes.sample import Sample, half_counts
from ushaped.terms import CONFIDENCE

# Relative variance below which a difference is rounding.
_ROUNDING = 1e-8

Estimate = tuple[float, float, float]


@dataclass(frozen=True)
class ValleyEstimate:
    """The valley of one curve; each estimate with the ends of its 95 % interval.

    Attributes
    ----------
    index : int
        Size at which the curve is lowest after its fall.
    possible : tuple of int
        All sizes that may be the lowest: see `possible_valleys`.
    depth, rise, recovery : (float, float, float)
        Fall to the valley, rise from there to the last size, and rise / fall. Ends are NaN without
        draws; those of the recovery also where the fall may be zero, so that the ratio is
        unbounded.
    """

    index: int
    possible: tuple[int, ...]
    depth: Estimate
    rise: Estimate
    recovery: Estimate


def estimate_valley(
    sample: Sample, drawn: Floats, draws: int, rng: np.random.Generator
) -> ValleyEstimate | None:
    """Estimate the valley of a curve; None where the curve never falls.

    The lowest of several noisy heights is biased downwards, the more so the more sizes may be the
    lowest. Each interval is the union of two: the percentile interval of the difference between the
    observed sizes, and the basic bootstrap interval (Davison and Hinkley 1997, section 5.2.1) of
    the valley at any size, under equal heights of all sizes that may be lowest, and of all that may
    be highest before them. The first is right where the position is clear, the second where it is
    not; `benchmarks/calibration` measures their coverage.

    Parameters
    ----------
    sample : Sample
    drawn : ndarray of float, shape (draws, S)
        Bootstrap draws of the heights.
    draws : int
        For `possible_valleys`.
    rng : numpy.random.Generator
    """
    heights = sample.heights
    observed = valley(heights)
    if not observed.drop[0] > 0:
        return None
    drawn = _vary_extreme_shares(sample, drawn, rng)
    index, last = int(observed.index[0]), len(heights) - 1
    peak = int(np.argmax(heights[: index + 1]))
    possible = possible_valleys(sample, draws, rng)
    low = [size for size in possible if size == index or peak < size < last]
    high = [size for size in _possible_peaks(sample, index, draws, rng) if size not in low]
    levelled = heights.copy()
    levelled[low], levelled[high] = heights[low].mean(), heights[high].mean()
    null, resampled = valley(levelled), valley(drawn - heights + levelled)

    fall, climb = drawn[:, peak] - drawn[:, index], drawn[:, last] - drawn[:, index]
    ratio = np.divide(climb, fall, out=np.full(len(fall), np.nan), where=fall > 0)
    limit = 1.0 if sample.trials is not None else np.inf
    depth = _estimate(observed.drop, fall, resampled.drop - null.drop, limit)
    rise = _estimate(observed.rise, climb, resampled.rise - null.rise, limit)
    recovery = _estimate(observed.recovery, ratio, resampled.recovery - null.recovery, np.inf)
    if not depth[1] > 0:
        recovery = recovery[0], np.nan, np.nan
    return ValleyEstimate(index, possible, depth, rise, recovery)


def _vary_extreme_shares(sample: Sample, drawn: Floats, rng: np.random.Generator) -> Floats:
    """Draws in which shares of exactly 0 or 1 vary too, as if they had half an answer more."""
    if sample.trials is None:
        return drawn
    fixed = np.flatnonzero((sample.heights <= 0) | (sample.heights >= 1))
    n = np.maximum(1, np.rint(sample.trials[fixed])).astype(np.int64)
    shares = half_counts(sample, sample.heights)[0][fixed]
    drawn = drawn.copy()
    drawn[:, fixed] = rng.binomial(n, shares, size=(len(drawn), len(fixed))) / n
    return drawn


def _estimate(value: Floats, at_observed: Floats, errors: Floats, limit: float) -> Estimate:
    """Union of both intervals, within plus and minus ``limit``."""
    estimate = float(value[0])
    low, high = map(float, percentile_interval(at_observed[~np.isnan(at_observed)]))
    below, above = map(float, percentile_interval(errors[~np.isnan(errors)]))
    low, high = min(low, estimate - above), max(high, estimate - below)
    return estimate, max(low, -limit), min(high, limit)


def _possible_peaks(
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
    return possible_valleys(before, draws, rng) if end > 1 else (0,)


def possible_valleys(sample: Sample, draws: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Sizes that may be the lowest, with 95 % confidence: multiple comparisons with the best.

    A size is left out if it is significantly higher than another, by Dunnett's one-sided critical
    value (Hsu 1984); at least 95 % of such sets contain the truly lowest size.
    """
    heights, errors = half_counts(sample, sample.heights)
    covariance = sample.correlation * np.outer(errors, errors)
    variances = np.diag(covariance)
    spread = variances[:, None] + variances[None] - 2 * covariance
    # Perfectly correlated errors leave a difference without variance.
    deviation = np.sqrt(np.maximum(spread, _ROUNDING * variances.max()))
    noise = null_errors(sample, draws, rng) * (np.sqrt(sample.weights) * errors)
    possible = []
    for size in range(len(heights)):
        others = np.arange(len(heights)) != size
        drawn = ((noise[:, [size]] - noise) / deviation[size])[:, others].max(axis=1)
        observed = ((heights[size] - heights) / deviation[size])[others].max()
        if observed <= np.quantile(drawn, CONFIDENCE):
            possible.append(size)
    return tuple(possible)
