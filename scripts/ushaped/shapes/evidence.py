"""Evidence on a curve: every test, fit and interval, with the verdict that they allow.

`examine` computes one record (`.evidence_record`); `add_fdr_q_values` corrects the p-values of
several tasks for multiple testing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ushaped.metrics.intervals import NORMAL_QUANTILE, generator, wilson
from ushaped.shapes.bootstrap import (
    binomial_resamples,
    resampled_cluster_count,
    resampled_clustered_means,
    verdict_frequencies,
)
from ushaped.shapes.conclude import judge
from ushaped.shapes.curves import Curve, Draws
from ushaped.shapes.data import Counts, Data, Items, Means, Settings
from ushaped.shapes.evidence_record import (
    CurveEvidence,
    NeighbourTest,
    PartVerdict,
    ValleyRecord,
    Verdict,
)
from ushaped.shapes.hypothesis_tests.goric import goric_weights
from ushaped.shapes.hypothesis_tests.lines import lind_mehlum, two_lines
from ushaped.shapes.hypothesis_tests.multiple_testing import benjamini_hochberg
from ushaped.shapes.hypothesis_tests.neighbours import neighbour_tests
from ushaped.shapes.laws.broken import fit_broken_law, why_not_fitted
from ushaped.shapes.laws.mechanism import fit_mechanism
from ushaped.shapes.laws.prediction import predict_largest
from ushaped.shapes.rules import Floats, Ints, Rule, verdict
from ushaped.shapes.run_noise import (
    BORROWED,
    ESTIMATED,
    NO_NOISE,
    UNKNOWN,
    RunNoise,
    drawn_noise,
    estimate_run_noise,
    resampled_runs,
    with_run_noise,
)
from ushaped.shapes.sample import Sample, from_counts, from_draws, from_errors, from_items
from ushaped.shapes.stability import OVERDISPERSED, overdispersion, tipping_point
from ushaped.shapes.valley_estimate import ValleyEstimate, estimate_valley
from ushaped.terms import AVERAGE, SIGNS, UNDETERMINED


def examine(
    curve: Curve,
    data: Data | None,
    settings: Settings,
    drawn: Draws | None = None,
    parts: Sequence[PartVerdict] = (),
) -> CurveEvidence:
    """Examine one curve.

    Parameters
    ----------
    curve : Curve
    data : Items, Counts, Means or None
        Data behind its values; None where only draws are known, or nothing.
    settings : Settings
    drawn : Draws, optional
        Bootstrap draws of its heights; by default drawn from ``data``.
    parts : sequence of PartVerdict
        Verdicts by part, if the task has parts.
    """
    if curve.axis.same_models:
        # No training stands between two points.
        settings = replace(settings, run_noise=None)
    known = _know(curve, data, settings, drawn)
    record = _describe(known, parts)
    if len(curve.sizes) == 1:
        return record
    _add_rule_verdicts(record["verdict"], known)
    if known.sample is None or known.these_models is None:
        record["verdict"]["statistical"] = record["verdict"]["these_models"] = UNDETERMINED
        record["verdict"]["because"] = "the errors of its values are not known"
    else:
        _add_tests(record, known, known.sample)
        _add_stability(record, known, known.these_models)
    # They are laws of the scale of a model and its training.
    if not curve.axis.same_models:
        _add_laws(record, known)
    return record


@dataclass(frozen=True)
class _Known:
    """What is known of a curve.

    ``these_models`` is its sample with the noise of items alone, ``sample`` with that of training
    runs too; ``runs`` counts the runs of each size. ``resampled`` are draws over items and, where
    sizes have several, runs; ``drawn`` have borrowed run-to-run noise too.
    """

    curve: Curve
    data: Data | None
    these_models: Sample | None
    sample: Sample | None
    noise: RunNoise
    runs: Ints
    resampled: Floats
    drawn: Floats
    settings: Settings

    @property
    def is_share(self) -> bool:
        return self.curve.metric == "accuracy"

    @property
    def trials(self) -> Floats | None:
        return None if self.sample is None else self.sample.trials

    @property
    def rule(self) -> Rule:
        return Rule.published_equivalent(self.settings.equivalence, self.settings.recovery)

    def rng(self, purpose: str) -> np.random.Generator:
        return generator(self.settings.seed, purpose, *self.curve.key)


def _know(curve: Curve, data: Data | None, settings: Settings, drawn: Draws | None) -> _Known:
    drawn = drawn or resample(curve, data, settings)
    if settings.run_noise is None:
        drawn = Draws.of_items(drawn.items, drawn.share)
    sample, runs, heights = sample_from(curve, data, drawn.items), _runs(curve, data), drawn.heights
    if sample is None:
        unknown = NO_NOISE if settings.run_noise is None else RunNoise(UNKNOWN, 0.0)
        return _Known(curve, data, None, None, unknown, runs, heights, heights, settings)
    noise = _run_noise(curve, data, drawn, runs, settings)
    trained, noisy = with_run_noise(sample, noise, runs), heights
    if noise.source == BORROWED:
        rngs = [generator(settings.seed, "run noise", *curve.key, size) for size in curve.sizes]
        added = drawn_noise(sample, noise, runs, len(heights), rngs)
        noisy = replace(drawn, runs=added).heights
    return _Known(curve, data, sample, trained, noise, runs, heights, noisy, settings)


def _runs(curve: Curve, data: Data | None) -> Ints:
    """Training runs of each size."""
    if isinstance(data, Items):
        return np.array([len(rows) for rows in data.members])
    return np.array([max(1, len(models)) for models in curve.models or [()] * len(curve.sizes)])


def _run_noise(
    curve: Curve, data: Data | None, drawn: Draws, runs: Ints, settings: Settings
) -> RunNoise:
    """Noise of a curve's training runs: estimated where there are several, else borrowed."""
    if settings.run_noise is None:
        return NO_NOISE
    if isinstance(data, Items):
        estimated = estimate_run_noise(data.values, data.members, drawn.share)
        if estimated:
            return estimated
    elif drawn.runs.any():
        sd = float(np.sqrt((drawn.runs.var(axis=0) * runs).mean()))
        return RunNoise(ESTIMATED, sd)
    return settings.run_noise.of(curve.metric, average=curve.task == AVERAGE)


