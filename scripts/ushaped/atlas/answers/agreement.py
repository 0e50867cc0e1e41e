"""Do curves of one task agree, across corpora or what is held fixed, more than by chance?

Fleiss' kappa (1971) of the statistical verdicts, a task being a subject and a corpus (or a token
multiple, or a size) a rater. Chance is tested by permutation: the verdicts of each rater are dealt
to the tasks anew, so that every rater keeps how often it gives each verdict. Kappa says whether a
shape belongs to its task, and not whether corpora are equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from statsmodels.stats.inter_rater import fleiss_kappa

from ushaped.atlas.verdicts import is_tested, task_of
from ushaped.metrics.intervals import generator
from ushaped.results.text_files import Row
from ushaped.shapes.rules import Floats, Ints
from ushaped.terms import STATISTICAL_SHAPES, UNDETERMINED

BETWEEN = ("corpus", "fixed")
COLUMNS = (
    *("set", "metric", "axis", "between", "within", "raters", "tasks"),
    *("all_same", "all_same_and_decided", "kappa", "p"),
)
# Fewer tasks tell nothing of agreement.
LEAST_TASKS = 5


def rows(verdicts: Sequence[Row], draws: int, seed: int) -> list[Row]:
    """One row for each group of curves that differ in the rater alone.

    ``all_same`` counts the tasks with one verdict by all raters, ``all_same_and_decided`` those of
    them on which it is not undetermined; ``p`` is one-sided, for more agreement than by chance.
    """
    found: list[Row] = []
    for between in BETWEEN:
        groups: dict[tuple[str, ...], list[Row]] = {}
        within = BETWEEN[1 - BETWEEN.index(between)]
        for row in filter(is_tested, verdicts):
            key = tuple(str(row[name]) for name in ("set", "metric", "axis", within))
            groups.setdefault(key, []).append(row)
        for key, own in groups.items():
            raters, table = _table(own, between)
            if len(raters) > 1 and len(table) >= LEAST_TASKS:
                rng = generator(seed, "agreement", between, *key)
                about: Row = dict(zip(("set", "metric", "axis", "within"), key, strict=True))
                about |= {"between": between, "raters": len(raters), "tasks": len(table)}
                found.append(about | _agreement(table, draws, rng))
    return found


def _table(own: Sequence[Row], between: str) -> tuple[list[str], Ints]:
    """Raters, and verdicts of shape (tasks, raters) on the tasks that all of them judged."""
    by_task: dict[str, dict[str, int]] = {}
    for row in own:
        place = STATISTICAL_SHAPES.index(str(row["statistical"]))
        by_task.setdefault(task_of(row), {})[str(row[between])] = place
    raters = sorted({rater for judged in by_task.values() for rater in judged})
    complete = [judged for judged in by_task.values() if len(judged) == len(raters)]
    return raters, np.array([[judged[rater] for rater in raters] for judged in complete])


def _agreement(table: Ints, draws: int, rng: np.random.Generator) -> Row:
    counts = counts_of(table)
    same = (counts == len(table[0])).any(axis=1)
    undetermined = table[:, 0] == STATISTICAL_SHAPES.index(UNDETERMINED)
    observed = agreeing_pairs(counts)
    drawn = [agreeing_pairs(counts_of(dealt)) for dealt in _dealt(table, draws, rng)]
    above = sum(value >= observed - 1e-12 for value in drawn)
    varied = len(np.unique(table)) > 1
    return {
        "all_same": int(same.sum()),
        "all_same_and_decided": int((same & ~undetermined).sum()),
        "kappa": float(fleiss_kappa(counts)) if varied else float("nan"),
        "p": (1 + above) / (1 + draws) if varied else float("nan"),
    }


def _dealt(table: Ints, draws: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Tables in which each rater's verdicts are dealt to the tasks anew."""
    for _ in range(draws):
        yield rng.permuted(table, axis=0)


def counts_of(table: Ints) -> Ints:
    """How often each task got each verdict, shape (tasks, shapes)."""
    shapes = np.arange(len(STATISTICAL_SHAPES))
    return (table[:, :, None] == shapes).sum(axis=1)


def agreeing_pairs(counts: Ints) -> float:
    """Share of pairs of raters that agree, over all tasks."""
    raters = counts[0].sum()
    pairs: Floats = (counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1))
    return float(pairs.mean())


def verdicts_in_words(found: Counter[str]) -> str:
    """Verdicts with how often each was given, the most frequent first.

    Examples
    --------
    >>> verdicts_in_words(Counter({"positive": 2, "flat": 3}))
    '3 flat, 2 positive'
    """
    return ", ".join(f"{count} {shape}" for shape, count in found.most_common())
