"""Where a curve falls and where it comes back: sizes at which it crosses levels below guessing.

The levels are fixed beforehand, half of chance and chance, so that no form of the curve is assumed;
`ushaped.shapes.laws.mechanism` fits the two tasks themselves where the data determine them.
"""

from __future__ import annotations

import numpy as np

from ushaped.shapes.rules import Floats

DISTRACTOR, TRUE_TASK, VALLEY_END = ONSETS = ("distractor", "true task", "end of the valley")
# An onset outside of the sizes.
BELOW, BEYOND = -np.inf, np.inf


def onsets(x: Floats, values: Floats, chance: float) -> Floats:
    """Places where curves cross half of chance and chance, with straight lines between sizes.

    Parameters
    ----------
    x : ndarray of float, shape (sizes,)
        Increasing, such as logarithms of sizes.
    values : ndarray of float, shape (..., sizes)
        Accuracy.
    chance : float
        Accuracy of guessing.

    Returns
    -------
    ndarray of float, shape (..., 3)
        In the order of `ONSETS`: the first fall below half of chance, the last rise above it, and
        the last rise to chance. `BELOW` or `BEYOND` where a curve is on the far side at its first
        or last size; NaN, all three, where it never falls below half of chance.

    Examples
    --------
    >>> onsets(np.arange(4.0), np.array([0.5, 0.0, 0.0, 0.5]), chance=0.5).tolist()
    [0.5, 2.5, 3.0]
    """
    falls = np.asarray(values < chance / 2).any(axis=-1)
    places = [
        _first_fall(x, values, chance / 2),
        _last_rise(x, values, chance / 2),
        _last_rise(x, values, chance),
    ]
    return np.where(np.expand_dims(falls, -1), np.stack(places, axis=-1), np.nan)


def _first_fall(x: Floats, values: Floats, level: float) -> Floats:
    after = (values < level).argmax(axis=-1)
    crossed = _crossing(x, values, level, np.maximum(after - 1, 0))
    return np.where(after == 0, BELOW, crossed)


def _last_rise(x: Floats, values: Floats, level: float) -> Floats:
    last = len(x) - 1
    before = last - (values < level)[..., ::-1].argmax(axis=-1)
    crossed = _crossing(x, values, level, np.minimum(before, last - 1))
    return np.where(before == last, BEYOND, crossed)


def _crossing(x: Floats, values: Floats, level: float, before: np.ndarray) -> Floats:
    """Where the step after the size ``before`` crosses a level."""
    start, end = (
        np.take_along_axis(values, place[..., None], axis=-1)[..., 0]
        for place in (before, before + 1)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (level - start) / (end - start)
    return x[before] + share * (x[before + 1] - x[before])


def slopes(frequencies: Floats, places: Floats, ends: tuple[float, float]) -> Floats:
    """Movement of an onset per doubling of a frequency, by least squares.

    Parameters
    ----------
    frequencies : ndarray of float, shape (frequencies,)
    places : ndarray of float, shape (..., frequencies)
        As of `onsets`. Those outside of ``ends`` are put there; those that are NaN are left out.
    ends : (float, float)
        The smallest and the largest size, as places.

    Returns
    -------
    ndarray of float, shape (...,)
        NaN where fewer than two frequencies have the onset.

    Examples
    --------
    >>> slopes(np.array([0.1, 0.2, 0.4]), np.array([3.0, 2.0, -np.inf]), (1.0, 5.0)).tolist()
    -1.0
    """
    inside = places.clip(*ends)
    known = np.isfinite(inside)
    count = known.sum(axis=-1, keepdims=True)
    doublings = np.broadcast_to(np.log2(frequencies), places.shape)

    def centred(numbers: Floats) -> Floats:
        sums = np.where(known, numbers, 0).sum(axis=-1, keepdims=True)
        centres: Floats = np.where(known, numbers - sums / np.maximum(count, 1), 0)
        return centres

    across = centred(doublings)
    found: Floats = np.full(places.shape[:-1], np.nan)
    enough = (count[..., 0] > 1) & (np.abs(across).sum(axis=-1) > 0)
    np.divide((across * centred(inside)).sum(-1), (across**2).sum(-1), out=found, where=enough)
    return found
