"""Run-to-run noise: how far two trainings of one size differ, and what that does to a verdict.

The items of a task give the error of *these very models*. Another training of the same size, with
other initial weights and another order of the data, gives another accuracy. Its variance is added
to each size, so that a verdict is on *models trained this way*. It is

estimated
    where sizes have several runs: pooled over the sizes, without the part that is due to the items;
borrowed
    where each size has one run: from published studies with several (`literature/run_noise.csv`),
    or a number of the user's;
zero, unknown
    on request, and for metrics of which no study tells: the verdict is on these very models.

The noise is a standard deviation in the metric's own unit, equal at all sizes, but that of a share
`p` is at most in proportion to the root of p (1 - p): it reaches its full size between 7 and 93 %
and vanishes at 0 and 1, where all runs agree. `benchmarks/calibration` measures the error rates of
verdicts with noise that is known, estimated, and borrowed wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri

from ushaped.shapes.rules import Floats, Ints
from ushaped.shapes.sample import Sample, correlation_of, half_counts

ESTIMATED, BORROWED, ZERO, UNKNOWN = "estimated", "borrowed", "zero", "unknown"

# p (1 - p) from which on the noise of a share has its full size: p between 7 and 93 %; our
# convention. Accuracies of published reruns lie within.
FULL_FROM = 1 / 16

# Degrees of freedom above which an error counts as known.
MANY = 1e5


@dataclass(frozen=True)
class RunNoise:
    """Noise of one training run of a curve's sizes.

    Attributes
    ----------
    source : str
        `ESTIMATED`, `BORROWED`, `ZERO` or `UNKNOWN`.
    sd : float
        Standard deviation between runs: a share, or in the unit of the heights.
    study : str
        Where it was borrowed.
    degrees : float
        Degrees of freedom of an estimate; infinite where it is taken as known.
    total : float
        Of an estimate, the variance between runs with the part that is due to the items.
    """

    source: str
    sd: float
    study: str = ""
    degrees: float = float("inf")
    total: float = 0.0


NO_NOISE = RunNoise(ZERO, 0.0)


def noise_profile(heights: Floats, trials: Floats | float | None) -> Floats:
    """Variance between runs at each size, relative to the full one; shape of ``heights``.

    Parameters
    ----------
    heights : ndarray of float
    trials : ndarray of float or float
        Effective sample size of shares; None for other means, which have 1 everywhere.
    """
    if trials is None:
        return np.ones_like(heights)
    shares = (heights * trials + 0.5) / (trials + 1)
    return np.minimum(1.0, shares * (1 - shares) / FULL_FROM)


def with_run_noise(sample: Sample, noise: RunNoise, runs: Ints) -> Sample:
    """Add run-to-run noise to a sample that knows the noise of items alone.

    Parameters
    ----------
    sample : Sample
    noise : RunNoise
    runs : ndarray of int, shape (S,)
        Training runs of each size.
    """
    per_size = noise_profile(sample.heights, sample.trials) / runs
    widened = with_variance(sample, noise.sd**2 * per_size)
    if not np.isfinite(noise.degrees):
        return widened
    variance = (widened.errors**2).sum()
    share = (noise.total * per_size).sum() / variance if variance > 0 else 0.0
    degrees = degrees_of_sum(noise.degrees, min(1.0, share))
    return replace(widened, degrees=min(degrees, sample.degrees))


def degrees_of_sum(degrees: float, share: float) -> float:
    """Degrees of freedom of a variance of which a part is estimated and the rest is known.

    Those of a variance with the same upper 95 % confidence limit, which is that of Graybill and
    Wang (1980, Journal of the American Statistical Association 75, 869). Satterthwaite (1946) has
    more, which are right for the spread of the variance, but not where it is too small.

    Parameters
    ----------
    degrees : float
        Of the estimated part.
    share : float
        Of the estimated part in the variance, from 0 to 1.

    Examples
    --------
    >>> [round(degrees_of_sum(8, share), 1) for share in (1.0, 0.8, 0.5, 0.0)]
    [8.0, 10.0, 16.9, inf]
    """

    def limit(degrees: float) -> float:
        return degrees / float(chdtri(degrees, 0.95))

    wanted = 1 + share * (limit(degrees) - 1)
    if wanted <= limit(MANY):
        return float("inf")
    return float(brentq(lambda other: limit(other) - wanted, degrees, MANY))


def with_variance(sample: Sample, added: Floats) -> Sample:
    """Add a variance to each size, shape (S,), independently of the other sizes."""
    if not added.any():
        return sample
    covariance = sample.correlation * np.outer(sample.errors, sample.errors) + np.diag(added)
    errors = np.sqrt(np.diag(covariance))
    trials = sample.trials
    if trials is not None:
        shares, _ = half_counts(sample, sample.heights)
        trials = 1 / (1 / trials + added / (shares * (1 - shares)))
    correlation = correlation_of(covariance, errors)
    return replace(sample, errors=errors, correlation=correlation, trials=trials)


def estimate_run_noise(
    values: Floats, members: Sequence[Sequence[int]], shares: bool
) -> RunNoise | None:
    """Estimate the noise of a run from sizes with several; None where each has one.

    The mean square of the runs' means about that of their size, over all sizes, less what the
    interaction of runs and items gives.

    Parameters
    ----------
    values : ndarray of float, shape (models, n)
        Higher is better; 1 or 0 where ``shares``.
    members : sequence of sequence of int
        For each size, the rows of its models (one per run).
    shares : bool
    """
    n = values.shape[1]
    between, items, base, degrees = 0.0, 0.0, 0.0, 0
    for rows in members:
        own = values[list(rows)]
        if len(own) > 1:
            freedom = len(own) - 1
            degrees += freedom
            between += freedom * float(own.mean(axis=1).var(ddof=1))
            items += freedom * interaction_variance(own)
            base += freedom * float(noise_profile(own.mean(), n if shares else None))
    if not degrees:
        return None
    total = between / base
    sd = float(np.sqrt(max(0.0, total - items / base)))
    return RunNoise(ESTIMATED, sd, degrees=degrees, total=total)


def interaction_variance(values: Floats) -> float:
    """Variance of a run's mean that is due to the interaction of runs and items.

    The residual of their two-way layout, shape (runs, n), without replication.
    """
    runs, n = values.shape
    means = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    residual = values - means[0] - means[1] + values.mean()
    return float((residual**2).sum() / ((runs - 1) * max(n - 1, 1) * n))


# -- bootstrap ------------------------------------------------------------------------------------


def resampled_runs(
    drawn: Floats,
    values: Floats,
    members: Sequence[Sequence[int]],
    rngs: Sequence[np.random.Generator],
    share: bool,
) -> Floats:
    """Draws of the deviation of each size that comes from its training runs.

    A bootstrap of residuals (Davison and Hinkley 1997, section 3.2): the deviation of a run's mean
    from that of its size, relative to `noise_profile`, is drawn from all sizes together, since two
    or three runs of one size are too few.

    Runs' means differ by training and by the interaction of runs and items. The drawn items already
    contain the second (crossed random factors; Owen 2007, doi:10.1214/07-AOAS122), so the residuals
    are shrunk by its estimated part.

    Parameters
    ----------
    drawn : ndarray of float, shape (draws, models)
        Each model's mean over drawn items.
    values : ndarray of float, shape (models, n)
        Each model's value on every item.
    members : sequence of sequence of int
        For each size, the columns of its models.
    rngs : sequence of numpy.random.Generator
        One per size: equal generators draw equal runs, which pairs tasks and variants.
    share : bool
        Whether values are shares.

    Returns
    -------
    ndarray of float, shape (draws, sizes)
        Zero where no size has several runs.

    Examples
    --------
    >>> values = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    >>> rngs = [np.random.default_rng(i) for i in (0, 1)]
    >>> drawn = values.mean(axis=1)[None]
    >>> resampled_runs(drawn, values, [[0, 1], [2]], rngs, share=True).shape
    (1, 2)
    """
    deviations = np.zeros((len(drawn), len(members)))
    heights = np.array([values[list(columns)].mean() for columns in members])
    profile = noise_profile(heights, values.shape[1] if share else None)
    residuals = _residuals(drawn, values.mean(axis=1), members, profile)
    if len(residuals) and len(drawn):
        for size, (columns, rng) in enumerate(zip(members, rngs, strict=True)):
            choice = rng.integers(0, len(residuals), size=(len(drawn), len(columns)))
            deviations[:, size] = np.sqrt(profile[size]) * residuals[choice].mean(axis=1)
    return deviations


def _residuals(
    drawn: Floats, means: Floats, members: Sequence[Sequence[int]], profile: Floats
) -> Floats:
    """Standardised deviations of runs from their size; their mean square is training's variance.

    Returns
    -------
    ndarray of float, shape (runs of sizes with several,)
    """
    deviations, spread, base = [], 0.0, 0.0
    for columns, variance in zip(members, profile, strict=True):
        freedom = len(columns) - 1
        if not freedom:
            continue
        own, resampled = means[list(columns)], drawn[:, list(columns)]
        noise = (resampled - resampled.mean(axis=1, keepdims=True)).var(axis=0).sum()
        spread += freedom * own.var(ddof=1) - noise
        base += freedom * variance
        deviations.append((own - own.mean()) / np.sqrt(variance))
    residuals = np.concatenate(deviations) if deviations else np.empty(0)
    square = (residuals**2).mean() if deviations else 0.0
    if not square > 0:
        return np.empty(0)
    return residuals * np.sqrt(max(0.0, spread / base) / square)


def drawn_noise(
    sample: Sample, noise: RunNoise, runs: Ints, draws: int, rngs: Sequence[np.random.Generator]
) -> Floats:
    """Draws of the deviation of each size by noise of a known size, shape (draws, S)."""
    errors = noise.sd * np.sqrt(noise_profile(sample.heights, sample.trials) / runs)
    return np.stack([rng.standard_normal(draws) for rng in rngs], axis=1) * errors


# -- borrowed -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Borrowed:
    """Noise for families with one run per size.

    Attributes
    ----------
    study : str
        Its source.
    sds : dict of (str, bool) to float
        Standard deviation by metric, and whether it is that of the mean over tasks.
    """

    study: str
    sds: dict[tuple[str, bool], float]

    def of(self, metric: str, average: bool) -> RunNoise:
        """Noise of one curve; unknown for a metric of which the study does not tell."""
        sd = self.sds.get((metric, average))
        if sd is None:
            return RunNoise(UNKNOWN, 0.0, self.study)
        return RunNoise(BORROWED, sd, self.study)


NOTHING_BORROWED = Borrowed("", {})
