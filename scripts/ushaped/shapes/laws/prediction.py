"""Out of sample: fit a curve without its largest size, predict that, and report the error.

Besides the `mechanism` and the `broken` law stand two plain guesses that a law must beat to have
learnt anything: that nothing changes any more, and that the last three sizes go on in a straight
line (of log odds for shares, of the values themselves for nats).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from ushaped.metrics.intervals import percentile_interval
from ushaped.shapes.laws.broken import fit_broken
from ushaped.shapes.laws.mechanism import accuracy, fit_mechanism
from ushaped.shapes.rules import Floats

LINE = 3

# Draws from which the mechanism predicts: enough for an interval, and it is fitted to each.
DRAWS = 500

# Shares whose number of items is not known have log odds as if there were so many.
_UNKNOWN_TRIALS = 500.0


@dataclass(frozen=True)
class Prediction:
    """What a method says of the largest size without having seen it.

    Attributes
    ----------
    method : str
        ``last value``, ``line``, ``mechanism`` or ``broken law``.
    predicted, observed : float
        Heights.
    error : float
        Predicted minus observed.
    low, high : float
        Middle 95 % of what the method predicts from the bootstrap draws of the other sizes; NaN
        where it was not drawn. The noise of the largest size itself is not in it.
    """

    method: str
    predicted: float
    observed: float
    error: float
    low: float
    high: float

    def json(self) -> dict[str, object]:
        """Return the entry of ``evidence.json``; NaN stays for its writer."""
        return asdict(self)


def predict_largest(
    x: ArrayLike,
    heights: ArrayLike,
    share: bool,
    drawn: ArrayLike | None = None,
    trials: ArrayLike | None = None,
    chance: float | None = None,
    distractor: ArrayLike | None = None,
    drawn_distractor: ArrayLike | None = None,
) -> list[Prediction]:
    """Predict the largest size from the others, by every method that they suffice for.

    Parameters
    ----------
    x : array_like of float, shape (sizes,)
        Logarithm to base 10 of the scale, increasing.
    heights : array_like of float, shape (sizes,)
        Higher is better.
    share : bool
        Whether they are shares; else they are minus a loss.
    drawn : array_like of float, shape (draws, sizes), optional
        Bootstrap draws of the heights.
    trials, chance, distractor, drawn_distractor : optional
        As `fit_mechanism` takes them. The mechanism is left out without the first two.

    Returns
    -------
    list of Prediction
        Empty for one size. The mechanism predicts wherever it can be fitted, since a prediction may
        be good where the parameters are not identifiable; its interval is there if they are.

    Examples
    --------
    >>> for found in predict_largest([1, 2, 3, 4], [-4.0, -3.0, -2.0, -0.5], share=False):
    ...     print(found.method, found.predicted, found.error)
    last value -2.0 -1.5
    line -1.0 -0.5
    """
    scale, values = np.asarray(x, dtype=np.float64), np.asarray(heights, dtype=np.float64)
    n = None if trials is None else np.asarray(trials, dtype=np.float64)
    again = None if drawn is None else np.asarray(drawn, dtype=np.float64)
    observed, known = float(values[-1]), slice(None, -1)
    found = []

    def add(method: str, predicted: float, rows: Floats | None) -> None:
        low, high = (math.nan, math.nan) if rows is None else percentile_interval(rows)
        error = predicted - observed
        found.append(Prediction(method, predicted, observed, error, float(low), float(high)))

    if len(scale) > 1:
        add("last value", float(values[-2]), None if again is None else again[:, -2])
    if len(scale) > LINE:
        line = _line(scale, values[None], share, n)
        add("line", float(line[0]), None if again is None else _line(scale, again, share, n))
    if share and n is not None and chance is not None and len(scale) > 1:
        fit = fit_mechanism(
            scale[known],
            values[known],
            n[known],
            chance,
            None if distractor is None else np.asarray(distractor)[known],
            None if again is None else again[:DRAWS, known],
            None if drawn_distractor is None else np.asarray(drawn_distractor)[:DRAWS, known],
        )
        if fit.fitted is not None:
            told = fit.drawn if fit.identifiable else None
            rows = None if told is None else accuracy(told, scale[-1:])[:, 0]
            add("mechanism", float(accuracy(fit.fitted[None], scale[-1:])[0, 0]), rows)
    law = fit_broken(scale[known], values[known], share)
    if law is not None:
        add("broken law", float(law.heights(scale[-1])), None)
    return found


def _line(x: Floats, rows: Floats, share: bool, trials: Floats | None) -> Floats:
    """Go on in a straight line from the last sizes but the largest; shape (rows,)."""
    some = slice(-1 - LINE, -1)
    heights = rows[:, some]
    if share:
        # Half an answer is added to both sides, so that 0 and 1 have log odds too.
        n = _UNKNOWN_TRIALS if trials is None else trials[some]
        heights = logit((n * heights + 0.5) / (n + 1))
    away = x[some] - x[some].mean()
    slope = heights @ away / (away @ away)
    ahead = heights.mean(axis=1) + slope * (x[-1] - x[some].mean())
    return expit(ahead) if share else ahead
