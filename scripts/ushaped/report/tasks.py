"""What the page says about one task on the items of one source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ushaped.errors import UserError
from ushaped.figures import style
from ushaped.metrics.flags import FLAGS as DOUBTS
from ushaped.metrics.flags import Flag
from ushaped.report.flips import Flips, flips_of
from ushaped.report.parts import Parts, parts_of
from ushaped.report.text import in_order
from ushaped.report.verdicts import Verdict, main_variant
from ushaped.results import tables
from ushaped.results.folder import Results
from ushaped.terms import MAIN_VARIANT, PALM


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

    def says(self, flag: Flag, base: Line | None) -> str:
        """A flag in numbers; ``base`` is the same size asked zero-shot."""
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


@dataclass(frozen=True)
class Doubt:
    """Curves that have one flag; each with its sizes, and what the flag is there in numbers.

    Sizes that share their words stand together; "" for all sizes of the curve.
    """

    flag: Flag
    curves: list[tuple[Curve, list[tuple[str, str]]]]


@dataclass(frozen=True)
class TaskView:
    """Everything that the page says about one edition of a task; ``name`` tells it from others."""

    edition: tables.Edition
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
    parts: Parts | None
    flips: list[Flips]

    @property
    def source(self) -> str:
        """Where its items come from."""
        return self.edition.source

    @property
    def families(self) -> list[str]:
        """The families that were asked, each once."""
        return in_order(curve.family for curve in self.curves)

    @property
    def flags(self) -> list[str]:
        """The flags that the card shows and `doubts` do not explain."""
        lines = [flag for curve in self.curves for line in curve.lines for flag in line.flags]
        shown = {*lines, *(flag for verdict in self.listed for flag in verdict.noted)}
        return in_order(shown - {doubt.flag.name for doubt in self.doubts})

    @property
    def doubts(self) -> list[Doubt]:
        """The flags of its numbers, each with the curves that have it."""
        bases = {
            (curve.family, line.size): line
            for curve in self.curves
            if curve.variant == MAIN_VARIANT
            for line in curve.lines
        }
        found = []
        for flag in DOUBTS.values():
            curves = [(curve, _said(flag, curve, bases)) for curve in self.curves]
            if curves := [one for one in curves if one[1]]:
                found.append(Doubt(flag, curves))
        return found

    @property
    def listed(self) -> list[Verdict]:
        """The verdicts that the card lists: ours, and that on PaLM."""
        return [v for v in self.verdicts if v.source != "published" or v.family == PALM]

    @property
    def first(self) -> list[Verdict]:
        """Those on the main way of asking, and that on PaLM."""
        ours = [v for v in self.listed if v.source != "published"]
        main = main_variant(ours) if ours else ""
        return [v for v in self.listed if v.source == "published" or v.variant == main]

    @property
    def others(self) -> list[Verdict]:
        """Those on the other ways of asking."""
        return [v for v in self.listed if v not in self.first]


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
    "label_mass": "probability that the model gives to the offered answers at all",
}


AXES = {"training_flops": "training compute", "parameters": "parameters"}


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
                place == row["answer_index"],
                place == row["distractor_index"],
            )
            for place, text in enumerate(row["classes"])
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


def _said(flag: Flag, curve: Curve, bases: Mapping[tuple[str, str], Line]) -> list[tuple[str, str]]:
    """The sizes of a curve that have a flag, with its numbers; see `Doubt`."""
    sizes: dict[str, list[str]] = {}
    for line in curve.lines:
        if flag.name in line.flags:
            words = line.says(flag, bases.get((curve.family, line.size)))
            sizes.setdefault(words, []).append(line.size)
    if len(curve.lines) > 1 and any(len(some) == len(curve.lines) for some in sizes.values()):
        return [("", words) for words in sizes]
    return [(", ".join(some), words) for words, some in sizes.items()]


def examples(inputs: Results, edition: tables.Edition) -> list[Example]:
    """One example per variant of an edition: the same item, the first that all variants have."""
    own = {v: p for (s, t, v), p in inputs.prompts.items() if (s, t) == edition}
    item = shared_item(own.values())
    return [read_example(own[v], edition.source, v, item) for v in style.order_variants(own)]


def shared_item(paths: Iterable[Path]) -> int | None:
    """The first item of several prompts files that all of them have; None if there is none."""
    import pyarrow.parquet as pq

    shared: set[int] | None = None
    for path in paths:
        if path.exists() and "item" in pq.read_schema(path).names:
            items = set(pq.read_table(path, columns=["item"])["item"].to_pylist())
            shared = items if shared is None else shared & items
    return min(shared) if shared else None


def task_view(
    inputs: Results, edition: tables.Edition, name: str, found: Sequence[Verdict]
) -> TaskView:
    """Collect what the page says about one edition, which it calls ``name``."""
    task = edition.task
    rows = tables.of_edition(inputs.metrics, edition)
    metric = tables.primary_metric(rows)
    judged = rows[rows["metric"] == metric]
    facts = inputs.tasks[task].facts if task in inputs.tasks else {}
    return TaskView(
        edition=edition,
        name=name,
        title=str(facts.get("title", task)),
        facts=facts,
        metric=metric,
        n=float(judged["n"].max()),
        chance=float(judged["chance"].mean()),
        verdicts=[v for v in found if v.task == task and v.source in (edition.source, "published")],
        examples=examples(inputs, edition),
        metrics=[
            name for name in SHOWN if name in set(rows["metric"]) and not _no_ties(rows, name)
        ],
        panels=[name for name in PANELS if name in set(rows["metric"])],
        scale=AXES[tables.axis_of(rows)],
        has_rates=bool(rows["metric"].str.startswith("answer_rate_").any()),
        curves=list(_curves(rows)),
        parts=parts_of(edition, inputs.parts, inputs.metrics, inputs.evidence),
        flips=flips_of(
            edition,
            inputs.flips,
            inputs.flip_items,
            inputs.evidence,
            {(v.family, v.source, v.task, v.variant): v.shape for v in found},
        ),
    )


def _no_ties(rows: pd.DataFrame, metric: str) -> bool:
    """Whether a metric is that of ties, of which there are none."""
    return metric == "tie_share" and not (rows.loc[rows["metric"] == metric, "value"] > 0).any()


def _curves(rows: pd.DataFrame) -> Iterator[Curve]:
    means = rows[rows["model"] == ""]
    for family in sorted(set(means["family"])):
        of_family = means[means["family"] == family]
        for variant in style.order_variants(of_family["variant"]):
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
