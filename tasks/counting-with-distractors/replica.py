"""Things to be counted, after which other numbers stand; three answers to choose from.

True task: count the things that are named. Distractor task: answer with the last number.
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import KINDS, NAMES
from ushaped.items.task import GeneratedItem
from ushaped.items.wording import article, shuffled

COUNTS = range(2, 7)
# Of the kinds in the lexicon, those of which one can own a few and whose plural ends in s.
COUNTED = ("bird", "fruit", "gem", "insect", "tool", "tree")
MATHS = (
    "The chance that the {thing} is the oldest is 1 in {n}.",
    "The {thing} cost {n} times as much as a coin.",
    "{name} has known of the {thing} for {n} years.",
)
CODE = ("{kind}s = {n}", "print({n} * '{kind} ')", "for i in range({n}): print('{kind}')")
# What is before the distracting sentences or lines, and what joins them.
LAYOUTS = ((MATHS, " ", " "), (CODE, "\nSome program, found elsewhere:\n", "\n"))
AMOUNTS = (1, 3)
QUESTION = "\nHow many {kind}s does {name} have?\nAnswer:"


def draw(rng: Random) -> GeneratedItem:
    """Things of a kind and distracting numbers; parts are maths with 1 and 3 of them, and code."""
    count, last, other = rng.sample(COUNTS, 3)
    part = rng.randrange(4)
    name, kind = rng.choice(NAMES), rng.choice(COUNTED)
    things = rng.sample(KINDS[kind], count)
    owned = [article(thing) for thing in things]
    forms, before, joint = LAYOUTS[part // 2]
    numbers = [*rng.choices([n for n in COUNTS if n != count], k=AMOUNTS[part % 2] - 1), last]
    lines = [
        form.format(thing=rng.choice(things), kind=kind, name=name, n=n)
        for form, n in zip(rng.sample(forms, len(numbers)), numbers, strict=True)
    ]
    text = f"{name} has {', '.join(owned[:-1])} and {owned[-1]}.{before}{joint.join(lines)}"
    classes, (count_at, last_at, _) = shuffled(rng, f" {count}", f" {last}", f" {other}")
    numbered = ", ".join(f"{thing} {place}" for place, thing in enumerate(things, start=1))
    return GeneratedItem(
        text + QUESTION.format(kind=kind, name=name),
        classes,
        answer_index=count_at,
        distractor_index=last_at,
        part=part + 1,
        key=text,
        chain=f" One by one: {numbered}.",
    )


def practise(rng: Random) -> str:
    """The same question where the number that stands last is the answer."""
    name, kind, n = rng.choice(NAMES), rng.choice(COUNTED), rng.choice(COUNTS)
    told = rng.choice((f"{name} has {n} {kind}s.", f"{name} wrote:\n{kind}s = {n}"))
    return f"{told}{QUESTION.format(kind=kind, name=name)} {n}"
