"""What curves of the families trained here are evidence of, and how their text is made up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ushaped.report.findings import Findings
from ushaped.report.text import flatten
from ushaped.sources import base_of
from ushaped.terms import REPLICA

SHARES = ("true_frequency", "demonstrated", "worked")


@dataclass(frozen=True)
class Frequencies:
    """How common the regularities are in the text of the families that are trained here.

    Attributes
    ----------
    rows : list of (str, str, dict)
        Family, and for each task with settings of its own, and for all others, its shares of texts:
        of the true and the distractor's regularity, demonstrated, and worked; NaN where not given.
    background : float
        Share of the first family's text that belongs to no task; NaN if not given.
    others : list of (str, value)
        All other settings of the first family, by dotted path, and those in which another family,
        named before the path, differs from it.
    """

    rows: list[tuple[str, str, dict[str, float]]]
    background: float
    others: list[tuple[str, Any]]


@dataclass(frozen=True)
class LimitsView:
    """``partials/limits.html.j2``."""

    families: list[str]
    without_generator: list[str]
    has_replicas: bool
    has_originals: bool
    item_sources: str
    frequencies: Frequencies | None


def limits_view(findings: Findings) -> LimitsView | None:
    """None unless a family was run that is trained here."""
    if not (trained := findings.trained_here):
        return None
    known = findings.results.tasks
    generated = [name for name in findings.tasks if name in known and known[name].has_replica]
    replicas = {edition.task for edition in findings.editions if base_of(edition.source) == REPLICA}
    new = {name for name in replicas & known.keys() if known[name].is_new}
    return LimitsView(
        families=list(trained),
        without_generator=[name for name in findings.tasks if name not in generated],
        has_replicas=bool(replicas),
        has_originals=bool(replicas - new),
        item_sources=findings.item_sources,
        frequencies=frequencies(trained, generated),
    )


def frequencies(
    trained: Mapping[str, Mapping[str, Any]], tasks: Sequence[str]
) -> Frequencies | None:
    """Read how the text of the families is made up.

    Parameters
    ----------
    trained : mapping
        All settings of each family (`ushaped.ladder.families.ladders`), one or more.
    tasks : sequence of str
        Tasks that were run, in reading order.

    Returns
    -------
    Frequencies or None
        None where nothing is known of the settings.
    """
    first, *further = trained
    if not trained[first]:
        return None
    rows = [
        (family, label, shares)
        for family, settings in trained.items()
        for label, shares in _rows(settings.get("corpus") or {}, tasks)
    ]
    others = _other_settings(trained[first])
    for family in further:
        own = _other_settings(trained[family])
        others += [
            (f"{family}: {name}", value) for name, value in own if (name, value) not in others
        ]
    background = (trained[first].get("corpus") or {}).get("background", math.nan)
    return Frequencies(rows, float(background), others)


def _rows(corpus: Mapping[str, Any], tasks: Sequence[str]) -> list[tuple[str, dict[str, float]]]:
    special = {name: own for name, own in (corpus.get("tasks") or {}).items() if own}
    own = [task for task in tasks if task in special]
    rows = [(task, _shares({**corpus, **special[task]})) for task in own]
    if len(own) < len(tasks) and "true_frequency" in corpus:
        rows.append(("all other tasks" if own else "every task", _shares(corpus)))
    return rows


def _other_settings(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    shown = {f"corpus.{name}" for name in (*SHARES, "background")}
    return [
        (path, value)
        for path, value in flatten(settings)
        if path not in shown and not path.startswith("corpus.tasks.")
    ]


def _shares(corpus: Mapping[str, Any]) -> dict[str, float]:
    shares = {name: float(corpus.get(name, math.nan)) for name in SHARES}
    return shares | {"distractor_frequency": 1 - shares["true_frequency"]}
