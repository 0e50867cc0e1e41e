"""Measured numbers regrouped, so that curves run along another axis than the sizes of a family.

Nothing is measured anew. The tables are those of the metrics step: ``family`` is what stays the
same along a curve, ``size`` the name of a point, ``model`` the model at that point, and the axis
adds its column (and that of what was really used). Published points stay on the axis of sizes.

Along **shots** and **thinking tokens** family and size stay the same and the prompt variant changes
by its number. A point whose protocol, or whose modification of it, differs from that of the others
in more than this number is left out.

Along **training tokens** and **parameters** the sizes of a family stand in another order. The other
one of the two stays the same: a family that has sizes of several parameters and several checkpoints
makes a curve of checkpoints for each number of parameters, and a curve of sizes for each number of
tokens. A family whose sizes all have different parameters is one curve of parameters, whatever it
was trained on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from ushaped.axes import PARAMETERS, TRAINING_TOKENS, Axis
from ushaped.results.columns import KEY, LEFT_OUT, METRICS
from ushaped.results.columns import CurveKey as Condition
from ushaped.results.numbers import metric_prefix
from ushaped.terms import AVERAGE, TEN_TASKS
from ushaped.variants import parse_variant, points_along

KEYS = list(KEY)
PUBLISHED_POINT = "published"


@dataclass(frozen=True)
class Regrouped:
    """The tables of one axis.

    Attributes
    ----------
    metrics : DataFrame
        Columns ``axis.columns(METRICS)``.
    items : DataFrame
        Columns of `ushaped.results.parquet.ITEMS`.
    left_out : DataFrame
        What is on no curve, and why: columns `ushaped.results.columns.LEFT_OUT`.
    """

    metrics: pd.DataFrame
    items: pd.DataFrame
    left_out: pd.DataFrame


def regroup(axis: Axis, metrics: pd.DataFrame, items: pd.DataFrame) -> Regrouped:
    """Regroup ``metrics.csv`` and ``items.parquet``."""
    published = metrics["flags"].str.split(";").map(lambda own: PUBLISHED_POINT in own)
    measured = metrics[~published.astype(bool)]
    groups = list((_by_variant if axis.same_models else _by_size)(axis, measured))
    by_condition = dict(iter(items.groupby(KEYS, observed=True)))
    curves = [group for group in groups if isinstance(group, _Curve)]
    answers = [
        curve.answers(by_condition[condition], models)
        for curve in curves
        for condition, models in curve.models.items()
        if condition in by_condition
    ]
    left_out = [group for group in groups if isinstance(group, _LeftOut)]
    table = pd.concat([measured.iloc[:0], *(curve.rows for curve in curves)])
    table = table.reindex(columns=axis.columns(METRICS)).reset_index(drop=True)
    return Regrouped(
        _average_of_all(table),
        pd.concat(answers, ignore_index=True) if answers else items.iloc[:0],
        pd.DataFrame(left_out, columns=LEFT_OUT),
    )


@dataclass(frozen=True)
class _Curve:
    """Rows of one curve, and the names of its models on it by those of the measured condition."""

    rows: pd.DataFrame
    models: Mapping[Condition, Mapping[str, str]]

    def answers(self, items: pd.DataFrame, models: Mapping[str, str]) -> pd.DataFrame:
        """The answers of its models under one condition, under the names of the curve."""
        own = items[items["model"].isin(list(models))]
        first = self.rows.iloc[0]
        names = own["model"].astype(str).map(models)
        return own.assign(model=names, family=first["family"], variant=first["variant"])


class _LeftOut(NamedTuple):
    """What is on no curve, and why; "" stands for all."""

    family: str
    source: str
    task: str
    variant: str
    reason: str


# -- prompt variants ------------------------------------------------------------------------------


def _by_variant(axis: Axis, metrics: pd.DataFrame) -> Iterator[_Curve | _LeftOut]:
    """Curves over the number of a prompt variant, at one size of a family."""
    for curve, points in points_along(axis.name, metrics["variant"].unique()).items():
        own = metrics[metrics["variant"].isin(list(points))]
        for (source, task), rows in own.groupby(["source", "task"], sort=False):
            edition = str(source), str(task)
            reasons = _other_protocols(rows, points)
            yield from (_LeftOut("", *edition, name, why) for name, why in reasons.items())
            rows = rows[~rows["variant"].isin(list(reasons))]
            for (family, size), of_size in rows.groupby(["family", "size"], sort=False):
                label = f"{family} {size}"
                if of_size["variant"].nunique() < 2:
                    yield _LeftOut(label, *edition, curve, "it has one point")
                else:
                    yield _of_size(axis, of_size, points, label, curve)


def _of_size(
    axis: Axis, rows: pd.DataFrame, points: Mapping[str, int], label: str, curve: str
) -> _Curve:
    value = rows["variant"].map(points).astype(float)
    at_point = rows["model"] + ", " + rows["variant"]
    models: dict[Condition, dict[str, str]] = {}
    for *condition, model, new in zip(
        *(rows[key] for key in KEYS), rows["model"], at_point, strict=True
    ):
        if model:
            models.setdefault(Condition(*condition), {})[model] = new
    renamed = rows.assign(
        family=label,
        size=value.map("{:g}".format),
        model=at_point.where(rows["model"] != "", ""),
        variant=curve,
        # The points have the same modification but for the number.
        modified=_modification(rows, points),
    )
    renamed[axis.column] = value
    if axis.used:
        pooled = rows[(rows["metric"] == axis.used) & (rows["model"] == "")]
        # The item alone is answered without thinking.
        used = {name: 0.0 for name, k in points.items() if k == 0}
        used |= dict(zip(pooled["variant"], pooled["value"], strict=True))
        renamed[axis.used] = rows["variant"].map(used).astype(float)
    return _Curve(renamed, models)


def _modification(rows: pd.DataFrame, points: Mapping[str, int]) -> str:
    """The modification of the numbered points, with k for the number."""
    told = zip(rows["variant"], rows["modified"], strict=True)
    return max((_with_k(text, points[variant]) for variant, text in told), key=len)


def _with_k(modified: str, k: int) -> str:
    """A modification with k in place of the number of its variant.

    Examples
    --------
    >>> _with_k("the model thinks for at most 16 tokens before its answer", 16)
    'the model thinks for at most k tokens before its answer'
    """
    return re.sub(rf"\b{k}\b", "k", modified)


def _other_protocols(rows: pd.DataFrame, points: Mapping[str, int]) -> dict[str, str]:
    """The points that cannot stand beside the others, by variant, each with the reason."""
    told = {
        str(variant): (protocol, frozenset(filter(None, _with_k(modified, k).split("; "))))
        for variant, k in points.items()
        for protocol, modified in rows.loc[
            rows["variant"] == variant, ["protocol", "modified"]
        ].itertuples(index=False, name=None)
    }
    numbered = [told[name] for name in told if parse_variant(name).axis]
    if not numbered:
        return {}
    (protocol, clauses), _ = Counter(numbered).most_common(1)[0]
    reasons = {}
    for variant, (own_protocol, own) in told.items():
        # The item alone lacks what a number above 0 adds to it.
        lacking = clauses - own if parse_variant(variant).axis is None else frozenset()
        if own_protocol != protocol:
            reasons[variant] = f"its protocol is {own_protocol}, that of the others {protocol}"
        elif own != clauses - {clause for clause in lacking if re.search(r"\bk\b", clause)}:
            what = "; ".join(sorted(own ^ clauses))
            reasons[variant] = f"it differs from the others in more than their number ({what})"
    return reasons


# -- sizes ----------------------------------------------------------------------------------------


def _by_size(axis: Axis, metrics: pd.DataFrame) -> Iterator[_Curve | _LeftOut]:
    """Curves over training tokens or parameters: the sizes of a family in another order."""
    other = TRAINING_TOKENS if axis is PARAMETERS else PARAMETERS
    for family, own in metrics.groupby("family", sort=False):
        pooled = own[own["model"] == ""].drop_duplicates("size")
        parts = _alike(axis, other, pooled)
        if not parts:
            yield _LeftOut(str(family), "", "", "", _why_none(axis, other, pooled))
        for label, sizes in parts.items():
            chosen = own[own["size"].isin(sizes)].assign(family=f"{family} {label}".strip())
            for (_, *rest), rows in chosen.groupby(KEYS, sort=False):
                models = {str(model): str(model) for model in rows["model"].unique() if model}
                yield _Curve(rows, {Condition(str(family), *map(str, rest)): models})


def _alike(axis: Axis, other: Axis, pooled: pd.DataFrame) -> dict[str, list[str]]:
    """Sizes of each curve of a family, by what is added to the family's name."""
    values, others = pooled[axis.column], pooled[other.column]
    if values.isna().any():
        return {}
    distinct = len(values) > 1 and values.nunique() == len(values)
    if distinct and (
        axis is PARAMETERS or (others.nunique(dropna=False) == 1 and others.notna().all())
    ):
        return {"": list(pooled["size"])}
    parts = {}
    for value in sorted(others.dropna().unique().tolist()):
        own = pooled[others == value]
        if own[axis.column].nunique() == len(own) > 1:
            unit = " tokens" if other is TRAINING_TOKENS else ""
            parts[f"{metric_prefix(value)}{unit}"] = list(own["size"])
    return parts


