"""What curves of the embedded family are evidence of, and how its training text is made up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ushaped.report.findings import Findings
from ushaped.report.text import flatten
from ushaped.terms import LADDER, REPLICA

SHARES = ("true_frequency", "demonstrated", "worked")


@dataclass(frozen=True)
class Frequencies:
    """How common the regularities are in the corpus of the embedded family.

    Attributes
    ----------
    rows : list of (str, dict)
        For each task with settings of its own, and for all others, its shares of texts: of the
        true and the distractor's regularity, demonstrated, and worked; NaN where not given.
    background : float
        Share of the corpus that belongs to no task; NaN if not given.
    others : list of (str, value)
        All other settings of the family, by dotted path.
    """

    rows: list[tuple[str, dict[str, float]]]
    background: float
    others: list[tuple[str, Any]]


@dataclass(frozen=True)
class LimitsView:
    """``partials/limits.html.j2``."""

    family: str
    without_generator: list[str]
    has_replicas: bool
    item_sources: str
    frequencies: Frequencies | None


def limits_view(findings: Findings) -> LimitsView | None:
    """None unless the embedded family was run."""
    if LADDER not in findings.families:
        return None
    known = findings.results.tasks
    generated = [name for name in findings.tasks if name in known and known[name].has_replica]
    return LimitsView(
        family=LADDER,
        without_generator=[name for name in findings.tasks if name not in generated],
        has_replicas=any(edition.source == REPLICA for edition in findings.editions),
        item_sources=findings.item_sources,
        frequencies=frequencies(findings.results.config, generated),
    )


def frequencies(config: Mapping[str, Any], tasks: Sequence[str]) -> Frequencies | None:
    """Read how the text of the embedded family is made up (section ``ladder`` of the config).

    Parameters
    ----------
    config : mapping
        The resolved configuration.
    tasks : sequence of str
        Tasks that were run, in reading order.

    Returns
    -------
    Frequencies or None
        None where the configuration has no such section.
    """
    section = config.get(LADDER)
    if not isinstance(section, Mapping):
        return None
    corpus = section.get("corpus") or {}
    special = {name: own for name, own in (corpus.get("tasks") or {}).items() if own}
    own = [task for task in tasks if task in special]
    rows = [(task, _shares({**corpus, **special[task]})) for task in own]
    if len(own) < len(tasks) and "true_frequency" in corpus:
        rows.append(("all other tasks" if own else "every task", _shares(corpus)))
    shown = {f"corpus.{name}" for name in (*SHARES, "background")}
    others = [
        (path, value)
        for path, value in flatten(section)
        if path not in shown and not path.startswith("corpus.tasks.")
    ]
    return Frequencies(rows, float(corpus.get("background", math.nan)), others)


def _shares(corpus: Mapping[str, Any]) -> dict[str, float]:
    shares = {name: float(corpus.get(name, math.nan)) for name in SHARES}
    return shares | {"distractor_frequency": 1 - shares["true_frequency"]}
