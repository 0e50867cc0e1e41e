"""Curves from what lm-evaluation-harness (0.4) has written.

A run writes ``results_<date>.json`` into a folder named after the model, and with ``--log_samples``
beside it ``samples_<task>_<date>.jsonl`` with one line for each document and filter. Samples tell
which items a model got right; where they are missing, the means and standard errors of the results
are used. The formats were read in version 0.4.9 and checked against files that 0.4.13 wrote
(``loggers/evaluation_tracker.py``, ``evaluator.py``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ushaped.errors import UserError
from ushaped.metrics.definitions import joined
from ushaped.shapes.alone import (
    About,
    Answered,
    check_columns,
    counted,
    curve_of,
    from_answers,
    label,
    positive,
    read_table,
)
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Data, Means

# The metrics that are taken if none is named, the first that every model has.
PREFERRED = ("acc", "exact_match", "acc_norm")
# The keys of a sample that are no metric; older versions do not list a sample's metrics.
NO_METRICS = {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps"} | {
    *("filter", "metrics", "doc_hash", "prompt_hash", "target_hash")
}
# What the harness writes for a standard error that it did not compute.
NOT_COMPUTED = "N/A"

DATE = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
SAMPLES_NAME = re.compile(rf"samples_(?P<task>.+)_(?P<date>{DATE})\.jsonl")
RESULTS_NAME = re.compile(rf".+_(?P<date>{DATE})\.json")

WRITTEN = "give what 'lm_eval --output_path ... --log_samples' wrote"
COMPARE = "compare models that were run alike"


@dataclass(frozen=True)
class Model:
    """Where a model stands: a row of the models file."""

    name: str
    family: str
    size: str
    seed: str
    scale: float


@dataclass
class Run:
    """Files of one folder and date.

    Attributes
    ----------
    folder : Path
    date : str
    results : dict
        What ``results_<date>.json`` holds; empty where there is none.
    samples : dict of str to Path
        File of each task.
    """

    folder: Path
    date: str
    results: dict[str, Any] = field(default_factory=dict)
    samples: dict[str, Path] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """What the model is called there, as it may stand in a folder's name."""
        return {self.folder.name, sanitised(self.results.get("model_name") or self.folder.name)}

    @property
    def tasks(self) -> list[str]:
        """Tasks of the run; the groups among its results are none."""
        return list(dict.fromkeys([*self.results.get("configs", {}), *self.samples]))

    def protocol(self, task: str) -> str:
        """How the task was asked; "" where there are no results that say it."""
        if not self.results:
            return ""
        shots = self.results.get("n-shot", {}).get(task)
        version = self.results.get("versions", {}).get(task)
        return joined(
            (
                "" if shots is None else f"{shots}-shot",
                "" if version is None else f"task version {version}",
                "chat template" if self.results.get("chat_template_sha") else "",
                "system instruction" if self.results.get("system_instruction_sha") else "",
            ),
            ", ",
        )


@dataclass(frozen=True)
class Samples:
    """One model's samples of one task.

    Attributes
    ----------
    values : dict of str to dict of str to float
        For each metric and filter (``acc,none``) and item, the value. An item is known by its
        number and the digest of its content.
    chance : float
        Value of guessing evenly among the choices; NaN where there are none.
    """

    values: dict[str, dict[str, float]]
    chance: float


@dataclass(frozen=True)
class Aggregate:
    """One model's mean on one task; ``error`` is NaN and ``n`` 0 where they are not known."""

    mean: float
    error: float
    n: int

    @property
    def right(self) -> int | None:
        """Right answers, if mean and standard error are those of so many items of 1 or 0."""
        if not self.n:
            return None
        right = round(self.mean * self.n)
        if not math.isclose(self.mean * self.n, right, abs_tol=1e-6 * self.n):
            return None
        # The harness divides by n - 1 under the root, by n for the mean.
        binomial = math.sqrt(max(self.mean * (1 - self.mean), 0) / max(self.n - 1, 1))
        known = not math.isnan(self.error)
        return right if known and math.isclose(self.error, binomial, abs_tol=1e-6) else None


Measured = Samples | Mapping[str, Aggregate]


