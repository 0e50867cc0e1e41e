"""The mean over fewer than ten tasks: the same tasks for families run here and published series."""

from __future__ import annotations

import math
from pathlib import Path

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


def test_a_ten_task_average_is_kept() -> None:
    measured = metrics(ALL_TASKS, ("zero-shot",), (1_000,), seeds=1)
    ours, _, name = add_task_mean(measured, tables.read_published(SERIES))
    assert name == AVERAGE
    assert ours is measured
