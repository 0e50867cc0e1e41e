"""Verdicts by part: whether the parts of a task scale alike."""

from __future__ import annotations

import numpy as np

from ushaped.shapes.bootstrap import resampled_cluster_count
from ushaped.shapes.curves import Answers, Curve
from ushaped.shapes.evidence_record import PartVerdict
from ushaped.shapes.rules import Rule, verdict


def verdicts_by_part(curve: Curve, answers: Answers, rule: Rule) -> list[PartVerdict]:
    """Verdict by ``rule`` on the curve of each part of a task.

    Empty for a task of one part, where the parts are so many that they are resampled as clusters,
    for fewer than two sizes, and for a curve with published points, which have no parts.
    """
    parts, sizes = np.unique(answers.clusters, return_counts=True)
    complete = len(curve.measured) == len(curve.sizes) > 1
    if len(parts) == 1 or resampled_cluster_count(answers.clusters) or not complete:
        return []
    verdicts: list[PartVerdict] = []
    for part, n in zip(parts.tolist(), sizes.tolist(), strict=True):
        means = answers.correct[:, answers.clusters == part].mean(axis=1)
        heights = [means[[answers.models[name] for name in names]].mean() for names in curve.models]
        verdicts.append({"part": part, "n": n, "equivalent": verdict(heights, rule)})
    return verdicts
