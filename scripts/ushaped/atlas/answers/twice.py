"""Curves that were measured twice: in two folders of results, or in a set and a run.

They are compared, point by point, and never averaged: two measurements may differ in protocol,
commit, items or noise, and the difference is what one wants to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from ushaped.atlas.judge import SEPARATOR
from ushaped.atlas.verdicts import numbers_in, task_of
from ushaped.results.text_files import Row

KEY = ("corpus", "metric", "axis", "fixed")
SIDE = ("set", "protocol", "modified", "commit", "statistical")
COLUMNS = (
    *("corpus", "task", "metric", "axis", "fixed"),
    *SIDE,
    *(f"other_{name}" for name in SIDE),
    *("same_protocol", "same_verdict", "shared_points", "largest_difference", "at"),
)


def rows(verdicts: Sequence[Row]) -> list[Row]:
    """One row for each pair of measurements of one curve.

    ``shared_points`` counts the points of one name; ``largest_difference`` is the second value
    minus the first where they differ most, ``at`` that point.
    """
    curves: dict[tuple[str, ...], list[Row]] = {}
    for row in verdicts:
        key = (*(str(row[name]) for name in KEY), task_of(row))
        curves.setdefault(key, []).append(row)
    return [
        _row(one, other)
        for own in curves.values()
        for one, other in combinations(own, 2)
        if one["set"] != other["set"]
    ]


def _row(one: Row, other: Row) -> Row:
    first, second = _values(one), _values(other)
    differences = {name: second[name] - value for name, value in first.items() if name in second}
    at = max(differences, key=lambda name: abs(differences[name]), default="")
    return {
        **{name: one[name] for name in KEY},
        "task": task_of(one),
        **{name: one[name] for name in SIDE},
        **{f"other_{name}": other[name] for name in SIDE},
        "same_protocol": _yes(all(one[name] == other[name] for name in ("protocol", "modified"))),
        "same_verdict": _yes(one["statistical"] == other["statistical"]),
        "shared_points": len(differences),
        "largest_difference": differences.get(at),
        "at": at,
    }


def _values(row: Row) -> dict[str, float]:
    names = str(row["size_names"]).split(SEPARATOR)
    pairs = zip(names, numbers_in(row["values"]), strict=True)
    return {name: value for name, value in pairs if value is not None}


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
