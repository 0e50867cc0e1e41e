"""Which points of the source figure stand at the wrong size, found from the numbers alone.

A figure draws, for each model series, ten tasks and their average at size labels. Where the labels
are right, the average at a label is the mean of the ten values at that label. Where the tasks were
put together from two lists in different orders of sizes, the average belongs to one of the lists:
at a label it is the mean of the values of some tasks at that label and of the others at another.
We try every split of the tasks into two groups and every matching of the labels. A split that
explains all averages of a series, when no other does, tells which points were moved.

Which of the two orders is right, the averages cannot say. We keep that of the larger group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ushaped.errors import UserError
from ushaped.literature.points import UNKNOWN_SIZE, Point, series_names
from ushaped.shapes.rules import Floats
from ushaped.terms import AVERAGE, TEN_TASKS

# Values and averages are given to six digits.
TOLERANCE = 1e-5
# Smaller differences come from adding the same numbers in another order.
DIGITS = 9


@dataclass(frozen=True)
class Drawn:
    """One series as the figure draws it.

    Attributes
    ----------
    series : str
    labels : tuple of str
        Smallest training compute first.
    flops : ndarray of float, shape (labels,)
        Training compute that belongs to each label.
    average : ndarray of float, shape (labels,)
        The average drawn at each label.
    values : ndarray of float, shape (labels, 10)
        What is drawn of each of ``TEN_TASKS`` at each label.
    """

    series: str
    labels: tuple[str, ...]
    flops: Floats
    average: Floats
    values: Floats


@dataclass(frozen=True)
class Solution:
    """A split of the tasks and a matching of the labels that explain all averages.

    Attributes
    ----------
    together : tuple of bool
        For each task, whether it stands in the order of the average.
    partner : tuple of int
        For each label, the label at which the other tasks' values of the same model stand.
    """

    together: tuple[bool, ...]
    partner: tuple[int, ...]


def as_drawn(points: Sequence[Point]) -> list[Drawn]:
    """Arrange points by series, plotted label and task, as the figure draws them.

    Raises
    ------
    UserError
        If the average or a task is not drawn at one of the labels of its series.
    """
    wanted = {AVERAGE, *TEN_TASKS}
    chosen = [p for p in points if p.metric == "accuracy" and p.task in wanted]
    found = []
    for series in series_names(chosen):
        own = [p for p in chosen if p.series == series and p.plotted_size != UNKNOWN_SIZE]
        flops = {p.size: p.flops for p in own}
        labels = sorted({p.plotted_size for p in own}, key=lambda label: flops.get(label, 0.0))
        cells = {(p.plotted_size, p.task): p.value for p in own}
        for label, task in product(labels, sorted(wanted)):
            if (label, task) not in cells or label not in flops:
                where = f"series '{series}', task '{task}'"
                raise UserError(where, f"has no point drawn at {label}", "add or mend its row")
        found.append(
            Drawn(
                series,
                tuple(labels),
                np.array([flops[label] for label in labels]),
                np.array([cells[label, AVERAGE] for label in labels]),
                np.array([[cells[label, task] for task in TEN_TASKS] for label in labels]),
            )
        )
    return found


def is_consistent(drawn: Drawn, tolerance: float = TOLERANCE) -> bool:
    """Whether every average is the mean of the values drawn at its own label."""
    return bool((np.abs(drawn.values.mean(axis=1) - drawn.average) < tolerance).all())


def solutions(drawn: Drawn, tolerance: float = TOLERANCE) -> list[Solution]:
    """All splits and matchings that explain the averages of a series.

    Parameters
    ----------
    drawn : Drawn
    tolerance : float
        Largest difference between an average and its explanation, as a share of 1.

    Returns
    -------
    list of Solution
        Empty if nothing explains them.

    Notes
    -----
    With a split S, label i matches label j if

        average[i] = (sum of values[i, S] + sum of values[j, not S]) / tasks.

    All 2**tasks - 2 splits are tried at once; what is left are the few whose labels can be matched
    one to one.
    """
    tasks = drawn.values.shape[1]
    splits = np.array(list(product((False, True), repeat=tasks))[1:-1])
    same, other = splits @ drawn.values.T, ~splits @ drawn.values.T
    means = (same[:, :, None] + other[:, None, :]) / tasks
    fits = np.abs(means - drawn.average[None, :, None]) < tolerance
    possible = fits.any(axis=2).all(axis=1) & fits.any(axis=1).all(axis=1)
    return [
        Solution(tuple(map(bool, splits[split])), partner)
        for split in np.flatnonzero(possible)
        for partner in _matchings([np.flatnonzero(row).tolist() for row in fits[split]])
    ]


def _matchings(choices: Sequence[Sequence[int]]) -> Iterator[tuple[int, ...]]:
    """All ways to take one of each row's choices, none of them twice."""
    if not choices:
        yield ()
        return
    for first in choices[0]:
        rest = [[one for one in row if one != first] for row in choices[1:]]
        for others in _matchings(rest):
            yield (first, *others)


