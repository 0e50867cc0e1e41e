"""All that is concluded about one curve, and what it rests on: one record per curve.

`examine` gives the record, `row` the columns of the shapes table that are taken from it, and
`control` corrects the p-values of several tasks for being many.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ushaped.metrics.definitions import joined
from ushaped.metrics.intervals import NORMAL_QUANTILE, generator, wilson
from ushaped.results.columns import SHAPES as COLUMNS
from ushaped.shapes.bootstrap import (
    binomial_draws,
    clustered_means,
    clusters_drawn,
    over_seeds,
    share_column,
    verdict_shares,
)
from ushaped.shapes.conclude import conclude, widest
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Counts, Data, Items, Means, Settings
from ushaped.shapes.fits import ANY, fits, loss_of
from ushaped.shapes.hypothesis_tests.goric import supports
from ushaped.shapes.hypothesis_tests.lines import lind_mehlum, two_lines
from ushaped.shapes.hypothesis_tests.multiple_testing import benjamini_hochberg
from ushaped.shapes.hypothesis_tests.neighbours import neighbour_tests, steps_json
from ushaped.shapes.hypothesis_tests.significance import Nulls, p_values
from ushaped.shapes.laws.broken import fit_broken, why_no_law
from ushaped.shapes.laws.mechanism import fit_mechanism
from ushaped.shapes.laws.prediction import predict_largest
from ushaped.shapes.rules import Floats, Rule, valley, verdict
from ushaped.shapes.sample import Sample, from_counts, from_draws, from_errors, from_items
from ushaped.shapes.turning import turning
from ushaped.terms import AVERAGE, FLOPS, SIGNS, UNDETERMINED

Evidence = dict[str, Any]

# What the p-values of a record are called in the shapes table.
_TESTED = {
    "p_change": "pvalue_change",
    "p_rise": "pvalue_rise",
    "p_fall": "pvalue_fall",
    "p_u": "pvalue_u",
    "p_inverted_u": "pvalue_inverted_u",
    "p_misfit": "pvalue_misfit",
    "q_u": "qvalue_u",
    "q_change": "qvalue_change",
}


def examine(
    curve: Curve,
    data: Data | None,
    settings: Settings,
    drawn: Floats | None = None,
    parts: Sequence[Mapping[str, object]] = (),
) -> Evidence:
    """Examine one curve.

    Parameters
    ----------
    curve : Curve
    data : Items, Counts, Means or None
        What lies behind its values; None where only draws are known, or nothing.
    settings : Settings
    drawn : ndarray of float, shape (draws, sizes), optional
        Its heights drawn again, higher being better; by default they are drawn from ``data``.
    parts : sequence of mapping
        Verdicts by part, if the task has parts.

    Returns
    -------
    dict
        Plain numbers, texts, lists and dicts; NaN where something is not known.
    """
    if drawn is None:
        drawn = draw(curve, data, settings)
    sample = sample_of(curve, data, drawn)
    record = _described(curve, data, sample) | {"parts": [dict(part) for part in parts]}
    if len(curve.sizes) == 1:
        return record
    record["verdict"] |= _ruled(curve, drawn, settings)
    if sample is None:
        record["verdict"]["statistical"] = UNDETERMINED
        record["verdict"]["because"] = "the errors of its values are not known"
    else:
        _test(record, curve, data, sample, drawn, settings)
    _model(record, curve, data, sample, drawn, settings)
    return record


# -- data -----------------------------------------------------------------------------------------


def sample_of(curve: Curve, data: Data | None, drawn: Floats) -> Sample | None:
    """What is known of a curve's heights; None if nothing but themselves is."""
    if isinstance(data, Items):
        clusters = data.clusters
        return from_items(data.values, data.members, clusters, curve.metric == "accuracy")
    if isinstance(data, Counts):
        return from_counts(data.k, data.n)
    if isinstance(data, Means):
        return from_errors(curve.heights, data.errors)
    return from_draws(curve.heights, drawn) if len(drawn) > 1 else None


def draw(curve: Curve, data: Data | None, settings: Settings) -> Floats:
    """Draw a curve's heights again, shape (draws, sizes); no draws where nothing is known."""
    rng = generator(settings.seed, curve.source, curve.task)
    if isinstance(data, Items):
        return _draw_items(curve, data, data.values, settings)
    if isinstance(data, Counts):
        return binomial_draws(data.k, data.n, settings.draws, rng)
    if isinstance(data, Means):
        return rng.normal(curve.heights, data.errors, size=(settings.draws, len(curve.sizes)))
    return np.empty((0, len(curve.sizes)))


def _draw_items(curve: Curve, data: Items, values: Floats, settings: Settings) -> Floats:
    """Draw any values of the items, the same items and seeds as all other values."""
    clusters = data.clusters if data.clusters is not None else np.zeros(values.shape[1], np.int64)
    rng = generator(settings.seed, curve.source, curve.task)
    drawn = clustered_means(values.T, clusters, settings.draws, rng)
    rngs = [generator(settings.seed, "training seeds", curve.family, size) for size in curve.sizes]
    share = curve.metric == "accuracy"
    return over_seeds(drawn, values, data.members, rngs, share=share)


