"""Number format and audit: how exact the scores of each model are, and how that is known."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ushaped.errors import UserError
from ushaped.metrics.definitions import Ints, answers
from ushaped.results.parquet import MADE, lists, read_table

EXACT = "float32"
TIES = "tie_share"


@dataclass(frozen=True)
class Precision:
    """How exact the scores of one model are; NaN and None where that was not recorded.

    Attributes
    ----------
    model : str
    dtype : str or None
        Number format, or formats.
    ties, items : float
        Of all its answers, those that are exactly tied, and all.
    twin : str
        The same weights scored in float32, as another model of this run; "" if there are none.
    changed, compared : float
        Of the answers that both gave, those that differ, and all.
    audit : mapping or None
        ``items``, ``largest``, ``tolerance`` (nats) and ``item``, all files together, and
        ``float32`` where its items were computed in that too; see `merge_audits`.
    """

    model: str
    dtype: str | None
    ties: float
    items: float
    twin: str
    changed: float
    compared: float
    audit: Mapping[str, Any] | None

    @property
    def unverified(self) -> bool:
        """Whether its format, which is not float32, was compared with float32 for no item."""
        return self.dtype not in (None, EXACT) and not self.compared > 0 and not self.sampled

    @property
    def sampled(self) -> Mapping[str, Any] | None:
        """What the audit found of its items with all weights in float32; None without."""
        return (self.audit or {}).get("float32")


def precisions(
    models: Sequence[Mapping[str, Any]],
    made: Mapping[str, Mapping[str, Any]],
    metrics: pd.DataFrame,
    scores: Iterable[Path],
) -> list[Precision]:
    """How exact the scores of each model are, in the order of the models.

    Parameters
    ----------
    models : sequence of mapping
        Contents of ``model.json``; equal fingerprints are the same weights.
    made : mapping of str to mapping
        By model, how its scores were made; models that are not there are left out.
    metrics : DataFrame
        ``metrics.csv``.
    scores : iterable of Path
        Files of scores, as ``.../{model}/{source}/{task}/{variant}.parquet``. Only those of models
        with a twin are read.
    """
    files: dict[str, dict[tuple[str, ...], Path]] = {}
    for path in scores:
        files.setdefault(path.parts[-4], {})[path.parts[-3:]] = path
    tied = metrics[metrics["metric"] == TIES]
    known = []
    for about in models:
        name = str(about.get("model"))
        if name not in made:
            continue
        own = tied[tied["model"] == name]
        dtype = made[name].get("dtype")
        twin = "" if dtype in (None, EXACT) else _twin(about, models, made)
        changed, compared = _changed(files.get(name, {}), files.get(twin, {}))
        known.append(
            Precision(
                model=name,
                dtype=dtype,
                ties=float(round((own["value"] * own["n"]).sum())) if len(own) else math.nan,
                items=float(own["n"].sum()) if len(own) else math.nan,
                twin=twin,
                changed=changed,
                compared=compared,
                audit=made[name].get("audit"),
            )
        )
    return known


def _twin(
    about: Mapping[str, Any],
    models: Sequence[Mapping[str, Any]],
    made: Mapping[str, Mapping[str, Any]],
) -> str:
    """Name of the model of the same weights that was scored in float32; "" if there is none."""
    for other in models:
        name = str(other.get("model"))
        same = other.get("fingerprint") and other.get("fingerprint") == about.get("fingerprint")
        if same and made.get(name, {}).get("dtype") == EXACT:
            return name
    return ""


def _changed(
    ours: Mapping[tuple[str, ...], Path], theirs: Mapping[tuple[str, ...], Path]
) -> tuple[float, float]:
    """How many answers differ, and of how many, over the items that both have."""
    changed = compared = 0
    for key in ours.keys() & theirs.keys():
        (items, own), (other_items, other) = _answers(ours[key]), _answers(theirs[key])
        _, left, right = np.intersect1d(items, other_items, assume_unique=True, return_indices=True)
        compared += len(left)
        changed += int((own[left] != other[right]).sum())
    return float(changed), float(compared)


def _answers(path: Path) -> tuple[Ints, Ints]:
    """The items that have several classes, and the answer to each."""
    table = read_table(path, ("item", "log_likelihood"))
    count, log_likelihood = lists(path, table, "log_likelihood")
    return table["item"].to_numpy()[count > 1], answers(log_likelihood)[count > 1]


def read_made(
    paths: Iterable[str | Path],
) -> dict[str, dict[str, Any]]:
    """Read how scores were made, by model; a path ends in ``model/source/task/variant.parquet``.

    What its files say differently is joined: the formats by name, the audits by `merge_audits`.

    Raises
    ------
    UserError
        If a file is not there or is damaged.
    """
    by_model: dict[str, dict[str, Any]] = {}
    audits: dict[str, dict[str, Any]] = {}
    formats: dict[str, set[str]] = {}
    for path, record in _made(map(Path, paths)):
        model = path.parts[-4]
        by_model.setdefault(model, record)
        if record.get("dtype") is not None:
            formats.setdefault(model, set()).add(str(record["dtype"]))
        if record.get("audit"):
            name = "/".join(path.with_suffix("").parts[-3:])
            audits.setdefault(model, {})[name] = record["audit"]
    for model, record in by_model.items():
        if names := formats.get(model):
            record["dtype"] = ", ".join(sorted(names))
        if model in audits:
            record["audit"] = merge_audits(audits[model])
    return by_model


def _made(paths: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each file that records how it was made, with its record."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in paths:
        try:
            told = (pq.read_schema(path).metadata or {}).get(MADE.encode())
            if told:
                made = dict(json.loads(told))
                if made.get("audit"):
                    made["audit"] = _audit(made["audit"])
                yield path, made
        except (OSError, pa.ArrowInvalid, ValueError, TypeError, KeyError) as error:
            what = f"does not say how its scores were made ({error})"
            raise UserError(str(path), what, "score it again") from None


def _audit(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """An audit with its numbers as numbers; None of no items."""
    if not record["items"]:
        return None
    numbers = {name: float(record[name]) for name in ("largest", "tolerance")}
    audit = {"items": int(record["items"]), **numbers, "item": record.get("item")}
    if record.get("float32_items"):
        audit["float32"] = {
            "items": int(record["float32_items"]),
            "changed": int(record["float32_changed"]),
            "largest": float(record["float32_largest"]),
        }
    return audit


def merge_audits(audits: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the audits of several files: all their items, and the largest difference of any.

    Examples
    --------
    >>> audit = {"items": 2, "largest": 1e-6, "tolerance": 1e-4, "item": 3}
    >>> merged = merge_audits({"replica/neqa/cot": audit | {"largest": 2e-6}, "x": audit})
    >>> merged["items"], merged["largest"], merged["item"]
    (4, 2e-06, 'replica/neqa/cot, item 3')
    """
    where, worst = max(audits.items(), key=lambda named: named[1]["largest"])
    item = "" if worst["item"] is None else f", item {worst['item']}"
    merged = {
        "items": sum(audit["items"] for audit in audits.values()),
        "largest": worst["largest"],
        "tolerance": worst["tolerance"],
        "item": where + item,
    }
    if exact := [audit["float32"] for audit in audits.values() if "float32" in audit]:
        merged["float32"] = {
            "items": sum(audit["items"] for audit in exact),
            "changed": sum(audit["changed"] for audit in exact),
            "largest": max(audit["largest"] for audit in exact),
        }
    return merged
