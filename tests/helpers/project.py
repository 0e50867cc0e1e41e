"""Run the workflow on a copy of this project, on settings so small that it takes seconds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config", "profiles", "report", "rules", "scripts", "tasks", "literature")

TINY: dict[str, Any] = {
    "output": "results",
    "tasks": ["neqa", "memo-trap"],
    "variants": ["zero-shot", "cot"],
    "families": ["ladder"],
    "replica": {"items": 8},
    "scoring": {"chain_tokens": 4},
    "shapes": {"draws": 20, "simulations": 5},
    "ladder": {
        "seeds": [0],
        "corpus": {"characters_per_task": 2000},
        "vocabulary": 300,
        "context": 512,
        "row_lengths": [128],
        "rungs": [
            {"size": size, "hidden": hidden, "layers": 1, "heads": 1}
            | {"embedding_rate": 0.01, "matrix_rate": 0.02}
            for size, hidden in (("tiny", 8), ("small", 16))
        ],
    },
}

# What each process of a run imported, written when it ends.
RECORDER = """
import atexit, json, os, sys

def record():
    folder, root = os.environ.get("RECORD"), os.getcwd()
    if not folder or not sys.argv[0].endswith(".py"):
        return
    files = {getattr(m, "__file__", None) for m in list(sys.modules.values())}
    files = {os.path.relpath(f, root) for f in files if f and os.path.exists(f)}
    files = {f for f in files if f.startswith(("scripts", "tasks"))}
    told = {"argv": sys.argv, "files": sorted(files), "torch": "torch" in sys.modules}
    with open(os.path.join(folder, str(os.getpid()) + ".json"), "w") as handle:
        json.dump(told, handle)

atexit.register(record)
"""


@dataclass
class Job:
    """One job of a dry run."""

    rule: str
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    wildcards: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """A copy of this project in a folder of its own."""

    folder: Path

    def create(self) -> None:
        """Copy everything that a run needs, and no result."""
        self.folder.mkdir(parents=True)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                skip = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, self.folder / part, ignore=skip)
            else:
                shutil.copy(source, self.folder / part)
        self.configure(TINY)

    def configure(self, settings: dict[str, Any]) -> None:
        """Write the settings that replace those of ``config/config.yaml``."""
        self.write("tiny.yaml", yaml.safe_dump(settings))

    def add_model(self, name: str, entry: dict[str, Any]) -> None:
        """Put a family of one model into the registry, and run it alone."""
        registry = yaml.safe_load(self.read("config/models.yaml"))
        registry["families"]["mine"] = {"models": {name: entry}}
        self.write("config/models.yaml", yaml.safe_dump(registry))
        self.configure(yaml.safe_load(self.read("tiny.yaml")) | {"families": ["mine"]})

    def command(self, *words: str) -> list[str]:
        """A command line of Snakemake with the tiny settings."""
        return ["snakemake", "--cores", "2", "--configfile", "tiny.yaml", *words]

    def run(self, *targets: str, record: bool = False) -> subprocess.CompletedProcess[str]:
        """Make the targets; with ``record``, write down what every step imports."""
        extra = {}
        if record:
            (self.folder / "record").mkdir()
            self.write("recorder/sitecustomize.py", RECORDER)
            extra = {
                "PYTHONPATH": str(self.folder / "recorder"),
                "RECORD": str(self.folder / "record"),
            }
        return self.call(self.command("--", *targets), **extra)

    def plan(self, *targets: str, words: tuple[str, ...] = ()) -> list[Job]:
        """The jobs that making the targets would run."""
        options = ("--workflow-profile", "none", "--dry-run", *words)
        done = self.call(self.command(*options, "--", *(targets or ("report",))))
        assert done.returncode == 0, done.stdout
        return parse_plan(done.stdout)

    def call(self, command: list[str], **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder; output and errors come together in ``stdout``."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment() | extra,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    def read(self, path: str) -> str:
        """Text of a file of the project."""
        return (self.folder / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that the file must hold."""
        text = self.read(path)
        assert old in text, f"{path} does not hold {old!r}"
        self.write(path, text.replace(old, new))

    def times(self, pattern: str) -> dict[str, int]:
        """Modification times of files, by name."""
        return {path.name: path.stat().st_mtime_ns for path in self.folder.glob(pattern)}

    def records(self) -> list[dict[str, Any]]:
        """What each recorded process imported."""
        return [json.loads(path.read_text()) for path in (self.folder / "record").glob("*.json")]


def environment() -> dict[str, str]:
    """Environment in which the programs beside this Python are found first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # What the tests were started with is no business of the runs that they start.
    kept = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
    return kept | {"PATH": path}


def parse_plan(text: str) -> list[Job]:
    """Jobs of a dry run's output."""
    jobs: list[Job] = []
    for line in text.splitlines():
        if found := re.fullmatch(r"(?:local)?rule (\w+):", line):
            jobs.append(Job(found.group(1)))
        elif found := re.fullmatch(r"    (input|output): (.*)", line):
            setattr(jobs[-1], f"{found.group(1)}s", found.group(2).split(", "))
        elif found := re.fullmatch(r"    wildcards: (.*)", line):
            pairs = (pair.split("=", 1) for pair in found.group(1).split(", "))
            jobs[-1].wildcards = dict(pairs)
    return jobs
