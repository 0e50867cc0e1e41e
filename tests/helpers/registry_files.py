"""Registries and configurations that tests change."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import yaml

from project import ROOT

Settings = dict[str, Any]


def changed(settings: Settings, path: str, value: Any) -> Settings:
    """A copy with one value replaced."""
    made = copy.deepcopy(settings)
    place: Any = made
    *above, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    for name in above:
        place = place[name]
    place[last] = value
    return made


ENTRY: Settings = {
    "path": "somewhere",
    "size": "1k",
    "parameters": 1000,
    "non_embedding_parameters": 500,
    "training_tokens": 10000,
    "training_flops": "6ND",
}


def registry_with(folder: Path, entry: Settings) -> Path:
    """A root folder whose registry holds one more family, ``mine``."""
    shutil.copytree(ROOT / "config", folder / "config", dirs_exist_ok=True)
    shutil.copytree(ROOT / "literature", folder / "literature", dirs_exist_ok=True)
    path = folder / "config/models.yaml"
    registry = yaml.safe_load(path.read_text(encoding="utf-8"))
    registry["families"]["mine"] = {"models": {"my-model": entry}}
    path.write_text(yaml.safe_dump(registry), encoding="utf-8")
    return folder
