"""What grows with the number of models: no command line, but that of a job that they share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from project import TINY, Project


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dry run of the tiny report, with all commands."""
    project = Project(Path(tmp_path_factory.mktemp("scale")) / "project")
    project.create()
    options = ("--workflow-profile", "none", "--dry-run", "--printshellcmds")
    done = project.call(project.command(*options, "--", "report"))
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_each_model_is_scored_by_one_job(planned: str) -> None:
    jobs = re.findall(r"Shell command: python scripts/scores.py --model (.*) --prompts", planned)
    models = sorted(model for job in jobs for model in job.split())
    assert models == sorted(
        f"results/models/ladder-{rung['size']}-s0/model.json" for rung in TINY["ladder"]["rungs"]
    )


def test_no_command_names_a_file_for_each_model_and_prompt_file(planned: str) -> None:
    commands = re.findall("Shell command: (.*)", planned)
    assert any("scripts/metrics.py" in command for command in commands)
    prompt_files = len(TINY["tasks"]) * len(TINY["variants"])
    for command in commands:
        models = set(re.findall(r"results/scores/([\w.-]+)/", command))
        files = re.findall(r"results/scores/\S+\.parquet", command)
        assert len(files) < max(2, len(models)) * prompt_files
