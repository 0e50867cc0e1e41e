"""Broken neural scaling law with one break: a smooth description of a curve.

Caballero et al. (2022, arXiv:2210.14891, equation 1) describe an error y at scale X by

    y = a + b X^(-c0) (1 + (X / d1)^(1 / f1))^(-c1 f1),

a power law of exponent c0 that bends at d1 into one of exponent c0 + c1; a larger f1 makes the bend
wider. An error that first grows and then falls has c0 < 0 < c0 + c1. The error is 1 - share, or the
loss. The law does not explain why a curve bends; with six parameters for seven or eight sizes it is
a guide to the eye.

The fit is by least squares in the curve's own unit, with equal weights: in log space, as in the
paper, an error of 0 would dominate. For given exponents and bend, a and b are linear least squares
with both at least 0, so that four parameters are searched for, from the best of a grid. A small
penalty on the exponents prefers the less steep of nearly equal fits, and no bend is narrower than a
third of the mean distance of neighbouring sizes: a law must not dive between measured sizes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares
from scipy.special import expit, logit

from ushaped.shapes.evidence_record import BrokenLawRecord
from ushaped.shapes.rules import Floats

LEAST_SIZES = 7
NAMES = ("a", "b", "c0", "c1", "d1", "f1")

# Largest exponent: over the range of sizes the error changes by e to this power.
_STEEPEST = 30.0
# Penalty of that exponent, as a residual relative to the curve's range.
_PENALTY = 0.15
_STARTS = 2
_DIFFERENCE = 1e-6


@dataclass(frozen=True)
class BrokenLaw:
    """A fitted law.

    Attributes
    ----------
    parameters : dict of str to float
        ``a, b, c0, c1, d1, f1`` of the equation, X being the scale itself, not its logarithm.
    error : float
        Root mean square residual, in the curve's unit.
    sizes : ndarray of float, shape (sizes,)
        Logarithms to base 10 of the scale.
    share : bool
        Whether the error is 1 - height; else it is minus the height.
    """

    parameters: dict[str, float]
    error: float
    sizes: Floats
    share: bool

    def heights(self, x: ArrayLike) -> Floats:
        """Heights at logarithms to base 10 of the scale; shares stay between 0 and 1."""
        a, b, c0, c1, d1, f1 = (self.parameters[name] for name in NAMES)
        log_scale = math.log(10) * np.asarray(x, dtype=np.float64)
        bend = np.logaddexp(0, (log_scale - math.log(d1)) / f1)
        exponent = -c0 * log_scale - c1 * f1 * bend
        error = a + (np.exp(math.log(b) + exponent) if b > 0 else 0 * exponent)
        return (1 - error).clip(0, 1) if self.share else -error

    def as_evidence(self) -> BrokenLawRecord:
        """Entry of ``evidence.json``."""
        x = np.linspace(self.sizes[0], self.sizes[-1], 50)
        curve = {"x": x.tolist(), "value": self.heights(x).tolist()}
        return {"parameters": self.parameters, "error": self.error, "curve": curve}


def why_not_fitted(heights: ArrayLike, share: bool) -> str:
    """Why the law cannot be fitted; empty if it can. Parameters as in `fit_broken_law`.

    Examples
    --------
    >>> why_not_fitted([0.5, 0.4, 0.6], share=True)
    'too few sizes (3) for a broken law, which needs 7'
    >>> why_not_fitted([-3, -2, -1, 0, 1, 2, 3], share=False)
    'a broken law describes errors of 0 or more, which these are not'
    """
    errors = _errors(heights, share)
    if len(errors) < LEAST_SIZES:
        return f"too few sizes ({len(errors)}) for a broken law, which needs {LEAST_SIZES}"
    if (errors < 0).any():
        return "a broken law describes errors of 0 or more, which these are not"
    return ""


def fit_broken_law(x: ArrayLike, heights: ArrayLike, share: bool) -> BrokenLaw | None:
    """Fit the law with one break.

    Parameters
    ----------
    x : array_like of float, shape (sizes,)
        Logarithm to base 10 of the scale, increasing.
    heights : array_like of float, shape (sizes,)
        Higher is better.
    share : bool
        Whether heights are shares; else they are negated losses.

    Returns
    -------
    BrokenLaw or None
        None where `why_not_fitted` gives a reason.

    Examples
    --------
    >>> x = np.linspace(20, 24, 9)
    >>> law = fit_broken_law(x, 1 - 0.1 - 0.5 * 10 ** (-0.2 * (x - 20)), share=True)
    >>> law.error < 1e-3
    True
    """
    if why_not_fitted(heights, share):
        return None
    scale, errors = np.asarray(x, dtype=np.float64), _errors(heights, share)
    grid = _Grid.of(scale)
    penalty = _PENALTY * float(np.ptp(errors))

    def residuals(free: Floats) -> Floats:
        return _residuals(free[None], grid, errors, penalty)[0]

    def slopes(free: Floats) -> Floats:
        moved = np.concatenate([free[None], free + _DIFFERENCE * np.eye(len(free))])
        every = _residuals(moved, grid, errors, penalty)
        return ((every[1:] - every[0]) / _DIFFERENCE).T

    fits = [
        least_squares(residuals, start, jac=slopes, method="lm", ftol=1e-5, max_nfev=60)
        for start in _best_starts(grid, errors, penalty)
    ]
    free = min(fits, key=lambda fit: float(fit.cost)).x[None]
    power, largest = _power(free, grid)
    a, b = _levels(power, errors)
    error = math.sqrt(np.mean((a + b * power[0] - errors) ** 2))
    c0, c1, d1, f1 = (float(part[0, 0]) for part in _bounded(free, grid))
    # From the position between smallest and largest size back to the scale.
    start, reach = math.log(10) * scale[0], math.log(10) * grid.reach
    log_b = math.log(b[0]) - largest[0, 0] + c0 / reach * start if b[0] > 0 else -math.inf
    values = (a[0], math.exp(log_b), c0 / reach, c1 / reach, math.exp(start + d1 * reach))
    parameters = dict(zip(NAMES, (*map(float, values), f1 * reach), strict=True))
    return BrokenLaw(parameters, error, scale, share)


@dataclass(frozen=True)
class _Grid:
    """Positions of the sizes between the smallest, 0, and the largest, 1; range in decades."""

    position: Floats
    reach: float
    narrowest: float

    @classmethod
    def of(cls, x: Floats) -> _Grid:
        reach = float(x[-1] - x[0])
        return cls((x - x[0]) / reach, reach, 1 / (len(x) - 1) / 3)


def _errors(heights: ArrayLike, share: bool) -> Floats:
    values = np.asarray(heights, dtype=np.float64)
    return 1 - values if share else -values


def _bounded(free: Floats, grid: _Grid) -> tuple[Floats, Floats, Floats, Floats]:
    """Exponents, position and width of the bend, shape (rows, 1) each, from unbounded numbers."""
    before, after = (_STEEPEST * np.tanh(free[:, [column]]) for column in (0, 1))
    width = grid.narrowest ** (1 - expit(free[:, [3]]))
    return before, after - before, expit(free[:, [2]]), width


def _power(free: Floats, grid: _Grid) -> tuple[Floats, Floats]:
    """The law without a and b, relative to its largest value, and the logarithm of that."""
    c0, c1, d1, f1 = _bounded(free, grid)
    exponent = -c0 * grid.position - c1 * f1 * np.logaddexp(0, (grid.position - d1) / f1)
    largest = exponent.max(axis=1, keepdims=True)
    return np.exp(exponent - largest), largest


def _residuals(free: Floats, grid: _Grid, errors: Floats, penalty: float) -> Floats:
    """Residuals of every size, then penalties of both exponents; shape (rows, sizes + 2)."""
    power, _ = _power(free, grid)
    a, b = _levels(power, errors)
    fitted = a[:, None] + b[:, None] * power
    return np.concatenate([fitted - errors, penalty * np.tanh(free[:, :2])], axis=1)


def _levels(power: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Least-squares a and b of each row of powers, neither below 0; shape (rows,) each."""
    middle, mean = power.mean(axis=1), errors.mean()
    spread = ((power - middle[:, None]) ** 2).sum(axis=1)
    b = ((power - middle[:, None]) @ (errors - mean)) / np.maximum(spread, 1e-300)
    b = np.maximum(b, 0)
    a = mean - b * middle
    through_zero = power @ errors / (power**2).sum(axis=1)
    return np.maximum(a, 0), np.where(a < 0, through_zero, b)


def _best_starts(grid: _Grid, errors: Floats, penalty: float) -> list[Floats]:
    """The best of a grid of starts that differ in the bend or the sign of an exponent."""
    exponents = np.arctanh(np.array([-8.0, -2.0, -0.3, 0.3, 2.0, 8.0]) / _STEEPEST)
    bends, widths = logit(np.linspace(0.1, 0.9, 6)), np.array([-1.0, 1.0])
    starts = np.stack(np.meshgrid(exponents, exponents, bends, widths), axis=-1).reshape(-1, 4)
    squares = (_residuals(starts, grid, errors, penalty) ** 2).sum(axis=1)
    ranked = starts[np.argsort(squares, kind="stable")]
    kinds = np.stack([ranked[:, 0] > 0, ranked[:, 1] > 0, ranked[:, 2]], axis=1)
    _, firsts = np.unique(kinds, axis=0, return_index=True)
    return list(ranked[np.sort(firsts)[:_STARTS]])
