"""How many tasks selected for looking inverse turn up by chance, against run-to-run fluctuation."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn.objects as so
from matplotlib.figure import Figure

from ushaped.figures import style, theme
from ushaped.questions.selection import closest_fall

TITLE = "how many U by chance alone?"
CAPTION = """\
How many of eleven tasks that were selected for looking inverse would be called U-shaped after one
more size if no task scaled at all, against the fluctuation of accuracy between sizes; simulated,
beside the number that the published PaLM results show.
"""
# Title and label of the horizontal axis of each kind of fluctuation.
KINDS = {
    "independent": ("a\u2002Sizes fluctuate independently", "Fluctuation τ (points of accuracy)"),
    "walk": (
        "b\u2002Lost accuracy stays lost (random walk)",
        "Fluctuation τ (points per square root of a decade of compute)",
    ),
}
LOOKS = {
    "slope": style.Look(style.BLUE, "o", "-"),
    "last fall": style.Look(style.VERMILLION, "s", (0, (5.0, 1.6))),
}
# Both rankings stand beside each other at every tau.
SHIFT = {"slope": -0.0015, "last fall": 0.0015}
NAMES = {"slope": "selected by slope", "last fall": "selected by the last fall"}
OBSERVED: dict[str, Any] = {"color": style.INK, "linewidth": 1.4}
FITTING: dict[str, Any] = {"color": style.MUTED, "linewidth": 1.3, "linestyle": (0, (7, 2))}
BOUND: dict[str, Any] = {"color": style.MUTED, "linewidth": 1.3, "linestyle": (0, (2, 2))}


def table(selection: pd.DataFrame) -> pd.DataFrame:
    """Everything in the table is drawn."""
    return selection


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per kind of fluctuation: median and middle 90 % for each ranking."""
    observed, tasks = table.iloc[0][["observed_u", "observed_of"]]
    rows = table.assign(tau=table["tau"] + table["ranking"].map(SHIFT))
    with theme.theme():
        drawn = Figure(figsize=(10.2, 4.5), layout="constrained")
        (
            theme.plot(rows, LOOKS, "ranking", x="tau", y="u_median", ymin="u_low", ymax="u_high")
            .facet("kind", order=list(KINDS))
            .add(so.Range(alpha=0.6, linewidth=1.7, linestyle="-"), legend=False)
            .add(so.Line(linewidth=1.1), legend=False)
            .label(y="Called U-shaped after one more size")
            .on(drawn)
            .plot()
        )
        for axis, (kind, (title, label)) in zip(drawn.axes, KINDS.items(), strict=True):
            own = table[table["kind"] == kind]
            axis.set_title(title)
            axis.set(xlabel=label, ylim=(-0.3, tasks + 0.3), yticks=range(0, int(tasks) + 1, 2))
            axis.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
            axis.axhline(observed, **OBSERVED)
            axis.axvline(own["tau_bound"].iloc[0], **BOUND)
            axis.axvline(closest_fall(own[own["ranking"] == "slope"])["tau"], **FITTING)
        names = {f"{NAMES[ranking]}: median, middle 90%": look for ranking, look in LOOKS.items()}
        handles = [
            *theme.entries(names),
            theme.entry(f"published PaLM: {observed:.0f} of {tasks:.0f}", **OBSERVED),
            theme.entry("τ whose fall is closest to the observed one", **FITTING),
            theme.entry("largest τ compatible with the published curves", **BOUND),
        ]
        theme.legend_below(drawn, handles, columns=3)
        return drawn
