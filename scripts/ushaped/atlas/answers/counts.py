"""How many curves have each shape, with intervals.

Curves of one task share its items, and those of one model its training, so a curve is no
independent observation. The intervals of the shares resample tasks, each with all its curves
(cluster bootstrap), where there are ten or more; they say how the shares would vary with other
tasks, and not with other models. A shape of no curve, or of all, does not vary when tasks are
resampled: its interval is Wilson's, as if each task were one observation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ushaped.atlas.verdicts import is_tested
from ushaped.metrics.intervals import generator, percentile_interval, resampled_sums, wilson
from ushaped.results.text_files import Row
from ushaped.shapes.bootstrap import LEAST_CLUSTERS
from ushaped.terms import STATISTICAL_SHAPES

GROUP = ("set", "metric", "axis")
COLUMNS = (
    *GROUP,
    *("curves", "tasks", "tested", "shape", "count", "confirmed", "share", "low", "high"),
)


def rows(verdicts: Sequence[Row], draws: int, seed: int) -> list[Row]:
    """One row for each set, metric, axis and shape.

    ``confirmed`` counts the curves whose verdict stands after correction for all curves of the
    atlas; ``share`` is ``count`` over the curves that could be ``tested``, with its 95 % interval.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in verdicts:
        groups.setdefault(tuple(row[name] for name in GROUP), []).append(row)
    found: list[Row] = []
    for key, own in groups.items():
        tested = [row for row in own if is_tested(row)]
        about: Row = dict(zip(GROUP, key, strict=True))
        about |= {"curves": len(own), "tasks": len({row["task"] for row in own})}
        rng = generator(seed, "counts", *map(str, key))
        intervals = _intervals(tested, draws, rng)
        for place, shape in enumerate(STATISTICAL_SHAPES):
            same = [row for row in tested if row["statistical"] == shape]
            share, low, high = intervals[place]
            found.append(
                about
                | {"tested": len(tested), "shape": shape, "count": len(same)}
                | {"confirmed": sum(row["confirmed"] == "yes" for row in same)}
                | {"share": share, "low": low, "high": high}
            )
    return found


def _intervals(
    tested: Sequence[Row], draws: int, rng: np.random.Generator
) -> list[tuple[float, float, float]]:
    """Share of each shape with its interval; NaN without curves."""
    if not tested:
        return [(float("nan"),) * 3] * len(STATISTICAL_SHAPES)
    tasks = sorted({str(row["task"]) for row in tested})
    table = np.zeros((len(tasks), len(STATISTICAL_SHAPES)))
    for row in tested:
        table[tasks.index(str(row["task"])), STATISTICAL_SHAPES.index(str(row["statistical"]))] += 1
    shares = table.sum(axis=0) / table.sum()
    if len(tasks) < LEAST_CLUSTERS:
        unknown = np.full(len(shares), np.nan)
        return list(zip(shares.tolist(), unknown.tolist(), unknown.tolist(), strict=True))
    drawn = resampled_sums(table, len(tasks), draws, rng)
    low, high = percentile_interval(drawn / drawn.sum(axis=1, keepdims=True))
    extreme = (shares == 0) | (shares == 1)
    low, high = np.where(extreme, wilson(shares, len(tasks)), (low, high))
    return list(zip(shares.tolist(), low.tolist(), high.tolist(), strict=True))
