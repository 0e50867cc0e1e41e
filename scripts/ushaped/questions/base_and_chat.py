"""Does a chat template, or the training for it, change accuracy and shape? Base and chat by size.

Families whose registry entry names another one as ``chat_of`` are compared with it, size by size,
on the same items. Where both have the same weights the difference is that of the template alone,
else also that of the training between the two.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ushaped.metrics.intervals import generator, percentile_interval, resampled_means
from ushaped.questions.inputs import Inputs
from ushaped.results import tables
from ushaped.results.columns import CurveKey
from ushaped.results.text_files import Row
from ushaped.shapes.curves import Answers, Curve, values_by_model
from ushaped.shapes.read import read_items, read_metrics
from ushaped.shapes.rules import verdict
from ushaped.terms import AVERAGE
from ushaped.variants import CHAT

COLUMNS = (
    *("source", "task", "family", "variant", "protocol", "base_family", "base_variant"),
    *("base_protocol", "metric", "size", "n", "base_value", "value", "difference"),
    *("difference_low", "difference_high", "base_label_mass", "label_mass"),
    *("base_equivalent", "equivalent"),
)
TEXT = frozenset({"base_family", "base_protocol"})


def answer(inputs: Inputs) -> list[Row]:
    """One row per pair of curves and size that both families have.

    ``difference`` is chat less base, of the metric with higher being better, with a paired 95 %
    bootstrap interval over items; seeds are averaged. Label mass is empty for other metrics than
    accuracy by log-likelihood.
    """
    curves = {c.key: c.without_published() for c in read_metrics(inputs.metrics)}
    answers = read_items(inputs.items)
    metrics = tables.read_metrics(inputs.metrics)
    mass = (
        metrics[(metrics["metric"] == "label_mass") & (metrics["model"] == "")]
        .set_index(["family", "source", "task", "variant", "size"])["value"]
        .to_dict()
    )
    rows: list[Row] = []
    for key, curve in curves.items():
        base_family = inputs.pairs.get(key.family)
        if base_family is None or CHAT not in key.variant or key.task == AVERAGE:
            continue
        base = curves.get(key._replace(family=base_family, variant=key.variant.replace(CHAT, "")))
        if base is None:
            continue
        for size in [name for name in curve.sizes if name in base.sizes]:
            ours, theirs = (_by_item(c, answers, size) for c in (curve, base))
            if not np.array_equal(ours[0], theirs[0]):
                continue
            gain = ours[1] - theirs[1]
            rng = generator(inputs.seed, "base-and-chat", *key, size)
            low, high = percentile_interval(resampled_means(gain[:, None], inputs.draws, rng))
            rows.append(
                {
                    "source": key.source,
                    "task": key.task,
                    "family": key.family,
                    "variant": key.variant,
                    "protocol": curve.protocol,
                    "base_family": base.family,
                    "base_variant": base.variant,
                    "base_protocol": base.protocol,
                    "metric": curve.metric,
                    "size": size,
                    "n": len(gain),
                    "base_value": float(base.values[base.sizes.index(size)]),
                    "value": float(curve.values[curve.sizes.index(size)]),
                    "difference": float(gain.mean()),
                    "difference_low": float(low[0]),
                    "difference_high": float(high[0]),
                    "base_label_mass": mass.get((*base.key, size)),
                    "label_mass": mass.get((*key, size)),
                    "base_equivalent": _verdict(base, inputs),
                    "equivalent": _verdict(curve, inputs),
                }
            )
    return rows


def _by_item(
    curve: Curve, answers: Mapping[CurveKey, Answers], size: str
) -> tuple[np.ndarray, np.ndarray]:
    """Items, and the mean over the seeds of one size on each; both of shape (n,)."""
    items, _, values = values_by_model(curve, answers)
    rows = list(curve.model_rows[curve.sizes.index(size)])
    return items, values[:, rows].mean(axis=1)


def _verdict(curve: Curve, inputs: Inputs) -> str:
    return verdict(curve.heights, inputs.rule) if len(curve.sizes) > 1 else ""
