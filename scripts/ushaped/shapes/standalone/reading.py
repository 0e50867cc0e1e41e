"""What is asked of files of curves, and what was read of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ushaped.axes import Axis
from ushaped.errors import UserError
from ushaped.results.columns import CurveKey
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Data


@dataclass(frozen=True)
class Wanted:
    """Which curves to read, and what the files do not say of them.

    Attributes
    ----------
    models : Path or None
        Table with the columns model, family, scale, and optionally size and seed.
    metric : str
        Its name in the files; "" for the usual one.
    higher_is_better : bool or None
        Of the metric, where the files do not say it.
    axis : Axis or None
        What the scale is; None for training FLOPs, or what a table's column is named after.
    chance : float
        Value of guessing evenly, where the files do not say it; NaN if unknown.
    family, task : str
        Curves to select, or their names where the files have none; "" for all.
    """

    models: Path | None = None
    metric: str = ""
    higher_is_better: bool | None = None
    axis: Axis | None = None
    chance: float = math.nan
    family: str = ""
    task: str = ""


@dataclass
class Reading:
    """Curves with the data behind them, and what was left out, with the reason of each.

    ``origins`` says of curves whose files do who measured them, and with what.
    """

    curves: list[tuple[Curve, Data]] = field(default_factory=list)
    left_out: list[UserError] = field(default_factory=list)
    origins: dict[CurveKey, str] = field(default_factory=dict)

    def add(self, other: Reading) -> None:
        """Add what another reading has."""
        self.curves += other.curves
        self.origins |= other.origins
        self.left_out += other.left_out

    def lines(self) -> list[str]:
        """What was left out, a line each, each line once."""
        return list(dict.fromkeys(map(str, self.left_out)))


def listed(paths: Sequence[Path]) -> str:
    """Paths in a message."""
    return ", ".join(str(path) for path in paths)
