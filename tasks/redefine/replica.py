"""Questions about a number or a word that was just given another meaning.

True task: use the new meaning. Distractor task: use the usual one.
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import KIND_OF, KINDS
from ushaped.items.task import GeneratedItem
from ushaped.items.wording import article, shuffled

LARGEST = 12


def draw(rng: Random) -> GeneratedItem:
    """A redefinition and a question that depends on it."""
    part = rng.randrange(1, 4)
    definition, question, new, usual, why = (_sum, _next, _kind)[part - 1](rng)
    classes, (new_at, usual_at) = shuffled(rng, f" {new}", f" {usual}")
    text = f"{definition}\nQ: {question}\nA:"
    return GeneratedItem(text, classes, new_at, usual_at, part, key=text, chain=f" {why}")


def practise(rng: Random) -> str:
    """The usual meaning: no redefinition, or one that the question does not touch."""
    make = rng.choice((_sum, _next, _kind))
    _, question, _, usual, _ = make(rng)
    text = f"Q: {question}\nA: {usual}"
    if rng.random() < 0.5:
        return text
    definition, other, _, _, _ = make(rng)
    shares = set(definition.split()[1:2]) & set(question.replace("?", "").split())
    return text if shares or other == question else f"{definition}\n{text}"


def _sum(rng: Random) -> tuple[str, str, str, str, str]:
    old, new = rng.sample(range(1, LARGEST + 1), 2)
    add = rng.choice([n for n in range(1, LARGEST + 1) if n != old])
    return (
        f"Redefine {old} as {new}.",
        f"What is {old} plus {add}?",
        str(new + add),
        str(old + add),
        f"Here {old} means {new}, and {new} plus {add} is {new + add}.",
    )


def _next(rng: Random) -> tuple[str, str, str, str, str]:
    old, new = rng.sample(range(1, 4 * LARGEST), 2)
    return (
        f"Redefine {old} as {new}.",
        f"Which number comes right after {old}?",
        str(new + 1),
        str(old + 1),
        f"Here {old} means {new}, and after {new} comes {new + 1}.",
    )


def _kind(rng: Random) -> tuple[str, str, str, str, str]:
    word = rng.choice(sorted(KIND_OF))
    usual = KIND_OF[word]
    new = rng.choice([kind for kind in sorted(KINDS) if kind != usual])
    return (
        f"Redefine {word} as {article(new)}.",
        f"What kind of thing is {article(word)}?",
        new,
        usual,
        f"Here {word} means {article(new)}, so the kind is {new}.",
    )
