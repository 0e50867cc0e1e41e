"""Bootstrap of curves over items, and the verdicts on the draws; `.run_noise` adds training runs.

The bootstrap variance of a mean over K draws of K values is too small by (K - 1) / K (Efron and
Tibshirani 1993, section 5.3), with two seeds by half. Where K is small, for clusters and the items
of a part, K - 1 values are drawn, which makes the variance unbiased: the rescaling of Rao and Wu
(1988, doi:10.1080/01621459.1988.10478591) has the factor 1 then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ushaped.errors import UserError
from ushaped.metrics.intervals import generator, resampled_means, resampled_sums
from ushaped.shapes.rules import Floats, Ints, Rule, verdicts
from ushaped.terms import SHAPES

LEAST_CLUSTERS = 10
"""Least number of clusters that are resampled; our convention.

With five to thirty clusters, the usual cluster-robust tests reject a true null hypothesis too often
(Cameron, Gelbach and Miller 2008, doi:10.1162/rest.90.3.414).
"""


def paired_resamples(
    curves: Sequence[tuple[Ints, Ints, Floats]], draws: int, seed: int, *names: str
) -> list[Floats]:
    """Bootstrap means over items, with the same draws for all curves that have the same items.

    Parameters
    ----------
    curves : sequence of (items, clusters, values)
        ``items`` and ``clusters`` of shape (n,), see `resampled_clustered_means`; ``values`` of
        shape (n, columns), one per model or scale, higher is better.
    draws, seed : int
    names : str
        Names of the random stream (source and task).

    Returns
    -------
    list of ndarray of float, shape (draws, columns)
        In the order of ``curves``.
    """
    groups: dict[bytes, list[int]] = {}
    for index, (items, clusters, _) in enumerate(curves):
        groups.setdefault(items.tobytes() + clusters.tobytes(), []).append(index)
    drawn: dict[int, Floats] = {}
    for members in groups.values():
        values = np.concatenate([curves[index][2] for index in members], axis=1)
        clusters = curves[members[0]][1]
        means = resampled_clustered_means(values, clusters, draws, generator(seed, *names))
        ends = np.cumsum([curves[index][2].shape[1] for index in members])[:-1]
        drawn |= dict(zip(members, np.split(means, ends, axis=1), strict=True))
    return [drawn[index] for index in range(len(curves))]


def resampled_cluster_count(clusters: Ints) -> int:
    """Number of clusters if there are enough to resample them; else 0: items are resampled.

    Examples
    --------
    >>> resampled_cluster_count(np.arange(40) // 2), resampled_cluster_count(np.arange(40) // 10)
    (20, 0)
    """
    count = len(np.unique(clusters))
    return count if count >= LEAST_CLUSTERS else 0


def resampled_clustered_means(
    values: Floats, clusters: Ints, draws: int, rng: np.random.Generator
) -> Floats:
    """Means over items drawn with replacement, by cluster.

    Of `LEAST_CLUSTERS` clusters or more, whole clusters are drawn, since answers to items of one
    template are correlated; the mean is the sum of the drawn values over the number of drawn items.
    Of fewer, items are drawn within each cluster (stratified): the parts of a task are fixed by
    design. Of one cluster, or where one has a single item and so no spread, clusters are ignored.

    Parameters
    ----------
    values : ndarray of float, shape (n, columns)
    clusters : ndarray of int, shape (n,)
        Template or part of each item.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float, shape (draws, columns)

    Examples
    --------
    >>> right = np.array([[1.0], [1.0], [0.0], [0.0]])
    >>> rng = np.random.default_rng(0)
    >>> resampled_clustered_means(right, np.array([1, 1, 2, 2]), 2, rng).tolist()
    [[0.5], [0.5]]
    """
    _, groups, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    if resampled_cluster_count(clusters):
        totals = np.zeros((len(sizes), values.shape[1] + 1))
        np.add.at(totals, groups, np.column_stack([values, np.ones(len(values))]))
        sums = resampled_sums(totals, len(sizes) - 1, draws, rng)
        return sums[:, :-1] / sums[:, -1:]
    if len(sizes) == 1 or sizes.min() == 1:
        return resampled_means(values, draws, rng)
    mean = np.zeros((draws, values.shape[1]))
    for group, size in enumerate(sizes):
        within = resampled_sums(values[groups == group], size - 1, draws, rng) / (size - 1)
        mean += size / len(values) * within
    return mean


def binomial_resamples(right: Ints, n: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """Parametric bootstrap of shares from counts, sizes independent; shape (draws, sizes).

    Raises
    ------
    UserError
        If there are more right answers than items.
    """
    check_counts(right, n)
    return rng.binomial(n, right / n, size=(draws, len(n))) / n


def check_counts(right: Ints, n: Ints) -> None:
    """Raise a UserError if a count is negative, above ``n``, or ``n`` is zero."""
    wrong = (right > n) | (right < 0) | (n < 1)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise UserError("counts", f"{right[at]} of {n[at]} items are right", "mend k or n")


def verdict_frequencies(drawn: Floats, rule: Rule) -> dict[str, float]:
    """Share of the draws, shape (draws, sizes), with each verdict."""
    counts = np.bincount(verdicts(drawn, rule), minlength=len(SHAPES))
    return {name: count / len(drawn) for name, count in zip(SHAPES, counts.tolist(), strict=True)}


def share_column(name: str) -> str:
    """Column of the share of draws with a verdict.

    Examples
    --------
    >>> [share_column(name) for name in SHAPES]
    ['p_positive', 'p_inverse', 'p_u', 'p_inverted_u', 'p_flat']
    """
    return "p_" + name.lower().removesuffix("-shaped").replace("-", "_")
