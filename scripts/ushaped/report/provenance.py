"""What made the results: versions, time and memory, number formats, models and settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ushaped.report.findings import Findings
from ushaped.report.text import flatten
from ushaped.results.formats import Precision, precisions
from ushaped.terms import FLOPS, PARAMETERS

KNOWN = ("commit", "dirty", "config_digest", "python", "packages", "hardware", "items")


@dataclass(frozen=True)
class Cost:
    """Time and memory of the jobs of one step; NaN where nothing was recorded."""

    step: str
    jobs: int
    wall: float
    cpu: float
    memory: float


def costs(folder: Path | None) -> list[Cost]:
    """Sum the benchmark files, Snakemake's and those of scoring, by step.

    Their paths mirror those of the outputs, so the first folder (or the file's name, at the top)
    names the step.

    Parameters
    ----------
    folder : Path or None
        Folder of TSV files with the columns ``s``, ``cpu_time`` and ``max_rss`` (MiB).
    """
    if folder is None or not folder.is_dir():
        return []
    steps: dict[str, list[pd.DataFrame]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        inside = path.relative_to(folder)
        step = inside.parts[0] if len(inside.parts) > 1 else inside.stem
        steps.setdefault(step, []).append(pd.read_csv(path, sep="\t", dtype=str))
    summed = []
    for step, parts in steps.items():
        rows = pd.concat(parts, ignore_index=True)
        columns = rows.reindex(columns=["s", "cpu_time", "max_rss"])
        numbers = columns.apply(pd.to_numeric, errors="coerce").astype(float)
        wall, cpu = numbers[["s", "cpu_time"]].sum(min_count=1)
        summed.append(
            Cost(step, len(rows), float(wall), float(cpu), float(numbers["max_rss"].max()))
        )
    return sorted(summed, key=lambda cost: -(0.0 if math.isnan(cost.wall) else cost.wall))


@dataclass(frozen=True)
class Scoring:
    """What the last scoring of a model did, and how; NaN and None where nothing was recorded.

    Attributes
    ----------
    model : str
    items, reused : float
        Items scored in that run, and items taken from the store.
    tokens : float
        Tokens of all prompts that were scored, each counted with each of its classes.
    computed : float
        Tokens that went through the model.
    rate : float
        ``tokens`` per second.
    utilisation : float
        Share of the matrix rate.
    seconds : float
        Spent on scoring, loading the model not counted.
    dtype : str or None
    begins_with : str or None
        The tokens that every text begins with.
    shared : bool or None
        Whether common beginnings were computed once.
    """

    model: str
    items: float
    reused: float
    tokens: float
    computed: float
    rate: float
    utilisation: float
    seconds: float
    dtype: str | None
    begins_with: str | None
    shared: bool | None

    @property
    def computed_share(self) -> float:
        """Computed tokens as a share of all."""
        return self.computed / self.tokens if self.tokens else math.nan


def scorings(
    folder: Path | None, models: Sequence[str], made: Mapping[str, Mapping[str, Any]]
) -> list[Scoring]:
    """Read what the scoring of each model recorded.

    Parameters
    ----------
    folder : Path or None
        Folder of benchmark files, those of scoring as ``scores/{model}.tsv``.
    models : sequence of str
        In reading order; those of which nothing is known are left out.
    made : mapping of str to mapping
        By model, how its scores were made; see `formats.read_made`.
    """
    recorded = []
    for model in models:
        path = folder / "scores" / f"{model}.tsv" if folder else None
        if path and path.exists():
            row = pd.read_csv(path, sep="\t", dtype=str).tail(1).to_dict("records")
        elif model in made:
            row = []
        else:
            continue
        recorded.append(_scoring(model, row[0] if row else {}, made.get(model, {})))
    return recorded


def _scoring(model: str, row: Mapping[Any, Any], made: Mapping[str, Any]) -> Scoring:
    def number(name: str) -> float:
        try:
            return float(row.get(name, "nan"))
        except ValueError:
            return math.nan

    items = number("items")

    def of_the_run(name: str) -> float:
        # Zeros of a run that had nothing to do would read as measured.
        return number(name) if items else math.nan

    tokens = made.get("begins_with")
    return Scoring(
        model=model,
        items=items,
        reused=number("items_kept"),
        tokens=of_the_run("total_tokens"),
        computed=of_the_run("computed_tokens"),
        rate=of_the_run("tokens_per_s"),
        utilisation=of_the_run("model_flop_utilisation"),
        seconds=of_the_run("scoring_s"),
        dtype=made.get("dtype"),
        begins_with=None if tokens is None else " ".join(map(str, tokens)) or "none",
        shared=made.get("prefixes_shared"),
    )


def total(parts: Sequence[Cost]) -> Cost:
    """All steps together."""
    return Cost(
        "all",
        sum(cost.jobs for cost in parts),
        math.fsum(cost.wall for cost in parts if not math.isnan(cost.wall)),
        math.fsum(cost.cpu for cost in parts if not math.isnan(cost.cpu)),
        max((cost.memory for cost in parts if not math.isnan(cost.memory)), default=math.nan),
    )


@dataclass(frozen=True)
class ProvenanceView:
    """``partials/provenance.html.j2``."""

    record: Mapping[str, Any]
    packages: list[tuple[str, str]]
    hardware: list[tuple[str, Any]]
    others: list[tuple[str, Any]]
    costs: list[Cost]
    precisions: list[Precision]
    scorings: list[Scoring]
    models: list[dict[str, Any]]
    settings: list[tuple[str, Any]]

    @property
    def total(self) -> Cost:
        return total(self.costs)


def provenance_view(findings: Findings) -> ProvenanceView:
    results = findings.results
    record = results.provenance
    models = sort_models(results.models)
    names = [str(model.get("model")) for model in models]
    return ProvenanceView(
        record=record,
        packages=sorted((record.get("packages") or {}).items()),
        hardware=_settings(record.get("hardware")),
        others=_settings({k: v for k, v in record.items() if k not in KNOWN}),
        costs=costs(results.benchmarks),
        precisions=precisions(models, results.made, results.metrics, results.scores),
        scorings=scorings(results.benchmarks, names, results.made),
        models=models,
        settings=list(flatten(results.config)),
    )


def _settings(section: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    return list(flatten(section)) if section else []


def sort_models(models: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Models by family, size and name; sizes as the metrics order them."""
    unknown = {str(model.get("family", "")) for model in models if model.get(FLOPS) is None}

    def reading_order(model: Mapping[str, Any]) -> tuple[Any, ...]:
        family = str(model.get("family", ""))
        scale = model.get(PARAMETERS if family in unknown else FLOPS)
        return family, float(scale or 0), str(model.get("model", ""))

    return sorted(models, key=reading_order)
