"""How deep a fall must be for the curve to be called U-shaped, against the number of items."""

from __future__ import annotations

import pandas as pd
import seaborn.objects as so
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ushaped.figures import style, theme

TITLE = "how large a dip must be"
CAPTION = """\
The smallest fall of a curve that is called U-shaped with 80 % probability, against the number of
items, by the share of it that is recovered; one line per family, simulated at its sizes.
A hollow mark at the top: none of the simulated falls is large enough.
"""
# `dip` is the smallest fall called U-shaped with `probability`; empty if no simulated fall is.
COLUMNS = ("family", "sizes", "n", "ratio", "dip", "probability")


def table(power: pd.DataFrame) -> pd.DataFrame:
    """Sort the rows as they are drawn: by ratio, family and number of items."""
    ordered = power.sort_values(["ratio", "family", "n"], kind="stable")
    return ordered[list(COLUMNS)].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw one panel per ratio of rise and fall, one line per family."""
    looks = style.family_looks(table["family"])
    top = 1.12 * table["dip"].max() if table["dip"].notna().any() else 1.0
    never = table[table["dip"].isna()].assign(dip=top)
    sizes = table.drop_duplicates("family").set_index("family")["sizes"]
    with theme.theme():
        drawn = Figure(figsize=(10.2, 3.9), layout="constrained")
        (
            theme.plot(table, looks, "family", x="n", y="dip")
            .facet("ratio")
            .add(so.Line(), legend=False)
            .add(so.Line(linewidth=0, fillcolor=style.PAPER), data=never, legend=False)
            .label(x="Items", y="Smallest fall (points of accuracy)")
            .on(drawn)
            .plot()
        )
        ratios = sorted(set(table["ratio"]))
        for letter, axis, ratio in zip("abcdefgh", drawn.axes, ratios, strict=False):
            axis.set_title(f"{letter}\u2002{_title(ratio)}")
            axis.set(
                xscale="log",
                xlim=style.limits(table["n"].tolist() or [1, 10]),
                ylim=(0, 1.06 * top),
            )
            axis.set_xticks(items := sorted(set(table["n"])), [f"{n:,.0f}" for n in items])
            axis.minorticks_off()
            axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        handles = [theme.entry(f"{n}, {sizes[n]:.0f} sizes", look) for n, look in looks.items()]
        theme.legend_below(drawn, handles)
        return drawn


def _title(ratio: float) -> str:
    return "Rise as large as the fall" if ratio == 1 else f"Rise {ratio:.2g} times the fall"
