"""Curves, and bootstrap draws of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

import numpy as np

from ushaped.axes import COMPUTE, PARAMETERS, Axis
from ushaped.errors import UserError
from ushaped.metrics.intervals import generator
from ushaped.metrics.table import one_protocol, ten_task_mean
from ushaped.results.columns import ABOUT, OfCurve
from ushaped.results.columns import CurveKey as Key
from ushaped.shapes.bootstrap import binomial_resamples, paired_resamples
from ushaped.shapes.evidence_record import About
from ushaped.shapes.rules import Floats, Ints
from ushaped.shapes.run_noise import resampled_runs
from ushaped.terms import AVERAGE, SIGNS, TEN_TASKS

# Flag of a curve with sizes that were not measured here.
PUBLISHED_POINTS = "published-points"


@dataclass(frozen=True)
class Curve(OfCurve):
    """One metric of one family along its scale, or along another axis.

    Attributes
    ----------
    sizes : tuple of str
        Smallest training compute first, or fewest parameters where a size's compute is unknown.
    flops, values : ndarray of float, shape (sizes,)
        Values in the metric's own unit; FLOPs are NaN where unknown.
    n : int or None
        Items.
    models : tuple of tuple of str
        For each size, its models; none for a published point among measured ones.
    right, items : ndarray of int, shape (sizes,), or None
        Counts of a published curve.
    constant : tuple of str
        Sizes at which a model gives one answer to nearly all items.
    parameters : ndarray of float, shape (sizes,), or None
        Needed where FLOPs are unknown.
    chance : float
        Value of guessing evenly; NaN where undefined or unknown.
    along : Axis or None
        What it runs along; by default training compute, or parameters where the compute of a size
        is unknown. ``sizes`` are then the names of its points.
    points : ndarray of float, shape (sizes,), or None
        Values on any other axis.
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
    along: Axis | None = None
    points: Floats | None = None

    @property
    def about(self) -> About:
        """Identity of the curve: the columns `ABOUT`."""
        return cast(About, {name: getattr(self, name) for name in ABOUT})

    @property
    def axis(self) -> Axis:
        """What orders the sizes."""
        if self.along:
            return self.along
        known = self.parameters is None or np.isfinite(self.flops).all()
        return COMPUTE if known else PARAMETERS

    @property
    def scale_values(self) -> Floats:
        """Value of each size on its axis, shape (sizes,)."""
        if self.points is not None:
            return self.points
        if self.parameters is None or self.axis is COMPUTE:
            return self.flops
        return self.parameters

    @property
    def positions(self) -> Floats:
        """Where each size stands for fits of lines, shape (sizes,): see `Axis.positions`."""
        return self.axis.positions(self.scale_values)

    @property
    def measured(self) -> list[int]:
        """Indices of the sizes that were measured here."""
        return [index for index, names in enumerate(self.models) if names]

    @property
    def model_rows(self) -> tuple[tuple[int, ...], ...]:
        """For each measured size, its models' positions among all models of the curve."""
        ends = np.cumsum([0, *(len(self.models[index]) for index in self.measured)]).tolist()
        return tuple(tuple(range(start, end)) for start, end in pairwise(ends))

    @property
    def has_draws(self) -> bool:
        """Whether every size can be resampled: a published point needs counts, so a share."""
        return self.metric == "accuracy" or len(self.measured) == len(self.sizes)

    def without_published(self) -> Curve:
        """The curve of the sizes that were measured here."""
        measured = self.measured
        return replace(
            self,
            sizes=tuple(self.sizes[index] for index in measured),
            flops=self.flops[measured],
            values=self.values[measured],
            parameters=None if self.parameters is None else self.parameters[measured],
            points=None if self.points is None else self.points[measured],
            models=tuple(self.models[index] for index in measured),
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
        1 or 0, or the task's own value; higher is better.
    clusters : ndarray of int, shape (n,)
        Template or part of each item.
    answers : ndarray of int, shape (n,)
        Code of the text of each item's right answer.
    distractor : ndarray of float, shape (models, n), or None
        1 where the distractor task's class was chosen, else 0; NaN for items without one.
    """

    items: Ints
    models: dict[str, int]
    correct: Floats
    clusters: Ints
    answers: Ints
    distractor: Floats | None = None

    def only(self, items: Ints) -> Answers:
        """Restrict to items, by number."""
        keep = np.isin(self.items, items)
        return Answers(
            self.items[keep],
            self.models,
            self.correct[:, keep],
            self.clusters[keep],
            self.answers[keep],
            None if self.distractor is None else self.distractor[:, keep],
        )


# -- bootstrap draws ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draws:
    """Bootstrap draws of a curve's heights; higher is better.

    Attributes
    ----------
    items : ndarray of float, shape (draws, S)
        Heights of these very models on drawn items.
    runs : ndarray of float, shape (draws, S)
        Deviation of drawn training runs; zero where no size has several.
    share : bool
        Whether heights are shares, which stay within 0 and 1.
    """

    items: Floats
    runs: Floats
    share: bool

    @classmethod
    def of_items(cls, items: Floats, share: bool) -> Draws:
        """Draws of sizes with one run each."""
        return cls(items, np.zeros_like(items), share)

    @property
    def heights(self) -> Floats:
        """Heights on drawn items by drawn runs."""
        heights = self.items + self.runs
        return heights.clip(0, 1) if self.share else heights


def draw_measured(
    curves: Sequence[Curve], answers: Mapping[Key, Answers], draws: int, seed: int
) -> dict[Key, Floats]:
    """Heights of `draw_items_and_runs`, by curve, each of shape (draws, sizes)."""
    drawn = draw_items_and_runs(curves, answers, draws, seed)
    return {key: of_curve.heights for key, of_curve in drawn.items()}


def draw_items_and_runs(
    curves: Sequence[Curve], answers: Mapping[Key, Answers], draws: int, seed: int
) -> dict[Key, Draws]:
    """Bootstrap the measured curves, over items and over the training runs of each size.

    Draws are paired: the same items (`resampled_clustered_means`) for every family and variant of a
    task with the same items, and the same runs of a size for all tasks and variants. Published
    points of a curve are drawn from their counts, independently.

    Returns
    -------
    dict of key to Draws
        A curve that has a published point without counts is left out.

    Raises
    ------
    UserError
        If the items contradict a curve's values: the two files do not belong together.
    """
    by_task: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        if curve.task != AVERAGE:
            by_task.setdefault((curve.source, curve.task), []).append(curve)
    drawn: dict[Key, Draws] = {}
    for (source, task), group in by_task.items():
        observed = [values_by_model(curve, answers) for curve in group]
        resampled = paired_resamples(observed, draws, seed, source, task)
        for curve, (*_, values), by_model in zip(group, observed, resampled, strict=True):
            if curve.has_draws:
                drawn[curve.key] = _draw_by_size(curve, values.T, by_model, seed)
    by_key = {curve.key: curve for curve in curves}
    for curve in curves:
        if curve.task == AVERAGE:
            drawn[curve.key] = _draw_average(curve, drawn, by_key)
    return drawn


def draw_published(curve: Curve, draws: int, seed: int) -> Floats | None:
    """Bootstrap a published curve from its counts; None where they are unknown."""
    if curve.right is None or curve.items is None:
        return None
    rng = generator(seed, "published", curve.family, curve.task)
    return binomial_resamples(curve.right, curve.items, draws, rng)


def draw_published_average(
    curve: Curve, tasks: Mapping[tuple[str, str], Curve], draws: int, seed: int
) -> Floats | None:
    """Bootstrap a published ten-task average from the counts of its tasks.

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
        published averages mix sizes.
    """
    drawn, values = {}, {}
    for name in TEN_TASKS:
        task = tasks.get((curve.family, name))
        if task is None or task.sizes != curve.sizes:
            return None
        resampled = draw_published(task, draws, seed)
        if resampled is None:
            return None
        drawn[name], values[name] = resampled, task.values
    # Published percentages have one decimal.
    if np.abs(ten_task_mean(values) - curve.values).max() > 0.001:
        return None
    return ten_task_mean(drawn)


def _draw_by_size(curve: Curve, values: Floats, drawn: Floats, seed: int) -> Draws:
    """Draws of all sizes, from those of the measured sizes' models and the models' answers."""
    names = ("training seeds", curve.family)
    rngs = [generator(seed, *names, curve.sizes[index]) for index in curve.measured]
    share = curve.metric == "accuracy"
    runs = np.zeros((len(drawn), len(curve.sizes)))
    runs[:, curve.measured] = resampled_runs(drawn, values, curve.model_rows, rngs, share=share)
    items = np.empty_like(runs)
    for index, columns in zip(curve.measured, curve.model_rows, strict=True):
        items[:, index] = drawn[:, list(columns)].mean(axis=1)
    published = [index for index, models in enumerate(curve.models) if not models]
    if published:
        n = np.full(len(published), curve.n)
        right = np.rint(curve.values[published] * n).astype(np.int64)
        rng = generator(seed, "published", curve.family, curve.task)
        items[:, published] = binomial_resamples(right, n, len(drawn), rng)
    return Draws(items, runs, share)


def values_by_model(curve: Curve, answers: Mapping[Key, Answers]) -> tuple[Ints, Ints, Floats]:
    """Items, clusters and the values of all models, the models of each size side by side.

    Returns
    -------
    items, clusters : ndarray of int, shape (n,)
    values : ndarray of float, shape (n, models)
        Columns are the `Curve.model_rows`.

    Raises
    ------
    UserError
        If the items contradict the curve's values: the two files do not belong together.
    """
    where = "/".join(curve.key)
    of_curve = answers.get(curve.key)
    names = [name for size in curve.models for name in size]
    if of_curve is None or not all(name in of_curve.models for name in names):
        raise UserError(where, "items lack a model that the metrics have", "measure both again")
    values = of_curve.correct[[of_curve.models[name] for name in names]].T
    means = values.mean(axis=0)
    heights = [means[list(rows)].mean() for rows in curve.model_rows]
    if not np.allclose(heights, curve.heights[curve.measured], rtol=1e-6, atol=1e-9):
        raise UserError(where, "items and metrics say different things", "measure both again")
    return of_curve.items, of_curve.clusters, values


def _draw_average(curve: Curve, drawn: Mapping[Key, Draws], curves: Mapping[Key, Curve]) -> Draws:
    where = "/".join(curve.key)
    items, runs, protocols = {}, {}, {AVERAGE: curve.protocol}
    for task in TEN_TASKS:
        key = curve.key._replace(task=task)
        if key not in drawn or not set(curve.sizes) <= set(curves[key].sizes):
            raise UserError(where, f"task '{task}' is missing", "measure all ten tasks")
        sizes = curves[key].sizes
        order = [sizes.index(size) for size in curve.sizes]
        items[task], runs[task] = drawn[key].items[:, order], drawn[key].runs[:, order]
        protocols[task] = curves[key].protocol
    one_protocol(where, protocols)
    return Draws(ten_task_mean(items), ten_task_mean(runs), share=True)
