"""Curves from what lm-evaluation-harness (0.4) has written; `harness_files` reads the files.

Samples tell which items a model got right; where they are missing, or the metric is no mean over
them, the means and standard errors of the results are used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ushaped.errors import UserError
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Data, Means
from ushaped.shapes.standalone.lm_eval_files import (
    WRITTEN,
    Aggregate,
    Run,
    Samples,
    read_runs,
    read_samples,
)
from ushaped.shapes.standalone.table_input import (
    About,
    ModelAnswers,
    check_columns,
    counted,
    curve_from_answers,
    label,
    make_curve,
    positive,
    read_table,
)

# The metrics that are taken if none is named, the first that every model has.
PREFERRED = ("acc", "exact_match", "acc_norm")
# Of these metrics higher is better, of those lower: the harness's registered metrics
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
# Metrics by which guessing evenly among the choices is worth one over their number.
GUESSED = {"acc", "acc_norm", "acc_bytes", "acc_mutual_info"}

COMPARE = "compare models that were run alike"


@dataclass(frozen=True)
class Model:
    """Where a model stands: a row of the models file."""

    name: str
    family: str
    size: str
    seed: str
    scale: float


@dataclass(frozen=True)
class Measured:
    """One model's values on one task.

    Attributes
    ----------
    run : Run
    samples : Samples or None
    means : dict of str to Aggregate
        By metric and filter; empty where there are no results.
    """

    run: Run
    samples: Samples | None
    means: Mapping[str, Aggregate]

    @property
    def names(self) -> list[str]:
        """Metrics with their filters."""
        return list(dict.fromkeys([*(self.samples.values if self.samples else ()), *self.means]))

    def answers(self, name: str) -> Mapping[str, float] | None:
        """Values of a metric by item; None where only its mean is known."""
        return self.samples.values.get(name) if self.samples else None

    def mean(self, name: str) -> Aggregate:
        """Mean of a metric; of samples, as the harness computes it."""
        answers = self.answers(name)
        if answers is None:
            return self.means[name]
        values = np.array(list(answers.values()))
        error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return Aggregate(float(values.mean()), float(error), len(values))


def read_harness(
    paths: Sequence[Path],
    models: Path,
    metric: str = "",
    by_parameters: bool = False,
    higher_is_better: bool | None = None,
    family: str = "",
    task: str = "",
) -> list[tuple[Curve, Data]]:
    """Curves of every family of the models file on every task that was run.

    Parameters
    ----------
    paths : sequence of Path
        Folders, searched with all below them, or files.
    models : Path
        Table with the columns model, family, scale, and if wished size and seed. A model is named
        as in the results (``EleutherAI/pythia-70m``), or by the end of its folder's path. Models
        that are not named there are not read.
    metric : str
        A metric (``acc_norm``), if need be with its filter (``exact_match,strict-match``); else the
        first of `PREFERRED` that every model has.
    by_parameters : bool
        Whether ``scale`` is the number of parameters; else it is training FLOPs.
    higher_is_better : bool, optional
        Of the metric; only needed where neither its name (`HIGHER`, `LOWER`) nor the results say.
    family, task : str
        Of the curves to read; "" for all.

    Returns
    -------
    list of (Curve, Data)
        `Items` where all models have samples of the metric, else `Counts` or `Means`. Where lower
        is better, the metric of the curve is ``sequence_loss``, and a flag names its own.

    Raises
    ------
    UserError
        If files are not what the harness writes, models were run differently, a value is no finite
        number, or the metric's direction is not known.
    """
    runs, dangling = read_runs(paths)
    by_family: dict[str, list[tuple[Model, list[Run]]]] = {}
    for model in read_models(models, by_parameters):
        own = [run for run in runs if run.is_of(model.name)]
        if not own:
            found = ", ".join(sorted({run.folder.name for run in runs}))
            what = f"there is no output of model '{model.name}', only of {found}"
            if dangling:
                what += f", and links to nothing: {', '.join(map(str, dangling))}"
            raise UserError(str(models), what, "write its name as the harness does")
        by_family.setdefault(model.family, []).append((model, own))
    names = [
        (of_family, of_task)
        for of_family, members in by_family.items()
        for of_task in dict.fromkeys(t for _, own in members for run in own for t in run.tasks)
    ]
    if not names:
        raise UserError(str(models), "names models that were run on no task", WRITTEN)
    wanted = [name for name in names if family in ("", name[0]) and task in ("", name[1])]
    if not wanted:
        has = ", ".join("/".join(name) for name in names)
        raise UserError("--family, --task", f"name no curve of {has}", "name one of them")
    return [
        _curve(*name, by_family[name[0]], metric, by_parameters, higher_is_better)
        for name in wanted
    ]


def read_models(path: Path, by_parameters: bool) -> list[Model]:
    """Models and their scales.

    Raises
    ------
    UserError
        With file and line, for a wrong cell, or two models of a size without seeds of their own.
    """
    rows = read_table(path)
    check_columns(path, rows[0], ("model", "family", "scale"), ("size", "seed"))
    found: dict[tuple[str, float, str], Model] = {}
    for row in rows:
        scale = positive(row, "scale")
        size = row.get("size") or label(scale, by_parameters)
        model = Model(row["model"], row["family"], size, row.get("seed", ""), scale)
        other = found.setdefault((model.family, scale, model.seed), model)
        if other is not model:
            what = f"models '{other.name}' and '{model.name}' have the same scale {row['scale']}"
            do = "correct it, or tell training seeds apart by a column seed"
            raise UserError(f"{path}, line {row['line']}", what, do)
    return list(found.values())


# -- curves ---------------------------------------------------------------------------------------


def _curve(
    family: str,
    task: str,
    members: Sequence[tuple[Model, list[Run]]],
    metric: str,
    by_parameters: bool,
    higher_is_better: bool | None,
) -> tuple[Curve, Data]:
    """The curve of one family on one task."""
    where = f"{family}/{task}"
    notes: list[str] = []
    runs: dict[Model, Run] = {}
    for model, own in members:
        links = [str(link) for run in own for link in run.dangling]
        notes += [f"a link to nothing, left out: {link}" for link in links]
        with_task = [run for run in own if task in run.tasks]
        if with_task:
            runs[model] = _latest(f"{where}, {model.name}", task, with_task, notes)
        else:
            notes.append(f"left out, since the task was not run: {model.name}")
    measured = {model: _measured(run, task) for model, run in runs.items()}
    chosen = _choose(where, metric, list(measured.values()))
    for model, one in measured.items():
        _check(model, task, one, chosen, notes)
    name = chosen.partition(",")[0]
    higher = _direction(where, task, name, list(runs.values()), higher_is_better, notes)
    samples = next((one.samples for one in measured.values() if one.samples), None)
    about = About(
        where,
        family=family,
        source="lm-evaluation-harness",
        task=task,
        protocol=_protocol(where, task, runs),
        metric="accuracy" if higher else "sequence_loss",
        by_parameters=by_parameters,
        chance=samples.chance if samples and name in GUESSED else math.nan,
    )
    answers = {model: one.answers(chosen) for model, one in measured.items()}
    answered = [
        ModelAnswers(model.name, model.size, model.scale, own)
        for model, own in answers.items()
        if own is not None
    ]
    if len(answered) == len(measured):
        return curve_from_answers(about, answered, notes=notes)
    notes.append("no samples of some models: their answers cannot be compared item by item")
    return _of_means(about, {model: one.mean(chosen) for model, one in measured.items()}, notes)


def _latest(where: str, task: str, runs: Sequence[Run], notes: list[str]) -> Run:
    """The last of several runs of a model, which must have been alike."""
    told = {run.arguments for run in runs if run.arguments is not None}
    if len(told) > 1:
        what = f"was run with different arguments ({' and '.join(sorted(told))})"
        do = "name each model by the end of its folder's path, or give one run only"
        raise UserError(where, what, do)
    if len(runs) > 1:
        notes.append(f"of {len(runs)} runs the latest: {where.rpartition(', ')[2]}")
    return runs[-1]


def _measured(run: Run, task: str) -> Measured:
    samples = read_samples(run.samples[task]) if task in run.samples else None
    means = run.means(task)
    if samples and not samples.values and not means:
        raise UserError(str(samples.path), "has no samples with a number for a metric", WRITTEN)
    return Measured(run, samples, means)


def _choose(where: str, metric: str, measured: Sequence[Measured]) -> str:
    """The metric with its filter that is read."""
    names = [one.names for one in measured]
    common = [name for name in names[0] if all(name in own for own in names)]
    wanted = [metric] if metric else PREFERRED
    for one in wanted:
        fits = [name for name in common if one in (name, name.partition(",")[0])]
        if len(fits) == 1:
            return fits[0]
        if fits:
            do = f"name one of them with --metric: {' or '.join(fits)}"
            raise UserError(where, f"metric '{one}' has several filters", do)
    told = ", ".join(common) or "none"
    what = f"its models have no metric '{' or '.join(wanted)}' in common"
    raise UserError(where, what, f"name another with --metric; common to all: {told}")


def _check(model: Model, task: str, measured: Measured, name: str, notes: list[str]) -> None:
    """Refuse a metric that is no finite number, or whose samples are not those of its mean."""
    mean, samples = measured.means.get(name), measured.samples
    if mean is not None and math.isnan(mean.mean):
        where = f"{measured.run.path}, model '{model.name}', task '{task}'"
        do = "run the model again, or leave it out of the models file"
        raise UserError(where, f"the mean of '{name}' is no finite number", do)
    answers = measured.answers(name)
    if samples is None or answers is None:
        return
    average = math.fsum(answers.values()) / len(answers)
    if mean is not None and not math.isclose(mean.mean, average, rel_tol=1e-6, abs_tol=1e-6):
        what = (
            f"its samples' mean of '{name}' is {average:.6g}, that in {measured.run.path} "
            f"{mean.mean:.6g}"
        )
        do = "give all samples of that run; if the metric is no mean over samples, leave them out"
        raise UserError(f"{samples.path}, model '{model.name}'", what, do)
    if odd := samples.odd[name]:
        if mean is None:
            where = f"{samples.path}, line {odd[0]}"
            do = "run the model again, or give the results too"
            raise UserError(where, f"of model '{model.name}', has no number for '{name}'", do)
        notes.append(
            f"left out, as in its results: samples of {model.name} without a number for '{name}' "
            f"({len(odd):,})"
        )


def _direction(
    where: str,
    task: str,
    metric: str,
    runs: Sequence[Run],
    given: bool | None,
    notes: list[str],
) -> bool:
    """Whether higher is better, as results, the metric's name or else the caller say."""
    every = (run.higher_is_better(task, metric) for run in runs)
    said = {one for one in every if one is not None}
    if metric in MISREGISTERED:
        said = set()
    known = said or ({True} if metric in HIGHER else {False} if metric in LOWER else set())
    if given is None:
        if len(known) != 1:
            what = f"of '{metric}', it is not known whether higher or lower is better"
            if known:
                what = f"of '{metric}', results disagree whether higher or lower is better"
            raise UserError(where, what, "say --higher-is-better or --lower-is-better")
        (higher,) = known
        reason = "as its results say" if said else "as is usual"
    else:
        option = "--higher-is-better" if given else "--lower-is-better"
        if known == {not given}:
            what = f"of '{metric}', {'lower' if given else 'higher'} is better"
            raise UserError(where, what, f"leave out {option}, or name another --metric")
        higher, reason = given, f"as {option} says"
    if not higher:
        notes.append(f"of '{metric}', lower is better, {reason}: it is read as a loss")
    elif given:
        notes.append(f"of '{metric}', higher is better, {reason}")
    return higher


