"""Out-of-sample prediction of the largest size from the others.

Two baselines stand beside the `mechanism` and the `broken` law: the last value, and a straight line
through the last three sizes (in log odds for shares, in the values themselves for nats).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from ushaped.metrics.intervals import percentile_interval
from ushaped.shapes.evidence_record import PredictionRecord
from ushaped.shapes.laws.broken import fit_broken_law
from ushaped.shapes.laws.mechanism import accuracy, fit_mechanism
from ushaped.shapes.rules import Floats

LINE = 3

# Draws that the mechanism is fitted to: enough for an interval.
DRAWS = 500

# Trials assumed for published shares without an item count.
_UNKNOWN_TRIALS = 500.0


def predict_largest(
    x: ArrayLike,
    heights: ArrayLike,
    share: bool,
    drawn: ArrayLike | None = None,
    trials: ArrayLike | None = None,
    chance: float | None = None,
    distractor: ArrayLike | None = None,
    drawn_distractor: ArrayLike | None = None,
) -> list[PredictionRecord]:
    """Predict the largest size from the others, by every method for which they suffice.

    Parameters
    ----------
    x, heights, share
        As in `fit_broken_law`.
    drawn : array_like of float, shape (draws, sizes), optional
        Bootstrap draws of the heights.
    trials, chance, distractor, drawn_distractor : optional
        As in `fit_mechanism`. The mechanism is left out without the first two.

    Returns
    -------
    list of PredictionRecord
        Empty for one size. The mechanism predicts wherever it can be fitted, even if its parameters
        are not identifiable; it has an interval only if they are.

    Examples
    --------
    >>> for prediction in predict_largest([1, 2, 3, 4], [-4.0, -3.0, -2.0, -0.5], share=False):
    ...     print(prediction["method"], prediction["predicted"], prediction["error"])
    last value -2.0 -1.5
    line -1.0 -0.5
    """
    scale, values = np.asarray(x, dtype=np.float64), np.asarray(heights, dtype=np.float64)
    n, resampled, wrong, drawn_wrong = (
        None if array is None else np.asarray(array, dtype=np.float64)
        for array in (trials, drawn, distractor, drawn_distractor)
    )
    predictions: list[PredictionRecord] = []

    def add(method: str, predicted: float, rows: Floats | None = None) -> None:
        low, high = (math.nan, math.nan) if rows is None else percentile_interval(rows)
        observed = float(values[-1])
        predictions.append(
            {
                "method": method,
                "predicted": predicted,
                "observed": observed,
                "error": predicted - observed,
                "low": float(low),
                "high": float(high),
            }
        )

    if len(scale) > 1:
        add("last value", float(values[-2]), None if resampled is None else resampled[:, -2])
    if len(scale) > LINE:
        rows = None if resampled is None else _line(scale, resampled, share, n)
        add("line", float(_line(scale, values[None], share, n)[0]), rows)
    if share and n is not None and chance is not None and len(scale) > 1:
        fit = fit_mechanism(
            scale[:-1],
            values[:-1],
            n[:-1],
            chance,
            None if wrong is None else wrong[:-1],
            None if resampled is None else resampled[:DRAWS, :-1],
            None if drawn_wrong is None else drawn_wrong[:DRAWS, :-1],
        )
        if fit.fitted is not None:
            fits = fit.drawn if fit.identifiable else None
            rows = None if fits is None else accuracy(fits, scale[-1:])[:, 0]
            add("mechanism", float(accuracy(fit.fitted[None], scale[-1:])[0, 0]), rows)
    law = fit_broken_law(scale[:-1], values[:-1], share)
    if law is not None:
        add("broken law", float(law.heights(scale[-1])))
    return predictions


def _line(x: Floats, rows: Floats, share: bool, trials: Floats | None) -> Floats:
    """Extrapolate a straight line through the last sizes before the largest; shape (rows,)."""
    fitted = slice(-1 - LINE, -1)
    heights = rows[:, fitted]
    if share:
        # With half a right and half a wrong answer added, 0 and 1 have finite log odds.
        n = _UNKNOWN_TRIALS if trials is None else trials[fitted]
        heights = logit((n * heights + 0.5) / (n + 1))
    centred = x[fitted] - x[fitted].mean()
    slope = heights @ centred / (centred @ centred)
    predicted = heights.mean(axis=1) + slope * (x[-1] - x[fitted].mean())
    return expit(predicted) if share else predicted
