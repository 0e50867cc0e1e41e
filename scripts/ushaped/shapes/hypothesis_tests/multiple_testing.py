"""Corrections of p-values for multiple testing.

NaN is the p-value of a test that could not be made: it stays NaN and does not count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control

from ushaped.shapes.rules import Floats


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Q-values: smallest false discovery rate at which each test is significant.

    The step-up procedure of Benjamini and Hochberg (1995, section 3.1), for tests that are
    independent or positively dependent, as those of one family's tasks are taken to be.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.5, 0.02]).tolist()
    [0.03, 0.5, 0.03]
    """
    return _corrected(p, false_discovery_control)


def holm(p: ArrayLike) -> Floats:
    """P-values with control of the family-wise error rate: Holm's (1979) step-down correction.

    Examples
    --------
    >>> holm([0.01, 0.5, 0.02]).tolist()
    [0.03, 0.5, 0.04]
    """
    return _corrected(p, _step_down)


def _step_down(p: Floats) -> Floats:
    # statsmodels' multipletests collects garbage on every call, 60 ms a curve; tests compare both.
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return corrected


def _corrected(p: ArrayLike, correction: Callable[[Floats], Floats]) -> Floats:
    corrected = np.array(p, dtype=np.float64)
    tested = ~np.isnan(corrected)
    if tested.any():
        corrected[tested] = correction(corrected[tested])
    return corrected
