"""`snakemake atlas` goes from published files to the page, and again only what changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import published_results
from project import Project
from ushaped.atlas.verdicts import read_verdicts

pytestmark = pytest.mark.workflow

VALUES = {"copa": [0.9, 0.2, 0.3, 0.95], "mmlu": [0.25, 0.5, 0.7, 0.9]}


def settings(folder: Path, **atlas: Any) -> dict[str, Any]:
    mirror = {"sets": ["made"], "mirror": str(folder / "mirror")}
    return {"output": "results", "shapes": {"draws": 50}, "atlas": mirror | atlas}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose literature has one invented set, and its page."""
    made = Project(tmp_path_factory.mktemp("atlas") / "project")
    made.create()
    files = made.folder / "mirror/owner__name"
    models = {
        f"web-{place}": {task: values[place] for task, values in VALUES.items()}
        for place in range(4)
    }
    published_results.gadre(files, models)
    source = published_results.source("gadre", files).model_dump(by_alias=True)
    source["published"] = []
    made.write("literature/atlas.yaml", yaml.safe_dump({"made": source}))
    made.configure(settings(made.folder))
    done = made.run("atlas")
    assert done.returncode == 0, done.stdout
    return made


def test_the_page_and_its_tables_are_there(project: Project) -> None:
    folder = project.folder / "results/atlas"
    rows = read_verdicts(folder / "verdicts.csv")
    over = {row["task"]: row["statistical"] for row in rows if row["axis"] == "parameters"}
    assert over == {"copa": "U-shaped", "mmlu": "positive"}
    assert "An atlas" in (folder / "atlas.html").read_text(encoding="utf-8")
    assert len(list((folder / "tables").glob("*.csv"))) == 7


def test_a_finished_atlas_is_not_made_again_without_its_mirror(project: Project) -> None:
    shutil.move(project.folder / "mirror", project.folder / "elsewhere")
    try:
        assert project.plan("atlas") == []
    finally:
        shutil.move(project.folder / "elsewhere", project.folder / "mirror")


def test_another_margin_makes_the_answers_again_and_no_verdict(project: Project) -> None:
    project.configure(settings(project.folder, predictable=0.05))
    try:
        jobs = {job.rule for job in project.plan("atlas")}
    finally:
        project.configure(settings(project.folder))
    assert jobs == {"atlas_answers", "atlas"}


def test_a_set_that_nobody_knows_is_refused_before_any_job(project: Project) -> None:
    project.configure(settings(project.folder, sets=["mode"]))
    try:
        done = project.run("atlas")
    finally:
        project.configure(settings(project.folder))
    assert done.returncode != 0
    assert "atlas.sets: unknown set 'mode'; did you mean 'made'?" in done.stdout


def test_another_start_of_snakemake_does_not_read_the_atlas(project: Project) -> None:
    whole = project.read("literature/atlas.yaml")
    project.write("literature/atlas.yaml", "damaged")
    try:
        planned = project.call(
            project.command("-n", "--quiet", "rules", "--", "results/published/shapes.csv")
        )
        refused = project.call(project.command("-n", "--quiet", "rules", "--", "atlas"))
    finally:
        project.write("literature/atlas.yaml", whole)
    assert planned.returncode == 0, planned.stdout
    assert "atlas.yaml: is not a mapping" in refused.stdout
