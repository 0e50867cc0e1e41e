"""How much was scored, how fast, how near to what the device can do, and how long it will take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ushaped.benchmark_file import used, write

if TYPE_CHECKING:
    import torch

# Seconds between two lines of progress.
EVERY = 5.0


@dataclass
class Counts:
    """What a scorer has done.

    Attributes
    ----------
    sequences : int
        Prompt-continuation pairs.
    total_tokens : int
        Tokens of all of them, each prompt counted with each of its continuations.
    computed_tokens : int
        Tokens that went through the model.
    predictions : int
        Positions that met the vocabulary matrix.
    """

    sequences: int = 0
    total_tokens: int = 0
    computed_tokens: int = 0
    predictions: int = 0


@dataclass
class Telemetry:
    """What a scoring job did.

    Attributes
    ----------
    name : str
        Of the model.
    parameters : int or None
        Those that every token meets: without embedding and vocabulary matrix; None if not known.
    width : int
        Size of a row of the vocabulary matrix, times the size of the vocabulary.
    kept : int
        Items that were in the store already.
    items : int
        Items scored now.
    seconds : float
        Time spent on them, loading the model not counted.
    matrix_rate : float
        Multiply-add operations x 2 per second of a large matrix product on the same device, dtype
        and threads; 0 until measured.
    audited : int
        Items scored again by the audit.
    audit_largest : float
        Largest difference that it found, in nats.
    audit_seconds : float
        Time that it took.
    """

    name: str
    parameters: int | None
    width: int = 0
    kept: int = 0
    items: int = 0
    seconds: float = 0.0
    matrix_rate: float = 0.0
    audited: int = 0
    audit_largest: float = 0.0
    audit_seconds: float = 0.0
    counts: Counts | None = None
    began: float = field(default_factory=time.monotonic)
    told: float = 0.0

    @property
    def flops(self) -> float:
        """Floating-point operations of the matrix products, attention not counted."""
        if self.counts is None:
            return 0.0
        if self.parameters is None:
            return float("nan")
        return (
            2.0 * self.parameters * self.counts.computed_tokens
            + 2.0 * self.width * self.counts.predictions
        )

    @property
    def utilisation(self) -> float:
        """Model FLOP utilisation: share of the measured matrix rate."""
        most = self.seconds * self.matrix_rate
        return self.flops / most if most else float("nan")

    def row(self) -> dict[str, Any]:
        """The columns of a benchmark file: Snakemake's usual ones, and those of scoring."""
        computed = self.counts.computed_tokens if self.counts else 0
        total = self.counts.total_tokens if self.counts else 0
        return {
            **used(self.began),
            "items": self.items,
            "items_kept": self.kept,
            "scoring_s": round(self.seconds, 3),
            "computed_tokens": computed,
            "total_tokens": total,
            "tokens_per_s": round(total / self.seconds, 1) if self.seconds else 0.0,
            "model_flop_utilisation": round(self.utilisation, 4),
            "matrix_gflops": round(self.matrix_rate / 1e9, 1),
            "audited_items": self.audited,
            "audit_largest_nats": float(f"{self.audit_largest:.3g}"),
            "audit_s": round(self.audit_seconds, 3),
        }

    def write(self, path: str) -> None:
        """Write the benchmark file."""
        write(path, self.row())

    def line(self, share: float) -> str:
        """One line of progress; ``share`` of the job's text is done."""
        row = self.row()
        left = self.seconds / share * (1 - share) if share else float("nan")
        return (
            f"{self.name}: {self.items} items, {row['tokens_per_s']:,.0f} tokens/s, "
            f"{row['computed_tokens']:,} of {row['total_tokens']:,} tokens computed, "
            f"{self.utilisation:.0%} of the matrix rate, {left:.0f} s left"
        )


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
        # The sum makes sure that the product is there when the clock is read.
        float((left @ left)[0, 0])
        times.append(time.perf_counter() - began)
    return 2.0 * size**3 / min(times[1:])
