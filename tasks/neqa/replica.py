"""Questions that hold a negation, with two answers to choose from.

True task: answer the question as it stands. Distractor task: overlook the "not".
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import KINDS
from ushaped.items.task import GeneratedItem
from ushaped.items.wording import article, shuffled

FORMS = (
    "Question: {subject} is {no}a kind of\n- {0}\n- {1}\nAnswer:",
    "Which of {0} and {1} is {no}{subject}?\nAnswer:",
)


def draw(rng: Random) -> GeneratedItem:
    """A negated question; the distractor answer is the right one without the negation."""
    text, options, fits, other, part, fact = _ask(rng, "not ")
    return GeneratedItem(
        text,
        tuple(f" {option}" for option in options),
        answer_index=other,
        distractor_index=fits,
        part=part,
        key=text,
        chain=f" {fact} It says not {options[fits]}, so take the other.",
    )


def practise(rng: Random) -> str:
    """The same question without negation, answered."""
    text, options, fits, _, _, _ = _ask(rng, "")
    return f"{text} {options[fits]}"


def _ask(rng: Random, no: str) -> tuple[str, tuple[str, ...], int, int, int, str]:
    kind, other_kind = rng.sample(sorted(KINDS), 2)
    member, other_member = rng.choice(KINDS[kind]), rng.choice(KINDS[other_kind])
    part = rng.randrange(1, 3)
    if part == 1:
        subject = article(member)
        options, (fits, other) = shuffled(rng, kind, other_kind)
    else:
        subject = article(kind)
        options, (fits, other) = shuffled(rng, member, other_member)
    text = FORMS[part - 1].format(*options, subject=subject, no=no)
    fact = f"{article(member).capitalize()} is {article(kind)}."
    return text, options, fits, other, part, fact
