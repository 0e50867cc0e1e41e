"""The verdict on every curve of the atlas, by the tests of `ushaped.shapes`, and what they rest on.

Errors of accuracies are those of their numbers of items, plus run-to-run noise: estimated where the
set has reruns, else borrowed, that of two-choice tasks where guessing gives one half. Other metrics
came without errors: where the set has reruns, their noise is all there is, so that the verdict is
on models trained this way and on these very items; without reruns nothing is tested, and the rule
alone speaks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from ushaped.atlas.curves import FAMILIES, MIXED, AtlasCurve
from ushaped.atlas.points import SHARES
from ushaped.metrics.definitions import joined
from ushaped.metrics.intervals import NORMAL_QUANTILE, generator, wilson
from ushaped.results.text_files import Row
from ushaped.shapes.conclude import Conclusion, judge
from ushaped.shapes.data import Settings
from ushaped.shapes.hypothesis_tests.multiple_testing import benjamini_hochberg
from ushaped.shapes.laws.prediction import predict_largest
from ushaped.shapes.rules import Floats, Rule, valley, verdict
from ushaped.shapes.run_noise import NO_NOISE, UNKNOWN, Borrowed, RunNoise, with_run_noise
from ushaped.shapes.sample import Sample, from_counts, from_errors
from ushaped.shapes.stability import tipping_point
from ushaped.terms import (
    INVERSE,
    INVERTED_U,
    IRREGULAR,
    POSITIVE,
    SIGNIFICANCE,
    U_SHAPED,
    UNDETERMINED,
)

TESTS = ("change", "rise", "fall", "u", "inverted_u", "misfit")
# The test that a verdict rests on.
DECIDES = {
    U_SHAPED: "u",
    INVERTED_U: "inverted_u",
    POSITIVE: "change",
    INVERSE: "change",
    IRREGULAR: "change",
}
# Laws that predict the largest model, and the columns of their errors.
METHODS = {"last value": "last_value", "line": "line", "broken law": "broken_law"}
ABOUT = (
    "set",
    "corpus",
    "task",
    "part",
    "metric",
    "axis",
    "fixed",
    "protocol",
    "modified",
    "commit",
)
COLUMNS = (
    *ABOUT,
    *("points", "n", "chance", "size_names", "at", "values", "low", "high"),
    *("first", "lowest", "last", "valley_size", "literal", "equivalent", "statistical", "because"),
    *("these_models", "tipping_point", "run_noise", "run_noise_source"),
    *(f"pvalue_{test}" for test in TESTS),
    *("qvalue_u", "qvalue_inverted_u", "qvalue_change", "confirmed"),
    *("held_out", *(f"error_{name}" for name in METHODS.values())),
    "flags",
)
# Chance of a task with two choices.
TWO_CHOICE = 0.5
# Values of the points of a curve stand in one cell.
SEPARATOR = ";"
NOT_TESTED = "the errors of its values are not known"


@dataclass(frozen=True)
class _Known:
    """Samples of a curve: of these very models, and with run-to-run noise; None where unknown."""

    these_models: Sample | None
    sample: Sample | None
    noise: RunNoise
    runs: np.ndarray


def judge_curve(curve: AtlasCurve, settings: Settings, two_choice: Borrowed | None) -> Row:
    """Judge one curve.

    Parameters
    ----------
    curve : AtlasCurve
    settings : Settings
    two_choice : Borrowed or None
        Run-to-run noise of tasks with two choices, in place of that of ``settings``.

    Returns
    -------
    dict
        Columns `COLUMNS`, without those that need the other curves (`add_q_values`). ``first``,
        ``lowest`` and ``last`` are in the metric's own unit, and ``lowest`` is the worst value.
        ``error_*`` are predicted minus observed height of the point ``held_out``, the largest.
    """
    if curve.chance == TWO_CHOICE:
        settings = replace(settings, run_noise=two_choice)
    known = _know(curve, settings)
    low, high = _interval(curve, known)
    lowest = int(valley(curve.heights).index[0])
    rule = Rule.published_equivalent(settings.equivalence, settings.recovery)
    row: Row = dict.fromkeys(COLUMNS)
    row |= {name: getattr(curve, name) for name in ABOUT if name != "axis"}
    row |= {
        "axis": curve.axis.name,
        "points": len(curve.sizes),
        "n": None if curve.n is None else int(curve.n.min()),
        "chance": curve.chance,
        "size_names": SEPARATOR.join(curve.sizes),
        "at": _cells(curve.at),
        "values": _cells(curve.values),
        "low": _cells(low),
        "high": _cells(high),
        "first": float(curve.values[0]),
        "lowest": float(curve.values[lowest]),
        "last": float(curve.values[-1]),
        "valley_size": curve.sizes[lowest],
        "literal": verdict(curve.heights, Rule.literal(settings.equivalence)),
        "equivalent": verdict(curve.heights, rule),
        "run_noise": known.noise.sd,
        "run_noise_source": known.noise.source,
    }
    return row | _tested(curve, known, rule, settings) | _predicted(curve, known)


def _know(curve: AtlasCurve, settings: Settings) -> _Known:
    runs = np.array([len(models) for models in curve.models])
    if counts := curve.counts:
        these = from_counts(*counts)
        noise = NO_NOISE
        if settings.run_noise is not None:
            noise = curve.reruns or settings.run_noise.of(curve.metric, average=False)
        return _Known(these, with_run_noise(these, noise, runs), noise, runs)
    if curve.reruns is None:
        return _Known(None, None, RunNoise(UNKNOWN, 0.0), runs)
    errors = curve.reruns.sd / np.sqrt(runs)
    sample = replace(from_errors(curve.heights, errors), degrees=curve.reruns.degrees)
    return _Known(None, sample, curve.reruns, runs)


def _interval(curve: AtlasCurve, known: _Known) -> tuple[Floats, Floats]:
    """95 % intervals of the values with run-to-run noise; NaN where errors are unknown."""
    if known.sample is None:
        unknown = np.full(len(curve.values), math.nan)
        return unknown, unknown
    if known.sample.trials is not None:
        return wilson(curve.values, known.sample.trials)
    half = NORMAL_QUANTILE * known.sample.errors
    return curve.values - half, curve.values + half


def _tested(curve: AtlasCurve, known: _Known, rule: Rule, settings: Settings) -> Row:
    if known.sample is None:
        flags = joined(curve.flags)
        return {"statistical": UNDETERMINED, "because": NOT_TESTED, "flags": flags}
    judged = judge(known.sample, rule, settings.draws, _rng(curve, "tests", settings))
    conclusion = judged.conclusion
    row: Row = {
        "statistical": conclusion.shape,
        "because": conclusion.because,
        "flags": joined((*curve.flags, *conclusion.notes)),
    }
    row |= {f"pvalue_{test}": value for test, value in asdict(judged.p).items()}
    return row | _stability(curve, known, conclusion, rule, settings)


def _stability(
    curve: AtlasCurve, known: _Known, conclusion: Conclusion, rule: Rule, settings: Settings
) -> Row:
    """The verdict on these very models, and how much run-to-run noise it withstands.

    Empty where points differ in more than their scale: there runs of other recipes scatter more
    than reruns, so that a run-to-run noise up to which the verdict stands would say nothing.
    """
    if known.these_models is None or {MIXED, FAMILIES} & set(curve.flags):
        return {}
    shape = conclusion.shape
    if known.sample is not known.these_models:
        rng = _rng(curve, "tests", settings)
        shape = judge(known.these_models, rule, settings.draws, rng).conclusion.shape
    rng = _rng(curve, "tipping point", settings)
    limit = tipping_point(known.these_models, shape, rule, known.runs, rng)
    # Bisection has fewer draws than the tests: near its end both could contradict each other.
    if not math.isfinite(known.noise.degrees):
        nearer = max if shape == conclusion.shape else min
        limit = nearer(limit, known.noise.sd)
    return {"these_models": shape, "tipping_point": limit}


def _predicted(curve: AtlasCurve, known: _Known) -> Row:
    """Errors of the predictions of the largest model from the others."""
    trials = known.sample.trials if known.sample else None
    share = curve.metric in SHARES
    x = curve.axis.positions(curve.at)
    errors: Row = {
        f"error_{METHODS[found['method']]}": found["error"]
        for found in predict_largest(x, curve.heights, share, trials=trials)
    }
    return errors | {"held_out": curve.sizes[-1]}


def _rng(curve: AtlasCurve, purpose: str, settings: Settings) -> np.random.Generator:
    return generator(settings.seed, purpose, *curve.key)


def _cells(values: Floats) -> str:
    return SEPARATOR.join("" if math.isnan(value) else f"{value:.6g}" for value in values.tolist())


def add_q_values(rows: Sequence[Row]) -> None:
    """Correct the p-values of all curves together, in place, and say which verdicts stay.

    ``confirmed`` is yes where the q-value of the test that the verdict rests on is at most 5 %, no
    where it is more, and "" where the verdict is flat or undetermined. Curves of one set share
    runs, so their tests are taken as positively dependent, which the procedure allows.
    """
    for test in ("u", "inverted_u", "change"):
        cells = [row[f"pvalue_{test}"] for row in rows]
        p = [math.nan if cell is None else float(str(cell)) for cell in cells]
        for row, q in zip(rows, benjamini_hochberg(p).tolist(), strict=True):
            row[f"qvalue_{test}"] = q
    for row in rows:
        decides = DECIDES.get(str(row["statistical"]))
        sure = decides is not None and float(str(row[f"qvalue_{decides}"])) <= SIGNIFICANCE
        row["confirmed"] = "" if decides is None else "yes" if sure else "no"
