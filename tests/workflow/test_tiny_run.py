"""The whole workflow on settings so small that it takes a minute: from raw tasks to the page."""

from __future__ import annotations

import csv
import json

from project import TINY, Project


def test_one_command_goes_from_the_tasks_to_the_page(finished: Project) -> None:
    page = finished.read("results/report.html")
    for task in TINY["tasks"]:
        assert f'<article id="task-{task}"' in page
    assert "This figure was not drawn" not in page
    report = json.loads(finished.read("results/report.json"))
    assert {row["task"] for row in report["curves"]} >= set(TINY["tasks"])


def test_every_model_answers_every_task_in_every_variant(finished: Project) -> None:
    rows = list(csv.DictReader(finished.read("results/metrics.csv").splitlines()))
    sizes = {rung["size"] for rung in TINY["ladder"]["rungs"]}
    for task in TINY["tasks"]:
        for variant in TINY["variants"]:
            own = [row for row in rows if (row["task"], row["variant"]) == (task, variant)]
            assert {row["size"] for row in own} == sizes
            assert {row["n"] for row in own if row["metric"] == "accuracy"} == {
                str(TINY["replica"]["items"])
            }
