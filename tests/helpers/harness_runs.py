"""Results as lm-evaluation-harness writes them, invented."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Data


def only(curves: Sequence[tuple[Curve, Data]]) -> tuple[Curve, Any]:
    (one,) = curves
    return one


LONG = """scale,size,seed,item,part,correct
1e20,small,0,a,1,1
1e20,small,0,b,1,0
1e20,small,0,c,2,1
1e20,small,1,a,1,1
1e20,small,1,b,1,1
1e20,small,1,c,2,1
1e21,large,0,c,2,0
1e21,large,0,b,1,0
1e21,large,0,a,1,1
"""

TWO = "family,task,scale,k,n\nA,x,1,5,9\nA,y,1,6,9\nA,x,2,7,9\nA,y,2,8,9\n"

DATE = "2025-06-01T10-11-12.131415"

LATER = "2025-07-01T10-11-12"


def write_run(
    folder: Path,
    model: str,
    answers: Mapping[str, Sequence[int]],
    date: str = DATE,
    with_samples: bool = True,
    with_results: bool = True,
    **other: Any,
) -> None:
    """Files as ``lm_eval --output_path folder --log_samples`` writes them (0.4.13)."""
    own = folder / model.replace("/", "__")
    own.mkdir(parents=True, exist_ok=True)
    if with_results:
        text = json.dumps(written_results(model, answers) | other, indent=2)
        (own / f"results_{date}.json").write_text(text, encoding="utf-8")
    for task, right in answers.items() if with_samples else ():
        lines = [json.dumps(written_sample(item, one)) for item, one in enumerate(right)]
        path = own / f"samples_{task}_{date}.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def written_results(model: str, answers: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    of_tasks = {}
    for task, right in answers.items():
        mean, n = sum(right) / len(right), len(right)
        error = math.sqrt(mean * (1 - mean) / (n - 1))
        of_tasks[task] = {
            "name": task,
            "alias": task,
            "sample_len": n,
            "acc,none": mean,
            "acc_stderr,none": error,
            "acc_norm,none": 1 - mean,
            "acc_norm_stderr,none": error,
        }
    tasks = list(answers)
    group = {"group": {"alias": "group", "acc,none": 0.5, "acc_stderr,none": "N/A"}}
    return {
        "results": of_tasks | group,
        "group_subtasks": {"group": tasks},
        "configs": {task: {"task": task, "output_type": "multiple_choice"} for task in tasks},
        "versions": dict.fromkeys(tasks, 1.0),
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {task: {"acc": True, "acc_norm": True} for task in tasks},
        "n-samples": {
            task: {"original": len(right), "effective": len(right)}
            for task, right in answers.items()
        },
        "config": {"model": "hf", "model_args": {"pretrained": model}, "limit": None},
        "date": 1748772672.0,
        "lm_eval_version": "0.4.13",
        "task_hashes": {},
        "model_source": "hf",
        "model_name": model,
        "model_name_sanitized": model.replace("/", "__"),
        "system_instruction": None,
        "system_instruction_sha": None,
        "chat_template": None,
        "chat_template_sha": None,
    }


def written_sample(item: int, right: int) -> dict[str, Any]:
    doc = {"prompt": f"Question {item}", "classes": [" yes", " no"], "answer_index": item % 2}
    scores = [["-0.25", "True"], ["-1.5", "False"]]
    return {
        "doc_id": item,
        "doc": doc,
        "target": str(item % 2),
        "arguments": {
            f"gen_args_{place}": {"arg_0": doc["prompt"], "arg_1": text}
            for place, text in enumerate(doc["classes"])
        },
        "resps": [[pair] for pair in scores],
        "filtered_resps": scores,
        "filter": "none",
        "metrics": ["acc", "acc_norm"],
        "doc_hash": digest(json.dumps(doc, indent=2)),
        "prompt_hash": digest(doc["prompt"]),
        "target_hash": digest(str(item % 2)),
        "acc": float(right),
        "acc_norm": float(1 - right),
    }


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


SMALL, LARGE = [1, 1, 0, 1, 0, 1, 1, 1], [0, 1, 0, 0, 0, 1, 0, 1]

MODELS = "model,family,size,scale\norg/tiny-1b,tiny,1b,1e20\norg/tiny-8b,tiny,8b,1e21\n"
