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
from ushaped.metrics.table import Condition, Row, by_size, mean_over, pooled

COLUMNS = (
    "family",
    "size",
    "parameters",
    "training_flops",
    "source",
    "task",
    "variant",
    "protocol",
    "modified",
    "part",
    "metric",
    "value",
    "low",
    "high",
    "n",
    "chance",
)


def part_rows(condition: Condition, scores: Scores, draws: int, seed: int) -> list[Row]:
    """The metric that judges a task, for each of its parts and each size.

    Parameters
    ----------
    condition : Condition
    scores : Scores
    draws, seed : int
        Of the bootstrap over the items of a part; shares need none.

    Returns
    -------
    list of dict
        With the keys `COLUMNS`; empty where all items are of one part.
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
        some = scores.chosen(keep)
        found = some.metrics(questions.chosen(keep))
        metric, measured = next(iter(found.items()))
        values = mean_over(members, measured.values)
        rng = generator(seed, condition.source, condition.task, f"part {part}")
        if measured.share:
            low, high = share_interval(values)
        else:
            low, high = percentile_interval(resampled_means(values.T, draws, rng))
        rows += [
            {
                "family": size.family,
                "size": size.size,
                "parameters": size.parameters,
                "training_flops": size.training_flops,
                "source": condition.source,
                "task": condition.task,
                "variant": condition.variant,
                "protocol": questions.protocol,
                "modified": questions.modified,
                "part": int(part),
                "metric": metric,
                "value": float(values[place].mean()),
                "low": float(low[place]),
                "high": float(high[place]),
                "n": int(keep.sum()),
                "chance": measured.chance,
            }
            for place, size in enumerate(sizes)
        ]
    return rows
