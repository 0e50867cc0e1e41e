"""Which of two pieces of information helps to answer a question?

True task: pick the new fact. Distractor task: pick the fact that was already given.
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import CITIES, FOODS, JOBS, NAMES, THINGS
from ushaped.items.task import GeneratedItem
from ushaped.items.wording import shuffled

FORMS = (
    "{name} {known}. We want to find out if {name} {asked}. Which fact would help more?\n"
    "- {name} {0}\n- {name} {1}\nAnswer: {name}",
    "Known: {name} {known}.\nGoal: learn if {name} {asked}.\nAsk if {name} {0} or {1}?\n"
    "Better: {name}",
)
PLAIN_FORMS = (
    "{name} {known}. Which fact did we read?\n- {name} {0}\n- {name} {1}\nAnswer: {name}",
    "Known: {name} {known}.\nIs it known that {name} {0} or {1}?\nKnown: {name}",
)


def draw(rng: Random) -> GeneratedItem:
    """A question with a redundant and a new fact; the distractor answer is the redundant one."""
    name, known, new, asked = _facts(rng)
    part = rng.randrange(1, 3)
    options, (new_at, known_at) = shuffled(rng, new, known)
    text = FORMS[part - 1].format(*options, name=name, known=known, asked=asked)
    return GeneratedItem(
        text,
        tuple(f" {option}" for option in options),
        answer_index=new_at,
        distractor_index=known_at,
        part=part,
        key=text,
        chain=f" It is known that {name} {known}. New is that {name} {new}.",
    )


def practise(rng: Random) -> str:
    """The same facts, asked for the one that was given."""
    name, known, new, _ = _facts(rng)
    options, _ = shuffled(rng, new, known)
    return rng.choice(PLAIN_FORMS).format(*options, name=name, known=known) + f" {known}"


def _facts(rng: Random) -> tuple[str, str, str, str]:
    facts = [
        f"owns a {rng.choice(THINGS)}",
        f"likes {rng.choice(FOODS)}",
        f"lives in {rng.choice(CITIES)}",
        f"is a {rng.choice(JOBS)}",
    ]
    known, new, asked = rng.sample(facts, 3)
    return rng.choice(NAMES), known, new, asked
