"""Step: train one rung of the ladder with one seed.

The weights lie in a store under a digest of everything they depend on, so that a repeated job
reuses them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ushaped.artifact_store import reuse_artifact
from ushaped.benchmark_file import resources_used, write_benchmark
from ushaped.errors import run
from ushaped.files import digest, file_digest, whole, write_json
from ushaped.ladder.flops import Shape, training_flops
from ushaped.models.load import describe
from ushaped.scoring.devices import reuse_memory

TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


def main() -> None:
    """Read the command line, train or reuse the weights, describe the model."""
    began = time.monotonic()
    arguments = parse()
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    summary = json.loads((arguments.corpus / "corpus.json").read_text(encoding="utf-8"))
    code = [file_digest(path) for path in arguments.code]
    settings = json.dumps([arguments.rung, arguments.settings], sort_keys=True)
    key = digest(
        summary["digest"],
        settings,
        str(arguments.seed),
        version("torch"),
        *code,
        platform.machine(),
    )
    weights, is_reused = reuse_artifact(
        arguments.store, key, ".safetensors", lambda path: make(arguments, summary, path)
    )
    shutil.copyfile(weights.with_suffix(".json"), folder / "config.json")
    with whole(folder / "model.safetensors") as beside:
        shutil.copyfile(weights, beside)
    for name in TOKENIZER:
        shutil.copyfile(arguments.corpus / name, folder / name)
    write_json(folder / "model.json", description(arguments, summary))
    if is_reused:
        print(f"{folder.name}: nothing that it depends on has changed; reused", file=sys.stderr)
    write_benchmark(arguments.benchmark, resources_used(began))


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--rung", type=json.loads, required=True, help="the rung's sizes as JSON")
    parser.add_argument("--settings", type=json.loads, required=True, help="the recipe as JSON")
    parser.add_argument("--family", required=True)
    parser.add_argument("--size", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--code", nargs="+", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--benchmark", type=Path, required=True, metavar="TSV")
    return parser.parse_args()


def shape_of(rung: dict[str, Any], summary: dict[str, Any]) -> Shape:
    """The sizes of a rung with the vocabulary of the corpus."""
    return Shape(rung["hidden"], rung["layers"], rung["heads"], summary["vocabulary"])


def rows_used(rung: dict[str, Any], summary: dict[str, Any]) -> dict[int, int]:
    """How many rows of each length a rung is trained on: the first; texts are in random order."""
    share = rung.get("text", 1)
    return {int(n): max(1, round(share * count)) for n, count in summary["rows"].items()}


def make(arguments: argparse.Namespace, summary: dict[str, Any], path: Path) -> None:
    """Train; save the weights to ``path``, and the configuration beside the final weights."""
    import torch

    from ushaped.ladder import network, train

    reuse_memory()
    torch.set_num_threads(1)
    # Makes cuBLAS deterministic; must be set before CUDA starts.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.use_deterministic_algorithms(True)
    # Every new tensor would be written twice.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    settings = arguments.settings
    used = rows_used(arguments.rung, summary)
    with np.load(arguments.corpus / "rows.npz") as stored:
        packed = [torch.from_numpy(stored[str(n)][:count]).long() for n, count in used.items()]
    end = json.loads((arguments.corpus / "tokenizer.json").read_text(encoding="utf-8"))
    shape = shape_of(arguments.rung, summary)
    recipe = train.Recipe(
        batch_tokens=settings["batch_tokens"],
        embedding_rate=arguments.rung["embedding_rate"],
        matrix_rate=arguments.rung["matrix_rate"],
        warmup=settings["warmup"],
        weight_decay=settings["weight_decay"],
        device=settings["device"],
    )
    data = train.batches(packed, settings["batch_tokens"], arguments.seed)
    begun = network.new_weights(shape, arguments.seed)
    trained, _ = train.train(begun, shape, data, recipe, Progress(arguments.output.name))
    network.save(trained, path)
    name = path.name.removeprefix(".").split(".")[0]
    token = end["added_tokens"][0]["id"]
    about = network.configuration(shape, settings["context"], token)
    write_json(path.parent / f"{name}.json", about)


class Progress:
    """Prints a line with loss, speed and time left every few seconds."""

    def __init__(self, name: str, every: float = 10.0) -> None:
        self.name, self.every = name, every
        self.began = self.last = time.monotonic()

    def __call__(self, step: int, steps: int, loss: float, speed: float) -> None:
        """Print, if the last line is long enough ago or training has ended."""
        now = time.monotonic()
        if now - self.last < self.every and step < steps:
            return
        self.last = now
        left = (now - self.began) / step * (steps - step)
        print(
            f"{self.name}: step {step}/{steps}, loss {loss:.3f}, {speed:,.0f} tokens/s, "
            f"{left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )


def description(arguments: argparse.Namespace, summary: dict[str, Any]) -> dict[str, Any]:
    """The content of ``model.json``."""
    shape = shape_of(arguments.rung, summary)
    rows = rows_used(arguments.rung, summary)
    return describe(
        arguments.output.name,
        arguments.output,
        family=arguments.family,
        size=arguments.size,
        seed=arguments.seed,
        parameters=shape.parameters,
        non_embedding_parameters=shape.parameters - shape.hidden * shape.vocabulary,
        training_tokens=sum(length * count for length, count in rows.items()),
        training_flops=training_flops(shape, rows),
        flops_source="counted: every matrix product of forward and backward passes",
    )


if __name__ == "__main__":
    run(main)