def read_harness(
    paths: Sequence[Path], models: Path, metric: str = "", by_parameters: bool = False
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

    Returns
    -------
    list of (Curve, Data)
        `Items` where all models have samples, else `Counts` or `Means`.

    Raises
    ------
    UserError
        If files are not what the harness writes, models were run differently, or the metric is no
        share.
    """
    runs = _runs(paths)
    by_family: dict[str, list[tuple[Model, list[Run]]]] = {}
    for model in read_models(models, by_parameters):
        own = [run for run in runs if _is_of(run, model.name)]
        if not own:
            found = sorted({run.folder.name for run in runs})
            what = f"there is no output of model '{model.name}', only of {', '.join(found)}"
            raise UserError(str(models), what, "write its name as the harness does")
        by_family.setdefault(model.family, []).append((model, own))
    return [
        _curve(family, task, members, metric, by_parameters)
        for family, members in by_family.items()
        for task in dict.fromkeys(t for _, own in members for run in own for t in run.tasks)
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


def sanitised(name: str) -> str:
    """Name of a model as the harness writes it into a folder's name.

    Examples
    --------
    >>> sanitised("EleutherAI/pythia-70m")
    'EleutherAI__pythia-70m'
    """
    return re.sub(r'["<>:/|\\?*\[\]]+', "__", name)


# -- files ----------------------------------------------------------------------------------------


def _runs(paths: Iterable[Path]) -> list[Run]:
    """Runs in the given folders and files, the earliest first."""
    runs: dict[tuple[Path, str], Run] = {}
    for path in paths:
        if not path.exists():
            raise UserError(str(path), "is not there", WRITTEN)
        for file in sorted(path.rglob("*.json*")) if path.is_dir() else [path]:
            samples, results = SAMPLES_NAME.fullmatch(file.name), RESULTS_NAME.fullmatch(file.name)
            match = samples or results
            if match is None:
                if path.is_dir():
                    continue
                raise UserError(str(file), "is not named as the harness names files", WRITTEN)
            folder = file.resolve().parent
            run = runs.setdefault((folder, match["date"]), Run(folder, match["date"]))
            if samples:
                run.samples[samples["task"]] = file
            else:
                run.results = _read_results(file)
    if not runs:
        told = ", ".join(str(path) for path in paths)
        raise UserError(told, "holds no output of lm-evaluation-harness", WRITTEN)
    return sorted(runs.values(), key=lambda run: run.date)


def _read_results(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        read = None
    if not isinstance(read, dict) or "results" not in read:
        raise UserError(str(path), "holds no results of lm-evaluation-harness", WRITTEN)
    return read


def _is_of(run: Run, model: str) -> bool:
    """Whether a run is of the model, by its name or by the end of the folder's path."""
    return sanitised(model) in run.names or f"/{run.folder.as_posix()}".endswith(f"/{model}")


def _read_samples(path: Path) -> Samples:
    """Values of one file of samples."""
    values: dict[str, dict[str, float]] = {}
    inverse_choices: dict[str, float] = {}
    try:
        with open(path, encoding="utf-8") as lines:
            for count, line in enumerate(lines, 1):
                where = f"{path}, line {count}"
                sample = _sample(where, line)
                item = f"{sample['doc_id']}:{sample.get('doc_hash', '')}"
                inverse_choices[item] = _even(sample)
                for metric in sample.get("metrics", sample.keys() - NO_METRICS):
                    value = sample.get(metric)
                    if not isinstance(value, int | float) or not math.isfinite(value):
                        continue
                    own = values.setdefault(f"{metric},{sample.get('filter', 'none')}", {})
                    if item in own:
                        raise UserError(
                            where, f"document {sample['doc_id']} is there twice", WRITTEN
                        )
                    own[item] = value
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(str(path), f"cannot be read ({error})", WRITTEN) from None
    if not values:
        raise UserError(str(path), "has no samples with a number for a metric", WRITTEN)
    return Samples(values, float(np.mean(list(inverse_choices.values()))))


def _sample(where: str, line: str) -> dict[str, Any]:
    try:
        sample = json.loads(line)
    except ValueError:
        sample = None
    if not isinstance(sample, dict) or "doc_id" not in sample:
        raise UserError(where, "is no sample of lm-evaluation-harness", WRITTEN)
    return sample


def _even(sample: Mapping[str, Any]) -> float:
    """One over the number of choices; NaN where an answer is written freely.

    A multiple choice has one request for each choice, and as many again without the question
    where mutual information is measured.
    """
    requests = len(sample.get("arguments", ()))
    if "acc_mutual_info" in sample:
        requests //= 2
    return 1 / requests if requests > 1 else math.nan


def _aggregates(run: Run, task: str) -> dict[str, Aggregate]:
    """Means of a task by metric and filter."""
    of_task = run.results.get("results", {}).get(task, {})
    effective = run.results.get("n-samples", {}).get(task, {}).get("effective")
    found = {}
    for key, mean in of_task.items():
        metric, comma, filtered = key.partition(",")
        if not comma or metric.endswith("_stderr") or not isinstance(mean, int | float):
            continue
        error = of_task.get(f"{metric}_stderr,{filtered}", NOT_COMPUTED)
        known = math.nan if error == NOT_COMPUTED else float(error)
        found[key] = Aggregate(float(mean), known, int(of_task.get("sample_len", effective or 0)))
    return found


# -- curves ---------------------------------------------------------------------------------------


def _curve(
    family: str,
    task: str,
    members: Sequence[tuple[Model, list[Run]]],
    metric: str,
    by_parameters: bool,
) -> tuple[Curve, Data]:
    """The curve of one family on one task."""
    where = f"{family}/{task}"
    notes: list[str] = []
    runs: dict[Model, Run] = {}
    for model, own in members:
        with_task = [run for run in own if task in run.tasks]
        if with_task:
            runs[model] = _latest(f"{where}, {model.name}", task, with_task, notes)
        else:
            notes.append(f"left out, since the task was not run: {model.name}")
    measured = {model: _measured(run, task) for model, run in runs.items()}
    chosen = _choose(where, metric, list(measured.values()))
    lower = [_lower_is_better(run, task, chosen) for run in runs.values()]
    if any(lower):
        do = "write a table with the columns scale,mean,error and say --lower-is-better"
        raise UserError(where, f"of '{chosen}', lower is better", do)
    chances = [some.chance for some in measured.values() if isinstance(some, Samples)]
    about = About(
        where,
        family=family,
        source="lm-evaluation-harness",
        task=task,
        protocol=_protocol(where, task, runs),
        metric="accuracy",
        by_parameters=by_parameters,
        chance=chances[0] if chances else math.nan,
    )
    if all(isinstance(some, Samples) for some in measured.values()):
        answered = [
            Answered(model.name, model.size, model.scale, some.values[chosen])
            for model, some in measured.items()
            if isinstance(some, Samples)
        ]
        return from_answers(about, answered, notes=notes)
    means = {model: _aggregate(some, chosen) for model, some in measured.items()}
    notes.append("no samples of some models: their answers cannot be compared item by item")
    return _of_means(about, means, notes)


def _latest(where: str, task: str, runs: Sequence[Run], notes: list[str]) -> Run:
    """The last of several runs of a model, which must have been alike."""
    told = {str(run.results["config"].get("model_args")) for run in runs if "config" in run.results}
    if len(told) > 1:
        what = f"was run with different arguments ({' and '.join(sorted(told))})"
        do = "name each model by the end of its folder's path, or give one run only"
        raise UserError(where, what, do)
    if len(runs) > 1:
        notes.append(f"of {len(runs)} runs the latest: {where.rpartition(', ')[2]}")
    return runs[-1]


def _measured(run: Run, task: str) -> Measured:
    if task in run.samples:
        return _read_samples(run.samples[task])
    return _aggregates(run, task)


def _choose(where: str, metric: str, measured: Sequence[Measured]) -> str:
    """The metric with its filter that is read."""
    names = [list(some.values if isinstance(some, Samples) else some) for some in measured]
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


def _lower_is_better(run: Run, task: str, name: str) -> bool:
    told = run.results.get("higher_is_better", {}).get(task, {})
    return told.get(name.partition(",")[0]) is False


def _protocol(where: str, task: str, runs: Mapping[Model, Run]) -> str:
    """How all models were asked."""
    told = {run.protocol(task): model.name for model, run in runs.items() if run.results}
    if len(told) > 1:
        (one, first), (other, second) = list(told.items())[:2]
        what = f"'{first}' was run with '{one}', '{second}' with '{other}'"
        raise UserError(where, what, COMPARE)
    return next(iter(told), "")


def _aggregate(some: Measured, name: str) -> Aggregate:
    """Mean of a model; of samples, as the harness computes it."""
    if not isinstance(some, Samples):
        return some[name]
    values = np.array(list(some.values[name].values()))
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Aggregate(float(values.mean()), float(error), len(values))


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
    right = [means[model].right for model in models]
    if None not in right:
        items = np.array([means[model].n for model in models], dtype=np.int64)
        return counted(about, sizes, scales, np.array(right, dtype=np.int64), items, notes)
    for model in models:
        if not means[model].error > 0:
            what = f"'{model.name}' has no standard error above 0"
            raise UserError(about.where, what, "run it again with --log_samples")
        if not 0 <= means[model].mean <= 1:
            do = "name another with --metric, or write a table with scale,mean,error"
            raise UserError(about.where, "the metric is no share from 0 to 1", do)
    values, errors = (
        np.array([getattr(means[model], name) for model in models]) for name in ("mean", "error")
    )
    curve = curve_of(about, sizes, scales, values, None, notes)
    return curve, Means(errors)
