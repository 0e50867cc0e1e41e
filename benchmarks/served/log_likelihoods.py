"""Differences between log-likelihoods from a server and from the same weights here.

    python benchmarks/served/log_likelihoods.py --endpoint http://127.0.0.1:8000/v1 --served-as NAME
        --model results/models/MODEL/model.json --prompts results/prompts/... [--items N]

Scores the first items of some prompt files twice: with the served model, as the scoring step does
once the server has passed its check, and with the model of ``--model``, in float32. Prints a
Markdown table: for all class log-likelihoods, and for the differences of two classes of one item,
which decide the answer, the mean and largest absolute difference in nats, the largest difference as
a share of the log-likelihood, and the number of items with the same likeliest class. The last row
is for a client that trusts the echo unchecked.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from ushaped.models.load import load, read  # noqa: E402
from ushaped.scoring.engine.engine import log_likelihoods  # noqa: E402
from ushaped.scoring.served.check import USUAL, Checked, check  # noqa: E402
from ushaped.scoring.served.client import Client, Endpoint  # noqa: E402
from ushaped.scoring.served.score import LogprobRequest, score  # noqa: E402


def main() -> None:
    """Read the command line, score both ways, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--served-as", required=True)
    parser.add_argument("--key-variable")
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL.JSON")
    parser.add_argument("--prompts", type=Path, nargs="+", required=True, metavar="PARQUET")
    parser.add_argument("--items", type=int, default=10)
    arguments = parser.parse_args()
    tables = [pq.read_table(path).slice(0, arguments.items) for path in arguments.prompts]
    rows = [row for table in tables for row in table.to_pylist()]
    texts, classes = [row["prompt"] for row in rows], [row["classes"] for row in rows]
    local = locally(arguments.model, texts, classes)
    endpoint = Endpoint(arguments.endpoint, arguments.served_as, arguments.key_variable)
    client = Client(endpoint, lambda line: print(line, file=sys.stderr))
    checked = check(client)
    print(f"{checked}\n")
    print("| | numbers | mean | largest | largest share | items with the same answer |")
    print("|---|---|---|---|---|---|")
    show("as the check says", by_server(client, checked, texts, classes), local)
    if checked.reading != USUAL:
        naive = by_server(client, replace(checked, reading=USUAL), texts, classes)
        show("unchecked", naive, local)


def locally(about: Path, texts: list[str], classes: list[list[str]]) -> list[list[float]]:
    """Log-likelihoods of the classes by the model on this machine."""
    model, tokenizer = load(read(about)["folder"])
    scores = log_likelihoods(model, tokenizer, texts, classes)
    return [score.log_likelihood for score in scores]


def by_server(
    client: Client, checked: Checked, texts: list[str], classes: list[list[str]]
) -> list[list[float]]:
    """Log-likelihoods of the classes by the served model."""
    return [
        [
            math.fsum(score(client, checked, LogprobRequest(text, name, text[:40])).values)
            for name in names
        ]
        for text, names in zip(texts, classes, strict=True)
    ]


def show(name: str, served: list[list[float]], local: list[list[float]]) -> None:
    """Print two rows of the table."""
    same = sum(np.argmax(a) == np.argmax(b) for a, b in zip(served, local, strict=True))
    pair = np.concatenate(served), np.concatenate(local)
    line(f"{name}: log-likelihoods", *pair, f"{same} of {len(local)}")
    gaps = [np.concatenate([np.diff(row) for row in rows]) for rows in (served, local)]
    line(f"{name}: differences of classes", gaps[0], gaps[1], "")


def line(name: str, served: np.ndarray, local: np.ndarray, same: str) -> None:
    """Print a row of the table."""
    gap = np.abs(served - local)
    share = (gap / np.abs(local)).max()
    print(f"| {name} | {len(gap)} | {gap.mean():.2g} | {gap.max():.2g} | {share:.2g} | {same} |")


if __name__ == "__main__":
    main()
