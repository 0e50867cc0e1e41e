"""What the plain files are made from, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ushaped.errors import UserError
from ushaped.flips import COLUMNS as FLIPS
from ushaped.items.task import Task, load_task
from ushaped.metrics.parts import COLUMNS as PARTS
from ushaped.report.evidence import Key, key_of, read_curves
from ushaped.report.formats import Precision, precisions, read_made
from ushaped.report.inputs import find_prompts, find_scores, read_json
from ushaped.results import tables
from ushaped.shapes.power import COLUMNS as POWER

LABELS = ("series", "task", "verdict", "source")
KEY = ["family", "source", "task", "variant"]


@dataclass(frozen=True)
class Given:
    """Everything that the plain files are made from; see `gather`.

    Attributes
    ----------
    metrics, parts, flips, shapes, protocols, power : DataFrame
        The tables of these names.
    evidence : list of dict
        The curves of ``evidence.json``.
    published : DataFrame
        The published series.
    labels : DataFrame
        What papers say of their curves.
    questions : dict of str to DataFrame
    tasks : dict of str to Task
    models : list of dict
    config, provenance : dict
    precisions : list of Precision
        How exact the scores of each model are; empty where no scores were given.
    """

    metrics: pd.DataFrame
    parts: pd.DataFrame
    flips: pd.DataFrame
    shapes: pd.DataFrame
    evidence: list[dict[str, Any]]
    protocols: pd.DataFrame
    power: pd.DataFrame
    published: pd.DataFrame
    labels: pd.DataFrame
    questions: dict[str, pd.DataFrame]
    tasks: dict[str, Task]
    models: list[dict[str, Any]]
    config: dict[str, Any]
    provenance: dict[str, Any]
    precisions: list[Precision] = field(default_factory=list)

    @property
    def sources(self) -> list[str]:
        """Where the items come from that were run here."""
        return sorted({one.source for one in tables.editions(self.metrics)})

    def judged(self) -> dict[Key, pd.Series]:
        """Rows of the table of shapes, by what they are of."""
        return {tuple(row[KEY]): row for _, row in self.shapes.iterrows()}


def gather(
    *,
    metrics: str,
    parts: str,
    flips: str,
    shapes: str,
    evidence: str,
    protocols: str,
    power: str,
    published: str,
    labels: str,
    questions: Sequence[str],
    tasks: Sequence[str],
    models: Sequence[str],
    config: str,
    provenance: str,
    scores: Sequence[str] = (),
    prompts: Sequence[str] = (),
) -> Given:
    """Read everything that the plain files are made from; the arguments are paths.

    Raises
    ------
    UserError
        If a file is missing or damaged, or evidence and shapes are not of the same curves.
    """
    about = [read_json(path) for path in models]
    measured = tables.read_metrics(metrics)
    files = find_scores(scores, about, find_prompts(prompts))
    given = Given(
        metrics=measured,
        parts=tables.read(parts, PARTS),
        flips=tables.read(flips, FLIPS),
        shapes=tables.read_shapes(shapes),
        evidence=read_curves(read_json(evidence), evidence),
        protocols=tables.read_protocols(protocols),
        power=tables.read(power, POWER),
        published=tables.read_published(published),
        labels=tables.read(labels, LABELS),
        questions={Path(path).stem: tables.read_question(path) for path in questions},
        tasks={Path(path).parent.name: load_task(Path(path).parent) for path in tasks},
        models=about,
        config=read_json(config),
        provenance=read_json(provenance),
        precisions=precisions(about, read_made(files), measured, files),
    )
    _refuse_strangers(given, evidence, shapes)
    return given


def _refuse_strangers(given: Given, evidence: str, shapes: str) -> None:
    proven = {key_of(curve["about"]) for curve in given.evidence}
    if strange := sorted(proven ^ set(given.judged())):
        what = f"has other curves than {shapes}, for one {'/'.join(strange[0])}"
        raise UserError(evidence, what, "judge the curves again")
