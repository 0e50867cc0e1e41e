"""How much was scored, how fast, how near to what the device can do, and how long it will take."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ushaped.benchmark_file import resources_used, write_benchmark

if TYPE_CHECKING:
    import torch

# Seconds between two lines of progress.
EVERY = 5.0


@dataclass
class Counts:
    """Work of a scorer.

    Attributes
    ----------
    sequences : int
        Prompt-continuation pairs.
    total_tokens : int
        Tokens of all of them and of chains, each prompt counted with each of its continuations.
    computed_tokens : int
        Tokens that went through the model.
    predictions : int
        Positions that were multiplied by the vocabulary matrix.
    """

    sequences: int = 0
    total_tokens: int = 0
    computed_tokens: int = 0
    predictions: int = 0


@dataclass
class Telemetry:
    """Work and speed of a scoring job.

    Attributes
    ----------
    name : str
        Of the model.
    parameters : int or None
        Without embedding and vocabulary matrix, so those that every token meets; None if unknown.
    vocabulary_parameters : int
        Of the vocabulary matrix.
    reused, missing : int
        Items that the store had at the beginning, and items that had to be scored.
    items, chains, samples : int
        Items scored so far, and chains and answers generated.
    seconds : float
        Time of computing, without loading the model.
    matrix_rate : float
        Multiply-add operations x 2 per second of a large matrix product on the same device, dtype
        and threads; 0 until measured.
    audited : int
        Items scored again by the audit, with ``audit_largest`` the largest difference in nats, in
        ``audit_seconds``.
    threads, gpus, weight_bits : int
        Threads on the processor, GPUs (0 for none), and bits of a weight; 0 until loaded.
    cpu_before : float
        CPU seconds of the process before this model.
    shards : sequence of mapping
        Rows of the benchmark files of the jobs that have scored shards before; their work counts.
    """

    name: str
    parameters: int | None
    vocabulary_parameters: int = 0
    reused: int = 0
    missing: int = 0
    items: int = 0
    chains: int = 0
    samples: int = 0
    seconds: float = 0.0
    matrix_rate: float = 0.0
    audited: int = 0
    audit_largest: float = 0.0
    audit_seconds: float = 0.0
    threads: int = 0
    gpus: int = 0
    weight_bits: int = 0
    shards: Sequence[Mapping[str, float]] = ()
    counts: Counts = field(default_factory=Counts)
    began: float = field(default_factory=time.monotonic)
    cpu_before: float = field(default_factory=time.process_time)

    @property
    def flops(self) -> float:
        """Floating-point operations of the matrix products, without attention."""
        counts = self.counts
        if not counts.computed_tokens:
            return 0.0
        if self.parameters is None:
            return float("nan")
        return (
            2.0 * self.parameters * counts.computed_tokens
            + 2.0 * self.vocabulary_parameters * counts.predictions
        )

    @property
    def utilisation(self) -> float:
        """Model FLOP utilisation: share of the measured matrix rate."""
        possible = self.seconds * self.matrix_rate
        return self.flops / possible if possible else float("nan")

    @property
    def tokens_per_second(self) -> float:
        """Tokens scored or generated per second, shared ones counted each time."""
        return self.counts.total_tokens / self.seconds if self.seconds else 0.0

    @property
    def shard_seconds(self) -> float:
        """Time of the jobs that have scored shards."""
        return sum(row["s"] for row in self.shards)

    def row(self) -> dict[str, Any]:
        """The columns of a benchmark file: Snakemake's, of this job alone, and those of scoring."""
        row = {
            **resources_used(self.began, self.cpu_before),
            "items": self.items,
            "items_kept": self.reused,
            "scoring_s": round(self.seconds, 3),
            "computed_tokens": self.counts.computed_tokens,
            "total_tokens": self.counts.total_tokens,
            "tokens_per_s": round(self.tokens_per_second, 1),
            "model_flop_utilisation": round(self.utilisation, 4),
            "matrix_gflops": round(self.matrix_rate / 1e9, 1),
            "flops_per_s": float(f"{self.flops / self.seconds if self.seconds else 0.0:.4g}"),
            "threads": self.threads,
            "gpus": self.gpus,
            "weight_bits": self.weight_bits,
            "audited_items": self.audited,
            "audit_largest_nats": float(f"{self.audit_largest:.3g}"),
            "audit_s": round(self.audit_seconds, 3),
        }
        return row | add_up([row, *self.shards]) if self.shards else row

    def write(self, path: str) -> None:
        """Write the benchmark file."""
        write_benchmark(path, self.row())

    def line(self, share: float) -> str:
        """One line of progress; ``share`` of the job's text is scored."""
        left = self.seconds / share * (1 - share) if share else float("nan")
        chains = f", {self.chains:,} chains" if self.chains else ""
        chains += f", {self.samples:,} answers" if self.samples else ""
        return (
            f"{self.name}: {self.items:,} of {self.missing:,} items{chains}, "
            f"{self.tokens_per_second:,.0f} tokens/s, {self._work()}{left:.0f} s left"
        )

    def _work(self) -> str:
        return (
            f"{self.counts.computed_tokens:,} of {self.counts.total_tokens:,} tokens computed, "
            f"{self.utilisation:.0%} of the matrix rate, "
        )


