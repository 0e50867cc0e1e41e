"""Where the distractor task and the true task set in, against how rare the true regularity is."""

from __future__ import annotations

import pandas as pd
import seaborn.objects as so
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ushaped.figures import panels, style, theme
from ushaped.questions.onsets import ONSET
from ushaped.results import tables
from ushaped.results.numbers import percent
from ushaped.shapes.onsets import DISTRACTOR, TRUE_TASK, VALLEY_END

TITLE = "does a rarer true regularity move the turn?"
CAPTION = """\
Model sizes at which the zero-shot accuracy of ladders crosses levels below guessing, against the
share of a task's training texts in which the true regularity decides: the distractor's onset (below
half of chance for the first time), the true task's (above half of chance for the last time), and
the end of the valley (at chance for the last time). Shaded: from the first of these sizes to the
last. Arrows: outside of the sizes. Bars are 95 % intervals over training runs and items.
"""
LOOKS = {
    DISTRACTOR: style.Look(style.VERMILLION, "o", "-"),
    TRUE_TASK: style.Look(style.BLUE, "s", "-"),
    VALLEY_END: style.Look(style.GREEN, "D", (0, (4.0, 1.5))),
}
NAMES = {
    DISTRACTOR: "distractor's onset",
    TRUE_TASK: "true task's onset",
    VALLEY_END: "end of the valley",
}
# The three marks of one frequency, side by side, as factors of the frequency.
SHIFTS = {DISTRACTOR: 1.0, TRUE_TASK: 0.955, VALLEY_END: 1.047}


def table(onsets: pd.DataFrame) -> pd.DataFrame:
    """The onsets themselves; their slopes stand in the answer."""
    return onsets[onsets["kind"] == ONSET].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per task: a line with intervals per onset, and the valley shaded."""
    found = tables.editions(table)
    with theme.theme():
        drawn, axes = panels.small_multiples(found, len(found), 2.6, 0.6)
        for axis, edition in zip(axes, found, strict=False):
            rows = tables.of_edition(table, edition)
            _draw_panel(axis, rows.sort_values("true_frequency"), table)
            source = "" if tables.title_of_items(found) else f"\n{edition.source} items"
            axis.set_title(f"{edition.task}{source}", fontsize=8.5)
        axes[0].set_ylabel("True regularity, share of texts", fontsize=8)
        handles = theme.entries({NAMES[name]: look for name, look in LOOKS.items()})
        handles.append(theme.entry("outside of the sizes", marker=">", linestyle="none"))
        theme.legend_below(drawn, handles, tables.title_of_items(found))
        return drawn


def _draw_panel(axis: Axes, rows: pd.DataFrame, every: pd.DataFrame) -> None:
    wide = rows.pivot_table(index="true_frequency", columns="onset", values="value")
    if {DISTRACTOR, VALLEY_END} <= set(wide.columns):
        ends = wide[DISTRACTOR], wide[VALLEY_END]
        axis.fill_betweenx(wide.index, *ends, color=style.GREY, alpha=theme.BAND, linewidth=0)
    rows = rows.dropna(subset=["value"])
    # Without a valley at any frequency, the product of no rows has no type.
    rows = rows.assign(row=rows["true_frequency"] * rows["onset"].map(SHIFTS).astype(float))
    theme.draw(
        theme.plot(rows, LOOKS, "onset", x="value", y="row", xmin="low", xmax="high")
        .add(so.Range(linewidth=1.4, linestyle="-"), orient="y", legend=False)
        .add(so.Line(linewidth=1.2, pointsize=4.5), orient="y", legend=False),
        axis,
    )
    # Arrows beside the marks, away from the sizes.
    for side, marker, away in (("below", "<", 1 / 1.25), ("beyond", ">", 1.25)):
        out = rows[rows["outside"].str.contains(side)]
        colours = [LOOKS[name].colour for name in out["onset"]]
        axis.scatter(out["value"] * away, out["row"], s=44, c=colours, marker=marker, zorder=4)
    across = pd.concat([every[name] for name in ("value", "low", "high")])
    panels.scale_axis(axis, across.dropna(), "parameters", most=4, short=True)
    axis.set_xlabel("Parameters without embeddings", fontsize=8)
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(FixedLocator(sorted(every["true_frequency"].unique())))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0)))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.tick_params(labelsize=7.5)
