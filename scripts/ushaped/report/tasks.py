"""The card of each task on the items of one source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ushaped.axes import BY_COLUMN
from ushaped.errors import UserError
from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.metrics.flags import Flag
from ushaped.report.findings import Findings
from ushaped.report.flips import FlipsView, flips_views
from ushaped.report.parts import PartsView, parts_view
from ushaped.report.pictures import Picture
from ushaped.report.text import in_order
from ushaped.report.verdicts import Verdict, main_variant
from ushaped.results import tables
from ushaped.results.tables import Edition
from ushaped.sources import Source, is_source, parse_source
from ushaped.terms import MAIN_VARIANT, PALM, PUBLISHED, TASKS
from ushaped.variants import order_variants, with_chat

SHOWN = {
    "accuracy": "Accuracy",
    "distractor_share": "Distractor answers",
    "loss": "Loss (nats)",
    "label_mass": "Label mass",
    "tie_share": "Ties",
    "accuracy_ties_against": "Accuracy, ties broken against the right answer",
    "accuracy_ties_for": "Accuracy, ties broken for it",
    "accuracy_ties_shared": "Accuracy, ties counted as 1/m",
    "unsplit_share": "Items left out",
    "parsed_accuracy": "Accuracy of the parsed answer",
    "unparsed_share": "No answer parsed",
    "unstopped_share": "Chain without an end",
    "sequence_loss": "Sequence loss (nats)",
    "sequence_probability": "Probability of the completion",
    "log_odds": "Log odds (nats)",
    "absolute_log_odds": "Absolute log odds (nats)",
}

# What judges a task that has no accuracy.
JUDGES = {
    "sequence_loss": "loss of the completion (nats, lower is better)",
    "log_odds": "log odds of the right answer, against the other prompt (nats, higher is better)",
    "absolute_log_odds": "absolute log odds, against the other prompt (nats, lower is better)",
}

# What the panels of a task's figure show, in their order.
PANELS = {
    "accuracy": "accuracy",
    "distractor_share": "share of answers that belong to the distractor task",
    "loss": "loss over the classes",
    "label_mass": "probability of all classes together",
}


@dataclass(frozen=True)
class Choice:
    """A class of the example: its text in quotes, and whose answer it is."""

    text: str
    answer: bool
    distractor: bool


@dataclass(frozen=True)
class Example:
    """One prompt exactly as sent; ``other_prompt`` is what log odds compare it with, or ""."""

    source: str
    variant: str
    protocol: str
    modified: str
    prompt: str
    other_prompt: str
    choices: list[Choice]
    chain: bool
    completion: bool
    answer_after: str


@dataclass(frozen=True)
class Line:
    """One row of a task's table of numbers; values are (value, low, high), of ``n`` items.

    ``flags`` are those of the metric that judges the task.
    """

    size: str
    flops: float
    seeds: int
    values: dict[str, tuple[float, float, float]]
    rates: list[float]
    flags: list[str]
    n: float

    @property
    def marks(self) -> list[Flag]:
        """The flags that stand beside the number."""
        return [flag for flag in DOUBTS.values() if flag.name in self.flags]

    def describe(self, flag: Flag, base: Line | None) -> str:
        """A flag in numbers; ``base`` is the same size under the main variant."""
        values = {name: value for name, (value, _, _) in self.values.items()} | {"n": self.n}
        if base is not None and base is not self and "label_mass" in base.values:
            values["base_label_mass"] = base.values["label_mass"][0]
        try:
            return flag.says(values)
        except KeyError:
            # A table of an earlier version has the flag and not all of its numbers.
            return ""


@dataclass(frozen=True)
class Curve:
    """The rows of one family and variant."""

    family: str
    variant: str
    protocol: str
    lines: list[Line]

    def describe(self, flag: Flag, bases: Mapping[tuple[str, str], Line]) -> list[tuple[str, str]]:
        """The sizes that have a flag, with its numbers; see `Doubt`."""
        sizes: dict[str, list[str]] = {}
        for line in self.lines:
            if flag.name in line.flags:
                words = line.describe(flag, bases.get((self.family, line.size)))
                sizes.setdefault(words, []).append(line.size)
        if len(self.lines) > 1 and any(len(s) == len(self.lines) for s in sizes.values()):
            return [("", words) for words in sizes]
        return [(", ".join(names), words) for words, names in sizes.items()]


@dataclass(frozen=True)
class Doubt:
    """Curves that have one flag; each with its sizes, and the flag in numbers.

    Sizes that share their words stand together; "" for all sizes of the curve.
    """

    flag: Flag
    curves: list[tuple[Curve, list[tuple[str, str]]]]


@dataclass(frozen=True)
class TaskView:
    """``partials/task.html.j2``: one edition of a task; ``name`` tells it from others."""

    edition: Edition
    id: str
    name: str
    title: str
    facts: dict[str, Any]
    metric: str
    n: float
    chance: float
    verdicts: list[Verdict]
    examples: list[Example]
    metrics: list[str]
    panels: list[str]
    scale: str
    has_rates: bool
    curves: list[Curve]
    picture: Picture
    parts: PartsView | None
    flips: list[FlipsView]
    several_families: bool

    @property
    def source(self) -> str:
        return self.edition.source

    @property
    def items(self) -> Source | None:
        """Whose items they are, and which; None for a name that no source has."""
        return parse_source(self.source) if is_source(self.source) else None

    @property
    def of_prize(self) -> bool:
        """Whether the task is one of the prize; of a folder that is gone its name decides."""
        return bool(self.facts["round"]) if self.facts else self.edition.task in TASKS

    @property
    def families(self) -> list[str]:
        return in_order(curve.family for curve in self.curves)

    @property
    def flags(self) -> list[str]:
        """The flags that the card shows and `doubts` do not explain."""
        lines = [flag for curve in self.curves for line in curve.lines for flag in line.flags]
        shown = {*lines, *(flag for verdict in self.verdicts for flag in verdict.noted)}
        return in_order(shown - {doubt.flag.name for doubt in self.doubts})

    @property
    def doubts(self) -> list[Doubt]:
        """The flags of its numbers, each with the curves that have it."""
        bases = {
            (curve.family, line.size): line
            for curve in self.curves
            if curve.variant in (MAIN_VARIANT, with_chat(MAIN_VARIANT))
            for line in curve.lines
        }
        doubts = []
        for flag in DOUBTS.values():
            curves = [(curve, curve.describe(flag, bases)) for curve in self.curves]
            if flagged := [(curve, sizes) for curve, sizes in curves if sizes]:
                doubts.append(Doubt(flag, flagged))
        return doubts

    @property
    def main_verdicts(self) -> list[Verdict]:
        """Those on the main prompt variant, and that on PaLM."""
        ours = [v for v in self.verdicts if v.source != PUBLISHED]
        main = main_variant(ours) if ours else ""
        return [v for v in self.verdicts if v.source == PUBLISHED or v.variant == main]

    @property
    def other_verdicts(self) -> list[Verdict]:
        """Those on the other prompt variants."""
        return [v for v in self.verdicts if v not in self.main_verdicts]


@dataclass(frozen=True)
class TasksView:
    """``partials/tasks.html.j2``."""

    cards: list[TaskView]


def tasks_view(findings: Findings) -> TasksView:
    editions = enumerate(findings.editions, start=4)
    return TasksView([task_view(findings, edition, number) for number, edition in editions])


def task_view(findings: Findings, edition: Edition, number: int) -> TaskView:
    """Collect what the page says about one edition; ``number`` is that of its figure."""
    task = edition.task
    results = findings.results
    rows = tables.of_edition(results.metrics, edition)
    metric = tables.primary_metric(rows)
    judged = rows[rows["metric"] == metric]
    facts = results.tasks[task].facts.model_dump() if task in results.tasks else {}
    card, scale = findings.card(edition), BY_COLUMN[tables.axis_of(rows)].title
    verdicts = [v for v in findings.verdicts if v.task == task]
    drawn = "; ".join(v.description for v in verdicts if v.source == edition.source)
    present = {name for name in rows["metric"] if not _without_ties(rows, name)}
    return TaskView(
        edition=edition,
        id=card,
        name=findings.names[edition],
        title=str(facts.get("title", task)),
        facts=facts,
        metric=metric,
        n=float(judged["n"].max()),
        chance=float(judged["chance"].mean()),
        verdicts=[
            v
            for v in verdicts
            if v.source == edition.source or (v.source == PUBLISHED and v.family == PALM)
        ],
        examples=examples(results.prompts, edition),
        metrics=[name for name in SHOWN if name in present],
        panels=[name for name in PANELS if name in present],
        scale=scale,
        has_rates=bool(rows["metric"].str.startswith("answer_rate_").any()),
        curves=list(_curves(rows)),
        picture=findings.picture(
            f"tasks/{edition.source}/{task}", str(number), f"{task} against {scale}. {drawn}", card
        ),
        parts=parts_view(findings, edition),
        flips=flips_views(findings, edition),
        several_families=findings.several_families,
    )


def examples(prompts: Mapping[tuple[str, str, str], Path], edition: Edition) -> list[Example]:
    """One example per variant of an edition: the same item, the first that all variants have."""
    own = {v: path for (source, task, v), path in prompts.items() if (source, task) == edition}
    item = shared_item(own.values())
    return [read_example(own[v], edition.source, v, item) for v in order_variants(own)]


def shared_item(paths: Iterable[Path]) -> int | None:
    """The first item of several prompts files that all of them have; None if there is none."""
    import pyarrow.parquet as pq

    shared: set[int] | None = None
    for path in paths:
        if path.exists() and "item" in pq.read_schema(path).names:
            items = set(pq.read_table(path, columns=["item"])["item"].to_pylist())
            shared = items if shared is None else shared & items
    return min(shared) if shared else None


def read_example(path: Path, source: str, variant: str, item: int | None = None) -> Example:
    """Read the prompt of an item, or the first prompt, of a prompts file.

    Raises
    ------
    UserError
        If the file is not there, is empty, or lacks a column.
    """
    import pyarrow.parquet as pq

    if not path.exists():
        raise UserError(str(path), "no such file", "build the prompts first")
    with pq.ParquetFile(path) as file:
        batch = next(file.iter_batches(batch_size=1), None)
    rows = batch.to_pylist() if batch is not None else []
    if rows and item is not None and rows[0].get("item") != item:
        rows = pq.read_table(path, filters=[("item", "=", item)]).to_pylist()
    if not rows:
        raise UserError(str(path), "holds no prompt", "build the prompts again")
    row = rows[0]
    try:
        choices = [
            Choice(
                json.dumps(text, ensure_ascii=False),
                index == row["answer_index"],
                index == row["distractor_index"],
            )
            for index, text in enumerate(row["classes"])
        ]
        return Example(
            source,
            variant,
            str(row["protocol"]),
            str(row["modified"] or ""),
            str(row["prompt"]),
            str(row["other_prompt"] or ""),
            choices,
            bool(row["chain"]),
            len(choices) == 1,
            str(row["answer_after"] or "").strip(),
        )
    except KeyError as error:
        raise UserError(
            str(path), f"column {error} is missing", "build the prompts again"
        ) from None


def _without_ties(rows: pd.DataFrame, metric: str) -> bool:
    """Whether a metric is the share of ties, and there are none."""
    return metric == "tie_share" and not (rows.loc[rows["metric"] == metric, "value"] > 0).any()


def _curves(rows: pd.DataFrame) -> Iterator[Curve]:
    means = rows[rows["model"] == ""]
    for family in sorted(set(means["family"])):
        of_family = means[means["family"] == family]
        for variant in order_variants(of_family["variant"]):
            own = of_family[of_family["variant"] == variant]
            own = own.iloc[tables.scale(own).argsort(kind="stable")]
            singles = rows[(rows["family"] == family) & (rows["variant"] == variant)]
            seeds = singles[singles["model"] != ""].groupby("size")["seed"].nunique()
            lines = [
                _line(str(size), group, int(seeds.get(str(size), 0)))
                for size, group in own.groupby("size", sort=False)
            ]
            yield Curve(family, variant, str(own["protocol"].iloc[0]), lines)


def _line(size: str, group: pd.DataFrame, seeds: int) -> Line:
    columns = group[["metric", "value", "low", "high"]].itertuples(index=False, name=None)
    values = {metric: (value, low, high) for metric, value, low, high in columns}
    rates = sorted((k for k in values if k.startswith("answer_rate_")), key=lambda k: int(k[12:]))
    judged = group[group["metric"] == tables.primary_metric(group)]
    return Line(
        size,
        float(group["training_flops"].iloc[0]),
        seeds,
        values,
        [values[name][0] for name in rates],
        in_order(flag for text in judged["flags"] for flag in text.split(";") if flag),
        float(judged["n"].iloc[0]),
    )
