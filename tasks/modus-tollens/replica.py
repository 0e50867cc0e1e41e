"""Arguments in the valid form: if P then Q; not Q; therefore not P.

True task: accept the valid inference. Distractor task: the human-like fallacy of refusing it.
Every answer is " Yes", as in the original.
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import CITIES, FOODS, NAMES, THINGS
from ushaped.items.task import GeneratedItem

FORMS = (
    "1. If {p}, then {q}.\n2. {second}.\nConclusion: {end}.\nDoes it follow?\nAnswer:",
    "Given that if {p}, then {q}, and that {second}, is it right to conclude that {end}?\nAnswer:",
)
CLASSES = (" Yes", " No")


def draw(rng: Random) -> GeneratedItem:
    """A modus tollens; the distractor answer is " No"."""
    part = rng.randrange(1, 3)
    (p, not_p), (q, not_q) = _claims(rng)
    text = FORMS[part - 1].format(p=p, q=q, second=not_q, end=not_p)
    return GeneratedItem(
        text,
        CLASSES,
        answer_index=0,
        distractor_index=1,
        part=part,
        key=text,
        chain=f" The second part fails, so the first must fail too: {not_p}.",
    )


def practise(rng: Random) -> str:
    """The argument forms that one meets more often: one valid, two invalid."""
    (p, not_p), (q, not_q) = _claims(rng)
    second, end, answer = rng.choice(((p, q, 0), (q, p, 1), (not_p, not_q, 1), (not_p, not_q, 1)))
    return rng.choice(FORMS).format(p=p, q=q, second=second, end=end) + CLASSES[answer]


def _claims(rng: Random) -> tuple[tuple[str, str], tuple[str, str]]:
    name = rng.choice(NAMES)
    thing, food, city = rng.choice(THINGS), rng.choice(FOODS), rng.choice(CITIES)
    claims = (
        (f"{name} owns a {thing}", f"{name} does not own a {thing}"),
        (f"{name} likes {food}", f"{name} does not like {food}"),
        (f"{name} lives in {city}", f"{name} does not live in {city}"),
    )
    first, second = rng.sample(claims, 2)
    return first, second
