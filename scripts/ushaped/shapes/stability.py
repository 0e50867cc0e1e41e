"""How much run-to-run noise a verdict withstands, and how much of it the curve itself shows."""

from __future__ import annotations

import numpy as np

from ushaped.shapes.conclude import judge
from ushaped.shapes.evidence_record import Estimate
from ushaped.shapes.fits import fits, normal_loss
from ushaped.shapes.rules import Floats, Ints, Rule
from ushaped.shapes.run_noise import BORROWED, RunNoise, noise_profile, with_run_noise
from ushaped.shapes.sample import Sample, half_counts
from ushaped.terms import INVERTED_U, U_SHAPED, UNDETERMINED

# Flag of a curve whose sizes scatter more than the run-to-run noise that its verdict allows for.
OVERDISPERSED = "overdispersed"

# Sizes from which on overdispersion is estimated: a turn takes up to five parameters.
LEAST_SIZES = 8

# Noise that is tried, relative to the largest possible: shares of 0.0005 to 0.5.
_LEAST = 1e-3
_BISECTIONS = 8
_DRAWS = 500

_GRID = 24


def tipping_point(
    sample: Sample, shape: str, rule: Rule, runs: Ints, rng: np.random.Generator
) -> float:
    """Largest standard deviation between training runs at which a verdict still stands.

    Found by bisection, with the same random numbers throughout; to about 3 %.

    Parameters
    ----------
    sample : Sample
        Without run-to-run noise.
    shape : str
        Statistical verdict on it.
    rule : Rule
        The published-equivalent one.
    runs : ndarray of int, shape (S,)
        Training runs of each size.
    rng : numpy.random.Generator

    Returns
    -------
    float
        In the unit of the heights; NaN for an undetermined verdict, 0 where the least noise that is
        tried changes it.
    """
    if shape == UNDETERMINED:
        return float("nan")
    seed = int(rng.integers(2**63))

    def stands(sd: float) -> bool:
        noisy = with_run_noise(sample, RunNoise(BORROWED, sd), runs)
        same_draws = np.random.default_rng(seed)
        return judge(noisy, rule, _DRAWS, same_draws).conclusion.shape == shape

    largest = _largest(sample)
    low, high = _LEAST * largest, largest
    if stands(high):
        return high
    if not stands(low):
        return 0.0
    for _ in range(_BISECTIONS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if stands(middle) else (low, middle)
    return low


def overdispersion(sample: Sample, runs: Ints, rng: np.random.Generator) -> Estimate | None:
    """Standard deviation between runs that explains how much the sizes scatter; None for few sizes.

    The scatter is the deviance of the best curve of one turn at most. Noise of each size is added
    to that curve, and the deviance is computed again: the estimate is the noise with which it is as
    large as observed in half of the draws, and the ends of its 95 % interval those with which it is
    in 2.5 and 97.5 % of them.

    Parameters
    ----------
    sample : Sample
        Without run-to-run noise.
    runs : ndarray of int, shape (S,)
        Training runs of each size.
    rng : numpy.random.Generator

    Returns
    -------
    list of three floats, or None
    """
    if len(sample.heights) < LEAST_SIZES:
        return None
    heights, errors = half_counts(sample, sample.heights)
    errors = np.maximum(errors, 1e-6 * max(float(errors.max()), 1e-12))
    weights = errors**-2
    fitted = fits(heights, weights, normal_loss)
    curve = min((fitted[U_SHAPED], fitted[INVERTED_U]), key=lambda fit: float(fit.loss[0]))
    profile = noise_profile(sample.heights, sample.trials) / runs
    largest = _largest(sample)
    grid = np.concatenate([[0.0], np.geomspace(_LEAST * largest, largest, _GRID)])
    values, vectors = np.linalg.eigh(sample.correlation)
    root = vectors * np.sqrt(values.clip(min=0))
    of_items = rng.standard_normal((_DRAWS, len(heights))) @ root.T
    of_runs = rng.standard_normal((_DRAWS, len(heights))) * np.sqrt(profile)
    noise = (of_items * errors)[None] + grid[:, None, None] * of_runs[None]
    rows = (curve.heights + noise).reshape(-1, len(heights))
    drawn = _scatter(rows, weights).reshape(len(grid), _DRAWS)
    reached = np.maximum.accumulate((drawn >= float(curve.loss[0])).mean(axis=1))
    estimate, low, high = (_crossing(grid, reached, share) for share in (0.5, 0.025, 0.975))
    return [estimate, low, high]


def _largest(sample: Sample) -> float:
    """Largest standard deviation that is tried: of shares, the largest that they can have."""
    return 0.5 if sample.trials is not None else 2 * float(np.ptp(sample.heights))


def _scatter(rows: Floats, weights: Floats) -> Floats:
    """Loss of the best curve of one turn at most."""
    fitted = fits(rows, weights, normal_loss)
    return np.minimum(fitted[U_SHAPED].loss, fitted[INVERTED_U].loss)


def _crossing(grid: Floats, reached: Floats, share: float) -> float:
    """Noise at which a rising curve reaches a share: 0 if it begins there; at most the last."""
    if reached[0] >= share:
        return 0.0
    return float(np.interp(share, reached, grid))
