"""Axes, curves and texts of the two figures that stand many times inside the page.

`ushaped.figures.evidence` and `ushaped.figures.parts` write SVG, since rendering a page draws some
190 of the first and ten of the second. Seaborn was tried on the small configuration: it takes
0.26 s and 4.0 kB for a curve of evidence (here 0.7 ms and 2.0 kB), and 0.9 s and 7.1 kB for a card
of parts (here 40 ms and 3.2 kB). A page would take a minute, not 8 s, and a fifth more bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from ushaped.figures import style

METRICS = {
    "accuracy": "Accuracy",
    "sequence_loss": "Negated loss (nats)",
    "log_odds": "Log odds (nats)",
    "absolute_log_odds": "Negated absolute log odds (nats)",
}
# Markers by the names that matplotlib has for them, as path data from their middle.
MARKERS = {
    "o": "m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0",
    "s": "m-3-3h6v6h-6z",
    "^": "m0-4l3.6 6.6h-7.2z",
    "v": "m0 4l3.6-6.6h-7.2z",
    "<": "m-4 0l6.6-3.6v7.2z",
    ">": "m4 0l-6.6-3.6v7.2z",
    "D": "m0-4l4 4l-4 4l-4-4z",
    "d": "m0-4.5l2.8 4.5l-2.8 4.5l-2.8-4.5z",
    "x": "m-3-3l6 6m0-6l-6 6",
    "X": "m-3.5-3.5l7 7m0-7l-7 7",
    "+": "m-4 0h8m-4-4v8",
    "P": "m-4.5 0h9m-4.5-4.5v9",
    "p": "m0-4l3.8 2.8l-1.4 4.4h-4.8l-1.4-4.4z",
    "8": "m-1.6-3.8h3.2l2.2 2.2v3.2l-2.2 2.2h-3.2l-2.2-2.2v-3.2z",
    "H": "m-2-3.5h4l2 3.5l-2 3.5h-4l-2-3.5z",
    "1": "m0 0v4.4m0-4.4l3.8-2.2m-3.8 2.2l-3.8-2.2",
    "2": "m0 0v-4.4m0 4.4l3.8 2.2m-3.8-2.2l-3.8 2.2",
    "h": "m0-4l3.5 2v4l-3.5 2l-3.5-2v-4z",
    "*": "m0-4.6l1.3 3l3.3.2l-2.5 2.1l.8 3.2l-2.9-1.7l-2.9 1.7l.8-3.2l-2.5-2.1l3.3-.2z",
}


class Panel(NamedTuple):
    """Axes: edges in pixels, limits of the scales (a logarithmic axis) and of the values."""

    left: int
    right: int
    top: int
    bottom: int
    scales: tuple[float, float]
    values: tuple[float, float]

    def x(self, scale: float) -> float:
        low, high = self.scales
        return self.left + (self.right - self.left) * math.log(scale / low) / math.log(high / low)

    def y(self, value: float) -> float:
        low, high = self.values
        return self.bottom - (self.bottom - self.top) * (value - low) / (high - low)

    def points(self, scales: Iterable[float], values: Iterable[float]) -> Iterator[str]:
        """Pixels of the points of which both coordinates are known."""
        for scale, value in zip(scales, values, strict=True):
            if not math.isnan(scale + value):
                yield f"{short(self.x(scale))} {short(self.y(value))}"

    def line(self, kind: str, scales: Iterable[float], values: Iterable[float]) -> str:
        points = "L".join(self.points(scales, values))
        return path(kind, points and f"M{points}")

    def intervals(
        self, kind: str, scales: Iterable[float], low: Iterable[float], high: Iterable[float]
    ) -> str:
        """Vertical lines; an interval has both ends or none."""
        ends = zip(scales, low, high, strict=True)
        known = [end for end in ends if not math.isnan(sum(end))]
        lines = (f"M{short(self.x(x))} {short(self.y(a))}V{short(self.y(b))}" for x, a, b in known)
        return path(kind, "".join(lines))

    def level(self, kind: str, value: float) -> str:
        """A horizontal line across the panel, if it is inside."""
        inside = self.values[0] <= value <= self.values[1]
        return path(kind, f"M{self.left} {short(self.y(value))}H{self.right}" if inside else "")

    def axes(
        self,
        ticks: Sequence[tuple[float, str]],
        write: Callable[[float], str],
        most: int,
        name: str,
        scales: Sequence[float] = (),
    ) -> str:
        """A grid at the ``ticks`` (value, label), and the axis with at most ``most`` scales.

        By default they are whole decades, or 1-2-5 on a short axis.
        """
        low, high = self.scales
        scales = scales or [at for at in style.decade_ticks(low, high, most) if low <= at <= high]
        scales = scales[:: -(-len(scales) // most) or 1]
        grid = "".join(f"M{self.left} {short(self.y(value))}H{self.right}" for value, _ in ticks)
        marks = "".join(f"M{short(self.x(scale))} {self.bottom}v5" for scale in scales)
        beside = [text(self.left - 6, self.y(value) + 4, label) for value, label in ticks]
        below = [text(self.x(scale), self.bottom + 18, write(scale)) for scale in scales]
        below.append(text((self.left + self.right) / 2, self.bottom + 34, name))
        return (
            f"{path('grid', grid)}{path('axis', f'M{self.left} {self.bottom}H{self.right}{marks}')}"
            f'<g text-anchor="end">{"".join(beside)}</g>'
            f'<g text-anchor="middle">{"".join(below)}</g>'
        )


def value_ticks(low: float, high: float, unit: str) -> list[tuple[float, str]]:
    """At most seven round values with their labels; shares from 0 to 1."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(s for s in (1, 2, 5, 10) if (high - low) / (s * step) <= 6)
    share = unit == "share"
    digits = max(0, -math.floor(math.log10(step) + 1e-9) - 2 * share)
    ticks = [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    inside = [tick for tick in ticks if not share or -1e-9 <= tick <= 1 + 1e-9]
    return [(tick, written(tick, unit, digits)) for tick in inside]


def written(value: float, unit: str, digits: int) -> str:
    """A value in its unit, with a real minus sign; a share in percent."""
    said = f"{100 * value:.{digits}f}%" if unit == "share" else f"{value:.{digits}f}"
    return said.replace("-", "−") if float(said.rstrip("%")) else said.replace("-", "")


def text(x: float, y: float, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{short(x)}" y="{short(y)}">{escape(words)}</text>'


def path(kind: str, data: str) -> str:
    return f'<path class="{kind}" d="{data}"/>' if data else ""


def short(number: float) -> str:
    """A coordinate with one decimal at most.

    Examples
    --------
    >>> short(12.04), short(3.45678)
    ('12', '3.5')
    """
    return f"{number:.1f}".removesuffix(".0")
