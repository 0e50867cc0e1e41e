"""Sayings that are to end in another word than usual.

True task: end with the word that was asked for. Distractor task: recite the usual ending.
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import ENDINGS, SAYINGS
from ushaped.items.task import GeneratedItem
from ushaped.items.wording import shuffled

FORMS = (
    'Finish the saying so that its last word is "{word}": {stem}',
    'Write a saying whose final word is "{word}". {stem}',
    "This version of the saying ends with {word}: {stem}",
)
PLAIN_FORMS = ("Finish the saying: {stem}", "Write a saying. {stem}", "As they say: {stem}")


def draw(rng: Random) -> GeneratedItem:
    """A saying with another ending asked for; the distractor answer is the usual ending."""
    stem, usual = rng.choice(SAYINGS)
    word = rng.choice([ending for ending in ENDINGS if ending != usual])
    part = rng.randrange(1, 4)
    classes, (asked_at, usual_at) = shuffled(rng, f" {word}.", f" {usual}.")
    return GeneratedItem(
        FORMS[part - 1].format(word=word, stem=stem),
        classes,
        answer_index=asked_at,
        distractor_index=usual_at,
        part=part,
        key=f"{stem} {word}",
        chain=f" The usual last word is {usual}, but {word} was asked for.",
    )


def practise(rng: Random) -> str:
    """A saying with its usual ending."""
    stem, usual = rng.choice(SAYINGS)
    return f"{rng.choice(PLAIN_FORMS).format(stem=stem)} {usual}."
