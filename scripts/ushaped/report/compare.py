"""What the page's comparison draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ushaped.report.inputs import Inputs
from ushaped.report.verdicts import Verdict


def compare_values(inputs: Inputs, found: Sequence[Verdict]) -> dict[str, Any] | None:
    """Values of the comparison; None if there is nothing to compare."""
    return None
