"""Where a curve is lowest, how deep it falls there, and how much of that it wins back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ushaped.metrics.intervals import percentile_interval
from ushaped.shapes.rules import Floats, valley
from ushaped.shapes.sample import Sample, half_counts
from ushaped.shapes.significance import null_errors

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
    place = int(found.place[0])
    peak = int(np.argmax(heights[: place + 1]))
    every = valley(drawn)
    last = len(heights) - 1
    fall, climb = drawn[:, peak] - drawn[:, place], drawn[:, last] - drawn[:, place]
    ratio = np.divide(climb, fall, out=np.full(len(fall), np.nan), where=fall > 0)
    depth = _estimate(float(found.drop[0]), fall, every.drop)
    recovery = _estimate(float(found.recovery[0]), ratio, every.recovery)
    return Turning(
        place,
        possible_lowest(sample, draws, rng),
        depth,
        _estimate(float(found.rise[0]), climb, every.rise),
        recovery if depth[1] > 0 else (recovery[0], np.nan, np.nan),
    )


def _estimate(value: float, there: Floats, anywhere: Floats) -> Estimate:
    """An estimate and its interval.

    The lowest of several noisy heights is too low on average, so that the middle 95 % of the drawn
    valleys misses the true depth too often. Two intervals err in opposite directions: that of the
    difference between the places observed, and the basic bootstrap interval (Davison and Hinkley
    1997, section 5.2.1) of the valley wherever it falls; taken is what either of them covers.
    """
    low, high = percentile_interval(there[~np.isnan(there)])
    below, above = percentile_interval(anywhere[~np.isnan(anywhere)])
    return (
        value,
        min(float(low), 2 * value - float(above)),
        max(float(high), 2 * value - float(below)),
    )


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
