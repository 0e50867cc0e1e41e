"""Do the tasks that stay inverse still fall? The last step of every inverse curve.

Of each curve that the published-equivalent rule calls inverse, only the step between its two
largest models is looked at: in which direction it goes beyond the margin of practical equivalence,
how steep it is per factor of ten of training compute, and how far the value could still fall.
What larger models would do no step can say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ushaped.metrics.intervals import percentile_interval
from ushaped.results.columns import ABOUT
from ushaped.results.text_files import Row
from ushaped.shapes.curves import Curve
from ushaped.shapes.rules import Floats, Rule, verdict, verdicts
from ushaped.terms import INVERSE, SHAPES, SIGNS

COLUMNS = (
    *(*ABOUT, "p_inverse", "before_size", "size", "flops", "before", "value"),
    *("step", "step_low", "step_high", "slope", "slope_low", "slope_high"),
    *("direction", "p_direction", "chance", "room_to_zero", "room_to_chance"),
)
TEXT = frozenset({"before_size"})
DOWN, FLAT, UP = DIRECTIONS = ("down", "flat", "up")


def continuing(
    curves: Sequence[Curve], drawn: Callable[[Curve], Floats | None], rule: Rule
) -> list[Row]:
    """Describe the last step of every inverse curve of two sizes or more.

    Parameters
    ----------
    curves : sequence of Curve
    drawn : callable
        Gives the draws of a curve, shape (draws, sizes), higher is better; None if there are none.
    rule : Rule
        The published-equivalent one; its ``equivalence`` is the margin.

    Returns
    -------
    list of dict
        Columns `COLUMNS`. ``p_inverse`` is the share of draws that the rule calls inverse. ``step``
        is the last value less the one before it, ``slope`` the same per factor of ten of training
        compute; negative is worse in both, also for a loss. ``p_direction`` is the share of draws
        with the same direction. ``room_to_zero`` and ``room_to_chance`` are how far an accuracy
        lies above 0 and above guessing (negative below it); a loss has no worst value, so its cells
        are empty.
    """
    return [
        _row(curve, drawn(curve), rule)
        for curve in curves
        if len(curve.sizes) > 1 and verdict(curve.heights, rule) == INVERSE
    ]


def directions(steps: Floats, margin: float) -> list[str]:
    """Direction of each step; one within the margin is flat.

    Examples
    --------
    >>> directions(np.array([-0.1, 0.02, 0.3]), 0.02)
    ['down', 'flat', 'up']
    """
    # As in the rules, the last binary digits are no difference.
    rounded = np.round(steps, 12)
    codes = np.where(rounded < -margin, 0, np.where(rounded > margin, 2, 1))
    return [DIRECTIONS[code] for code in codes]


def _row(curve: Curve, drawn: Floats | None, rule: Rule) -> Row:
    step = float(curve.heights[-1] - curve.heights[-2])
    decades = math.log10(curve.flops[-1] / curve.flops[-2])
    (direction,) = directions(np.array([step]), rule.equivalence)
    low = high = share = inverse = math.nan
    if drawn is not None and len(drawn):
        steps = drawn[:, -1] - drawn[:, -2]
        low, high = (float(end) for end in percentile_interval(steps))
        inverse = float((verdicts(drawn, rule) == SHAPES.index(INVERSE)).mean())
        share = directions(steps, rule.equivalence).count(direction) / len(steps)
    value = float(curve.values[-1])
    bounded = SIGNS[curve.metric] > 0
    return curve.about | {
        "p_inverse": inverse,
        "before_size": curve.sizes[-2],
        "size": curve.sizes[-1],
        "flops": float(curve.flops[-1]),
        "before": float(curve.values[-2]),
        "value": value,
        "step": step,
        "step_low": low,
        "step_high": high,
        "slope": step / decades,
        "slope_low": low / decades,
        "slope_high": high / decades,
        "direction": direction,
        "p_direction": share,
        "chance": curve.chance if bounded else math.nan,
        "room_to_zero": value if bounded else math.nan,
        "room_to_chance": value - curve.chance if bounded else math.nan,
    }
