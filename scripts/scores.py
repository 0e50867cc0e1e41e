"""Step: score every prompt file with one model, loaded once and only if something is missing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ushaped.errors import run
from ushaped.models import load as models
from ushaped.scoring.devices import reuse_memory
from ushaped.scoring.job import Scorer, Settings
from ushaped.scoring.served.score import ServedScorer


def main() -> None:
    """Read the command line, score what is missing, write one file per prompt file."""
    arguments = parse()
    about = models.read(arguments.model)
    settings = Settings(
        batch_tokens=arguments.batch_tokens,
        chain_tokens=arguments.chain_tokens,
        too_long=arguments.too_long,
        device=arguments.device,
        gpus=arguments.gpus,
        dtype=arguments.dtype,
        threads=arguments.threads,
        bos=arguments.bos,
        trust_remote_code=arguments.trust_remote_code,
        audit=arguments.audit,
    )
    reuse_memory()
    kind = ServedScorer if "served" in about else Scorer
    scorer = kind(about, settings, arguments.store, log)
    scorer.run(arguments.prompts, arguments.output)
    if arguments.benchmark:
        scorer.telemetry.write(arguments.benchmark)


def parse() -> argparse.Namespace:
    """Command line of the step."""
    usual = Settings()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL.JSON")
    parser.add_argument("--prompts", nargs="+", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--batch-tokens", type=int, default=usual.batch_tokens)
    parser.add_argument("--chain-tokens", type=int, default=usual.chain_tokens)
    parser.add_argument("--too-long", choices=["error", "cut"], default=usual.too_long)
    parser.add_argument("--device", choices=["cpu", "cuda"], default=usual.device)
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default=usual.dtype)
    parser.add_argument("--threads", type=int, default=usual.threads)
    parser.add_argument("--gpus", type=int, default=usual.gpus)
    parser.add_argument("--bos", choices=["default", "always", "never"], default=usual.bos)
    parser.add_argument("--trust-remote-code", action="store_true")
    parser.add_argument("--audit", type=int, default=usual.audit, metavar="ONE_IN")
    parser.add_argument("--store", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--benchmark", metavar="TSV")
    return parser.parse_args()


def log(line: str) -> None:
    """Write a line of the log."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run(main)