class Progress:
    """Share of a job's text that is scored, and when the last score of an item is stored.

    Attributes
    ----------
    characters : int
        Of all prompts that have to be scored.
    """

    def __init__(self) -> None:
        self.characters = 0
        self._done = 0.0
        self._waiting: dict[str, list[tuple[str, float]]] = {}
        self._open: Counter[str] = Counter()
        self._logged = time.monotonic()

    @property
    def share(self) -> float:
        """Share of the characters whose scores are stored."""
        return min(1.0, self._done / max(1, self.characters))

    def expect(self, key: str, item: str, characters: float) -> None:
        """An item waits for the score of a key, which stands for some of its characters."""
        self._waiting.setdefault(key, []).append((item, characters))
        self._open[item] += 1

    def advance(self, characters: float) -> None:
        """Count characters as done."""
        self._done += characters

    def finish(self, keys: Iterable[str]) -> int:
        """Count keys as scored; returns how many items wait for no further key."""
        complete = 0
        for key in keys:
            for item, characters in self._waiting.pop(key, ()):
                self.advance(characters)
                self._open[item] -= 1
                complete += not self._open[item]
        return complete

    def is_due(self) -> bool:
        """Whether it is time for a line of progress, which the caller then logs."""
        now = time.monotonic()
        if now - self._logged < EVERY:
            return False
        self._logged = now
        return True


def add_up(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Columns of scoring of the jobs of one model: the last one, then those of its shards.

    Items that shards have scored are no longer among those that the last job found in the store.
    """
    total: dict[str, Any] = {
        name: sum(row[name] for row in rows)
        for name in ("items", "scoring_s", "computed_tokens", "total_tokens")
    }
    everything = rows[0]["items"] + rows[0]["items_kept"]
    # An item whose scores lie in two shards is counted by both.
    total["items"] = min(total["items"], everything)
    total["items_kept"] = everything - total["items"]
    total["scoring_s"] = round(total["scoring_s"], 3)
    seconds = total["scoring_s"]
    total["tokens_per_s"] = round(total["total_tokens"] / seconds, 1) if seconds else 0.0
    busy = [(row, row["scoring_s"] * row["matrix_gflops"]) for row in rows if row["scoring_s"]]
    possible = sum(most for _, most in busy)
    used = sum(row["model_flop_utilisation"] * most for row, most in busy)
    total["model_flop_utilisation"] = round(used / possible, 4) if possible else math.nan
    total["matrix_gflops"] = max(row["matrix_gflops"] for row in rows)
    total["flops_per_s"] = float(f"{1e9 * used / seconds if seconds else 0.0:.4g}")
    for name in ("threads", "gpus", "weight_bits"):
        total[name] = max(int(row.get(name, 0)) for row in rows)
    return total


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a matrix product, the best of three (a fraction of a second)."""
    import torch

    size = 8192 if device.type == "cuda" else 1024
    left = torch.randn(size, size, device=device, dtype=dtype)
    times = []
    for _ in range(4):
        if device.type == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        # Reading one number waits for the product.
        float((left @ left)[0, 0])
        times.append(time.perf_counter() - began)
    return 2.0 * size**3 / min(times[1:])
