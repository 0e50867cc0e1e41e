"""The vLLM side of `benchmarks/scoring.py`: scores by prompt log-probabilities.

Runs in an environment of its own (`requirements-vllm.txt`) and imports nothing of this project,
whose packages clash with vLLM's. Answers each line of its input, a JSON object, with a line.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

# Read when vllm is imported. One process: a scheduler of its own would take turns with the model on
# a machine with few cores, and CPU seconds are those of this process alone. Not bound to cores:
# another process may be on them.
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "2"

# Blocks of 32 are the smallest that vLLM takes on CPUs, so the cache shares the most. The others
# were tried; benchmarks/README.md has the numbers.
SETTINGS: dict[str, Any] = {
    "max_num_batched_tokens": 2048,
    "max_num_seqs": 256,
    "block_size": 32,
    "enforce_eager": False,
}


def main() -> None:
    """Answer questions until there are no more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--prefix-cache", action="store_true")
    parser.add_argument("--settings", type=json.loads, default={}, help="of vllm.LLM, as JSON")
    arguments = parser.parse_args()
    with_intel_threads(arguments.threads)
    side = Vllm(arguments)
    for text in sys.stdin:
        question = json.loads(text)
        what = question.pop("what")
        answer = side.score(**question) if what == "score" else None
        print("answer", json.dumps(answer), flush=True)


def with_intel_threads(threads: int) -> None:
    """Begin again with the OpenMP library that vLLM installs: half the CPU time of GNU's."""
    library = Path(sys.prefix) / "lib" / "libiomp5.so"
    if library.exists() and "LD_PRELOAD" not in os.environ:
        # vLLM reduces the threads of torch to one where their number is not set.
        more = {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": str(threads)}
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | more)


class Vllm:
    """vLLM with the model loaded, with or without its prefix cache."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from vllm import LLM

        self.cache = arguments.prefix_cache
        self.engine = LLM(
            model=arguments.folder,
            dtype="float32",
            enable_prefix_caching=self.cache,
            **SETTINGS | arguments.settings,
        )
        self.tokenizer = self.engine.get_tokenizer()

    def score(self, questions: list[tuple[str, list[str]]]) -> dict[str, Any]:
        """Score once, tokenising included, with an empty cache."""
        self.engine.reset_prefix_cache()
        began, cpu = time.perf_counter(), cpu_seconds()
        sequences = self.encoded(questions)
        found = self.run(sequences, skip=not self.cache)
        # A cached position has no log-probability. Where the cache reached into a class, which
        # begins like an earlier one of its prompt, all of it is computed anew.
        again = [i for i, (_, start) in enumerate(sequences) if found[i].num_cached_tokens >= start]
        cached = sum(one.num_cached_tokens for one in found)
        if again:
            for i, one in zip(
                again, self.run([sequences[i] for i in again], skip=True), strict=True
            ):
                found[i] = one
        values = [
            total(one, ids, start) for one, (ids, start) in zip(found, sequences, strict=True)
        ]
        wall, cpu = time.perf_counter() - began, cpu_seconds() - cpu
        return {"wall": wall, "cpu": cpu, "values": values, "cached": cached, "again": len(again)}

    def encoded(self, questions: list[tuple[str, list[str]]]) -> list[tuple[list[int], int]]:
        """Tokens of each prompt with each of its classes, and where the class begins.

        As the harness does it: the class has the tokens of both that are left after as many as the
        prompt has alone, and no special tokens are added.
        """
        alone = self.tokens([prompt for prompt, _ in questions])
        joined = iter(self.tokens([prompt + name for prompt, names in questions for name in names]))
        return [
            (next(joined), len(before))
            for before, (_, names) in zip(alone, questions, strict=True)
            for _ in names
        ]

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """Tokens of each text."""
        return self.tokenizer(texts, add_special_tokens=False)["input_ids"]

    def run(self, sequences: list[tuple[list[int], int]], skip: bool) -> list[Any]:
        """vLLM's answers; ``skip`` leaves the prefix cache unread."""
        from vllm import SamplingParams

        parameters = SamplingParams(
            temperature=0,
            max_tokens=1,
            prompt_logprobs=0,
            detokenize=False,
            # By default, requests for prompt log-probabilities never read the cache.
            skip_reading_prefix_cache=skip,
        )
        asked = [{"prompt_token_ids": ids} for ids, _ in sequences]
        return self.engine.generate(asked, parameters, use_tqdm=False)


def total(found: Any, ids: list[int], start: int) -> float:
    """Sum of the log-probabilities of the tokens from ``start`` on, in nats."""
    return sum(found.prompt_logprobs[i][ids[i]].logprob for i in range(start, len(ids)))


def cpu_seconds() -> float:
    """CPU time of this process and of those that it started and that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
