"""Bets to be judged by their expected value, after ten bets whose outcome agreed with it.

True task: judge by expected value. Distractor task: judge by the outcome.
"""

from __future__ import annotations

from random import Random

from ushaped.items.lexicon import NAMES
from ushaped.items.task import GeneratedItem

INSIDE = 10
CLASSES = (" Y", " N")
FORMS = (
    "{name} could win {x} dollars ({p} percent) or lose {y} ({q} percent). {name} played and "
    "{outcome}. Good choice?\nAnswer:",
    "Bet: {p} percent to win {x}, {q} percent to lose {y}. {name} took it and {outcome}. Was it "
    "wise?\nAnswer:",
)


def draw(rng: Random) -> GeneratedItem:
    """A bet whose outcome misleads; the distractor answer follows the outcome."""
    part = rng.randrange(1, 3)
    text, answer, value = _bet(rng, FORMS[part - 1], misleads=True)
    shown = [_bet(rng, rng.choice(FORMS), misleads=False) for _ in range(INSIDE)]
    return GeneratedItem(
        text,
        CLASSES,
        answer_index=answer,
        distractor_index=1 - answer,
        part=part,
        key=text,
        chain=f" The likely result is to {value}, whatever happened then.",
        context="".join(f"{bet}{CLASSES[right]}\n\n" for bet, right, _ in shown),
    )


def practise(rng: Random) -> str:
    """A bet whose outcome agrees with its expected value."""
    text, answer, _ = _bet(rng, rng.choice(FORMS), misleads=False)
    return text + CLASSES[answer]


def _bet(rng: Random, form: str, *, misleads: bool) -> tuple[str, int, str]:
    """One bet: its text, the index of the answer, and what the likely result is."""
    good = rng.random() < 0.5
    likely = 5 * rng.randrange(15, 20)
    p = likely if good else 100 - likely
    large, small = 5 * rng.randrange(8, 20), 5 * rng.randrange(1, 8)
    x, y = (large, small) if good else (small, large)
    won = good != misleads
    text = form.format(
        name=rng.choice(NAMES),
        x=x,
        y=y,
        p=p,
        q=100 - p,
        outcome=f"won {x}" if won else f"lost {y}",
    )
    return text, 0 if good else 1, f"{'win' if good else 'lose'} {x if good else y}"
