"""Results as files of Every Eval Ever: what is in them, and that they give the same verdicts."""

from __future__ import annotations

import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import exchange as step
import shapes as shapes_step
from fabricate import answers, metrics, write_inputs
from ushaped.files import file_digest
from ushaped.results.columns import METRICS
from ushaped.results.parquet import ITEMS, PROMPTS, SCORES
from ushaped.shapes.data import Settings
from ushaped.shapes.evidence import add_fdr_q_values
from ushaped.shapes.standalone.eee_files import SCHEMA_VERSION, VERSIONS
from ushaped.shapes.standalone.inputs import read_inputs
from ushaped.shapes.standalone.reading import Wanted
from ushaped.terms import AVERAGE, PRIMARY

TASKS = ("neqa", "redefine", "prompt-injection")
SETTINGS = Settings(draws=60)
# Where the schema wants the file of instances: with a UUID of version 4.
PATH = (
    r"data/ushaped/[^/]+/[^/]+/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
PATH += r"_samples\.jsonl"
# Of the package's schemas, version 0.3.0: what every record must have.
AGGREGATE = {
    *("schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata"),
    *("model_info", "eval_library", "evaluation_results"),
}
INSTANCE = {
    *("schema_version", "evaluation_id", "model_id", "evaluation_name", "sample_id"),
    *("interaction_type", "input", "output", "answer_attribution", "evaluation"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of two families, two seeds a size, and what the step writes of them."""
    folder = tmp_path_factory.mktemp("results")
    options: dict[str, Any] = {"sizes": (1_000, 8_000, 45_000), "seeds": 2, "families": ("a", "b")}
    measured, items = answers(metrics(TASKS, ("zero-shot", "cot"), **options))
    measured[list(METRICS)].to_csv(folder / "metrics.csv", index=False)
    pq.write_table(pa.Table.from_pandas(items, schema=ITEMS), folder / "items.parquet")
    write_inputs(folder, measured)
    for (source, task, variant), own in items.groupby(["source", "task", "variant"]):
        write_prompts(folder / f"prompts/{source}/{task}/{variant}.parquet", own)
        for model, rows in own.groupby("model"):
            write_scores(folder / f"scores/{model}/{source}/{task}/{variant}.parquet", rows)
    arguments = ["--results", str(folder), "--output", str(folder / "every_eval_ever")]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["exchange", *arguments])
        step.main()
    return folder


def write_prompts(path: Path, items: pd.DataFrame) -> None:
    """Prompts of all items, of two classes or of one text."""
    first = items[items["model"] == items["model"].iloc[0]]
    loss = path.parent.name == "prompt-injection"
    rows = [
        {
            "item": item,
            "prompt": f"Question {item}:",
            "classes": [" Repeat this."] if loss else [" yes", " no"],
            "answer_index": 0 if loss else item % 2,
        }
        for item in first["item"]
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=PROMPTS), path)


def write_scores(path: Path, items: pd.DataFrame) -> None:
    """Log-likelihoods that give the answers of `items`; chains of those with reasoning."""
    loss, chain = path.parent.name == "prompt-injection", path.stem == "cot"
    rows = [
        {
            "item": item,
            "log_likelihood": [correct] if loss else likely(int(item) % 2, correct == 1),
            "chain": f" Since {item}." if chain else None,
        }
        for item, correct in zip(items["item"], items["correct"], strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCORES), path)


def likely(answer: int, right: bool) -> list[float]:
    chosen = answer if right else 1 - answer
    return [-0.5 if place == chosen else -1.5 for place in range(2)]


def aggregates(folder: Path) -> dict[str, dict[str, Any]]:
    paths = sorted((folder / "every_eval_ever/data/ushaped").glob("*/*/*.json"))
    return {path.parent.name: json.loads(path.read_text()) for path in paths}


def instances(folder: Path, model: str) -> list[dict[str, Any]]:
    path = folder / "every_eval_ever" / samples(folder, model)["file_path"]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def samples(folder: Path, model: str) -> dict[str, Any]:
    """What the aggregate file of a model says of its instances."""
    return aggregates(folder)[model]["detailed_evaluation_results"]


def test_every_model_has_a_file_with_every_primary_number(folder: Path) -> None:
    table = pd.read_csv(folder / "metrics.csv", keep_default_na=False)
    found = aggregates(folder)
    assert set(found) == set(table["model"]) - {""}
    for model, log in found.items():
        assert log.keys() >= AGGREGATE
        rows = table[(table["model"] == model) & table["metric"].isin(PRIMARY)]
        rows = rows[rows["task"] != AVERAGE]
        told = {one["evaluation_result_id"]: one for one in log["evaluation_results"]}
        assert len(told) == len(rows) == len(TASKS) * 2
        for row in rows.to_dict("records"):
            name = "/".join(row[key] for key in ("source", "task", "variant", "metric"))
            score = told[name]["score_details"]
            assert score["score"] == pytest.approx(float(row["value"]))
            assert score["uncertainty"]["num_samples"] == 200
            assert told[name]["metric_config"]["lower_is_better"] == ("loss" in row["metric"])
            details = told[name]["metric_config"]["additional_details"]
            assert details["protocol"] == row["protocol"]


def test_instances_say_what_was_asked_and_answered(folder: Path) -> None:
    model = next(iter(aggregates(folder)))
    rows = instances(folder, model)
    assert len(rows) == 200 * len(TASKS) * 2
    for row in rows:
        assert row.keys() >= INSTANCE
        if "prompt-injection" in row["evaluation_name"]:
            assert row["evaluation"]["is_correct"] is False
            assert "not defined" in row["metadata"]["is_correct"]
            continue
        right = row["output"]["raw"] == row["input"]["reference"]
        assert row["evaluation"] == {"score": float(right), "is_correct": right}
        assert row["input"]["raw"] == f"Question {row['sample_id']}:"
        reasoning = [f" Since {row['sample_id']}."] if "cot" in row["evaluation_name"] else None
        assert row["output"].get("reasoning_trace") == reasoning


def test_the_file_of_instances_is_named_with_its_digest(folder: Path) -> None:
    for model, log in aggregates(folder).items():
        named = log["detailed_evaluation_results"]
        assert re.fullmatch(PATH, named["file_path"])
        path = folder / "every_eval_ever" / named["file_path"]
        assert named["checksum"] == file_digest(path)
        assert path.with_name(path.name.replace("_samples.jsonl", ".json")).is_file()
        assert named["total_rows"] == len(instances(folder, model))


def test_verdicts_from_the_files_are_those_of_the_report(folder: Path) -> None:
    jobs = list(
        shapes_step.measured_jobs(folder / "metrics.csv", folder / "items.parquet", SETTINGS, None)
    )
    records = [shapes_step.run_job(SETTINGS, job) for job in jobs if job[0].task != AVERAGE]
    add_fdr_q_values(records)
    expected = {tuple(one["about"].values()): one for one in records}
    reading = read_inputs([folder / "every_eval_ever"], Wanted())
    assert reading.lines() == []
    judged = [shapes_step.run_job(SETTINGS, (curve, {"data": d})) for curve, d in reading.curves]
    add_fdr_q_values(judged)
    assert len(judged) == len(expected) == 12
    for record in judged:
        before = expected[tuple(record["about"].values())]
        for one in (before, record):
            # Of answers, which are not in the files of curves.
            one["verdict"]["notes"] = []
            one["parts"] = []
        assert record["verdict"] == before["verdict"]
        assert record["sizes"] == before["sizes"]
        assert record["clusters"] == before["clusters"] > 0
        assert record["seeds"] == before["seeds"]
        assert record["values"] == pytest.approx(before["values"])


def test_verdicts_from_the_report_beside_its_items_are_the_same(folder: Path) -> None:
    (folder / "report.json").write_text('{"format": "ushaped-report", "version": "1.4"}')
    reading = read_inputs([folder / "report.json"], Wanted(task="neqa"))
    from_files = read_inputs([folder / "every_eval_ever"], Wanted(task="neqa"))
    curves = {curve.key: data for curve, data in from_files.curves}
    assert len(reading.curves) == len(curves) == 4
    for curve, data in reading.curves:
        assert data.values.tolist() == curves[curve.key].values.tolist()
        assert data.members == curves[curve.key].members


def test_the_version_that_is_written_is_one_that_is_read() -> None:
    assert SCHEMA_VERSION.rpartition(".")[0] in VERSIONS


@pytest.mark.needs("every-eval-ever")
def test_files_are_valid_by_the_schemas_of_the_package(folder: Path) -> None:
    schemas = {
        name: json.loads((files("every_eval_ever") / f"schemas/{name}.schema.json").read_text())
        for name in ("eval", "instance_level_eval")
    }
    assert schemas["eval"]["version"] == SCHEMA_VERSION
    aggregate, single = (jsonschema.Draft7Validator(schema) for schema in schemas.values())
    for model, log in aggregates(folder).items():
        aggregate.validate(log)
        for row in instances(folder, model)[::50]:
            single.validate(row)
