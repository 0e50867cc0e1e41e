"""Where do compute-optimal models fall? Chinchilla against Gopher and PaLM.

Chinchilla has fewer parameters and more training tokens than a model of the same training compute
in the other two series, so there are two ways to hold them side by side: at equal training compute
and at equal parameters. Between its sizes a series is interpolated, linearly in the logarithm of
the scale; outside its range it is never extended. Equal on one axis is unequal on the other, and
the table says by how much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ushaped.metrics.intervals import percentile_interval
from ushaped.metrics.table import ten_task_mean
from ushaped.questions.inputs import Inputs
from ushaped.results.text_files import Row
from ushaped.shapes.curves import Curve, draw_published
from ushaped.shapes.read import read_published
from ushaped.shapes.rules import Floats
from ushaped.terms import AVERAGE, TEN_TASKS

OPTIMAL = "Chinchilla"
OTHERS = ("Gopher", "PaLM")
COMPUTE, PARAMETERS = AXES = ("training_flops", "parameters")

COLUMNS = (
    *("axis", "other", "at", "scale", "largest", "task", "metric", "optimal", "value"),
    *("difference", "low", "high", "other_axis_ratio"),
)
TEXT = frozenset({"axis", "other", "at", "largest"})


def answer(inputs: Inputs) -> list[Row]:
    """Chinchilla beside Gopher and PaLM."""
    curves = [c for c in read_published(inputs.published) if c.family in (OPTIMAL, *OTHERS)]
    drawn = {(c.family, c.task): draw_published(c, inputs.draws, inputs.seed) for c in curves}
    return matching(series_of(curves, drawn))


@dataclass(frozen=True)
class Series:
    """One task of one published series along both scales.

    Attributes
    ----------
    sizes : tuple of str
    scales : dict of str to ndarray of float, shape (sizes,)
        By axis.
    values : ndarray of float, shape (sizes,)
        In the metric's own unit.
    drawn : ndarray of float, shape (draws, sizes), or None
        Drawn again from counts; None where no counts are known.
    metric : str
    """

    sizes: tuple[str, ...]
    scales: dict[str, Floats]
    values: Floats
    drawn: Floats | None
    metric: str


def series_of(
    curves: Sequence[Curve], drawn: Mapping[tuple[str, str], Floats | None]
) -> dict[tuple[str, str], Series]:
    """Series by name and task, with the draws of the ten-task average made from its tasks'.

    Parameters
    ----------
    curves : sequence of Curve
        Published ones.
    drawn : mapping of (series, task) to ndarray of float, shape (draws, sizes), or None
    """
    series = {}
    for curve in curves:
        own = drawn.get((curve.family, curve.task))
        if curve.task == AVERAGE:
            parts = {task: drawn.get((curve.family, task)) for task in TEN_TASKS}
            known = {task: part for task, part in parts.items() if part is not None}
            own = ten_task_mean(known) if len(known) == len(TEN_TASKS) else None
        assert curve.parameters is not None
        scales = {COMPUTE: curve.flops, PARAMETERS: curve.parameters}
        key = curve.family, curve.task
        series[key] = Series(curve.sizes, scales, curve.values, own, curve.metric)
    return series


def matching(series: Mapping[tuple[str, str], Series]) -> list[Row]:
    """Chinchilla less the other series at equal compute and at equal parameters.

    Parameters
    ----------
    series : mapping of (series, task) to Series

    Returns
    -------
    list of dict
        Keys `COLUMNS`; one row per axis, other series, task and point. The points are Chinchilla's
        sizes inside the other series' range, and where the smaller one of the two ends if that is
        no such size (``at`` then names the other's size, and Chinchilla is interpolated there).
        ``largest`` is yes at the last point. ``difference`` is in the metric's own unit, its
        interval comes from counts drawn independently (for two series that answered the same items
        too wide rather than too narrow, if their errors go together). ``other_axis_ratio`` is
        Chinchilla's scale on the other axis over that of the other series there.
    """
    rows: list[Row] = []
    for axis in AXES:
        for other in OTHERS:
            tasks = [task for name, task in series if name == OPTIMAL and (other, task) in series]
            for task in tasks:
                rows += _task_rows(axis, other, task, series[OPTIMAL, task], series[other, task])
    return rows


def _task_rows(axis: str, other: str, task: str, one: Series, two: Series) -> list[Row]:
    beside = PARAMETERS if axis == COMPUTE else COMPUTE
    points = list(shared_points(other, one, two, axis))
    rows: list[Row] = []
    for at, scale in points:
        ours, theirs = (interpolate(s.scales[axis], s.values, scale) for s in (one, two))
        low = high = math.nan
        if one.drawn is not None and two.drawn is not None:
            between = interpolate(one.scales[axis], one.drawn, scale) - interpolate(
                two.scales[axis], two.drawn, scale
            )
            low, high = (float(end) for end in percentile_interval(between))
        logs = [interpolate(s.scales[axis], np.log(s.scales[beside]), scale) for s in (one, two)]
        rows.append(
            {
                "axis": axis,
                "other": other,
                "at": at,
                "scale": scale,
                "largest": "yes" if scale == points[-1][1] else "no",
                "task": task,
                "metric": one.metric,
                "optimal": float(ours),
                "value": float(theirs),
                "difference": float(ours - theirs),
                "low": low,
                "high": high,
                "other_axis_ratio": float(np.exp(logs[0] - logs[1])),
            }
        )
    return rows


def shared_points(other: str, one: Series, two: Series, axis: str) -> Iterator[tuple[str, float]]:
    """Chinchilla's sizes inside both ranges, smallest first, and where the shorter one ends."""
    ours, theirs = one.scales[axis], two.scales[axis]
    low, high = max(ours.min(), theirs.min()), min(ours.max(), theirs.max())
    for size, scale in zip(one.sizes, ours.tolist(), strict=True):
        if low <= scale <= high:
            yield f"{OPTIMAL} {size}", scale
    if low <= high and high not in ours:
        yield f"{other} {two.sizes[-1]}", float(high)


def interpolate(scales: Floats, values: Floats, at: float) -> Floats:
    """Values at a scale, linear in its logarithm, along the last axis.

    Parameters
    ----------
    scales : ndarray of float, shape (sizes,)
        Increasing.
    values : ndarray of float, shape (..., sizes)
    at : float
        Within the range of ``scales``.

    Raises
    ------
    ValueError
        Outside that range: nothing is extrapolated.

    Examples
    --------
    >>> float(interpolate(np.array([1.0, 100.0]), np.array([0.2, 0.6]), 10.0))
    0.4
    """
    if not scales[0] <= at <= scales[-1]:
        raise ValueError(f"{at:g} lies outside {scales[0]:g} to {scales[-1]:g}")
    right = int(np.clip(np.searchsorted(scales, at), 1, len(scales) - 1))
    left = right - 1
    share = math.log(at / scales[left]) / math.log(scales[right] / scales[left])
    return (1 - share) * values[..., left] + share * values[..., right]