# -- parts of a record ----------------------------------------------------------------------------


def _described(curve: Curve, data: Data | None, sample: Sample | None) -> Evidence:
    """What the curve is, without any conclusion."""
    low, high = _ends(curve, sample)
    trials = None if sample is None or sample.trials is None else sample.trials.tolist()
    seeds = [len(rows) for rows in data.members] if isinstance(data, Items) else None
    flags = {1: ("one-size",), 2: ("two-sizes",)}.get(len(curve.sizes), ()) + curve.flags
    clusters = data.clusters if isinstance(data, Items) else None
    return {
        "about": curve.about,
        "unit": "share" if curve.metric == "accuracy" else "nats",
        "scale": curve.scale,
        "sizes": list(curve.sizes),
        "at": curve.at.tolist(),
        "values": curve.values.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "chance": curve.chance,
        "n": curve.n,
        "trials": trials,
        "seeds": seeds,
        "sampling": _sampling(data, sample),
        "clusters": 0 if clusters is None else clusters_drawn(clusters),
        "verdict": {"notes": [flag for flag in dict.fromkeys(flags) if flag]},
        "shapes": [],
        "neighbours": [],
        "two_lines": None,
        "lind_mehlum": None,
        "valley": None,
        "mechanism": None,
        "broken": None,
        "prediction": None,
    }


def _sampling(data: Data | None, sample: Sample | None) -> str:
    if isinstance(data, Counts):
        return "counts"
    if isinstance(data, Means):
        return "errors"
    return "none" if sample is None else "items"


def _ends(curve: Curve, sample: Sample | None) -> tuple[Floats, Floats]:
    """95 % intervals of the values, in the metric's own unit."""
    if sample is None:
        unknown = np.full(len(curve.values), np.nan)
        return unknown, unknown
    if sample.trials is not None:
        return wilson(curve.values, sample.trials)
    half = NORMAL_QUANTILE * sample.errors
    return curve.values - half, curve.values + half


def _ruled(curve: Curve, drawn: Floats, settings: Settings) -> Evidence:
    """The verdicts of the two rules, and how often draws get each by the second one."""
    literal = Rule.literal(settings.equivalence)
    equivalent = Rule.published_equivalent(settings.equivalence, settings.recovery)
    return {
        "literal": verdict(curve.heights, literal),
        "equivalent": verdict(curve.heights, equivalent),
        "probabilities": verdict_shares(drawn, equivalent) if len(drawn) else {},
    }


def _test(
    record: Evidence,
    curve: Curve,
    data: Data | None,
    sample: Sample,
    drawn: Floats,
    settings: Settings,
) -> None:
    """Add the statistical verdict and everything that tests give."""
    draws = settings.draws
    rng = generator(settings.seed, "tests", *curve.key)
    rule = Rule.published_equivalent(settings.equivalence, settings.recovery)
    found = fits(sample.heights, sample.weights, loss_of(sample))
    p = p_values(sample, Nulls(sample, draws, rng))
    concluded = conclude(p, found, sample, rule, widest(sample, draws, rng))
    record["verdict"] |= {
        "statistical": concluded.shape,
        "because": concluded.because,
        **{f"p_{name}": value for name, value in asdict(p).items()},
    }
    record["verdict"]["notes"] += concluded.notes
    sign = SIGNS[curve.metric]
    record["shapes"] = [
        asdict(one) | {"values": (sign * one.heights).tolist()}
        for one in supports(found, sample, draws, rng)
    ]
    for one in record["shapes"]:
        del one["heights"]
    record["neighbours"] = steps_json(_steps(data, sample), curve.sizes)
    record["valley"] = _valley(curve, sample, drawn, draws, rng)
    x = np.log10(curve.at)
    errors = None if sample.trials is not None else sample.errors
    lines = two_lines(x, sample.heights, sample.trials, errors)
    curved = lind_mehlum(x, sample.heights, sample.trials, errors)
    record["two_lines"] = lines and lines.as_json()
    record["lind_mehlum"] = curved and curved.as_json()


def _steps(data: Data | None, sample: Sample) -> list[Any]:
    """Tests of neighbouring sizes, by the most that is known of them."""
    known: dict[str, Any] = {}
    if isinstance(data, Counts):
        known["counts"] = (data.k, data.n)
    elif isinstance(data, Items) and sample.trials is not None:
        alone = all(len(rows) == 1 for rows in data.members)
        clustered = data.clusters is not None and clusters_drawn(data.clusters)
        if alone and not clustered:
            known["correct"] = data.values[[rows[0] for rows in data.members]]
    return neighbour_tests(
        sample.heights, sample.errors, sample.correlation, sample.degrees, **known
    )


def _valley(
    curve: Curve, sample: Sample, drawn: Floats, draws: int, rng: np.random.Generator
) -> Evidence | None:
    found = turning(sample, drawn, draws, rng)
    if found is None:
        return None
    return {
        "at": curve.sizes[found.place],
        "sizes": [curve.sizes[place] for place in found.places],
        "depth": list(found.depth),
        "rise": list(found.rise),
        "recovery": list(found.recovery),
    }


