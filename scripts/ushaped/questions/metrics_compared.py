"""Is the shape of a curve the same under metrics that do not jump? Accuracy beside five of them.

Schaeffer et al. (2023, arXiv:2304.15004; 2024, arXiv:2406.04391) hold that a shape can be an
artefact of accuracy, which jumps where another class becomes the likeliest. The same answers are
judged again by the metrics of `ushaped.metrics.continuous`: every curve of an accuracy task in the
main variant, over the sizes that were measured here.

Run-to-run noise is estimated where a size has several training runs. Where none has, no study tells
that of a continuous metric, so the verdict is on these very models: under accuracy too, so that
only the metric differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ushaped.metrics.continuous import CONTINUOUS, continuous_metrics, equivalences
from ushaped.metrics.definitions import answers
from ushaped.metrics.intervals import generator
from ushaped.metrics.read import read_answer_bytes, read_questions, read_scores
from ushaped.questions.inputs import Inputs
from ushaped.results.columns import ABOUT
from ushaped.results.text_files import Row
from ushaped.shapes.conclude import judge
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Items
from ushaped.shapes.read import read_metrics
from ushaped.shapes.rules import Floats, Rule, valley, verdict
from ushaped.shapes.run_noise import UNKNOWN, RunNoise, estimate_run_noise, with_run_noise
from ushaped.shapes.sample import from_items
from ushaped.terms import AVERAGE, MAIN_VARIANT, UNDETERMINED

COLUMNS = (
    *(*ABOUT, "sizes", "n", "equivalence", "size_names", "values"),
    *("first", "lowest", "last", "valley_size", "equivalent", "statistical"),
    *("verdict_on", "run_noise", "run_noise_source", "accuracy_equivalent"),
    *("accuracy_statistical", "equivalent_agrees", "statistical_agrees"),
)
TEXT = frozenset(
    {
        *("size_names", "values", "verdict_on", "accuracy_equivalent", "accuracy_statistical"),
        *("equivalent_agrees", "statistical_agrees"),
    }
)
ACCURACY = "accuracy"
SIGNS = {ACCURACY: 1.0, **CONTINUOUS}
SAME, OTHER, OPEN = "same", "other", "open"
# What a statistical verdict is on.
THESE_MODELS, TRAINED_THIS_WAY = "these very models", "models trained this way"


@dataclass(frozen=True)
class Values:
    """The answers behind one curve under every metric.

    Attributes
    ----------
    items : dict of str to Items
        By metric; higher is better.
    equivalence : dict of str to float
        Practical equivalence in the unit of each metric.
    """

    items: dict[str, Items]
    equivalence: dict[str, float]


def answer(inputs: Inputs) -> list[Row]:
    """The shape of every curve under every metric."""
    rows: list[Row] = []
    for curve in measured_curves(inputs):
        rows += compare(curve, read_values(inputs, curve), inputs.rule, inputs.draws, inputs.seed)
    return rows


def measured_curves(inputs: Inputs) -> Iterator[Curve]:
    """Curves of accuracy in the main variant, of two measured sizes or more."""
    for curve in read_metrics(inputs.metrics):
        compared = curve.metric == ACCURACY and curve.variant == MAIN_VARIANT
        if compared and curve.task != AVERAGE and len(curve.measured) > 1:
            yield curve.without_published()


def read_values(inputs: Inputs, curve: Curve) -> Values:
    """Read what the models of a curve answered.

    Raises
    ------
    UserError
        With the file, if scores or prompts are missing or contradict each other.
    """
    file = f"{curve.source}/{curve.task}/{curve.variant}.parquet"
    prompts = inputs.prompts / file
    questions, lengths = read_questions(prompts), read_answer_bytes(prompts)
    models = [name for names in curve.models for name in names]
    scores = [read_scores(inputs.scores / model / file, questions) for model in models]
    log_likelihoods = np.stack([of_model for of_model, *_ in scores])
    right = (answers(log_likelihoods) == questions.answer).astype(np.float64)
    by_metric = {ACCURACY: right} | continuous_metrics(log_likelihoods, questions.answer, lengths)
    items = {
        metric: Items(SIGNS[metric] * values, curve.model_rows, questions.cluster)
        for metric, values in by_metric.items()
    }
    margin = inputs.rule.equivalence
    return Values(items, {ACCURACY: margin} | equivalences(margin, lengths))


def compare(curve: Curve, values: Values, rule: Rule, draws: int, seed: int) -> list[Row]:
    """Judge a curve under every metric.

    Parameters
    ----------
    curve : Curve
        Of accuracy, without published points.
    values : Values
    rule : Rule
        The published-equivalent one, in units of accuracy.
    draws, seed : int
        Of the tests; the draws are those of the tests of the curve in ``evidence.json``.

    Returns
    -------
    list of dict
        Columns `COLUMNS`, accuracy first. ``first``, ``lowest``, ``last`` and ``values`` are in the
        metric's own unit; the ``lowest`` of a metric that is better where it is lower is its worst,
        so largest, value. ``run_noise`` is the standard deviation between training runs, 0 where
        ``run_noise_source`` is unknown. ``equivalent_agrees`` and ``statistical_agrees`` are `SAME`
        or `OTHER` than under accuracy, or `OPEN` where either is undetermined.
    """
    rows: list[Row] = []
    for metric, items in values.items.items():
        margin = values.equivalence[metric]
        own = Rule.published_equivalent(margin, rule.recovery)
        rng = generator(seed, "tests", *curve.key)
        row = _describe(curve, metric, items) | _judge(items, metric, own, draws, rng)
        rows.append(row | {"equivalence": margin})
    for row in rows:
        row |= _agreement(row, rows[0])
    return rows


def _describe(curve: Curve, metric: str, items: Items) -> Row:
    """Identity of a row and its values in the metric's own unit."""
    heights = heights_of(items)
    shown = SIGNS[metric] * heights
    lowest = int(valley(heights).index[0])
    return {
        **curve.about,
        "metric": metric,
        "sizes": len(curve.sizes),
        "n": items.values.shape[1],
        "size_names": ";".join(curve.sizes),
        "values": ";".join(f"{value:.6g}" for value in shown),
        "first": float(shown[0]),
        "lowest": float(shown[lowest]),
        "last": float(shown[-1]),
        "valley_size": curve.sizes[lowest],
    }


