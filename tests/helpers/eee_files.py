"""Files of Every Eval Ever as its converters write them, invented."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIZES = {"tiny-1b": 1e20, "tiny-8b": 1e21, "tiny-62b": 1e22}
# Answers of each model to ten items: a U.
ANSWERS = {
    "tiny-1b": [1, 1, 1, 1, 1, 1, 1, 1, 0, 1],
    "tiny-8b": [0, 0, 1, 0, 0, 0, 0, 1, 0, 0],
    "tiny-62b": [1, 1, 1, 1, 1, 0, 1, 1, 1, 1],
}


def log(model: str, right: Sequence[float], **change: Any) -> dict[str, Any]:
    """An aggregate file of one result, as the converter of lm-evaluation-harness writes it."""
    name = f"org/{model}"
    details = {"family": "tiny", "training_flops": f"{SIZES.get(model, 1e23)!r}"}
    return {
        "schema_version": "0.2.2",
        "evaluation_id": f"neqa/{name}/1748772672",
        "retrieved_timestamp": "1748772672",
        "source_metadata": {
            "source_name": "lm-evaluation-harness",
            "source_type": "evaluation_run",
            "source_organization_name": "A Laboratory",
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "lm_eval", "version": "0.4.13"},
        "model_info": {"name": name, "id": name, "additional_details": details},
        "evaluation_results": [result(right)],
    } | change


def result(right: Sequence[float], **change: Any) -> dict[str, Any]:
    """One result of an aggregate file."""
    return {
        "evaluation_name": "neqa",
        "source_data": {"dataset_name": "neqa", "source_type": "other"},
        "metric_config": {
            "evaluation_description": "acc",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0,
            "max_score": 1,
        },
        "score_details": {
            "score": sum(right) / len(right),
            "uncertainty": {"num_samples": len(right)},
        },
        "generation_config": {"additional_details": {"num_fewshot": "0"}},
    } | change


def instances(model: str, right: Sequence[float], **change: Any) -> list[dict[str, Any]]:
    """Rows of the file of instances of such a log."""
    return [
        {
            "schema_version": "0.2.2",
            "evaluation_id": f"neqa/org/{model}/1748772672",
            "model_id": f"org/{model}",
            "evaluation_name": "neqa",
            "sample_id": str(item),
            "sample_hash": hashlib.sha256(f"Question {item}".encode()).hexdigest(),
            "interaction_type": "single_turn",
            "input": {"raw": f"Question {item}", "reference": [" yes"], "choices": [" yes", " no"]},
            "output": {"raw": [" yes" if one else " no"]},
            "answer_attribution": [],
            "evaluation": {"score": float(one), "is_correct": bool(one)},
        }
        | change
        for item, one in enumerate(right)
    ]


def write_logs(
    folder: Path, with_instances: bool = True, changes: dict[str, dict[str, Any]] | None = None
) -> Path:
    """Files of all models; ``changes`` by model replace keys of its aggregate file."""
    for model, right in ANSWERS.items():
        content = log(model, right, **(changes or {}).get(model, {}))
        rows = instances(model, right) if with_instances else []
        write_log(folder, model, content, rows)
    return folder


def write_log(
    folder: Path, name: str, content: dict[str, Any], rows: Sequence[dict[str, Any]] = ()
) -> Path:
    """One aggregate file, with its instances beside it if there are any."""
    folder.mkdir(parents=True, exist_ok=True)
    if rows:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}_samples.jsonl").write_text(text, encoding="utf-8")
        # As converters do: the path at the time of the conversion.
        content = content | {
            "detailed_evaluation_results": {
                "format": "jsonl",
                "file_path": f"data/somewhere/{name}_samples.jsonl",
                "hash_algorithm": "sha256",
                "checksum": hashlib.sha256(text.encode()).hexdigest(),
                "total_rows": len(rows),
            }
        }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
