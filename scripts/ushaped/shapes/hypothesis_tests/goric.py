"""Weights of the shapes: log-likelihood against flexibility.

The criterion is the order-restricted information criterion (Anraku 1999; Kuiper, Hoijtink and
Silvapulle 2011, GORIC): minus twice the log-likelihood plus twice a penalty, which is what a shape
is expected to gain by fitting the noise of a flat curve, in the way that Akaike's counts
parameters. For a flat curve that is 1, for any curve the number of sizes S, for a monotone one with
equal errors 1 + 1/2 + ... + 1/S. For the two shapes that turn it has no closed form; all penalties
are simulated, with the errors of the curve in question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ushaped.shapes.fits import SHAPES, Fit, fits, normal_loss
from ushaped.shapes.hypothesis_tests.significance import null_errors
from ushaped.shapes.rules import Floats
from ushaped.shapes.sample import Sample
from ushaped.terms import FLAT


@dataclass(frozen=True)
class Support:
    """How well one shape fits a curve.

    Attributes
    ----------
    shape : str
        One of `ushaped.shapes.fits.SHAPES`.
    log_likelihood : float
        Up to a constant that all shapes share.
    penalty : float
        Effective number of parameters.
    criterion : float
        Lower is better.
    weight : float
        exp(-criterion / 2), scaled to a sum of 1 over the shapes (Burnham and Anderson 2002,
        section 2.9.1).
    heights : ndarray of float, shape (S,)
        The fitted curve.
    """

    shape: str
    log_likelihood: float
    penalty: float
    criterion: float
    weight: float
    heights: Floats


def penalties(sample: Sample, draws: int, rng: np.random.Generator) -> dict[str, float]:
    """Expected gain of each shape from the noise of a flat curve.

    Examples
    --------
    >>> flat = Sample(np.full(4, 0.5), np.full(4, 0.01), np.eye(4))
    >>> found = penalties(flat, 20_000, np.random.default_rng(0))
    >>> [round(found[shape], 1) for shape in ("flat", "positive", "any")]
    [1.0, 2.1, 4.0]
    """
    errors = null_errors(replace(sample, degrees=float("inf")), draws, rng)
    drawn = fits(errors, sample.weights, normal_loss(sample.weights))
    return {shape: 1 + float(2 * (drawn[FLAT].loss - drawn[shape].loss).mean()) for shape in SHAPES}


def supports(
    found: dict[str, Fit], sample: Sample, draws: int, rng: np.random.Generator
) -> list[Support]:
    """Compare the shapes for one curve.

    Parameters
    ----------
    found : dict of str to Fit
        Of one curve, by `ushaped.shapes.fits.fits`.
    sample : Sample
    draws : int
        From which the penalties are computed.
    rng : numpy.random.Generator
    """
    penalty = penalties(sample, draws, rng)
    criterion = {shape: 2 * float(found[shape].loss[0]) + 2 * penalty[shape] for shape in SHAPES}
    least = min(criterion.values())
    weight = {shape: np.exp(-(value - least) / 2) for shape, value in criterion.items()}
    total = sum(weight.values())
    return [
        Support(
            shape,
            -float(found[shape].loss[0]),
            penalty[shape],
            criterion[shape],
            float(weight[shape] / total),
            found[shape].heights[0],
        )
        for shape in SHAPES
    ]
