"""Is a task inverse even where the model reasons first? The verdicts of the variants with chains.

These prompts are this project's own. The chain-of-thought prompts of Wei et al. (2022) and their
numbers are not public to us, so nothing here speaks of PaLM.
"""

from __future__ import annotations

from collections.abc import Sequence

from ushaped.metrics.table import Row
from ushaped.shapes.curves import ABOUT
from ushaped.variants import kind_of

COLUMNS = (
    *ABOUT,
    "size",
    "base_equivalent",
    "base_p",
    "equivalent",
    "p",
    "literal",
    "p_literal",
    "value",
    "low",
    "high",
    "unparsed",
)


def chains(compared: Sequence[dict[str, str]], measured: Sequence[dict[str, str]]) -> list[Row]:
    """Verdicts of all variants in which the model reasons first.

    Parameters
    ----------
    compared : sequence of dict
        Rows of ``protocols.csv``.
    measured : sequence of dict
        Rows of ``metrics.csv``.

    Returns
    -------
    list of dict
        Keys `COLUMNS`, empty where no such variant was run; ``unparsed`` is the share of chains at
        the largest size in which no answer is found.
    """
    keys = ("family", "source", "task", "variant", "size")
    unparsed = {
        tuple(row[key] for key in keys): row["value"]
        for row in measured
        if row["metric"] == "unparsed_share" and not row["model"]
    }
    rows: list[Row] = []
    for row in compared:
        if (kind := kind_of(row["variant"])) and kind.generates:
            here = {"unparsed": unparsed.get(tuple(row[key] for key in keys), "")}
            rows.append({name: (row | here)[name] for name in COLUMNS})
    return rows
