"""Files of Gadre et al. (2024): models, evaluations and facts of the tasks.

``exp_data/models/NAME.json`` holds the training of a model and its validation losses,
``exp_data/evals/evaluation_NAME_heavy.json`` its accuracies, and ``exp_data/eval_metadata.csv``
shots, items and chance (in percent) of each task. FLOPs are 6 times parameters times tokens, as in
their paper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ushaped.atlas.points import ACCURACY, LeftOut, Point, Read
from ushaped.atlas.sources import PublishedSet
from ushaped.errors import UserError
from ushaped.results.numbers import metric_prefix
from ushaped.results.text_files import number, read_json, read_rows

FOLDER = "exp_data"
# The largest of their validation sets.
VALIDATION = "c4_val"
NAME = re.compile(r"evaluation_(?P<model>.+)_heavy\.json")
METADATA = ("Eval Task", "Task Type", "#shots", "#datapoints", "Random baseline")
TOKENS_PER_PARAMETER = 20


@dataclass(frozen=True)
class _Task:
    n: int
    chance: float
    protocol: str


def read(name: str, published: PublishedSet, folder: Path) -> Read:
    """Points of every evaluation.

    Raises
    ------
    UserError
        If the facts of the tasks cannot be read, without which nothing can.
    """
    tasks = _tasks(folder / FOLDER / "eval_metadata.csv", published.items)
    points: list[Point] = []
    left_out: list[LeftOut] = []
    for path in sorted((folder / FOLDER / "evals").glob("*.json")):
        try:
            found, unknown = _model(path, name, published.commit, tasks)
        except UserError as error:
            left_out.append(LeftOut(name, path.name, str(error).replace(f"{folder}/", "")))
            continue
        points += found
        left_out += [
            LeftOut(name, task, "eval_metadata.csv has no number of items: add its line")
            for task in unknown
        ]
    return Read(points, list(dict.fromkeys(left_out)))


def _tasks(path: Path, items: Mapping[str, int]) -> dict[str, _Task]:
    """Facts of the tasks; ``items`` are the right numbers where the file has wrong ones."""
    found = {}
    for row in read_rows(path, METADATA):
        task = row["Eval Task"]
        if row["#datapoints"].strip():
            n = items.get(task) or int(number(path, row, "#datapoints"))
            protocol = f"{row['#shots']}-shot, {row['Task Type']}"
            found[task] = _Task(n, number(path, row, "Random baseline") / 100, protocol)
    return found


def _model(
    path: Path, name: str, commit: str, tasks: Mapping[str, _Task]
) -> tuple[list[Point], list[str]]:
    """Points of one model, and tasks without a number of items."""
    values = _part(path, read_json(path), "eval_metrics", "icl")
    named = NAME.fullmatch(path.name)
    if named is None:
        what = "is not named evaluation_MODEL_heavy.json"
        raise UserError(str(path), what, "take the files of the commit in literature/atlas.yaml")
    facts = path.parents[1] / "models" / f"{named['model']}.json"
    model = read_json(facts)
    training = _part(facts, model, "hyperparameters")
    parameters, tokens = (float(_part(facts, training, key)) for key in ("params", "tokens"))
    shared: dict[str, Any] = {
        "set": name,
        "corpus": str(_part(facts, model, "dataset_name")),
        "part": "",
        "metric": ACCURACY,
        "model": named["model"],
        "run": "",
        "size": metric_prefix(parameters),
        "parameters": parameters,
        "training_tokens": tokens,
        "training_flops": 6 * parameters * tokens,
        "token_multiple": round(tokens / parameters / TOKENS_PER_PARAMETER, 6),
        "validation_loss": _validation_loss(model),
        "modified": "",
        "commit": commit,
    }
    points = [
        Point(
            **shared,
            task=task,
            value=float(value),
            n=tasks[task].n,
            chance=tasks[task].chance,
            protocol=tasks[task].protocol,
        )
        for task, value in values.items()
        if task in tasks
    ]
    return points, [task for task in values if task not in tasks]


def _validation_loss(model: Mapping[str, Any]) -> float:
    """Loss on `VALIDATION` in nats per token; NaN where it was not measured."""
    return next(_losses(model), float("nan"))


def _losses(model: Mapping[str, Any]) -> Iterator[float]:
    for result in model.get("results", ()):
        if any(f"/{VALIDATION}/" in data for data in result.get("val_data", ())):
            yield float(result["loss"])


def _part(path: Path, content: Mapping[str, Any], *keys: str) -> Any:
    """A value inside a file, by its keys."""
    value: Any = content
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            do = "take the files of the commit in literature/atlas.yaml"
            raise UserError(f"{path}, {'.'.join(keys)}", "is missing", do)
        value = value[key]
    return value
