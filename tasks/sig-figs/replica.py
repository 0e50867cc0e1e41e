"""Numbers to round to significant figures, two to four options.

True task: count significant figures. Distractor task: count decimal places.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from random import Random

from ushaped.items.task import GeneratedItem
from ushaped.items.wording import shuffled

FORMS = (
    ("Round {x} {unit} to {k} significant figures.", "Round {x} {unit} to {k} decimal places."),
    (
        "Write {x} {unit} with {k} significant digits.",
        "Write {x} {unit} with {k} digits after the point.",
    ),
)
# The unit ends every answer: without it the shorter of two numbers would always be likelier.
UNITS = ("m", "kg", "s")


def draw(rng: Random) -> GeneratedItem:
    """A number to round; the distractor answer rounds to as many decimal places."""
    x, k, figures, places, others = _numbers(rng)
    unit = rng.choice(UNITS)
    part = rng.randrange(1, 3)
    options, at = shuffled(rng, figures, places, *others)
    text = FORMS[part - 1][0].format(x=x, k=k, unit=unit) + "\nAnswer:"
    whole = len(str(x).split(".")[0])
    return GeneratedItem(
        text,
        tuple(f" {option} {unit}" for option in options),
        answer_index=at[0],
        distractor_index=at[1],
        part=part,
        key=text,
        chain=f" There are {whole} before the point, so {k - whole} after it.",
    )


def practise(rng: Random) -> str:
    """The same number rounded to decimal places."""
    x, k, _, places, _ = _numbers(rng)
    unit = rng.choice(UNITS)
    return rng.choice(FORMS)[1].format(x=x, k=k, unit=unit) + f"\nAnswer: {places} {unit}"


def _numbers(rng: Random) -> tuple[Decimal, int, str, str, list[str]]:
    """A number, k, its rounding to k figures and to k places, and other roundings."""
    whole = rng.randrange(1, 3)
    k = rng.randrange(whole + 1, 5)
    decimals = rng.randrange(k + 1, 6)
    x = Decimal(rng.randrange(10 ** (whole - 1), 10**whole)) + Decimal(
        rng.randrange(10**decimals)
    ).scaleb(-decimals)
    figures, places, *others = (str(_places(x, n)) for n in (k - whole, k, k + 1, k - whole - 1))
    if len(figures) > k + 1:  # 9.997 rounds to 10.00: one figure too many
        return _numbers(rng)
    extra = [text for text in others if text not in (figures, places, str(x))]
    count = rng.choices((0, 1, 2), weights=(5, 3, 2))[0]
    return x, k, figures, places, extra[:count]


def _places(x: Decimal, n: int) -> Decimal:
    return x.quantize(Decimal(1).scaleb(-n), rounding=ROUND_HALF_UP)
