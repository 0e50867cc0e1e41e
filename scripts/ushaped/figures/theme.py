"""The theme of all figures, on seaborn: settings, mapped looks, axes, legends, and writing.

A figure is a tidy table and a few layers of ``seaborn.objects``: `plot` maps a column of names to
the colours, markers and lines of `ushaped.figures.style`; layers take ``legend=False``, since a
legend is made from `entries`. Matplotlib does by hand what seaborn cannot: the cut compute axis
(`cut_axis`), ticks of logarithmic axes (`log_axis`) and the legend below (`legend_below`).
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
import seaborn.objects as so
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from PIL import Image

from ushaped.errors import UserError
from ushaped.figures import style
from ushaped.figures.compact import compact
from ushaped.figures.marks import LOOK, Curves
from ushaped.files import whole
from ushaped.results.numbers import power_of_ten, zetta

DPI, PNG_COLOURS = 160, 128
# Opacity of a band, width of an interval, dashes of the chance line, length of a legend's lines.
BAND, RANGE = 0.15, 1.2
CHANCE: dict[str, Any] = {"color": style.MUTED, "linewidth": 1.1, "linestyle": (0, (2, 2))}
HANDLE = 3.2

# Mark, rows, and columns that replace those of the plot.
Layer = tuple[so.Mark, pd.DataFrame, Mapping[str, str | None]]

SETTINGS: dict[str, Any] = {
    **sns.axes_style("whitegrid"),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), style.PAPER),
    **dict.fromkeys(("text.color", "axes.labelcolor"), style.INK),
    **dict.fromkeys(("xtick.labelcolor", "ytick.labelcolor"), style.INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), style.MUTED),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **dict.fromkeys(("xtick.bottom", "ytick.left"), True),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 8.5),
    **{"axes.titlesize": 9.5, "axes.titleweight": "bold", "axes.titlelocation": "left"},
    **{"axes.linewidth": 0.8, "lines.linewidth": 1.7, "lines.markersize": 5},
    **{"lines.markeredgewidth": 1, "lines.solid_capstyle": "butt"},
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 3.5),
    **dict.fromkeys(("xtick.major.pad", "ytick.major.pad"), 3.5),
    **dict.fromkeys(("xtick.major.width", "ytick.major.width"), 0.8),
    **{"grid.color": style.GRID, "grid.linewidth": 0.7, "font.size": 9, "axes.labelsize": 9},
    # Laid out with the widest of the common fonts, so no text grows where another is used.
    **{"font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"]},
    **{"svg.fonttype": "none", "svg.hashsalt": "ushaped", "path.simplify": False},
}


@contextmanager
def theme() -> Iterator[None]:
    """Settings of all figures, without the warnings that seaborn 0.13 causes in pandas 3."""
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The copy keyword is deprecated", DeprecationWarning, "seaborn"
        )
        yield


def plot(
    rows: pd.DataFrame, looks: Mapping[Any, style.Look], series: str, **variables: str
) -> so.Plot:
    """Begin a plot in which the column ``series`` chooses colour, marker and line.

    Its values are keys of ``looks``; ``variables`` name the columns of ``x``, ``y``, ``ymin``, ...
    """
    scales = {
        name: {key: getattr(look, part) for key, look in looks.items()}
        for name, part in LOOK.items()
    }
    begun = so.Plot(rows, **variables, **dict.fromkeys(LOOK, series))
    return begun.scale(**scales).theme(SETTINGS)


def draw(layers: so.Plot, axis: Axes) -> None:
    """Draw a plot on an axis, without the names of columns as labels."""
    layers.label(x="", y="").on(axis).plot()


def draw_layers(
    axis: Axes,
    looks: Mapping[Any, style.Look],
    series: str,
    layers: Iterable[Layer],
    **variables: str,
) -> None:
    """Draw layers that have rows of their own.

    Where a plot has rows too, seaborn takes from those of a layer only what the layer names again.

    Marks have the colours of their series, `Curves` the looks that they hold.
    """
    plotted = so.Plot().scale(color={key: look.colour for key, look in looks.items()})
    for mark, rows, changed in layers:
        if len(rows):
            by = "group" if isinstance(mark, Curves) else "color"
            chosen = {by: series, **variables, **changed}
            chosen = {name: column for name, column in chosen.items() if column}
            plotted = plotted.add(mark, data=rows, legend=False, **chosen)
    draw(plotted.theme(SETTINGS), axis)


def log_axis(
    axis: Axes,
    limits: tuple[float, float],
    write: Callable[[float], str] = power_of_ten,
    most: int = 6,
    label: str = "",
) -> None:
    """Make the horizontal axis logarithmic, with few ticks that ``write`` writes.

    Call it after `draw`: seaborn sets a linear one.
    """
    axis.set_xscale("log")
    axis.set_xlim(*limits)
    axis.xaxis.set_major_locator(FixedLocator(style.decade_ticks(*limits, most=most)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel(label)


def log_axis_from_zero(
    axis: Axes,
    values: Sequence[float],
    write: Callable[[float], str],
    most: int = 6,
    label: str = "",
) -> None:
    """Make the horizontal axis the logarithm of 1 + value, with ticks at the ``values`` themselves.

    Call it after `draw`: seaborn sets a linear one.
    """
    points = sorted(set(values)) or [0.0, 1.0]
    low, high = math.log1p(points[0]), math.log1p(points[-1])
    margin = max(0.12, 0.06 * (high - low))
    axis.set_xscale("function", functions=(np.log1p, np.expm1))
    axis.set_xlim(math.expm1(low - margin), math.expm1(high + margin))
    axis.xaxis.set_major_locator(FixedLocator(points[:: -(-len(points) // most)]))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel(label)


def cut_axis(
    figure: Figure | SubFigure, cell: SubplotSpec, values: Iterable[float], least: float = 0.36
) -> list[tuple[Axes, tuple[float, float]]]:
    """Make axes side by side for a horizontal axis that leaves out its long empty stretches.

    Returns each piece with its limits; two strokes stand where the axis is cut. ``least`` is the
    smallest share of the width that a piece has.
    """
    pieces = style.segments(values)
    spans = [math.log10(high / low) for low, high in pieces]
    widths = [max(span / sum(spans), least) for span in spans]
    grid = cell.subgridspec(1, len(pieces), width_ratios=widths, wspace=0)
    axes = [figure.add_subplot(grid[0])]
    axes += [figure.add_subplot(grid[place], sharey=axes[0]) for place in range(1, len(pieces))]
    slanted: dict[str, Any] = {
        "marker": [(-0.6, -1), (0.6, 1)],
        "markersize": 8,
        "linestyle": "none",
        "color": style.MUTED,
        "markeredgewidth": 1,
        "clip_on": False,
    }
    for left, right in pairwise(axes):
        left.plot([1], [0], transform=left.transAxes, **slanted)
        right.plot([0], [0], transform=right.transAxes, **slanted)
        right.spines["left"].set_visible(False)
        right.tick_params(axis="y", length=0)
    return list(zip(axes, pieces, strict=True))


def compute_axis(axis: Axes, piece: tuple[float, float], most: int = 5) -> None:
    """Make a piece of a compute axis: in zettaFLOPs where it reaches a tenth of one."""
    large = piece[1] >= 1e20
    write: Callable[[float], str] = zetta if large else power_of_ten
    log_axis(axis, piece, write, most, "zettaFLOPs" if large else "FLOPs")
    # Those of a piece after a cut; seaborn shows them again.
    axis.tick_params(axis="y", labelleft=axis.spines["left"].get_visible())


def chance_line(axis: Axes, level: float) -> None:
    """Draw the level that guessing reaches; nothing if it is not defined."""
    if pd.notna(level):
        axis.axhline(level, **CHANCE, zorder=1)


def entry(label: str, look: style.Look | None = None, **settings: Any) -> Line2D:
    """One entry of a legend; without a look it is muted."""
    chosen: dict[str, Any] = {"color": style.MUTED}
    if look:
        chosen = {"color": look.colour, "marker": look.marker, "linestyle": look.line}
    return Line2D([], [], label=label, **(chosen | settings))


def entries(looks: Mapping[str, style.Look], **settings: Any) -> list[Line2D]:
    """One entry for each look, named by its key."""
    return [entry(name, look, **settings) for name, look in looks.items()]


def legend_below(
    figure: Figure, handles: Sequence[Line2D], title: str = "", columns: int = 4
) -> None:
    """Put a legend below the figure, in as many columns, at most ``columns``, as fit its width."""
    for count in range(min(columns, len(handles)), 0, -1):
        legend = figure.legend(
            handles=handles,
            loc="outside lower center",
            title=title or None,
            ncols=count,
            handlelength=HANDLE,
        )
        if count == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def legend_cell(axis: Axes, handles: Sequence[Line2D], title: str = "") -> None:
    """Turn an axis into a place for the legend alone."""
    axis.axis("off")
    axis.legend(
        handles=handles,
        loc="center left",
        title=title or None,
        alignment="left",
        borderaxespad=0,
        handlelength=HANDLE,
    )


def save(figure: Figure, table: pd.DataFrame, prefix: str | Path, title: str = "") -> None:
    """Write ``prefix.svg``, ``prefix.png`` and ``prefix.csv``, each whole.

    The same figure gives the same bytes: ids in the SVG come from a fixed salt, and no file
    carries a date or a program's version.
    ``title`` stands inside the SVG, for screen readers.
    """
    try:
        with theme(), whole(f"{prefix}.svg") as svg, whole(f"{prefix}.png") as png:
            svg.write_text(_svg(figure, title), encoding="utf-8")
            png.write_bytes(_png(figure))
        with whole(f"{prefix}.csv") as path:
            table.to_csv(path, index=False, lineterminator="\n")
    except OSError as error:
        raise UserError(
            f"{prefix}.*", f"cannot be written ({error.strerror})", "choose another --output"
        ) from error


def _svg(figure: Figure, title: str) -> str:
    written = io.BytesIO()
    metadata = {**dict.fromkeys(("Date", "Creator", "Format", "Type")), "Title": title}
    # Figure.savefig draws everything twice.
    FigureCanvasSVG(figure).print_svg(written, metadata=metadata)
    return compact(written.getvalue().decode())


def _png(figure: Figure) -> bytes:
    """Draw with a palette of few colours: a third of the bytes, and no difference to the eye."""
    figure.set_dpi(DPI)
    canvas, packed = FigureCanvasAgg(figure), io.BytesIO()
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image = image.quantize(PNG_COLOURS, dither=Image.Dither.NONE)
    image.save(packed, format="png", optimize=True, dpi=(DPI, DPI))
    return packed.getvalue()
