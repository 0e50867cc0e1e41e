"""A mark of ``seaborn.objects`` for many curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import seaborn.objects as so

from ushaped.figures.style import Look


@dataclass
class Curves(so.Line):
    """A line per level of ``group``, each with its own colour, marker and line style.

    Where three properties are mapped to one column, seaborn 0.13 looks for a line of every
    combination of their levels: ten families take 0.6 s a panel, and 0.1 s with this mark.
    """

    looks: Mapping[Any, Look] = field(default_factory=dict)

    def _plot(self, split_gen: Any, scales: Any, orient: Any) -> None:
        for keys, rows, axis in split_gen():
            look = self.looks[keys["group"]]
            style = {"color": look.colour, "marker": look.marker, "linestyle": look.line}
            fixed = {"linewidth": self.linewidth, "pointsize": self.pointsize, "alpha": self.alpha}
            part = [(keys, rows, axis)]
            so.Line(**style, **fixed)._plot(lambda keep_na, part=part: part, scales, orient)
