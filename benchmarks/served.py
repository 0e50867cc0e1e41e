"""How far log-likelihoods from a server are from those of the same weights here.

    python benchmarks/served.py --endpoint http://127.0.0.1:8000/v1 --served-as NAME
        --model results/models/MODEL/model.json --prompts results/prompts/... [--items N]

Scores the first items of some prompt files twice: with the served model, as the scoring step does
once the server has passed its check, and with the model of the description, in float32. Prints a
Markdown table: of all class log-likelihoods, and of the differences of two classes of one item,
which decide the answer, the mean and largest absolute difference in nats, the largest difference as
a share of the log-likelihood, and in how many items the same class is likeliest. The last row is
what a client would have read that trusts the echo as it stands.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from ushaped.models import load as models  # noqa: E402
from ushaped.scoring.engine.engine import log_likelihoods  # noqa: E402
from ushaped.scoring.served.check import USUAL, Checked, check  # noqa: E402
from ushaped.scoring.served.client import Client, Endpoint  # noqa: E402
from ushaped.scoring.served.score import Asked, scored  # noqa: E402


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
    here = locally(arguments.model, texts, classes)
    endpoint = Endpoint(arguments.endpoint, arguments.served_as, arguments.key_variable)
    client = Client(endpoint, lambda line: print(line, file=sys.stderr))
    checked = check(client)
    print(f"{checked}\n")
    print("| | numbers | mean | largest | largest share | items with the same answer |")
    print("|---|---|---|---|---|---|")
    show("as the check says", there(client, checked, texts, classes), here)
    if checked.reading != USUAL:
        naive = there(client, replace(checked, reading=USUAL), texts, classes)
        show("as it stands", naive, here)


def locally(about: Path, texts: list[str], classes: list[list[str]]) -> list[list[float]]:
    """Log-likelihoods of the classes by the model on this machine."""
    model, tokenizer = models.load(models.read(about)["folder"])
    found = log_likelihoods(model, tokenizer, texts, classes)
    return [one.log_likelihood for one in found]


def there(
    client: Client, checked: Checked, texts: list[str], classes: list[list[str]]
) -> list[list[float]]:
    """Log-likelihoods of the classes by the served model."""
    return [
        [math.fsum(scored(client, checked, Asked(text, name, text[:40])).values) for name in names]
        for text, names in zip(texts, classes, strict=True)
    ]


def show(name: str, served: list[list[float]], here: list[list[float]]) -> None:
    """Print two rows of the table."""
    same = sum(np.argmax(a) == np.argmax(b) for a, b in zip(served, here, strict=True))
    one, other = np.concatenate(served), np.concatenate(here)
    line(f"{name}: log-likelihoods", one, other, f"{same} of {len(here)}")
    one, other = (np.concatenate([np.diff(row) for row in rows]) for rows in (served, here))
    line(f"{name}: differences of classes", one, other, "")


def line(name: str, one: np.ndarray, other: np.ndarray, same: str) -> None:
    """Print a row of the table."""
    gap = np.abs(one - other)
    share = (gap / np.abs(other)).max()
    print(f"| {name} | {len(gap)} | {gap.mean():.2g} | {gap.max():.2g} | {share:.2g} | {same} |")


if __name__ == "__main__":
    main()
