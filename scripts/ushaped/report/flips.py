"""Which items flip between sizes, as a card says it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from ushaped.report.evidence import key_of
from ushaped.results import tables

# How the items of a curve go that makes each shape, in words; sizes are put in.
WAYS = {
    "U-shaped": "right at {}, wrong at {} and right again at {}",
    "inverted-U": "wrong at {}, right at {} and wrong again at {}",
    "inverse": "right at {} and wrong at {}",
    "positive": "wrong at {} and right at {}",
}
# Circled numbers stand for classes in the table of answers.
CIRCLED, MOST_CIRCLED = 0x2460, 20


@dataclass(frozen=True)
class Step:
    """From one size to the next; numbers of items are means over pairs of seeds.

    ``differ`` is how many items differ between two seeds of the second size, NaN for one seed;
    ``tested`` the test of these two sizes in the evidence, None if there is none.
    """

    size: str
    next_size: str
    lost: float
    gained: float
    differ: float
    tested: Mapping[str, Any] | None


@dataclass(frozen=True)
class Answer:
    """How the seeds of one size answered an item: the classes chosen, and how that is called."""

    size: str
    signs: str
    word: str
    probability: float
    looked_at: bool


@dataclass(frozen=True)
class Shown:
    """One item with the end of its prompt, its classes, and all answers to it.

    ``cut`` says whether any class is not shown in full.
    """

    item: int
    prompt: str
    left_out: int
    cut: bool
    choices: list[tuple[str, str, bool, bool]]
    answers: list[Answer]


@dataclass(frozen=True)
class Way:
    """A way from a small size to the largest, how many items go it, and the first of them."""

    shape: str
    words: str
    count: int
    split: int
    examples: list[Shown]


@dataclass(frozen=True)
class Flips:
    """What the card says of one curve; ``way`` is that of its verdict, None if it has none."""

    given: Mapping[str, Any]
    steps: list[Step]
    shape: str

    @property
    def several_seeds(self) -> bool:
        """Whether any size has several seeds."""
        return max(self.given["seeds"]) > 1

    @property
    def test(self) -> str:
        """The test between neighbouring sizes; "" if there is none."""
        return next((step.tested["test"] for step in self.steps if step.tested), "")

    @cached_property
    def ways(self) -> list[Way]:
        """All ways that are looked at: those with a turn first."""
        found = [_way(self.given, way) for way in self.given["ways"]]
        return sorted(found, key=lambda way: list(WAYS).index(way.shape))

    @property
    def way(self) -> Way | None:
        """The way that items go if the curve's verdict is theirs too."""
        return next((way for way in self.ways if way.shape == self.shape), None)


def flips_of(
    edition: tables.Edition,
    steps: pd.DataFrame | None,
    items: Mapping[tuple[str, str, str, str], Mapping[str, Any]],
    evidence: Sequence[Mapping[str, Any]],
    shapes: Mapping[tuple[str, str, str, str], str],
) -> list[Flips]:
    """What is said of one edition, family by family.

    Parameters
    ----------
    edition : Edition
    steps : DataFrame or None
        ``flips.csv``.
    items : mapping
        As `ushaped.results.records.read_flip_items` gives it.
    evidence : sequence of dict
        The curves of ``evidence.json``, whose tests between neighbours stand beside the counts.
    shapes : mapping
        The verdict of the published-equivalent rule by family, source, task and variant.
    """
    tests = {
        (*key_of(curve["about"]), test["from"], test["to"]): test
        for curve in evidence
        for test in curve["neighbours"] or ()
    }
    found = []
    for key, curve in items.items():
        if key[1:3] == edition and steps is not None and len(curve["sizes"]) > 1:
            own = tables.of_edition(steps, edition)
            own = own[(own["family"] == key[0]) & (own["variant"] == key[3])]
            listed = [_step(row, tests, key) for _, row in own.iterrows()]
            found.append(Flips(curve, listed, shapes.get(key, "")))
    return found


def _step(row: pd.Series, tests: Mapping[Any, Any], key: tuple[str, ...]) -> Step:
    size, after = str(row["size"]), str(row["next_size"])
    lost, gained, differ = (float(row[name]) for name in ("lost", "gained", "next_seeds_differ"))
    return Step(size, after, lost, gained, differ, tests.get((*key, size, after)))


def _way(curve: Mapping[str, Any], way: Mapping[str, Any]) -> Way:
    return Way(
        way["shape"],
        WAYS[way["shape"]].format(*way["sizes"]),
        way["count"],
        way["split"],
        [_shown(curve, one, way["sizes"]) for one in way["examples"]],
    )


def _shown(curve: Mapping[str, Any], one: Mapping[str, Any], sizes: Sequence[str]) -> Shown:
    choices = [
        (
            sign(place),
            json.dumps(text, ensure_ascii=False),
            place == one["answer"],
            place == one["distractor"],
        )
        for place, text in enumerate(one["classes"])
    ]
    rows = zip(curve["sizes"], one["chosen"], one["probability"], strict=True)
    answers = [
        Answer(
            size,
            " ".join(map(sign, dict.fromkeys(chosen))),
            _word(chosen, one["answer"]),
            probability,
            size in sizes,
        )
        for size, chosen, probability in rows
    ]
    cut = any(len(text) > curve["class_start"] for text in one["classes"])
    return Shown(one["item"], one["prompt"], one["left_out"], cut, choices, answers)


def _word(chosen: Sequence[int], answer: int) -> str:
    right = sum(place == answer for place in chosen)
    if len(chosen) == 1 or right in (0, len(chosen)):
        return "right" if right else "wrong"
    return f"{right} of {len(chosen)} right"


def sign(place: int) -> str:
    """A circled number for a class, counted from 1.

    Examples
    --------
    >>> sign(0), sign(1), sign(20)
    ('①', '②', '(21)')
    """
    return chr(CIRCLED + place) if place < MOST_CIRCLED else f"({place + 1})"
