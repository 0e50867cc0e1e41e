"""Whether the prompt variant changes the verdict: every variant against its baseline.

The baseline is zero-shot, or for written answers the log-likelihoods of the classes after the same
prompt; always of the same family, source and task. Compared are the verdicts on the two curves by
both rules, and the values at the largest size. Both curves are drawn again over the same items, so
the difference of two values has an interval of its own (paired bootstrap: Efron and Tibshirani
1993, chapter 13), which is narrower than two separate intervals suggest. Where one of the two
variants lacks items, what is paired are the items that both have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ushaped.metrics.intervals import percentile_interval
from ushaped.results.columns import PROTOCOLS, CurveKey
from ushaped.results.text_files import Row
from ushaped.shapes.curves import Answers, Curve, Key, draw_measured
from ushaped.shapes.rules import Floats, Rule, verdict, verdicts
from ushaped.terms import AVERAGE, CONFIDENCE, MAIN_VARIANT, SHAPES, SIGNS, TEN_TASKS
from ushaped.variants import is_variant, parse_variant


def compare(
    curves: Sequence[Curve],
    drawn: Mapping[Key, Floats],
    answers: Mapping[Key, Answers],
    literal: Rule,
    equivalent: Rule,
    seed: int = 0,
) -> list[Row]:
    """Compare every curve with that of its baseline, of the same family, source and task.

    Parameters
    ----------
    curves : sequence of Curve
        Measured ones.
    drawn : mapping of key to ndarray of float, shape (draws, sizes)
        As `ushaped.shapes.curves.draw_measured` gives them: higher is better, items paired.
    answers : mapping of key to Answers
    literal, equivalent : Rule
    seed : int
        That ``drawn`` was drawn with.

    Returns
    -------
    list of dict
        One per curve, in the order of ``curves``, with the columns
        `ushaped.results.columns.PROTOCOLS`. What a comparison lacks is None: all of it without a
        baseline, the verdicts where there is one size, and the difference where the largest
        sizes differ, or each of the two has items that the other lacks (of an average: where any
        items differ). Where one alone lacks items, the difference and ``p_differs`` are of the
        shared ones; all else is of a curve's own items.
    """
    by_key = {curve.key: curve for curve in curves}
    rows: list[Row] = []
    for curve in curves:
        rules = {"": equivalent, "_literal": literal}
        row = _own(curve, drawn[curve.key], rules)
        base = _baseline(curve, by_key)
        if base is not None:
            row["base_variant"] = base.variant
            other = _own(base, drawn[base.key], rules)
            row |= {f"base_{name}": other[name] for name in _BASE}
            row |= _flips(row, "equivalent", "")
            row |= _flips(row, "literal", "_literal")
            paired = _paired((curve, base), drawn, answers, seed)
            if paired and curve.sizes[-1] == base.sizes[-1]:
                row |= _difference(*paired)
            if paired and curve.sizes == base.sizes:
                again = paired[-1]
                row |= _differs(again[curve.key], again[base.key], equivalent)
        rows.append(row)
    return rows


def _baseline(curve: Curve, by_key: Mapping[CurveKey, Curve]) -> Curve | None:
    """The curve that another is compared with; see `ushaped.variants.Variant.baselines`."""
    names = parse_variant(curve.variant).baselines if is_variant(curve.variant) else (MAIN_VARIANT,)
    keys = [curve.key._replace(variant=name) for name in names if name != curve.variant]
    return next((by_key[key] for key in keys if key in by_key), None)


_BASE = ("equivalent", "p", "literal", "p_literal", "value")


def _own(curve: Curve, drawn: Floats, rules: Mapping[str, Rule]) -> Row:
    """What the row says of the curve alone."""
    low, high = _interval(drawn[:, -1], SIGNS[curve.metric])
    row: Row = (
        dict.fromkeys(PROTOCOLS)
        | curve.about
        | {
            "n": curve.n,
            "size": curve.sizes[-1],
            "equivalent": "",
            "literal": "",
            "value": float(curve.values[-1]),
            "low": low,
            "high": high,
        }
    )
    if len(curve.sizes) == 1:
        return row
    for ending, rule in rules.items():
        shape = verdict(curve.heights, rule)
        row[ending.removeprefix("_") or "equivalent"] = shape
        row[f"p{ending}"] = _share(drawn, rule, shape)
    return row


def _share(drawn: Floats, rule: Rule, shape: str) -> float:
    """Share of the draws with one verdict; NaN without draws."""
    if not len(drawn):
        return math.nan
    return float((verdicts(drawn, rule) == SHAPES.index(shape)).mean())


def _flips(row: Row, name: str, ending: str) -> Row:
    """Whether two verdicts differ, and whether both are as sure as `CONFIDENCE` asks."""
    if not row[name] or not row[f"base_{name}"]:
        return {}
    shares = np.array([row[f"p{ending}"], row[f"base_p{ending}"]], dtype=np.float64)
    return {
        f"flips{ending}": _yes(row[name] != row[f"base_{name}"]),
        f"settled{ending}": _yes(bool((shares >= CONFIDENCE).all())),
    }


def _difference(curve: Curve, base: Curve, drawn: Mapping[Key, Floats]) -> Row:
    """Difference at the largest size in the metric's own unit, with its paired interval."""
    between = drawn[curve.key][:, -1] - drawn[base.key][:, -1]
    low, high = _interval(between, SIGNS[curve.metric])
    return {
        "difference": float(curve.values[-1] - base.values[-1]),
        "difference_low": low,
        "difference_high": high,
    }


