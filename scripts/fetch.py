"""Step: bring a released model here and describe it.

A hub model is downloaded (weights as safetensors, tokenizer, configuration) at one commit, which
``model.json`` records; a model in a folder stays where it is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ushaped import models
from ushaped.errors import UserError, run
from ushaped.files import write_json

WANTED = ["*.safetensors", "*.json", "*.txt", "*.model"]


def main() -> None:
    """Read the command line, fetch, describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", type=json.loads, required=True, help="registry entry as JSON")
    parser.add_argument("--name", required=True)
    parser.add_argument("--family", required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    entry: dict[str, Any] = arguments.entry
    revision = None
    folder = Path(entry["path"]) if "path" in entry else arguments.output / "snapshot"
    if "hub" in entry:
        revision = download(entry["hub"], entry["revision"], folder)
    about = models.describe(
        arguments.name,
        folder,
        family=arguments.family,
        size=entry["size"],
        seed=0,
        parameters=entry["parameters"],
        non_embedding_parameters=entry["non_embedding_parameters"],
        training_tokens=entry["training_tokens"],
        training_flops=entry["training_flops"],
    )
    write_json(arguments.output / "model.json", about | {"revision": revision})


def download(hub: str, revision: str, folder: Path) -> str:
    """Download a repository of the hub at one commit and return its hash."""
    from huggingface_hub import HfApi, snapshot_download

    try:
        commit = HfApi().model_info(hub, revision=revision).sha
        snapshot_download(hub, revision=commit, local_dir=folder, allow_patterns=WANTED)
    except Exception as error:  # network, rights, names: the user needs to know which model
        first = str(error).strip().split("\n")[0]
        raise UserError(
            f"config/models.yaml, {hub}@{revision}",
            f"cannot be fetched from the hub ({first})",
            "check name and network, or give the folder of a copy as 'path:'",
        ) from error
    return str(commit)


if __name__ == "__main__":
    run(main)
