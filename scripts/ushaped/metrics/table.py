"""Rows of the metrics table: per model, per size over its seeds, and averaged over ten tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ushaped.errors import UserError
from ushaped.metrics.definitions import Floats, Questions, Scores, joined
from ushaped.metrics.flags import Flag, flags_of, names_for, values_of
from ushaped.metrics.intervals import (
    generator,
    interval,
    percentile_interval,
    resampled_means,
    share_interval,
)
from ushaped.metrics.written import WrittenAnswers
from ushaped.results.columns import SCALE
from ushaped.results.text_files import Row
from ushaped.terms import AVERAGE, SIGNS, TEN_TASKS


@dataclass(frozen=True)
class Model:
    """One model of a family; ``name`` is "" and ``seed`` None for all seeds of a size together.

    A number that is not known is None.
    """

    name: str
    family: str
    size: str
    seed: int | None
    parameters: int | None
    non_embedding_parameters: int | None
    training_tokens: float | None
    training_flops: float | None


@dataclass(frozen=True)
class Condition:
    """One task with one prompt variant, as one family answered it: what a curve is of."""

    source: str
    task: str
    variant: str
    questions: Questions
    models: tuple[Model, ...]

    @property
    def where(self) -> str:
        """Name of the condition for messages."""
        return f"{self.models[0].family}/{self.source}/{self.task}/{self.variant}"


@dataclass(frozen=True)
class TaskMeans:
    """Accuracy of one condition, ready to be averaged over tasks.

    Attributes
    ----------
    columns : tuple of Model
        The models, then the sizes.
    means : ndarray of float, shape (columns,)
    drawn : ndarray of float, shape (draws, columns)
        Bootstrap over the task's items.
    n : int
    chance : float
    flags : tuple of str
        Of the columns, as in the table, those that an average takes over.
    """

    condition: Condition
    columns: tuple[Model, ...]
    means: Floats
    drawn: Floats
    n: int
    chance: float
    flags: tuple[str, ...]


def scale(models: Sequence[Model]) -> list[float]:
    """Training compute of each model of a family, or parameters where compute is not known of all.

    Raises
    ------
    UserError
        If neither is known of all.
    """
    for column in ("training_flops", "parameters"):
        values = [getattr(model, column) for model in models]
        if None not in values:
            return list(map(float, values))
    first = next(model for model in models if model.parameters is None)
    raise UserError(
        f"family '{first.family}', size '{first.size}'",
        "neither training compute nor parameters are known of all its sizes",
        "give one of them, or leave the size out",
    )


def by_size(models: Sequence[Model]) -> list[list[int]]:
    """Positions of the models of each size, smallest first; see `scale`."""
    groups: dict[str, list[int]] = {}
    for position in sorted(range(len(models)), key=scale(models).__getitem__):
        groups.setdefault(models[position].size, []).append(position)
    return list(groups.values())


def pooled(models: Sequence[Model]) -> Model:
    """All seeds of one size as one point of the curve.

    Raises
    ------
    UserError
        If they differ in more than their seed.
    """
    first = models[0]
    for other in models[1:]:
        if other.parameters != first.parameters:
            raise UserError(
                f"models {first.name} and {other.name}",
                f"both are size '{first.size}' of family '{first.family}' but have "
                f"{first.parameters} and {other.parameters} parameters",
                "give them different sizes",
            )
    return Model(
        name="",
        family=first.family,
        size=first.size,
        seed=None,
        parameters=first.parameters,
        non_embedding_parameters=first.non_embedding_parameters,
        training_tokens=_mean([model.training_tokens for model in models]),
        training_flops=_mean([model.training_flops for model in models]),
    )


def mean_over(members: Sequence[Sequence[int]], values: Floats) -> Floats:
    """Mean over the rows that belong together (the seeds of a size).

    Parameters
    ----------
    members : sequence of sequence of int
        For each size, the rows of its models.
    values : ndarray of float, shape (models, n)

    Returns
    -------
    ndarray of float, shape (sizes, n)
    """
    return np.stack([values[list(rows)].mean(axis=0) for rows in members])


def measure(
    condition: Condition, scores: Scores | WrittenAnswers, draws: int, seed: int
) -> tuple[list[Row], dict[str, Floats], TaskMeans | None]:
    """Measure one condition.

    Parameters
    ----------
    condition : Condition
    scores : Scores or WrittenAnswers
    draws, seed : int
        Of the bootstrap over items, for the rows that pool seeds.

    Returns
    -------
    rows : list of dict
        One per model and metric and one per size and metric, with the keys `COLUMNS`.
    per_item : dict of str to ndarray of float, shape (models, n)
        ``correct``: 1 or 0; without accuracy, what judges the task, higher being better.
        ``distractor``: 1 where the distractor task's class was chosen, else 0; NaN for items that
        have none.
    means : TaskMeans or None
        None without accuracy, since no average includes other metrics.
    """
    metrics = scores.metrics(condition.questions)
    members = by_size(condition.models)
    sizes = tuple(pooled([condition.models[row] for row in rows]) for rows in members)
    stacked = {
        name: np.concatenate([metric.values, mean_over(members, metric.values)])
        for name, metric in metrics.items()
    }
    drawn = _draw_all(stacked, draws, lambda: generator(seed, condition.source, condition.task))

    models = len(condition.models)
    columns = condition.models + sizes
    flags = flags_of(values_of(metrics, scores, condition.questions), members)
    rows: list[Row] = []
    for name, metric in metrics.items():
        low, high = interval(metric)
        if metric.share:
            pooled_low, pooled_high = share_interval(stacked[name][models:])
        else:
            pooled_low, pooled_high = percentile_interval(drawn[name][:, models:])
        low, high = np.concatenate([low, pooled_low]), np.concatenate([high, pooled_high])
        for column, model in enumerate(columns):
            rows.append(
                row_of(model, condition, name)
                | {
                    "value": float(stacked[name][column].mean()),
                    "low": float(low[column]),
                    "high": float(high[column]),
                    "n": metric.values.shape[1],
                    "chance": metric.chance,
                    "flags": names_for(flags[column], name),
                }
            )
    if condition.questions.unsplit:
        rows += [_unsplit(model, condition, flags[i]) for i, model in enumerate(columns)]
    primary = next(iter(metrics))
    if primary != "accuracy":
        correct = SIGNS[primary] * metrics[primary].values
        return rows, {"correct": correct, "distractor": np.full_like(correct, np.nan)}, None
    accuracy = metrics["accuracy"]
    distractor = np.full_like(accuracy.values, np.nan)
    if "distractor_share" in metrics:
        distractor[:, condition.questions.distractor >= 0] = metrics["distractor_share"].values
    means = TaskMeans(
        condition,
        columns,
        stacked["accuracy"].mean(axis=1),
        drawn["accuracy"],
        accuracy.values.shape[1],
        accuracy.chance,
        tuple(names_for([f for f in own if f.averaged], "accuracy") for own in flags),
    )
    return rows, {"correct": accuracy.values, "distractor": distractor}, means


def average_rows(tasks: Mapping[str, TaskMeans]) -> list[Row]:
    """Rows of the ten-task average of one family, source and variant.

    Parameters
    ----------
    tasks : mapping of str to TaskMeans
        By task name.

    Returns
    -------
    list of dict
        Empty unless all ten accuracy tasks are there; a model or size that lacks one is left out.

    Raises
    ------
    UserError
        If the tasks' protocols differ.
    """
    if not set(TEN_TASKS) <= set(tasks):
        return []
    ten = {task: tasks[task] for task in TEN_TASKS}
    first = ten[TEN_TASKS[0]].condition
    where = f"{first.models[0].family}/{first.source}/{AVERAGE}/{first.variant}"
    shared = {
        "protocol": one_protocol(
            where, {task: means.condition.questions.protocol for task, means in ten.items()}
        ),
        "modified": joined((means.condition.questions.modified for means in ten.values()), "; "),
    }
    columns = {
        task: {(model.name, model.size): column for column, model in enumerate(means.columns)}
        for task, means in ten.items()
    }
    rows: list[Row] = []
    for model in ten[TEN_TASKS[0]].columns:
        key = (model.name, model.size)
        if not all(key in own for own in columns.values()):
            continue
        column = {task: own[key] for task, own in columns.items()}
        value = ten_task_mean({task: ten[task].means[column[task]] for task in TEN_TASKS})
        low, high = percentile_interval(
            ten_task_mean({task: ten[task].drawn[:, column[task]] for task in TEN_TASKS})
        )
        rows.append(
            row_of(model, first, "accuracy")
            | shared
            | {
                "task": AVERAGE,
                "value": float(value),
                "low": float(low),
                "high": float(high),
                "n": sum(means.n for means in ten.values()),
                "chance": sum(means.chance for means in ten.values()) / len(ten),
                "flags": joined(
                    flag
                    for task, means in ten.items()
                    for flag in means.flags[column[task]].split(";")
                ),
            }
        )
    return rows


def one_protocol(where: str, protocols: Mapping[str, str]) -> str:
    """The protocol that all tasks of an average share.

    Parameters
    ----------
    where : str
        What is averaged, for the message.
    protocols : mapping of str to str
        Protocol of each task.

    Raises
    ------
    UserError
        If there are two: an average must never mix protocols.
    """
    first_task = {protocol: task for task, protocol in reversed(list(protocols.items()))}
    if len(first_task) > 1:
        names = " and ".join(f"'{name}' ({first_task[name]})" for name in sorted(first_task))
        raise UserError(
            where,
            f"the ten-task average would mix the protocols {names}",
            "give the prompts of a variant one protocol",
        )
    return next(iter(first_task))


def ten_task_mean(by_task: Mapping[str, Floats]) -> Floats:
    """Unweighted mean over the ten accuracy tasks of arrays of one shape.

    Raises
    ------
    KeyError
        If a task is missing; a mean over fewer tasks would not be comparable.
    """
    return np.mean([by_task[task] for task in TEN_TASKS], axis=0)


def row_of(model: Model, condition: Condition, metric: str) -> Row:
    """The cells of a row that name what was measured."""
    return {
        "family": model.family,
        "model": model.name,
        "size": model.size,
        "seed": model.seed,
        **{name: getattr(model, name) for name in SCALE},
        "source": condition.source,
        "task": condition.task,
        "variant": condition.variant,
        "protocol": condition.questions.protocol,
        "modified": condition.questions.modified,
        "metric": metric,
    }


def _unsplit(model: Model, condition: Condition, flags: Sequence[Flag]) -> Row:
    """The row that says how much of a task a variant leaves out; that has no error."""
    questions, name = condition.questions, "unsplit_share"
    return row_of(model, condition, name) | {
        "value": questions.unsplit_share,
        "low": None,
        "high": None,
        "n": questions.unsplit + len(questions.item),
        "chance": None,
        "flags": names_for(flags, name),
    }


def _draw_all(
    stacked: Mapping[str, Floats], draws: int, fresh: Callable[[], np.random.Generator]
) -> dict[str, Floats]:
    """Bootstrap all metrics at once; those of fewer items (no distractor) on their own."""
    drawn: dict[str, Floats] = {}
    for n in {values.shape[1] for values in stacked.values()}:
        names = [name for name, values in stacked.items() if values.shape[1] == n]
        means = resampled_means(np.concatenate([stacked[name] for name in names]).T, draws, fresh())
        splits = np.split(means, len(names), axis=1)
        drawn |= dict(zip(names, splits, strict=True))
    return drawn


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    # Equal values stay exactly equal: their mean could differ in the last digit.
    return known[0] if len(set(known)) == 1 else sum(known) / len(known)
