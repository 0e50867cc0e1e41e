"""Verdicts by part: whether the parts of a task scale alike."""

from __future__ import annotations

import numpy as np

from ushaped.shapes.bootstrap import clusters_drawn
from ushaped.shapes.curves import Answers, Curve
from ushaped.shapes.rules import Rule, verdict


def verdicts_by_part(curve: Curve, answers: Answers, rule: Rule) -> list[dict[str, object]]:
    """The verdict on each part's own curve.

    Parameters
    ----------
    curve : Curve
        Of one task.
    answers : Answers
        Of the models of the curve.
    rule : Rule

    Returns
    -------
    list of dict
        ``part`` (the number of the cluster), ``n`` (its items) and ``equivalent`` (the verdict by
        ``rule``). Empty where all items are of one part, where the parts are so many that they are
        drawn as clusters, for fewer than two sizes, and for a curve that has published points, of
        which only the whole is known.
    """
    parts = np.unique(answers.clusters)
    whole = len(curve.measured) == len(curve.sizes) > 1
    if len(parts) == 1 or clusters_drawn(answers.clusters) or not whole:
        return []
    found: list[dict[str, object]] = []
    for part in parts:
        means = answers.correct[:, answers.clusters == part].mean(axis=1)
        heights = [means[[answers.models[name] for name in names]].mean() for names in curve.models]
        items = int((answers.clusters == part).sum())
        found.append({"part": int(part), "n": items, "equivalent": verdict(heights, rule)})
    return found
