"""Many tests at once: p-values corrected for how many of them there are.

A p-value that is NaN belongs to a test that could not be made: it stays NaN and does not count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control

from ushaped.shapes.rules import Floats


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Least false discovery rates at which each test is still a discovery: q-values.

    The step-up procedure of Benjamini and Hochberg (1995, section 3.1). It holds where the tests
    are independent or positively dependent, as those of one family's tasks are taken to be.

    Parameters
    ----------
    p : array_like of float, shape (tests,)
        Between 0 and 1, or NaN.

    Returns
    -------
    ndarray of float, shape (tests,)
        NaN where ``p`` is; such tests do not count.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.5, 0.02]).tolist()
    [0.03, 0.5, 0.03]
    """
    return _corrected(p, false_discovery_control)


def holm(p: ArrayLike) -> Floats:
    """P-values that keep the chance of any false finding: Holm's (1979) step-down correction.

    Parameters
    ----------
    p : array_like of float, shape (tests,)
        Between 0 and 1, or NaN.

    Returns
    -------
    ndarray of float, shape (tests,)
        NaN where ``p`` is; such tests do not count.

    Examples
    --------
    >>> holm([0.01, 0.5, 0.02]).tolist()
    [0.03, 0.5, 0.04]
    """
    return _corrected(p, _step_down)


def _step_down(p: Floats) -> Floats:
    order = np.argsort(p)
    corrected = np.empty_like(p)
    # The smallest p-value times all tests, the next times all but one; none below one before it.
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return corrected


def _corrected(p: ArrayLike, correction: Callable[[Floats], Floats]) -> Floats:
    corrected = np.array(p, dtype=np.float64)
    tested = ~np.isnan(corrected)
    if tested.any():
        corrected[tested] = correction(corrected[tested])
    return corrected
