"""Numbers as people read them; a missing number is None or NaN, and is written as a dash."""

from __future__ import annotations

import json
import math
from typing import Any

from ushaped.terms import NATS

MISSING = "–"
NO_BREAK_SPACE = "\u00a0"
PROBABILITIES = frozenset({"label_mass", "sequence_probability"})
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_missing(value: Any) -> bool:
    """Whether a value is None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def number(value: Any, digits: int = 2) -> str:
    """Write a number with fixed digits."""
    if is_missing(value):
        return MISSING
    text = f"{float(value):,.{digits}f}"
    # A negative number that is rounded to nothing has no sign.
    return text.replace("-", "−" if float(text.replace(",", "")) else "")


def percent(value: Any, digits: int = 1) -> str:
    """Write a share as a percentage."""
    return MISSING if is_missing(value) else f"{number(100 * float(value), digits)}%"


def whole_number(value: Any) -> str:
    """Write a count with thousands separators."""
    return MISSING if is_missing(value) else f"{float(value):,.0f}"


def by_metric(value: Any, metric: str) -> str:
    """Write a value in the unit of its metric: losses and log odds in nats, shares in percent.

    A probability below one percent keeps two digits, however small it is.

    Examples
    --------
    >>> by_metric(0.7194, "accuracy"), by_metric(2.2, "loss"), by_metric(1e-5, "label_mass")
    ('71.9%', '2.20', '0.001%')
    """
    if metric in NATS:
        return number(value)
    if metric in PROBABILITIES and not is_missing(value) and 0 < value < 0.01:
        return f"{float(f'{100 * value:.2g}'):g}%"
    return percent(value)


def signed(value: Any, metric: str) -> str:
    """Write a difference with its sign: points for shares, else nats; "" if it is missing."""
    if is_missing(value):
        return ""
    text = f"{value:+.2f}" if metric in NATS else f"{100 * value:+.1f}"
    return text.replace("-", "−")


def spread(value: Any, metric: str) -> str:
    """Write a standard deviation, on one line: points for shares, else nats.

    Examples
    --------
    >>> [spread(sd, of).split() for sd, of in ((0.0213, "accuracy"), (0.3, "sequence_loss"))]
    [['±', '2.1', 'points'], ['±', '0.30', 'nats']]
    """
    if is_missing(value):
        return MISSING
    text = f"± {value:.2f} nats" if metric in NATS else f"± {100 * value:.1f} points"
    return text.replace(" ", NO_BREAK_SPACE)


def probability(value: Any) -> str:
    """Write a probability; never as an exact 0 or 1, which a bootstrap cannot show."""
    if is_missing(value):
        return MISSING
    return ">0.99" if value > 0.99 else "<0.01" if value < 0.01 else f"{value:.2f}"


def draw_share(value: Any) -> str:
    """Write a share of bootstrap draws; never as an exact 0 or 1, which draws cannot show.

    Examples
    --------
    >>> draw_share(0.731), draw_share(1.0), draw_share(0.001)
    ('73%', '>99%', '<1%')
    """
    if is_missing(value):
        return MISSING
    return ">99%" if value > 0.99 else "<1%" if value < 0.01 else percent(value, 0)


def draws(value: Any) -> str:
    """Write a share of bootstrap draws with its noun; "" if it is missing.

    Examples
    --------
    >>> draws(0.731)
    '73% of draws'
    """
    return "" if is_missing(value) else f"{draw_share(value)} of draws"


def p_value(value: Any) -> str:
    """Write a p-value: never as an exact 0.

    Examples
    --------
    >>> p_value(0.0123), p_value(0.5), p_value(0.0)
    ('0.012', '0.50', '<0.001')
    """
    if is_missing(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def small_number(value: Any) -> str:
    """Write a number with two digits, however small it is.

    Examples
    --------
    >>> small_number(0.5), small_number(0.0000123), small_number(0.0)
    ('0.5', '1.2e−05', '0')
    """
    return MISSING if is_missing(value) else f"{float(value):.2g}".replace("-", "−")


def scientific(value: Any) -> str:
    """Write a large number as a power of ten.

    Examples
    --------
    >>> scientific(2.527e24)
    '2.5×10²⁴'
    """
    if is_missing(value) or float(value) <= 0:
        return MISSING
    mantissa, exponent = f"{float(value):.1e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(SUPERSCRIPT)}"


def scale_at(logarithm: Any) -> str:
    """Write the number that has a logarithm to base 10; a dash where that is beyond all numbers.

    Examples
    --------
    >>> scale_at(22.5), scale_at(4000.0)
    ('3.2×10²²', '–')
    """
    beyond = is_missing(logarithm) or abs(float(logarithm)) > 300
    return MISSING if beyond else scientific(10 ** float(logarithm))


def power_of_ten(value: float) -> str:
    """Write a number as a power of ten that needs no mathematical font.

    Examples
    --------
    >>> power_of_ten(1e12), power_of_ten(2e9)
    ('10¹²', '2×10⁹')
    """
    exponent = math.floor(math.log10(value) + 1e-9)
    leading = value / 10**exponent
    power = "10" + str(exponent).translate(SUPERSCRIPT)
    return power if abs(leading - 1) < 1e-6 else f"{leading:g}×{power}"


def metric_prefix(value: float) -> str:
    """Write a count with k, M, B or T.

    Examples
    --------
    >>> metric_prefix(1000), metric_prefix(2.5e6), metric_prefix(5.4e11)
    ('1k', '2.5M', '540B')
    """
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= unit * (1 - 1e-9):
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def percentage(value: float) -> str:
    """Write a share on an axis: in percent, a tiny one as a power of ten.

    Examples
    --------
    >>> percentage(0.1), percentage(1e-4), percentage(1e-8)
    ('10%', '0.01%', '10⁻⁸')
    """
    return f"{100 * value:g}%" if value >= 0.99e-4 else power_of_ten(value)


def zetta(value: float) -> str:
    """Write FLOPs in zettaFLOPs (10^21)."""
    scaled = value / 1e21
    return f"{scaled:,.0f}" if scaled >= 1 else f"{scaled:.3g}"


def duration(value: Any) -> str:
    """Write seconds as people read them."""
    if is_missing(value):
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