# -- resampling -----------------------------------------------------------------------------------


def sample_from(curve: Curve, data: Data | None, drawn: Floats) -> Sample | None:
    """Errors of a curve's heights from its items alone; None where they are unknown.

    ``drawn`` are draws of the heights, shape (draws, sizes), used where there are no data.
    """
    if isinstance(data, Items):
        clusters = data.clusters
        return from_items(data.values, data.members, clusters, curve.metric == "accuracy")
    if isinstance(data, Counts):
        return from_counts(data.k, data.n)
    if isinstance(data, Means):
        return from_errors(curve.heights, data.errors)
    return from_draws(curve.heights, drawn) if len(drawn) > 1 else None


def resample(curve: Curve, data: Data | None, settings: Settings) -> Draws:
    """Bootstrap draws of a curve's heights; no draws without data."""
    rng = generator(settings.seed, curve.source, curve.task)
    if isinstance(data, Items):
        return _resample_items(curve, data, data.values, settings)
    drawn = np.empty((0, len(curve.sizes)))
    if isinstance(data, Counts):
        drawn = binomial_resamples(data.k, data.n, settings.draws, rng)
    elif isinstance(data, Means):
        drawn = rng.normal(curve.heights, data.errors, size=(settings.draws, len(curve.sizes)))
    return Draws.of_items(drawn, curve.metric == "accuracy")


def _resample_items(curve: Curve, data: Items, values: Floats, settings: Settings) -> Draws:
    """Draws of any values of the items; all values get the same items and runs."""
    clusters = data.clusters if data.clusters is not None else np.zeros(values.shape[1], np.int64)
    rng = generator(settings.seed, curve.source, curve.task)
    drawn = resampled_clustered_means(values.T, clusters, settings.draws, rng)
    rngs = [generator(settings.seed, "training seeds", curve.family, size) for size in curve.sizes]
    share = curve.metric == "accuracy"
    runs = resampled_runs(drawn, values, data.members, rngs, share=share)
    items = np.stack([drawn[:, list(rows)].mean(axis=1) for rows in data.members], axis=1)
    return Draws(items, runs, share)


# -- parts of a record ----------------------------------------------------------------------------


