"""Between workflows: what one project trained or fetched, another takes over with `--cache`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fake_hub import ENTRY, FILES, NAME, Hub, environment, served
from project import TINY, Project
from ushaped.models.lock import pin_commit

pytestmark = pytest.mark.workflow

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


# -- models of the hub ---------------------------------------------------------------------------


class Sharing:
    """Projects that fetch one model from a hub, and share a cache."""

    target = "results/models/small"

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder, self.hub = folder, hub
        (folder / "kept").mkdir()

    def project(self, name: str, commit: str | None) -> Project:
        """A new project, and the commit in its lock file."""
        project = Project(self.folder / name)
        project.create()
        project.add_model("small", ENTRY)
        if commit:
            pin_commit(project.folder / "models.lock.yaml", NAME, "main", lambda: commit)
        return project

    def call(self, project: Project, *words: str) -> subprocess.CompletedProcess[str]:
        """Make the model by way of the cache; the hub forgets what it was asked before."""
        self.hub.asked.clear()
        surroundings = environment(self.hub, self.folder)
        surroundings["SNAKEMAKE_OUTPUT_CACHE"] = str(self.folder / "kept")
        words = ("--cache", "fetch", *words, "--", f"{self.target}/model.json")
        return project.call(project.command(*words), **surroundings)

    def fetch(self, project: Project, *words: str) -> dict[str, Any]:
        """The description of the model that was made."""
        done = self.call(project, *words)
        assert done.returncode == 0, done.stdout
        return dict(json.loads(project.read(f"{self.target}/model.json")))

    @property
    def downloaded(self) -> bool:
        """Whether a file was sent since the last call began."""
        return any("/resolve/" in path for path in self.hub.asked)


@pytest.fixture
def sharing(tmp_path: Path) -> Any:
    """A hub, and an empty cache."""
    with served() as hub:
        yield Sharing(tmp_path, hub)


def test_another_project_takes_the_fetched_model_from_the_cache(sharing: Sharing) -> None:
    commit = sharing.hub.push(NAME, "main", FILES)
    about = sharing.fetch(sharing.project("first", commit))
    assert sharing.downloaded
    second = sharing.project("second", commit)
    assert sharing.fetch(second) == about
    assert sharing.hub.asked == []
    weights = second.folder / sharing.target / "snapshot/model.safetensors"
    assert weights.read_bytes() == FILES["model.safetensors"]
    assert weights.resolve().is_relative_to(sharing.folder / "kept")
    assert not second.plan(f"{sharing.target}/model.json")
    # What is removed before a step runs again are links.
    assert sharing.fetch(second, "--force") == about
    assert sharing.hub.asked == []
    assert weights.read_bytes() == FILES["model.safetensors"]


def test_no_project_takes_another_commit_from_the_cache(sharing: Sharing) -> None:
    old = sharing.hub.push(NAME, "main", FILES)
    about = sharing.fetch(sharing.project("first", old))
    new = sharing.hub.push(NAME, "main", FILES | {"tokenizer.json": b'{"first": false}'})
    other = sharing.fetch(sharing.project("second", new))
    assert sharing.downloaded
    assert (about["revision"], other["revision"]) == (old, new)
    assert other["fingerprint"] != about["fingerprint"]


def test_a_branch_whose_commit_is_not_known_is_not_shared(sharing: Sharing) -> None:
    sharing.hub.push(NAME, "main", FILES)
    done = sharing.call(sharing.project("first", None))
    assert done.returncode != 0
    assert f"models.lock.yaml: has no commit of {NAME}@main" in done.stdout
    assert "snakemake lock" in done.stdout
    assert sharing.hub.asked == []
