"""What the tests share: a small finished run of the workflow, made once, and copies of it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from needs import NEEDS
from project import Project

# Each worker of pytest-xdist has one processor; more threads would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test before its fixtures are made if something that it needs is missing."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if reason := NEEDS[name]():
                pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what the skipped tests wait for, in one line for each reason."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason}")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of this project in which the tiny report was rendered; not to be changed."""
    with _once(tmp_path_factory, "finished") as (folder, first):
        project = Project(folder / "project")
        if first:
            project.create()
            done = project.run("report", record=True)
            assert done.returncode == 0, done.stdout
            (folder / "output.json").write_text(json.dumps(done.stdout))
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished run, with the times of all files, for one test to change."""
    shutil.copytree(finished.folder, tmp_path / "project")
    return Project(tmp_path / "project")


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A copy of this project without any results."""
    project = Project(tmp_path / "project")
    project.create()
    return project


@pytest.fixture(scope="session")
def shared(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], AbstractContextManager[tuple[Path, bool]]]:
    """Folders that all processes share: the first to ask fills them, ``output.json`` last."""
    return partial(_once, tmp_path_factory)


@pytest.fixture(scope="session")
def literature(
    shared: Callable[[str], AbstractContextManager[tuple[Path, bool]]],
) -> Path:
    """What the steps of ``snakemake figures`` make, with a few figures; not to be changed."""
    from fabricate import write_literature

    with shared("literature") as (folder, first):
        if first:
            write_literature(folder, ["tasks", "answers", "ordering"])
            (folder / "output.json").touch()
    return folder


@contextmanager
def _once(factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder that all worker processes of this test session share, filled by the first."""
    base = factory.getbasetemp()
    # Workers of pytest-xdist have a folder each, inside that of the session.
    if base.name.startswith("popen-"):
        base = base.parent
    folder = base / name
    folder.mkdir(exist_ok=True)
    with open(base / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, not (folder / "output.json").exists()


# -- scoring; torch is imported only where these are used -----------------------------------------


@pytest.fixture
def model(request: pytest.FixtureRequest) -> Any:
    """A tiny random model, GPT-NeoX unless a test names another."""
    import tiny_models

    return tiny_models.made(getattr(request, "param", "neox"))


@pytest.fixture(scope="session")
def raw() -> Any:
    """A tokenizer for small texts."""
    from ushaped.ladder import tokens

    return tokens.train_tokenizer(["Which one is not a bird?\nAnswer: no 12 yes 7\n"] * 9, 300)


@pytest.fixture(scope="session")
def tokenizer(raw: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same, as it is loaded."""
    from transformers import AutoTokenizer

    from ushaped.ladder import tokens

    folder = tmp_path_factory.mktemp("tokenizer")
    tokens.save(raw, folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, model: Any, tokenizer: Any) -> Iterator[Any]:
    """A server of that model; its switches are those of `fake_server.Server`."""
    import fake_server

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with fake_server.served(fake_server.Server(model, tokenizer)) as one:
        yield one
