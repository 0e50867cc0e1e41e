"""prompt-injection: the negated loss of the completion, and its mean probability."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ushaped.figures import style, theme
from ushaped.figures.published import parts
from ushaped.results import tables

TITLE = "prompt-injection by loss and by probability"
CAPTION = """\
prompt-injection by two metrics: (a) the negated loss of the completion, in nats; (b) its mean
probability, which was not published for PaLM.
"""
TASK = "prompt-injection"
LOSS, PROBABILITY = "sequence_loss", "mean_probability"


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect both metrics, columns ``tables.CURVE``; losses stay positive, in nats."""
    rows = tables.published_curves(published[published["task"] == TASK], (LOSS, PROBABILITY))
    return rows.reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw the negated loss (left) and the mean probability (right): in both, up is better."""
    losses, shares = (table[table["metric"] == metric] for metric in (LOSS, PROBABILITY))
    with theme.theme():
        drawn = Figure(figsize=(10.2, 4.6), layout="constrained")
        left, right = drawn.subplots(1, 2)
        for axis, rows, title, label in (
            (left, losses.assign(value=-losses["value"]), "a\u2002Loss", "Negated loss (nats)"),
            (right, shares, "b\u2002Mean probability", "Mean over the items"),
        ):
            parts.all_series(axis, rows)
            parts.zetta_axis(axis, table["training_flops"])
            axis.set_title(f"{title} of the completion")
            axis.set_ylabel(label)
        right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        right.set_ylim(-0.03, 1.03)
        if missing := sorted(set(losses["family"]) - set(shares["family"])):
            said = f"{', '.join(missing)}: no probability published"
            corner = {"ha": "right", "va": "top", "transform": right.transAxes}
            right.text(0.98, 0.96, said, **corner, color=style.MUTED)
        theme.legend_below(drawn, parts.entries(table))
        return drawn
