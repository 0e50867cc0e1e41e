"""Small invented files in the published layouts, and the real ones where there is a mirror."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ushaped.atlas.sources import PublishedSet
from ushaped.validation import validate

COMMIT = "0" * 40


def source(reader: str, folder: Path, **more: Any) -> PublishedSet:
    """What ``literature/atlas.yaml`` would say of the files below a folder."""
    files = [
        {
            "path": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    facts = {
        "title": "Invented",
        "repository": "owner/name",
        "commit": COMMIT,
        "licence": "MIT",
        "source": "nobody",
        "about": "nothing",
        "reader": reader,
        "files": files,
    }
    return validate(PublishedSet, facts | more, "invented")


def gadre(folder: Path, accuracies: dict[str, dict[str, Any]]) -> None:
    """Models of Gadre et al.: name, and accuracy by task; sizes double from model to model."""
    data = folder / "exp_data"
    for part in ("evals", "models"):
        (data / part).mkdir(parents=True)
    (data / "eval_metadata.csv").write_text(
        "Eval Task,Task Category,Task Type,#shots,#datapoints,Random baseline,Centered Metric?\n"
        "copa,common sense,multiple choice,0,100,50,\n"
        "mmlu,world knowledge,multiple choice,5,40,25,\n"
    )
    for place, (name, values) in enumerate(accuracies.items()):
        parameters = 10_000_000 * 2**place
        losses = [
            {"loss": 4.0 - place / 10, "val_data": ["training/eval_data/c4_val/shard-0.tar"]},
            {"loss": 9.0, "val_data": ["training/eval_data/other/shard-0.tar"]},
        ]
        model = {
            "dataset_name": "web",
            "hyperparameters": {"params": parameters, "tokens": 20 * parameters},
            "results": losses,
        }
        (data / "models" / f"{name}.json").write_text(json.dumps(model))
        evaluation = {"eval_metrics": {"icl": values}}
        (data / "evals" / f"evaluation_{name}_heavy.json").write_text(json.dumps(evaluation))


def olmo(folder: Path, name: str, counts: list[int], tokens: float, n: int = 97) -> None:
    """One run of the OLMo ladder: right answers of ``n`` at each step."""
    data = folder / "src/scripts/paper/data/ladder-runs"
    data.mkdir(parents=True, exist_ok=True)
    head = [
        "_step",
        "eval/c4_en-validation/CrossEntropyLoss",
        "eval/downstream_bpb/piqa_val_rc_5shot_bpb",
        "eval/downstream/piqa_val_rc_5shot_len_norm",
        "throughput/total_tokens",
        "throughput/total_training_Gflops",
    ]
    lines = [",".join(head)]
    for step, count in enumerate(counts, 1):
        share = step / len(counts)
        cells = [step, 3.5, 2.0 - step / 100, count / n, tokens * share, 1e9 * share]
        lines.append(",".join(map(str, cells)))
    (data / name).write_text("\n".join(lines) + "\n")


def wu_lo(folder: Path, name: str, groups: list[str], rows: list[list[Any]]) -> None:
    """One table of Wu and Lo: model, family, billions of parameters, FLOPs, value of each group."""
    (folder / "data/quiz").mkdir(parents=True, exist_ok=True)
    head = "Model,Model Family,Model Size (B),Pretraining Data Size (T),FLOPs (1E21)"
    lines = [",".join([head, *groups])]
    for model, family, size, flops, *values in rows:
        lines.append(",".join(map(str, [model, family, size, 0.3, flops, *values])))
    (folder / "data/quiz" / name).write_text("\n".join(lines) + "\n")
