"""Files of Every Eval Ever: one aggregate JSON per model, and its instances as JSONL.

As ``eval.schema.json`` and ``instance_level_eval.schema.json`` of the package every-eval-ever 0.3.0
describe them. What a curve needs beyond that stands in additional details, all of them text; the
readers of `ushaped.shapes.standalone` find it there.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ushaped.files import digest, file_digest, whole, write_json
from ushaped.results.columns import CurveKey
from ushaped.shapes.standalone.eee_files import MARK, MEANING, SCHEMA_VERSION
from ushaped.terms import LOSSES, NATS

Record = dict[str, Any]

# What the format wants to know of every model, where it is not known.
UNKNOWN_MODEL = {"deployment_type": "unknown", "model_availability": "unknown"}
# Folder of all files below ``data``.
COLLECTION = "ushaped"


@dataclass(frozen=True)
class MeasuredModel:
    """A model: ``details`` are family, size, seed and scale, all text.

    ``developer`` is who made it, or else its family, unless the name says it (``org/name``).
    """

    name: str
    developer: str
    details: Mapping[str, str]

    @property
    def identity(self) -> str:
        """``developer/model``, as the format wants it: its files lie in folders of these names."""
        developer, _, name = self.name.rpartition("/")
        return f"{_file_name(developer or self.developer)}/{_file_name(name)}"


@dataclass(frozen=True)
class Outcome:
    """One metric of one model on one task, source and variant.

    ``value``, its 95 % interval and standard ``error`` are in the metric's own unit; NaN where
    unknown, as ``chance``; ``n`` is None where unknown.
    """

    key: CurveKey
    protocol: str
    modified: str
    metric: str
    value: float
    n: int | None
    error: float = math.nan
    low: float = math.nan
    high: float = math.nan
    chance: float = math.nan

    @property
    def name(self) -> str:
        """Name of the evaluation."""
        return "/".join(filter(None, (self.key.source, self.key.task, self.key.variant)))

    @property
    def result(self) -> str:
        """Identity of the result within the file."""
        return f"{self.name}/{self.metric}"


@dataclass(frozen=True)
class Library:
    """What measured: library and version, and where that is named."""

    name: str
    version: str
    details: Mapping[str, str] = field(default_factory=dict)


def write_model(
    folder: Path,
    model: MeasuredModel,
    outcomes: Sequence[Outcome],
    rows: Iterable[Record],
    library: Library,
    when: int,
) -> list[Path]:
    """Write the files of a model where the format wants them; returns their paths.

    They are ``data/ushaped/DEVELOPER/MODEL/UUID.json`` and, where there are instances,
    ``UUID_samples.jsonl`` beside it; the UUID (version 4 by its form) is of their content.

    Parameters
    ----------
    folder : Path
        Holds ``data``.
    model : MeasuredModel
    outcomes : sequence of Outcome
    rows : iterable of dict
        Instances, by `instance`.
    library : Library
    when : int
        Unix time at which the record is made.
    """
    identity = f"{library.name}/{_file_name(model.identity)}/{when}"
    own = folder / "data" / COLLECTION / model.identity
    written = own / "samples"
    count = _write_rows(written, ({**row, "evaluation_id": identity} for row in rows))
    checksum = file_digest(written)
    name = uuid.UUID(hex=digest(checksum, identity)[:32], version=4)
    detailed: Record | None = None
    if count:
        samples = written.rename(own / f"{name}_samples.jsonl")
        detailed = {
            "format": "jsonl",
            "file_path": samples.relative_to(folder).as_posix(),
            "hash_algorithm": "sha256",
            "checksum": checksum,
            "total_rows": count,
        }
    else:
        written.unlink()
    path = own / f"{name}.json"
    write_json(path, aggregate(identity, model, outcomes, library, when, detailed))
    return [path, *([samples] if count else [])]


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text) or "unknown"


def _write_rows(path: Path, rows: Iterable[Record]) -> int:
    count = 0
    with whole(path) as beside, open(beside, "w", encoding="utf-8") as lines:
        for row in rows:
            text = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            lines.write(text + "\n")
            count += 1
    return count


def aggregate(
    identity: str,
    model: MeasuredModel,
    outcomes: Sequence[Outcome],
    library: Library,
    when: int,
    detailed: Record | None = None,
) -> Record:
    """The aggregate record of a model; ``detailed`` names the file of its instances."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": identity,
        "retrieved_timestamp": str(when),
        "source_metadata": {
            "source_name": "U-Shaped",
            "source_type": "evaluation_run",
            # Who runs the workflow is not known to it.
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
        },
        "eval_library": _with_details(
            {"name": library.name, "version": library.version}, library.details
        ),
        "model_info": {
            "name": model.name,
            "id": model.identity,
            "developer": model.identity.partition("/")[0],
            "additional_details": UNKNOWN_MODEL | dict(model.details),
        },
        "evaluation_results": [_result(outcome) for outcome in outcomes],
    }
    return record | ({"detailed_evaluation_results": detailed} if detailed else {})


