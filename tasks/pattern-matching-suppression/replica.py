"""Alternating sequences that are to end unexpectedly.

True task: break the pattern last. Distractor task: continue it.
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import FOODS, THINGS
from ushaped.items.task import GeneratedItem
from ushaped.items.wording import shuffled

FORMS = (
    "Take {n} turns between {a} and {b}, but {end}.\n",
    "{n} entries, {a} and {b} in turn, and {end}.\n",
)
BREAK = ("break the pattern last", "the last one is a surprise")
KEEP = ("keep the pattern last", "the last one is no surprise")
JOINS = (",", " -", ";")
SYMBOLS = (*THINGS, *FOODS, *"ABCDEFGH", *(str(n) for n in range(1, 10)))


def draw(rng: Random) -> GeneratedItem:
    """A sequence that lacks its last entry; the distractor answer continues it."""
    part = rng.randrange(1, 3)
    text, break_with, go_on = _sequence(rng, part, BREAK)
    classes, (broken, continued) = shuffled(rng, f" {break_with}", f" {go_on}")
    return GeneratedItem(
        text,
        classes,
        answer_index=broken,
        distractor_index=continued,
        part=part,
        key=text,
        chain=f" The pattern goes on with {go_on}, so the end must be {break_with}.",
    )


def practise(rng: Random) -> str:
    """A sequence that goes on as it began."""
    text, _, go_on = _sequence(rng, rng.randrange(1, 3), KEEP)
    if rng.random() < 0.5:
        text = text.split("\n", 1)[1]
    return f"{text} {go_on}"


def _sequence(rng: Random, part: int, ends: tuple[str, str]) -> tuple[str, str, str]:
    a, b = rng.sample(SYMBOLS, 2)
    n = rng.randrange(4, 9)
    head = FORMS[part - 1].format(n=n, a=a, b=b, end=ends[part - 1])
    join = rng.choice(JOINS)
    shown = [(a, b)[i % 2] for i in range(n - 1)]
    return head + f"{join} ".join(shown) + join, shown[-1], (a, b)[(n - 1) % 2]
