"""Step: score every prompt file with one model, loading it once and only if something is missing.

A file's scores lie in a store under the digest of everything they depend on: the model's
fingerprint, the engine's version, and the prompts themselves. Editing one prompt file therefore
scores that file again and no other.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ushaped import models
from ushaped.errors import UserError, run
from ushaped.files import digest, whole
from ushaped.prompts import extract
from ushaped.scoring.store import kept

# Part of the key of every stored score: raise it when a change to the code can move a score.
VERSION = "2"
SCHEMA = pa.schema(
    [
        ("item", pa.int64()),
        ("log_likelihood", pa.list_(pa.float64())),
        ("prompt_tokens", pa.int64()),
        ("class_tokens", pa.list_(pa.int64())),
        ("chain", pa.string()),
        ("parsed", pa.int64()),
    ]
)


def main() -> None:
    """Read the command line, score what is missing, write one file per prompt file."""
    arguments = parse()
    scorer = Scorer(models.read(arguments.model), arguments.batch_tokens, arguments.chain_tokens)
    began, fresh = time.monotonic(), 0
    for number, path in enumerate(arguments.prompts, start=1):
        rows = pq.read_table(path).to_pylist()
        stored, found = kept(
            arguments.store,
            scorer.key(rows),
            ".parquet",
            partial(scorer.write, rows, path),
        )
        target = arguments.output / path.parts[-3] / path.parts[-2] / path.name
        with whole(target) as beside:
            beside.write_bytes(stored.read_bytes())
        if not found:
            fresh += len(rows)
            tell(scorer.name, path, number, len(arguments.prompts), fresh, began)


def parse() -> argparse.Namespace:
    """Command line of the step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL.JSON")
    parser.add_argument("--prompts", nargs="+", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--batch-tokens", type=int, required=True)
    parser.add_argument("--chain-tokens", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    return parser.parse_args()


def tell(name: str, path: Path, number: int, files: int, fresh: int, began: float) -> None:
    """Print how far this is, how fast, and how long it will take."""
    passed = time.monotonic() - began
    print(
        f"{name}: {number}/{files} {path.parts[-2]} {path.stem}, {fresh / passed:,.0f} prompts/s, "
        f"{passed / number * (files - number):.0f} s left",
        file=sys.stderr,
        flush=True,
    )


class Scorer:
    """One model, loaded when it is first needed."""

    def __init__(self, about: dict[str, Any], batch_tokens: int, chain_tokens: int) -> None:
        self.about, self.name = about, about["model"]
        self.batch_tokens, self.chain_tokens = batch_tokens, chain_tokens

    @cached_property
    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer."""
        import torch

        torch.set_num_threads(1)
        if models.fingerprint(self.about["folder"]) != self.about["fingerprint"]:
            raise UserError(
                self.about["folder"],
                "does not hold the weights that model.json was written for",
                "remove model.json, so that it is made again",
            )
        return models.load(self.about["folder"])

    def key(self, rows: list[dict[str, Any]]) -> str:
        """Digest of everything that the scores of these prompts depend on."""
        asked = json.dumps([[row["prompt"], row["classes"], row["chain"]] for row in rows])
        length = str(self.chain_tokens) if any(row["chain"] for row in rows) else ""
        return digest(self.about["fingerprint"], "float32", VERSION, length, asked)

    def write(self, rows: list[dict[str, Any]], path: Path, target: Path) -> None:
        """Score the prompts of one file and write the table to ``target``."""
        try:
            pq.write_table(pa.Table.from_pylist(self.score(rows), schema=SCHEMA), target)
        except UserError as error:
            raise UserError(f"{self.name}, {path}", str(error), "see there") from None

    def score(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Log-likelihoods of every class of every prompt, after a generated chain where asked."""
        from ushaped.scoring.engine import log_likelihoods
        from ushaped.scoring.generation import before_answer, chains

        model, tokenizer = self.loaded
        texts = [row["prompt"] for row in rows]
        thoughts = [""] * len(rows)
        if rows[0]["chain"]:
            thoughts = chains(model, tokenizer, texts, self.chain_tokens, self.batch_tokens)
            texts = [
                text + before_answer(chain) for text, chain in zip(texts, thoughts, strict=True)
            ]
        scored = log_likelihoods(
            model, tokenizer, texts, [row["classes"] for row in rows], self.batch_tokens
        )
        return [
            {
                "item": row["item"],
                "log_likelihood": one.log_likelihood,
                "prompt_tokens": one.prompt_tokens,
                "class_tokens": one.class_tokens,
                "chain": chain,
                "parsed": extract(chain, row["classes"]) if row["chain"] else None,
            }
            for row, one, chain in zip(rows, scored, thoughts, strict=True)
        ]


if __name__ == "__main__":
    run(main)
