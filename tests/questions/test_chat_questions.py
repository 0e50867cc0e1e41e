"""Written answers beside log-likelihoods, and chat models beside their base models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ushaped.questions import asked, base_and_chat, written_answers
from ushaped.questions.inputs import Inputs
from ushaped.results.columns import METRICS, PROTOCOLS
from ushaped.results.parquet import ITEMS, SCORES
from ushaped.results.text_files import write_table
from ushaped.shapes.rules import Rule

N = 20
# Answers of each family and variant, right or wrong.
RIGHT = {
    ("base", "zero-shot"): [1] * 5 + [0] * 15,
    ("base", "zero-shot-generated"): [1] * 4 + [0] * 16,
    ("chat", "zero-shot-chat"): [1] * 15 + [0] * 5,
}


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """A run of a base and a chat model of one size."""
    metrics: list[dict[str, Any]] = []
    items: list[pa.Table] = []
    for (family, variant), right in RIGHT.items():
        about = {
            **{"family": family, "size": "1B", "source": "replica", "task": "neqa"},
            **{"variant": variant, "protocol": "official", "modified": ""},
            **{"parameters": 1000, "training_flops": 1e9, "n": N, "chance": 0.5, "flags": ""},
        }
        values = {"accuracy": np.mean(right), "label_mass": 0.4, "unanswered_share": 0.25}
        for model in (f"{family}-1b", ""):
            for metric, value in values.items():
                own = {"model": model, "seed": "0" if model else "", "metric": metric}
                ends = {"low": value - 0.1, "high": value + 0.1}
                metrics.append(about | own | ends | {"value": value})
        names = {"family": family, "model": f"{family}-1b", "source": "replica", "task": "neqa"}
        columns = {name: pa.array([text] * N).dictionary_encode() for name, text in names.items()}
        columns |= {"variant": pa.array([variant] * N).dictionary_encode()}
        numbers = {"item": range(N), "correct": right, "cluster": [0] * N, "answer": [0] * N}
        columns |= {name: pa.array(list(column)) for name, column in numbers.items()}
        columns |= {"distractor": pa.array([0.0] * N)}
        rows = [columns[field.name].cast(field.type) for field in ITEMS]
        items.append(pa.Table.from_arrays(rows, schema=ITEMS))
    write_table(tmp_path / "metrics.csv", METRICS, [dict.fromkeys(METRICS) | r for r in metrics])
    pq.write_table(pa.concat_tables(items).unify_dictionaries(), tmp_path / "items.parquet")
    compared = dict.fromkeys(PROTOCOLS) | {
        **{"family": "base", "source": "replica", "task": "neqa", "protocol": "modified"},
        **{"variant": "zero-shot-generated", "base_variant": "zero-shot", "metric": "accuracy"},
    }
    write_table(tmp_path / "protocols.csv", PROTOCOLS, [compared])
    return Inputs(
        published=tmp_path / "none",
        metrics=tmp_path / "metrics.csv",
        items=tmp_path / "items.parquet",
        protocols=tmp_path / "protocols.csv",
        prompts=tmp_path / "prompts",
        scores=tmp_path / "scores",
        rule=Rule.published_equivalent(0.02, 1 / 3),
        draws=200,
        seed=0,
        pairs={"chat": "base"},
    )


def test_a_chat_family_is_compared_with_its_base_on_the_same_items(inputs: Inputs) -> None:
    (row,) = base_and_chat.answer(inputs)
    assert tuple(row) == base_and_chat.COLUMNS
    assert (row["family"], row["base_family"]) == ("chat", "base")
    assert (row["variant"], row["base_variant"]) == ("zero-shot-chat", "zero-shot")
    assert (row["value"], row["base_value"], row["difference"]) == (0.75, 0.25, 0.5)
    # Paired: ten items differ, all in one direction.
    assert 0.25 <= row["difference_low"] < 0.5 < row["difference_high"] <= 0.75


def test_written_answers_stand_beside_the_log_likelihoods(inputs: Inputs) -> None:
    path = inputs.scores / "base-1b/replica/neqa/zero-shot-generated.parquet"
    path.parent.mkdir(parents=True)
    rows = [{"samples": ["B"], "answers": [1]}, {"samples": ["Well,\nno."], "answers": [None]}]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCORES), path)
    (row,) = written_answers.answer(inputs)
    assert set(row) == set(written_answers.COLUMNS)
    assert (row["value"], row["base_variant"], row["base_value"]) == (0.2, "zero-shot", 0.25)
    assert (row["unanswered_share"], row["refused_share"]) == (0.25, None)
    assert row["unread_example"] == '"Well,\\nno."'


def test_only_a_run_that_has_them_is_asked() -> None:
    one = asked({"families": ["ladder"], "variants": ["zero-shot"]})
    assert {"written-answers", "base-and-chat"}.isdisjoint(one)
    both = asked({"families": ["a", "b"], "variants": ["zero-shot", "think-8"]})
    assert {"written-answers", "base-and-chat"} <= set(both)
