"""Maximum likelihood under a shape: flat, positive, inverse, U-shaped, inverted-U, any.

Under an order restriction the maximum likelihood estimates of binomial shares, and of means with
known variances, are the weighted isotonic regression (Robertson, Wright and Dykstra 1988, theorem
1.5.2), here by its min-max formulas (their theorem 1.4.4), for many curves at once. A U is a
falling piece and a rising one; every split into two pieces is tried. Equal neighbours are allowed.

Arrays inside have the curves last: there are thousands of curves (draws) and a few sizes, and NumPy
is several times faster along a long last axis. Of many sizes only so many curves are fitted at once
that the means of all their blocks of sizes stay in the processor's cache.
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

# Numbers in the array of block means that are worked on at once: two megabytes.
_CELLS = 1 << 18

# Minus the log-likelihood of each height, of fitted and observed heights and their weights.
Loss = Callable[[Floats, Floats, Floats], Floats]


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


def normal_loss(fitted: Floats, observed: Floats, weights: Floats) -> Floats:
    """Minus the log-likelihood of means with variances 1 / ``weights``."""
    return weights / 2 * (observed - fitted) ** 2


def binomial_loss(fitted: Floats, observed: Floats, weights: Floats) -> Floats:
    """Minus the log-likelihood of shares; ``weights`` are trials and need not be integers."""
    # Rounding can leave [0, 1].
    fitted = fitted.clip(0, 1)
    return -weights * (xlogy(observed, fitted) + xlogy(1 - observed, 1 - fitted))


def sample_loss(sample: Sample) -> Loss:
    """Loss of a sample: binomial for shares, else normal."""
    return normal_loss if sample.trials is None else binomial_loss


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
    >>> fitted = fits([0.5, 0.2, 0.4], np.array([100.0, 100.0, 100.0]), binomial_loss)
    >>> {shape: fitted[shape].heights[0].round(3).tolist() for shape in ("positive", "U-shaped")}
    {'positive': [0.35, 0.35, 0.4], 'U-shaped': [0.5, 0.2, 0.4]}
    """
    rows = as_rows(values)
    parts = max(1, len(rows) * rows.shape[1] ** 2 // _CELLS)
    fitted = [_fits(part, weights, loss) for part in np.array_split(rows, parts)]
    return {
        shape: Fit(
            np.concatenate([part[shape].heights for part in fitted]),
            np.concatenate([part[shape].loss for part in fitted]),
        )
        for shape in FITTED_SHAPES
    }


def _fits(rows: Floats, weights: Floats, loss: Loss) -> dict[str, Fit]:
    """Fit every shape to curves of shape (curves, S)."""
    observed = np.ascontiguousarray(rows.T)
    weight = weights[:, None]

    def piece(heights: Floats, start: int) -> _Piece:
        own = slice(start, start + len(heights))
        return _Piece(heights, loss(heights, observed[own], weight[own]).sum(axis=0))

    means = _block_means(observed, weights)
    rising = [piece(heights, at) for at, heights in enumerate(_rising_suffixes(means))]
    up = [piece(heights, 0) for heights in _rising_prefixes(means)]
    mirrored = -means
    falling = [piece(-heights, 0) for heights in _rising_prefixes(mirrored)]
    down = [piece(-heights, at) for at, heights in enumerate(_rising_suffixes(mirrored))]
    fitted = {
        FLAT: piece(np.broadcast_to(means[0, -1], observed.shape), 0),
        POSITIVE: rising[0],
        INVERSE: down[0],
        U_SHAPED: _best_turn(falling, rising),
        INVERTED_U: _best_turn(up, down),
        ANY: piece(observed, 0),
    }
    return {shape: Fit(fitted[shape].heights.T, fitted[shape].loss) for shape in FITTED_SHAPES}


@dataclass(frozen=True)
class _Piece:
    """Fitted heights of neighbouring sizes, shape (sizes, curves), and their loss, (curves,)."""

    heights: Floats
    loss: Floats


def _block_means(observed: Floats, weights: Floats) -> Floats:
    """Weighted mean of the sizes a..b at [a, b, curve]; undefined where b < a."""
    total = np.concatenate([[0.0], np.cumsum(weights)])
    zero = np.zeros((1, observed.shape[1]))
    sums = np.concatenate([zero, np.cumsum(observed * weights[:, None], axis=0)])
    means = np.empty((len(observed), *observed.shape))
    for start in range(len(observed)):
        own = slice(start + 1, None)
        means[start, start:] = (sums[own] - sums[start]) / (total[own] - total[start])[:, None]
    return means


def _rising_suffixes(means: Floats) -> list[Floats]:
    """Isotonic fits of the sizes from j on, for every j; each of shape (S - j, curves)."""
    # Smallest mean of a block that begins at a and ends at i or later. The steps of `accumulate`
    # are not vectorised, these are.
    least = means.copy()
    for end in range(len(means) - 2, -1, -1):
        own = least[: end + 1]
        np.minimum(own[:, end], own[:, end + 1], out=own[:, end])
    pieces = [least[-1, -1:]]
    for start in range(len(means) - 2, -1, -1):
        heights = least[start, start:]
        np.maximum(heights[1:], pieces[-1], out=heights[1:])
        pieces.append(heights)
    return pieces[::-1]


def _rising_prefixes(means: Floats) -> list[Floats]:
    """Isotonic fits of the first j + 1 sizes, for every j; each of shape (j + 1, curves)."""
    # Largest mean of a block that ends at b and begins at i or before.
    largest = means.copy()
    for start in range(1, len(means)):
        own = largest[:, start:]
        np.maximum(own[start], own[start - 1], out=own[start])
    pieces = [largest[:1, 0]]
    for end in range(1, len(means)):
        heights = largest[: end + 1, end]
        np.minimum(heights[:-1], pieces[-1], out=heights[:-1])
        pieces.append(heights)
    return pieces


def _best_turn(first: list[_Piece], second: list[_Piece]) -> _Piece:
    """The likeliest junction of a first piece, which may be empty, and a second one."""
    losses = np.stack(
        [second[0].loss, *(first[at - 1].loss + second[at].loss for at in range(1, len(second)))]
    )
    best = losses.argmin(axis=0)
    heights = second[0].heights.copy()
    for at in np.unique(best[best > 0]):
        own = best == at
        heights[:at, own] = first[at - 1].heights[:, own]
        heights[at:, own] = second[at].heights[:, own]
    return _Piece(heights, losses.min(axis=0))
