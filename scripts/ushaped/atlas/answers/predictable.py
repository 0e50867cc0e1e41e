"""How many curves are predictable: does a law without the largest model foretell it?

A curve is *foretold* by a law that misses the largest model by at most the margin, and
*predictable* if it also moves: its verdict is positive, inverse, U-shaped or inverted-U. A flat
curve is foretold by saying that nothing changes, which is no prediction. Laws and their errors are
those of `ushaped.shapes.laws.prediction`: the last value, a straight line through the last three
points (in log odds for shares), and a broken power law where there are enough points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ushaped.atlas.judge import METHODS
from ushaped.metrics.intervals import wilson
from ushaped.results.text_files import Row
from ushaped.terms import INVERSE, INVERTED_U, POSITIVE, U_SHAPED

MOVING = (POSITIVE, INVERSE, U_SHAPED, INVERTED_U)
GROUP = ("set", "corpus", "metric", "axis", "fixed")
COLUMNS = (
    *GROUP,
    *("law", "curves", "foretold", "moving", "predictable", "share", "low", "high"),
    *("better_than_last_value", "median_error", "margin"),
)
# A share of fewer curves says nothing.
LEAST_CURVES = 10


def rows(verdicts: Sequence[Row], margin: float) -> list[Row]:
    """One row for each group of curves and law.

    ``share`` is ``predictable`` over ``curves``, with Wilson's 95 % interval;
    ``better_than_last_value`` counts the predictable curves on which the law errs by less than the
    last value does. ``median_error`` is that of the absolute errors.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in verdicts:
        groups.setdefault(tuple(row[name] for name in GROUP), []).append(row)
    return [
        {**dict(zip(GROUP, key, strict=True)), "law": law, "margin": margin, **summary}
        for key, own in groups.items()
        if len(own) >= LEAST_CURVES
        for law, column in METHODS.items()
        if (summary := summary_of(own, f"error_{column}", margin))
    ]


def summary_of(own: Sequence[Row], column: str, margin: float) -> Row:
    """How many curves a law predicts; empty where it was fitted to none."""
    errors = {id(row): abs(float(str(row[column]))) for row in own if row[column] is not None}
    if not errors:
        return {}
    foretold = [row for row in own if errors.get(id(row), margin + 1) <= margin]
    found = [row for row in foretold if row["statistical"] in MOVING]
    last = [abs(float(str(row["error_last_value"]))) for row in found]
    better = sum(errors[id(row)] < other for row, other in zip(found, last, strict=True))
    low, high = wilson(np.array(len(found) / len(own)), len(own))
    return {
        "curves": len(own),
        "foretold": len(foretold),
        "moving": sum(row["statistical"] in MOVING for row in own),
        "predictable": len(found),
        "share": len(found) / len(own),
        "low": float(low),
        "high": float(high),
        "better_than_last_value": better,
        "median_error": float(np.median(list(errors.values()))),
    }
