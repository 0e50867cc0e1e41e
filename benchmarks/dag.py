"""How long Snakemake takes to find what to run, and how many jobs that is, by size of the study.

    python benchmarks/dag.py [--families N ...] [--sizes N] [--variants N] [--sources N]

Each row is one dry run of the whole report for released models, in a copy of this project in a
temporary folder in which nothing was made yet. The registry of the copy holds invented families.
Prints a Markdown table: models, files of scores, jobs, and of them those that bring, train or run a
model; wall and CPU seconds and peak memory of the dry run; and the longest command of a job (Linux
takes 128 KiB).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from ushaped.terms import TASKS  # noqa: E402

PARTS = ("Snakefile", "config", "profiles", "report", "rules", "scripts", "tasks")
VARIANTS = (
    "zero-shot",
    "few-shot-2",
    "one-shot",
    "cot",
    "zero-shot-cot",
    "few-shot-1",
    "few-shot-5",
    "few-shot-10",
)
SOURCES = ("replica", "official")
# The rules whose jobs run a model or bring one.
HEAVY = ("scores", "fetch", "train")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", type=int, nargs="+", default=[1, 3, 6, 12])
    parser.add_argument("--sizes", type=int, default=8, help="of each family")
    parser.add_argument("--variants", type=int, default=8)
    parser.add_argument("--sources", type=int, default=2, choices=[1, 2])
    arguments = parser.parse_args()
    print("| families | models | files of scores | jobs | of them heavy | wall s | CPU s |", end="")
    print(" MiB | longest command KiB |\n|" + "---|" * 9)
    for families in arguments.families:
        print("| " + " | ".join(map(str, measured(families, arguments))) + " |", flush=True)


def measured(families: int, arguments: argparse.Namespace) -> list[Any]:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, families, arguments)
        text, wall, cpu, memory = dry_run(folder, "--quiet", "rules")
        jobs = counted(text)
        shown, *_ = dry_run(folder, "--workflow-profile", "none", "--printshellcmds")
        longest = max(map(len, re.findall("Shell command: .*", shown)))
    models = families * arguments.sizes
    tasks = len(settings(families, arguments)["tasks"])
    files = models * tasks * arguments.variants * arguments.sources
    heavy = sum(count for rule, count in jobs.items() if rule in HEAVY)
    return [
        families, models, f"{files:,}", f"{sum(jobs.values()):,}", heavy,
        f"{wall:.1f}", f"{cpu:.1f}", f"{memory:.0f}", f"{longest / 1024:.0f}",
    ]  # fmt: skip


def prepare(folder: Path, families: int, arguments: argparse.Namespace) -> None:
    """Copy the project, with a registry and a configuration of the wanted size."""
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    registry = folder / "config" / "models.yaml"
    told = yaml.safe_load(registry.read_text(encoding="utf-8"))
    told["families"] |= invented(families, arguments.sizes)
    registry.write_text(yaml.safe_dump(told), encoding="utf-8")
    write = yaml.safe_dump(settings(families, arguments))
    (folder / "large.yaml").write_text(write, encoding="utf-8")


def settings(families: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """The configuration: all tasks of the prize, on invented families."""
    return {
        "output": "results/large",
        "tasks": list(TASKS),
        "variants": list(VARIANTS[: arguments.variants]),
        "families": list(invented(families, arguments.sizes)),
        "sources": {"all": list(SOURCES[: arguments.sources])},
    }


def invented(families: int, sizes: int) -> dict[str, Any]:
    """Families of the registry that nobody trained, each twice as large from size to size."""
    return {
        f"family-{family}": {
            "models": {
                f"family-{family}-{2**size}m": {
                    "hub": f"nobody/family-{family}-{2**size}m",
                    "revision": "main",
                    "size": f"{2**size}M",
                    "parameters": 2**size * 10**6,
                    "non_embedding_parameters": 2**size * 8 * 10**5,
                    "training_tokens": 10**9,
                    "training_flops": "6ND",
                }
                for size in range(sizes)
            }
        }
        for family in range(families)
    }


def dry_run(folder: Path, *words: str) -> tuple[str, float, float, float]:
    """What it prints, wall and CPU seconds, and peak memory in MiB."""
    command = ["snakemake", "--configfile", "large.yaml", "--dry-run", *words, "--", "report"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name != "USHAPED_MIRROR"}
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=kept | {"PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    text = process.stdout.read()
    # Of this process alone; getrusage would give the largest of all that ran before.
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{text[-4000:]}")
    return text, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def counted(text: str) -> dict[str, int]:
    """Jobs by rule, from the table that a dry run prints."""
    rows = re.findall(r"^(\w+) +(\d+)$", text, flags=re.MULTILINE)
    return {rule: int(count) for rule, count in rows if rule != "total"}


if __name__ == "__main__":
    main()
