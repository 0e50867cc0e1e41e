"""Curves, and how they are drawn again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ushaped.errors import UserError
from ushaped.metrics.intervals import generator
from ushaped.metrics.table import one_protocol, ten_task_mean
from ushaped.results.columns import CurveKey as Key
from ushaped.results.columns import OfCurve
from ushaped.shapes.bootstrap import binomial_draws, over_seeds, paired_draws
from ushaped.shapes.rules import Floats, Ints
from ushaped.terms import AVERAGE, FLOPS, PARAMETERS, SIGNS, TEN_TASKS

# The flag of a curve of which some sizes were not measured here.
PUBLISHED_POINTS = "published-points"


@dataclass(frozen=True)
class Curve(OfCurve):
    """One metric of one family along its scale.

    Attributes
    ----------
    sizes : tuple of str
        Smallest training compute first, or fewest parameters where a size's compute is not known.
    flops, values : ndarray of float, shape (sizes,)
        Values in the metric's own unit; FLOPs are NaN where they are not known.
    n : int or None
        Items.
    flags : tuple of str
    models : tuple of tuple of str
        For each size, the models that are pooled; none for a published point among measured ones.
    right, items : ndarray of int, shape (sizes,), or None
        Counts of a published curve.
    constant : tuple of str
        Sizes at which a model gives one answer to nearly all items.
    parameters : ndarray of float, shape (sizes,), or None
        Of each size; needed where its FLOPs are not known.
    chance : float
        Value of guessing evenly; NaN where it has none or is not known.
    """

    sizes: tuple[str, ...]
    flops: Floats
    values: Floats
    n: int | None
    flags: tuple[str, ...] = ()
    models: tuple[tuple[str, ...], ...] = ()
    right: Ints | None = None
    items: Ints | None = None
    constant: tuple[str, ...] = ()
    parameters: Floats | None = None
    chance: float = float("nan")

    @property
    def scale(self) -> str:
        """What orders the sizes: parameters, where the compute of any is not known."""
        return FLOPS if self.parameters is None or np.isfinite(self.flops).all() else PARAMETERS

    @property
    def at(self) -> Floats:
        """Each size's place on its scale, shape (sizes,)."""
        if self.parameters is None or self.scale == FLOPS:
            return self.flops
        return self.parameters

    @property
    def measured(self) -> list[int]:
        """Places of the sizes that were measured here."""
        return [place for place, names in enumerate(self.models) if names]

    @property
    def drawable(self) -> bool:
        """Whether its published points, if any, are shares of items, so that counts are known."""
        return self.metric == "accuracy" or len(self.measured) == len(self.sizes)

    def without_published(self) -> Curve:
        """The curve of the sizes that were measured here."""
        here = self.measured
        return replace(
            self,
            sizes=tuple(self.sizes[place] for place in here),
            flops=self.flops[here],
            values=self.values[here],
            parameters=None if self.parameters is None else self.parameters[here],
            models=tuple(self.models[place] for place in here),
            flags=tuple(flag for flag in self.flags if flag != PUBLISHED_POINTS),
        )

    @property
    def heights(self) -> Floats:
        """Values where higher is better."""
        return SIGNS[self.metric] * self.values


@dataclass(frozen=True)
class Answers:
    """Every model's answers under one condition.

    Attributes
    ----------
    items : ndarray of int, shape (n,)
    models : dict of str to int
        Row of each model.
    correct : ndarray of float, shape (models, n)
        1 or 0, or what judges the task, higher being better.
    clusters : ndarray of int, shape (n,)
        The template or part of the task that each item belongs to.
    answers : ndarray of int, shape (n,)
        A number for the text of each item's right answer: equal texts, equal numbers.
    distractor : ndarray of float, shape (models, n), or None
        1 where the distractor task's class was chosen, else 0; NaN for items that have none.
    """

    items: Ints
    models: dict[str, int]
    correct: Floats
    clusters: Ints
    answers: Ints
    distractor: Floats | None = None

    def only(self, items: Ints) -> Answers:
        """The answers to some items, by number."""
        keep = np.isin(self.items, items)
        return Answers(
            self.items[keep],
            self.models,
            self.correct[:, keep],
            self.clusters[keep],
            self.answers[keep],
            None if self.distractor is None else self.distractor[:, keep],
        )


# -- drawing --------------------------------------------------------------------------------------


