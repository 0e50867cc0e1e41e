"""Profiles of clusters that are not at hand: they are sound, and so are their scripts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import ROOT, Project

ENGINES = ("generic-cluster", "kubernetes", "scratch")


def profile(name: str) -> dict[str, Any]:
    """A profile's settings."""
    path = ROOT / "profiles" / name / "config.yaml"
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def answer(program: str, *words: str, **stands_for: str) -> str:
    """What a script prints, with scripts in place of the cluster's programs."""
    return subprocess.run(
        [ROOT / "profiles" / program, *words],
        env=os.environ | stands_for,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture
def stand_in(tmp_path: Path) -> Any:
    """Writes a program of the cluster and says by which PATH it is found."""

    def write(name: str, text: str) -> dict[str, str]:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    return write


@pytest.mark.parametrize("name", ENGINES)
def test_a_profile_says_that_it_was_not_run_and_survives_kills(name: str) -> None:
    text = (ROOT / "profiles" / name / "config.yaml").read_text(encoding="utf-8")
    assert "NOT RUN" in text
    told = profile(name)
    assert told["retries"] >= 1
    assert told["rerun-incomplete"]
    assert told["nolock"]
    # As everywhere, metrics.csv is compared by its content.
    usual = profile("default")
    for key in ("scheduler", "max-checksum-file-size"):
        assert told[key] == usual[key]
    assert usual["default-resources"].items() <= told["default-resources"].items()


@pytest.mark.parametrize("name", [*ENGINES, "slurm", "slurm-accounting"])
def test_a_profile_does_not_hide_why_a_job_failed(name: str) -> None:
    assert not {"rules", "all"} & set(profile(name)["quiet"])


@pytest.mark.parametrize(
    ("told", "says"), [("CANCELLED by 1000", "CANCELLED"), ("COMPLETED", "COMPLETED")]
)
def test_sacct_says_of_a_cancelled_job_no_more_than_that(
    told: str, says: str, stand_in: Any
) -> None:
    found = answer("slurm-accounting/bin/sacct", "-X", **stand_in("sacct", f"echo '7|{told}'"))
    assert found == f"7|{says}\n"


def test_sacct_fails_as_slurms_own_does(stand_in: Any) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        answer("slurm-accounting/bin/sacct", **stand_in("sacct", "exit 1"))


@pytest.mark.parametrize("name", ["generic-cluster", "kubernetes"])
def test_what_is_asked_of_the_cluster_is_a_resource_of_every_job(name: str) -> None:
    told = profile(name)
    asked = set(re.findall(r"\{resources\.(\w+)\}", told["cluster-generic-submit-cmd"]))
    assert asked == {"mem_mb", "gpu", "runtime"}
    assert asked <= set(told["default-resources"])
    for key in ("cluster-generic-status-cmd", "cluster-generic-cancel-cmd"):
        if "/" in told[key]:
            assert os.access(ROOT / told[key], os.X_OK)


@pytest.mark.workflow
@pytest.mark.parametrize("name", ENGINES)
def test_a_dry_run_takes_the_profile(name: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.create()
    command = project.command("--workflow-profile", f"profiles/{name}", "--dry-run", "--", "report")
    done = project.call(command)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("echo '    job_state = R'", "running"),
        ("echo '    job_state = F'; echo '    Exit_status = 0'", "success"),
        ("echo '    job_state = F'; echo '    Exit_status = 271'", "failed"),
        ('test "$1" = -B', "failed"),
        ("exit 1", "running"),
    ],
)
def test_a_job_of_pbs_is_told_as_it_is(told: str, says: str, stand_in: Any) -> None:
    assert answer("generic-cluster/status", "7", **stand_in("qstat", told)) == f"{says}\n"


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("printf 'job  '", "running"),
        ("printf 'job 1 '", "success"),
        ("printf 'job  1'", "failed"),
        # A job that was deleted.
        ("true", "failed"),
        ("exit 1", "running"),
    ],
)
def test_a_job_of_kubernetes_is_told_as_it_is(told: str, says: str, stand_in: Any) -> None:
    found = answer("kubernetes/status", "job.batch/x", **stand_in("kubectl", told))
    assert found == f"{says}\n"


def test_a_job_of_kubernetes_asks_for_what_its_rule_needs(stand_in: Any) -> None:
    assert shutil.which("sed")
    found = answer(
        "kubernetes/submit", "2", "4500", "1", "90", "/x/a.sh", **stand_in("kubectl", "cat")
    )
    told = yaml.safe_load(found)
    assert told["spec"]["activeDeadlineSeconds"] == 90 * 60
    (container,) = told["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["sh", "/x/a.sh"]
    assert container["resources"] == {
        "requests": {"cpu": 2, "memory": "4500M"},
        "limits": {"memory": "4500M", "nvidia.com/gpu": 1},
    }


def test_the_container_is_built_from_files_that_are_there_and_not_from_results() -> None:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert "requirements.txt" in copied
    assert all((ROOT / name).exists() for name in copied)
    assert not {".", "results"} & set(copied)
