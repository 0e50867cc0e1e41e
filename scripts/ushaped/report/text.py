"""Numbers and names as the page writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ushaped.figures import style
from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.terms import FLOPS, NATS, PARAMETERS

MISSING = "–"
AXES = {FLOPS: "training compute", PARAMETERS: "parameters"}
PROBABILITIES = frozenset({"label_mass", "sequence_probability"})

# What a flag says, in words: those of numbers, then those that only curves have.
FLAGS = {flag.name: flag.words for flag in DOUBTS.values()} | {
    "published": "a published result of a size that was not run here",
    "published-points": "the curve has published results of sizes that were not run here, drawn "
    "again from their counts",
    "one-answer": "the same answer is right for all items, so accuracy is the rate of one word and "
    "all items can stand or fall together",
    "unbalanced-labels": "one answer is right for more than two thirds of the items, so accuracy "
    "also moves with how often a model gives that answer",
    "label-share-score": "a size that decides the shape has exactly as many right answers as one "
    "answer given to every item would have",
    "moves-together": "between two neighbouring sizes nine items in ten or more change the same "
    "way, so their number says little of how sure the step is",
    "one-size": "a single size is no curve",
    "two-sizes": "two sizes cannot show a turn",
    "ordered-by-parameters": "the training compute of some sizes was never published, so the sizes "
    "are ordered by their parameters",
    "tiny-but-significant": "its change is significant, but practically nothing",
    "more-than-one-turn": "it turns significantly both ways: a U and an inverted U",
    "small-turn": "a significant turn of it is too small to make its shape",
    "relabelled-sizes": "the published figure labels some of these sizes otherwise",
}


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def percent(value: Any, digits: int = 1) -> str:
    """Write a share as a percentage; a dash if it is missing."""
    return MISSING if _missing(value) else f"{number(100 * float(value), digits)}%"


def number(value: Any, digits: int = 2) -> str:
    """Write a number with fixed digits; a dash if it is missing."""
    if _missing(value):
        return MISSING
    text = f"{float(value):,.{digits}f}"
    # A negative number that rounds to zero has no sign.
    return text.replace("-", "−" if float(text.replace(",", "")) else "")


def whole_number(value: Any) -> str:
    """Write a count with thousands separators; a dash if it is missing."""
    return MISSING if _missing(value) else f"{float(value):,.0f}"


def signed(value: Any, metric: str) -> str:
    """Write a difference with its sign: points for shares, else nats."""
    if _missing(value):
        return ""
    text = f"{value:+.2f}" if metric in NATS else f"{100 * value:+.1f}"
    return text.replace("-", "−")


def by_metric(value: Any, metric: str) -> str:
    """Write a value as its metric is read: losses and log odds in nats, shares in percent.

    A probability below one percent keeps two digits, however small it is.
    """
    if metric in NATS:
        return number(value)
    if metric in PROBABILITIES and not _missing(value) and 0 < value < 0.01:
        return f"{float(f'{100 * value:.2g}'):g}%"
    return percent(value)


def probability(value: Any) -> str:
    """Write a probability; never as an exact 0 or 1, which a simulation cannot show."""
    if _missing(value):
        return MISSING
    return ">0.99" if value > 0.99 else "<0.01" if value < 0.01 else f"{value:.2f}"


def draw_share(value: Any) -> str:
    """Write a share of bootstrap draws; never as an exact 0 or 1, which draws cannot show.

    Examples
    --------
    >>> draw_share(0.731), draw_share(1.0), draw_share(0.001)
    ('73%', '>99%', '<1%')
    """
    if _missing(value):
        return MISSING
    return ">99%" if value > 0.99 else "<1%" if value < 0.01 else percent(value, 0)


def draws(value: Any) -> str:
    """Write a share of bootstrap draws with its noun; "" if it is missing.

    Examples
    --------
    >>> draws(0.731)
    '73% of draws'
    """
    return "" if _missing(value) else f"{draw_share(value)} of draws"


def p_value(value: Any) -> str:
    """Write a p-value: never as an exact 0.

    Examples
    --------
    >>> p_value(0.0123), p_value(0.5), p_value(0.0)
    ('0.012', '0.50', '<0.001')
    """
    if _missing(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def small_number(value: Any) -> str:
    """Write a number with two digits, however small it is.

    Examples
    --------
    >>> small_number(0.5), small_number(0.0000123), small_number(0.0)
    ('0.5', '1.2e−05', '0')
    """
    return MISSING if _missing(value) else f"{float(value):.2g}".replace("-", "−")


def scientific(value: Any) -> str:
    """Write a large number as a power of ten."""
    if _missing(value) or float(value) <= 0:
        return MISSING
    mantissa, exponent = f"{float(value):.1e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(style.SUPERSCRIPT)}"


def scale_at(logarithm: Any) -> str:
    """Write the scale that has a logarithm to base 10; a dash where that is beyond all numbers.

    Examples
    --------
    >>> scale_at(22.5), scale_at(4000.0)
    ('3.2×10²²', '–')
    """
    beyond = _missing(logarithm) or abs(float(logarithm)) > 300
    return MISSING if beyond else scientific(10 ** float(logarithm))


def duration(value: Any) -> str:
    """Write seconds as people read them."""
    if _missing(value):
        return MISSING
    minutes, seconds = divmod(float(value), 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02.0f} s" if minutes else f"{seconds:.1f} s"


def setting(value: Any) -> str:
    """Write the value of a setting."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All settings below ``value`` as (dotted path, value).

    Lists of plain values stay whole, and so does each mapping of plain values inside a list.
    """
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from flatten(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for index, below in enumerate(value):
            if isinstance(below, Mapping) and not any(
                isinstance(item, Mapping | list) for item in below.values()
            ):
                yield f"{path}[{index}]", ", ".join(f"{k} {v}" for k, v in below.items())
            else:
                yield from flatten(below, f"{path}[{index}]")
    else:
        yield path, value


def in_order(flags: Iterable[str]) -> list[str]:
    """Different flags, those that are explained first and in that order."""
    order = {flag: index for index, flag in enumerate(FLAGS)}
    return sorted(set(flags), key=lambda flag: (order.get(flag, len(order)), flag))


def slug(text: str) -> str:
    """A name that can be an HTML id or class, whatever the text holds."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in text.lower())


def listing(names: Iterable[str]) -> str:
    """Join names as a sentence does.

    Examples
    --------
    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def plural(count: int, noun: str, many: str = "") -> str:
    """Write a count with its noun."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def glyphs() -> dict[str, str]:
    """Path of each verdict's symbol in a box of 24 by 16, for inline SVG."""
    curves = {
        shape: "M" + "L".join(f"{4 + 16 * x:g} {14 - 12 * y:.3g}" for x, y in points)
        for shape, points in style.SHAPE_CURVES.items()
    }
    return curves | {"irregular": "M4 11L9 4L15 13L20 5", "undetermined": "M5 8h0M12 8h0M19 8h0"}
