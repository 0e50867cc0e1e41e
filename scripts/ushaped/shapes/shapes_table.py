"""Rows of ``shapes.csv``: what the table takes from the evidence on a curve."""

from __future__ import annotations

import math

import numpy as np

from ushaped.metrics.definitions import joined
from ushaped.results.columns import SHAPES
from ushaped.shapes.bootstrap import share_column
from ushaped.shapes.evidence_record import CurveEvidence, MechanismRecord
from ushaped.shapes.fits import ANY
from ushaped.shapes.rules import valley
from ushaped.terms import FLOPS, SIGNS

TESTS = ("change", "rise", "fall", "u", "inverted_u", "misfit")
# Column of each p-value and q-value of a record.
P_COLUMNS = {f"p_{test}": f"pvalue_{test}" for test in TESTS} | {
    f"q_{test}": f"qvalue_{test}" for test in ("u", "change")
}


def shapes_row(record: CurveEvidence) -> dict[str, object]:
    """Row of the shapes table, with the columns `SHAPES`; None or NaN where a value is unknown.

    ``first``, ``lowest`` and ``last`` are in the metric's own unit: the ``lowest`` of a loss is its
    worst, so largest, value.
    """
    verdict, values = record["verdict"], record["values"]
    rule_valley = valley(SIGNS[record["about"]["metric"]] * np.array(values))
    lowest = int(rule_valley.index[0])
    row: dict[str, object] = dict.fromkeys(SHAPES)
    row |= {
        **record["about"],
        "sizes": len(record["sizes"]),
        "n": record["n"],
        "trials": min(record["trials"]) if record["trials"] else None,
        "first": values[0],
        "lowest": values[lowest],
        "last": values[-1],
        "valley_size": record["sizes"][lowest],
        "valley_flops": record["at"][lowest] if record["scale"] == FLOPS else math.nan,
        "valley_sizes": "",
        "recovery": float(rule_valley.recovery[0]),
        "literal": verdict.get("literal", ""),
        "equivalent": verdict.get("equivalent", ""),
        "statistical": verdict.get("statistical", ""),
        "these_models": verdict.get("these_models", ""),
        "tipping_point": verdict.get("tipping_point"),
        "run_noise": record["run_noise"]["sd"],
        "run_noise_source": record["run_noise"]["source"],
        "flags": joined(verdict["notes"]),
    }
    if scatter := record["overdispersion"]:
        row["overdispersion"], row["overdispersion_low"], row["overdispersion_high"] = scatter
    if dip := record["valley"]:
        row["valley_sizes"] = ";".join(dip["sizes"])
        row["depth"], row["depth_low"], row["depth_high"] = dip["depth"]
        row["recovery"], row["recovery_low"], row["recovery_high"] = dip["recovery"]
    frequencies = verdict.get("probabilities", {})
    row |= {share_column(shape): frequency for shape, frequency in frequencies.items()}
    row |= {column: verdict.get(name) for name, column in P_COLUMNS.items()}
    row |= {_weight_column(fit["shape"]): fit["weight"] for fit in record["shapes"]}
    return row | _mechanism_columns(record["mechanism"])


def _weight_column(shape: str) -> str:
    return "weight_any" if shape == ANY else share_column(shape).replace("p_", "weight_", 1)


def _mechanism_columns(mechanism: MechanismRecord | None) -> dict[str, object]:
    """Onsets and return to the first value, in units of the scale, where identifiable."""
    if mechanism is None or not mechanism["identifiable"]:
        return {}
    onsets = {name: mechanism["parameters"][name] for name in ("distractor_onset", "true_onset")}
    estimates = {**onsets, "back_at": mechanism["back_at"]}
    return {
        name: 10**value
        for name, (value, *_) in estimates.items()
        if value is not None and math.isfinite(value)
    }
