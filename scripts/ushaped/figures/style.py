"""One look for all figures: colours, markers, line styles, axes with readable ticks.

Colours are those of Okabe and Ito (Color Universal Design, 2008), two of them darkened so that a
line on white keeps a contrast of three to one. Colour is never the only sign: families and
variants have their own markers, variants their own line styles, shapes their own symbol and word.
Importing this module does not import matplotlib.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ushaped.variants import order_variants

INK, MUTED, GRID, PAPER = "#1b1f24", "#5a6472", "#e4e7eb", "#ffffff"

BLUE, VERMILLION, GREEN, ORANGE = "#0072b2", "#d55e00", "#008a66", "#b87400"
PURPLE, SKY, GREY, BROWN = "#a8508a", "#3a91c7", "#7a828c", "#7f5a3c"

# The same colours on a dark page; the report exchanges them inside the figures it shows.
DARK = {
    INK: "#e8eaed",
    MUTED: "#a7b0bc",
    GRID: "#343b45",
    PAPER: "#171b21",
    BLUE: "#4aa8e0",
    VERMILLION: "#f0823c",
    GREEN: "#35c49b",
    ORANGE: "#e6a62e",
    PURPLE: "#d98cbd",
    SKY: "#7cc4ee",
    GREY: "#98a1ac",
    BROWN: "#b98f6c",
}

Line = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class Look:
    """How one series is drawn."""

    colour: str
    marker: str
    line: Line


VARIANTS: dict[str, Look] = {
    "zero-shot": Look(BLUE, "o", "-"),
    "few-shot": Look(ORANGE, "s", (0, (5.0, 1.6))),
    "one-shot": Look(GREEN, "^", (0, (5.0, 1.4, 1.2, 1.4))),
    "cot": Look(VERMILLION, "D", (0, (1.4, 1.3))),
    "zero-shot-cot": Look(PURPLE, "v", (0, (3.0, 1.2, 1.0, 1.2, 1.0, 1.2))),
}
# Variants of which there are several, by a number at the end of their name.
NUMBERED = ("few-shot", "inside")
# Not shown at a glance: the variants of a few tasks alone.
LEFT_OUT = ("inside",)
INSIDE = (
    Look(BROWN, "P", (0, (7.0, 2.0))),
    Look(BROWN, "X", (0, (2.0, 2.0))),
    Look(BROWN, "<", (0, (4.0, 1.0, 1.0, 1.0))),
    Look(BROWN, ">", (0, (1.0, 1.0))),
)
SPARE_VARIANTS = (
    Look(SKY, "P", (0, (7.0, 2.0))),
    Look(BROWN, "X", (0, (2.0, 2.0))),
    Look(GREY, "<", (0, (4.0, 1.0, 1.0, 1.0))),
)

# Colour tells who made a published series, a broken line that it was tuned after its training.
FAMILIES: dict[str, Look] = {
    "ladder": Look(VERMILLION, "o", "-"),
    "PaLM": Look(BLUE, "s", "-"),
    "Gopher": Look(GREEN, "^", "-"),
    "Chinchilla": Look(ORANGE, "D", "-"),
    "Anthropic LM": Look(PURPLE, "v", "-"),
    "Anthropic Context Distilled": Look(PURPLE, "x", (0, (4.0, 1.5))),
    "Anthropic RLHF": Look(PURPLE, "+", (0, (1.4, 1.3))),
    "GPT-3": Look(BROWN, "p", "-"),
    "GPT-3 FeedME": Look(BROWN, "d", (0, (4.0, 1.5))),
    "GPT-2": Look(GREY, "h", "-"),
    "OPT": Look(SKY, "*", "-"),
}
_DASHED: Line = (0, (4.0, 1.5))
SPARE_FAMILIES = tuple(
    map(
        Look,
        (SKY, BROWN, GREY, INK, GREEN, PURPLE, ORANGE, BLUE),
        "PX<>81H2",
        ("-", "-", "-", "-", _DASHED, (0, (7.0, 2.0)), (0, (1.4, 1.3)), _DASHED),
    )
)

SHAPES = ("U-shaped", "inverse", "positive", "inverted-U", "flat")
SHAPE_COLOURS = {
    "U-shaped": BLUE,
    "inverse": VERMILLION,
    "positive": GREEN,
    "inverted-U": PURPLE,
    "flat": GREY,
}
# Each shape as a small curve in the unit square, for symbols that need no font.
SHAPE_CURVES: dict[str, tuple[tuple[float, float], ...]] = {
    "U-shaped": tuple((x / 10, (x / 5 - 1) ** 2) for x in range(11)),
    "inverted-U": tuple((x / 10, 1 - (x / 5 - 1) ** 2) for x in range(11)),
    "positive": ((0.0, 0.0), (1.0, 1.0)),
    "inverse": ((0.0, 1.0), (1.0, 0.0)),
    "flat": ((0.0, 0.5), (1.0, 0.5)),
}


def variant_kind(variant: str) -> str:
    """Drop the number of shots: ``few-shot-2`` is drawn as ``few-shot``."""
    kinds = (kind for kind in NUMBERED if variant.startswith(f"{kind}-"))
    return next(kinds, variant)


def variant_looks(variants: Iterable[str]) -> dict[str, Look]:
    """Give each variant its look; the same variant has the same look in every figure."""
    looks: dict[str, Look] = {}
    spare, shortened = 0, 0
    for variant in order_variants(variants):
        look = VARIANTS.get(variant_kind(variant))
        if variant_kind(variant) == "inside":
            look = INSIDE[shortened % len(INSIDE)]
            shortened += 1
        elif look is None or look in looks.values():
            look = SPARE_VARIANTS[spare % len(SPARE_VARIANTS)]
            spare += 1
        looks[variant] = look
    return looks


def family_looks(families: Iterable[str]) -> dict[str, Look]:
    """Give each family its look; families without their own take the spare ones in turn."""
    names = sorted(set(families))
    unknown = [name for name in names if name not in FAMILIES]
    spare = {name: SPARE_FAMILIES[i % len(SPARE_FAMILIES)] for i, name in enumerate(unknown)}
    return {name: FAMILIES.get(name) or spare[name] for name in names}


def ordered_looks(names: Iterable[str]) -> dict[str, Look]:
    """Give names of one order, such as sizes, their looks: by place, not by name."""
    colours = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BROWN, GREY)
    lines: tuple[Line, ...] = ("-", (0, (4.0, 1.5)), (0, (1.4, 1.3)))
    return {
        name: Look(
            colours[place % len(colours)],
            "osD^vPX<>"[place % 9],
            lines[place // len(colours) % len(lines)],
        )
        for place, name in enumerate(names)
    }


def for_dark_pages(svg: str) -> str:
    """Let a figure follow the reader's colour scheme: add what its style sheet says of colours.

    They stand in an element of their own, ``<style id="dark">``, without which the text is the
    file's again.
    """
    sheet = re.search(r"<style[^>]*>(.*?)</style>", svg, re.DOTALL)
    if sheet is None:
        return svg
    rules = []
    for selector, declarations in re.findall(r"([^{}]+)\{([^{}]*)\}", sheet[1]):
        changed = [_darker(one) for one in declarations.split(";") if _darker(one) != one]
        if changed:
            rules.append(f"{selector}{{{';'.join(changed)}}}")
    dark = f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"
    return f'{svg[: sheet.end()]}<style id="dark">{dark}</style>{svg[sheet.end() :]}'


def _darker(declaration: str) -> str:
    for light, colour in DARK.items():
        declaration = declaration.replace(light, colour)
    return declaration


def decade_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Choose tick positions for a logarithmic axis: whole decades, or 1-2-5 on a short one.

    Examples
    --------
    >>> decade_ticks(1e9, 1e13)
    [1000000000.0, 10000000000.0, 100000000000.0, 1000000000000.0, 10000000000000.0]
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 1:
        step = next(s for s in (1, 2, 3, 5, 10, 20) if (last - first) // s + 1 <= most)
        return [10.0**e for e in range(first, last + 1, step)]
    candidates = [m * 10.0**e for e in range(first - 1, last + 2) for m in (1, 2, 5)]
    # A span so short that it holds none of them is at least 1.5 wide, so it holds one of these.
    finer = [m * 10.0**e for e in range(first - 1, last + 2) for m in (1.5, 3, 4, 6, 7, 8, 9)]
    inside, between = ([c for c in some if low <= c <= high] for some in (candidates, finer))
    ticks = inside or between
    return ticks[:: -(-len(ticks) // most)]


def segments(values: Iterable[float], gap: float = 3.0) -> list[tuple[float, float]]:
    """Cut a logarithmic axis where ``gap`` decades or more hold no value.

    Parameters
    ----------
    values : iterable of float
        Positions on the axis, all > 0.
    gap : float
        Width of an empty stretch that is left out, in decades.

    Returns
    -------
    list of (low, high)
        Axis limits of each piece, with a margin; never empty.
    """
    ordered = sorted(v for v in values if v > 0 and math.isfinite(v))
    if not ordered:
        return [(1.0, 10.0)]
    pieces = [[ordered[0], ordered[0]]]
    for value in ordered[1:]:
        if math.log10(value / pieces[-1][1]) >= gap:
            pieces.append([value, value])
        pieces[-1][1] = value
    return [limits(piece) for piece in pieces]


def limits(values: Sequence[float]) -> tuple[float, float]:
    """Limits of a logarithmic axis around ``values``, with a margin on both sides."""
    low, high = math.log10(min(values)), math.log10(max(values))
    margin = max(0.12, 0.05 * (high - low))
    return 10 ** (low - margin), 10 ** (high + margin)
