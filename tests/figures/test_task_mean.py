"""The mean over fewer than ten tasks: the same tasks for families run here and published series."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from fabricate import ALL_TASKS, metrics
from ushaped.figures.task_mean import add_task_mean, common_tasks
from ushaped.results import tables
from ushaped.terms import AVERAGE

SERIES = Path(__file__).parents[2] / "literature/series.csv"
TASKS = ("memo-trap", "neqa", "prompt-injection")


def test_the_mean_is_over_the_accuracy_tasks_of_all_families_and_series() -> None:
    published = tables.read_published(SERIES)
    measured = metrics(TASKS, ("zero-shot",), (1_000, 8_000), families=("a", "b"))
    lacking = (measured["family"] == "b") & (measured["task"] == "neqa")
    assert common_tasks(measured) == ("replica", ["memo-trap", "neqa"])
    assert common_tasks(measured[~lacking]) == ("replica", ["memo-trap"])
    ours, theirs, name = add_task_mean(measured, published)
    assert name == "mean of 2 tasks"
    size = ours[(ours["family"] == "a") & (ours["size"] == "1k") & (ours["model"] == "")]
    size = size[size["metric"] == "accuracy"].set_index("task")
    parts = size.loc[["memo-trap", "neqa"]]
    assert size.loc[name, "value"] == pytest.approx(parts["value"].mean())
    half = (parts["high"] - parts["low"]) / 2
    width = math.hypot(*half) / 2
    assert size.loc[name, "high"] - size.loc[name, "value"] == pytest.approx(width)
    palm = theirs[(theirs["series"] == "PaLM") & (theirs["size"] == "540B")].set_index("task")
    expected = palm.loc[["memo-trap", "neqa"], "value"].mean()
    assert palm.loc[name, "value"] == pytest.approx(expected)


def test_a_task_outside_the_prize_enters_no_mean_of_tasks_of_the_prize() -> None:
    measured = metrics(TASKS, ("zero-shot", "cot"), (1_000, 8_000))
    other = measured[measured["task"] == "neqa"].assign(task="zebra-puzzles", value=0.0)
    other["protocol"] = other["protocol"].replace("official", "own")
    both = pd.concat([measured, other], ignore_index=True)
    assert common_tasks(both) == ("replica", ["memo-trap", "neqa"])
    published = tables.read_published(SERIES)
    name = "mean of 2 tasks"
    alone, with_it = (add_task_mean(one, published)[0] for one in (measured, both))
    means = [list(one.loc[one["task"] == name, "value"]) for one in (alone, with_it)]
    assert means[0] == means[1]
    assert len(means[0]) == 4
    assert common_tasks(other) == ("replica", ["zebra-puzzles"])


def test_a_ten_task_average_is_kept() -> None:
    measured = metrics(ALL_TASKS, ("zero-shot",), (1_000,), seeds=1)
    ours, _, name = add_task_mean(measured, tables.read_published(SERIES))
    assert name == AVERAGE
    assert ours is measured
