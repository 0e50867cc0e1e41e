"""The file of evidence: its records have the typed keys, and what is damaged is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ushaped.errors import UserError
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Counts, Settings
from ushaped.shapes.evidence import add_fdr_q_values, examine
from ushaped.shapes.evidence_record import (
    CurveEvidence,
    FittedShape,
    LindMehlumTest,
    MechanismRecord,
    NeighbourTest,
    TwoLinesTest,
    ValleyRecord,
    Verdict,
    read_evidence,
    write_evidence,
)


@pytest.fixture(scope="module")
def record() -> CurveEvidence:
    right, n = np.array([147, 63, 141, 278]), np.full(4, 315)
    names = ("PaLM", "published", "hindsight-neglect", "zero-shot", "official", "", "accuracy")
    flops = np.array([0.24e21, 37.4e21, 295.7e21, 2527.2e21])
    curve = Curve(*names, tuple("abcd"), flops, right / n, 315, chance=0.5)
    examined = examine(curve, Counts(right, n), Settings(draws=100))
    add_fdr_q_values([examined])
    return examined


def test_records_have_the_typed_keys(record: CurveEvidence) -> None:
    for kind, part in (
        (CurveEvidence, record),
        (Verdict, record["verdict"]),
        (FittedShape, record["shapes"][0]),
        (NeighbourTest, record["neighbours"][0]),
        (TwoLinesTest, record["two_lines"]),
        (LindMehlumTest, record["lind_mehlum"]),
        (ValleyRecord, record["valley"]),
        (MechanismRecord, record["mechanism"]),
    ):
        assert set(part or ()) == set(kind.__annotations__)


def test_evidence_is_read_as_it_was_written(tmp_path: Path, record: CurveEvidence) -> None:
    path = tmp_path / "evidence.json"
    unknown: CurveEvidence = {**record, "chance": math.nan}
    write_evidence(path, [unknown])
    (curve,) = read_evidence(path)
    assert curve["chance"] is None
    assert curve["verdict"] == record["verdict"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 1}, "is of version 1, not 2"),
        ({"curves": None}, "has no list of curves"),
        ({"curves": [{"about": {}}]}, "curve 1: lacks 'unit'"),
    ],
)
def test_other_evidence_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps({"version": 2, "curves": []} | change))
    with pytest.raises(UserError, match=message):
        read_evidence(path)
    path.write_text("[")
    with pytest.raises(UserError, match="is not readable JSON"):
        read_evidence(path)
