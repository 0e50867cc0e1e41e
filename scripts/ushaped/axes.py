"""Scale axes: what a curve can run along, with order, unit and words of each.

The axis of training FLOPs (or parameters, where the compute of a size is unknown) orders the sizes
of a family. The others are asked for in the configuration (``axes``), or of the stand-alone
program (``--axis``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ushaped.results.numbers import metric_prefix, power_of_ten, scientific


@dataclass(frozen=True)
class Axis:
    """What a curve runs along.

    Attributes
    ----------
    name : str
        In configurations, options and folders.
    column : str
        In tables, and the ``scale`` of a record of evidence.
    label, short : str
        Of an axis in a figure, and where there is little room.
    noun : str
        In a sentence: two points have the same ``noun``.
    point : str
        What one point is called: at each ``point``.
    tick : callable
        Writes a value on an axis.
    from_zero : bool
        Whether a point may stand at 0. Such an axis has few points, each a whole number: it is
        drawn, and entered into fits of lines, as the logarithm of 1 + value.
    same_models : bool
        Whether one model gives all points, so that no training stands between two of them.
    used : str
        Metric that says how much of it was really used; "" where that is the value itself.
    falling : bool
        Whether better models have lower values: points then stand from the highest to the lowest.
    """

    name: str
    column: str
    label: str
    short: str
    noun: str
    point: str = "size"
    tick: Callable[[float], str] = metric_prefix
    from_zero: bool = False
    same_models: bool = False
    used: str = ""
    falling: bool = False

    @property
    def title(self) -> str:
        """Its name in words.

        Examples
        --------
        >>> COMPUTE.title, THINKING_TOKENS.title
        ('training compute', 'thinking tokens')
        """
        return self.name.replace("-", " ")

    def positions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where values stand on the axis: log10 of the value, or of 1 + value; any shape.

        Minus that where better models have lower values.
        """
        return np.log10(values + float(self.from_zero)) * (-1 if self.falling else 1)

    def write(self, value: float) -> str:
        """A value in a column of numbers.

        Examples
        --------
        >>> SHOTS.write(16.0), COMPUTE.write(2.5e21), TRAINING_TOKENS.write(3e11)
        ('16', '2.5×10²¹', '3.0×10¹¹')
        """
        return f"{value:g}" if self.from_zero else scientific(value)

    def columns(self, others: Sequence[str]) -> list[str]:
        """Columns of a table that has ``others``: those, its own, and what was really used.

        Examples
        --------
        >>> THINKING_TOKENS.columns(["size"]), PARAMETERS.columns(["parameters"])
        (['size', 'thinking_budget', 'thinking_tokens'], ['parameters'])
        """
        return list(dict.fromkeys(filter(None, [*others, self.column, self.used])))

    def words(self, text: str) -> str:
        """A text about sizes as one about the points of this axis.

        Examples
        --------
        >>> SHOTS.words("two sizes cannot show a turn"), COMPUTE.words("a single size")
        ('two points cannot show a turn', 'a single size')
        """
        return text if self.point == "size" else re.sub(r"\bsize(s?)\b", r"point\1", text)

    def complaint(self, value: Any) -> str:
        """What to give in place of a value that cannot stand on the axis; "" if it can."""
        if value > 0 or (self.from_zero and value == 0):
            return ""
        return "give 0 or more" if self.from_zero else "give a number above 0"


COMPUTE = Axis(
    name="training-compute",
    column="training_flops",
    label="Training compute (FLOPs)",
    short="FLOPs",
    noun="training compute",
    tick=power_of_ten,
)
PARAMETERS = Axis(
    name="parameters",
    column="parameters",
    label="Parameters",
    short="Parameters",
    noun="number of parameters",
)
TRAINING_TOKENS = Axis(
    name="training-tokens",
    column="training_tokens",
    label="Training tokens",
    short="Tokens",
    noun="number of training tokens",
)
SHOTS = Axis(
    name="shots",
    column="shots",
    label="Shots (solved items before the question)",
    short="Shots",
    noun="number of shots",
    point="number of shots",
    tick="{:g}".format,
    from_zero=True,
    same_models=True,
)
THINKING_TOKENS = Axis(
    name="thinking-tokens",
    column="thinking_budget",
    label="Thinking budget (tokens)",
    short="Thinking budget (tokens)",
    noun="thinking budget",
    point="budget",
    tick="{:g}".format,
    from_zero=True,
    same_models=True,
    used="thinking_tokens",
)

# Of the atlas alone: runs of this workflow have no validation loss.
VALIDATION_LOSS = Axis(
    name="validation-loss",
    column="validation_loss",
    label="Validation loss (nats per token)",
    short="Loss",
    noun="validation loss",
    point="loss",
    tick="{:g}".format,
    falling=True,
)

AXES = {axis.name: axis for axis in (COMPUTE, PARAMETERS, TRAINING_TOKENS, SHOTS, THINKING_TOKENS)}
BY_COLUMN = {axis.column: axis for axis in AXES.values()}
# Those that a configuration can ask for beside the sizes, which every run has.
ASKED = tuple(name for name in AXES if name != COMPUTE.name)
