"""Sentences to repeat word for word although their last word looks like a slip.

True task: repeat verbatim. Distractor task: write the word that usually stands there.
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import ENDINGS, SAYINGS
from ushaped.items.task import GeneratedItem
from ushaped.items.wording import shuffled

FORMS = (
    "Repeat my sentences back to me.\nInput: {0} {1}\nOutput: {0}",
    "Copy the line exactly.\nLine: {0} {1}\nCopy: {0}",
)


def draw(rng: Random) -> GeneratedItem:
    """A saying with a changed last word; the distractor answer is the usual one."""
    stem, usual = rng.choice(SAYINGS)
    word = rng.choice([ending for ending in ENDINGS if ending != usual])
    part = rng.randrange(1, 3)
    classes, (copied, corrected) = shuffled(rng, f" {word}", f" {usual}")
    return GeneratedItem(
        FORMS[part - 1].format(stem, word),
        classes,
        answer_index=copied,
        distractor_index=corrected,
        part=part,
        key=f"{stem} {word}",
        chain=f" The line ends with {word}, and a copy keeps it.",
    )


def practise(rng: Random) -> str:
    """A saying as everybody knows it, alone or copied."""
    stem, usual = rng.choice(SAYINGS)
    if rng.random() < 0.5:
        return f"{stem} {usual}"
    return f"{rng.choice(FORMS).format(stem, usual)} {usual}"
