"""Step: score every prompt file with each model, loaded once and only if something is missing.

Small models of one family may share a job, which imports, reads and tokenises once.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, fields
from pathlib import Path

from ushaped.benchmark_file import read_benchmark
from ushaped.errors import run
from ushaped.models.load import read, to_screen
from ushaped.prices import Price
from ushaped.scoring.devices import reuse_memory
from ushaped.scoring.engine.tree import Layouts
from ushaped.scoring.job import Scorer, Settings, Shared
from ushaped.scoring.requests import PromptFile
from ushaped.scoring.served.chat import ChatScorer
from ushaped.scoring.served.score import ServedScorer
from ushaped.scoring.shards import Shard, ShardScorer

# Memory for what the models of one job share, besides the tokens.
LAYOUT_BYTES = 400_000_000


def main() -> None:
    """Read the command line, score what is missing, write one file per prompt file."""
    arguments = parse()
    settings = Settings(
        **{field.name: getattr(arguments, field.name) for field in fields(Settings)}
    )
    reuse_memory()
    files = [PromptFile.read(path) for path in arguments.prompts]
    shared = Shared({}, Layouts(LAYOUT_BYTES)) if len(arguments.model) > 1 else None
    benchmarks = arguments.benchmark or [None] * len(arguments.model)
    for path, output, benchmark in zip(arguments.model, arguments.output, benchmarks, strict=True):
        given = (read(path), settings, arguments.store, to_screen)
        scorer: Scorer
        if arguments.shard:
            scorer = ShardScorer(arguments.shard, *given)
        elif "served" in given[0]:
            is_chat = given[0]["served"].get("api") == "chat"
            scorer = (ChatScorer if is_chat else ServedScorer)(*given)
            scorer.telemetry.price = arguments.price
        else:
            scorer = Scorer(*given, shared)
        scorer.telemetry.shards = [read_benchmark(path) for path in arguments.shards]
        scorer.run([file.without_chains() for file in files], output)
        if benchmark:
            scorer.telemetry.write(benchmark)


def parse() -> argparse.Namespace:
    """Command line of the step; the defaults are those of `Settings`."""
    parser = argparse.ArgumentParser(description=__doc__)
    each = "one for each model"
    parser.add_argument("--model", nargs="+", type=Path, required=True, metavar="MODEL.JSON")
    parser.add_argument("--prompts", nargs="+", type=Path, required=True, metavar="PARQUET")
    for name in ("--batch-tokens", "--chain-tokens", "--threads", "--gpus"):
        parser.add_argument(name, type=int)
    parser.add_argument("--too-long", choices=["error", "cut"])
    parser.add_argument("--device", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--bos", choices=["default", "always", "never"])
    parser.add_argument("--trust-remote-code", action="store_true")
    parser.add_argument("--chat", metavar="JSON", help="how prompts become conversations")
    parser.add_argument("--sampling", metavar="JSON", help="how answers are written")
    parser.add_argument("--thinking", metavar="JSON", help="how a model thinks")
    parser.add_argument("--price", type=Price.parse, metavar="JSON", help="of a server's tokens")
    parser.add_argument("--audit", type=int, metavar="ONE_IN")
    parser.add_argument("--store", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--output", nargs="+", type=Path, required=True, metavar="FOLDER", help=each
    )
    parser.add_argument("--benchmark", nargs="+", metavar="TSV", help=each)
    parser.add_argument("--shard", type=Shard.parse, help="compute this part into the store only")
    parser.add_argument(
        "--shards", nargs="+", default=[], metavar="TSV", help="benchmark files of all shards"
    )
    parser.set_defaults(**asdict(Settings()))
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
