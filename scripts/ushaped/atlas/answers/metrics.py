"""Is the shape under a metric that does not jump the same as under accuracy?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ushaped.atlas.points import ACCURACY
from ushaped.atlas.verdicts import is_tested, task_of
from ushaped.results.text_files import Row
from ushaped.terms import UNDETERMINED

COLUMNS = ("set", "axis", "metric", "curves", "same", "other", "open", "pairs")


def rows(verdicts: Sequence[Row]) -> list[Row]:
    """One row for each set, axis and metric beside accuracy.

    ``open`` counts the curves on which either verdict is undetermined or could not be tested;
    ``pairs`` says which verdicts differ, that under accuracy first.
    """
    curves: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in verdicts:
        names = ("set", "axis", "corpus", "fixed")
        key = (*(str(row[name]) for name in names), task_of(row))
        curves.setdefault(key, {})[str(row["metric"])] = row
    groups: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for (of, axis, *_), by_metric in curves.items():
        if ACCURACY not in by_metric:
            continue
        accuracy = _shape(by_metric[ACCURACY])
        for metric, row in by_metric.items():
            if metric != ACCURACY:
                groups.setdefault((of, axis, metric), []).append((accuracy, _shape(row)))
    return [_row(key, pairs) for key, pairs in groups.items()]


def _shape(row: Row) -> str:
    return str(row["statistical"]) if is_tested(row) else UNDETERMINED


def _row(key: tuple[str, str, str], pairs: Sequence[tuple[str, str]]) -> Row:
    decided = [pair for pair in pairs if UNDETERMINED not in pair]
    others = Counter(f"{one} - {other}" for one, other in decided if one != other)
    return {
        **dict(zip(("set", "axis", "metric"), key, strict=True)),
        "curves": len(pairs),
        "same": sum(one == other for one, other in decided),
        "other": sum(others.values()),
        "open": len(pairs) - len(decided),
        "pairs": ", ".join(f"{count} {pair}" for pair, count in others.most_common()),
    }
