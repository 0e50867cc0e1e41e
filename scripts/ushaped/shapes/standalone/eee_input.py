"""Curves from files of Every Eval Ever, read by `.eee_files`.

A curve is of the models of one family, of one library (or, of files that this workflow wrote, one
source of items) and one evaluation. Where every model has instances, their answers are compared
item by item; else the numbers of right answers, or means and standard errors, are used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ushaped.axes import COMPUTE, PARAMETERS, TRAINING_TOKENS, Axis
from ushaped.errors import UserError
from ushaped.metrics.definitions import joined
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Data
from ushaped.shapes.standalone.eee_files import (
    REMEDY,
    Instances,
    Log,
    Score,
    find_logs,
    is_log,
    load,
    read_log,
)
from ushaped.shapes.standalone.lm_eval_input import HIGHER, LOWER, Model, curve_from_means
from ushaped.shapes.standalone.lm_eval_input import read_models as read_model_table
from ushaped.shapes.standalone.reading import Reading, Wanted, listed
from ushaped.shapes.standalone.rows import LARGEST_NUMBER
from ushaped.shapes.standalone.table_input import (
    CurveLabels,
    ModelAnswers,
    curve_from_answers,
    size_label,
)
from ushaped.terms import SIGNS

# Default metrics: the first that every model has, unless there is only one.
PREFERRED = ("accuracy", "acc", "exact_match", "acc_norm", *SIGNS)
# Keys of the scale among additional details of a model, and what one stands for.
KEYS: Mapping[Axis, Mapping[str, float]] = {
    COMPUTE: {"training_flops": 1.0},
    PARAMETERS: {"parameters": 1.0, "num_parameters": 1.0, "params_billions": 1e9},
    TRAINING_TOKENS: {"training_tokens": 1.0},
}


@dataclass(frozen=True)
class _Key:
    """What a curve is of."""

    family: str
    source: str
    task: str
    variant: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.family, self.task, self.variant) if part)


@dataclass
class _Group:
    """Scores of one curve by metric, then by model; and what there is to say of its models."""

    scores: dict[str, dict[Model, list[Score]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_every_eval_ever(paths: Sequence[Path], wanted: Wanted) -> Reading:
    """Curves of aggregate files and the instances beside them.

    Parameters
    ----------
    paths : sequence of Path
        Aggregate files, and folders that are searched with all below them. Instances are found
        through them.
    wanted : Wanted
        ``models`` gives family and scale of each model, by id or name; without it they are read
        from its additional details (``family``, ``training_flops``, or ``parameters`` and
        ``training_tokens``).

    Returns
    -------
    Reading
        Models without a scale, files of other versions and curves with an error are left out.

    Raises
    ------
    UserError
        If there is no such file, or nothing in them can be judged.
    """
    reading = Reading()
    logs = _read_logs(paths, reading.left_out)
    axis = wanted.axis or COMPUTE
    table = read_model_table(wanted.models, axis) if wanted.models else None
    groups: dict[_Key, _Group] = {}
    for log in logs:
        try:
            model, notes = _place(log, table, wanted, axis)
        except UserError as error:
            reading.left_out.append(error)
            continue
        for score in log.scores:
            group = groups.setdefault(_key(model, score), _Group())
            group.scores.setdefault(score.metric, {}).setdefault(model, []).append(score)
            group.notes += [note for note in notes if note not in group.notes]
    names = {key: group for key, group in groups.items() if _is_wanted(key, wanted)}
    if groups and not names:
        raise UserError(
            "--family, --task", f"name no curve of {', '.join(map(str, groups))}", "name one"
        )
    for key, group in names.items():
        try:
            curve, data = _curve(key, group, wanted, axis, reading.left_out)
            reading.curves.append((curve, data))
            reading.origins[curve.key] = _origin(group)
        except UserError as error:
            reading.left_out.append(error)
    return reading


def _read_logs(paths: Sequence[Path], left_out: list[UserError]) -> list[Log]:
    logs, others = [], 0
    for path, named in find_logs(paths):
        try:
            content = load(path)
            if is_log(content):
                logs.append(read_log(path, content, left_out))
            elif named:
                raise UserError(str(path), "is no aggregate file of Every Eval Ever", REMEDY)
            else:
                others += 1
        except UserError as error:
            left_out.append(error)
    if not logs and not left_out:
        raise UserError(listed(paths), "holds no file of Every Eval Ever", REMEDY)
    if others:
        where = listed([path for path in paths if path.is_dir()])
        what = f"{others} JSON files are of another format"
        left_out.append(UserError(where, what, "they were not read"))
    return logs


def _is_wanted(key: _Key, wanted: Wanted) -> bool:
    return wanted.family in ("", key.family) and wanted.task in ("", key.task)


def _key(model: Model, score: Score) -> _Key:
    own = score.own
    return _Key(
        model.family,
        own.get("source") or score.log.library,
        own.get("task") or score.name,
        own.get("variant", ""),
    )


# -- models ---------------------------------------------------------------------------------------


def _place(
    log: Log, table: Sequence[Model] | None, wanted: Wanted, axis: Axis
) -> tuple[Model, list[str]]:
    """Family, size and scale of the model of a file, and what there is to say of them."""
    where = f"{log.path}, model '{log.model}'"
    if table is not None:
        found = [model for model in table if model.name in log.names]
        if not found:
            do = "add a line to it; its id there is its id here"
            raise UserError(where, f"is not in {wanted.models}", do)
        return found[0], []
    scale, notes = _scale(log, axis), []
    if math.isnan(scale) and axis is COMPUTE:
        parameters, tokens = _scale(log, PARAMETERS), _scale(log, TRAINING_TOKENS)
        scale = 6 * parameters * tokens
        if not math.isnan(scale):
            notes.append(f"training FLOPs not given, 6 × parameters × tokens used: {log.model}")
    if not 0 < scale <= LARGEST_NUMBER:
        keys = " or ".join(f"'{key}'" for key in KEYS.get(axis, ()))
        do = f"give --models with model,family,scale{f', or {keys} in its details' if keys else ''}"
        raise UserError(where, f"its {axis.noun} is unknown", do)
    family = log.details.get("family") or wanted.family
    if not family:
        do = "give --models with model,family,scale, or --family if all are of one"
        raise UserError(where, "its family is unknown", do)
    size = log.details.get("size") or size_label(scale, axis)
    return Model(log.model, family, size, log.details.get("seed", ""), scale), notes


def _scale(log: Log, axis: Axis) -> float:
    """Value on an axis by the details of a model; NaN where unknown."""
    for key, unit in KEYS.get(axis, {}).items():
        try:
            return unit * float(log.details[key])
        except (KeyError, ValueError):
            continue
    return math.nan


# -- curves ---------------------------------------------------------------------------------------


def _curve(
    key: _Key, group: _Group, wanted: Wanted, axis: Axis, left_out: list[UserError]
) -> tuple[Curve, Data]:
    notes = list(group.notes)
    metric = _choose_metric(key, group, wanted.metric)
    scores = {
        model: _single(found, notes)
        for model, found in sorted(group.scores[metric].items(), key=lambda one: _in_order(one[0]))
    }
    every = {model for of_metric in group.scores.values() for model in of_metric}
    notes += [f"left out, since it has no '{metric}': {m.name}" for m in every - scores.keys()]
    labels = _labels(key, scores, metric, wanted, axis, notes)
    answers = _answers(labels, scores, notes, left_out)
    if answers:
        clusters = _clusters(answers.values())
        models = [
            ModelAnswers(model.name, model.size, model.scale, own.values)
            for model, own in answers.items()
        ]
        return curve_from_answers(labels, models, clusters, notes)
    if rounded := [model.name for model, one in scores.items() if one.is_rounded]:
        notes.append(f"right answers are those nearest to rounded shares: {', '.join(rounded)}")
    do = "give their instances too (detailed_evaluation_results), or num_samples"
    return curve_from_means(labels, scores, notes, do)


def _in_order(model: Model) -> tuple[float, int, str]:
    """Smallest first; of seeds that are numbers, 2 before 10."""
    return model.scale, len(model.seed), model.seed


def _origin(group: _Group) -> str:
    """Who measured, with what: as all files of a curve say."""
    logs = (
        one.log for of_metric in group.scores.values() for own in of_metric.values() for one in own
    )
    return joined((log.source for log in logs), "; ")


def _choose_metric(key: _Key, group: _Group, metric: str) -> str:
    """The metric to judge."""
    models = {model for of_metric in group.scores.values() for model in of_metric}
    common = [name for name, own in group.scores.items() if len(own) == len(models)]
    if metric:
        if metric in group.scores:
            return metric
    elif len(group.scores) == 1:
        return next(iter(group.scores))
    else:
        preferred = [name for name in PREFERRED if name in common]
        if preferred or len(common) == 1:
            return (preferred or common)[0]
    what = f"has no metric '{metric}'" if metric else "has several metrics, none of them the usual"
    do = f"name one with --metric: {', '.join(common or group.scores)}"
    raise UserError(str(key), what, do)


def _single(scores: Sequence[Score], notes: list[str]) -> Score:
    """The one score of a model; equal ones of several files count once."""
    first, *others = scores
    for other in others:
        if (other.mean, other.n) != (first.mean, first.n):
            what = f"has another score than in {first.log.path} ({other.mean:g}, {first.mean:g})"
            raise UserError(other.where, what, "give one result per model: remove one file")
    if others:
        notes.append(f"there {len(scores)} times with the same score, read once: {first.log.model}")
    return first


def _labels(
    key: _Key,
    scores: Mapping[Model, Score],
    metric: str,
    wanted: Wanted,
    axis: Axis,
    notes: list[str],
) -> CurveLabels:
    first = next(iter(scores.values()))
    own = first.own
    protocols: dict[str, str] = {}
    for model, one in scores.items():
        protocols.setdefault(one.details.get("protocol", "") if own else one.protocol, model.name)
    if len(protocols) > 1:
        (protocol, name), (other_protocol, other) = list(protocols.items())[:2]
        what = f"'{name}' was asked with '{protocol}', '{other}' with '{other_protocol}'"
        raise UserError(str(key), what, "compare models that were asked alike")
    if own and metric in SIGNS:
        of_curve = metric
    else:
        lower = _lower_is_better(key, scores, metric, wanted.higher_is_better)
        of_curve = "sequence_loss" if lower else "accuracy"
        if lower:
            notes.append(f"of '{metric}', lower is better: it is read as a loss")
        elif metric not in PREFERRED:
            notes.append(f"the values are '{metric}'")
    _check_shares(scores, of_curve)
    return CurveLabels(
        f"{first.log.path.parent}, {key}",
        family=key.family,
        source=key.source,
        task=key.task,
        protocol=next(iter(protocols)),
        metric=of_curve,
        axis=axis,
        chance=_chance(own, wanted.chance),
        variant=key.variant,
        modified=own.get("modified", ""),
    )


def _chance(own: Mapping[str, str], default: float) -> float:
    try:
        return float(own["chance"])
    except (KeyError, ValueError):
        return default


def _lower_is_better(
    key: _Key, scores: Mapping[Model, Score], metric: str, option: bool | None
) -> bool:
    said = {one.lower_is_better for one in scores.values()}
    known = {False} if metric in HIGHER else {True} if metric in LOWER else said
    if len(said | known) == 1:
        return said.pop()
    if option is not None:
        return not option
    what = f"of '{metric}', lower_is_better is wrong or differs between its files"
    raise UserError(str(key), what, "say --higher-is-better or --lower-is-better")


def _check_shares(scores: Mapping[Model, Score], metric: str) -> None:
    for one in scores.values():
        if metric == "accuracy" and not 0 <= one.mean <= 1:
            percent = 1 < one.mean <= 100
            what = (
                f"score is {one.mean:g}, which {'looks like percent' if percent else 'is no share'}"
            )
            do = "give shares from 0 to 1" + (": divide by 100" if percent else "")
            raise UserError(f"{one.where}, score_details.score", what, do)


def _answers(
    labels: CurveLabels,
    scores: Mapping[Model, Score],
    notes: list[str],
    left_out: list[UserError],
) -> dict[Model, Instances]:
    """Instances of every model; empty if any model has none that belong to its score."""
    answers: dict[Model, Instances] = {}
    for model, score in scores.items():
        try:
            instances = score.log.instances(score)
        except UserError as error:
            left_out.append(error)
            instances = None
        if instances is None:
            break
        mean = math.fsum(instances.values.values()) / len(instances.values)
        if not math.isclose(mean, score.mean, rel_tol=1e-6, abs_tol=1e-6):
            notes.append(
                f"instances not used, since their mean is {mean:.6g}, the score {score.mean:.6g}: "
                f"{model.name}"
            )
            break
        answers[model] = instances
    if len(answers) == len(scores):
        return answers
    if answers or any(one.log.samples for one in scores.values()):
        notes.append("no instances of some models: answers cannot be compared item by item")
    return {}


def _clusters(instances: Iterable[Instances]) -> dict[str, int] | None:
    """The cluster of each item, if all models agree on them."""
    together: dict[str, int] = {}
    for one in instances:
        if one.clusters is None:
            return None
        for item, cluster in one.clusters.items():
            if together.setdefault(item, cluster) != cluster:
                return None
    return together
