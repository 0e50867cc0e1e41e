"""The verdict on each curve, and how many tasks of a family have each shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ushaped.figures import style
from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.metrics.flags import Flag
from ushaped.report.text import in_order, listing, plural
from ushaped.results import tables
from ushaped.results.columns import OfCurve
from ushaped.results.numbers import by_metric
from ushaped.results.tables import Edition
from ushaped.shapes.run_noise import ESTIMATED
from ushaped.terms import (
    AVERAGE,
    CONFIDENCE,
    PUBLISHED,
    SIGNIFICANCE,
    STATISTICAL_SHAPES,
    UNDETERMINED,
)
from ushaped.variants import order_variants

if TYPE_CHECKING:
    from ushaped.report.evidence import CurveEvidence
    from ushaped.report.findings import Findings

Key = tuple[str, str, str, str]
ONE_SIZE = "none: one size"
# The columns of ``shapes.csv`` that a verdict has under the same name.
WORDS = ("family", "source", "task", "variant", "protocol", "modified", "metric", "literal")
NUMBERS = ("n", "first", "lowest", "last", "recovery", "recovery_low", "recovery_high")


@dataclass(frozen=True)
class Verdict(OfCurve):
    """What is concluded about one curve, and on which evidence.

    ``shape`` and ``literal`` are the verdicts of the two rules, ``probability`` the share of
    bootstrap draws that give ``shape`` (NaN if there are none), ``shares`` those of all shapes.
    """

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
        return {s: p for s, p in self.shares.items() if s != self.shape and p >= SIGNIFICANCE}

    @property
    def noted(self) -> list[str]:
        """The flags, except the one that the verdict itself states."""
        return in_order(flag for flag in self.flags if flag != "one-size")

    @property
    def marks(self) -> list[Flag]:
        """The flags of its numbers."""
        return [flag for flag in DOUBTS.values() if flag.name in self.flags]

    @property
    def curve_flags(self) -> list[str]:
        """The flags that only curves have."""
        return [flag for flag in self.noted if flag not in DOUBTS]

    @property
    def shown(self) -> str:
        """The verdict as a word, or why there is none."""
        return self.shape or (ONE_SIZE if self.sizes == 1 else UNDETERMINED)

    @property
    def description(self) -> str:
        """Curve and verdict in words: where it starts, where it turns, where it ends."""
        items = "" if self.source == PUBLISHED else f", {self.source} items"
        who = f"{self.family}, {self.variant}{items}"
        first, lowest, last = (
            by_metric(v, self.metric) for v in (self.first, self.lowest, self.last)
        )
        if self.sizes == 1:
            return f"{who}: {last} at the one size, no shape"
        turn = f", {lowest} at {self.valley_size}" if self.valley_size else ""
        return f"{who}: {self.shown} ({first} at the smallest size{turn}, {last} at the largest)"


def read_verdicts(shapes: pd.DataFrame) -> list[Verdict]:
    """Turn ``shapes.csv`` into verdicts, in reading order."""
    return sorted((_verdict(row) for _, row in shapes.iterrows()), key=_reading_order(shapes))


def _reading_order(shapes: pd.DataFrame) -> Callable[[Verdict], tuple[Any, ...]]:
    variants = {v: i for i, v in enumerate(order_variants(shapes["variant"]))}
    tasks = {t: i for i, t in enumerate(tables.order_tasks(shapes["task"]))}
    return lambda v: (
        tasks[v.task],
        v.source == PUBLISHED,
        v.source,
        v.family,
        variants[v.variant],
    )


def _verdict(row: pd.Series) -> Verdict:
    words: dict[str, Any] = {name: str(row[name]) for name in (*WORDS, "valley_size")}
    numbers: dict[str, Any] = {name: float(row[name]) for name in NUMBERS}
    return Verdict(
        **words,
        **numbers,
        shape=str(row["equivalent"]),
        probability=tables.verdict_probability(row),
        shares={shape: float(row[column]) for shape, column in tables.PROBABILITY.items()},
        sizes=int(row["sizes"]) if pd.notna(row["sizes"]) else 0,
        flags=[flag for flag in str(row["flags"]).split(";") if flag],
    )


def editions_of(verdicts: Iterable[Verdict]) -> list[Edition]:
    """The editions on which there are verdicts of ours, as verdicts are ordered: by task."""
    ours = (Edition(v.source, v.task) for v in verdicts if v.source != PUBLISHED)
    return list(dict.fromkeys(ours))


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
    settled : list of Verdict
        Tasks whose verdict at least 95 % of the draws share.
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
    settled: list[Verdict]
    average: Verdict | None

    @property
    def judged(self) -> list[Verdict]:
        """The tasks, most interesting shape first."""
        return [v for tasks in self.by_shape.values() for v in tasks]

    @property
    def unsettled(self) -> list[Verdict]:
        """The other tasks, those with the fewest draws first."""
        others = [v for v in self.judged if v not in self.settled]
        return sorted(others, key=lambda v: v.probability)

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
        first = next(len(tasks) for tasks in self.by_shape.values() if tasks)
        return listing(self.counts).replace(" ", " is " if first == 1 else " are ", 1)

    @property
    def literal_counts(self) -> list[str]:
        """The counts under the literal rule, as words."""
        return [f"{count} {shape}" for shape, count in self.literal.items() if count]

    @property
    def description(self) -> str:
        """The tally in words."""
        who = f"{self.family}, {self.variant}, {self.source} items"
        if self.only_size:
            return f"{who}: one size, no shape on any of {plural(self.total, 'task')}"
        return f"{who}: {', '.join(self.counts)} of {self.total} tasks"


def tally(verdicts: Sequence[Verdict], seeds: int = 0) -> Tally:
    """Count the verdicts of one family and variant.

    Parameters
    ----------
    verdicts : sequence of Verdict
        One per task, perhaps with the ten-task average; not empty.
    seeds : int
        Most training seeds at one size.
    """
    single = [v for v in verdicts if v.task != AVERAGE]
    by_shape = {shape: [v for v in single if v.shown == shape] for shape in style.SHAPES}
    for reason in (ONE_SIZE, UNDETERMINED):
        if without := [v for v in single if v.shown == reason]:
            by_shape[reason] = without
    drawn = [v for v in single if not math.isnan(v.probability)]
    complete = len(drawn) == len(single) > 0
    first = verdicts[0]
    return Tally(
        family=first.family,
        source=first.source,
        variant=first.variant,
        protocol=tables.shared_protocol(v.protocol for v in verdicts),
        sizes=max(v.sizes for v in verdicts),
        seeds=seeds,
        by_shape=by_shape,
        literal={shape: sum(v.literal == shape for v in single) for shape in style.SHAPES},
        expected={s: count_range([v.shares[s] for v in single]) for s in style.SHAPES}
        if complete
        else {},
        settled=[v for v in drawn if v.probability >= CONFIDENCE],
        average=next((v for v in verdicts if v.task == AVERAGE), None),
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
    known = [0.0 if math.isnan(p) else p for p in probabilities]
    distribution = np.array([1.0])
    for p in known:
        distribution = np.convolve(distribution, [1 - p, p])
    cumulated = np.cumsum(distribution)
    low, high = (int(np.argmax(cumulated >= level - 1e-12)) for level in (0.025, 0.975))
    return sum(known), low, high


def tally_families(verdicts: Sequence[Verdict], metrics: pd.DataFrame) -> list[Tally]:
    """One tally per family and source that was run: its main variant."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.source != PUBLISHED:
            groups.setdefault((verdict.family, verdict.source), []).append(verdict)
    return [
        tally([v for v in group if v.variant == main_variant(group)], seed_count(metrics, family))
        for (family, _), group in sorted(groups.items())
    ]


