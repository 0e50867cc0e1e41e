"""The results of a run as files of Every Eval Ever: `.every_eval_ever`, from tables and scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ushaped.export.every_eval_ever import (
    Library,
    MeasuredModel,
    Outcome,
    Record,
    instance,
    write_model,
)
from ushaped.results.columns import SCALE, CurveKey
from ushaped.results.folder import Results
from ushaped.results.parquet import read_table
from ushaped.shapes.curves import Answers
from ushaped.shapes.read import read_items
from ushaped.terms import AVERAGE, PRIMARY, SIGNS

PROMPTS = ("item", "prompt", "classes", "answer_index")
SCORES = ("item", "log_likelihood", "chain", "samples", "thoughts")
# Prompts of a file of at most so many items stay in memory, for the next model.
FEW = 2000
# Facts of a model that are numbers or text.
FACTS = ("family", "size", "seed", *SCALE, "flops_source", "revision", "fingerprint")


@dataclass
class Writer:
    """Writes what each model of a run answered.

    Attributes
    ----------
    results : Results
    answers : dict of key to Answers
        Of ``items.parquet``.
    """

    results: Results
    answers: Mapping[CurveKey, Answers]

    def __post_init__(self) -> None:
        self._prompts: dict[Path, dict[str, list[Any]]] = {}

    def rows(self, about: MeasuredModel, outcome: Outcome) -> Iterator[Record]:
        """Instances of one model and outcome, in the order of the items."""
        model = about.name
        key, own = outcome.key, self.answers[outcome.key]
        asked = self._read_prompts(self.results.prompts[key.source, key.task, key.variant])
        given = _read_scores(self.results.score_file(model, key))
        place = {item: at for at, item in enumerate(asked["item"])}
        values = (SIGNS[outcome.metric] * own.correct[own.models[model]]).tolist()
        for item, cluster, value in zip(
            own.items.tolist(), own.clusters.tolist(), values, strict=True
        ):
            at = place[item]
            prompt, classes, right = (asked[name][at] for name in PROMPTS[1:])
            reference = [] if right is None else [classes[right]]
            yield instance(
                about.identity,
                outcome,
                item,
                value,
                prompt=prompt,
                classes=classes,
                reference=reference,
                **_output(given, at, classes),
                sample_hash=_digest(prompt, reference),
                metadata={"cluster": str(cluster)},
            )

    def _read_prompts(self, path: Path) -> dict[str, list[Any]]:
        if path in self._prompts:
            return self._prompts[path]
        table = read_table(path, PROMPTS).to_pydict()
        if len(table["item"]) <= FEW:
            self._prompts[path] = table
        return table


def write_results(results: Results, folder: Path, when: int) -> None:
    """Write two files for each model of a run; averages over tasks are no answers of a model.

    Parameters
    ----------
    results : Results
    folder : Path
    when : int
        Unix time at which the records are made.
    """
    writer = Writer(results, read_items(results.folder / "items.parquet"))
    library = Library("ushaped", _version())
    for about in results.models:
        model = describe(about)
        outcomes = list(_outcomes(results, model.name, writer.answers))
        rows = (row for outcome in outcomes for row in writer.rows(model, outcome))
        write_model(folder, model, outcomes, rows, library, when)


def describe(about: Mapping[str, Any]) -> MeasuredModel:
    """A model by its ``model.json``."""
    facts = {name: about.get(name) for name in FACTS}
    details = {name: _text(value) for name, value in facts.items() if value not in (None, "")}
    if "served" not in about:
        details["deployment_type"] = "self_deployed"
    return MeasuredModel(str(about["model"]), str(about["family"]), details)


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _version() -> str:
    try:
        return version("ushaped")
    except PackageNotFoundError:
        return "unknown"


def _outcomes(
    results: Results, model: str, answers: Mapping[CurveKey, Answers]
) -> Iterator[Outcome]:
    table = results.metrics
    rows = table[
        (table["model"] == model) & table["metric"].isin(PRIMARY) & (table["task"] != AVERAGE)
    ]
    for row in rows.to_dict("records"):
        key = CurveKey(*(str(row[name]) for name in CurveKey._fields))
        own = answers[key]
        values = SIGNS[row["metric"]] * own.correct[own.models[model]]
        yield Outcome(
            key,
            row["protocol"],
            row["modified"],
            row["metric"],
            float(values.mean()),
            len(values),
            float(values.std() / np.sqrt(len(values))),
            row["low"],
            row["high"],
            row["chance"],
        )


def _read_scores(path: Path) -> dict[str, list[Any]]:
    table: pa.Table = read_table(path, SCORES)
    return table.to_pydict()


def _output(given: Mapping[str, list[Any]], at: int, classes: Sequence[str]) -> dict[str, Any]:
    """What the model answered: what it wrote, or else its likeliest class."""
    samples, likely = given["samples"][at], given["log_likelihood"][at]
    if samples is not None:
        thoughts = given["thoughts"][at]
        return {"output": [text or "" for text in samples], "reasoning": thoughts}
    chain = given["chain"][at]
    reasoning = None if chain is None else [chain]
    if likely is None or len(classes) < 2:
        return {"output": [], "reasoning": reasoning}
    return {"output": [classes[int(np.argmax(likely))]], "reasoning": reasoning}


def _digest(prompt: str, reference: Sequence[str]) -> str:
    """SHA-256 of prompt and answer, as the format has it."""
    return hashlib.sha256((prompt + "".join(reference)).encode()).hexdigest()
