"""Are hard items U-shaped and easy ones inverted, or is that a selection effect? Both groupings.

The items of each task are split into thirds by difficulty twice: by the answers of the models whose
curves are drawn, as in Wu and Lo (2024, arXiv:2410.01692), and by those of other models; see
`ushaped.shapes.difficulty`. How far a group lies from all items under the first, and how much of
that remains under the second, bounds how much of the effect is the selection.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from ushaped.metrics.intervals import generator
from ushaped.questions.inputs import Inputs
from ushaped.results.columns import ABOUT, CurveKey
from ushaped.results.text_files import Row
from ushaped.shapes.curves import Answers, Curve, values_by_model
from ushaped.shapes.difficulty import GroupCurve, cross_fitted, curve_of_group, same_models
from ushaped.shapes.read import read_items, read_metrics
from ushaped.shapes.rules import Floats, Rule, verdict
from ushaped.terms import AVERAGE, MAIN_VARIANT

HARDEST, MIDDLE, EASIEST = GROUPS = ("hardest", "middle", "easiest")

COLUMNS = (
    *(*ABOUT, "grouping", "difficulty_from", "group", "size", "parameters", "training_flops"),
    *("value", "low", "high", "n", "chance", "all_items", "all_low", "all_high", "gap"),
    *("gap_share", "equivalent"),
)
TEXT = frozenset({"grouping", "difficulty_from", "group"})


def answer(inputs: Inputs) -> list[Row]:
    """Curves of the difficulty groups of every zero-shot accuracy curve of this run."""
    answers = read_items(inputs.items)
    rows: list[Row] = []
    for curve in read_metrics(inputs.metrics):
        measured = curve.without_published()
        if _is_grouped(measured):
            rows += difficulty(measured, answers, inputs.rule, inputs.seed)
    return rows


def _is_grouped(curve: Curve) -> bool:
    """Whether a curve is one of a single task, judged by accuracy, under the main variant."""
    named = curve.variant == MAIN_VARIANT and curve.task != AVERAGE
    enough = len(curve.sizes) > 1 and (curve.n or 0) >= len(GROUPS)
    return named and enough and curve.metric == "accuracy"


def difficulty(
    curve: Curve, answers: Mapping[CurveKey, Answers], rule: Rule, seed: int
) -> list[Row]:
    """Curves of the difficulty groups of one curve, under both groupings.

    Parameters
    ----------
    curve : Curve
        Measured accuracy, two sizes or more.
    answers : mapping of CurveKey to Answers
        Of this curve, and of those of other families.
    rule : Rule
        The published-equivalent one.
    seed : int
        Of the random order of items with equal scores.

    Returns
    -------
    list of dict
        Columns `COLUMNS`, one row per group, grouping and size. ``chance`` is empty where items
        differ in their number of classes, since then groups may differ in it too. ``all_items`` is
        the value of all items, with its interval, ``gap`` that of the group less it, and
        ``gap_share`` the share of the gap of the same models that remains when cross-fitted; empty
        where that gap is no larger than practical equivalence. ``equivalent`` is the verdict of the
        rule on the group's curve, without regard to noise.
    """
    items, _, by_item = values_by_model(curve, answers)
    values, members = by_item.T, curve.model_rows
    rng = generator(seed, "difficulty", *curve.key)
    others = _other_families(curve.key, answers, items)
    own = same_models(values, len(GROUPS), rng)
    crossed = cross_fitted(values, members, others, len(GROUPS), rng)
    whole = curve_of_group(values, members, np.ones(values.shape, np.bool_))
    rows: list[Row] = []
    for place, name in enumerate(GROUPS):
        same, cross = (
            curve_of_group(values, members, grouping.groups == place) for grouping in (own, crossed)
        )
        shares = _gap_shares(same, cross, whole, rule.equivalence)
        for grouping, group, own_shares in (
            (own, same, np.full_like(shares, np.nan)),
            (crossed, cross, shares),
        ):
            about = {"grouping": grouping.name, "difficulty_from": grouping.difficulty_from}
            about |= {"group": name, "equivalent": verdict(group.values, rule)}
            rows += [about | row for row in _by_size(curve, group, whole, own_shares)]
    return rows


def _gap_shares(same: GroupCurve, cross: GroupCurve, whole: GroupCurve, least: float) -> Floats:
    """Share of each size's gap that remains when cross-fitted; NaN for gaps up to ``least``."""
    gaps = same.values - whole.values
    return (cross.values - whole.values) / np.where(np.abs(gaps) > least, gaps, np.nan)


def _other_families(
    key: CurveKey, answers: Mapping[CurveKey, Answers], items: np.ndarray
) -> dict[str, Floats]:
    """Values of the other families that answered the same items under the same variant."""
    return {
        other.family: own.correct
        for other, own in answers.items()
        if other.family != key.family
        and other._replace(family=key.family) == key
        and np.array_equal(own.items, items)
    }


def _by_size(
    curve: Curve, group: GroupCurve, whole: GroupCurve, gap_shares: Floats
) -> Iterator[Row]:
    assert curve.parameters is not None
    about = {"n": group.n, "chance": _chance_of_groups(curve.chance)}
    columns = {
        "parameters": curve.parameters,
        "training_flops": curve.flops,
        "value": group.values,
        "low": group.low,
        "high": group.high,
        "all_items": whole.values,
        "all_low": whole.low,
        "all_high": whole.high,
        "gap": group.values - whole.values,
        "gap_share": gap_shares,
    }
    for place, size in enumerate(curve.sizes):
        numbers = {name: float(column[place]) for name, column in columns.items()}
        yield curve.about | about | {"size": size} | numbers


def _chance_of_groups(chance: float) -> float:
    """Chance level of every group: that of all items if it is that of a whole number of classes.

    A mean over items with different numbers of classes is not.

    Examples
    --------
    >>> _chance_of_groups(0.25), _chance_of_groups(0.3942)
    (0.25, nan)
    """
    classes = 1 / chance
    return chance if math.isclose(classes, np.rint(classes), rel_tol=1e-6) else math.nan
