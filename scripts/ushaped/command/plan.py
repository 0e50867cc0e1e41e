"""``ushaped plan``: what a run of the workflow will cost; Snakemake computes it in a clone."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from ushaped.errors import UserError

USAGE = "[options]"
HELP = "what a run of the workflow will cost"
DESCRIPTION = (
    "Estimate tokens, operations, GPU hours, memory and download of a run of the workflow, without "
    "running a model. Needs a clone of the workflow, and its packages: ushaped[workflow,models]."
)
# Files that tell a clone of this workflow from other folders.
CLONE = ("Snakefile", "rules/plan.smk", "config/models.yaml")
EXTRAS = ("snakemake", "transformers")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--configfile", type=Path, metavar="YAML", help="settings of the run")
    parser.add_argument(
        "--clone", type=Path, metavar="FOLDER", help="of the workflow (default: this folder)"
    )


def run(options: argparse.Namespace) -> int:
    """Let Snakemake make the plan; its exit code, 1 for any failure."""
    missing = [name for name in EXTRAS if find_spec(name) is None]
    if missing:
        do = (
            "install the workflow: pip install 'ushaped[workflow,models]', or make setup in a clone"
        )
        raise UserError("ushaped plan", f"needs {' and '.join(missing)}", do)
    words = ["--snakefile", str(clone(options.clone) / "Snakefile"), "--cores", "1"]
    if options.configfile:
        if not options.configfile.is_file():
            raise UserError(str(options.configfile), "no such file", "give the settings of the run")
        words += ["--configfile", str(options.configfile)]
    done = subprocess.run([sys.executable, "-m", "snakemake", *words, "--", "plan"], check=False)
    return int(done.returncode != 0)


def clone(named: Path | None) -> Path:
    """The folder of a clone: the named one, this folder, or the one that this package lies in.

    Raises
    ------
    UserError
        If there is none.
    """
    folders = [named] if named else [Path(), Path(__file__).resolve().parents[3]]
    for folder in folders:
        if all((folder / file).is_file() for file in CLONE):
            return folder
    where = str(named or "this folder")
    raise UserError(where, "is no clone of the workflow", "change to one, or name it with --clone")
