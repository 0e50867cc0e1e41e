"""Step: write down what made the results: commit, configuration, packages, hardware, items."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ushaped.errors import run
from ushaped.files import digest, write_json
from ushaped.results.text_files import read_json

PACKAGES = (
    "snakemake",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "pyarrow",
    "matplotlib",
    "jinja2",
)


def main() -> None:
    """Read the command line, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="configuration as JSON")
    parser.add_argument("--root", type=Path, required=True, help="the project's folder")
    parser.add_argument(
        "--origins", type=Path, nargs="*", default=[], metavar="JSON", help="of given items"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="JSON")
    parser.add_argument("--resolved", type=Path, required=True, metavar="JSON")
    arguments = parser.parse_args()
    write_json(arguments.resolved, arguments.config)
    write_json(
        arguments.output,
        {
            "commit": git(arguments.root, "rev-parse", "HEAD"),
            "dirty": bool(git(arguments.root, "status", "--porcelain")),
            "config_digest": digest(json.dumps(arguments.config, sort_keys=True)),
            "python": platform.python_version(),
            "packages": {name: installed(name) for name in PACKAGES},
            "hardware": hardware(),
            "items": [read_json(path) for path in arguments.origins],
        },
    )


def git(root: Path, *words: str) -> str:
    """Output of a git command in the project's folder; empty where there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def installed(name: str) -> str:
    """Version of a package, or a word that it is missing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def hardware() -> dict[str, Any]:
    """Processor, number of cores, memory (GiB) and system."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def processor() -> str:
    """Name of the processor as the system tells it."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    run(main)
