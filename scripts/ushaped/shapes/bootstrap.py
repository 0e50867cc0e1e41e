"""Bootstrap of curves, and the verdicts on the draws.

Items are resampled, and where a size was trained with several seeds, those too: a verdict with 95 %
of the draws would rarely change with other items and training runs of the same kind. A size with
one seed gives no information on other training runs.

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


def resample_seeds(
    drawn: Floats,
    values: Floats,
    members: Sequence[Sequence[int]],
    rngs: Sequence[np.random.Generator],
    share: bool,
) -> Floats:
    """Average over the training seeds of each size, with seeds resampled.

    A bootstrap of residuals (Davison and Hinkley 1997, section 3.2): the deviation of a seed's mean
    from that of its size, in units of the standard deviation of a single answer, is drawn from all
    sizes together, since two or three seeds of one size are too few.

    Seeds' means differ by training and by the interaction of seeds and items. The drawn items
    already contain the second (crossed random factors; Owen 2007, doi:10.1214/07-AOAS122), so the
    residuals are shrunk by its estimated part.

    Parameters
    ----------
    drawn : ndarray of float, shape (draws, models)
        Each model's mean over drawn items.
    values : ndarray of float, shape (models, n)
        Each model's value on every item.
    members : sequence of sequence of int
        For each size, the columns of its models.
    rngs : sequence of numpy.random.Generator
        One per size: equal generators draw equal seeds, which pairs tasks and variants.
    share : bool
        Whether values are shares, which are clipped to [0, 1].

    Returns
    -------
    ndarray of float, shape (draws, sizes)

    Examples
    --------
    >>> values = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    >>> rngs = [np.random.default_rng(i) for i in (0, 1)]
    >>> resample_seeds(values.mean(axis=1)[None], values, [[0, 1], [2]], rngs, share=True).shape
    (1, 2)
    """
    sizes = np.stack([drawn[:, list(columns)].mean(axis=1) for columns in members], axis=1)
    single = answer_variance(values, members, share)
    residuals = _seed_residuals(drawn, values.mean(axis=1), members, single)
    if len(residuals) and len(drawn):
        for size, (columns, rng) in enumerate(zip(members, rngs, strict=True)):
            if len(columns) > 1:
                choice = rng.integers(0, len(residuals), size=(len(drawn), len(columns)))
                sizes[:, size] += np.sqrt(single[size]) * residuals[choice].mean(axis=1)
    return sizes.clip(0, 1) if share else sizes


def answer_variance(values: Floats, members: Sequence[Sequence[int]], share: bool) -> Floats:
    """Variance of a single answer at each size, shape (sizes,)."""
    if share:
        means = np.array([values[list(rows)].mean() for rows in members])
        return means * (1 - means)
    return np.array([values[list(rows)].var(axis=1).mean() for rows in members])


def _seed_residuals(
    drawn: Floats, means: Floats, members: Sequence[Sequence[int]], single: Floats
) -> Floats:
    """Standardised deviations of seeds from their size; their mean square is training's variance.

    Returns
    -------
    ndarray of float, shape (seeds of sizes with several seeds,)
    """
    deviations, spread, base = [], 0.0, 0.0
    for columns, variance in zip(members, single, strict=True):
        count = len(columns)
        if count == 1:
            continue
        own, resampled = means[list(columns)], drawn[:, list(columns)]
        noise = (resampled - resampled.mean(axis=1, keepdims=True)).var(axis=0).sum() / (count - 1)
        spread += own.var(ddof=1) - noise
        base += variance
        deviations.append((own - own.mean()) / np.sqrt(variance if variance > 0 else 1.0))
    residuals = np.concatenate(deviations) if deviations else np.empty(0)
    square = (residuals**2).mean() if deviations else 0.0
    if not square > 0 or not base > 0:
        return np.empty(0)
    return residuals * np.sqrt(max(0.0, spread / base) / square)


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