def _model(
    record: Evidence,
    curve: Curve,
    data: Data | None,
    sample: Sample | None,
    drawn: Floats,
    settings: Settings,
) -> None:
    """Add the mechanism, the broken law, and how well each predicts the largest size."""
    x, share = np.log10(curve.at), curve.metric == "accuracy"
    trials = None if sample is None else sample.trials
    single = share and curve.task != AVERAGE and 0 < curve.chance < 1
    known: dict[str, Any] = {"drawn": drawn if len(drawn) else None}
    if single and trials is not None:
        known |= _distractor(curve, data, settings)
        record["mechanism"] = fit_mechanism(x, curve.heights, trials, curve.chance, **known).json()
        known |= {"trials": trials, "chance": curve.chance}
    law = fit_broken(x, curve.heights, share)
    unfitted = {"reason": why_no_law(curve.heights, share), "parameters": None, "curve": None}
    record["broken"] = law.json() if law else unfitted
    record["prediction"] = [one.json() for one in predict_largest(x, curve.heights, share, **known)]


def _distractor(curve: Curve, data: Data | None, settings: Settings) -> dict[str, Floats]:
    """Share of distractor answers and its draws, where it is more than what is not right."""
    if not isinstance(data, Items) or data.distractor is None:
        return {}
    if np.isnan(data.distractor).any() or not (data.values + data.distractor < 1).any():
        return {}
    by_size = [data.distractor[list(rows)].mean() for rows in data.members]
    drawn = _draw_items(curve, data, data.distractor, settings)
    return {"distractor": np.array(by_size), "drawn_distractor": drawn}


# -- several curves -------------------------------------------------------------------------------


def control(records: Iterable[Evidence]) -> None:
    """Add q-values: Benjamini and Hochberg's correction over the tasks of a family and variant.

    Parameters
    ----------
    records : iterable of dict
        By `examine`; changed in place. The ten-task average is no task of its own, and has none.
    """
    groups: dict[tuple[str, ...], list[Evidence]] = {}
    for record in records:
        about = record["about"]
        if about["task"] != AVERAGE and "p_u" in record["verdict"]:
            key = about["family"], about["source"], about["variant"]
            groups.setdefault(key, []).append(record["verdict"])
    for verdicts in groups.values():
        for q, p in (("q_u", "p_u"), ("q_change", "p_change")):
            adjusted = benjamini_hochberg(np.array([one[p] for one in verdicts]))
            for one, value in zip(verdicts, adjusted, strict=True):
                one[q] = float(value)


def row(record: Evidence) -> dict[str, object]:
    """Row of the shapes table, with the keys `COLUMNS`; None or NaN where nothing can be said.

    The record may have been read from a file, where None stands for NaN.

    ``first``, ``lowest`` and ``last`` are in the metric's own unit: the ``lowest`` of a loss is its
    worst, so largest, value.
    """
    said, dip = record["verdict"], record["valley"] or {}
    found = valley(SIGNS[record["about"]["metric"]] * np.array(record["values"]))
    place = int(found.place[0])
    found_row: dict[str, object] = dict.fromkeys(COLUMNS)
    found_row |= record["about"]
    found_row |= {
        "sizes": len(record["sizes"]),
        "n": record["n"],
        "trials": min(record["trials"]) if record["trials"] else None,
        "first": record["values"][0],
        "lowest": record["values"][place],
        "last": record["values"][-1],
        "valley_size": record["sizes"][place],
        "valley_flops": record["at"][place] if record["scale"] == FLOPS else math.nan,
        "valley_sizes": ";".join(dip.get("sizes", ())),
        "recovery": float(found.recovery[0]),
        "literal": said.get("literal", ""),
        "equivalent": said.get("equivalent", ""),
        "statistical": said.get("statistical", ""),
        "flags": joined(said["notes"]),
    }
    for name in ("depth", "recovery") if dip else ():
        found_row |= dict(zip((name, f"{name}_low", f"{name}_high"), dip[name], strict=True))
    shares = said.get("probabilities", {})
    found_row |= {share_column(shape): share for shape, share in shares.items()}
    found_row |= {column: said.get(name) for name, column in _TESTED.items()}
    found_row |= {_weight_column(one["shape"]): one["weight"] for one in record["shapes"]}
    return found_row | _mechanism_columns(record["mechanism"])


def _weight_column(shape: str) -> str:
    return "weight_any" if shape == ANY else share_column(shape).replace("p_", "weight_", 1)


def _mechanism_columns(mechanism: Evidence | None) -> dict[str, object]:
    """Onsets and the way back, in units of the scale, where they are identifiable."""
    if mechanism is None or not mechanism["identifiable"]:
        return {}
    found = mechanism["parameters"] | {"back_at": mechanism["back_at"]}
    return {
        name: 10 ** found[name][0]
        for name in ("distractor_onset", "true_onset", "back_at")
        if found[name][0] is not None and math.isfinite(found[name][0])
    }