@dataclass(frozen=True)
class Finding:
    """What the averages of a series say about its labels.

    Attributes
    ----------
    drawn : Drawn
    fits : int
        How many splits and matchings explain the averages; 0 also where nothing is to be explained.
    moved : tuple of str
        Tasks of the smaller group; empty unless exactly one split fits.
    average_moves : bool
        Whether the average stands with the smaller group.
    target : tuple of int
        For each label, the place of the label at which the smaller group's points belong.
    """

    drawn: Drawn
    fits: int
    moved: tuple[str, ...]
    average_moves: bool
    target: tuple[int, ...]

    @property
    def corrected(self) -> Floats:
        """The values with the smaller group's moved, shape (labels, tasks)."""
        values = self.drawn.values.copy()
        for column, task in enumerate(TEN_TASKS):
            if task in self.moved:
                values[list(self.target), column] = self.drawn.values[:, column]
        return values

    @property
    def average(self) -> Floats:
        """The drawn average, moved where it stands with the smaller group, shape (labels,)."""
        average = self.drawn.average.copy()
        if self.average_moves:
            average[list(self.target)] = self.drawn.average
        return average


def find(drawn: Drawn, tolerance: float = TOLERANCE) -> Finding:
    """Find out which points of a series stand at the wrong size.

    Where several explanations fit, or two groups of equal size, nothing is moved.
    """
    unmoved = tuple(range(len(drawn.labels)))
    if is_consistent(drawn, tolerance):
        return Finding(drawn, 0, (), False, unmoved)
    found = solutions(drawn, tolerance)
    together = sum(found[0].together) if len(found) == 1 else 0
    if together == 0 or 2 * together == len(found[0].together):
        return Finding(drawn, len(found), (), False, unmoved)
    average_moves = 2 * together < len(found[0].together)
    moved = tuple(
        task
        for task, with_average in zip(TEN_TASKS, found[0].together, strict=True)
        if with_average == average_moves
    )
    # The partner of a label is where the others stand; seen from the others it is the inverse.
    partner = found[0].partner
    target = partner if average_moves else tuple(map(int, np.argsort(partner)))
    return Finding(drawn, 1, moved, average_moves, target)


def rows(found: Finding) -> list[dict[str, object]]:
    """Rows of the table of one series, one per plotted label.

    ``mean_across`` is the mean of the tasks that stand in the order of the
    average at the plotted label and of the others at the label matched with it; ``mean_corrected``
    and ``average_corrected`` belong to the label itself, after the correction.
    """
    drawn = found.drawn
    at_label = drawn.values.mean(axis=1)
    corrected = found.corrected.mean(axis=1)
    # Where the average stands still, it is explained at its own label.
    across = corrected[list(found.target)] if found.average_moves else corrected
    return [
        {
            "series": drawn.series,
            "plotted_size": label,
            "size": drawn.labels[found.target[place]],
            "training_flops": float(drawn.flops[place]),
            "plotted_average": float(drawn.average[place]),
            "mean_at_label": float(at_label[place]),
            "error_before": _difference(drawn.average[place], at_label[place]),
            "mean_across": float(across[place]),
            "error_across": _difference(drawn.average[place], across[place]),
            "mean_corrected": float(corrected[place]),
            "average_corrected": float(found.average[place]),
            "error_after": _difference(found.average[place], corrected[place]),
            "explanations": found.fits,
            "moved_tasks": ";".join(found.moved),
        }
        for place, label in enumerate(drawn.labels)
    ]


def _difference(one: float, other: float) -> float:
    # Adding zero turns -0.0 into 0.0.
    return round(float(one - other), DIGITS) + 0.0
