"""The mean accuracy over the tasks that were run, where they are fewer than the ten of the average.

Families run here and published series are averaged over the same tasks, so their heights can be
compared; they cannot be compared with a ten-task average.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ushaped.terms import AVERAGE, MAIN_VARIANT

CURVE = ["family", "source", "variant", "protocol", "modified", "size"]


def common_tasks(metrics: pd.DataFrame) -> tuple[str, list[str]]:
    """The source with the most accuracy tasks that all its families answered, and these tasks.

    Returns
    -------
    source : str
        "" where no accuracy task was run, or where ten-task averages were.
    tasks : list of str
    """
    rows = metrics[(metrics["metric"] == "accuracy") & (metrics["model"] == "")]
    if (rows["task"] == AVERAGE).any():
        return "", []
    main = rows[rows["variant"] == MAIN_VARIANT]
    rows = main if len(main) else rows
    best: tuple[str, list[str]] = ("", [])
    for source, group in rows.groupby("source"):
        families = group.groupby("task")["family"].nunique()
        tasks = list(families.index[families == group["family"].nunique()])
        best = max(best, (str(source), tasks), key=lambda pair: len(pair[1]))
    return best


def add_task_mean(metrics: pd.DataFrame) -> pd.DataFrame:
    """The metrics with rows of task `AVERAGE` that hold means over `common_tasks`.

    Intervals follow from those of the tasks, whose items are independent: half the width of the
    mean's is the root of the sum of squares of theirs, over their number.
    """
    source, tasks = common_tasks(metrics)
    rows = metrics[
        (metrics["metric"] == "accuracy")
        & (metrics["model"] == "")
        & (metrics["source"] == source)
        & metrics["task"].isin(tasks)
    ]
    means = []
    for _, group in rows.groupby(CURVE, sort=False):
        if len(group) == len(tasks):
            first, value = group.iloc[0].to_dict(), group["value"].mean()
            half = np.sqrt((((group["high"] - group["low"]) / 2) ** 2).sum()) / len(group)
            first |= {"task": AVERAGE, "value": value, "low": value - half, "high": value + half}
            means.append(first | {"chance": group["chance"].mean(), "flags": ""})
    return pd.concat([metrics, pd.DataFrame(means)], ignore_index=True) if means else metrics


def published_mean(published: pd.DataFrame, tasks: list[str]) -> pd.DataFrame:
    """Published points of task `AVERAGE`: means over some tasks, of sizes that have all of them."""
    rows = published[published["task"].isin(tasks) & (published["metric"] == "accuracy")]
    grouped = rows.groupby(["series", "size"], sort=False, dropna=False)
    means = grouped.first().assign(value=grouped["value"].mean(), k=np.nan, n=np.nan)
    complete = means[grouped.size() == len(tasks)]
    return complete.reset_index().assign(task=AVERAGE)
