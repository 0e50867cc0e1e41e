"""Files of the OLMo ladder (Bhagia et al. 2024): one table of evaluations for each training run.

``SIZE-MULTIPLExC.csv``, or ``SIZE-MULTIPLExC-rerun.csv`` for a second training, has one row for
each evaluated step; the last one is read. The files do not say of how many items a share is: that
is the least number of which all shares of a task, at every step of every run, are multiples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ushaped.atlas.points import LeftOut, Point, Read
from ushaped.atlas.sources import PublishedSet
from ushaped.errors import UserError
from ushaped.results.text_files import number, read_rows

FOLDER = "src/scripts/paper/data/ladder-runs"
NAME = re.compile(r"(?P<size>\d+[MB])-(?P<multiple>[\d.]+)xC(?P<rerun>-rerun)?\.csv")
CORPUS = "OLMo mix"
# Parameters without embeddings: src/ladder/ladder.py of the repository.
PARAMETERS = {
    "190M": 190_354_176,
    "370M": 371_262_464,
    "760M": 758_220_288,
    "1B": 1_279_395_840,
    "3B": 3_169_537_280,
}
TOKENS_PER_PARAMETER = 20
LOSS = "eval/c4_en-validation/CrossEntropyLoss"
TOKENS, GFLOPS = "throughput/total_tokens", "throughput/total_training_Gflops"
COLUMN = re.compile(
    r"eval/downstream(?P<kind>|_bpb|_soft|_soft_log)/"
    r"(?P<task>\w+)_rc_5shot_(?P<ending>len_norm|acc|bpb|soft|soft_log)"
)
METRICS = {
    "": "accuracy",
    "_bpb": "bits_per_byte",
    "_soft": "probability",
    "_soft_log": "log_probability",
}
PROTOCOL = "5-shot, cloze"
NORMALISED = "accuracy by log-likelihood per character"

# A run of less than this share of its tokens ended early.
COMPLETE = 0.95
# Most items of a task, and the least number of different shares that tell how many there are.
MOST_ITEMS, LEAST_SHARES = 20_000, 20


@dataclass(frozen=True)
class _Run:
    """One training run: its name, and its evaluations by step."""

    model: str
    size: str
    multiple: float
    run: str
    rows: list[dict[str, str]]
    path: Path

    @property
    def last(self) -> dict[str, str]:
        return max(self.rows, key=lambda row: float(row["_step"]))


def read(name: str, published: PublishedSet, folder: Path) -> Read:
    """Points of the last evaluation of every run."""
    left_out: list[LeftOut] = []
    runs: list[_Run] = []
    for path in sorted((folder / FOLDER).glob("*.csv")):
        try:
            runs.append(_run(path))
        except UserError as error:
            left_out.append(LeftOut(name, path.name, str(error).replace(f"{folder}/", "")))
    items = _items(runs)
    points = [point for run in runs for point in _points(run, name, published.commit, items)]
    for task in sorted({point.task for point in points} - items.keys()):
        reason = "its shares do not tell of how many items they are, so nothing can be tested"
        left_out.append(LeftOut(name, task, reason))
    return Read(points, left_out)


def _run(path: Path) -> _Run:
    named = NAME.fullmatch(path.name)
    if named is None or named["size"] not in PARAMETERS:
        what = f"is not named SIZE-MULTIPLExC.csv, SIZE being one of {', '.join(PARAMETERS)}"
        raise UserError(str(path), what, "leave it out of literature/atlas.yaml")
    rows = read_rows(path, ("_step", TOKENS, GFLOPS))
    if not rows:
        raise UserError(str(path), "has no evaluation", "take the published file")
    for row in rows:
        number(path, row, "_step")
    rerun = "rerun" if named["rerun"] else ""
    model = path.stem.removesuffix("-rerun")
    run = _Run(model, named["size"], float(named["multiple"]), rerun, rows, path)
    wanted = PARAMETERS[run.size] * run.multiple * TOKENS_PER_PARAMETER
    share = number(path, run.last, TOKENS) / wanted
    if share < COMPLETE:
        what = f"its last evaluation is at {share:.0%} of its training"
        raise UserError(str(path), what, "take a file of the whole run")
    return run


def _points(run: _Run, name: str, commit: str, items: Mapping[str, int]) -> Iterator[Point]:
    last = run.last
    shared: dict[str, Any] = {
        "set": name,
        "corpus": CORPUS,
        "part": "",
        "model": run.model,
        "run": run.run,
        "size": run.size,
        "chance": float("nan"),
        "parameters": float(PARAMETERS[run.size]),
        "training_tokens": number(run.path, last, TOKENS),
        "training_flops": 1e9 * number(run.path, last, GFLOPS),
        "token_multiple": run.multiple,
        "validation_loss": float(last.get(LOSS) or "nan"),
        "protocol": PROTOCOL,
        "commit": commit,
    }
    for column, cell in last.items():
        if (found := COLUMN.fullmatch(column)) and cell:
            yield Point(
                **shared,
                task=found["task"],
                metric=METRICS[found["kind"]],
                value=number(run.path, last, column),
                n=items.get(found["task"]),
                modified=NORMALISED if found["ending"] == "len_norm" else "",
            )


def _items(runs: Sequence[_Run]) -> dict[str, int]:
    """Items of each task, where its shares tell."""
    shares: dict[str, set[float]] = {}
    for run in runs:
        for column in run.rows[0]:
            if (found := COLUMN.fullmatch(column)) and not found["kind"]:
                cells = (row[column] for row in run.rows)
                shares.setdefault(found["task"], set()).update(
                    float(cell) for cell in cells if cell
                )
    found_items = {task: common_denominator(sorted(own)) for task, own in shares.items()}
    return {task: n for task, n in found_items.items() if n is not None}


def common_denominator(shares: Sequence[float]) -> int | None:
    """Least number of items of which all shares are multiples; None where they do not tell.

    Shares are numbers of 32 bits, so that each is exact to 6e-8.

    Examples
    --------
    >>> shares = np.float32(np.arange(100, 200) / 570)
    >>> common_denominator(shares.tolist()), common_denominator([0.5, 0.25])
    (570, None)
    """
    if len(set(shares)) < LEAST_SHARES:
        return None
    n = np.arange(1, MOST_ITEMS + 1)
    for share in shares:
        counts = share * n
        n = n[np.abs(counts - np.rint(counts)) <= 1.2e-7 * n]
        if not len(n):
            return None
    return int(n[0])
