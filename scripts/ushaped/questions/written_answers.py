"""Do answers that a model writes agree with the log-likelihoods of the classes?

Both are asked with the same prompt. They are different measurements: a model may rank the right
class first and write another, or nothing that can be read.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from ushaped.questions.inputs import Inputs
from ushaped.results import tables
from ushaped.results.columns import KEY
from ushaped.results.text_files import Row
from ushaped.variants import is_variant, parse_variant, without_chat

SHARES = ("unanswered_share", "refused_share", "agreement")
COLUMNS = (
    *(*KEY, "protocol", "size", "value", "low", "high", "base_variant", "base_value"),
    "answered_accuracy",
    *(f"{name}{end}" for name in SHARES for end in ("", "_low", "_high")),
    *("answer_tokens", "thinking_tokens", "base_equivalent", "equivalent", "unread_example"),
)
TEXT = frozenset({"unread_example"})
# Characters that are shown of an answer that could not be read.
SHOWN = 160


def answer(inputs: Inputs) -> list[Row]:
    """One row per family, task, variant with written answers, and size, pooled over seeds.

    ``base_value`` is the accuracy at the same size under the baseline (`Variant.baselines`);
    ``equivalent`` the verdict of the published-equivalent rule on the whole curve.
    ``unread_example`` is the beginning of the first answer from which no class was read.
    """
    metrics = tables.read_metrics(inputs.metrics)
    pooled = metrics[metrics["model"] == ""]
    keys = ["family", "source", "task", "variant", "size"]
    values = {
        (*key, row["metric"]): row
        for *key, row in ((*(row[name] for name in keys), row) for row in pooled.to_dict("records"))
    }
    compared = tables.read_protocols(inputs.protocols).set_index(keys[:-1])
    models = metrics[metrics["model"] != ""].groupby(keys)["model"].first()
    rows: list[Row] = []
    for key, row in values.items():
        *curve, size, metric = key
        variant = str(row["variant"])
        if metric != "accuracy" or not (is_variant(variant) and parse_variant(variant).writes):
            continue
        comparison = compared.loc[tuple(curve)] if tuple(curve) in compared.index else {}
        base = str(comparison.get("base_variant", ""))
        base_row = values.get((*curve[:-1], base, size, metric), {})
        found = {name: row[name] for name in (*KEY, "protocol", "size", "value", "low", "high")}
        found |= {"base_variant": base, "base_value": base_row.get("value")}
        for name in SHARES:
            own = values.get((*curve, size, name), {})
            found |= {f"{name}{end}": own.get(end[1:] or "value") for end in ("", "_low", "_high")}
        for name in ("answered_accuracy", "answer_tokens", "thinking_tokens"):
            found[name] = values.get((*curve, size, name), {}).get("value")
        for name in ("base_equivalent", "equivalent"):
            found[name] = comparison.get(name, "")
        model = models.get((*curve, size))
        path = _scores(inputs.scores, model, row) if model else None
        rows.append(found | {"unread_example": unread_example(path) if path else ""})
    return rows


def _scores(folder: Path, model: str, row: Row) -> Path:
    """The file of scores behind a row; its name has no suffix for the chat template."""
    file = without_chat(str(row["variant"]))
    return folder / model / str(row["source"]) / str(row["task"]) / f"{file}.parquet"


def unread_example(path: Path) -> str:
    """Beginning of the first written answer from which no class was read; "" if all were.

    As JSON writes it, in one line.
    """
    table = pq.read_table(path, columns=["samples", "answers"]).to_pylist()
    for row in table:
        for text, found in zip(row["samples"], row["answers"], strict=True):
            if found is None:
                return json.dumps(text[:SHOWN], ensure_ascii=False)
    return ""
