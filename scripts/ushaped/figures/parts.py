"""Each part of one task on its own, as a small SVG (see `ushaped.figures.inline_svg`).

One panel per part on the same axes. With one family the curve of all items lies behind each panel;
with several, families have their own colours, markers and dashes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ushaped.axes import BY_COLUMN
from ushaped.figures import style
from ushaped.figures.inline_svg import MARKERS, METRICS, Panel, path, text, value_ticks, written
from ushaped.results import tables
from ushaped.terms import SIGNS
from ushaped.variants import order_variants

# A task of one part has nothing to compare; with more than nine, panels show nothing.
FEWEST, MOST = 2, 9
ALL = "all"
COLUMNS = [
    *("family", "source", "task", "variant", "protocol", "part", "metric", "size", "parameters"),
    *("training_flops", "value", "low", "high", "n", "chance"),
]
# In pixels: of a panel, of the room around its axes, of a row of the key.
WIDTH, HEIGHT = 225, 176
LEFT, RIGHT, TOP, BOTTOM, KEY_STEP = 44, 12, 26, 42, 19
ACROSS = 4
SHEET = (
    f"text{{font:11px 'DejaVu Sans',Verdana,sans-serif;fill:{style.MUTED}}}"
    f".t{{font-weight:bold;fill:{style.INK}}}.k{{fill:{style.INK}}}"
    f"path{{fill:none;stroke-width:1.8}}.grid{{stroke:{style.GRID};stroke-width:1}}"
    f".axis{{stroke:{style.MUTED};stroke-width:1}}"
    f".c{{stroke:{style.MUTED};stroke-width:1.1;stroke-dasharray:2 3}}"
    f".w{{stroke:{style.GREY};stroke-width:1.5;stroke-dasharray:5 3}}.p{{fill:{style.PAPER}}}"
)


def table(parts: pd.DataFrame, metrics: pd.DataFrame, edition: tables.Edition) -> pd.DataFrame:
    """Collect the scores by part of one edition, for its main prompt variant.

    Parameters
    ----------
    parts, metrics : DataFrame
        ``parts.csv``, and ``metrics.csv`` for the curve of all items.
    edition : Edition

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; ``part`` is text, `ALL` for the curve of all items. Empty unless there
        are 2 to 9 parts.
    """
    own = tables.of_edition(parts, edition)
    if not FEWEST <= own["part"].nunique() <= MOST:
        return pd.DataFrame(columns=COLUMNS)
    variant = order_variants(own["variant"])[0]
    own = own[own["variant"] == variant]
    own = own.assign(part=own["part"].astype(int).astype(str))
    whole = tables.of_edition(metrics, edition)
    chosen = (whole["variant"] == variant) & (whole["metric"] == own["metric"].iloc[0])
    whole = whole[chosen & (whole["model"] == "") & whole["family"].isin(own["family"])]
    whole = whole[~tables.flagged(whole, tables.PUBLISHED_POINT)].assign(part=ALL)
    return tables.rounded(pd.concat([own, whole])[COLUMNS].reset_index(drop=True))


def parts_of(table: pd.DataFrame) -> list[str]:
    """The parts in a table, in their order.

    Examples
    --------
    >>> parts_of(pd.DataFrame({"part": ["10", "2", "all"]}))
    ['2', '10']
    """
    return sorted(set(table["part"]) - {ALL}, key=int)


def svg(table: pd.DataFrame) -> str:
    """Draw a table of `table` that is not empty, as an SVG file with names of families escaped."""
    looks = style.family_looks(table["family"])
    rows = table.assign(scale=table[tables.axis_of(table)]).sort_values("scale", kind="stable")
    # Up is better in all panels.
    rows[["value", "low", "high", "chance"]] *= SIGNS[rows["metric"].iloc[0]]
    panel = _panel(rows)
    cells = [_part(rows, part, panel, looks) for part in parts_of(table)] + [_key(rows, looks)]
    # As wide for any number of parts, so that all cards show them at one scale.
    width, height = ACROSS * WIDTH, -(-len(cells) // ACROSS) * HEIGHT
    drawn = "".join(
        _moved(place % ACROSS * WIDTH, place // ACROSS * HEIGHT, cell)
        for place, cell in enumerate(cells)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}"><style>{SHEET}{_colours(looks)}</style>'
        f'<rect class="p" width="{width}" height="{height}"/>{drawn}</svg>\n'
    )


def _colours(looks: Mapping[str, style.Look]) -> str:
    """Classes of the families, in their order: lines, filled markers, intervals."""
    dashes = [
        "" if isinstance(o.line, str) else " ".join(map(str, o.line[1])) for o in looks.values()
    ]
    return "".join(
        f".l{place}{{stroke:{look.colour}{f';stroke-dasharray:{dash}' if dash else ''}}}"
        f".m{place}{{stroke:{look.colour};fill:{look.colour};stroke-width:1.2}}"
        f".b{place}{{stroke:{look.colour};stroke-width:1.1}}"
        for place, (look, dash) in enumerate(zip(looks.values(), dashes, strict=True))
    )


def _moved(x: float, y: float, drawing: str) -> str:
    return f'<g transform="translate({x} {y})">{drawing}</g>'


def _panel(rows: pd.DataFrame) -> Panel:
    low, high = 0.0, 1.0
    if rows["metric"].iloc[0] != "accuracy":
        values = rows[["value", "low", "high"]].to_numpy()
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.04 * (high - low) or 0.05
    scales = style.limits(rows["scale"].dropna().tolist())
    return Panel(LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM, scales, (low - room, high + room))


def _part(rows: pd.DataFrame, part: str, panel: Panel, looks: Mapping[str, style.Look]) -> str:
    own, axis = rows[rows["part"] == part], BY_COLUMN[tables.axis_of(rows)]
    ticks = value_ticks(*panel.values, "nats")
    if rows["metric"].iloc[0] == "accuracy":
        ticks = [(share, written(share, "share", 0)) for share in (0, 0.25, 0.5, 0.75, 1)]
    chances = own["chance"].dropna().unique()
    pieces = [
        text(LEFT, 15, f"Part {part}, {own['n'].max():,.0f} items", "t"),
        panel.axes(ticks, axis.tick, 3, axis.short),
        panel.level("c", chances[0]) if len(chances) == 1 else "",
    ]
    if len(looks) == 1:
        whole = rows[rows["part"] == ALL]
        pieces.append(panel.line("w", whole["scale"], whole["value"]))
    for place, (family, look) in enumerate(looks.items()):
        scales, values, low, high = (
            own.loc[own["family"] == family, name] for name in ("scale", "value", "low", "high")
        )
        marks = (f"M{point}{MARKERS[look.marker]}" for point in panel.points(scales, values))
        pieces.append(panel.intervals(f"b{place}", scales, low, high))
        pieces.append(panel.line(f"l{place}", scales, values))
        pieces.append(path(f"m{place}", "".join(marks)))
    return "".join(pieces)


def _key(rows: pd.DataFrame, looks: Mapping[str, style.Look]) -> str:
    sample = "M0 0h24"
    entries = [
        (path(f"l{place}", sample) + path(f"m{place}", f"M12 0{MARKERS[look.marker]}"), family)
        for place, (family, look) in enumerate(looks.items())
    ]
    entries += [(path("w", sample), "all items")] if len(looks) == 1 else []
    entries += [(path("c", sample), "chance")] if rows["chance"].notna().any() else []
    return text(LEFT, 15, METRICS[rows["metric"].iloc[0]], "t") + "".join(
        _moved(LEFT, 36 + KEY_STEP * place, line + text(32, 4, words, "k"))
        for place, (line, words) in enumerate(entries)
    )
