"""Shape of ``elsewhere.json``: curves that were measured elsewhere, with the evidence on each.

The file holds ``{"version": 2, "curves": [...], "left_out": [...]}``: of each curve its ``origin``
(who measured it, with what), its ``file`` as the configuration names it, and its ``evidence``
(`.evidence_record`, whose version it has).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ushaped.errors import UserError
from ushaped.files import without_nan, write_json
from ushaped.results.text_files import AGAIN, read_json
from ushaped.shapes.evidence_record import VERSION, CurveEvidence, check_evidence


@dataclass(frozen=True)
class MeasuredElsewhere:
    """One curve: who measured it, where it was read, and all evidence on it."""

    origin: str
    file: str
    evidence: CurveEvidence


def write_elsewhere(
    path: Path, measured: Sequence[MeasuredElsewhere], left_out: Sequence[str]
) -> None:
    """Write ``elsewhere.json``."""
    curves = [
        {"origin": one.origin, "file": one.file, "evidence": without_nan(one.evidence)}
        for one in measured
    ]
    write_json(path, {"version": VERSION, "curves": curves, "left_out": list(left_out)})


def read_elsewhere(path: Path) -> tuple[list[MeasuredElsewhere], list[str]]:
    """Read ``elsewhere.json``; unknown numbers are None.

    Raises
    ------
    UserError
        If the file is of another version, or lacks a part.
    """
    content: dict[str, Any] = read_json(path)
    curves, left_out = content.get("curves"), content.get("left_out")
    if not isinstance(curves, list) or not isinstance(left_out, list):
        raise UserError(str(path), "has no list of curves, or of what was left out", AGAIN)
    records = check_evidence(
        {**content, "curves": [curve.get("evidence") or {} for curve in curves]}, str(path)
    )
    measured = [
        MeasuredElsewhere(str(curve["origin"]), str(curve["file"]), record)
        for curve, record in zip(curves, records, strict=True)
    ]
    return measured, left_out
