"""Step: score every prompt file with one model, loaded once and only if something is missing."""

from __future__ import annotations

import argparse
from dataclasses import asdict, fields
from pathlib import Path

from ushaped.errors import run
from ushaped.models.load import read, to_screen
from ushaped.scoring.devices import reuse_memory
from ushaped.scoring.job import Scorer, Settings
from ushaped.scoring.served.score import ServedScorer


def main() -> None:
    """Read the command line, score what is missing, write one file per prompt file."""
    arguments = parse()
    about = read(arguments.model)
    settings = Settings(
        **{field.name: getattr(arguments, field.name) for field in fields(Settings)}
    )
    reuse_memory()
    scorer_class = ServedScorer if "served" in about else Scorer
    scorer = scorer_class(about, settings, arguments.store, to_screen)
    scorer.run(arguments.prompts, arguments.output)
    if arguments.benchmark:
        scorer.telemetry.write(arguments.benchmark)


def parse() -> argparse.Namespace:
    """Command line of the step; the defaults are those of `Settings`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL.JSON")
    parser.add_argument("--prompts", nargs="+", type=Path, required=True, metavar="PARQUET")
    for name in ("--batch-tokens", "--chain-tokens", "--threads", "--gpus"):
        parser.add_argument(name, type=int)
    parser.add_argument("--too-long", choices=["error", "cut"])
    parser.add_argument("--device", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--bos", choices=["default", "always", "never"])
    parser.add_argument("--trust-remote-code", action="store_true")
    parser.add_argument("--audit", type=int, metavar="ONE_IN")
    parser.add_argument("--store", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--benchmark", metavar="TSV")
    parser.set_defaults(**asdict(Settings()))
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
