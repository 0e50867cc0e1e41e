"""Two tests of a U from the social sciences and economics, as they are used there.

Both ask whether a curve falls at small scales *and* rises at large ones, each significantly by
itself. `two_lines` fits one line on either side of a break, `lind_mehlum` one parabola. The
parabola misjudges curves that level off, which it can call a turn with certainty (Simonsohn 2018);
the lines need a break, which is estimated from the data.

Shares are fitted by binomial generalized linear models with logit link, slopes in log odds per
decade of scale; means with known errors by weighted Gaussian ones, slopes in the unit of the
heights per decade. Errors of different sizes are taken as independent: only items are random, so
that misfit of a line does not widen its error, and a correlation of sizes that share items is
ignored.

One-sided p-values come from the signed root of the likelihood ratio rather than Wald's statistic,
which fails where a share is near 0 or 1 (Hauck and Donner 1977); for means the two are equal.
Where a share of a curve is exactly 0 or 1, half a right and half a wrong answer are added at each
of its sizes (Haldane 1956), so that every slope is finite.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr
from statsmodels.genmod.families import Binomial, Gaussian
from statsmodels.genmod.generalized_linear_model import GLM, GLMResults
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

from ushaped.errors import UserError
from ushaped.metrics.intervals import NORMAL_QUANTILE
from ushaped.shapes.evidence_record import LindMehlumTest, TwoLinesTest
from ushaped.shapes.rules import Floats

# Heights within this many standard errors of the lowest form the flat part. Simonsohn takes one, of
# a smooth curve; with single sizes chance then chooses the break: a curve of eight sizes that falls
# and then stays was called a U at p < 0.05 in up to 8 % of simulations, with this one in up to 5 %.
FLAT = NORMAL_QUANTILE

# A parabola, or two lines, through three sizes leaves no degree of freedom.
LEAST_SIZES = 4


def two_lines(
    x: Floats, heights: Floats, trials: Floats | None = None, errors: Floats | None = None
) -> TwoLinesTest | None:
    """Two-lines test of a U and of an inverted U.

    Simonsohn (2018), doi 10.1177/2515245918805755, with his Robin Hood algorithm for the break:

    1. Of the sizes between the smallest and the largest, take the lowest (of an inverted U: the
       highest) and those within `FLAT` standard errors of it: the flat part.
    2. Fit a line to the sizes up to the median of the flat part, and one to those from there on;
       z1 and z2 are the test statistics of their slopes.
    3. Move the break to the z2 / (z1 + z2) quantile of the flat part, so that the weaker line gets
       more sizes, and fit again. The size at the break belongs to both lines.

    He smooths the curve by a generalized additive model; step 1 takes the heights themselves, since
    a smooth through a handful of sizes with many items interpolates them. He chooses the turn to
    test by a parabola; here both are tested, each with its own break. As in his test, each line is
    tested two-sidedly, which compensates for a break estimated from the same data.

    Parameters
    ----------
    x : ndarray of float, shape (sizes,)
        log10 of the scale, increasing.
    heights : ndarray of float, shape (sizes,)
        Higher is better.
    trials : ndarray of float, shape (sizes,), optional
        Effective sample sizes of shares; need not be integers.
    errors : ndarray of float, shape (sizes,), optional
        Standard errors of means; used without ``trials``.

    Returns
    -------
    TwoLinesTest or None
        None for fewer than four sizes, and where errors are missing or not positive.

    Raises
    ------
    UserError
        If shares are not between 0 and 1, or trials not positive.

    Examples
    --------
    >>> x = np.array([20.4, 22.6, 23.5, 24.4])
    >>> test = two_lines(x, np.array([0.467, 0.2, 0.448, 0.883]), np.full(4, 315.0))
    >>> test["break"], test["p_u"] < 1e-6, test["p_inverted_u"]
    (22.6, True, 1.0)
    """
    points = _points(x, heights, trials, errors)
    if points is None:
        return None

    @cache
    def line(start: int, stop: int) -> _Slope:
        part = points.part(start, stop)
        fitted = _fit(part, np.stack([part.x, np.ones_like(part.x)], axis=1))
        return _Slope.tested(fitted.params[0], fitted.deviance, part.level_deviance())

    u = _robin_hood(points, points.values, line)
    inverted = _robin_hood(points, -points.values, line)
    p_u = min(1.0, 2 * max(u.left.p_falls, u.right.p_rises))
    p_inverted_u = min(1.0, 2 * max(inverted.left.p_rises, inverted.right.p_falls))
    likelier = u if p_u <= p_inverted_u else inverted
    return {
        "break": float(x[likelier.index]),
        "slope_left": likelier.left.slope,
        "slope_right": likelier.right.slope,
        "p_left": likelier.left.p_falls,
        "p_right": likelier.right.p_rises,
        "p_u": p_u,
        "p_inverted_u": p_inverted_u,
    }


def lind_mehlum(
    x: Floats, heights: Floats, trials: Floats | None = None, errors: Floats | None = None
) -> LindMehlumTest | None:
    """Test of a U, and of an inverted U, by the slopes of a parabola at both ends.

    Lind and Mehlum (2010), doi 10.1111/j.1468-0084.2009.00569.x, after Sasabuchi (1980): a parabola
    is a U within the sizes if it falls at the smallest and rises at the largest. Parameters,
    conditions for None and errors raised are those of `two_lines`.

    Examples
    --------
    >>> x = np.array([20.0, 21.0, 22.0, 23.0, 24.0])
    >>> test = lind_mehlum(x, np.array([4.0, 1.0, 0.0, 1.0, 4.0]), errors=np.full(5, 0.1))
    >>> round(test["slope_low"], 6), round(test["extremum"][0], 6), test["inside"]
    (-4.0, 22.0, True)
    """
    points = _points(x, heights, trials, errors)
    if points is None:
        return None
    # With the scale counted from one end, the linear coefficient is the slope at that end.
    from_low, from_high = _parabola(points.x), _parabola(points.x - points.x[-1])
    fitted = _fit(points, from_low)
    at_low, _, curvature = fitted.params
    at_high = at_low + 2 * points.x[-1] * curvature
    low, high = (
        _Slope.tested(slope, fitted.deviance, _fit(points, design[:, 1:]).deviance)
        for slope, design in ((at_low, from_low), (at_high, from_high))
    )
    extremum = _extremum(fitted)
    return {
        "slope_low": low.slope,
        "slope_high": high.slope,
        "p_u": max(low.p_falls, high.p_rises),
        "p_inverted_u": max(low.p_rises, high.p_falls),
        "extremum": [float(x[0]) + end for end in extremum],
        "inside": bool(0 < extremum[0] < points.x[-1]),
    }


@dataclass(frozen=True)
class _Points:
    """Observations: scale from the smallest size on, shares or means, trials or 1 / variance."""

    x: Floats
    values: Floats
    weights: Floats
    errors: Floats
    family: Binomial | Gaussian

    def part(self, start: int, stop: int) -> _Points:
        """Neighbouring sizes, with the scale counted from the first of them."""
        own = slice(start, stop)
        columns = (self.x - self.x[start], self.values, self.weights, self.errors)
        x, values, weights, errors = (column[own] for column in columns)
        return _Points(x, values, weights, errors, self.family)

    def level_deviance(self) -> float:
        """Deviance of the best horizontal line: the weighted mean, whatever the link."""
        mean = np.full_like(self.values, np.average(self.values, weights=self.weights))
        return float(self.family.deviance(self.values, mean, self.weights))


@dataclass(frozen=True)
class _Slope:
    """Slope, and signed root of the likelihood ratio: standard normal if the slope is zero."""

    slope: float
    root: float

    @classmethod
    def tested(cls, slope: float, deviance: float, without: float) -> _Slope:
        """Test a slope by the deviances of the fits with it and without."""
        root = np.sqrt(max(0.0, without - deviance))
        return cls(float(slope), float(np.copysign(root, slope)))

    @property
    def p_falls(self) -> float:
        """One-sided p-value of a falling line."""
        return float(ndtr(self.root))

    @property
    def p_rises(self) -> float:
        """One-sided p-value of a rising line."""
        return float(ndtr(-self.root))


@dataclass(frozen=True)
class _Lines:
    """Two lines and the index of the size at which they meet."""

    index: int
    left: _Slope
    right: _Slope


def _points(
    x: Floats, heights: Floats, trials: Floats | None, errors: Floats | None
) -> _Points | None:
    if len(x) < LEAST_SIZES:
        return None
    x = x - x[0]
    if trials is not None:
        if not ((heights >= 0) & (heights <= 1)).all():
            raise UserError("shares", "are not all between 0 and 1", "give shares of 1")
        if not (trials > 0).all():
            raise UserError("trials", "are not all positive", "leave sizes without items out")
        if ((heights == 0) | (heights == 1)).any():
            heights, trials = (heights * trials + 0.5) / (trials + 1), trials + 1
        return _Points(x, heights, trials, np.sqrt(heights * (1 - heights) / trials), Binomial())
    if errors is None or not (np.isfinite(errors) & (errors > 0)).all():
        return None
    return _Points(x, heights, 1 / errors**2, errors, Gaussian())


def _robin_hood(points: _Points, depths: Floats, line: Callable[[int, int], _Slope]) -> _Lines:
    """Lines that meet in the lowest part of ``depths``; steps 1 to 3 of `two_lines`."""
    inner = np.arange(1, len(depths) - 1)
    flat = inner[depths[inner] - FLAT * points.errors[inner] <= depths[inner].min()]
    middle = float(np.median(points.x[flat]))
    left = abs(line(0, int(np.searchsorted(points.x, middle, "right"))).root)
    right = abs(line(int(np.searchsorted(points.x, middle, "left")), len(depths)).root)
    share = right / (left + right) if left + right > 0 else 0.5
    index = int(np.quantile(flat, share, method="inverted_cdf"))
    return _Lines(index, line(0, index + 1), line(index, len(depths)))


def _parabola(x: Floats) -> Floats:
    return np.stack([x, np.ones_like(x), x**2], axis=1)


def _fit(points: _Points, design: Floats) -> GLMResults:
    # Weights multiply each log-likelihood, which for shares makes them numbers of trials; a scale
    # of 1 because the variance is known.
    model = GLM(points.values, design, family=points.family, var_weights=points.weights)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # A line through two sizes fits perfectly.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        return model.fit(scale=1.0)


def _extremum(fitted: GLMResults) -> tuple[float, float, float]:
    """Extremum of the parabola with its interval by Fieller's (1954) theorem.

    At ``m`` the slope is ``b + 2 c m``; the interval contains the scales at which it may be zero.
    """
    slope, curvature = fitted.params[0], 2 * fitted.params[2]
    covariance = fitted.cov_params()
    z2 = NORMAL_QUANTILE**2
    square = curvature**2 - z2 * 4 * covariance[2, 2]
    half_linear = slope * curvature - z2 * 2 * covariance[0, 2]
    constant = slope**2 - z2 * covariance[0, 0]
    if curvature == 0:
        return float("nan"), float("nan"), float("nan")
    estimate = float(-slope / curvature)
    if square <= 0:
        return estimate, float("nan"), float("nan")
    root = np.sqrt(half_linear**2 - square * constant)
    return estimate, float((-half_linear - root) / square), float((-half_linear + root) / square)
