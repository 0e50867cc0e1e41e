"""Weights of the shapes by the order-restricted information criterion (GORIC).

Anraku (1999); Kuiper, Hoijtink and Silvapulle (2011): minus twice the log-likelihood plus twice a
penalty, the expected gain of a shape from the noise of a flat curve, which generalises Akaike's
number of parameters. It is 1 for a flat curve, the number of sizes S for any curve, and
1 + 1/2 + ... + 1/S for a monotone one with equal errors. For the two shapes with a turn it has no
closed form; all penalties are simulated, with the errors of the curve.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ushaped.shapes.evidence_record import FittedShape
from ushaped.shapes.fits import FITTED_SHAPES, Fit, fits, normal_loss
from ushaped.shapes.hypothesis_tests.significance import null_errors
from ushaped.shapes.sample import Sample
from ushaped.terms import FLAT


def penalties(sample: Sample, draws: int, rng: np.random.Generator) -> dict[str, float]:
    """Expected gain of each shape from the noise of a flat curve.

    Examples
    --------
    >>> flat = Sample(np.full(4, 0.5), np.full(4, 0.01), np.eye(4))
    >>> penalty = penalties(flat, 20_000, np.random.default_rng(0))
    >>> [round(penalty[shape], 1) for shape in ("flat", "positive", "any")]
    [1.0, 2.1, 4.0]
    """
    errors = null_errors(replace(sample, degrees=float("inf")), draws, rng)
    drawn = fits(errors, sample.weights, normal_loss)
    flat = drawn[FLAT].loss
    return {shape: 1 + float(2 * (flat - drawn[shape].loss).mean()) for shape in FITTED_SHAPES}


def goric_weights(
    fitted: dict[str, Fit], sample: Sample, draws: int, rng: np.random.Generator, sign: float = 1.0
) -> list[FittedShape]:
    """Weigh the shapes of one curve.

    Parameters
    ----------
    fitted : dict of str to Fit
        Of one curve, by `ushaped.shapes.fits.fits`.
    sample : Sample
    draws : int
        For the penalties.
    rng : numpy.random.Generator
    sign : float
        Turns heights into values of the metric.
    """
    penalty = penalties(sample, draws, rng)
    loss = {shape: float(fitted[shape].loss[0]) for shape in FITTED_SHAPES}
    criterion = {shape: 2 * loss[shape] + 2 * penalty[shape] for shape in FITTED_SHAPES}
    least = min(criterion.values())
    weight = {shape: np.exp(-(value - least) / 2) for shape, value in criterion.items()}
    total = sum(weight.values())
    return [
        {
            "shape": shape,
            "log_likelihood": -loss[shape],
            "penalty": penalty[shape],
            "criterion": criterion[shape],
            "weight": float(weight[shape] / total),
            "values": (sign * fitted[shape].heights[0]).tolist(),
        }
        for shape in FITTED_SHAPES
    ]
