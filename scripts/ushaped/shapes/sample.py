"""What is known of a curve's heights: their errors, how they hang together, how many trials.

The heights of a curve are means over items that all models share, perhaps over training seeds as
well. Tests of its shape need their covariance, and for shares the number of independent trials that
would leave the same error: items of one template, or seeds that differ, make it smaller than the
number of answers (the design effect: Kish 1965; Rao and Scott 1984, for tests on counts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ushaped.errors import UserError
from ushaped.shapes.bootstrap import answer_variance, check_counts, clusters_drawn
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
        Of shares: the number of independent trials that leaves these errors. None for other means.
    degrees : float
        Degrees of freedom behind the errors; infinite where they are known.
    """

    heights: Floats
    errors: Floats
    correlation: Floats
    trials: Floats | None = None
    degrees: float = float("inf")

    @property
    def weights(self) -> Floats:
        """What a size counts in a fit: its trials, or the inverse of its variance."""
        return self.trials if self.trials is not None else self.errors**-2


def half_counts(sample: Sample, heights: Floats) -> tuple[Floats, Floats]:
    """Shares with half a right and half a wrong answer added, and their errors.

    Near 0 and 1 the errors of plain shares vanish. Other means are returned as they are.

    Parameters
    ----------
    sample : Sample
    heights : ndarray of float, shape (..., S)
        Of curves with the errors of this sample.

    Returns
    -------
    heights, errors : ndarray of float, shape (..., S)
    """
    if sample.trials is None:
        return heights, np.broadcast_to(sample.errors, heights.shape)
    heights = (heights * sample.trials + 0.5) / (sample.trials + 1)
    return heights, np.sqrt(heights * (1 - heights) / sample.trials)


def from_counts(right: Ints, n: Ints) -> Sample:
    """Sizes of which counts are known, and nothing of what they share.

    Parameters
    ----------
    right, n : ndarray of int, shape (S,)

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
    """Sizes whose means come with standard errors.

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
    """Sizes known by their bootstrap draws, as an average over tasks is.

    Parameters
    ----------
    heights : ndarray of float, shape (S,)
    drawn : ndarray of float, shape (draws, S)

    Returns
    -------
    Sample or None
        None if a size does not vary.
    """
    errors = drawn.std(axis=0, ddof=1)
    if not (errors > 0).all():
        return None
    return Sample(heights, errors, np.atleast_2d(np.corrcoef(drawn.T)))


def from_items(
    values: Floats, members: Sequence[Sequence[int]], clusters: Ints | None, shares: bool
) -> Sample | None:
    """Sizes whose answers to every item are known.

    The variance of a size's mean is that over items, those of a cluster together, plus that over
    training seeds. The latter is estimated from all sizes at once, as a multiple of the variance of
    a single answer, for two or three seeds of one size say too little.

    Parameters
    ----------
    values : ndarray of float, shape (models, n)
        Higher is better; 1 or 0 where ``shares``.
    members : sequence of sequence of int
        For each size, the rows of its models (one per training seed).
    clusters : ndarray of int, shape (n,), or None
        Which cluster each item belongs to.
    shares : bool
        Whether the heights are shares of right answers.

    Returns
    -------
    Sample or None
        None if nothing varies and it is no share.
    """
    n = values.shape[1]
    by_item = np.stack([values[list(rows)].mean(axis=0) for rows in members])
    heights = by_item.mean(axis=1)
    single = answer_variance(values, members, shares)
    covariance = _item_covariance(by_item, clusters)
    seeds, freedom = _seed_variance(values, members, single)
    of_items = np.diag(covariance) - _interaction_variance(values, members)
    # Seeds can only add to what the items alone leave; by chance they may seem to take away.
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
    # Satterthwaite (1946): the seeds' part has few degrees of freedom, that of the items many.
    degrees = freedom / share**2 if share > 0 else float("inf")
    if clusters is not None and clusters_drawn(clusters):
        degrees = min(degrees, clusters_drawn(clusters) - 1)
    return Sample(heights, errors, correlation, trials, degrees)


def _item_covariance(by_item: Floats, clusters: Ints | None) -> Floats:
    """Covariance of the sizes' means over the items, shape (S, S)."""
    n = by_item.shape[1]
    _, groups, count = np.unique(
        np.zeros(n) if clusters is None else clusters, return_inverse=True, return_counts=True
    )
    if clusters is not None and clusters_drawn(clusters):
        centred = by_item - by_item.mean(axis=1, keepdims=True)
        sums = np.stack([np.bincount(groups, weights=row) for row in centred])
        return sums @ sums.T * len(count) / (len(count) - 1) / n**2
    if count.min() == 1:
        groups, count = np.zeros(n, np.int64), np.array([n])
    found = np.zeros((len(by_item), len(by_item)))
    for group, size in enumerate(count):
        if size > 1:
            found += size * np.atleast_2d(np.cov(by_item[:, groups == group]))
    return found / n**2


def _seed_variance(
    values: Floats, members: Sequence[Sequence[int]], single: Floats
) -> tuple[Floats, int]:
    """What training seeds add to the variance of each size's mean, and its degrees of freedom.

    It holds the part that is due to seeds answering the same items differently.
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
    """What seeds that answer the same items differently leave in the variance over items.

    The residual of the two-way layout of seeds and items, without replication.
    """
    n = values.shape[1]
    found = np.zeros(len(members))
    for place, rows in enumerate(members):
        own = values[list(rows)]
        if len(own) > 1:
            residual = own - own.mean(axis=1, keepdims=True) - own.mean(axis=0) + own.mean()
            square = (residual**2).sum() / ((len(own) - 1) * max(n - 1, 1))
            found[place] = square / (n * len(own))
    return found


def _correlation(covariance: Floats, errors: Floats) -> Floats:
    scale = np.outer(errors, errors)
    found = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(found, 1.0)
    return found
