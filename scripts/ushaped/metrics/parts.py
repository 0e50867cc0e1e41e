"""Scores by part: many tasks were put together from sub-tasks, which need not scale alike."""

from __future__ import annotations

import numpy as np

from ushaped.metrics.definitions import Scores
from ushaped.metrics.intervals import (
    generator,
    percentile_interval,
    resampled_means,
    share_interval,
)
from ushaped.metrics.table import Condition, by_size, mean_over, pooled, row_of
from ushaped.metrics.written import WrittenAnswers
from ushaped.results.columns import PARTS
from ushaped.results.text_files import Row


def part_rows(
    condition: Condition, scores: Scores | WrittenAnswers, draws: int, seed: int
) -> list[Row]:
    """The metric that judges a task, for each of its parts and each size.

    Parameters
    ----------
    condition : Condition
    scores : Scores or WrittenAnswers
    draws, seed : int
        Of the bootstrap over the items of a part; shares need none.

    Returns
    -------
    list of dict
        With the keys `PARTS`; empty where all items are of one part.
    """
    questions = condition.questions
    parts = np.unique(questions.part)
    if len(parts) == 1:
        return []
    members = by_size(condition.models)
    sizes = [pooled([condition.models[row] for row in rows]) for rows in members]
    rows: list[Row] = []
    for part in parts:
        keep = questions.part == part
        metrics = scores.select(keep).metrics(questions.select(keep))
        metric, measured = next(iter(metrics.items()))
        values = mean_over(members, measured.values)
        rng = generator(seed, condition.source, condition.task, f"part {part}")
        if measured.share:
            low, high = share_interval(values)
        else:
            low, high = percentile_interval(resampled_means(values.T, draws, rng))
        for i, size in enumerate(sizes):
            row = row_of(size, condition, metric) | {
                "part": int(part),
                "value": float(values[i].mean()),
                "low": float(low[i]),
                "high": float(high[i]),
                "n": int(keep.sum()),
                "chance": measured.chance,
            }
            rows.append({name: row[name] for name in PARTS})
    return rows
