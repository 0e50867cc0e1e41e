"""Curves that were measured elsewhere and enter the report: read, and judged as all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ushaped.axes import AXES
from ushaped.errors import UserError
from ushaped.shapes.data import Settings
from ushaped.shapes.elsewhere_record import MeasuredElsewhere
from ushaped.shapes.evidence import add_fdr_q_values, examine
from ushaped.shapes.standalone.inputs import format_of, read_inputs
from ushaped.shapes.standalone.reading import Wanted


def judge_elsewhere(
    entries: Sequence[Mapping[str, str]], settings: Settings
) -> tuple[list[MeasuredElsewhere], list[str]]:
    """Judge the curves of the entries of a configuration, by the same tests as all others.

    Parameters
    ----------
    entries : sequence of mapping
        With ``path``, and optionally ``models``, ``metric``, ``axis``.
    settings : Settings

    Returns
    -------
    list of MeasuredElsewhere
    list of str
        What was left out, a line each; an entry of which nothing can be judged is one of them.
    """
    measured: list[MeasuredElsewhere] = []
    left_out: list[str] = []
    for entry in entries:
        path, models = Path(entry["path"]), entry.get("models")
        wanted = Wanted(
            models=Path(models) if models else None,
            metric=entry.get("metric", ""),
            axis=AXES[entry["axis"]] if "axis" in entry else None,
        )
        try:
            reading, known = read_inputs([path], wanted), format_of(path)
        except UserError as error:
            left_out.append(str(error))
            continue
        left_out += reading.lines()
        measured += [
            MeasuredElsewhere(
                reading.origins.get(curve.key, known), str(path), examine(curve, data, settings)
            )
            for curve, data in reading.curves
        ]
    add_fdr_q_values(one.evidence for one in measured)
    return measured, left_out