def _describe(known: _Known, parts: Sequence[PartVerdict]) -> CurveEvidence:
    """Record without any conclusion."""
    curve, data = known.curve, known.data
    low, high = _interval(known)
    clusters = data.clusters if isinstance(data, Items) else None
    few_sizes = {1: ("one-size",), 2: ("two-sizes",)}.get(len(curve.sizes), ())
    return {
        "about": curve.about,
        "unit": "share" if known.is_share else "nats",
        "scale": curve.axis.column,
        "sizes": list(curve.sizes),
        "at": curve.scale_values.tolist(),
        "values": curve.values.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "chance": curve.chance,
        "n": curve.n,
        "trials": None if known.trials is None else known.trials.tolist(),
        "seeds": [len(rows) for rows in data.members] if isinstance(data, Items) else None,
        "sampling": _sampling(known),
        "run_noise": {
            "source": known.noise.source,
            "study": known.noise.study,
            "sd": known.noise.sd,
            "degrees": known.noise.degrees,
        },
        "overdispersion": None,
        "clusters": 0 if clusters is None else resampled_cluster_count(clusters),
        "verdict": {"notes": [flag for flag in dict.fromkeys(few_sizes + curve.flags) if flag]},
        "shapes": [],
        "neighbours": [],
        "two_lines": None,
        "lind_mehlum": None,
        "valley": None,
        "mechanism": None,
        "broken": None,
        "prediction": None,
        "parts": list(parts),
    }


def _sampling(known: _Known) -> str:
    if isinstance(known.data, Counts):
        return "counts"
    if isinstance(known.data, Means):
        return "errors"
    return "none" if known.sample is None else "items"


def _interval(known: _Known) -> tuple[Floats, Floats]:
    """95 % intervals of the values, in the metric's own unit."""
    values, sample = known.curve.values, known.sample
    if sample is None:
        return np.full(len(values), np.nan), np.full(len(values), np.nan)
    if sample.trials is not None:
        return wilson(values, sample.trials)
    half = NORMAL_QUANTILE * sample.errors
    return values - half, values + half


def _add_rule_verdicts(record: Verdict, known: _Known) -> None:
    """Add the verdicts of both rules, and how often draws get each verdict of the second."""
    heights, literal = known.curve.heights, Rule.literal(known.settings.equivalence)
    record["literal"] = verdict(heights, literal)
    record["equivalent"] = verdict(heights, known.rule)
    drawn = known.resampled
    record["probabilities"] = verdict_frequencies(drawn, known.rule) if len(drawn) else {}


def _add_tests(record: CurveEvidence, known: _Known, sample: Sample) -> None:
    """Add the statistical verdict and the results of all tests."""
    curve, draws = known.curve, known.settings.draws
    rng = known.rng("tests")
    judged = judge(sample, known.rule, draws, rng)
    conclusion = judged.conclusion
    added: Any = {"statistical": conclusion.shape, "because": conclusion.because}
    added |= {f"p_{test}": value for test, value in asdict(judged.p).items()}
    record["verdict"].update(added)
    record["verdict"]["notes"] += conclusion.notes
    record["shapes"] = goric_weights(judged.fitted, sample, draws, rng, SIGNS[curve.metric])
    record["neighbours"] = _neighbour_tests(known, sample)
    valley = estimate_valley(sample, known.drawn, draws, rng)
    record["valley"] = _valley(valley, curve.sizes) if valley else None
    x = curve.positions
    errors = None if sample.trials is not None else sample.errors
    record["two_lines"] = two_lines(x, sample.heights, sample.trials, errors)
    record["lind_mehlum"] = lind_mehlum(x, sample.heights, sample.trials, errors)


