"""Series that the source figure labels in two orders of sizes, and the check of our correction.

The source figure draws, for each series, ten tasks and their average at size labels. Where the
labels are right, the average at a label is the mean of the ten values at that label. For some
series it is instead the mean of some tasks at that label and of the others at another one: two
lists in different orders of sizes were merged. ``literature/series.csv`` states the correction,
``plotted_size`` (where a point is drawn) beside ``size`` (where it belongs). It is checked here:
every corrected average is the mean of its ten tasks to `TOLERANCE`, and, since that could be luck,
the splits of the tasks into two groups that explain the averages at all are counted.

Which of the two orders is right, the averages cannot say. The file keeps that of the larger group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from ushaped.errors import UserError
from ushaped.literature.points import UNKNOWN_SIZE, Point
from ushaped.terms import AVERAGE, TEN_TASKS

# Values and averages are published to six digits.
TOLERANCE = 1e-5
# Smaller differences come from adding the same numbers in another order.
DIGITS = 9
COLUMNS = ("plotted_size", "size")
TEN = list(TEN_TASKS)


def ordering_rows(points: Sequence[Point]) -> list[dict[str, object]]:
    """Rows of the table, one per series and plotted label, smallest training compute first.

    ``mean_at_label`` is the mean of the ten tasks drawn at the label, ``size`` where the average
    drawn there belongs, and ``mean_across`` the mean of the ten tasks of that size.
    ``mean_corrected`` and ``average_corrected`` belong to the label itself. The ``error`` columns
    are differences from the average, as shares of 1. ``explanations`` is that of `explanations`
    where tasks are moved, else 0.

    Raises
    ------
    UserError
        If the average or a task is not drawn at one of the labels of its series, or if the
        averages of a series with corrected sizes are not the means of its tasks.
    """
    table = pd.DataFrame([asdict(point) for point in points])
    table = table[(table["metric"] == "accuracy") & (table["plotted_size"] != UNKNOWN_SIZE)]
    table = table[table["task"].isin([*TEN, AVERAGE])]
    series = table.groupby("series", sort=False)
    return [row for name, own in series for row in _series_rows(str(name), own)]


def _series_rows(series: str, points: pd.DataFrame) -> list[dict[str, object]]:
    models = points.sort_values("flops", kind="stable").drop_duplicates("size")
    flops = models.set_index("size")["flops"]
    plotted, corrected = (_values(points, column, flops.index) for column in COLUMNS)
    moved = set(points.loc[points["size"] != points["plotted_size"], "task"])
    tasks = [task for task in TEN_TASKS if task in moved]
    at_label, of_size = (values[TEN].mean(axis=1) for values in (plotted, corrected))
    wrong = (corrected[AVERAGE] - of_size).abs() >= TOLERANCE
    if tasks and wrong.any():
        where = f"series '{series}', size {wrong.idxmax()}"
        what = "the corrected average is not the mean of its ten tasks"
        raise UserError(where, what, f"correct {' and '.join(COLUMNS)} of its rows")
    splits = explanations(plotted) if tasks else 0
    averages = points[points["task"] == AVERAGE].set_index("plotted_size")
    return [
        {
            "series": series,
            "plotted_size": label,
            "size": size,
            "training_flops": flops[label],
            "plotted_average": plotted.loc[label, AVERAGE],
            "mean_at_label": at_label[label],
            "error_before": _difference(plotted.loc[label, AVERAGE], at_label[label]),
            "mean_across": of_size[size],
            "error_across": _difference(plotted.loc[label, AVERAGE], of_size[size]),
            "mean_corrected": of_size[label],
            "average_corrected": corrected.loc[label, AVERAGE],
            "error_after": _difference(corrected.loc[label, AVERAGE], of_size[label]),
            "explanations": splits,
            "moved_tasks": ";".join(tasks),
        }
        for label, size in averages.loc[flops.index, "size"].items()
    ]


def _values(points: pd.DataFrame, column: str, sizes: pd.Index) -> pd.DataFrame:
    """Values by size and task; ``column`` says which of the two sizes of a point counts."""
    values = points.pivot(index=column, columns="task", values="value")
    values = values.reindex(index=sizes.union(values.index, sort=False), columns=[*TEN, AVERAGE])
    for row, column_of_task in np.argwhere(values.isna().to_numpy())[:1]:
        size, task = values.index[row], values.columns[column_of_task]
        where = f"series '{points['series'].iloc[0]}', task '{task}'"
        raise UserError(where, f"has no point with {column} {size}", "add or correct its row")
    return values


def explanations(plotted: pd.DataFrame) -> int:
    """How many splits of the ten tasks into two groups explain all averages of a series.

    A split S does if the labels can be matched one to one such that, for each label i and its j,

        average[i] = (sum of values[i, S] + sum of values[j, not S]) / 10.

    Parameters
    ----------
    plotted : DataFrame
        One row per label, columns `TEN_TASKS` and `AVERAGE`, as drawn.
    """
    values, averages = plotted[TEN].to_numpy(), plotted[AVERAGE].to_numpy()
    # Neither group is empty.
    splits = np.array(list(product((False, True), repeat=len(TEN))))[1:-1]
    means = (splits @ values.T)[:, :, None] + (~splits @ values.T)[:, None, :]
    fits = np.abs(means / len(TEN) - averages[:, None]) < TOLERANCE
    # Few splits are left whose labels have a partner at all.
    possible = fits[fits.any(axis=2).all(axis=1)]
    return sum(bool((maximum_bipartite_matching(csr_array(fit)) >= 0).all()) for fit in possible)


def _difference(average: float, mean: float) -> float:
    # Adding zero turns -0.0 into 0.0.
    return round(float(average - mean), DIGITS) + 0.0
