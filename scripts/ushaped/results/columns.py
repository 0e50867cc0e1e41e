"""The columns of every table that one step writes and another reads.

Numbers are float64, empty cells are NaN; the columns `TEXT` hold text. What the values mean is
described by the step that writes them. The columns of an open question stand in its module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

SCALE = ("parameters", "non_embedding_parameters", "training_tokens", "training_flops")
# What a curve is of: its key, and what else is the same at all of its sizes.
KEY = ("family", "source", "task", "variant")
ABOUT = (*KEY, "protocol", "modified", "metric")


class CurveKey(NamedTuple):
    """The four names that tell one curve from another."""

    family: str
    source: str
    task: str
    variant: str

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True)
class OfCurve:
    """Whatever is of one curve: the columns `ABOUT`."""

    family: str
    source: str
    task: str
    variant: str
    protocol: str
    modified: str
    metric: str

    @property
    def key(self) -> CurveKey:
        """Family, source, task and variant."""
        return CurveKey(self.family, self.source, self.task, self.variant)

    @property
    def about(self) -> Mapping[str, object]:
        """The columns `ABOUT`."""
        return {name: getattr(self, name) for name in ABOUT}


METRICS = (
    *("family", "model", "size", "seed", *SCALE, "source", "task", "variant"),
    *("protocol", "modified", "metric", "value", "low", "high", "n", "chance", "flags"),
)
PARTS = (
    *("family", "size", "parameters", "training_flops", "source", "task", "variant"),
    *("protocol", "modified", "part", "metric", "value", "low", "high", "n", "chance"),
)
FLIPS = (
    *(*KEY, "protocol", "modified", "size", "next_size", "seeds", "next_seeds", "n"),
    *("lost", "gained", "seeds_differ", "next_seeds_differ"),
)
# ``p_*`` are shares of the bootstrap draws, ``pvalue_*`` are from `significance`, ``weight_*`` from
# `goric`, both in `ushaped.shapes.hypothesis_tests`.
SHAPES = (
    *(*ABOUT, "sizes", "n", "trials", "first", "lowest", "last"),
    *("valley_size", "valley_flops", "valley_sizes", "depth", "depth_low", "depth_high"),
    *("recovery", "recovery_low", "recovery_high", "literal", "equivalent", "statistical"),
    *("these_models", "tipping_point", "run_noise", "run_noise_source", "overdispersion"),
    *("overdispersion_low", "overdispersion_high"),
    *("p_positive", "p_inverse", "p_u", "p_inverted_u", "p_flat"),
    *("pvalue_change", "pvalue_rise", "pvalue_fall", "pvalue_u", "pvalue_inverted_u"),
    *("pvalue_misfit", "qvalue_u", "qvalue_change"),
    *("weight_flat", "weight_positive", "weight_inverse", "weight_u", "weight_inverted_u"),
    *("weight_any", "distractor_onset", "true_onset", "back_at", "flags"),
)
PROTOCOLS = (
    *(
        *ABOUT,
        "n",
        "size",
        "base_variant",
        "base_equivalent",
        "equivalent",
        "base_p",
        "p",
        "p_differs",
    ),
    *("flips", "settled", "base_literal", "literal", "base_p_literal", "p_literal"),
    *("flips_literal", "settled_literal", "base_value", "value", "low", "high"),
    *("difference", "difference_low", "difference_high"),
)
# `dip` is the smallest fall that is called U-shaped with `probability`, under a standard deviation
# between training runs of `run_noise`; empty if none tried is.
POWER = ("family", "sizes", "n", "run_noise", "ratio", "dip", "probability")
# What is on no curve of an axis (`axes/AXIS/left-out.csv`), and why; "" stands for all.
LEFT_OUT = (*KEY, "reason")
# `literature/series.csv`, `literature/verdicts.csv`.
SERIES = (
    *("series", "size", "plotted_size", "task", "metric", "protocol", "source"),
    *("parameters", "training_flops", "value", "k", "n"),
)
LABELS = ("series", "task", "verdict", "source")

# Columns of text in whatever table they stand.
TEXT = frozenset(
    {
        *(*ABOUT, "model", "size", "seed", "flags", "next_size", "valley_size", "valley_sizes"),
        *("literal", "equivalent", "statistical", "these_models", "run_noise_source"),
        *("base_variant", "base_literal", "base_equivalent"),
        *("flips", "flips_literal", "settled", "settled_literal"),
        *("series", "plotted_size", "verdict", "kind", "direction", "note", "reason"),
    }
)
