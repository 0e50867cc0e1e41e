"""The statistical verdict on a curve.

A turn, or a direction, is concluded if the test of its absence rejects at 5 % and its fall and rise
are of practical size in the curve fitted under that shape. A turn whose smaller side is
significantly less than the least ratio of the published-equivalent rule (a third) of the larger one
does not count. Where a U and an inverted U are both significant, the likelier one is
concluded, and it is noted that the curve turns more than once; it is irregular if even that one
leaves more than a third of the deviance of a flat curve unexplained. Where neither is significant
but no shape of one turn fits, it is irregular if its largest rise and fall both count by the rule.
Where nothing is rejected the curve is flat only if it is shown to stay within the region of
practical equivalence, else undetermined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ushaped.shapes.fits import ANY, Fit, fits, sample_loss
from ushaped.shapes.hypothesis_tests.significance import (
    NullDistributions,
    PValues,
    null_errors,
    p_values,
)
from ushaped.shapes.rules import Floats, Rule, valley, verdict
from ushaped.shapes.sample import Sample, half_counts
from ushaped.terms import (
    CONFIDENCE,
    FLAT,
    INVERSE,
    INVERTED_U,
    IRREGULAR,
    POSITIVE,
    SIGNIFICANCE,
    U_SHAPED,
    UNDETERMINED,
)

# Quantile of the normal distribution for a one-sided test at `SIGNIFICANCE`.
_ONE_SIDED = 1.6448536269514722

# Flags of a curve.
TINY, SMALL_TURN, MORE_TURNS = "tiny-but-significant", "small-turn", "more-than-one-turn"

_TURNS = {
    U_SHAPED: "both its fall and its rise after it are significant",
    INVERTED_U: "both its rise and its fall after it are significant",
}


@dataclass(frozen=True)
class Conclusion:
    """A statistical verdict, its reason, and flags."""

    shape: str
    because: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """Tests of a sample, fits of every shape to it, and what follows from both."""

    p: PValues
    fitted: dict[str, Fit]
    conclusion: Conclusion


def judge(sample: Sample, rule: Rule, draws: int, rng: np.random.Generator) -> Judgement:
    """Test a sample, with that many ``draws`` for each test, and conclude its shape."""
    fitted = fits(sample.heights, sample.weights, sample_loss(sample))
    p = p_values(sample, NullDistributions(sample, draws, rng))
    span = range_upper_limit(sample, draws, rng)
    return Judgement(p, fitted, conclude(p, fitted, sample, rule, span))


def conclude(
    p: PValues, fitted: dict[str, Fit], sample: Sample, rule: Rule, span: float
) -> Conclusion:
    """Conclude the shape of a curve from its tests.

    Parameters
    ----------
    p : PValues
    fitted : dict of str to Fit
        Fits of every shape, by `ushaped.shapes.fits.fits`.
    sample : Sample
    rule : Rule
        The published-equivalent one.
    span : float
        Upper limit of the range of its values, by `range_upper_limit`.
    """
    if span <= rule.equivalence:
        notes = (TINY,) if p.change <= SIGNIFICANCE else ()
        return Conclusion(FLAT, "with 95 % confidence it stays within practical equivalence", notes)
    tested = {U_SHAPED: p.u, INVERTED_U: p.inverted_u}
    significant = [shape for shape, value in tested.items() if value <= SIGNIFICANCE]
    turns = [
        shape
        for shape in significant
        if is_practically_significant(shape, fitted[shape].heights[0], sample, rule)
    ]
    if len(turns) == 2:
        shape = min(turns, key=lambda shape: float(fitted[shape].loss[0]))
        if unexplained_share(shape, fitted) > rule.recovery:
            return Conclusion(IRREGULAR, "it turns significantly both ways", (MORE_TURNS,))
        return Conclusion(shape, _TURNS[shape], (MORE_TURNS,))
    if turns:
        return Conclusion(turns[0], _TURNS[turns[0]])
    misfit = p.misfit <= SIGNIFICANCE
    if misfit and _zigzags(sample.heights, rule):
        return Conclusion(IRREGULAR, "it turns significantly more than once", (MORE_TURNS,))
    return _direction(p, fitted, rule, (SMALL_TURN,) if significant or misfit else ())


def unexplained_share(shape: str, fitted: dict[str, Fit]) -> float:
    """Share of the deviance of a flat curve that the fit of one shape leaves."""
    flat, own, least = (float(fitted[name].loss[0]) for name in (FLAT, shape, ANY))
    return (own - least) / (flat - least)


def is_practically_significant(shape: str, fitted: Floats, sample: Sample, rule: Rule) -> bool:
    """Whether both sides of a fitted U or inverted U, shape (S,), are of practical size."""
    heights = fitted if shape == U_SHAPED else -fitted
    turn = valley(heights)
    fall, rise = float(turn.drop[0]), float(turn.rise[0])
    if min(fall, rise) <= rule.equivalence:
        return False
    lowest, last = int(turn.index[0]), len(heights) - 1
    peak = int(np.argmax(heights[: lowest + 1]))
    sides = np.zeros((2, len(heights)))
    sides[0, [peak, lowest]] = 1, -1
    sides[1, [last, lowest]] = 1, -1
    larger, smaller = sides if fall >= rise else sides[::-1]
    contrast = smaller - rule.recovery * larger
    _, errors = half_counts(sample, sample.heights)
    deviation = errors * contrast
    # With perfectly correlated sizes, rounding can make this variance slightly negative.
    error = np.sqrt(max(0.0, deviation @ sample.correlation @ deviation))
    return bool(contrast @ heights >= -_ONE_SIDED * error)


def _zigzags(heights: Floats, rule: Rule) -> bool:
    """Whether neither the largest rise nor the largest fall between any two sizes is negligible.

    Examples
    --------
    >>> rule = Rule.published_equivalent()
    >>> [_zigzags(np.array([0.9, 0.5, high, 0.1]), rule) for high in (0.8, 0.6)]
    [True, False]
    """
    rise = float((heights - np.minimum.accumulate(heights)).max())
    fall = float((np.maximum.accumulate(heights) - heights).max())
    smaller, larger = min(rise, fall), max(rise, fall)
    return smaller > rule.equivalence and smaller >= rule.recovery * larger


def _direction(
    p: PValues, fitted: dict[str, Fit], rule: Rule, notes: tuple[str, ...]
) -> Conclusion:
    """Conclude on a curve without a practically significant turn."""
    rises, falls = p.rise <= SIGNIFICANCE, p.fall <= SIGNIFICANCE
    if rises and falls:
        turn = min((U_SHAPED, INVERTED_U), key=lambda shape: fitted[shape].loss[0])
        shape = verdict(fitted[turn].heights[0], rule)
        if shape in (POSITIVE, INVERSE):
            return Conclusion(shape, "its turn is too small to count beside its main change", notes)
        reason = "it rises and falls significantly, but in which order is not told"
        return Conclusion(UNDETERMINED, reason, notes)
    if not rises and not falls:
        reason = "neither a rise nor a fall is significant, nor is it shown to be flat"
        return Conclusion(UNDETERMINED, reason, notes)
    shape, word = (POSITIVE, "rise") if rises else (INVERSE, "fall")
    if verdict(fitted[shape].heights[0], rule) == FLAT:
        return Conclusion(
            FLAT, f"its {word} is significant but practically nothing", (*notes, TINY)
        )
    other = "fall" if rises else "rise"
    if p.misfit <= SIGNIFICANCE:
        reason = f"its {word} is significant, and what turns is too small to count beside it"
        return Conclusion(shape, reason, notes)
    return Conclusion(shape, f"its {word} is significant, and no {other} is", notes)


def range_upper_limit(sample: Sample, draws: int, rng: np.random.Generator) -> float:
    """Upper 95 % limit of the difference between a curve's highest and its lowest value.

    Conservative: the highest of several noisy values is biased upwards.
    """
    heights, errors = half_counts(sample, sample.heights)
    noise = null_errors(sample, draws, rng) * np.sqrt(sample.weights) * errors
    return float(np.quantile(np.ptp(heights + noise, axis=1), CONFIDENCE))
