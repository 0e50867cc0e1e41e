"""How far training seeds differ: their curves, and the spread of each."""

from __future__ import annotations

import pandas as pd

from ushaped.results import tables


def seed_curves(metrics: pd.DataFrame, variant: str = "zero-shot") -> pd.DataFrame:
    """Collect, for every edition, the judging metric of one variant: each seed and their mean."""
    parts = []
    for edition in tables.editions(metrics):
        rows = tables.of_edition(metrics, edition)
        judged = tables.primary_metric(rows)
        rows = tables.curves(rows, edition.task, [judged], variants=[variant])
        parts.append(rows[~tables.flagged(rows, tables.PUBLISHED_POINT)])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=tables.CURVE)


def spread(curves: pd.DataFrame) -> pd.DataFrame:
    """Measure the spread between seeds.

    Returns
    -------
    DataFrame
        One row per family, task and metric: ``seeds`` (most seeds at one size), ``sd`` (standard
        deviation between seeds, mean over the sizes that have more than one), ``range`` (largest
        difference between two seeds at one size) and ``range_size`` (where it is).
    """
    single = curves[curves["kind"] == "seed"]
    columns = ["family", "source", "task", "metric"]
    rows = []
    for key, group in single.groupby(columns, sort=False):
        values = group.groupby("size", sort=False)["value"]
        several = values.count() > 1
        widths = (values.max() - values.min())[several]
        rows.append(
            {
                **dict(zip(columns, key, strict=True)),
                "seeds": int(values.count().max()),
                "sd": values.std()[several].mean(),
                "range": widths.max() if len(widths) else float("nan"),
                "range_size": widths.idxmax() if widths.notna().any() else "",
            }
        )
    return pd.DataFrame(rows, columns=[*columns, "seeds", "sd", "range", "range_size"])
