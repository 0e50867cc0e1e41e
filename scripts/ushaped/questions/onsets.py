"""Does a rarer true regularity move the place where the curve turns? Ladders that differ in it.

Wei et al. (2022, arXiv:2211.02011) suppose that a U-shaped task hides a distractor task that
smaller models learn first, and a true task. Then the frequency of the true task in the training
text should decide where the curve turns, and leave the distractor's onset where it is. The
expectations and their criteria are in ``docs/phase.md``, written before the first run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ushaped.metrics.intervals import percentile_interval
from ushaped.questions.inputs import Inputs
from ushaped.results import tables
from ushaped.results.text_files import Row
from ushaped.shapes.curves import Curve, draw_measured
from ushaped.shapes.onsets import (
    BELOW,
    BEYOND,
    DISTRACTOR,
    ONSETS,
    onsets,
    slopes,
)
from ushaped.shapes.read import read_items, read_metrics
from ushaped.shapes.rules import Floats
from ushaped.terms import AVERAGE, MAIN_VARIANT

ONSET, SLOPE = KINDS = ("onset", "slope")
COLUMNS = (
    *("kind", "source", "task", "variant", "protocol", "family", "true_frequency", "onset"),
    *("value", "low", "high", "outside", "draws_with", "outcome"),
)
TEXT = frozenset({"kind", "onset", "outside", "outcome"})
# Where an onset lies that is outside of the sizes.
OUTSIDE = {BELOW: "at or below the smallest", BEYOND: "beyond the largest"}
NO_VALLEY = "no valley"
ALL_TASKS = "mean over tasks"
# Largest movement, in decades of size per doubling of the frequency, that counts as none.
STILL = 0.15
AS_EXPECTED, CONTRARY, OPEN, NOT_JUDGED = OUTCOMES = (
    "as expected",
    "contrary",
    "undetermined",
    "not judged",
)
# Of the distractor's onsets, so many may lie outside of the sizes.
MOST_OUTSIDE = 1


@dataclass(frozen=True)
class Place:
    """Where one curve has its onsets: places are logarithms to base 10 of sizes.

    Attributes
    ----------
    frequency : float
    ends : (float, float)
        The smallest and the largest size.
    found : ndarray of float, shape (3,)
    drawn : ndarray of float, shape (draws, 3)
    """

    curve: Curve
    frequency: float
    ends: tuple[float, float]
    found: Floats
    drawn: Floats


def answer(inputs: Inputs) -> list[Row]:
    """Onsets of each curve of ladders that differ in the frequency, and how they move with it."""
    curves = [curve for curve in read_metrics(inputs.metrics) if _is_compared(curve, inputs)]
    drawn = draw_measured(curves, read_items(inputs.items), inputs.draws, inputs.seed)
    metrics = tables.read_metrics(inputs.metrics)
    inner = metrics.set_index(["family", "size"])["non_embedding_parameters"].to_dict()
    rows: list[Row] = []
    for families in comparable(inputs.ladders):
        # Tasks of another protocol, which are not the prize's, have a mean of their own.
        compared: dict[tuple[str, str], dict[str, list[Place]]] = {}
        for curve in curves:
            if curve.family in families:
                sizes = np.array([inner[curve.family, size] for size in curve.sizes])
                share = true_frequency(inputs.ladders[curve.family], curve.task)
                place = _locate(curve, share, sizes, drawn[curve.key])
                tasks = compared.setdefault((curve.source, curve.protocol), {})
                tasks.setdefault(curve.task, []).append(place)
        for tasks in compared.values():
            rows += _compare([sorted(own, key=lambda p: p.frequency) for own in tasks.values()])
    return rows


def _locate(curve: Curve, share: float, sizes: Floats, drawn: Floats) -> Place:
    """Onsets of a curve over ``sizes``, shape (sizes,), and of its draws, (draws, sizes)."""
    order = np.argsort(sizes)
    x = np.log10(sizes[order])
    found, of_draws = (onsets(x, y[..., order], curve.chance) for y in (curve.values, drawn))
    return Place(curve, share, (float(x[0]), float(x[-1])), found, of_draws)


def true_frequency(ladder: Mapping[str, Any], task: str) -> float:
    """Share of a task's texts in which the true regularity decides."""
    corpus = ladder["corpus"]
    own = (corpus.get("tasks") or {}).get(task, {})
    return float(own.get("true_frequency", corpus["true_frequency"]))


