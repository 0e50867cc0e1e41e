"""Whether models that share weights write the same answers, for instance here and on servers.

    python benchmarks/served/answers.py RESULTS MODEL OTHER [OTHER ...]

RESULTS is the output folder of a run that has variants with written answers at temperature 0, in
which the models are sizes of different families. Prints a Markdown table: of each other model, how
many answers are the same text as MODEL's, how many give the same class, and how much of the answer
is the same where it differs (characters up to the first difference, median).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pyarrow.parquet as pq

# Of one sample: its text, and the number of the class that was read from it.
Answer = tuple[str, int | None]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("model")
    parser.add_argument("others", nargs="+")
    arguments = parser.parse_args()
    print("| model | variant | answers | same text | same class | same until, characters |")
    print("|---|---|---|---|---|---|")
    for other in arguments.others:
        own, theirs = (answers(arguments.results, name) for name in (arguments.model, other))
        for variant in own.keys() & theirs.keys():
            print(f"| {other} | {variant} | {compared(own[variant], theirs[variant])} |")


def answers(results: Path, model: str) -> dict[str, dict[tuple[str, ...], Answer]]:
    """The written answers of a model, by variant, then by source, task, item and sample."""
    found: dict[str, dict[tuple[str, ...], Answer]] = {}
    for path in sorted((results / "scores" / model).glob("*/*/*.parquet")):
        for place, answer in rows(path):
            found.setdefault(path.stem, {})[(*path.parts[-3:-1], *place)] = answer
    return found


def rows(path: Path) -> Iterator[tuple[tuple[str, str], Answer]]:
    """Item, number of the sample, and answer of every sample of a file of scores."""
    for row in pq.read_table(path, columns=["item", "samples", "answers"]).to_pylist():
        pairs = zip(row["samples"] or [], row["answers"] or [], strict=True)
        for number, answer in enumerate(pairs):
            yield (str(row["item"]), str(number)), answer


def compared(own: dict[tuple[str, ...], Answer], theirs: dict[tuple[str, ...], Answer]) -> str:
    """The last cells of a line of the table."""
    pairs = [(own[place], theirs[place]) for place in own.keys() & theirs.keys()]
    texts = sum(a[0].strip() == b[0].strip() for a, b in pairs)
    classes = sum(a[1] == b[1] for a, b in pairs)
    until = [same_until(a[0], b[0]) for a, b in pairs if a[0].strip() != b[0].strip()]
    return f"{len(pairs)} | {texts} | {classes} | {statistics.median(until) if until else ''}"


def same_until(one: str, other: str) -> int:
    """Characters before two texts differ."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


if __name__ == "__main__":
    main()
