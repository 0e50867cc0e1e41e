"""How long the workflow takes: from nothing, with nothing to do, and after editing one task.

    python benchmarks/workflow.py [--config FILE] [--cores N]

Works in a fresh clone in a temporary folder and prints a Markdown table. Wall time is the whole
command, Snakemake included; CPU seconds are those of all its processes. The share of other work is
the part of the paid time (cores x wall) in which no training or scoring job ran.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Steps call `python`: that of the environment which runs this program.
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
MODEL_WORK = ("models", "scores")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", help="configuration file instead of the default")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="of the short commands")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        rows = measure(clone, arguments)
    print(f"{platform.processor() or platform.machine()}, {arguments.cores} cores in use\n")
    print("| what | wall s | CPU s |\n|---|---|---|")
    for what, wall, cpu in rows:
        print(f"| {what} | {wall} | {cpu} |")


def measure(clone: Path, arguments: argparse.Namespace) -> list[tuple[str, str, str]]:
    """Run every case in order."""
    extra = ["--configfile", arguments.config] if arguments.config else []
    command = ["snakemake", *extra, "--cores", str(arguments.cores), "--quiet", "all", "--"]
    dry = repeated([*command[:-1], "-n", "--", "report"], clone, arguments.repeats)
    cold = timed([*command, "report"], clone)
    model_seconds = job_seconds(clone)
    verdicts = repeated(judging(clone, arguments.cores), clone, arguments.repeats)
    idle = repeated([*command, "report"], clone, arguments.repeats)
    path = clone / "tasks" / "neqa" / "demonstrations.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("eagle", "owl"), encoding="utf-8")
    edited = timed([*command, "report"], clone)
    other = 1 - model_seconds / (arguments.cores * cold[0])
    return [
        ("dry run, nothing made yet (median)", *shown(dry)),
        ("cold report", *shown(cold)),
        ("of it neither training nor scoring", f"{other:.0%}", ""),
        (f"verdicts of all {curves(clone)} curves, 2,000 draws (median)", *shown(verdicts)),
        ("nothing to do (median)", *shown(idle)),
        ("after editing one task's demonstrations", *shown(edited)),
        ("the same, as a share of the cold report", f"{edited[0] / cold[0]:.0%}", ""),
    ]


def judging(clone: Path, cores: int) -> list[str]:
    """The command that judges all curves, measured and published, from what the report left."""
    results = clone / "results"
    options = {
        "metrics": results / "metrics.csv",
        "items": results / "items.parquet",
        "published": clone / "literature/series.csv",
        "labels": clone / "literature/labels.csv",
        "recovery": 1 / 3,
        "equivalence": 0.02,
        "draws": 2000,
        "seed": 0,
        "threads": cores,
        "output": clone / "judged/shapes.csv",
        "evidence": clone / "judged/evidence.json",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "scripts/shapes.py", *words]


def curves(clone: Path) -> int:
    """Number of curves in the table of shapes."""
    with open(clone / "judged/shapes.csv", encoding="utf-8") as handle:
        return len(handle.readlines()) - 1


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a command; stops where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def repeated(command: list[str], folder: Path, times: int) -> tuple[float, float]:
    """Medians of several runs."""
    runs = [timed(command, folder) for _ in range(times)]
    return statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs)


def job_seconds(clone: Path) -> float:
    """Wall seconds of all training and scoring jobs, from Snakemake's benchmark files."""
    total = 0.0
    for kind in MODEL_WORK:
        for path in clone.glob(f"results/**/benchmarks/{kind}/**/*.tsv"):
            with open(path, encoding="utf-8") as handle:
                total += sum(float(row["s"]) for row in csv.DictReader(handle, delimiter="\t"))
    return total


def shown(seconds: tuple[float, float]) -> tuple[str, str]:
    """Two numbers as the table shows them."""
    return f"{seconds[0]:.1f}", f"{seconds[1]:.1f}"


if __name__ == "__main__":
    main()
