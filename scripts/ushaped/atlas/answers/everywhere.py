"""What every task is in all its settings: each corpus, each axis, whatever is held fixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ushaped.atlas.answers.agreement import verdicts_in_words
from ushaped.atlas.curves import MIXED
from ushaped.atlas.verdicts import is_tested, task_of
from ushaped.results.text_files import Row
from ushaped.terms import UNDETERMINED

COLUMNS = (
    "set",
    "metric",
    "task",
    "curves",
    "decided",
    "everywhere",
    "wherever_decided",
    "verdicts",
)


def rows(verdicts: Sequence[Row]) -> list[Row]:
    """One row for each set, metric and task.

    ``everywhere`` is the verdict that all its curves have, ``wherever_decided`` the one that all
    have that are not undetermined; "" where they differ. Curves on which runs of different token
    multiples share the axis do not count: they turn where the multiple changes.
    """
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in filter(is_tested, verdicts):
        if MIXED not in str(row["flags"]).split(";"):
            key = str(row["set"]), str(row["metric"]), task_of(row)
            groups.setdefault(key, []).append(row)
    return [_row(key, own) for key, own in groups.items()]


def _row(key: tuple[str, ...], own: Sequence[Row]) -> Row:
    found = Counter(str(row["statistical"]) for row in own)
    decided = Counter({shape: count for shape, count in found.items() if shape != UNDETERMINED})
    return {
        **dict(zip(("set", "metric", "task"), key, strict=True)),
        "curves": len(own),
        "decided": sum(decided.values()),
        "everywhere": next(iter(found)) if len(found) == 1 else "",
        "wherever_decided": next(iter(decided)) if len(decided) == 1 else "",
        "verdicts": verdicts_in_words(found),
    }