def _protocol(where: str, task: str, runs: Mapping[Model, Run]) -> str:
    """How all models were asked."""
    told = {run.protocol(task): model.name for model, run in runs.items() if run.results}
    if len(told) > 1:
        (one, first), (other, second) = list(told.items())[:2]
        what = f"'{first}' was run with '{one}', '{second}' with '{other}'"
        raise UserError(where, what, COMPARE)
    return next(iter(told), "")


def _of_means(
    about: About, means: Mapping[Model, Aggregate], notes: Sequence[str]
) -> tuple[Curve, Data]:
    """A curve of counts if all means are such, else of means with their errors."""
    models = sorted(means, key=lambda model: model.scale)
    scales = [model.scale for model in models]
    if len(set(scales)) < len(scales):
        do = "run them again with --log_samples, or name one model per scale"
        raise UserError(about.where, "has training seeds without samples", do)
    sizes = [model.size for model in models]
    if about.metric == "accuracy":
        right = [means[model].right for model in models]
        if None not in right:
            items = np.array([means[model].n for model in models], dtype=np.int64)
            return counted(about, sizes, scales, np.array(right, dtype=np.int64), items, notes)
        if not all(0 <= means[model].mean <= 1 for model in models):
            do = "name another with --metric, or write a table with scale,mean,error"
            raise UserError(about.where, "the metric is no share from 0 to 1", do)
    for model in models:
        if not means[model].error > 0:
            what = f"'{model.name}' has no standard error above 0"
            do = "run it again with --log_samples and --bootstrap_iters"
            raise UserError(about.where, what, do)
    values, errors = (
        np.array([getattr(means[model], name) for model in models]) for name in ("mean", "error")
    )
    curve = make_curve(about, sizes, scales, values, None, notes)
    return curve, Means(errors)