def _result(outcome: Outcome) -> Record:
    about = {
        MARK: MEANING,
        **{name: getattr(outcome.key, name) for name in ("source", "task", "variant")},
        "protocol": outcome.protocol,
        "modified": outcome.modified,
        "chance": "" if math.isnan(outcome.chance) else repr(outcome.chance),
    }
    about = {name: text for name, text in about.items() if text}
    return {
        "evaluation_result_id": outcome.result,
        "evaluation_name": outcome.name,
        "source_data": {
            "dataset_name": f"{outcome.key.task}, {outcome.key.source} items",
            "source_type": "other",
        },
        "metric_config": _metric(outcome.metric) | {"additional_details": about},
        "score_details": {"score": outcome.value} | _uncertainty(outcome),
        "generation_config": {
            "additional_details": {
                name: about[name] for name in ("variant", "protocol", "modified") if name in about
            }
        },
    }


def _metric(metric: str) -> Record:
    """Description of a metric; of one in nats no bounds are known."""
    config: Record = {
        "metric_id": metric,
        "metric_name": metric.replace("_", " "),
        "metric_kind": metric,
        "lower_is_better": metric in LOSSES,
    }
    if metric in NATS:
        return config | {"metric_unit": "nats"}
    bounds = {"score_type": "continuous", "min_score": 0.0, "max_score": 1.0}
    return config | {"metric_unit": "proportion"} | bounds


def _uncertainty(outcome: Outcome) -> Record:
    known: Record = {}
    if not math.isnan(outcome.error):
        known["standard_error"] = {"value": outcome.error, "method": "analytic"}
    if not (math.isnan(outcome.low) or math.isnan(outcome.high)):
        bounds = {"lower": outcome.low, "upper": outcome.high, "confidence_level": 0.95}
        known["confidence_interval"] = bounds
    if outcome.n is not None:
        known["num_samples"] = outcome.n
    return {"uncertainty": known} if known else {}


def _with_details(record: Record, details: Mapping[str, str]) -> Record:
    return record | ({"additional_details": dict(details)} if details else {})


def instance(
    model: str,
    outcome: Outcome,
    item: int,
    score: float,
    *,
    prompt: str = "",
    classes: Sequence[str] | None = None,
    reference: Sequence[str] = (),
    output: Sequence[str] = (),
    reasoning: Sequence[str] | None = None,
    sample_hash: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Record:
    """One answer, without the identity of the run.

    ``score`` is in the metric's own unit. The format asks of every answer whether it is correct;
    where the metric is no accuracy that is not defined, and its metadata say so.
    """
    told = dict(metadata or {})
    if outcome.metric != "accuracy":
        told["is_correct"] = f"not defined: the score is {outcome.metric} in nats"
    return {
        "schema_version": SCHEMA_VERSION,
        "model_id": model,
        "evaluation_name": outcome.name,
        "evaluation_result_id": outcome.result,
        "sample_id": str(item),
        "sample_hash": sample_hash,
        "interaction_type": "single_turn",
        "input": {
            "raw": prompt,
            "reference": list(reference),
            **({"choices": list(classes)} if classes is not None else {}),
        },
        "output": {
            "raw": list(output),
            **({"reasoning_trace": list(reasoning)} if reasoning else {}),
        },
        "answer_attribution": [],
        "evaluation": {
            "score": score,
            "is_correct": outcome.metric == "accuracy" and score == 1.0,
        },
        **({"metadata": told} if told else {}),
    }
