"""Which items flip between sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from ushaped.results import tables
from ushaped.results.records import Key, key_of
from ushaped.results.tables import Edition

if TYPE_CHECKING:
    from ushaped.report.findings import Findings

# How the items that make a shape are answered; sizes are put in.
PATTERNS = {
    "U-shaped": "right at {}, wrong at {} and right again at {}",
    "inverted-U": "wrong at {}, right at {} and wrong again at {}",
    "inverse": "right at {} and wrong at {}",
    "positive": "wrong at {} and right at {}",
}
# The shape whose items go the other way, at the sizes of the mirror image.
OPPOSITE = {
    "U-shaped": "inverted-U",
    "inverted-U": "U-shaped",
    "inverse": "positive",
    "positive": "inverse",
}
# Circled numbers stand for classes in the table of answers.
CIRCLED, MOST_CIRCLED = 0x2460, 20


@dataclass(frozen=True)
class Step:
    """From one size to the next; numbers of items are means over pairs of seeds.

    ``differ`` is how many items differ between two seeds of the second size, NaN for one seed;
    ``test`` that of these two sizes in the evidence, None if there is none.
    """

    size: str
    next_size: str
    lost: float
    gained: float
    differ: float
    test: Mapping[str, Any] | None


@dataclass(frozen=True)
class Answer:
    """How the seeds of one size answered an item; ``decisive`` if the size is in the pattern."""

    size: str
    signs: str
    word: str
    probability: float
    decisive: bool


@dataclass(frozen=True)
class Example:
    """One item with the end of its prompt, its classes, and all answers to it.

    ``cut`` says whether any class is not shown in full.
    """

    item: int
    prompt: str
    left_out: int
    cut: bool
    classes: list[tuple[str, str, bool, bool]]
    answers: list[Answer]


@dataclass(frozen=True)
class Flip:
    """A pattern of right and wrong answers over sizes, its number of items, and the first ones.

    On ``split`` more items the seeds of one of the sizes are split.
    """

    shape: str
    words: str
    count: int
    split: int
    examples: list[Example]


@dataclass(frozen=True)
class FlipsView:
    """``partials/flips.html.j2`` of one curve; ``shape`` is its verdict."""

    curve: Mapping[str, Any]
    steps: list[Step]
    shape: str

    @property
    def several_seeds(self) -> bool:
        return max(self.curve["seeds"]) > 1

    @property
    def test(self) -> str:
        """The test between neighbouring sizes; "" if there is none."""
        return next((step.test["test"] for step in self.steps if step.test), "")

    @cached_property
    def flips(self) -> dict[str, Flip]:
        """The patterns by shape, those with a turn first."""
        read = [_flip(self.curve, record) for record in self.curve["ways"]]
        ordered = sorted(read, key=lambda flip: list(PATTERNS).index(flip.shape))
        return {flip.shape: flip for flip in ordered}

    @property
    def flip(self) -> Flip | None:
        """The pattern of the verdict; None without one."""
        return self.flips.get(self.shape)

    @property
    def opposite(self) -> Flip | None:
        """The pattern of the opposite shape."""
        return self.flips.get(OPPOSITE.get(self.shape, ""))


def flips_views(findings: Findings, edition: Edition) -> list[FlipsView]:
    """One view per family with a curve on the items of an edition.

    The tests of ``evidence.json`` between neighbouring sizes stand beside the counts.
    """
    results = findings.results
    tests = {
        (*key_of(curve["about"]), test["from"], test["to"]): test
        for curve in results.evidence
        for test in curve["neighbours"] or ()
    }
    shapes: dict[Key, str] = {verdict.key: verdict.shape for verdict in findings.verdicts}
    views = []
    for key, curve in results.flip_items.items():
        if key[1:3] == edition and results.flips is not None and len(curve["sizes"]) > 1:
            rows = tables.of_edition(results.flips, edition)
            rows = rows[(rows["family"] == key[0]) & (rows["variant"] == key[3])]
            steps = [_step(row, tests, key) for _, row in rows.iterrows()]
            views.append(FlipsView(curve, steps, shapes.get(key, "")))
    return views


def _step(row: pd.Series, tests: Mapping[Any, Any], key: Key) -> Step:
    size, after = str(row["size"]), str(row["next_size"])
    lost, gained, differ = (float(row[name]) for name in ("lost", "gained", "next_seeds_differ"))
    return Step(size, after, lost, gained, differ, tests.get((*key, size, after)))


def _flip(curve: Mapping[str, Any], record: Mapping[str, Any]) -> Flip:
    return Flip(
        record["shape"],
        PATTERNS[record["shape"]].format(*record["sizes"]),
        record["count"],
        record["split"],
        [_example(curve, example, record["sizes"]) for example in record["examples"]],
    )


def _example(curve: Mapping[str, Any], record: Mapping[str, Any], sizes: Sequence[str]) -> Example:
    classes = [
        (
            sign(index),
            json.dumps(text, ensure_ascii=False),
            index == record["answer"],
            index == record["distractor"],
        )
        for index, text in enumerate(record["classes"])
    ]
    rows = zip(curve["sizes"], record["chosen"], record["probability"], strict=True)
    answers = [
        Answer(
            size,
            " ".join(map(sign, dict.fromkeys(chosen))),
            _word(chosen, record["answer"]),
            probability,
            size in sizes,
        )
        for size, chosen, probability in rows
    ]
    cut = any(len(text) > curve["class_start"] for text in record["classes"])
    return Example(record["item"], record["prompt"], record["left_out"], cut, classes, answers)


def _word(chosen: Sequence[int], answer: int) -> str:
    right = sum(index == answer for index in chosen)
    if len(chosen) == 1 or right in (0, len(chosen)):
        return "right" if right else "wrong"
    return f"{right} of {len(chosen)} right"


def sign(index: int) -> str:
    """A circled number for a class, counted from 1.

    Examples
    --------
    >>> sign(0), sign(1), sign(20)
    ('①', '②', '(21)')
    """
    return chr(CIRCLED + index) if index < MOST_CIRCLED else f"({index + 1})"