def draw_measured(
    curves: Sequence[Curve], answers: Mapping[Key, Answers], draws: int, seed: int
) -> dict[Key, Floats]:
    """Draw the measured curves again, over items and over the training seeds of each size.

    The same items are drawn for every family and variant of a task that has them, by cluster as
    `clustered_means` says, and the same seeds of a size for all tasks and variants. Published
    points of a curve are drawn from their counts, each on its own.

    Returns
    -------
    dict of key to ndarray of float, shape (draws, sizes)
        Higher is better. A curve that has a published point without counts is left out.

    Raises
    ------
    UserError
        If the items do not give a curve's values: the two files do not belong together.
    """
    by_task: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        if curve.task != AVERAGE:
            by_task.setdefault((curve.source, curve.task), []).append(curve)
    drawn: dict[Key, Floats] = {}
    for (source, task), group in by_task.items():
        pairs = [_per_model(curve, answers) for curve in group]
        paired = paired_draws(pairs, draws, seed, source, task)
        for curve, (*_, values), some in zip(group, pairs, paired, strict=True):
            if curve.drawable:
                some = _over_seeds(curve, values.T, some, seed)
                drawn[curve.key] = _with_published(curve, some, seed)
    by_key = {curve.key: curve for curve in curves}
    for curve in curves:
        if curve.task == AVERAGE:
            drawn[curve.key] = _draw_average(curve, drawn, by_key)
    return drawn


def draw_published(curve: Curve, draws: int, seed: int) -> Floats | None:
    """Draw a published curve again from its counts; None where no counts are known."""
    if curve.right is None or curve.items is None:
        return None
    rng = generator(seed, "published", curve.family, curve.task)
    return binomial_draws(curve.right, curve.items, draws, rng)


def draw_published_average(
    curve: Curve, tasks: Mapping[tuple[str, str], Curve], draws: int, seed: int
) -> Floats | None:
    """Draw a published ten-task average again from the counts of its tasks.

    Parameters
    ----------
    curve : Curve
        The average.
    tasks : mapping of (family, task) to Curve
    draws, seed : int

    Returns
    -------
    ndarray of float, shape (draws, sizes), or None
        None where a task has no counts, or the tasks' mean is not the published average: some
        published averages are of sizes that do not belong together.
    """
    ten = {task: tasks.get((curve.family, task)) for task in TEN_TASKS}
    drawn, values = {}, {}
    for task, one in ten.items():
        some = draw_published(one, draws, seed) if one and one.sizes == curve.sizes else None
        if one is None or some is None:
            return None
        drawn[task], values[task] = some, one.values
    # Published percentages have one decimal.
    if np.abs(ten_task_mean(values) - curve.values).max() > 0.001:
        return None
    return ten_task_mean(drawn)


def _with_published(curve: Curve, some: Floats, seed: int) -> Floats:
    """Draws of all sizes, from those of the measured ones."""
    theirs = [place for place, names in enumerate(curve.models) if not names]
    if not theirs:
        return some
    items = np.full(len(theirs), curve.n)
    right = np.rint(curve.values[theirs] * items).astype(np.int64)
    rng = generator(seed, "published", curve.family, curve.task)
    every = np.empty((len(some), len(curve.sizes)))
    every[:, theirs] = binomial_draws(right, items, len(some), rng)
    every[:, curve.measured] = some
    return every


def _over_seeds(curve: Curve, values: Floats, some: Floats, seed: int) -> Floats:
    """Draws of the measured sizes, from those of their models and the models' answers."""
    here = curve.measured
    ends = np.cumsum([len(curve.models[place]) for place in here])
    members = [range(end - len(curve.models[p]), end) for p, end in zip(here, ends, strict=True)]
    names = ("training seeds", curve.family)
    rngs = [generator(seed, *names, curve.sizes[p]) for p in here]
    return over_seeds(some, values, members, rngs, share=curve.metric == "accuracy")


def _per_model(curve: Curve, answers: Mapping[Key, Answers]) -> tuple[Ints, Ints, Floats]:
    """Items, clusters and the answers of all models, the models of each size side by side."""
    where = "/".join(curve.key)
    found = answers.get(curve.key)
    names = [name for size in curve.models for name in size]
    if found is None or not all(name in found.models for name in names):
        raise UserError(where, "items lack a model that the metrics have", "measure both again")
    values = found.correct[[found.models[name] for name in names]].T
    means = dict(zip(names, values.mean(axis=0), strict=True))
    heights = [np.mean([means[name] for name in curve.models[place]]) for place in curve.measured]
    if not np.allclose(heights, curve.heights[curve.measured], rtol=1e-6, atol=1e-9):
        raise UserError(where, "items and metrics say different things", "measure both again")
    return found.items, found.clusters, values


def _draw_average(curve: Curve, drawn: Mapping[Key, Floats], curves: Mapping[Key, Curve]) -> Floats:
    where = "/".join(curve.key)
    by_task, protocols = {}, {AVERAGE: curve.protocol}
    for task in TEN_TASKS:
        key = curve.key._replace(task=task)
        if key not in drawn or not set(curve.sizes) <= set(curves[key].sizes):
            raise UserError(where, f"task '{task}' is missing", "measure all ten tasks")
        sizes = curves[key].sizes
        by_task[task] = drawn[key][:, [sizes.index(size) for size in curve.sizes]]
        protocols[task] = curves[key].protocol
    one_protocol(where, protocols)
    return ten_task_mean(by_task)