def _why_none(axis: Axis, other: Axis, pooled: pd.DataFrame) -> str:
    values = pooled[axis.column]
    if values.isna().any():
        return f"the {axis.noun} is not known of {', '.join(pooled.loc[values.isna(), 'size'])}"
    if len(values) == 1:
        return "it has one size"
    if values.nunique() == 1:
        return f"all of its sizes have the same {axis.noun}"
    if pooled[other.column].isna().any():
        return f"the {other.noun} is not known of all its sizes, so it may differ too"
    return f"no two of its sizes differ in {axis.noun} alone: the {other.noun} differs too"


# -- averages -------------------------------------------------------------------------------------


def _average_of_all(table: pd.DataFrame) -> pd.DataFrame:
    """The table with averages at the points alone that all ten tasks have."""
    keys = ["family", "source", "variant", "size"]
    tasks = table[table["task"].isin(TEN_TASKS)]
    counts = tasks.groupby(keys)["task"].nunique()
    complete = set(counts[counts == len(TEN_TASKS)].index)
    of_average = table["task"] == AVERAGE
    there = pd.Series([key in complete for key in table[keys].itertuples(index=False, name=None)])
    kept = table[~of_average | there.to_numpy(dtype=bool)]
    several = kept.groupby(KEYS)["size"].transform("nunique") > 1
    return kept[several].reset_index(drop=True) if len(kept) else kept
