"""The mean accuracy over the tasks that were run, where they are fewer than the ten of the average.

Where some of these ten were run, no other task enters the mean.

Families run here and published series are averaged over the same tasks, so their heights can be
compared; they cannot be compared with a ten-task average.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ushaped.results import tables
from ushaped.terms import AVERAGE, TEN_TASKS

CURVE = ["family", "source", "variant", "protocol", "modified", "size"]


def common_tasks(metrics: pd.DataFrame) -> tuple[str, list[str]]:
    """The source with the most accuracy tasks that all its families answered, and these tasks.

    Only tasks of the ten-task average count, unless none was run.

    Returns
    -------
    source : str
        "" where no accuracy task was run, or where ten-task averages were.
    tasks : list of str
    """
    rows = metrics[(metrics["metric"] == "accuracy") & (metrics["model"] == "")]
    if (rows["task"] == AVERAGE).any():
        return "", []
    ten = rows[rows["task"].isin(TEN_TASKS)]
    rows = tables.main_rows(ten if len(ten) else rows)
    best: tuple[str, list[str]] = ("", [])
    for source, group in rows.groupby("source"):
        families = group.groupby("task")["family"].nunique()
        tasks = list(families.index[families == group["family"].nunique()])
        best = max(best, (str(source), tasks), key=lambda pair: len(pair[1]))
    return best


def add_task_mean(
    metrics: pd.DataFrame, published: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Add means over `common_tasks` where there is no ten-task average.

    Half the width of an interval is the root of the sum of squares of those of the tasks, whose
    items are independent, over their number.

    Returns
    -------
    metrics, published : DataFrame
    task : str
        What the averages are called in their column ``task``.
    """
    source, tasks = common_tasks(metrics)
    if not tasks:
        return metrics, published, AVERAGE
    name = f"mean of {len(tasks)} task{'s' if len(tasks) > 1 else ''}"
    rows = metrics[
        (metrics["metric"] == "accuracy")
        & (metrics["model"] == "")
        & (metrics["source"] == source)
        & metrics["task"].isin(tasks)
    ]
    means = []
    for _, group in rows.groupby(CURVE, sort=False):
        if len(group) == len(tasks):
            value = group["value"].mean()
            half = np.sqrt((((group["high"] - group["low"]) / 2) ** 2).sum()) / len(group)
            mean = {"task": name, "value": value, "low": value - half, "high": value + half}
            chance = {"chance": group["chance"].mean(), "flags": ""}
            means.append(group.iloc[0].to_dict() | mean | chance)
    theirs = published[published["task"].isin(tasks) & (published["metric"] == "accuracy")]
    grouped = theirs.groupby(["series", "size"], sort=False, dropna=False)
    averaged = grouped.first().assign(task=name, value=grouped["value"].mean(), k=np.nan, n=np.nan)
    averaged = averaged[grouped.size() == len(tasks)].reset_index()
    return (
        pd.concat([metrics, pd.DataFrame(means)], ignore_index=True),
        pd.concat([published, averaged], ignore_index=True),
        name,
    )
