"""Heights of a curve with their errors, correlation and effective sample size.

Heights are means over items that all models share, possibly over training seeds too. Tests of a
shape need their covariance, and for shares the number of independent trials with the same error:
items of one template, or seeds that differ, make it smaller than the number of answers (the design
effect: Kish 1965; Rao and Scott 1984, for tests on counts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ushaped.errors import UserError
from ushaped.shapes.bootstrap import answer_variance, check_counts, resampled_cluster_count
from ushaped.shapes.rules import Floats, Ints


@dataclass(frozen=True)
class Sample:
    """Heights of a curve and their uncertainty; S is the number of sizes.

    Attributes
    ----------
    heights : ndarray of float, shape (S,)
        Higher is better.
    errors : ndarray of float, shape (S,)
        Standard errors.
    correlation : ndarray of float, shape (S, S)
        Between the errors of the sizes.
    trials : ndarray of float, shape (S,), or None
        Effective sample size of shares; None for other means.
    degrees : float
        Degrees of freedom of the errors; infinite where they are known.
    """

    heights: Floats
    errors: Floats
    correlation: Floats
    trials: Floats | None = None
    degrees: float = float("inf")

    @property
    def weights(self) -> Floats:
        """Weight of each size in a fit: trials, or inverse variance."""
        return self.trials if self.trials is not None else self.errors**-2


def half_counts(sample: Sample, heights: Floats) -> tuple[Floats, Floats]:
    """Shares with half a right and half a wrong answer added, and their errors, shape (..., S).

    Errors of raw shares vanish near 0 and 1. Other means are returned unchanged.
    """
    if sample.trials is None:
        return heights, np.broadcast_to(sample.errors, heights.shape)
    heights = (heights * sample.trials + 0.5) / (sample.trials + 1)
    return heights, np.sqrt(heights * (1 - heights) / sample.trials)


def from_counts(right: Ints, n: Ints) -> Sample:
    """Sample of independent counts of right answers and items, shape (S,).

    Raises
    ------
    UserError
        If a count is negative, above ``n``, or ``n`` is zero.
    """
    check_counts(right, n)
    shares = right / n
    errors = np.sqrt(shares * (1 - shares) / n)
    return Sample(shares, errors, np.eye(len(shares)), n.astype(np.float64))


def from_errors(heights: Floats, errors: Floats) -> Sample:
    """Sample of independent means with standard errors.

    Raises
    ------
    UserError
        If an error is not above 0.
    """
    if not (errors > 0).all():
        at = int(np.argmax(~(errors > 0)))
        raise UserError("standard errors", f"one is {errors[at]:g}", "give numbers above 0")
    return Sample(heights, errors, np.eye(len(heights)))


def from_draws(heights: Floats, drawn: Floats) -> Sample | None:
    """Sample of heights with bootstrap draws, shape (draws, S); None if a size does not vary."""
    errors = drawn.std(axis=0, ddof=1)
    if not (errors > 0).all():
        return None
    return Sample(heights, errors, np.atleast_2d(np.corrcoef(drawn.T)))


def from_items(
    values: Floats, members: Sequence[Sequence[int]], clusters: Ints | None, shares: bool
) -> Sample | None:
    """Sample of answers to every item.

    The variance of a size's mean is that over items (or clusters of items) plus that over training
    seeds. The latter is estimated from all sizes at once, as a multiple of the variance of a single
    answer, since two or three seeds of one size are too few.

    Parameters
    ----------
    values : ndarray of float, shape (models, n)
        Higher is better; 1 or 0 where ``shares``.
    members : sequence of sequence of int
        For each size, the rows of its models (one per training seed).
    clusters : ndarray of int, shape (n,), or None
        Cluster of each item.
    shares : bool
        Whether the heights are shares of right answers.

    Returns
    -------
    Sample or None
        None for means of which one does not vary.
    """
    n = values.shape[1]
    by_item = np.stack([values[list(rows)].mean(axis=0) for rows in members])
    heights = by_item.mean(axis=1)
    single = answer_variance(values, members, shares)
    covariance = _item_covariance(by_item, clusters)
    seeds, freedom = _seed_variance(values, members, single)
    of_items = np.diag(covariance) - _interaction_variance(values, members)
    # Seeds only add variance, but its estimate can be lower by chance.
    variance = np.maximum(of_items.clip(min=0) + seeds, np.diag(covariance))
    if not variance.all() and not shares:
        return None
    errors = np.sqrt(variance)
    correlation = _correlation(covariance, errors)
    trials = None
    if shares:
        answer = (single / n).sum()
        effect = variance.sum() / answer if answer > 0 and variance.sum() > 0 else 1.0
        trials = np.full(len(members), n / effect)
    share = seeds.sum() / variance.sum() if variance.sum() > 0 else 0.0
    # Satterthwaite (1946): the variance of seeds has few degrees of freedom, that of items many.
    degrees = freedom / share**2 if share > 0 else float("inf")
    if clusters is not None and resampled_cluster_count(clusters):
        degrees = min(degrees, resampled_cluster_count(clusters) - 1)
    return Sample(heights, errors, correlation, trials, degrees)


def _item_covariance(by_item: Floats, clusters: Ints | None) -> Floats:
    """Covariance of the sizes' means over the items, shape (S, S)."""
    n = by_item.shape[1]
    _, groups, count = np.unique(
        np.zeros(n) if clusters is None else clusters, return_inverse=True, return_counts=True
    )
    if clusters is not None and resampled_cluster_count(clusters):
        centred = by_item - by_item.mean(axis=1, keepdims=True)
        sums = np.stack([np.bincount(groups, weights=row) for row in centred])
        return sums @ sums.T * len(count) / (len(count) - 1) / n**2
    if count.min() == 1:
        groups, count = np.zeros(n, np.int64), np.array([n])
    covariance = np.zeros((len(by_item), len(by_item)))
    for group, size in enumerate(count):
        if size > 1:
            covariance += size * np.atleast_2d(np.cov(by_item[:, groups == group]))
    return covariance / n**2


def _seed_variance(
    values: Floats, members: Sequence[Sequence[int]], single: Floats
) -> tuple[Floats, int]:
    """Variance of each size's mean over training seeds, and its degrees of freedom.

    Includes the interaction of seeds and items.
    """
    between, base, degrees = 0.0, 0.0, 0
    for rows, variance in zip(members, single, strict=True):
        if len(rows) > 1:
            between += float(values[list(rows)].mean(axis=1).var(ddof=1))
            base += float(variance)
            degrees += len(rows) - 1
    several = np.array([len(rows) if len(rows) > 1 else np.inf for rows in members])
    return (between / base if base > 0 else 0.0) * single / several, degrees


def _interaction_variance(values: Floats, members: Sequence[Sequence[int]]) -> Floats:
    """Part of the variance over items that is due to the interaction of seeds and items.

    The residual of their two-way layout, without replication.
    """
    n = values.shape[1]
    variance = np.zeros(len(members))
    for index, rows in enumerate(members):
        own = values[list(rows)]
        if len(own) > 1:
            residual = own - own.mean(axis=1, keepdims=True) - own.mean(axis=0) + own.mean()
            square = (residual**2).sum() / ((len(own) - 1) * max(n - 1, 1))
            variance[index] = square / (n * len(own))
    return variance


def _correlation(covariance: Floats, errors: Floats) -> Floats:
    scale = np.outer(errors, errors)
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(correlation, 1.0)
    return correlation