def main_variant(verdicts: Iterable[Verdict]) -> str:
    """Zero-shot where it was run, else the first one."""
    return order_variants(v.variant for v in verdicts)[0]


def seed_count(metrics: pd.DataFrame, family: str) -> int:
    """Most training seeds that one size of a family has."""
    models = metrics[(metrics["family"] == family) & (metrics["model"] != "")]
    seeds = models.groupby("size")["seed"].nunique()
    return int(seeds.max()) if len(seeds) else 0


# -- the partial ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """The tally of one family beside the statistical verdicts on the same curves.

    ``same``, ``other`` and ``open`` are the verdicts that the statistical ones confirm, contradict
    and leave undetermined; ``shown`` counts the statistical verdicts in a clause, "" without any;
    ``supported`` are the curves of each statistical verdict; ``run_noise`` are the noises in them.
    """

    tally: Tally
    shown: str
    supported: dict[str, list[tuple[Verdict, CurveEvidence]]]
    run_noise: list[str]
    same: list[Verdict]
    other: list[Verdict]
    open: list[Verdict]


@dataclass(frozen=True)
class VerdictsView:
    """``partials/verdicts.html.j2``."""

    answers: list[Answer]
    shapes: Sequence[str]
    trained_here: list[str]

    @property
    def common(self) -> Tally | None:
        """A tally whose variant, protocol and items are those of all; None if there is none."""
        tallies = [answer.tally for answer in self.answers]
        asked = {(tally.variant, tally.protocol, tally.source) for tally in tallies}
        return tallies[0] if len(asked) == 1 else None


def verdicts_view(findings: Findings) -> VerdictsView:
    return VerdictsView(
        answers=answers(findings),
        shapes=style.SHAPES,
        trained_here=list(findings.trained_here),
    )


def answers(findings: Findings) -> list[Answer]:
    return [_answer(tally, findings.evidence) for tally in findings.tallies]


def _answer(tally: Tally, evidence: dict[Key, CurveEvidence]) -> Answer:
    split: dict[str, list[Verdict]] = {"same": [], "other": [], "open": []}
    pairs = [(v, curve) for v in tally.judged if (curve := evidence.get(v.key))]
    for verdict, curve in pairs:
        split[curve.agreement].append(verdict)
    statistical = [curve.statistical for _, curve in pairs]
    supported = {
        shape: [pair for pair in pairs if pair[1].statistical == shape]
        for shape in dict.fromkeys((*style.SHAPES, *STATISTICAL_SHAPES))
        if shape in style.SHAPES or shape in statistical
    }
    noise = list(dict.fromkeys(noise_source(curve) for _, curve in pairs if curve.statistical))
    return Answer(tally, count_statistical(statistical), supported, noise, **split)


def noise_source(curve: CurveEvidence) -> str:
    """Where the run-to-run noise of a curve comes from, without its size where that differs."""
    if curve.record["run_noise"]["source"] == ESTIMATED:
        return "estimated from the runs of each curve's sizes"
    return curve.run_noise


def count_statistical(verdicts: Sequence[str]) -> str:
    """Count statistical verdicts in a clause; "" if there are none."""
    if not any(verdicts):
        return ""
    counts = {s: n for s in (*style.SHAPES, "irregular") if (n := verdicts.count(s))}
    if not counts:
        return "none is shown to have a shape"
    first = next(iter(counts.values()))
    verb = " is shown to be " if first == 1 else " are shown to be "
    return listing(f"{n} {shape}" for shape, n in counts.items()).replace(" ", verb, 1)
