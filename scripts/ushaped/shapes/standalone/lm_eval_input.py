"""Curves from the output of lm-evaluation-harness (0.4), read by `.lm_eval_files`.

Samples give the value of each item. Where they are missing, or the metric is no mean over them, the
means and standard errors of the results are used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ushaped.axes import COMPUTE, Axis
from ushaped.errors import UserError
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Data, Means
from ushaped.shapes.standalone.lm_eval_files import (
    REMEDY,
    Aggregate,
    Run,
    Samples,
    read_runs,
    read_samples,
)
from ushaped.shapes.standalone.rows import check_columns, position, read_table
from ushaped.shapes.standalone.table_input import (
    CurveLabels,
    ModelAnswers,
    curve_from_answers,
    curve_from_counts,
    make_curve,
    scale_of,
    size_label,
)

# Default metrics: the first that every model has.
PREFERRED = ("acc", "exact_match", "acc_norm")
# Metrics for which higher, and lower, is better: the harness's registered metrics
# (lm_eval/api/metrics.py) and usual ones of its tasks.
HIGHER = {"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "acc_all", "exact_match", "em"} | {
    *("f1", "mcc", "bleu", "chrf", "rouge1", "rouge2", "rougeL", "rougeLsum", "mc1", "mc2"),
    *("pass@1", "pass_at_1", "anls", "prompt_level_strict_acc", "prompt_level_loose_acc"),
    *("inst_level_strict_acc", "inst_level_loose_acc"),
}
LOWER = {"perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "loss", "nll"} | {
    *("ter", "wer", "cer", "brier_score", "mae", "mse", "rmse", "ece"),
}
# TER is an error rate; the harness registers it as better where it is higher.
MISREGISTERED = {"ter"}
# Metrics whose value of guessing evenly is one over the number of choices.
GUESSED = {"acc", "acc_norm", "acc_bytes", "acc_mutual_info"}


@dataclass(frozen=True)
class Model:
    """A row of the models file."""

    name: str
    family: str
    size: str
    seed: str
    scale: float


class Summary(Protocol):
    """A model's mean: ``error`` is NaN and ``n`` is 0 where unknown.

    ``right`` are its right answers, None if the mean is no share of ``n`` items.
    """

    @property
    def mean(self) -> float: ...
    @property
    def error(self) -> float: ...
    @property
    def n(self) -> int: ...
    @property
    def right(self) -> int | None: ...


@dataclass(frozen=True)
class ModelResults:
    """One model's values on one task; ``means`` by metric and filter, empty without results."""

    run: Run
    samples: Samples | None
    means: Mapping[str, Aggregate]

    @property
    def metrics(self) -> list[str]:
        """Metrics with their filters."""
        return list(dict.fromkeys([*(self.samples.values if self.samples else ()), *self.means]))

    def answers(self, metric: str) -> Mapping[str, float] | None:
        """Values of a metric by item; None where only its mean is known."""
        return self.samples.values.get(metric) if self.samples else None

    def mean(self, metric: str) -> Aggregate:
        """Mean of a metric; of samples, as the harness computes it."""
        answers = self.answers(metric)
        if answers is None:
            return self.means[metric]
        values = np.array(list(answers.values()))
        error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return Aggregate(float(values.mean()), float(error), len(values))


def read_harness(
    paths: Sequence[Path],
    models: Path,
    metric: str = "",
    axis: Axis = COMPUTE,
    higher_is_better: bool | None = None,
    family: str = "",
    task: str = "",
    left_out: list[UserError] | None = None,
) -> list[tuple[Curve, Data]]:
    """Curves of every family of the models file on every task that was run.

    Parameters
    ----------
    paths : sequence of Path
        Files, and folders that are searched with all below them.
    models : Path
        Table with the columns model, family, scale, and optionally size and seed. A model is named
        as in the results (``EleutherAI/pythia-70m``), or by the end of its folder's path. Other
        models are ignored.
    metric : str
        A metric (``acc_norm``), if need be with its filter (``exact_match,strict-match``); by
        default the first of `PREFERRED` that every model has.
    axis : Axis
        What ``scale`` is.
    higher_is_better : bool, optional
        Of the metric; needed only if neither the results nor its name (`HIGHER`, `LOWER`) decide.
    family, task : str
        Curves to select; "" for all.
    left_out : list of UserError, optional
        If given, curves with an error and models without output are left out, and added to it.

    Returns
    -------
    list of (Curve, Data)
        `Items` where all models have samples of the metric, else `Counts` or `Means`. Where lower
        is better, the metric of the curve is ``sequence_loss``, and a flag names its own.

    Raises
    ------
    UserError
        If files are not what the harness writes, models were run differently, a value is no finite
        number, or the metric's direction is unknown.
    """
    runs, dangling = read_runs(paths)
    by_family: dict[str, list[tuple[Model, list[Run]]]] = {}
    for model in read_models(models, axis):
        own = [run for run in runs if run.is_of(model.name)]
        if not own and left_out is not None:
            what = f"there is no output of model '{model.name}'"
            left_out.append(UserError(str(models), what, "run it"))
            continue
        if not own:
            folders = ", ".join(sorted({run.folder.name for run in runs}))
            what = f"there is no output of model '{model.name}', only of {folders}"
            if dangling:
                what += f", and links to nothing: {', '.join(map(str, dangling))}"
            raise UserError(str(models), what, "write its name as the harness does")
        by_family.setdefault(model.family, []).append((model, own))
    names = [
        (name, own_task)
        for name, members in by_family.items()
        for own_task in dict.fromkeys(t for _, own in members for run in own for t in run.tasks)
    ]
    if not names:
        raise UserError(str(models), "names models that were run on no task", REMEDY)
    selected = [name for name in names if family in ("", name[0]) and task in ("", name[1])]
    if not selected:
        available = ", ".join("/".join(name) for name in names)
        raise UserError("--family, --task", f"name no curve of {available}", "name one of them")
    curves = []
    for name in selected:
        try:
            curves.append(_curve(*name, by_family[name[0]], metric, axis, higher_is_better))
        except UserError as error:
            if left_out is None:
                raise
            left_out.append(error)
    return curves


