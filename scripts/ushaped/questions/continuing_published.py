"""Do the published inverse curves still fall at their last step? See `.continuing`."""

from __future__ import annotations

from ushaped.questions.continuing import COLUMNS, TEXT, continuing
from ushaped.questions.inputs import Inputs
from ushaped.results.text_files import Row
from ushaped.shapes.curves import draw_published
from ushaped.shapes.read import read_published

__all__ = ["COLUMNS", "TEXT", "answer"]


def answer(inputs: Inputs) -> list[Row]:
    """The last step of the published inverse curves."""
    curves = read_published(inputs.published)
    return continuing(
        curves, lambda curve: draw_published(curve, inputs.draws, inputs.seed), inputs.rule
    )
