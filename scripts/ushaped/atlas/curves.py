"""Curves of points: along one axis, with everything else held fixed or shared.

A set of runs that differ in size and in training tokens makes several kinds of curves (`SETTINGS`):
over training compute all runs together, over parameters those of one token multiple, over tokens
those of one size, over validation loss all runs. Points with the same place on an axis are training
runs of one size, or models of one compute; the curve has their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ushaped.atlas.points import ACCURACY, HIGHER, LeftOut, Point
from ushaped.axes import COMPUTE, PARAMETERS, TRAINING_TOKENS, VALIDATION_LOSS, Axis
from ushaped.report.text import plural
from ushaped.shapes.rules import Floats, Ints
from ushaped.shapes.run_noise import ESTIMATED, RunNoise, noise_profile

# Fewer points cannot turn.
LEAST_POINTS = 3
ALL_RUNS = "all runs"
# Largest distance of a count from a whole number by rounding alone.
WHOLE = 0.05

# Flags of a curve.
MIXED = "mixed-multiples"
SUBTASKS = "mean-of-subtasks"
FAMILIES = "several-families"


@dataclass(frozen=True)
class Setting:
    """A kind of curve.

    Attributes
    ----------
    axis : Axis
    of : callable
        Place of a point on the axis; NaN where unknown.
    fixed : callable
        What is the same for all points of a curve, in words; "" where a point is on none.
    """

    axis: Axis
    of: Callable[[Point], float]
    fixed: Callable[[Point], str]


def _multiple(point: Point) -> str:
    if math.isnan(point.token_multiple):
        return ""
    return f"{20 * point.token_multiple:g} tokens per parameter"


def _size(point: Point) -> str:
    return "" if math.isnan(point.token_multiple) else f"{point.size} parameters"


def _all(_: Point) -> str:
    return ALL_RUNS


SETTINGS = (
    Setting(COMPUTE, lambda point: point.training_flops, _all),
    Setting(PARAMETERS, lambda point: point.parameters, _multiple),
    Setting(TRAINING_TOKENS, lambda point: point.training_tokens, _size),
    Setting(VALIDATION_LOSS, lambda point: point.validation_loss, _all),
)


@dataclass(frozen=True)
class AtlasCurve:
    """One curve; S is the number of its points, the worst models first.

    Attributes
    ----------
    set, corpus, task, part, metric, protocol, modified, commit : str
        As of its points.
    axis : Axis
    fixed : str
        What is held fixed.
    sizes : tuple of str
        Names of the points.
    at, values : ndarray of float, shape (S,)
    n : ndarray of int, shape (S,), or None
        Items; None where those of a point are unknown.
    models : tuple of tuple of str
        Models of each point.
    chance : float
    flags : tuple of str
    reruns : RunNoise or None
        Run-to-run noise by reruns on the same task; None without any.
    """

    set: str
    corpus: str
    task: str
    part: str
    metric: str
    protocol: str
    modified: str
    commit: str
    axis: Axis
    fixed: str
    sizes: tuple[str, ...]
    at: Floats
    values: Floats
    n: Ints | None
    models: tuple[tuple[str, ...], ...]
    chance: float
    flags: tuple[str, ...] = ()
    reruns: RunNoise | None = None

    @property
    def label(self) -> str:
        """Its task, with the group of items."""
        return f"{self.task}, group {self.part}" if self.part else self.task

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Names of its random numbers, as `ushaped.shapes.curves.Curve.key` has them."""
        setting = (self.metric, self.axis.name, self.fixed, self.protocol, self.modified)
        return self.corpus, self.set, self.label, "/".join(setting)

    @property
    def heights(self) -> Floats:
        """Values where higher is better."""
        return self.values if HIGHER[self.metric] else -self.values

    @property
    def counts(self) -> tuple[Ints, Ints] | None:
        """Right answers and items of each point; None where the curve is of no shares of items."""
        if self.metric != ACCURACY or self.n is None:
            return None
        return np.rint(self.values * self.n).astype(np.int64), self.n


