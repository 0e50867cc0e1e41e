"""Tests of a curve's shape: does it change, rise, fall, turn?

Each is a likelihood ratio test of an order restriction, with the null hypothesis that the curve

    change   is flat,
    rise     nowhere rises,
    fall     nowhere falls,
    u        is no U: it never falls, or never rises (the larger of two p-values: Berger 1982),
    inverted_u    is no inverted U, likewise,

against curves of one turn at most, and

    misfit    turns once at most,

against any curve. The null distribution is that of normal errors with the sample's
covariance (a mixture of chi-squared ones: Robertson, Wright and Dykstra 1988, chapter 2), divided
by the root of a chi-squared variable where the errors themselves are estimated from few seeds. A
monotone null hypothesis is worst where the curve is flat, but neighbours that clearly differ cannot
change places: the fitted monotone curve is taken as flat between its significant steps only
(generalized moment selection: Andrews and Soares 2010, section 4.2, with their kappa, the root of
ln n). What a curve of one turn leaves unexplained is at most what a monotone one would, which is
most where the truth is flat. Half a right and half a wrong answer are added to counts, without
which the tests would reject too often where shares are near 0 or 1. `benchmarks/calibration`
measures how often they err.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ushaped.shapes.fits import ANY, Fit, Loss, fits, loss_of, normal_loss
from ushaped.shapes.rules import Floats
from ushaped.shapes.sample import Sample, half_counts
from ushaped.terms import FLAT, INVERSE, INVERTED_U, POSITIVE, U_SHAPED

# Where the number of items is not known, kappa is that of this many.
USUAL_ITEMS = 300

# Blocks of sizes between significant steps: this many standard errors apart, they never mix.
_APART = 1e4

_TOLERANCE = 1e-7


@dataclass(frozen=True)
class PValues:
    """P-values of the six null hypotheses; see the module."""

    change: float
    rise: float
    fall: float
    u: float
    inverted_u: float
    misfit: float


class Nulls:
    """Null distributions of the likelihood ratios of one sample.

    They depend on which sizes are equally high under the null hypothesis, not on how high, so that
    curves with the same errors share them.

    Parameters
    ----------
    sample : Sample
    draws : int
        No p-value is below 1 / (draws + 1).
    rng : numpy.random.Generator
    """

    def __init__(self, sample: Sample, draws: int, rng: np.random.Generator) -> None:
        self._weights = sample.weights
        self._errors = null_errors(sample, draws, rng)
        self._known: dict[tuple[str, bytes], dict[str, Floats]] = {}

    def ratios(self, null: str, blocks: Floats) -> dict[str, Floats]:
        """Drawn likelihood ratios, each of shape (draws,).

        Parameters
        ----------
        null : str
            Flat, positive or inverse.
        blocks : ndarray of float, shape (S,)
            By `significant_blocks`.
        """
        key = null, blocks.tobytes()
        if key not in self._known:
            step = _DIRECTION[null] * _APART * self._weights.max() ** -0.5
            found = fits(self._errors + step * blocks, self._weights, normal_loss(self._weights))
            drawn = _ratios(found)
            self._known[key] = {name: drawn[name] for name in NEEDED[null]}
        return self._known[key]


def p_values(sample: Sample, nulls: Nulls) -> PValues:
    """Test the shape of one curve.

    Parameters
    ----------
    sample : Sample
    nulls : Nulls
        Of this sample.
    """
    return p_values_of(sample, sample.heights[None], nulls)[0]


def p_values_of(sample: Sample, rows: Floats, nulls: Nulls) -> list[PValues]:
    """Test the shapes of several curves whose errors are those of one sample.

    Parameters
    ----------
    sample : Sample
    rows : ndarray of float, shape (curves, S)
    nulls : Nulls
    """
    rows = half_counts(sample, rows)[0]
    loss = loss_of(sample)
    found = fits(rows, sample.weights, loss)
    ratios = _ratios(found)
    made = []
    for place, row in enumerate(rows):
        p: dict[str, float] = {}
        for null, names in NEEDED.items():
            blocks = significant_blocks(sample, row, found[null].heights[place], loss)
            drawn = nulls.ratios(null, blocks)
            p |= {name: _share_beyond(drawn[name], float(ratios[name][place])) for name in names}
        made.append(
            PValues(
                change=p["turn over flat"],
                rise=p["turn over inverse"],
                fall=p["turn over positive"],
                u=max(p["u over positive"], p["u over inverse"]),
                inverted_u=max(p["inverted over positive"], p["inverted over inverse"]),
                misfit=_share_beyond(
                    nulls.ratios(FLAT, np.zeros(len(row)))["any over positive"],
                    float(ratios["any over turn"][place]),
                ),
            )
        )
    return made


_DIRECTION = {FLAT: 0.0, POSITIVE: 1.0, INVERSE: -1.0}

# The likelihood ratios that are compared with the distribution under each null hypothesis.
NEEDED = {
    FLAT: ("turn over flat", "any over positive"),
    POSITIVE: ("turn over positive", "u over positive", "inverted over positive"),
    INVERSE: ("turn over inverse", "u over inverse", "inverted over inverse"),
}


def _ratios(found: dict[str, Fit]) -> dict[str, Floats]:
    """Twice the log-likelihood ratios that the tests need."""
    losses = {shape: fit.loss for shape, fit in found.items()}
    u, inverted = losses[U_SHAPED], losses[INVERTED_U]
    turn = np.minimum(u, inverted)
    return {
        "turn over flat": 2 * (losses[FLAT] - turn),
        "turn over positive": 2 * (losses[POSITIVE] - turn),
        "turn over inverse": 2 * (losses[INVERSE] - turn),
        "u over positive": 2 * (losses[POSITIVE] - u),
        "u over inverse": 2 * (losses[INVERSE] - u),
        "inverted over positive": 2 * (losses[POSITIVE] - inverted),
        "inverted over inverse": 2 * (losses[INVERSE] - inverted),
        "any over positive": 2 * (losses[POSITIVE] - losses[ANY]),
        "any over turn": 2 * (turn - losses[ANY]),
    }


def _share_beyond(drawn: Floats, observed: float) -> float:
    """Monte Carlo p-value (Davison and Hinkley 1997, equation 4.11)."""
    return float(1 + (drawn >= observed - _TOLERANCE).sum()) / (1 + len(drawn))


def null_errors(sample: Sample, draws: int, rng: np.random.Generator) -> Floats:
    """Errors of the heights in units in which the sample's weights are inverse variances.

    Returns
    -------
    ndarray of float, shape (draws, S)
    """
    values, vectors = np.linalg.eigh(sample.correlation)
    root = vectors * np.sqrt(values.clip(min=0))
    errors = rng.standard_normal((draws, len(values))) @ root.T * sample.weights**-0.5
    if np.isfinite(sample.degrees):
        errors /= np.sqrt(rng.chisquare(sample.degrees, (draws, 1)) / sample.degrees)
    return errors


def significant_blocks(sample: Sample, heights: Floats, fitted: Floats, loss: Loss) -> Floats:
    """Number the runs of sizes between which a monotone fit steps significantly.

    The smallest step is taken away until twice the log-likelihood that each one is worth exceeds
    kappa squared, ln n.

    Parameters
    ----------
    sample : Sample
    heights, fitted : ndarray of float, shape (S,)
    loss : callable

    Returns
    -------
    ndarray of float, shape (S,)
        0 for the smallest sizes, then 1, and so on.
    """
    n = USUAL_ITEMS if sample.trials is None else max(float(sample.trials.max()), np.e)
    starts = [0, *(np.flatnonzero(np.diff(fitted)) + 1).tolist()]
    while len(starts) > 1:
        edges = [*starts, len(fitted)]
        worth = [
            _merged_loss(sample, heights, loss, edges[i - 1], edges[i + 1])
            - _merged_loss(sample, heights, loss, edges[i - 1], edges[i])
            - _merged_loss(sample, heights, loss, edges[i], edges[i + 1])
            for i in range(1, len(starts))
        ]
        smallest = int(np.argmin(worth))
        if 2 * worth[smallest] > np.log(n):
            break
        del starts[smallest + 1]
    blocks = np.zeros(len(fitted))
    blocks[starts[1:]] = 1
    return np.cumsum(blocks)


def _merged_loss(sample: Sample, heights: Floats, loss: Loss, start: int, end: int) -> float:
    """Minus the log-likelihood of some neighbouring sizes that are equally high."""
    own = slice(start, end)
    level = np.full(len(heights), np.average(heights[own], weights=sample.weights[own]))
    return float(loss(level, heights)[own].sum())