def read_models(path: Path, axis: Axis) -> list[Model]:
    """Models and their scales.

    Raises
    ------
    UserError
        With file and line, for a wrong cell, or two models of a size without seeds of their own.
    """
    rows = read_table(path)
    check_columns(path, rows[0], ("model", "family", "scale"), ("size", "seed"))
    models: dict[tuple[str, float, str], Model] = {}
    for row in rows:
        scale = scale_of(row, axis)
        size = row.get("size") or size_label(scale, axis)
        model = Model(row["model"], row["family"], size, row.get("seed", ""), scale)
        other = models.setdefault((model.family, scale, model.seed), model)
        if other is not model:
            what = f"models '{other.name}' and '{model.name}' have the same scale {row['scale']}"
            do = "correct it, or tell training seeds apart by a column seed"
            raise UserError(position(row), what, do)
    return list(models.values())


# -- curves ---------------------------------------------------------------------------------------


def _curve(
    family: str,
    task: str,
    members: Sequence[tuple[Model, list[Run]]],
    metric: str,
    axis: Axis,
    higher_is_better: bool | None,
) -> tuple[Curve, Data]:
    """The curve of one family on one task."""
    where = f"{family}/{task}"
    notes: list[str] = []
    results: dict[Model, ModelResults] = {}
    for model, runs in members:
        links = [str(link) for run in runs for link in run.dangling]
        notes += [f"a link to nothing, left out: {link}" for link in links]
        with_task = [run for run in runs if task in run.tasks]
        if with_task:
            latest = _latest(f"{where}, {model.name}", with_task, notes)
            results[model] = _read_results(latest, task)
        else:
            notes.append(f"left out, since the task was not run: {model.name}")
    name = _choose_metric(where, metric, list(results.values()))
    for model, own in results.items():
        _check(model, task, own, name, notes)
    plain_name = name.partition(",")[0]
    task_runs = {model: own.run for model, own in results.items()}
    higher = _direction(where, task, plain_name, task_runs, higher_is_better, notes)
    samples = next((own.samples for own in results.values() if own.samples), None)
    labels = CurveLabels(
        where,
        family=family,
        source="lm-evaluation-harness",
        task=task,
        protocol=_protocol(where, task, task_runs),
        metric="accuracy" if higher else "sequence_loss",
        axis=axis,
        chance=samples.chance if samples and plain_name in GUESSED else math.nan,
    )
    answers = [
        ModelAnswers(model.name, model.size, model.scale, values)
        for model, own in results.items()
        if (values := own.answers(name)) is not None
    ]
    if len(answers) == len(results):
        return curve_from_answers(labels, answers, notes=notes)
    notes.append("no samples of some models: their answers cannot be compared item by item")
    do = "run it again with --log_samples and --bootstrap_iters"
    means = {model: own.mean(name) for model, own in results.items()}
    return curve_from_means(labels, means, notes, do)


def _latest(where: str, runs: Sequence[Run], notes: list[str]) -> Run:
    """The last of several runs of a model, which must have the same arguments."""
    arguments = {run.arguments for run in runs if run.arguments is not None}
    if len(arguments) > 1:
        what = f"was run with different arguments ({' and '.join(sorted(arguments))})"
        do = "name each model by the end of its folder's path, or give one run only"
        raise UserError(where, what, do)
    if len(runs) > 1:
        notes.append(f"of {len(runs)} runs the latest: {where.rpartition(', ')[2]}")
    return runs[-1]


def _read_results(run: Run, task: str) -> ModelResults:
    samples = read_samples(run.samples[task]) if task in run.samples else None
    means = run.means(task)
    if samples and not samples.values and not means:
        raise UserError(str(samples.path), "has no samples with a number for a metric", REMEDY)
    return ModelResults(run, samples, means)