def curves_of(
    points: Sequence[Point], pooled: Mapping[str, str]
) -> tuple[list[AtlasCurve], list[LeftOut]]:
    """Curves of points in every setting that they allow, and what is on none.

    Parameters
    ----------
    points : sequence of Point
        Of one or several sets.
    pooled : mapping of str to str
        Sets whose families are also put on one axis, and what all of them together are called.
    """
    subtasks = means_of_subtasks(points)
    extra = [replace(p, corpus=pooled[p.set]) for p in points if pooled.get(p.set)]
    curves: list[AtlasCurve] = []
    short: dict[tuple[str, str, str], int] = {}
    for own in _groups([*points, *extra]):
        reruns = rerun_noise(own)
        for setting in SETTINGS:
            for fixed, chosen in _fixed(own, setting):
                curve = _curve(chosen, setting, fixed)
                if len(curve.sizes) >= LEAST_POINTS:
                    if curve.metric == ACCURACY and (curve.set, curve.task) in subtasks:
                        curve = replace(curve, flags=(*curve.flags, SUBTASKS))
                    if curve.corpus == pooled.get(curve.set):
                        curve = replace(curve, flags=(*curve.flags, FAMILIES))
                    curves.append(replace(curve, reruns=reruns))
                else:
                    what = f"{curve.corpus}, {fixed}, over {setting.axis.title}"
                    found = f"has {plural(len(curve.sizes), 'point')}"
                    key = curve.set, what, found
                    short[key] = short.get(key, 0) + 1
    left_out = [
        LeftOut(of, what, f"{found}, and a turn needs {LEAST_POINTS} ({plural(count, 'curve')})")
        for (of, what, found), count in short.items()
    ]
    return curves, left_out


def _groups(points: Iterable[Point]) -> list[list[Point]]:
    """Points that may share a curve: of one task and metric, measured in one way."""
    groups: dict[tuple[str, ...], list[Point]] = {}
    for p in points:
        key = (p.set, p.corpus, p.task, p.part, p.metric, p.protocol, p.modified, p.commit)
        groups.setdefault(key, []).append(p)
    return list(groups.values())


def _fixed(points: Sequence[Point], setting: Setting) -> Iterator[tuple[str, list[Point]]]:
    """Points with a place on the axis, by what they have in common."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        if (words := setting.fixed(point)) and not math.isnan(setting.of(point)):
            groups.setdefault(words, []).append(point)
    yield from groups.items()


def _curve(points: Sequence[Point], setting: Setting, fixed: str) -> AtlasCurve:
    places: dict[float, list[Point]] = {}
    for point in points:
        places.setdefault(setting.of(point), []).append(point)
    order = sorted(places, reverse=setting.axis.falling)
    by_place = [places[place] for place in order]
    first = points[0]
    items = [min(p.n or 0 for p in own) for own in by_place]
    return AtlasCurve(
        first.set,
        first.corpus,
        first.task,
        first.part,
        first.metric,
        first.protocol,
        first.modified,
        first.commit,
        setting.axis,
        fixed,
        sizes=tuple(name_of(own) for own in by_place),
        at=np.array(order),
        values=np.array([np.mean([p.value for p in own]) for own in by_place]),
        n=np.array(items) if all(items) else None,
        models=tuple(tuple(f"{p.model}{p.run and ' '}{p.run}" for p in own) for own in by_place),
        chance=first.chance,
        flags=tuple(_flags(points, fixed)),
    )


def name_of(points: Sequence[Point]) -> str:
    """Name of a point of a curve: its models where families differ, else size and multiple."""
    first = points[0]
    if math.isnan(first.token_multiple):
        return " and ".join(dict.fromkeys(p.model for p in points))
    return f"{first.size} × {20 * first.token_multiple:g}"


def _flags(points: Sequence[Point], fixed: str) -> Iterator[str]:
    multiples = {p.token_multiple for p in points if not math.isnan(p.token_multiple)}
    if fixed == ALL_RUNS and len(multiples) > 1:
        yield MIXED


def means_of_subtasks(points: Iterable[Point]) -> set[tuple[str, str]]:
    """Sets and tasks whose accuracies are no shares of their items: means over subtasks."""
    return {
        (p.set, p.task)
        for p in points
        if p.n and p.metric == ACCURACY and abs(p.value * p.n - round(p.value * p.n)) > WHOLE
    }


def rerun_noise(points: Sequence[Point]) -> RunNoise | None:
    """Run-to-run noise of one task by runs of the same size and tokens; None without any.

    Pooled over the sizes, as `ushaped.shapes.run_noise.estimate_run_noise` does with items. Without
    items the part of them that is the interaction of runs and items cannot be taken off; for
    accuracies, whose items have their own variance, the noise is rather too large.
    """
    pairs: dict[tuple[str, float], list[Point]] = {}
    for point in points:
        if not math.isnan(point.token_multiple):
            pairs.setdefault((point.size, point.token_multiple), []).append(point)
    between, base, degrees = 0.0, 0.0, 0
    for own in pairs.values():
        if len(own) < 2:
            continue
        values = np.array([point.value for point in own])
        n = own[0].n if own[0].metric == ACCURACY else None
        freedom = len(own) - 1
        degrees += freedom
        between += freedom * float(values.var(ddof=1))
        base += freedom * float(noise_profile(values.mean(), n))
    if not degrees or not between:
        return None
    total = between / base
    return RunNoise(ESTIMATED, math.sqrt(total), "reruns", degrees, total)
