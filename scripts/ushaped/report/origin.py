"""Where the results come from: settings of the corpus, time and memory of the steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

EMBEDDED = "ladder"


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All settings below ``value`` as (dotted path, value).

    Lists of plain values stay whole, and so does each mapping of plain values inside a list.
    """
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from flatten(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for place, below in enumerate(value):
            if isinstance(below, Mapping) and not any(
                isinstance(one, Mapping | list) for one in below.values()
            ):
                yield f"{path}[{place}]", ", ".join(f"{k} {v}" for k, v in below.items())
            else:
                yield from flatten(below, f"{path}[{place}]")
    else:
        yield path, value


SHARES = ("true_frequency", "demonstrated", "worked")


@dataclass(frozen=True)
class Frequencies:
    """How common the regularities are in the corpus of the embedded family.

    Attributes
    ----------
    rows : list of (str, dict)
        For each task with settings of its own, and for all others, its shares of texts: of the
        true and the distractor's regularity, demonstrated, and worked; NaN where not given.
    background : float
        Share of the corpus that belongs to no task; NaN if not given.
    others : list of (str, value)
        All other settings of the family, by dotted path.
    """

    rows: list[tuple[str, dict[str, float]]]
    background: float
    others: list[tuple[str, Any]]


def frequencies(config: Mapping[str, Any], tasks: Sequence[str]) -> Frequencies | None:
    """Read how the text of the embedded family is made up (section ``ladder`` of the config).

    Parameters
    ----------
    config : mapping
        The resolved configuration.
    tasks : sequence of str
        Tasks that were run, in reading order.

    Returns
    -------
    Frequencies or None
        None where the configuration has no such section.
    """
    section = config.get(EMBEDDED)
    if not isinstance(section, Mapping):
        return None
    corpus = section.get("corpus") or {}
    special = {name: own for name, own in (corpus.get("tasks") or {}).items() if own}
    own = [task for task in tasks if task in special]
    rows = [(task, _shares({**corpus, **special[task]})) for task in own]
    if len(own) < len(tasks) and "true_frequency" in corpus:
        rows.append(("all other tasks" if own else "every task", _shares(corpus)))
    shown = {f"corpus.{name}" for name in (*SHARES, "background")}
    others = [
        (path, value)
        for path, value in flatten(section)
        if path not in shown and not path.startswith("corpus.tasks.")
    ]
    return Frequencies(rows, float(corpus.get("background", math.nan)), others)


def _shares(corpus: Mapping[str, Any]) -> dict[str, float]:
    shares = {name: float(corpus.get(name, math.nan)) for name in SHARES}
    return shares | {"distractor_frequency": 1 - shares["true_frequency"]}


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
    found = []
    for step, parts in steps.items():
        rows = pd.concat(parts, ignore_index=True)
        numbers = {
            name: pd.to_numeric(rows[name], errors="coerce")
            if name in rows
            else pd.Series(dtype=float)
            for name in ("s", "cpu_time", "max_rss")
        }
        found.append(
            Cost(
                step,
                len(rows),
                float(numbers["s"].sum(min_count=1)),
                float(numbers["cpu_time"].sum(min_count=1)),
                float(numbers["max_rss"].max()),
            )
        )
    return sorted(found, key=lambda cost: -(0.0 if math.isnan(cost.wall) else cost.wall))


@dataclass(frozen=True)
class Scoring:
    """What the last scoring of a model did, and how; NaN and None where nothing was recorded.

    Attributes
    ----------
    model : str
    items, kept : float
        Items scored in that run, and items found in the store.
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
    kept: float
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
    found = []
    for model in models:
        path = folder / "scores" / f"{model}.tsv" if folder else None
        if path and path.exists():
            row = pd.read_csv(path, sep="\t", dtype=str).tail(1).to_dict("records")
        elif model in made:
            row = []
        else:
            continue
        found.append(_scoring(model, row[0] if row else {}, made.get(model, {})))
    return found


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
        kept=number("items_kept"),
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