def _judge(items: Items, metric: str, rule: Rule, draws: int, rng: np.random.Generator) -> Row:
    """Both verdicts, and the run-to-run noise that the second one takes into account."""
    shares = metric == ACCURACY
    shape, noise = UNDETERMINED, RunNoise(UNKNOWN, 0.0)
    sample = from_items(items.values, items.members, items.clusters, shares)
    if sample is not None:
        runs = np.array([len(rows) for rows in items.members])
        noise = estimate_run_noise(items.values, items.members, shares) or noise
        judged = judge(with_run_noise(sample, noise, runs), rule, draws, rng)
        shape = judged.conclusion.shape
    return {
        "equivalent": verdict(heights_of(items), rule),
        "statistical": shape,
        "verdict_on": THESE_MODELS if noise.source == UNKNOWN else TRAINED_THIS_WAY,
        "run_noise": noise.sd,
        "run_noise_source": noise.source,
    }


def heights_of(items: Items) -> Floats:
    """Mean of each size over its runs and the items, shape (sizes,); higher is better."""
    return np.array([items.values[list(rows)].mean() for rows in items.members])


def _agreement(row: Row, accuracy: Row) -> Row:
    """Verdicts under accuracy, and whether those of a row are the same."""
    cells: Row = {}
    for name in ("equivalent", "statistical"):
        own, other = row[name], accuracy[name]
        agreement = OPEN if UNDETERMINED in (own, other) else SAME if own == other else OTHER
        cells |= {f"accuracy_{name}": other, f"{name}_agrees": agreement}
    return cells
