"""The plan: what it counts is what scoring computes, and what is not known stays unknown."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from tokenizers import Tokenizer
from tokenizers.models import BPE

import plan as step
from project import ROOT, TINY, Project
from ushaped.benchmark_file import read_benchmark, write_benchmark
from ushaped.items.task import Task, as_item, load_demonstrations, load_task, read_items, replicate
from ushaped.ladder.flops import Shape, forward_flops
from ushaped.models.registry import read_registry
from ushaped.plan import (
    CHARACTERS_PER_TOKEN,
    FILE_SIZE,
    GPUS,
    Architecture,
    Limits,
    Model,
    Rate,
    TokenCounter,
    Work,
    by_characters,
    by_tokens,
    cost,
    count_work,
    from_file_size,
    measured_rates,
    nearest_rate,
    processor_hours,
    released,
    scoring_jobs,
    trained,
)
from ushaped.prompts import build
from ushaped.settings import models as configured
from ushaped.terms import TASKS

LIMITS = Limits(batch_tokens=2048, chain_tokens=40)
H100 = GPUS["H100"]


def letters() -> TokenCounter:
    """Each character is a token."""
    return replace(by_characters(), per_token=1)


def row(prompt: str, *classes: str, chain: bool = False, other: str | None = None) -> Any:
    """A row of the prompts table."""
    told = (
        {"answer_after": " So", "stop": ["\n"]} if chain else {"answer_after": None, "stop": None}
    )
    return {
        "prompt": prompt,
        "other_prompt": other,
        "classes": list(classes),
        "chain": chain,
        "chain_limit": None,
        "generated": False,
        "think": None,
        **told,
    }


def least(rows: list[Any]) -> tuple[int, int]:
    """Different histories of all letters that are read, and of those that predict, one by one."""
    pairs = [(r["prompt"], r["prompt"] + name) for r in rows for name in r["classes"]]
    read = {text[:n] for _, text in pairs for n in range(1, len(text))}
    predict = {text[:n] for prompt, text in pairs for n in range(len(prompt), len(text))}
    return len(read), len(predict)


@pytest.fixture
def pythia() -> Model:
    """A model of which everything is known."""
    about = configured({"families": ["pythia"]}, read_registry(ROOT))
    return released("pythia-12b", about["pythia-12b"], None)


# -- work -----------------------------------------------------------------------------------------


def test_tokens_with_one_history_are_counted_once_as_one_by_one_counting_finds() -> None:
    rows = [
        row("Is it so?", " Yes", " No"),
        row("Is it so?", " Yes", " No"),
        row("Is it not so?", " Yes", " Yes it is"),
        row("A", " A", " B"),
    ]
    work = count_work(rows, letters(), LIMITS)
    read, predictions = least([rows[0], *rows[2:]])
    # The second row is the first again, whose classes alone are taken to be new.
    again = len(" Yes"[:-1] + "No"[:-1])
    assert (work.read, work.predictions) == (read + again, predictions + again + 1)


def test_pairs_of_attention_are_those_of_a_causal_mask() -> None:
    work = count_work([row("abcd", "x")], letters(), LIMITS)
    assert work.pairs == np.tri(4).sum()


def test_the_plan_counts_what_the_engine_computes(tokenizer: Any) -> None:
    import tiny_models
    from ushaped.scoring.engine.encoding import Encoder
    from ushaped.scoring.engine.engine import Engine

    rows = [row("Which one is not a", " bird", " 12 7"), row("Which one is a", " bird", " A")]
    encoder = Encoder(tokenizer, bos="never")
    engine = Engine(tiny_models.made("neox"), batch_tokens=2048)
    engine.counts.computed_tokens = engine.counts.predictions = 0
    pairs = encoder.pairs([r["prompt"] for r in rows], [r["classes"] for r in rows])
    list(engine.score([one for names in pairs for one in names]))
    assert not any(one.boundary_merged for names in pairs for one in names)

    work = count_work(rows, by_tokens(Path(tokenizer.name_or_path) / "tokenizer.json"), LIMITS)
    assert (work.read, work.predictions) == (
        engine.counts.computed_tokens,
        engine.counts.predictions,
    )


def test_a_chain_costs_reading_its_prompt_twice_and_all_that_it_may_write() -> None:
    plain, thinking = (count_work([row("abcd", "x", chain=c)], letters(), LIMITS) for c in (0, 1))
    assert (plain.continued, plain.generated, plain.steps) == (0, 0, 0)
    assert (thinking.continued, thinking.generated, thinking.steps) == (4, 40, 40)
    assert thinking.read == plain.read + 40 + len(" So")
    own = count_work([row("abcd", "x", chain=True) | {"chain_limit": 7}], letters(), LIMITS)
    assert own.generated == 7


def written(prompt: str, think: int | None = None, chain_limit: int | None = None) -> Any:
    """A row of a written answer."""
    answer = {"generated": True, "think": think, "chain_limit": chain_limit, "stop": ["\n"]}
    return row(prompt, " Yes", " No") | answer


def test_a_written_answer_is_asked_for_once_a_sample_and_read_once_here() -> None:
    limits = replace(LIMITS, answer_tokens=10, samples=3)
    rows = [written("abcd"), written("abcdef", think=100), written("ab", chain_limit=40)]
    work = count_work(rows, letters(), limits)
    assert (work.prompts, work.requests, work.sent) == (3, 9, 3 * (4 + 6 + 2))
    assert work.generated == 3 * (10 + 110 + 40)
    # All three begin alike, and no class is read.
    assert (work.continued, work.read, work.predictions) == (6, 0, 0)
    assert work.longest == 6 + 110


def test_a_server_gets_a_request_for_each_class_and_each_chain() -> None:
    work = count_work([row("abcd", "x", "y"), row("ab", "x", chain=True)], letters(), LIMITS)
    assert work.requests == 2 + 2
    more = 40 + len(" So")
    assert work.sent == (4 + 1) * 2 + (2 + more + 1) + 2


def test_written_answers_of_a_file_that_is_not_here_are_estimated_by_its_size() -> None:
    task = load_task(ROOT / "tasks/neqa")
    limits = replace(LIMITS, answer_tokens=10, samples=3)
    work = from_file_size(task, 100, 30000, ["zero-shot-generated", "think-50"], limits)
    assert (work.prompts, work.requests) == (200, 600)
    assert work.generated == 300 * 10 + 300 * 60
    assert work.sent == 600 * 300 / CHARACTERS_PER_TOKEN
    assert work.read == 0


def test_a_prompt_that_is_compared_with_another_costs_both() -> None:
    both = count_work([row("abc", "x", "y", other="xyz")], letters(), LIMITS)
    assert both.read == 6
    assert both.prompts == 1


def test_work_adds_up_but_for_the_longest_sequence() -> None:
    assert Work(prompts=1, read=2, longest=7) + Work(prompts=2, read=3, longest=5) == Work(
        prompts=3, read=5, longest=7
    )


def replicas(name: str, folder: Path) -> tuple[Task, Path]:
    """A task and a file with items of it."""
    task, path = load_task(ROOT / "tasks" / name), folder / "items.jsonl"
    drafts = replicate(task, 40, seed=1)
    path.write_text("".join(json.dumps(as_item(task, draft)) + "\n" for draft in drafts))
    return task, path


@pytest.mark.parametrize("name", ["neqa", "hindsight-neglect", "prompt-injection"])
@pytest.mark.parametrize(
    "variant", ["zero-shot", "few-shot-2", "one-shot", "cot", "zero-shot-cot", "inside-2"]
)
def test_the_estimate_from_the_file_size_is_not_below_the_count_of_characters(
    name: str, variant: str, tmp_path: Path
) -> None:
    task, path = replicas(name, tmp_path)
    if variant == "inside-2" and task.inside is None:
        return
    items, _ = read_items(path, task.schema)
    shown = load_demonstrations(task.folder)
    rows = build(items, variant, shown, task.chain, 0, task.inside)
    work = count_work(rows, by_characters(), LIMITS)
    rough = from_file_size(task, len(items), path.stat().st_size, [variant], LIMITS)
    assert (rough.prompts, rough.generated) == (work.prompts, work.generated)
    # Its words of the protocol, such as the announcement of the answer, are not in the file.
    announced = sum(len(r["answer_after"] or "") for r in rows) / CHARACTERS_PER_TOKEN
    assert rough.read + announced >= 0.9 * work.read
    assert rough.read <= 12 * work.read


# -- models ---------------------------------------------------------------------------------------


def test_the_layers_of_a_registry_entry_give_its_numbers_of_parameters() -> None:
    families = read_registry(ROOT)
    entries = [one for told in families.values() for one in told.get("models", {}).values()]
    known = [one for one in entries if "architecture" in one]
    assert known
    for entry in known:
        told = entry["architecture"]
        embedded = told["hidden"] * told["vocabulary"]
        if "/pythia" not in entry["hub"]:
            # Of other architectures the matrices alone: one of them, or two that are not tied.
            matrices = (entry["parameters"] - entry["non_embedding_parameters"]) / embedded
            assert matrices == pytest.approx(round(matrices), rel=0.005), entry["hub"]
            assert round(matrices) in (1, 2)
            continue
        shape = Shape(told["hidden"], told["layers"], 1, told["vocabulary"])
        assert shape.parameters - embedded == entry["non_embedding_parameters"]
        # In and out, not tied.
        assert shape.parameters + embedded == entry["parameters"]


def test_the_gpus_that_the_registry_gives_are_those_that_a_plan_finds() -> None:
    families = read_registry(ROOT)
    several = {
        name: about
        for name, about in configured(
            {"families": [f for f in families if f != "ladder"]}, families
        ).items()
        if "gpus" in about["entry"]
    }
    assert several
    for name, about in several.items():
        model = released(name, about, None)
        planned = cost(model, Work(longest=2000), H100, 0.3, "bfloat16", 2048)
        assert planned["gpus"] == model.gpus, name


def test_operations_are_those_of_the_dense_formula_where_all_positions_predict() -> None:
    rung = {"size": "x", "hidden": 64, "layers": 2, "heads": 4}
    ladder = {"vocabulary": 1000, "rungs": [rung]}
    model = trained("m", {"family": "ladder", "size": "x"}, ladder)
    length = 50
    work = Work(1, read=length, predictions=length, pairs=length**2)
    dense = forward_flops(Shape(64, 2, 4, 1000), 1, length)
    # The count takes in biases and norms as if they were matrices.
    found = cost(model, work, H100, 0.3, "bfloat16", 2048)["flops"]
    assert found == pytest.approx(dense, rel=0.02)
    assert found > dense


def test_hours_fall_with_utilisation_and_rise_with_work(pythia: Model) -> None:
    work = Work(1, read=1e8, predictions=1e5, pairs=1e10, passes=5e4, longest=100)

    def hours(work: Work, utilisation: float) -> float:
        return float(cost(pythia, work, H100, utilisation, "bfloat16", 2048)["gpu_hours"])

    assert hours(work, 0.3) == pytest.approx(2 * hours(work, 0.6))
    assert hours(work + work, 0.3) == pytest.approx(2 * hours(work, 0.3))


def test_generating_takes_at_least_the_time_of_reading_the_weights_at_each_step(
    pythia: Model,
) -> None:
    work = Work(1, generated=1000, steps=1000, longest=100)
    found = cost(pythia, work, H100, 1.0, "bfloat16", 2048)
    assert pythia.parameters is not None
    least = 1000 * max(2 * pythia.parameters / H100.bandwidth, 36 * 3e-4)
    assert found["gpu_hours"] == pytest.approx(least / 3600)


def test_hours_of_a_model_that_is_spread_are_paid_for_each_gpu(pythia: Model) -> None:
    small = replace(H100, memory=10e9)
    work = Work(1, read=1e8, predictions=1e5, passes=5e4)
    one, four = (cost(pythia, work, gpu, 0.3, "bfloat16", 2048) for gpu in (H100, small))
    assert (one["gpus"], four["gpus"]) == (1, 3)
    assert four["gpu_hours"] == pytest.approx(3 * one["gpu_hours"])


def test_what_is_not_known_stays_unknown(pythia: Model) -> None:
    work = Work(1, read=1e8, predictions=1e5, pairs=1e10, passes=5e4)
    nothing = replace(pythia, parameters=None, inner=None, architecture=None, download=True)
    found = cost(nothing, work, H100, 0.3, "bfloat16", 2048)
    assert set(found.values()) == {None}

    inside = cost(replace(pythia, inner=None), work, H100, 0.3, "bfloat16", 2048)
    assert (inside["flops"], inside["gpu_hours"], inside["gpus"]) == (None, None, 1)

    layers = cost(replace(pythia, architecture=None), work, H100, 0.3, "bfloat16", 2048)
    assert layers["attention_flops"] is None
    assert layers["keys_values_gb"] is None
    assert layers["memory_gb"] < cost(pythia, work, H100, 0.3, "bfloat16", 2048)["memory_gb"]


def test_a_served_model_needs_no_gpu_but_is_sent_every_prompt_with_every_class() -> None:
    work = count_work([row("abcd", " x", " yz")], letters(), LIMITS)
    assert work.sent == 4 + 2 + 4 + 3
    about = configured({"families": ["pythia"]}, read_registry(ROOT))["pythia-70m"]
    entry = {"endpoint": "http://localhost", "served_as": "x"} | about["entry"]
    del entry["hub"]
    model = released("pythia-70m", about | {"entry": entry}, None)
    found = cost(model, work, H100, 0.3, "bfloat16", 2048)
    assert (found["gpus"], found["gpu_hours"], found["memory_gb"]) == (None, None, None)
    assert found["download_gb"] == 0


def test_a_model_that_is_split_has_its_shards_in_each_stage_and_a_last_job(pythia: Model) -> None:
    plain, thinking = Work(prompts=9), Work(prompts=9, generated=9.0)
    assert scoring_jobs(pythia, thinking, 1) == 1
    assert [scoring_jobs(pythia, work, 3) for work in (plain, thinking)] == [4, 7]
    own = replace(pythia, shards=2)
    assert [scoring_jobs(own, work, 3) for work in (plain, thinking)] == [3, 5]
    assert scoring_jobs(replace(pythia, shards=1), thinking, 3) == 1
    assert scoring_jobs(replace(pythia, served=True), thinking, 3) == 1


def test_weights_that_are_here_tell_their_layers_and_need_no_download(tmp_path: Path) -> None:
    sizes = {"num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 4}
    more = {"num_key_value_heads": 2, "head_dim": 32, "vocab_size": 99}
    (tmp_path / "config.json").write_text(json.dumps(sizes | more))
    about = configured({"families": ["qwen3"]}, read_registry(ROOT))
    name = next(iter(about))
    away, here = (released(name, about[name], folder) for folder in (None, tmp_path))
    assert (away.architecture, away.download) == (None, True)
    assert here.architecture == Architecture(3, 128, 64, 99, 64)
    assert not here.download


# -- processors -----------------------------------------------------------------------------------


def measured(folder: Path, model: str, inner: int | None = 1000, **changed: Any) -> None:
    """Write what an earlier run left of a model."""
    row = {"s": 2.0, "items": 9, "scoring_s": 1.0, "flops_per_s": 2e9}
    row |= {"threads": 2, "gpus": 0, "weight_bits": 32}
    write_benchmark(folder / f"benchmarks/{model}.tsv", row | changed)
    about = {"model": model, "family": model.split("-")[0], "non_embedding_parameters": inner}
    path = folder / f"models/{model}/model.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(about))


def test_only_what_scored_something_on_a_processor_in_that_format_has_a_rate(
    tmp_path: Path,
) -> None:
    measured(tmp_path, "ladder-1k", 900, threads=1)
    measured(tmp_path, "other-1b", flops_per_s=5e10)
    measured(tmp_path, "other-gpu", gpus=1)
    measured(tmp_path, "other-half", weight_bits=16)
    measured(tmp_path, "other-idle", flops_per_s=0.0)
    measured(tmp_path, "other-unknown", None, flops_per_s=math.nan)
    # Of an earlier version, and of a model that is gone.
    write_benchmark(tmp_path / "benchmarks/other-old.tsv", {"s": 2.0, "items": 9})
    measured(tmp_path, "other-gone")
    (tmp_path / "models/other-gone/model.json").unlink()
    found = measured_rates(tmp_path / "benchmarks", tmp_path / "models", ["ladder"], "float32")
    assert found == [
        Rate("ladder-1k", 900, True, 2e9, 1),
        Rate("other-1b", 1000, False, 5e10, 2),
    ]
    assert measured_rates(tmp_path / "none", tmp_path / "models", [], "float32") == []


def test_a_model_is_planned_at_its_own_rate_or_that_of_the_nearest_of_its_kind(
    pythia: Model,
) -> None:
    inner = pythia.inner or 0
    small, large = (Rate(f"m{n}", int(inner * n), False, 1.0, 2) for n in (0.2, 4))
    ladder, own = Rate("ladder-1k", inner, True, 1.0, 1), Rate(pythia.name, 5, False, 1.0, 2)
    assert nearest_rate(pythia, False, [small, large, ladder]) == large
    assert nearest_rate(pythia, False, [small, large, own]) == own
    assert nearest_rate(pythia, True, [small, ladder]) == ladder
    assert nearest_rate(pythia, False, [ladder]) is None
    assert nearest_rate(replace(pythia, inner=None), False, [small]) is None


def test_hours_on_a_processor_are_those_of_the_operations_that_the_rate_counts(
    pythia: Model,
) -> None:
    work = Work(1, read=1e6, predictions=1e4, pairs=1e9)
    costs = cost(pythia, work, H100, 0.3, "float32", 2048)
    plain = cost(pythia, replace(work, pairs=0), H100, 0.3, "float32", 2048)
    assert costs["attention_flops"] > 0
    assert processor_hours(costs, 1e12) == pytest.approx(plain["flops"] / 1e12 / 3600)
    assert processor_hours(costs | {"flops": None}, 1e12) is None


@pytest.mark.workflow
def test_a_plan_rests_on_what_an_earlier_run_of_this_processor_reached(project: Project) -> None:
    only = {"variants": ["zero-shot"], "tasks": ["neqa"], "replica": {"items": 60}}
    project.configure(TINY | only)
    done = project.run("report")
    assert done.returncode == 0, done.stdout
    done = project.run("plan")
    assert done.returncode == 0, done.stdout
    rows = table(project)
    for row in rows:
        assert row["processor_model"] == row["model"]
        took = read_benchmark(project.folder / f"results/benchmarks/scores/{row['model']}.tsv")
        assert took["items"] > 0
        planned = 3600 * float(row["processor_hours"])
        # The count of a plan is that of the engine; the rest is how the rate is rounded.
        assert planned == pytest.approx(took["scoring_s"], rel=0.1, abs=0.002)
    assert "Processor hours: at the rate that an earlier run here reached" in done.stdout
    assert "processor hours" in done.stdout.splitlines()[0] or "processor hours" in done.stdout

    # Of models that are not trained here nothing was measured: the least that they can take.
    project.configure(TINY | only | {"families": ["pythia"]})
    done = project.run("plan")
    assert done.returncode == 0, done.stdout
    rows = table(project)
    assert {row["processor_model"] for row in rows} == {""}
    assert all(float(row["processor_hours"]) > 0 for row in rows)
    assert (
        "Processor hours after '>': no earlier run here has a rate of such a model" in done.stdout
    )
    assert re.search(r"pythia-12b .* > [\d.e+]+", done.stdout)

    # On GPUs the processor has no part in it.
    project.configure(TINY | only | {"families": ["pythia"], "scoring": {"device": "cuda"}})
    done = project.run("plan")
    assert done.returncode == 0, done.stdout
    assert {row["processor_hours"] for row in table(project)} == {""}
    assert "rocessor hours" not in done.stdout


def test_the_schema_names_the_gpus_of_the_table() -> None:
    schema = yaml.safe_load((ROOT / "config/schema/config.schema.yaml").read_text())
    assert schema["$defs"]["Plan"]["properties"]["gpu"]["enum"] == sorted(GPUS)


# -- the command ----------------------------------------------------------------------------------


def table(project: Project) -> list[dict[str, str]]:
    """The written plan."""
    with open(project.folder / "results/plan.csv", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_some_items_of_a_file_that_is_not_here_are_planned_as_that_share_of_it() -> None:
    def prompts(source: str) -> tuple[int, float]:
        absent = [Path(source) / "neqa/zero-shot.parquet"]
        work, basis = step.estimate_workload([], absent, [ROOT / "tasks"], by_characters(), LIMITS)
        assert basis == FILE_SIZE
        return work.prompts, work.read

    every, read = prompts("official")
    assert every == load_task(ROOT / "tasks/neqa").facts.official.rows
    for source in ("official-first-100", "official-random-100-s1"):
        some, of_some = prompts(source)
        assert some == 100
        assert of_some == pytest.approx(read * 100 / every, rel=0.01)
    assert prompts("official-first-100000") == (every, read)


@pytest.mark.workflow
def test_the_plan_of_the_paper_runs_no_other_job_and_needs_no_file_of_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("USHAPED_MIRROR", raising=False)
    project = Project(tmp_path / "project")
    project.create()
    paper = yaml.safe_load((ROOT / "config/paper.yaml").read_text())
    project.configure(paper | {"output": "results"})
    done = project.run("plan")
    assert done.returncode == 0, done.stdout
    rows = table(project)
    assert [one["model"] for one in rows] == list(read_registry(ROOT)["pythia"]["models"])
    for key in ("flops", "gpu_hours", "memory_gb"):
        values = [float(one[key]) for one in rows]
        assert values[0] > 0
        assert values[-1] == max(values)
    items = sum(load_task(ROOT / "tasks" / name).facts.official.rows for name in TASKS)
    assert int(rows[0]["prompts"]) >= 5 * items
    # Chains of two variants, each as long as the family's may become.
    longest = read_registry(ROOT)["pythia"]["chain_tokens"]
    assert float(rows[0]["generated_tokens"]) == pytest.approx(2 * items * longest)
    assert "plan.utilisation is an assumption" in done.stdout
    made = [path.name for path in (project.folder / "results").iterdir()]
    assert made == ["plan.csv"]


@pytest.mark.workflow
def test_the_plan_says_what_servers_are_asked_and_what_that_costs(fresh: Project) -> None:
    path = fresh.folder / "config/models.yaml"
    registry = yaml.safe_load(path.read_text(encoding="utf-8"))
    served = {"endpoint": "http://127.0.0.1:9/v1", "served_as": "m", "api": "chat"} | {
        "parameters": "unknown",
        "non_embedding_parameters": "unknown",
        "training_tokens": "unknown",
        "training_flops": 1.0e20,
    }
    models = {"small": served | {"size": "s"}, "large": served | {"size": "l"}}
    registry["families"]["mine"] = {"models": models}
    registry["families"]["mine"]["thinking"] = {"parameter": "budget"}
    path.write_text(yaml.safe_dump(registry), encoding="utf-8")
    prices = {"large": {"currency": "EUR", "input": 1000, "output": 4000}}
    fresh.configure(
        TINY
        | {"tasks": ["neqa"], "variants": ["zero-shot", "zero-shot-generated", "think-32"]}
        | {"families": ["mine"], "replica": {"items": 8, "seed": 1}, "prices": prices}
        | {"generation": {"samples": 2, "temperature": 1.0, "tokens": 16, "seed": 0}}
    )
    # As it is once the model was described.
    fresh.write("results/models/small/model.json", json.dumps({"model": "small", "folder": None}))
    done = fresh.run("plan")
    assert done.returncode == 0, done.stdout
    with open(fresh.folder / "results/plan.csv", encoding="utf-8", newline="") as handle:
        rows = {row["model"]: row for row in csv.DictReader(handle)}
    # Of 8 items, 2 samples of each of two variants, and no likelihood.
    assert {row["requests"] for row in rows.values()} == {str(2 * 2 * 8)}
    assert {row["generated_tokens"] for row in rows.values()} == {str(2 * 8 * 16 + 2 * 8 * 48)}
    sent, written = float(rows["large"]["sent_tokens"]), 2 * 8 * 16 + 2 * 8 * 48
    cost = (1000 * sent + 4000 * written) / 1e6
    assert float(rows["large"]["cost"]) == pytest.approx(cost, rel=1e-4)
    assert rows["large"]["currency"] == "EUR"
    assert rows["small"]["cost"] == ""
    assert f"Estimated cost by 'prices': {cost:,.2f} EUR" in done.stdout
    assert "No price is known of small" in done.stdout


def test_the_plan_builds_prompts_of_generated_items_and_takes_the_tokenizer_that_is_there(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path / "project")
    project.create()
    letters = Tokenizer(BPE(vocab={chr(code): code for code in range(128)}, merges=[]))
    project.write("results/corpora/ladder/tokenizer.json", letters.to_str())
    done = project.run("plan")
    assert done.returncode == 0, done.stdout
    made = {path.name for path in (project.folder / "results").iterdir()}
    assert made == {"plan.csv", "corpora", "tasks", "prompts", "benchmarks"}
    rows = table(project)
    assert {one["basis"] for one in rows} == {"tokens"}
    items, variants = TINY["replica"]["items"], len(TINY["variants"])
    assert int(rows[0]["prompts"]) == items * variants * len(TINY["tasks"])
    prompts = sorted((project.folder / "results/prompts").rglob("*.parquet"))
    limits = Limits(2048, TINY["scoring"]["chain_tokens"])
    together = [
        [one for path in some for one in pq.read_table(path).to_pylist()]
        for _, some in groupby(prompts, key=lambda path: path.parent)
    ]
    works = [count_work(some, replace(by_characters(), per_token=1), limits) for some in together]
    expected = sum(work.read + work.continued for work in works)
    assert float(rows[0]["unique_tokens"]) == pytest.approx(expected, rel=1e-5)
