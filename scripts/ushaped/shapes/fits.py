"""Maximum likelihood under a shape: flat, positive, inverse, U-shaped, inverted-U, any.

Under an order restriction the maximum likelihood estimates of binomial shares, and of means with
known variances, are the weighted isotonic regression (Robertson, Wright and Dykstra 1988, theorem
1.5.2), here by its min-max formulas (their theorem 1.4.4), for many curves at once. A U is a
falling piece and a rising one; every split into two pieces is tried. Equal neighbours are allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from ushaped.shapes.rules import Floats, as_rows
from ushaped.shapes.sample import Sample
from ushaped.terms import FLAT, INVERSE, INVERTED_U, POSITIVE, U_SHAPED

ANY = "any"
FITTED_SHAPES = (FLAT, POSITIVE, INVERSE, U_SHAPED, INVERTED_U, ANY)

# Minus the log-likelihood of each size, from fitted and observed heights of shape (curves, S).
Loss = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Fit:
    """Curves under one shape.

    Attributes
    ----------
    heights : ndarray of float, shape (curves, S)
    loss : ndarray of float, shape (curves,)
        Minus the log-likelihood, up to a constant that all shapes share.
    """

    heights: Floats
    loss: Floats

    def take(self, curve: int) -> Fit:
        """The fit of one curve."""
        return Fit(self.heights[[curve]], self.loss[[curve]])


def normal_loss(weights: Floats) -> Loss:
    """Minus the log-likelihood of means with variances 1 / ``weights``, shape (S,)."""
    return lambda fitted, rows: weights / 2 * (rows - fitted) ** 2


def binomial_loss(trials: Floats) -> Loss:
    """Minus the log-likelihood of shares; ``trials``, shape (S,), need not be integers."""

    def loss(fitted: Floats, rows: Floats) -> Floats:
        # Rounding can leave [0, 1].
        fitted = fitted.clip(0, 1)
        return -trials * (xlogy(rows, fitted) + xlogy(1 - rows, 1 - fitted))

    return loss


def sample_loss(sample: Sample) -> Loss:
    """Loss of a sample: binomial for shares, else normal."""
    is_share = sample.trials is not None
    return (binomial_loss if is_share else normal_loss)(sample.weights)


def fits(values: ArrayLike, weights: Floats, loss: Loss) -> dict[str, Fit]:
    """Fit every shape to every curve.

    Parameters
    ----------
    values : array_like of float, shape (curves, S) or (S,)
    weights : ndarray of float, shape (S,)
        Trials, or inverse variances.
    loss : callable

    Returns
    -------
    dict of str to Fit
        With the keys `FITTED_SHAPES`.

    Examples
    --------
    >>> trials = np.array([100.0, 100.0, 100.0])
    >>> fitted = fits([0.5, 0.2, 0.4], trials, binomial_loss(trials))
    >>> {shape: fitted[shape].heights[0].round(3).tolist() for shape in ("positive", "U-shaped")}
    {'positive': [0.35, 0.35, 0.4], 'U-shaped': [0.5, 0.2, 0.4]}
    """
    rows = as_rows(values)
    means = _block_means(rows, weights)
    mirrored = -means
    rising, falling = _rising_suffixes(means), _rising_prefixes(mirrored)
    level = np.broadcast_to(means[:, 0, -1:], rows.shape)
    heights = {FLAT: level, POSITIVE: rising[0], INVERSE: -falling[-1], ANY: rows}
    fitted = {shape: Fit(own, loss(own, rows).sum(axis=1)) for shape, own in heights.items()}
    fitted[U_SHAPED] = _best_turn([-piece for piece in falling], rising, rows, loss)
    up, down = _rising_prefixes(means), _rising_suffixes(mirrored)
    fitted[INVERTED_U] = _best_turn(up, [-piece for piece in down], rows, loss)
    return fitted


def _block_means(rows: Floats, weights: Floats) -> Floats:
    """Weighted mean of the sizes a..b at [curve, a, b]; undefined where b < a."""
    total = np.concatenate([[0.0], np.cumsum(weights)])
    sums = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows * weights, axis=1)], axis=1)
    size = total[None, 1:] - total[:-1, None]
    sizes = np.where(size > 0, size, 1.0)
    return (sums[:, None, 1:] - sums[:, :-1, None]) / sizes


def _rising_suffixes(means: Floats) -> list[Floats]:
    """Isotonic fits of the sizes from j on, for every j; each of shape (curves, S - j)."""
    # Smallest mean of a block that begins at a and ends at i or later.
    least = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]
    scales = means.shape[1]
    pieces = []
    for start in range(scales):
        block = least[:, start:, start:]
        largest = np.where(np.tri(scales - start, dtype=bool).T, block, -np.inf)
        pieces.append(largest.max(axis=1))
    return pieces


def _rising_prefixes(means: Floats) -> list[Floats]:
    """Isotonic fits of the first j + 1 sizes, for every j; each of shape (curves, j + 1)."""
    # Largest mean of a block that ends at b and begins at i or before.
    largest = np.maximum.accumulate(means, axis=1)
    pieces = []
    for end in range(means.shape[1]):
        block = largest[:, : end + 1, : end + 1]
        least = np.where(np.tri(end + 1, dtype=bool).T, block, np.inf)
        pieces.append(least.min(axis=2))
    return pieces


def _best_turn(first: list[Floats], second: list[Floats], rows: Floats, loss: Loss) -> Fit:
    """The likeliest junction of a first piece and a second one."""
    scales = rows.shape[1]
    joined = [second[0]]
    joined += [np.concatenate([first[j - 1], second[j]], axis=1) for j in range(1, scales)]
    losses = np.stack([loss(fitted, rows).sum(axis=1) for fitted in joined])
    best = losses.argmin(axis=0)
    heights = np.stack(joined)[best, np.arange(len(rows))]
    return Fit(heights, losses.min(axis=0))
