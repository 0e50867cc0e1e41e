"""Between workflows: what one project trained, another takes over with `--cache train`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from workflow import TINY, Project

MODEL = "results/models/ladder-tiny-s0"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which a first project has left its model."""
    folder = tmp_path_factory.mktemp("cache")
    made(folder, folder / "first")
    return folder


def made(shared: Path, folder: Path, **ladder: object) -> tuple[Project, str]:
    """A new project that made the model by way of the cache, and what Snakemake printed."""
    project = Project(folder)
    project.create()
    project.configure(TINY | {"ladder": TINY["ladder"] | ladder})
    cache = shared / "kept"
    cache.mkdir(exist_ok=True)
    command = project.command("--cache", "train", "--", f"{MODEL}/model.json")
    done: subprocess.CompletedProcess[str] = project.call(
        command, SNAKEMAKE_OUTPUT_CACHE=str(cache)
    )
    assert done.returncode == 0, done.stdout
    return project, done.stdout


def trained(project: Project) -> bool:
    """Whether the step that trains was run in this project."""
    return (project.folder / "results/store/weights").exists()


def test_another_project_takes_the_trained_model_from_the_cache(shared: Path) -> None:
    first, (second, printed) = Project(shared / "first"), made(shared, shared / "second")
    assert trained(first)
    assert not trained(second), printed
    for name in ("model.safetensors", "model.json", "config.json", "tokenizer.json"):
        path = second.folder / MODEL / name
        assert path.read_bytes() == (first.folder / MODEL / name).read_bytes()
        assert path.resolve().is_relative_to(shared / "kept")


def test_with_another_recipe_it_is_trained(shared: Path) -> None:
    third, _ = made(shared, shared / "third", weight_decay=0.5)
    assert trained(third)
    first = shared / "first" / MODEL / "model.safetensors"
    assert (third.folder / MODEL / "model.safetensors").read_bytes() != first.read_bytes()
