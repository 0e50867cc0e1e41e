"""Is a task inverse even where the model reasons first? The verdicts of the variants with chains.

These prompts are this project's own. The chain-of-thought prompts of Wei et al. (2022) and their
numbers are not public to us, so nothing here speaks of PaLM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ushaped.questions.inputs import Inputs
from ushaped.results import tables
from ushaped.results.columns import ABOUT, KEY
from ushaped.results.text_files import Row
from ushaped.variants import is_variant, parse_variant

COLUMNS = (
    *(*ABOUT, "size", "base_equivalent", "base_p", "equivalent", "p", "literal", "p_literal"),
    *("value", "low", "high", "unparsed"),
)
TEXT: frozenset[str] = frozenset()


def answer(inputs: Inputs) -> list[Row]:
    """The verdicts of the variants with reasoning."""
    compared = tables.read_protocols(inputs.protocols).to_dict("records")
    return chains(compared, tables.read_metrics(inputs.metrics).to_dict("records"))


def chains(
    compared: Sequence[Mapping[Any, Any]], measured: Sequence[Mapping[Any, Any]]
) -> list[Row]:
    """Verdicts of all variants in which the model reasons first.

    Parameters
    ----------
    compared : sequence of mapping
        Rows of ``protocols.csv``.
    measured : sequence of mapping
        Rows of ``metrics.csv``.

    Returns
    -------
    list of dict
        Columns `COLUMNS`, empty where no such variant was run; ``unparsed`` is the share of chains
        at the largest size from which no answer is extracted.
    """
    keys = (*KEY, "size")
    unparsed = {
        tuple(row[key] for key in keys): row["value"]
        for row in measured
        if row["metric"] == "unparsed_share" and not row["model"]
    }
    rows: list[Row] = []
    for row in compared:
        variant = str(row["variant"])
        if is_variant(variant) and parse_variant(variant).needs_chain:
            share = unparsed.get(tuple(row[key] for key in keys), "")
            rows.append({name: {**row, "unparsed": share}[name] for name in COLUMNS})
    return rows
