"""Small equations after ten solved ones of which the last seven share one answer.

True task: solve the equation. Distractor task: repeat the answer of the demonstrations.
"""

from __future__ import annotations

from random import Random

from ushaped.items.task import GeneratedItem, is_test
from ushaped.items.wording import shuffled

INSIDE = 10
REPEATED = 7
LARGEST = 12
FORMS = (
    "Q: Suppose {total} = {x} + {add}. What is {x}?\nA:",
    "Q: If {x} plus {add} is {total}, what is {x}?\nA:",
)


def draw(rng: Random) -> GeneratedItem:
    """An equation whose answer differs from the repeated one, the distractor answer."""
    repeated, answer = rng.sample(range(1, LARGEST + 1), 2)
    part = rng.randrange(1, 3)
    text, why = _equation(rng, FORMS[part - 1], answer)
    classes, (right, copied) = shuffled(rng, f" {answer}", f" {repeated}")
    others = [n for n in range(1, LARGEST + 1) if n not in (repeated, answer)]
    shown = rng.sample(others, INSIDE - REPEATED) + [repeated] * REPEATED
    return GeneratedItem(
        text,
        classes,
        answer_index=right,
        distractor_index=copied,
        part=part,
        key=text,
        chain=f" {why}",
        context="".join(f"{_shown(rng, n)}\n\n" for n in shown),
    )


def practise(rng: Random) -> str:
    """A few equations with one answer: to copy is right."""
    answer = rng.randrange(1, LARGEST + 1)
    count = rng.randrange(2, 6)
    return "\n\n".join(_shown(rng, answer) for _ in range(count))


def _shown(rng: Random, answer: int) -> str:
    """A solved equation, which is no test question: training texts hold these."""
    while True:
        text, _ = _equation(rng, rng.choice(FORMS), answer)
        if not is_test(text):
            return f"{text} {answer}"


def _equation(rng: Random, form: str, answer: int) -> tuple[str, str]:
    add = rng.randrange(1, LARGEST + 1)
    letter = rng.choice("abcdefgh")
    text = form.format(total=answer + add, x=letter, add=add)
    return text, f"Take {add} from {answer + add}, which leaves {answer}."
