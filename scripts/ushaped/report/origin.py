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
    """All settings below ``value`` as (dotted path, value); lists of plain values stay whole."""
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from flatten(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for place, below in enumerate(value):
            yield from flatten(below, f"{path}[{place}]")
    else:
        yield path, value


@dataclass(frozen=True)
class Frequencies:
    """How common the regularities are in the corpus of the embedded family.

    ``columns`` are settings given by task, ``rows`` their values; ``others`` the remaining
    settings of the family, by dotted path.
    """

    columns: list[str]
    rows: list[tuple[str, list[Any]]]
    others: list[tuple[str, Any]]


def frequencies(config: Mapping[str, Any], tasks: Sequence[str]) -> Frequencies | None:
    """Read the settings of the embedded family: those given by task as a table, the rest as a list.

    Whatever the section looks like, every setting in it is shown: a key that is a task's name makes
    a cell of the table.
    """
    section = config.get(EMBEDDED)
    if not isinstance(section, Mapping):
        return None
    columns: dict[str, dict[str, Any]] = {}
    others: list[tuple[str, Any]] = []
    for path, value in flatten(section):
        parts = path.split(".")
        named = [part for part in parts if part in tasks]
        if named:
            name = ".".join(part for part in parts if part not in tasks)
            columns.setdefault(name, {})[named[0]] = value
        else:
            others.append((path, value))
    names = list(columns)
    present = [task for task in tasks if any(task in columns[name] for name in names)]
    rows = [(task, [columns[name].get(task) for name in names]) for task in present]
    return Frequencies(names, rows, others)


@dataclass(frozen=True)
class Cost:
    """Time and memory of the jobs of one step; NaN where nothing was recorded."""

    step: str
    jobs: int
    wall: float
    cpu: float
    memory: float


def costs(folder: Path | None) -> list[Cost]:
    """Sum Snakemake's benchmark files by step.

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


def total(parts: Sequence[Cost]) -> Cost:
    """All steps together."""
    return Cost(
        "all",
        sum(cost.jobs for cost in parts),
        math.fsum(cost.wall for cost in parts if not math.isnan(cost.wall)),
        math.fsum(cost.cpu for cost in parts if not math.isnan(cost.cpu)),
        max((cost.memory for cost in parts if not math.isnan(cost.memory)), default=math.nan),
    )
