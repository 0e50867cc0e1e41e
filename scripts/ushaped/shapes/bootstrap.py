"""How sure we are of a verdict: curves drawn again, and the verdicts that they get.

Items are drawn, and where a size was trained with several seeds, those too: a share of 0.95 says
that other items and other training runs of the same kind would rarely change the verdict. Of a size
with one seed nothing is known of other training runs.

The bootstrap's variance of a mean over K draws of K values is too small by (K - 1) / K (Efron and
Tibshirani 1993, section 5.3), with two seeds by half. Where K is small, for clusters and the items
of a part, one fewer than there are is drawn, which makes the variance unbiased: the rescaling
of Rao and Wu (1988, doi:10.1080/01621459.1988.10478591) has the factor 1 then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ushaped.errors import UserError
from ushaped.metrics.intervals import generator, resampled_means, resampled_sums
from ushaped.shapes.rules import Floats, Ints, Rule, verdicts
from ushaped.terms import SHAPES

LEAST_CLUSTERS = 10
"""Clusters that must be there to be drawn; ours, a convention.

Few clusters say little of the spread between clusters: with five to thirty of them, the usual
cluster-robust tests reject a true null hypothesis too often (Cameron, Gelbach and Miller 2008,
doi:10.1162/rest.90.3.414).
"""


def paired_draws(
    curves: Sequence[tuple[Ints, Ints, Floats]], draws: int, seed: int, *names: str
) -> list[Floats]:
    """Draw items again, the same ones for all curves that have the same items.

    Parameters
    ----------
    curves : sequence of (items, clusters, values)
        ``items`` and ``clusters`` of shape (n,), see `clustered_means`; ``values`` of shape (n,
        columns), one per model or scale, higher is better.
    draws, seed : int
    names : str
        What is drawn (source and task); other names draw other items.

    Returns
    -------
    list of ndarray of float, shape (draws, columns)
        In the order of ``curves``.
    """
    together: dict[bytes, list[int]] = {}
    for place, (items, clusters, _) in enumerate(curves):
        together.setdefault(items.tobytes() + clusters.tobytes(), []).append(place)
    drawn: dict[int, Floats] = {}
    for places in together.values():
        side_by_side = np.concatenate([curves[place][2] for place in places], axis=1)
        clusters = curves[places[0]][1]
        means = clustered_means(side_by_side, clusters, draws, generator(seed, *names))
        ends = np.cumsum([curves[place][2].shape[1] for place in places])[:-1]
        drawn |= dict(zip(places, np.split(means, ends, axis=1), strict=True))
    return [drawn[place] for place in range(len(curves))]


def clusters_drawn(clusters: Ints) -> int:
    """Number of clusters, if they are many enough to be drawn; else 0, and items are drawn.

    Examples
    --------
    >>> clusters_drawn(np.arange(40) // 2), clusters_drawn(np.arange(40) // 10)
    (20, 0)
    """
    count = len(np.unique(clusters))
    return count if count >= LEAST_CLUSTERS else 0


def clustered_means(values: Floats, clusters: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """Means over items drawn with replacement, with regard to what the items have in common.

    Of `LEAST_CLUSTERS` clusters or more, whole clusters are drawn, since items of one template
    stand or fall together; the mean is the sum of the drawn values over the number of the drawn
    items. Of fewer, which say too little of other clusters, the items are drawn within each, as
    many as it has: the parts of a task are there by design. Of one cluster, or where one has a
    single item, which shows no spread, the items are drawn one by one.

    Parameters
    ----------
    values : ndarray of float, shape (n, columns)
    clusters : ndarray of int, shape (n,)
        The template or part that each item belongs to.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float, shape (draws, columns)

    Examples
    --------
    >>> right = np.array([[1.0], [1.0], [0.0], [0.0]])
    >>> clustered_means(right, np.array([1, 1, 2, 2]), 2, np.random.default_rng(0)).tolist()
    [[0.5], [0.5]]
    """
    _, places, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    if clusters_drawn(clusters):
        totals = np.zeros((len(sizes), values.shape[1] + 1))
        np.add.at(totals, places, np.column_stack([values, np.ones(len(values))]))
        sums = resampled_sums(totals, len(sizes) - 1, draws, rng)
        return sums[:, :-1] / sums[:, -1:]
    if len(sizes) == 1 or sizes.min() == 1:
        return resampled_means(values, draws, rng)
    mean = np.zeros((draws, values.shape[1]))
    for place, size in enumerate(sizes):
        within = resampled_sums(values[places == place], size - 1, draws, rng) / (size - 1)
        mean += size / len(values) * within
    return mean


def over_seeds(
    drawn: Floats,
    values: Floats,
    members: Sequence[Sequence[int]],
    rngs: Sequence[np.random.Generator],
    share: bool,
) -> Floats:
    """Average over the training seeds of each size, with seeds drawn again.

    A bootstrap of residuals (Davison and Hinkley 1997, section 3.2): what sets a seed's mean apart
    from that of its size, in units of the variance of a single answer, is drawn from all sizes
    together, for two or three seeds of one size say next to nothing of their spread.

    How far the seeds' means lie apart has two causes: training, and that each model answers the
    items with its own luck. The second is in the drawn items already (crossed random factors;
    Owen 2007, doi:10.1214/07-AOAS122, on what counting it twice does), so the residuals are made
    smaller by its estimated part.

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
        Whether values are shares, which stay within 0 and 1.

    Returns
    -------
    ndarray of float, shape (draws, sizes)

    Examples
    --------
    >>> values = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    >>> rngs = [np.random.default_rng(i) for i in (0, 1)]
    >>> over_seeds(values.mean(axis=1)[None], values, [[0, 1], [2]], rngs, share=True).shape
    (1, 2)
    """
    sizes = np.stack([drawn[:, list(places)].mean(axis=1) for places in members], axis=1)
    single = answer_variance(values, members, share)
    residuals = _seed_residuals(drawn, values.mean(axis=1), members, single)
    if len(residuals) and len(drawn):
        for place, (places, rng) in enumerate(zip(members, rngs, strict=True)):
            if len(places) > 1:
                some = residuals[rng.integers(0, len(residuals), size=(len(drawn), len(places)))]
                sizes[:, place] += np.sqrt(single[place]) * some.mean(axis=1)
    return sizes.clip(0, 1) if share else sizes


def answer_variance(values: Floats, members: Sequence[Sequence[int]], share: bool) -> Floats:
    """Variance of a single answer at each size, shape (sizes,)."""
    if share:
        means = np.array([values[list(places)].mean() for places in members])
        return means * (1 - means)
    return np.array([values[list(places)].var(axis=1).mean() for places in members])


def _seed_residuals(
    drawn: Floats, means: Floats, members: Sequence[Sequence[int]], single: Floats
) -> Floats:
    """What sets each seed of every size apart; their mean square is what training alone explains.

    Returns
    -------
    ndarray of float, shape (seeds of sizes that have several,)
    """
    found, spread, base = [], 0.0, 0.0
    for places, variance in zip(members, single, strict=True):
        count = len(places)
        if count == 1:
            continue
        own, again = means[list(places)], drawn[:, list(places)]
        noise = (again - again.mean(axis=1, keepdims=True)).var(axis=0).sum() / (count - 1)
        spread += own.var(ddof=1) - noise
        base += variance
        found.append((own - own.mean()) / np.sqrt(variance if variance > 0 else 1.0))
    residuals = np.concatenate(found) if found else np.empty(0)
    square = (residuals**2).mean() if found else 0.0
    if not square > 0 or not base > 0:
        return np.empty(0)
    return residuals * np.sqrt(max(0.0, spread / base) / square)


def binomial_draws(right: Ints, n: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """Draw shares again where only counts are known: parametric, scales independent.

    Parameters
    ----------
    right, n : ndarray of int, shape (scales,)
        Right answers and items.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float, shape (draws, scales)

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


def verdict_shares(drawn: Floats, rule: Rule) -> dict[str, float]:
    """Share of drawn curves with each verdict.

    Parameters
    ----------
    drawn : ndarray of float, shape (draws, scales)
    rule : Rule

    Returns
    -------
    dict of str to float
        One per verdict; they add up to 1.
    """
    counts = np.bincount(verdicts(drawn, rule), minlength=len(SHAPES))
    return {name: count / len(drawn) for name, count in zip(SHAPES, counts.tolist(), strict=True)}


def share_column(name: str) -> str:
    """Column of the share of draws that have a verdict.

    Examples
    --------
    >>> [share_column(name) for name in SHAPES]
    ['p_positive', 'p_inverse', 'p_u', 'p_inverted_u', 'p_flat']
    """
    return "p_" + name.lower().removesuffix("-shaped").replace("-", "_")
