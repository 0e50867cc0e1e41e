"""Validity flags: curves whose items are weaker evidence than their number suggests.

Tests and bootstrap take items, or clusters of items, as independent. The answers of a model that
gives one answer to all items are not: its accuracy is the share of items for which that answer is
right. A flag changes no verdict.
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
"""Labels are unbalanced if one answer is right for a larger share of the items; our convention."""

TOGETHER_SHARE = 0.9
"""Least change of accuracy between two sizes that is flagged; our convention."""


def add_validity_flags(curve: Curve, labels: Ints | None) -> Curve:
    """Add validity flags to a curve; only accuracies of single tasks have any.

    ``constant-answer``
        A size that decides the shape (`deciding_sizes`) has a model that gives one answer to 99 %
        of the items. Other sizes are flagged in the metrics alone.
    ``one-answer``
        The same answer is right for all items.
    ``unbalanced-labels``
        The same answer is right for more than `UNBALANCED_SHARE` of the items, though not for all.
    ``label-share-score``
        A size that decides the shape has exactly as many right answers as one answer to every item
        would give. Only of published curves, whose answers are unknown.
    ``moves-together``
        Between two neighbouring sizes accuracy changes by `TOGETHER_SHARE` or more, so that at
        least as many of the items change the same way.

    Parameters
    ----------
    curve : Curve
    labels : ndarray of int, shape (answers,), or None
        Number of items for which each answer is right; None where unknown.
    """
    if curve.metric != "accuracy" or curve.task == AVERAGE:
        return curve
    decides = deciding_sizes(curve.heights)
    added = []
    if any(curve.sizes[index] in curve.constant for index in decides):
        added.append(CONSTANT)
    if labels is not None:
        if labels.max() == labels.sum():
            added.append(ONE_ANSWER)
        elif labels.max() > UNBALANCED_SHARE * labels.sum():
            added.append(UNBALANCED)
        if curve.right is not None and np.isin(curve.right[decides], labels).any():
            added.append(LABEL_SHARE)
    if (np.abs(np.diff(curve.heights)).round(9) >= TOGETHER_SHARE).any():
        added.append(TOGETHER)
    return replace(curve, flags=(*curve.flags, *added))


def deciding_sizes(heights: Floats) -> list[int]:
    """Indices of the sizes that decide a shape by the rules.

    The first, last, lowest and highest, the highest before the lowest, and the lowest before the
    highest.

    Examples
    --------
    >>> deciding_sizes(np.array([0.5, 0.6, 0.55, 0.2, 0.3, 0.9]))
    [0, 1, 3, 5]
    """
    lowest, highest = int(np.argmin(heights)), int(np.argmax(heights))
    before = int(np.argmax(heights[: lowest + 1])), int(np.argmin(heights[: highest + 1]))
    return sorted({0, len(heights) - 1, lowest, highest, *before})


def answer_counts(answers: Answers) -> Ints:
    """Number of items for which each answer is right, shape (answers,)."""
    return np.unique(answers.answers, return_counts=True)[1].astype(np.int64)


def read_answer_counts(path: Path) -> dict[str, Ints]:
    """Number of released items for which each answer is right, by task.

    Parameters
    ----------
    path : Path
        ``literature/labels.csv``.

    Raises
    ------
    UserError
        With file and line, if a count is no whole number of 0 or more.
    """
    by_task: dict[str, list[int]] = {}
    for row in read_rows(path, ("task", "answer", "items")):
        by_task.setdefault(row["task"], []).append(_count(path, row))
    return {task: np.array(counts) for task, counts in by_task.items()}


def _count(path: Path, row: Mapping[str, str]) -> int:
    count = number(path, row, "items")
    if count < 0 or count != int(count):
        where = f"{path}, line {row['line']}"
        raise UserError(where, f"items is '{row['items']}'", "give a whole number")
    return int(count)
