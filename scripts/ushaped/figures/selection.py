"""How many tasks chosen for looking inverse turn by themselves, against how much they wander."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ushaped.figures import panels, style
from ushaped.results import tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {
    "independent": "a\u2002Each size wanders by itself",
    "walk": "b\u2002What is lost stays lost (random walk)",
}
LOOKS = {
    "slope": style.Look(style.BLUE, "o", "-"),
    "last fall": style.Look(style.VERMILLION, "s", (0, (5.0, 1.6))),
}
# Both ways of choosing stand beside each other at every tau.
SHIFT = 0.0015
SAID = {"slope": "chosen by slope", "last fall": "chosen by the last fall"}


def read(path: str | Path) -> pd.DataFrame:
    """Read ``selection.csv``."""
    return tables.read_question(path)


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Everything in the table is drawn."""
    return found


def closest(rows: pd.DataFrame) -> pd.Series:
    """The row whose simulated fall comes closest to the observed one.

    Parameters
    ----------
    rows : DataFrame
        Of one kind of wiggle and one ranking.
    """
    off = (rows["fall_median"] - rows["observed_fall"]).abs()
    return rows.iloc[int(off.to_numpy().argmin())]


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per kind of wiggle: median and middle 90 % for each way of choosing."""
    with style.context():
        drawn = Figure(figsize=(10.2, 4.5), layout="constrained")
        axes = drawn.subplots(1, len(TITLES), sharey=True, sharex=True)
        for axis, kind in zip(axes, TITLES, strict=True):
            _panel(axis, table[table["kind"] == kind])
            axis.set_title(TITLES[kind])
        axes[0].set_ylabel("Called U-shaped after one size more")
        axes[0].set_xlabel("Wiggle τ (points of accuracy)")
        axes[1].set_xlabel("Wiggle τ (points per root of a decade of compute)")
        drawn.legend(handles=_entries(table), loc="outside lower center", ncols=3, handlelength=3.2)
        return drawn


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    for (ranking, look), shift in zip(LOOKS.items(), (-SHIFT, SHIFT), strict=True):
        own = rows[rows["ranking"] == ranking].sort_values("tau")
        at = own["tau"].to_numpy() + shift
        axis.vlines(
            at, own["u_low"].to_numpy(), own["u_high"].to_numpy(), color=look.colour, alpha=0.6
        )
        axis.plot(
            at,
            own["u_median"].to_numpy(),
            color=look.colour,
            linestyle=look.line,
            linewidth=1.1,
            marker=look.marker,
        )
    first = rows.iloc[0]
    axis.axhline(first["observed_u"], color=style.INK, linewidth=1.4)
    axis.axvline(first["tau_bound"], color=style.MUTED, linestyle=(0, (2, 2)), linewidth=1.3)
    fitting = closest(rows[rows["ranking"] == "slope"])["tau"]
    axis.axvline(fitting, color=style.MUTED, linestyle=(0, (7, 2)), linewidth=1.3)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}"))
    axis.set_ylim(-0.3, first["observed_of"] + 0.3)
    axis.set_yticks(range(0, int(first["observed_of"]) + 1, 2))


def _entries(table: pd.DataFrame) -> list:
    observed = table.iloc[0]
    entries = [
        panels.entry(
            f"{SAID[ranking]}: median, middle 90%",
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
        )
        for ranking, look in LOOKS.items()
    ]
    told = f"published PaLM: {observed['observed_u']:.0f} of {observed['observed_of']:.0f}"
    return [
        *entries,
        panels.entry(told, color=style.INK, linewidth=1.4),
        panels.entry("τ that falls as far as observed", color=style.MUTED, linestyle=(0, (7, 2))),
        panels.entry(
            "largest τ that published curves allow", color=style.MUTED, linestyle=(0, (2, 2))
        ),
    ]
