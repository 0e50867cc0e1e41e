"""Curves of items grouped by difficulty, with and without selection by their own errors.

Wu and Lo (2024, arXiv:2410.01692) sort the items of a task by the mean score of models (those up to
a threshold of training compute), split them into groups of equal size, and draw a curve for each
group: a U on hard items, an inverted U on easy ones. Below the threshold a group is then chosen by
the very answers that its curve shows. An item that some models miss by bad luck becomes a hard one,
and its bad luck is drawn as low accuracy: the hard group starts below chance and the easy group
above it, although all items may be equally hard (regression to the mean: Galton 1886).

*Cross-fitting* (Chernozhukov et al. 2018, doi:10.1111/ectj.12097) groups the items for one half of
the models by the answers of the other half, and the other way round. Luck is not shared between
training runs, so what remains of the difference between groups is shared by them: difficulty, also
where it is only a preference for one answer.

Checkpoints of one training run share its luck. Where a family is made of them, or has a run in
common with another family, part of the selection remains.

The part that does not remain is not selection alone: half of the runs also sort the items less
reliably than all of them, which makes the groups more alike. So it is an upper bound on the effect
of the selection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ushaped.metrics.intervals import wilson
from ushaped.shapes.rules import Floats, Ints

SAME_MODELS, CROSS_FITTED = GROUPINGS = ("same models", "cross-fitted")

# Where difficulty comes from.
OWN, OTHER_RUNS, OTHER_SIZES = "the same models", "other training runs", "alternating sizes"
OTHER_FAMILIES = "other families"

# A smaller variance is rounding: all items of the group are alike.
_ALIKE = 1e-12


@dataclass(frozen=True)
class Grouping:
    """Which group each item belongs to when the answers of each model are drawn.

    Attributes
    ----------
    name : str
        One of `GROUPINGS`.
    difficulty_from : str
        Whose answers say how hard an item is.
    groups : ndarray of int, shape (models, n)
        0 is the hardest; for every model its groups have the same sizes.
    """

    name: str
    difficulty_from: str
    groups: Ints


def group_items(scores: Floats, count: int, rng: np.random.Generator) -> Ints:
    """Sort items by their score and split them into groups of equal size, 0 the hardest.

    Items with equal scores are in random order. With few models there are few different scores, so
    ties decide many places; by item number they would put items of one template or part, which
    stand side by side, into one group.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
        Higher is easier.
    count : int
        Number of groups; where it does not divide n, the hardest have one item more.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n,)

    Examples
    --------
    >>> scores = np.array([0.9, 0.1, 0.5, 0.4, 1.0, 0.0])
    >>> group_items(scores, 3, np.random.default_rng(0)).tolist()
    [2, 0, 1, 1, 2, 0]
    """
    order = np.lexsort((rng.permutation(len(scores)), scores))
    groups = np.empty(len(scores), np.int64)
    for group, members in enumerate(np.array_split(order, count)):
        groups[members] = group
    return groups


def same_models(values: Floats, count: int, rng: np.random.Generator) -> Grouping:
    """Group items by all models of the curve itself, as Wu and Lo (2024) do with small ones.

    Parameters
    ----------
    values : ndarray of float, shape (models, n)
        Each model's value on each item; higher is better.
    count : int
        Number of groups.
    rng : numpy.random.Generator
    """
    groups = group_items(values.mean(axis=0), count, rng)
    return Grouping(SAME_MODELS, OWN, np.tile(groups, (len(values), 1)))


def cross_fitted(
    values: Floats,
    members: Sequence[Sequence[int]],
    others: Mapping[str, Floats],
    count: int,
    rng: np.random.Generator,
) -> Grouping:
    """Group items by models other than those whose answers are drawn.

    Where each size has several training runs, the first half of the runs of every size groups the
    items for the rest, and the rest for the first half: each half has whole runs. Else all other
    families group them. Where there are none, the sizes at odd places group the items for those at
    even places and the other way round; then neighbouring sizes have different groups, and a zigzag
    of the curve may come from that.

    Parameters
    ----------
    values : ndarray of float, shape (models, n)
        Each model's value on each item; higher is better.
    members : sequence of sequence of int
        For each size, the rows of its models (one per training run); two sizes or more.
    others : mapping of str to ndarray of float, shape (models of the family, n)
        Values of other families on the same items.
    count : int
        Number of groups.
    rng : numpy.random.Generator

    Examples
    --------
    Two sizes with two runs each: rows 0 and 2 sort the items for rows 1 and 3.

    >>> values = np.array([[0, 1], [1, 0], [0, 1], [1, 0]], dtype=float)
    >>> made = cross_fitted(values, [[0, 1], [2, 3]], {}, 2, np.random.default_rng(0))
    >>> made.groups.tolist()
    [[1, 0], [0, 1], [1, 0], [0, 1]]
    """
    if all(len(rows) > 1 for rows in members):
        half = [row for rows in members for row in rows[: len(rows) // 2]]
        return Grouping(CROSS_FITTED, OTHER_RUNS, _crossed(values, half, count, rng))
    if others:
        scores = np.concatenate(list(others.values())).mean(axis=0)
        groups = np.tile(group_items(scores, count, rng), (len(values), 1))
        return Grouping(CROSS_FITTED, f"{OTHER_FAMILIES}: {', '.join(sorted(others))}", groups)
    half = [row for rows in members[::2] for row in rows]
    return Grouping(CROSS_FITTED, OTHER_SIZES, _crossed(values, half, count, rng))


def _crossed(values: Floats, half: Sequence[int], count: int, rng: np.random.Generator) -> Ints:
    """Groups of the models in ``half`` by all others, and of the others by those in it."""
    inside = np.isin(np.arange(len(values)), half)
    groups = np.empty(values.shape, np.int64)
    for drawn in (inside, ~inside):
        groups[drawn] = group_items(values[~drawn].mean(axis=0), count, rng)
    return groups


@dataclass(frozen=True)
class GroupCurve:
    """Accuracy of each size on one group; arrays of shape (sizes,).

    Attributes
    ----------
    values, low, high : ndarray of float
        ``low`` and ``high`` are 95 % limits over items, given the groups: they do not contain
        run-to-run noise, nor that the same answers chose the group. As in ``metrics.csv``, items of
        one template are taken as independent.
    n : int
        Items of the group for each model.
    """

    values: Floats
    low: Floats
    high: Floats
    n: int


def curve_of_group(
    values: Floats, members: Sequence[Sequence[int]], inside: NDArray[np.bool_]
) -> GroupCurve:
    """Mean accuracy of the models of each size, each on the items of its own group.

    So the results of both halves are averaged, each run counting alike, and groups of equal size
    have the curve of all items as their mean.

    Parameters
    ----------
    values : ndarray of float, shape (models, n)
        1 or 0.
    members : sequence of sequence of int
        For each size, the rows of its models.
    inside : ndarray of bool, shape (models, n)
        Whether an item is in the group when the answers of a model are drawn; as many for each.

    Examples
    --------
    >>> values = np.array([[1.0, 0.0, 1.0, 1.0]])
    >>> curve_of_group(values, [[0]], np.array([[True, True, False, False]])).values.tolist()
    [0.5]
    """
    n = int(inside[0].sum())
    sizes = [_interval(values[list(rows)], inside[list(rows)], n) for rows in members]
    value, low, high = (np.array(column) for column in zip(*sizes, strict=True))
    return GroupCurve(value, low, high, n)


def _interval(values: Floats, inside: NDArray[np.bool_], n: int) -> tuple[float, float, float]:
    """Mean and interval of one size: Wilson's, with the effective sample size of the mean.

    An item that is in the group for several runs counts once, with the mean of their answers.
    """
    means = (values * inside).sum(axis=1, keepdims=True) / n
    mean = float(means.mean())
    deviations = (inside * (values - means)).mean(axis=0) / n
    variance = float((deviations**2).sum())
    trials = mean * (1 - mean) / variance if variance > _ALIKE else n
    low, high = wilson(np.array(mean), np.array(trials))
    return mean, float(low), float(high)