def comparable(ladders: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Groups of two families or more whose settings differ in the true frequency alone.

    Examples
    --------
    >>> families = {"a": 0.1, "b": 0.2}
    >>> ladders = {name: {"corpus": {"true_frequency": f}} for name, f in families.items()}
    >>> comparable(ladders | {"c": {"corpus": {"true_frequency": 0.2}, "vocabulary": 512}})
    [['a', 'b']]
    """
    groups: dict[str, list[str]] = {}
    for name, settings in ladders.items():
        corpus = dict(settings["corpus"])
        corpus.pop("true_frequency")
        own = {
            task: {key: value for key, value in shares.items() if key != "true_frequency"}
            for task, shares in (corpus.pop("tasks", None) or {}).items()
        }
        corpus["tasks"] = {task: shares for task, shares in own.items() if shares}
        key = json.dumps({**settings, "corpus": corpus}, sort_keys=True)
        groups.setdefault(key, []).append(name)
    return [families for families in groups.values() if len(families) > 1]


def _is_compared(curve: Curve, inputs: Inputs) -> bool:
    """Whether a curve is one of a single task, judged by accuracy, under the main variant."""
    judged = curve.metric == "accuracy" and np.isfinite(curve.chance)
    named = curve.variant == MAIN_VARIANT and curve.task != AVERAGE
    return named and judged and curve.family in inputs.ladders and len(curve.sizes) > 1


def _compare(groups: Sequence[Sequence[Place]]) -> list[Row]:
    """Rows of every task, and of their mean."""
    rows: list[Row] = []
    moved: dict[str, list[tuple[float, Floats]]] = {name: [] for name in ONSETS}
    groups = [places for places in groups if len({place.frequency for place in places}) > 1]
    for places in groups:
        about = _about(places[0].curve)
        rows += [row for place in places for row in _onset_rows(place)]
        frequencies = np.array([place.frequency for place in places])
        ends = places[0].ends
        for index, name in enumerate(ONSETS):
            found = slopes(frequencies, np.array([p.found[index] for p in places]), ends)
            drawn = np.stack([p.drawn[:, index] for p in places], axis=-1)
            slope = (float(found), slopes(frequencies, drawn, ends))
            outside = sum(bool(np.isinf(place.found[index])) for place in places)
            judged = bool(np.isfinite(found)) and (name != DISTRACTOR or outside <= MOST_OUTSIDE)
            rows.append(about | _slope_row(name, *slope, judged))
            if judged:
                moved[name].append(slope)
    if len(groups) > 1:
        about = _about(groups[0][0].curve) | {"task": ALL_TASKS}
        for name, of_tasks in moved.items():
            mean, draws = np.nan, np.full(1, np.nan)
            if of_tasks:
                mean = float(np.mean([own for own, _ in of_tasks]))
                draws = np.mean([own for _, own in of_tasks], axis=0)
            rows.append(about | _slope_row(name, mean, draws, bool(of_tasks)))
    return rows


def _about(curve: Curve) -> Row:
    return {name: getattr(curve, name) for name in ("source", "task", "variant", "protocol")}


def _onset_rows(place: Place) -> Iterator[Row]:
    """One row per onset; what lies outside of the sizes is put at the nearest, and said."""
    about = {"kind": ONSET, "family": place.curve.family, "true_frequency": place.frequency}
    for index, name in enumerate(ONSETS):
        found, drawn = float(place.found[index]), place.drawn[:, index]
        has = ~np.isnan(drawn)
        low, high = np.nan, np.nan
        if not np.isnan(found) and has.any():
            low, high = map(float, percentile_interval(drawn[has].clip(*place.ends)))
        value, low, high = 10 ** np.clip([found, low, high], *place.ends)
        yield (
            _about(place.curve)
            | about
            | {
                "onset": name,
                "value": float(value),
                "low": float(low),
                "high": float(high),
                "outside": NO_VALLEY if np.isnan(found) else OUTSIDE.get(found, ""),
                "draws_with": float(has.mean()),
                "outcome": "",
            }
        )


def _slope_row(name: str, found: float, drawn: Floats, judged: bool) -> Row:
    has = np.isfinite(drawn)
    low, high = (np.nan, np.nan)
    if np.isfinite(found) and has.any():
        low, high = map(float, percentile_interval(drawn[has]))
    return {
        "kind": SLOPE,
        "family": "",
        "true_frequency": np.nan,
        "onset": name,
        "value": found,
        "low": low,
        "high": high,
        "outside": "",
        "draws_with": float(has.mean()),
        "outcome": outcome(name, low, high) if judged else NOT_JUDGED,
    }


def outcome(onset: str, low: float, high: float) -> str:
    """What the interval of a slope says of the expectation on an onset.

    Examples
    --------
    >>> outcome("true task", -0.5, -0.1), outcome("distractor", -0.1, 0.1)
    ('as expected', 'as expected')
    >>> outcome("true task", -0.5, 0.1), outcome("distractor", 0.01, 0.4)
    ('undetermined', 'contrary')
    """
    if onset != DISTRACTOR:
        return AS_EXPECTED if high < 0 else CONTRARY if low > 0 else OPEN
    if low >= -STILL and high <= STILL:
        return AS_EXPECTED
    return CONTRARY if low > 0 or high < 0 else OPEN
