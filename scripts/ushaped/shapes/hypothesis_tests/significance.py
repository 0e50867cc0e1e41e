"""Tests of a curve's shape: change, rise, fall, turn.

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
monotone null hypothesis is least favourable where the curve is flat, but neighbours that clearly
differ keep their order: the fitted monotone curve is taken as flat between its significant steps
only (generalized moment selection: Andrews and Soares 2010, section 4.2, with their kappa, the root
of ln n). The deviance of a curve of one turn is at most that of a monotone one, which is largest
where the truth is flat. Half a right and half a wrong answer are added to counts, without which the
tests reject too often where shares are near 0 or 1. `benchmarks/calibration` measures their error
rates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ushaped.shapes.fits import ANY, Fit, Loss, fits, normal_loss, sample_loss
from ushaped.shapes.rules import Floats
from ushaped.shapes.sample import Sample, half_counts
from ushaped.terms import FLAT, INVERSE, INVERTED_U, POSITIVE, U_SHAPED

# Number of items for kappa where it is unknown.
USUAL_ITEMS = 300

# Distance in standard errors of blocks of sizes between significant steps: their order is fixed.
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


# Null hypothesis and alternative of a likelihood ratio; a turn is a U or an inverted U.
Ratio = tuple[str, str]
TURN = "turn"
# Likelihood ratios with a distribution under each null hypothesis.
RATIOS: dict[str, tuple[Ratio, ...]] = {
    FLAT: ((FLAT, TURN), (POSITIVE, ANY)),
    POSITIVE: tuple((POSITIVE, shape) for shape in (TURN, U_SHAPED, INVERTED_U)),
    INVERSE: tuple((INVERSE, shape) for shape in (TURN, U_SHAPED, INVERTED_U)),
}
_DIRECTION = {FLAT: 0.0, POSITIVE: 1.0, INVERSE: -1.0}


class NullDistributions:
    """Null distributions of the likelihood ratios of one sample.

    They depend on which sizes have equal heights under the null hypothesis, not on the heights, so
    that curves with the same errors share them. The smallest p-value is 1 / (draws + 1).
    """

    def __init__(self, sample: Sample, draws: int, rng: np.random.Generator) -> None:
        self._weights = sample.weights
        self._errors = null_errors(sample, draws, rng)
        self._known: dict[tuple[str, bytes], dict[Ratio, Floats]] = {}

    def ratios(self, null: str, blocks: Floats) -> dict[Ratio, Floats]:
        """Draws of likelihood ratios, each of shape (draws,), for `significant_blocks`."""
        key = null, blocks.tobytes()
        if key not in self._known:
            step = _DIRECTION[null] * _APART * self._weights.max() ** -0.5
            rows = self._errors + step * blocks
            losses = _losses(fits(rows, self._weights, normal_loss))
            self._known[key] = {ratio: _ratio(losses, ratio) for ratio in RATIOS[null]}
        return self._known[key]


def p_values(sample: Sample, nulls: NullDistributions) -> PValues:
    """Test the shape of one curve; ``nulls`` are of its sample."""
    return p_values_of(sample, sample.heights[None], nulls)[0]


def p_values_of(sample: Sample, rows: Floats, nulls: NullDistributions) -> list[PValues]:
    """Test the shapes of curves with the errors of one sample; ``rows`` of shape (curves, S)."""
    rows = half_counts(sample, rows)[0]
    loss = sample_loss(sample)
    fitted = fits(rows, sample.weights, loss)
    losses = _losses(fitted)
    misfit = _ratio(losses, (TURN, ANY))
    tested = []
    for index, row in enumerate(rows):
        p: dict[Ratio, float] = {}
        for null, ratios in RATIOS.items():
            blocks = significant_blocks(sample, row, fitted[null].heights[index], loss)
            drawn = nulls.ratios(null, blocks)
            p |= {
                ratio: _p_value(drawn[ratio], float(_ratio(losses, ratio)[index]))
                for ratio in ratios
            }
        flat = nulls.ratios(FLAT, np.zeros(len(row)))
        tested.append(
            PValues(
                change=p[FLAT, TURN],
                rise=p[INVERSE, TURN],
                fall=p[POSITIVE, TURN],
                u=max(p[POSITIVE, U_SHAPED], p[INVERSE, U_SHAPED]),
                inverted_u=max(p[POSITIVE, INVERTED_U], p[INVERSE, INVERTED_U]),
                misfit=_p_value(flat[POSITIVE, ANY], float(misfit[index])),
            )
        )
    return tested


def _losses(fitted: dict[str, Fit]) -> dict[str, Floats]:
    losses = {shape: fit.loss for shape, fit in fitted.items()}
    return losses | {TURN: np.minimum(losses[U_SHAPED], losses[INVERTED_U])}


def _ratio(losses: dict[str, Floats], ratio: Ratio) -> Floats:
    """Twice the log-likelihood ratio."""
    null, alternative = ratio
    return 2 * (losses[null] - losses[alternative])


def _p_value(drawn: Floats, observed: float) -> float:
    """Monte Carlo p-value (Davison and Hinkley 1997, equation 4.11)."""
    return float(1 + (drawn >= observed - _TOLERANCE).sum()) / (1 + len(drawn))


def null_errors(sample: Sample, draws: int, rng: np.random.Generator) -> Floats:
    """Draws of the errors, shape (draws, S), with the sample's weights as inverse variances."""
    values, vectors = np.linalg.eigh(sample.correlation)
    root = vectors * np.sqrt(values.clip(min=0))
    errors = rng.standard_normal((draws, len(values))) @ root.T * sample.weights**-0.5
    if np.isfinite(sample.degrees):
        errors /= np.sqrt(rng.chisquare(sample.degrees, (draws, 1)) / sample.degrees)
    return errors


def significant_blocks(sample: Sample, heights: Floats, fitted: Floats, loss: Loss) -> Floats:
    """Number the runs of sizes between which a monotone fit steps significantly.

    The least step is removed until twice the log-likelihood of each exceeds kappa squared, ln n.

    Parameters
    ----------
    sample : Sample
    heights, fitted : ndarray of float, shape (S,)
    loss : callable

    Returns
    -------
    ndarray of float, shape (S,)
        Block of each size, from 0.
    """
    n = USUAL_ITEMS if sample.trials is None else max(float(sample.trials.max()), np.e)
    starts = [0, *(np.flatnonzero(np.diff(fitted)) + 1).tolist()]
    while len(starts) > 1:
        edges = [*starts, len(fitted)]
        gains = [
            _merged_loss(sample, heights, loss, edges[i - 1], edges[i + 1])
            - _merged_loss(sample, heights, loss, edges[i - 1], edges[i])
            - _merged_loss(sample, heights, loss, edges[i], edges[i + 1])
            for i in range(1, len(starts))
        ]
        smallest = int(np.argmin(gains))
        if 2 * gains[smallest] > np.log(n):
            break
        del starts[smallest + 1]
    blocks = np.zeros(len(fitted))
    blocks[starts[1:]] = 1
    return np.cumsum(blocks)


def _merged_loss(sample: Sample, heights: Floats, loss: Loss, start: int, end: int) -> float:
    """Minus the log-likelihood of the sizes from ``start`` to ``end`` at equal heights."""
    own = slice(start, end)
    level = np.full(len(heights), np.average(heights[own], weights=sample.weights[own]))
    return float(loss(level, heights, sample.weights)[own].sum())
