"""95 % intervals: Wilson's, the normal one, and the bootstrap over items."""

from __future__ import annotations

import zlib

import numpy as np

from ushaped.metrics.definitions import Floats, Measured

NORMAL_QUANTILE = 1.959963984540054

# This many draws x items at once take a few tens of megabytes.
_CELLS = 2_000_000
# A smaller variance of shares is rounding: one item in a billion has more.
_ALIKE = 1e-12


def wilson(share: Floats, n: int | Floats) -> tuple[Floats, Floats]:
    """95 % interval of a share of ``n`` items (Wilson 1927).

    Examples
    --------
    >>> low, high = wilson(np.array(0.5), 100)
    >>> round(float(low), 4), round(float(high), 4)
    (0.4038, 0.5962)
    """
    z = NORMAL_QUANTILE
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # Rounding must not leave the share itself outside, as it can at 0 and 1.
    return np.minimum(middle - half, share).clip(0, 1), np.maximum(middle + half, share).clip(0, 1)


def share_interval(values: Floats) -> tuple[Floats, Floats]:
    """95 % interval of the mean of shares: `wilson`, with as many trials as they are worth.

    Items with 0 or 1 each are n trials. Means over seeds spread less and count as more: as many
    as give the variance that is seen, share (1 - share) / (variance of the mean). Where all items
    are alike nothing is seen, and they count as n.

    Parameters
    ----------
    values : ndarray of float, shape (columns, n)

    Returns
    -------
    low, high : ndarray of float, shape (columns,)

    Examples
    --------
    >>> low, high = share_interval(np.zeros((1, 128)))
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.0, 0.0291)
    """
    mean, variance, n = values.mean(axis=1), values.var(axis=1), values.shape[1]
    seen = variance > _ALIKE
    worth = np.where(seen, mean * (1 - mean) / np.where(seen, variance, 1), 1)
    return wilson(mean, n * worth)


def interval(measured: Measured) -> tuple[Floats, Floats]:
    """95 % interval of each model's mean, shape (models,) each.

    Shares: `share_interval`. Others: normal, with standard error = population sd / sqrt(n).
    """
    n = measured.values.shape[1]
    mean = measured.values.mean(axis=1)
    if measured.share:
        return share_interval(measured.values)
    half = NORMAL_QUANTILE * measured.values.std(axis=1) / np.sqrt(n)
    return mean - half, mean + half


def generator(seed: int, *names: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the names, not on what was drawn before."""
    return np.random.default_rng([seed, zlib.crc32("\0".join(names).encode())])


def resampled_means(values: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Means over items drawn with replacement: the bootstrap.

    Each draw uses the same items for every column, so columns (models, metrics, variants) stay
    paired; calls with equal n and an equal generator draw the same items.

    Parameters
    ----------
    values : ndarray of float, shape (n, columns)
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float, shape (draws, columns)

    Examples
    --------
    >>> resampled_means(np.ones((4, 1)), 2, np.random.default_rng(0)).tolist()
    [[1.0], [1.0]]
    """
    return resampled_sums(values, len(values), draws, rng) / len(values)


def resampled_sums(values: Floats, take: int, draws: int, rng: np.random.Generator) -> Floats:
    """Sums over ``take`` rows that are drawn with replacement, the same ones for every column.

    Parameters
    ----------
    values : ndarray of float, shape (n, columns)
    take, draws : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float, shape (draws, columns)

    Examples
    --------
    >>> resampled_sums(np.ones((4, 1)), 3, 2, np.random.default_rng(0)).tolist()
    [[3.0], [3.0]]
    """
    n = len(values)
    at_once = max(1, _CELLS // n)
    parts = [np.empty((0, values.shape[1]))]
    for start in range(0, draws, at_once):
        some = min(at_once, draws - start)
        drawn = rng.integers(0, n, size=(some, take)) + n * np.arange(some)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n)
        parts.append(counts.astype(np.float64) @ values)
    return np.concatenate(parts)


def percentile_interval(drawn: Floats) -> tuple[Floats, Floats]:
    """Middle 95 % of the draws (axis 0); NaN if there are none."""
    if not len(drawn):
        empty = np.full(drawn.shape[1:], np.nan)
        return empty, empty
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return low, high
