"""The whole workflow on settings so small that it takes a minute: from raw tasks to the page."""

from __future__ import annotations

import csv
import json

import pytest

from project import TINY, Project
from ushaped.terms import AVERAGE


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


def test_files_of_every_eval_ever_give_the_verdicts_of_the_report(finished: Project) -> None:
    words = ["judge", "results/every_eval_ever", "--json", "--draws", "20", "--recovery", "0.3333"]
    scripts = str(finished.folder / "scripts")
    done = finished.call(["python", "-m", "ushaped", *words], PYTHONPATH=scripts)
    assert done.returncode == 0, done.stdout
    judged = json.loads(done.stdout)
    assert judged["left_out"] == []
    evidence = json.loads(finished.read("results/evidence.json"))["curves"]
    ours = {
        tuple(one["about"].values()): one["verdict"]
        for one in evidence
        if one["about"]["source"] == "replica" and one["about"]["task"] != AVERAGE
    }
    assert len(judged["curves"]) == len(ours) == len(TINY["tasks"]) * len(TINY["variants"])
    for one in judged["curves"]:
        before = ours[tuple(one["about"].values())]
        for name in ("statistical", "these_models", "equivalent", "p_change", "q_change"):
            assert one["verdict"].get(name) == before.get(name)


@pytest.mark.workflow
def test_curves_measured_elsewhere_enter_the_report_and_change_nothing_else(
    project: Project,
) -> None:
    project.write("theirs.csv", "family,task,scale,k,n\nX,neqa,1e20,90,100\nX,neqa,1e21,20,100\n")
    before = project.read("results/shapes.csv")
    scores = project.times("results/scores/*/*/*/*")
    project.configure(TINY | {"elsewhere": [{"path": "theirs.csv"}]})
    done = project.run("report")
    assert done.returncode == 0, done.stdout
    assert project.read("results/shapes.csv") == before
    assert project.times("results/scores/*/*/*/*") == scores
    report = json.loads(project.read("results/report.json"))
    (curve,) = report["elsewhere"]["curves"]
    assert (curve["family"], curve["origin"], curve["file"]) == ("X", "table", "theirs.csv")
    assert 'id="elsewhere"' in project.read("results/report.html")
    assert project.plan() == []
    project.edit("theirs.csv", "20,100", "30,100")
    assert {job.rule for job in project.plan()} == {"elsewhere", "export", "report"}
    project.configure(TINY | {"elsewhere": [{"path": "gone.csv"}]})
    done = project.run("report")
    assert done.returncode != 0
    assert "elsewhere, gone.csv: no such file or folder; correct its path" in done.stdout
