"""Heights of a curve with their errors, correlation and effective sample size.

Heights are means over items that all models share, possibly over training runs too. Tests of a
shape need their covariance, and for shares the number of independent trials with the same error:
items of one template, or runs that differ (`.run_noise`), make it smaller than the number of
answers (the design effect: Kish 1965; Rao and Scott 1984, for tests on counts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ushaped.errors import UserError
from ushaped.shapes.bootstrap import check_counts, resampled_cluster_count
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
    """Sample of answers to every item, with the noise of items alone: of these very models.

    Parameters
    ----------
    values : ndarray of float, shape (models, n)
        Higher is better; 1 or 0 where ``shares``.
    members : sequence of sequence of int
        For each size, the rows of its models (one per training run).
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
    covariance = _item_covariance(by_item, clusters)
    variance = np.diag(covariance)
    if not variance.all() and not shares:
        return None
    errors = np.sqrt(variance)
    trials = None
    if shares:
        answer = (heights * (1 - heights)).sum() / n
        effect = variance.sum() / answer if answer > 0 and variance.sum() > 0 else 1.0
        trials = np.full(len(members), n / effect)
    count = 0 if clusters is None else resampled_cluster_count(clusters)
    degrees = count - 1 if count else float("inf")
    return Sample(heights, errors, correlation_of(covariance, errors), trials, degrees)


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


def correlation_of(covariance: Floats, errors: Floats) -> Floats:
    """Correlation of errors; 0 beside a size without any."""
    scale = np.outer(errors, errors)
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(correlation, 1.0)
    return correlation
