"""prompt-injection: the loss of the completion, turned, and its mean probability."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ushaped.figures import style
from ushaped.figures.published import parts
from ushaped.results import tables

TASK = "prompt-injection"
LOSS, PROBABILITY = "sequence_loss", "mean_probability"


def table(published: pd.DataFrame, markers: pd.DataFrame) -> pd.DataFrame:
    """Collect both metrics, columns ``tables.CURVE``; losses stay positive, in nats."""
    rows = tables.published_curves(published[published["task"] == TASK], (LOSS, PROBABILITY))
    return rows.reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draw the negated loss (left) and the mean probability (right): in both, up is better."""
    with style.context():
        drawn = Figure(figsize=(10.2, 4.6), layout="constrained")
        left, right = drawn.subplots(1, 2)
        losses = table[table["metric"] == LOSS]
        shares = table[table["metric"] == PROBABILITY]
        parts.all_series(left, losses.assign(value=-losses["value"]))
        parts.all_series(right, shares)
        for axis in (left, right):
            parts.zetta_axis(axis, table["training_flops"])
        left.set_title("a\u2002Log probability of the completion")
        left.set_ylabel("Negated loss (nats)")
        right.set_title("b\u2002Mean probability of the completion")
        right.set_ylabel("Mean over the items")
        right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        missing = sorted(set(losses["family"]) - set(shares["family"]))
        if missing:
            said = f"{', '.join(missing)}: no probability published"
            place = {"x": 0.98, "y": 0.96, "ha": "right", "va": "top"}
            right.text(s=said, **place, transform=right.transAxes, color=style.MUTED)
        right.set_ylim(-0.03, 1.03)
        drawn.legend(
            handles=parts.entries(table),
            loc="outside lower center",
            ncols=4,
            handlelength=3.2,
        )
        return drawn
