"""Do the inverse curves of this run still fall at their last step? See `.continuing`."""

from __future__ import annotations

from ushaped.questions.continuing import COLUMNS, TEXT, continuing
from ushaped.questions.inputs import Inputs
from ushaped.results.text_files import Row
from ushaped.shapes.curves import draw_measured
from ushaped.shapes.read import read_items, read_metrics

__all__ = ["COLUMNS", "TEXT", "answer"]


def answer(inputs: Inputs) -> list[Row]:
    """The last step of the inverse curves that were measured in this run."""
    curves = [curve.without_published() for curve in read_metrics(inputs.metrics)]
    drawn = draw_measured(curves, read_items(inputs.items), inputs.draws, inputs.seed)
    return continuing(curves, lambda curve: drawn[curve.key], inputs.rule)