def _differs(ours: Floats, base: Floats, rule: Rule) -> Row:
    """Share of the paired draws whose two verdicts differ."""
    if ours.shape[1] < 2 or not len(ours):
        return {}
    return {"p_differs": float((verdicts(ours, rule) != verdicts(base, rule)).mean())}


def _interval(heights: Floats, sign: float) -> tuple[float, float]:
    """Middle 95 % of draws, where higher is better, in the metric's own unit."""
    ends = [sign * float(end) for end in percentile_interval(heights)]
    return min(ends), max(ends)


def _paired(
    pair: tuple[Curve, Curve],
    drawn: Mapping[Key, Floats],
    answers: Mapping[Key, Answers],
    seed: int,
) -> tuple[Curve, Curve, Mapping[Key, Floats]] | None:
    """Two curves on the items that both have, and their draws.

    None where each has items that the other lacks: then they were not asked the same.
    """
    one, other = pair
    if _items(one, answers) == _items(other, answers):
        return one, other, drawn
    if one.task == AVERAGE:
        return None
    ours, theirs = answers[one.key].items, answers[other.key].items
    shared = np.intersect1d(ours, theirs)
    if len(shared) != min(len(ours), len(theirs)):
        return None
    less = {curve.key: answers[curve.key].only(shared) for curve in pair}
    one, other = (_measured(curve, less[curve.key]) for curve in pair)
    return one, other, draw_measured((one, other), less, len(drawn[one.key]), seed)


def _measured(curve: Curve, answers: Answers) -> Curve:
    """A curve with its values measured again on some of its items."""
    means = answers.correct.mean(axis=1)
    heights = [np.mean([means[answers.models[name]] for name in size]) for size in curve.models]
    values = SIGNS[curve.metric] * np.array(heights)
    return replace(curve, values=values, n=len(answers.items))


def _items(curve: Curve, answers: Mapping[Key, Answers]) -> list[bytes]:
    """What identifies the items of a curve, for an average those of all its tasks."""
    tasks = TEN_TASKS if curve.task == AVERAGE else (curve.task,)
    return [answers[curve.key._replace(task=task)].items.tobytes() for task in tasks]


def _yes(value: bool) -> str:
    return "yes" if value else "no"