def _choose_metric(where: str, metric: str, results: Sequence[ModelResults]) -> str:
    """The metric to read, with its filter."""
    common = [name for name in results[0].metrics if all(name in own.metrics for own in results)]
    candidates = [metric] if metric else PREFERRED
    for candidate in candidates:
        names = [name for name in common if candidate in (name, name.partition(",")[0])]
        if len(names) == 1:
            return names[0]
        if names:
            do = f"name one of them with --metric: {' or '.join(names)}"
            raise UserError(where, f"metric '{candidate}' has several filters", do)
    what = f"its models have no metric '{' or '.join(candidates)}' in common"
    do = f"name another with --metric; common to all: {', '.join(common) or 'none'}"
    raise UserError(where, what, do)


def _check(model: Model, task: str, results: ModelResults, name: str, notes: list[str]) -> None:
    """Refuse a metric that is no finite number, or whose samples contradict its mean."""
    mean, samples, answers = results.means.get(name), results.samples, results.answers(name)
    if mean is not None and math.isnan(mean.mean):
        where = f"{results.run.path}, model '{model.name}', task '{task}'"
        do = "run the model again, or leave it out of the models file"
        raise UserError(where, f"the mean of '{name}' is no finite number", do)
    if samples is None or answers is None:
        return
    average = math.fsum(answers.values()) / len(answers)
    if mean is not None and not math.isclose(mean.mean, average, rel_tol=1e-6, abs_tol=1e-6):
        what = (
            f"its samples' mean of '{name}' is {average:.6g}, that in {results.run.path} "
            f"{mean.mean:.6g}"
        )
        do = "give all samples of that run; if the metric is no mean over samples, leave them out"
        raise UserError(f"{samples.path}, model '{model.name}'", what, do)
    if invalid := samples.invalid[name]:
        if mean is None:
            where = f"{samples.path}, line {invalid[0]}"
            do = "run the model again, or give the results too"
            raise UserError(where, f"of model '{model.name}', has no number for '{name}'", do)
        notes.append(
            f"left out, as in its results: samples of {model.name} without a number for '{name}' "
            f"({len(invalid):,})"
        )


def _direction(
    where: str,
    task: str,
    metric: str,
    runs: Mapping[Model, Run],
    option: bool | None,
    notes: list[str],
) -> bool:
    """Whether higher is better, by results, the metric's name or else the option."""
    recorded = {run.higher_is_better(task, metric) for run in runs.values()} - {None}
    if metric in MISREGISTERED:
        recorded = set()
    known = recorded or ({True} if metric in HIGHER else {False} if metric in LOWER else set())
    if option is None:
        if len(known) != 1:
            what = "results disagree" if known else "it is not known"
            what = f"of '{metric}', {what} whether higher or lower is better"
            raise UserError(where, what, "say --higher-is-better or --lower-is-better")
        higher = known == {True}
        reason = "as its results say" if recorded else "as is usual"
    else:
        name = "--higher-is-better" if option else "--lower-is-better"
        if known == {not option}:
            what = f"of '{metric}', {'lower' if option else 'higher'} is better"
            raise UserError(where, what, f"leave out {name}, or name another --metric")
        higher, reason = option, f"as {name} says"
    if not higher:
        notes.append(f"of '{metric}', lower is better, {reason}: it is read as a loss")
    elif option:
        notes.append(f"of '{metric}', higher is better, {reason}")
    return higher


def _protocol(where: str, task: str, runs: Mapping[Model, Run]) -> str:
    """The common protocol of all models."""
    models = {run.protocol(task): model.name for model, run in runs.items() if run.results}
    if len(models) > 1:
        (protocol, model), (other_protocol, other) = list(models.items())[:2]
        what = f"'{model}' was run with '{protocol}', '{other}' with '{other_protocol}'"
        raise UserError(where, what, "compare models that were run alike")
    return next(iter(models), "")


def curve_from_means(
    labels: CurveLabels, means: Mapping[Model, Summary], notes: Sequence[str], do: str
) -> tuple[Curve, Data]:
    """A curve of counts if every mean is one, else of means with their errors.

    Raises
    ------
    UserError
        If models are seeds of one size, a mean is no share, or an error is unknown; ``do`` says
        what to do then.
    """
    models = sorted(means, key=lambda model: model.scale)
    sizes, scales = [model.size for model in models], [model.scale for model in models]
    if len(set(scales)) < len(scales):
        do = f"{do}; or name one model per scale"
        raise UserError(labels.where, "has training seeds without samples", do)
    values, errors, items = np.array(
        [(means[model].mean, means[model].error, means[model].n) for model in models]
    ).T
    if labels.is_share:
        right = [means[model].right for model in models]
        if None not in right:
            counts = np.array(right, dtype=np.int64)
            return curve_from_counts(labels, sizes, scales, counts, items.astype(np.int64), notes)
        if not ((values >= 0) & (values <= 1)).all():
            remedy = "name another with --metric, or write a table with scale,mean,error"
            raise UserError(labels.where, "the metric is no share from 0 to 1", remedy)
    for model, error in zip(models, errors, strict=True):
        if not error > 0:
            raise UserError(labels.where, f"'{model.name}' has no standard error above 0", do)
    return make_curve(labels, sizes, scales, values, None, notes), Means(errors)
