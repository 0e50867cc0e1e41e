"""What is concluded about each curve, and how the conclusions add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ushaped.figures import style
from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.metrics.flags import Flag
from ushaped.report.text import in_order, listing
from ushaped.results import tables
from ushaped.terms import CONFIDENCE

UNSURE = 0.8
UNDETERMINED = "undetermined"
ONE_SIZE = "none: one size"


@dataclass(frozen=True)
class Verdict:
    """What is concluded about one curve, and on which evidence.

    ``shape`` and ``literal`` are the verdicts of the two rules, ``probability`` the share of
    bootstrap draws that give ``shape`` (NaN if there are none), ``shares`` those of all shapes.
    """

    family: str
    source: str
    task: str
    variant: str
    protocol: str
    modified: str
    metric: str
    shape: str
    literal: str
    probability: float
    shares: dict[str, float]
    sizes: int
    n: float
    first: float
    lowest: float
    last: float
    valley_size: str
    recovery: float
    recovery_low: float
    recovery_high: float
    flags: list[str]

    @property
    def agree(self) -> bool:
        """Whether both rules give the same verdict."""
        return self.shape == self.literal

    @property
    def rivals(self) -> dict[str, float]:
        """Other shapes that at least one in twenty bootstrap draws gives."""
        return {s: p for s, p in self.shares.items() if s != self.shape and p >= 0.05}

    @property
    def noted(self) -> list[str]:
        """The flags, but for the one that the verdict itself tells."""
        return in_order(flag for flag in self.flags if flag != "one-size")

    @property
    def marks(self) -> list[Flag]:
        """The flags of its numbers, in their order."""
        return [flag for flag in DOUBTS.values() if flag.name in self.flags]

    @property
    def otherwise_noted(self) -> list[str]:
        """The flags that only curves have."""
        return [flag for flag in self.noted if flag not in DOUBTS]

    @property
    def shown(self) -> str:
        """The verdict as a word, or why there is none."""
        return self.shape or (ONE_SIZE if self.sizes == 1 else UNDETERMINED)


def verdicts(shapes: pd.DataFrame) -> list[Verdict]:
    """Turn ``shapes.csv`` into verdicts, in reading order."""
    return sorted((_verdict(row) for _, row in shapes.iterrows()), key=_place(shapes))


def _place(shapes: pd.DataFrame) -> Callable[[Verdict], tuple[Any, ...]]:
    variants = {v: i for i, v in enumerate(style.order_variants(shapes["variant"]))}
    tasks = {t: i for i, t in enumerate(tables.order_tasks(shapes["task"]))}
    return lambda v: (
        tasks[v.task],
        v.source == "published",
        v.source,
        v.family,
        variants[v.variant],
    )


def _verdict(row: pd.Series) -> Verdict:
    columns = [
        "family",
        "source",
        "task",
        "variant",
        "protocol",
        "modified",
        "metric",
        "literal",
        "valley_size",
    ]
    texts: dict[str, Any] = {name: str(row[name]) for name in columns}
    columns = ["n", "first", "lowest", "last", "recovery", "recovery_low", "recovery_high"]
    numbers: dict[str, Any] = {name: float(row[name]) for name in columns}
    return Verdict(
        **texts,
        **numbers,
        shape=str(row["equivalent"]),
        probability=tables.verdict_probability(row),
        shares={shape: float(row[column]) for shape, column in tables.PROBABILITY.items()},
        sizes=int(row["sizes"]) if pd.notna(row["sizes"]) else 0,
        flags=[flag for flag in str(row["flags"]).split(";") if flag],
    )


@dataclass(frozen=True)
class Tally:
    """How many tasks of one family and variant have each shape.

    Attributes
    ----------
    by_shape : dict of str to list of Verdict
        The tasks of each shape, most interesting shape first, empty ones too.
    literal : dict of str to int
        Counts under the literal rule.
    expected : dict of str to (float, int, int)
        Mean and 95 % range of each count over bootstrap draws of the items.
    sure, unsure : list of Verdict
        Tasks whose verdict at least 95 %, and less than 80 %, of the draws share.
    """

    family: str
    source: str
    variant: str
    protocol: str
    sizes: int
    seeds: int
    by_shape: dict[str, list[Verdict]]
    literal: dict[str, int]
    expected: dict[str, tuple[float, int, int]]
    sure: list[Verdict]
    unsure: list[Verdict]
    average: Verdict | None

    @property
    def judged(self) -> list[Verdict]:
        """The tasks, most interesting shape first."""
        return [v for tasks in self.by_shape.values() for v in tasks]

    @property
    def only_size(self) -> str:
        """The one size that was run; "" if there are more, so that there are curves."""
        return self.judged[0].valley_size if self.sizes == 1 and self.judged else ""

    @property
    def flagged(self) -> list[tuple[str, list[Verdict]]]:
        """The flags that occur, each with the curves that have it."""
        flags = in_order(flag for v in self.judged for flag in v.noted)
        return [(flag, [v for v in self.judged if flag in v.flags]) for flag in flags]

    @property
    def total(self) -> int:
        """Number of tasks."""
        return sum(len(tasks) for tasks in self.by_shape.values())

    @property
    def counts(self) -> list[str]:
        """The shapes that occur, with their numbers, as words."""
        return [f"{len(tasks)} {shape}" for shape, tasks in self.by_shape.items() if tasks]

    @property
    def sentence(self) -> str:
        """The counts as the main clause of a sentence that begins with *Of n tasks*."""
        first, *others = [(shape, len(tasks)) for shape, tasks in self.by_shape.items() if tasks]
        said = [f"{first[1]} {'is' if first[1] == 1 else 'are'} {first[0]}"]
        return listing([*said, *[f"{count} {shape}" for shape, count in others]])

    @property
    def literal_counts(self) -> list[str]:
        """The same under the literal rule."""
        return [f"{count} {shape}" for shape, count in self.literal.items() if count]


def tally(chosen: Sequence[Verdict], seeds: int = 0) -> Tally:
    """Count the verdicts of one family and variant.

    Parameters
    ----------
    chosen : sequence of Verdict
        One per task, perhaps with the ten-task average; not empty.
    seeds : int
        Most training seeds at one size.
    """
    single = [v for v in chosen if v.task != tables.AVERAGE]
    found = {shape: [v for v in single if v.shown == shape] for shape in style.SHAPES}
    for reason in (ONE_SIZE, UNDETERMINED):
        if without := [v for v in single if v.shown == reason]:
            found[reason] = without
    judged = [v for v in single if not math.isnan(v.probability)]
    complete = len(judged) == len(single) > 0
    first = chosen[0]
    return Tally(
        family=first.family,
        source=first.source,
        variant=first.variant,
        protocol=first.protocol,
        sizes=max(v.sizes for v in chosen),
        seeds=seeds,
        by_shape=found,
        literal={shape: sum(v.literal == shape for v in single) for shape in style.SHAPES},
        expected={s: count_range([v.shares[s] for v in single]) for s in style.SHAPES}
        if complete
        else {},
        sure=[v for v in judged if v.probability >= CONFIDENCE],
        unsure=[v for v in judged if v.probability < UNSURE],
        average=next((v for v in chosen if v.task == tables.AVERAGE), None),
    )


def count_range(probabilities: Sequence[float]) -> tuple[float, int, int]:
    """Mean and central 95 % range of a sum of independent yes-or-no events.

    The number of U-shaped tasks over bootstrap draws is nearly such a sum: items of different tasks
    are drawn independently, training seeds are shared.

    Parameters
    ----------
    probabilities : sequence of float
        Probability of each event; missing ones count as 0.

    Returns
    -------
    mean : float
    low, high : int
        2.5 % and 97.5 % quantile.

    Examples
    --------
    >>> count_range([1.0, 1.0, 0.5])
    (2.5, 2, 3)
    """
    chances = [0.0 if math.isnan(p) else p for p in probabilities]
    distribution = [1.0]
    for p in chances:
        longer = [*[q * (1 - p) for q in distribution], 0.0]
        for place, q in enumerate(distribution):
            longer[place + 1] += q * p
        distribution = longer
    ends = []
    for level in (0.025, 0.975):
        total, place = distribution[0], 0
        while total < level - 1e-12 and place < len(chances):
            place += 1
            total += distribution[place]
        ends.append(place)
    return sum(chances), ends[0], ends[1]


def tallies(found: Sequence[Verdict], metrics: pd.DataFrame) -> list[Tally]:
    """One tally per family and source that was run here: its main variant."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in found:
        if verdict.source != "published":
            groups.setdefault((verdict.family, verdict.source), []).append(verdict)
    return [
        tally([v for v in group if v.variant == main_variant(group)], seed_count(metrics, family))
        for (family, _), group in sorted(groups.items())
    ]


def main_variant(group: Iterable[Verdict]) -> str:
    """Zero-shot where it was run, else the first one."""
    return style.order_variants(v.variant for v in group)[0]


def seed_count(metrics: pd.DataFrame, family: str) -> int:
    """Most training seeds that one size of a family has."""
    models = metrics[(metrics["family"] == family) & (metrics["model"] != "")]
    seeds = models.groupby("size")["seed"].nunique()
    return int(seeds.max()) if len(seeds) else 0
