"""Tables of the literature: tasks, series and their compute, values, averages, verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ushaped.items.task import Task, load_task
from ushaped.literature import ordering
from ushaped.literature.points import (
    UNKNOWN,
    UNKNOWN_SIZE,
    Human,
    Point,
    chance_of,
    points_of,
    read_humans,
    series_names,
)
from ushaped.results.tables import read_published
from ushaped.results.text_files import Row, read_rows
from ushaped.shapes.bootstrap import share_column
from ushaped.terms import AVERAGE, PALM, PUBLISHED, SHAPES, SIGNS, TEN_TASKS

ZETTA = 1e21
RULES = ("equivalent", "literal")


@dataclass(frozen=True)
class Literature:
    """Everything that the tables are made from.

    Attributes
    ----------
    points : list of Point
    chance : dict of str to float
        By task.
    humans : dict of str to Human
        By task.
    tasks : list of Task
    shapes : list of dict of str to str
        Rows of the published ``shapes.csv``.
    """

    points: list[Point]
    chance: dict[str, float]
    humans: dict[str, Human]
    tasks: list[Task]
    shapes: list[dict[str, str]]


def gather(series: Path, humans: Path, shapes: Path, tasks: Sequence[Path]) -> Literature:
    """Read everything that the tables are made from; ``tasks`` are ``task.yaml`` files."""
    published = read_published(series)
    judged = read_rows(shapes, ("family", "source", "task", "metric", *RULES))
    return Literature(
        points_of(published),
        chance_of(published),
        read_humans(humans),
        [load_task(path.parent) for path in tasks],
        [row for row in judged if row["source"] == PUBLISHED],
    )


def task_rows(known: Literature) -> list[Row]:
    """One row per published task: its size, metric, chance, true task, human agreement."""
    rows: list[Row] = []
    for task in known.tasks:
        own = [p for p in known.points if p.task == task.name and p.metric in SIGNS]
        if not own:
            continue
        human = known.humans.get(task.name, Human(None, ""))
        rows.append(
            {
                "task": task.name,
                "title": task.facts.title,
                "n": own[0].n,
                "metric": own[0].metric,
                "chance": known.chance.get(task.name),
                "true_task": task.facts.true_task,
                "distractor_task": task.facts.distractor_task,
                "human_agreement": UNKNOWN if human.agreement is None else human.agreement,
                "human_source": human.source,
            }
        )
    return rows


def series_rows(known: Literature) -> list[Row]:
    """One row per published model: parameters, compute, and the tokens that these imply."""
    moved = {
        (p.series, p.size) for p in known.points if p.plotted_size not in (p.size, UNKNOWN_SIZE)
    }
    models = {(p.series, p.size): p for p in known.points}
    return [
        {
            "series": series,
            "size": size,
            "parameters": point.parameters,
            "training_flops": point.flops,
            "zettaflops": point.flops / ZETTA,
            "implied_tokens": point.flops / (6 * point.parameters),
            "relabelled": "yes" if (series, size) in moved else "no",
        }
        for (series, size), point in sorted(
            models.items(),
            key=lambda item: (series_names(known.points).index(item[0][0]), item[1].flops),
        )
    ]


def value_rows(known: Literature) -> list[Row]:
    """One row per task and size of PaLM."""
    own = [p for p in known.points if p.series == PALM and p.metric in SIGNS]
    return [
        {
            "task": p.task,
            "size": p.size,
            "zettaflops": p.flops / ZETTA,
            "metric": p.metric,
            "value": p.value,
            "k": p.k,
            "n": p.n,
        }
        for p in own
    ]


def average_rows(known: Literature) -> list[Row]:
    """One row per published model: the mean of its ten tasks beside the published average."""
    values = {(p.series, p.size, p.task): p.value for p in known.points if p.metric == "accuracy"}
    rows: list[Row] = []
    for model in series_rows(known):
        series, size = str(model["series"]), str(model["size"])
        mean = float(np.mean([values[series, size, task] for task in TEN_TASKS]))
        published = values[series, size, AVERAGE]
        rows.append(
            {
                "series": series,
                "size": size,
                "zettaflops": model["zettaflops"],
                "mean_of_ten": mean,
                "published_average": published,
                "difference": round(mean - published, ordering.DIGITS),
            }
        )
    return rows


def verdict_rows(known: Literature) -> list[Row]:
    """One row per task and series: the verdict of both rules, with its evidence.

    ``probability`` is the share of draws over items that give the verdict of the first rule.
    """
    return [
        {
            "task": row["task"],
            "series": row["family"],
            **{rule: row[rule] for rule in RULES},
            "probability": row[share_column(row["equivalent"])],
            **{name: row[name] for name in ("metric", "sizes", "first", "lowest", "last")},
            **{name: row[name] for name in ("valley_size", "recovery", "flags")},
        }
        for row in known.shapes
    ]


def count_rows(known: Literature) -> list[Row]:
    """One row per series and rule: how many of the eleven tasks get each verdict."""
    rows: list[Row] = []
    for series in series_names(known.points):
        own = [r for r in known.shapes if r["family"] == series and r["task"] != AVERAGE]
        for rule in RULES:
            verdicts = [row[rule] for row in own]
            counts = {shape: verdicts.count(shape) for shape in SHAPES}
            rows.append({"series": series, "rule": rule, "tasks": len(own), **counts})
    return rows


def ordering_rows(known: Literature) -> list[Row]:
    """Averages of every series as plotted and as corrected; see `ordering`."""
    return ordering.ordering_rows(known.points)


# File by file: what its rows are made by.
TABLES: dict[str, Callable[[Literature], list[Row]]] = {
    "tasks": task_rows,
    "series": series_rows,
    "palm": value_rows,
    "averages": average_rows,
    "verdicts": verdict_rows,
    "verdict-counts": count_rows,
    "ordering": ordering_rows,
}
