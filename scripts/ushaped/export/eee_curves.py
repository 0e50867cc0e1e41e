"""Curves as files of Every Eval Ever (`.every_eval_ever`), for ``ushaped convert``."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ushaped.axes import COMPUTE, PARAMETERS, TRAINING_TOKENS
from ushaped.errors import UserError
from ushaped.export.every_eval_ever import (
    Library,
    MeasuredModel,
    Outcome,
    Record,
    instance,
    write_model,
)
from ushaped.files import whole_folder
from ushaped.results.columns import CurveKey
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Counts, Data, Items, Means
from ushaped.shapes.standalone.table_input import GIVEN
from ushaped.terms import SIGNS

# Axes that are properties of a model; on the others one model gives all points.
OF_MODELS = (COMPUTE, PARAMETERS, TRAINING_TOKENS)


@dataclass
class _Model:
    """What is written of one model."""

    about: MeasuredModel
    outcomes: list[Outcome] = field(default_factory=list)
    rows: list[Record] = field(default_factory=list)


def write_every_eval_ever(folder: Path, curves: Sequence[tuple[Curve, Data]]) -> list[Path]:
    """Write curves to a folder, such that `ushaped judge` reads the same from it.

    Prompts and answers are not known of curves: instances have their scores alone, and say so.

    Raises
    ------
    UserError
        If a curve runs along an axis that is no property of a model, a model is there with two
        scales, or the folder holds other files already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(str(folder), "is not an empty folder", "name a new one with --output")
    models: dict[str, _Model] = {}
    for curve, data in curves:
        if curve.axis not in OF_MODELS:
            what = f"runs along {curve.axis.title}, which is no property of a model"
            raise UserError(f"{curve.family}/{curve.task}", what, "convert it to a table")
        for index, size in enumerate(curve.sizes):
            for name, seed, row in _members(curve, data, index):
                about = _about(curve, index, name, seed)
                model = models.setdefault(name, _Model(about))
                if model.about != about:
                    what = f"model '{name}' stands at another {curve.axis.noun} or size elsewhere"
                    do = "give models of different curves different names"
                    raise UserError(f"{curve.family}/{curve.task}, {size}", what, do)
                outcome = _outcome(curve, data, index, row)
                model.outcomes.append(outcome)
                model.rows += _rows(about.identity, curve, data, outcome, row)
    when, library = int(time.time()), Library("unknown", "unknown", {"converted_by": "ushaped"})
    with whole_folder(folder) as beside:
        written = [
            path.relative_to(beside)
            for model in models.values()
            for path in write_model(beside, model.about, model.outcomes, model.rows, library, when)
        ]
    return [folder / path for path in written]


def _members(curve: Curve, data: Data, index: int) -> Iterator[tuple[str, str, int]]:
    """Name, seed and row of the models of a size; row -1 where there are no items."""
    own = f"{curve.family} {curve.sizes[index]}"
    if not isinstance(data, Items):
        yield own, "", -1
        return
    rows = data.members[index]
    for place, row in enumerate(rows):
        seed = str(place) if len(rows) > 1 else ""
        name = f"{own}, seed {seed}" if seed else own
        # In a table of one's own, models have no names but their sizes.
        yield name if curve.source == GIVEN else curve.models[index][place], seed, row


def _about(curve: Curve, index: int, name: str, seed: str) -> MeasuredModel:
    details = {
        "family": curve.family,
        "size": curve.sizes[index],
        "seed": seed,
        curve.axis.column: repr(float(curve.scale_values[index])),
    }
    return MeasuredModel(name, curve.family, {key: text for key, text in details.items() if text})


def _outcome(curve: Curve, data: Data, index: int, row: int) -> Outcome:
    n: int | None = None
    value, error = float(curve.values[index]), math.nan
    if isinstance(data, Items):
        values = SIGNS[curve.metric] * data.values[row]
        n, value = len(values), float(values.mean())
        error = float(values.std() / np.sqrt(n))
    elif isinstance(data, Counts):
        n = int(data.n[index])
    elif isinstance(data, Means):
        error = float(data.errors[index])
    key = CurveKey(curve.family, curve.source, curve.task, curve.variant)
    texts = (curve.protocol, curve.modified, curve.metric)
    return Outcome(key, *texts, value, n, error, chance=curve.chance)


def _rows(identity: str, curve: Curve, data: Data, outcome: Outcome, row: int) -> Iterator[Record]:
    if not isinstance(data, Items):
        return
    values = (SIGNS[curve.metric] * data.values[row]).tolist()
    for item, value in enumerate(values):
        metadata = {"input": "not recorded"}
        if data.clusters is not None:
            metadata["cluster"] = str(int(data.clusters[item]))
        yield instance(identity, outcome, item, value, metadata=metadata)
