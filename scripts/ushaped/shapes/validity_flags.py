"""Traps: where the items of a curve are less evidence than their number says.

The probabilities of a verdict take items, or clusters of items, as independent. A model that gives
one answer to all of them answers no item by itself: its accuracy is the share of items for which
that answer is right, and another answer moves it as a whole. None of this changes a verdict; each
trap becomes a flag of the curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ushaped.errors import UserError
from ushaped.metrics.definitions import CONSTANT
from ushaped.results.text_files import number, read_rows
from ushaped.shapes.curves import Answers, Curve
from ushaped.shapes.rules import Floats, Ints
from ushaped.terms import AVERAGE

ONE_ANSWER = "one-answer"
UNBALANCED = "unbalanced-labels"
LABEL_SHARE = "label-share-score"
TOGETHER = "moves-together"

UNBALANCED_SHARE = 2 / 3
"""Share of the items that one answer must be right for, and more; ours, a convention."""

TOGETHER_SHARE = 0.9
"""Share of the items that must change the same way between two sizes; ours, a convention."""


def with_traps(curve: Curve, labels: Ints | None) -> Curve:
    """Flag a curve with the traps that it has; only accuracies of single tasks have any.

    ``constant-answer``
        A size that decides the shape (`deciding`) has a model that gives one answer to 99 % of the
        items. At another size it is told in the metrics alone.
    ``one-answer``
        The same answer is right for all items.
    ``unbalanced-labels``
        The same answer is right for more than `UNBALANCED_SHARE` of the items, though not for all.
    ``label-share-score``
        A size that decides the shape has exactly as many right answers as one answer to every item
        would give. Of published curves, whose answers are not known.
    ``moves-together``
        Between two neighbouring sizes accuracy changes by `TOGETHER_SHARE` or more, so that at
        least as many of the items change the same way.

    Parameters
    ----------
    curve : Curve
    labels : ndarray of int, shape (answers,), or None
        For how many items each answer is right; None where it is not known.

    Returns
    -------
    Curve
    """
    if curve.metric != "accuracy" or curve.task == AVERAGE:
        return curve
    decides = deciding(curve.heights)
    traps = []
    if any(curve.sizes[place] in curve.constant for place in decides):
        traps.append(CONSTANT)
    if labels is not None:
        if labels.max() == labels.sum():
            traps.append(ONE_ANSWER)
        elif labels.max() > UNBALANCED_SHARE * labels.sum():
            traps.append(UNBALANCED)
        if curve.right is not None and np.isin(curve.right[decides], labels).any():
            traps.append(LABEL_SHARE)
    if (np.abs(np.diff(curve.heights)).round(9) >= TOGETHER_SHARE).any():
        traps.append(TOGETHER)
    return replace(curve, flags=(*curve.flags, *traps))


def deciding(heights: Floats) -> list[int]:
    """Places of the sizes that decide a shape by the rules.

    They are the first, the last, the lowest, the highest, the highest before the lowest and the
    lowest before the highest.

    Examples
    --------
    >>> deciding(np.array([0.5, 0.6, 0.55, 0.2, 0.3, 0.9]))
    [0, 1, 3, 5]
    """
    lowest, highest = int(np.argmin(heights)), int(np.argmax(heights))
    before = int(np.argmax(heights[: lowest + 1])), int(np.argmin(heights[: highest + 1]))
    return sorted({0, len(heights) - 1, lowest, highest, *before})


def labels_of(answers: Answers) -> Ints:
    """For how many items each answer is right, shape (answers,)."""
    return np.unique(answers.answers, return_counts=True)[1].astype(np.int64)


def read_labels(path: Path) -> dict[str, Ints]:
    """For how many items of the released files each answer is right, by task.

    Parameters
    ----------
    path : Path
        ``literature/labels.csv``.

    Raises
    ------
    UserError
        With file and line, if a count is no whole number of 0 or more.
    """
    found: dict[str, list[int]] = {}
    for row in read_rows(path, ("task", "answer", "items")):
        found.setdefault(row["task"], []).append(_count(path, row))
    return {task: np.array(counts) for task, counts in found.items()}


def _count(path: Path, row: Mapping[str, str]) -> int:
    count = number(path, row, "items")
    if count < 0 or count != int(count):
        where = f"{path}, line {row['line']}"
        raise UserError(where, f"items is '{row['items']}'", "give a whole number")
    return int(count)