def _add_stability(record: CurveEvidence, known: _Known, these_models: Sample) -> None:
    """Add the verdict on these very models, and how much run-to-run noise it withstands."""
    verdict, noise, runs = record["verdict"], known.noise, known.runs
    shape = verdict["statistical"]
    if known.sample is not these_models:
        judged = judge(these_models, known.rule, known.settings.draws, known.rng("tests"))
        shape = judged.conclusion.shape
    verdict["these_models"] = shape
    if known.curve.axis.same_models:
        # No training stands between two points, so there is no noise that it could withstand.
        return
    limit = tipping_point(these_models, shape, known.rule, runs, known.rng("tipping point"))
    # Bisection has fewer draws than the tests: near its end both could contradict each other. An
    # estimate from few runs is itself uncertain, so that its verdict may differ below the limit.
    if np.isfinite(noise.degrees):
        verdict["tipping_point"] = limit
    elif shape == verdict["statistical"]:
        verdict["tipping_point"] = max(limit, noise.sd)
    else:
        verdict["tipping_point"] = min(limit, noise.sd)
    record["overdispersion"] = overdispersion(these_models, runs, known.rng("overdispersion"))
    if record["overdispersion"] and record["overdispersion"][1] > noise.sd:
        verdict["notes"].append(OVERDISPERSED)


def _neighbour_tests(known: _Known, sample: Sample) -> list[NeighbourTest]:
    """Tests of neighbouring sizes, by the most detailed data there are."""
    data = known.data
    details: dict[str, Any] = {}
    if isinstance(data, Counts):
        details["counts"] = (data.k, data.n)
    elif isinstance(data, Items) and sample.trials is not None:
        one_model_per_size = all(len(rows) == 1 for rows in data.members)
        clustered = data.clusters is not None and resampled_cluster_count(data.clusters)
        if one_model_per_size and not clustered:
            details["correct"] = data.values[[rows[0] for rows in data.members]]
    return neighbour_tests(
        known.curve.sizes,
        sample.heights,
        sample.errors,
        sample.correlation,
        sample.degrees,
        **details,
    )


def _valley(valley: ValleyEstimate, sizes: Sequence[str]) -> ValleyRecord:
    return {
        "at": sizes[valley.index],
        "sizes": [sizes[index] for index in valley.possible],
        "depth": list(valley.depth),
        "rise": list(valley.rise),
        "recovery": list(valley.recovery),
    }


def _add_laws(record: CurveEvidence, known: _Known) -> None:
    """Add the mechanism, the broken law, and how well each predicts the largest size."""
    curve, share, trials = known.curve, known.is_share, known.trials
    x, heights = curve.positions, curve.heights
    details: dict[str, Any] = {"drawn": known.drawn if len(known.drawn) else None}
    if share and curve.task != AVERAGE and 0 < curve.chance < 1 and trials is not None:
        details |= _distractor(known)
        mechanism = fit_mechanism(x, heights, trials, curve.chance, **details)
        record["mechanism"] = mechanism.as_evidence()
        details |= {"trials": trials, "chance": curve.chance}
    law = fit_broken_law(x, heights, share)
    record["broken"] = (
        law.as_evidence()
        if law
        else {"reason": why_not_fitted(heights, share), "parameters": None, "curve": None}
    )
    record["prediction"] = predict_largest(x, heights, share, **details)


def _distractor(known: _Known) -> dict[str, Floats]:
    """Share of distractor answers and its draws, unless every wrong answer is one."""
    curve, data = known.curve, known.data
    if not isinstance(data, Items) or data.distractor is None:
        return {}
    if np.isnan(data.distractor).any() or not (data.values + data.distractor < 1).any():
        return {}
    by_size = [data.distractor[list(rows)].mean() for rows in data.members]
    drawn = _resample_items(curve, data, data.distractor, known.settings).heights
    return {"distractor": np.array(by_size), "drawn_distractor": drawn}


# -- several curves -------------------------------------------------------------------------------


def add_fdr_q_values(records: Iterable[CurveEvidence]) -> None:
    """Add q-values in place: Benjamini-Hochberg over the tasks of a family, source and variant.

    The ten-task average is not a task and gets none.
    """
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for record in records:
        about = record["about"]
        if about["task"] != AVERAGE and "p_u" in record["verdict"]:
            key = about["family"], about["source"], about["variant"]
            groups.setdefault(key, []).append(record["verdict"])
    for verdicts in groups.values():
        q_u = benjamini_hochberg([tested["p_u"] for tested in verdicts]).tolist()
        q_change = benjamini_hochberg([tested["p_change"] for tested in verdicts]).tolist()
        for tested, u, change in zip(verdicts, q_u, q_change, strict=True):
            tested["q_u"], tested["q_change"] = u, change
