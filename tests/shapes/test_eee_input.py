"""Curves from files of Every Eval Ever: what is read, what is refused, what is left out."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from eee_files import ANSWERS, SIZES, instances, log, result, write_log, write_logs
from ushaped.axes import PARAMETERS
from ushaped.errors import UserError
from ushaped.shapes.data import Counts, Items, Means
from ushaped.shapes.standalone.eee_input import read_every_eval_ever
from ushaped.shapes.standalone.inputs import EVERY_EVAL_EVER, format_of, read_inputs
from ushaped.shapes.standalone.reading import Reading, Wanted

WANTED = Wanted()


def only(reading: Reading) -> tuple[Any, Any]:
    ((curve, data),) = reading.curves
    return curve, data


def details(**text: str) -> dict[str, Any]:
    """``model_info`` with other details."""
    return {"model_info": {"name": "org/m", "id": "org/m", "additional_details": text}}


def test_instances_become_a_curve_of_items(tmp_path: Path) -> None:
    reading = read_every_eval_ever([write_logs(tmp_path)], WANTED)
    curve, data = only(reading)
    assert isinstance(data, Items)
    assert data.values.tolist() == list(map(list, ANSWERS.values()))
    assert (curve.family, curve.source, curve.task) == ("tiny", "lm_eval", "neqa")
    assert curve.flops.tolist() == list(SIZES.values())
    assert (curve.metric, curve.protocol, reading.lines()) == ("accuracy", "0-shot", [])
    origin = "lm-evaluation-harness, A Laboratory, lm_eval 0.4.13"
    assert reading.origins == {curve.key: origin}


def test_without_instances_shares_become_counts(tmp_path: Path) -> None:
    curve, data = only(read_every_eval_ever([write_logs(tmp_path, with_instances=False)], WANTED))
    assert isinstance(data, Counts)
    assert (data.k.tolist(), data.n.tolist()) == ([9, 2, 9], [10, 10, 10])
    assert curve.flags == ()


def test_a_score_that_is_no_count_needs_its_standard_error(tmp_path: Path) -> None:
    known = {"score": 0.4123, "uncertainty": {"standard_error": {"value": 0.0137}}}
    for model in ANSWERS:
        content = log(model, [1], evaluation_results=[result([1], score_details=known)])
        write_log(tmp_path, model, content)
    _, data = only(read_every_eval_ever([tmp_path], WANTED))
    assert isinstance(data, Means)
    assert data.errors.tolist() == [0.0137] * 3
    known["uncertainty"] = {}
    for model in ANSWERS:
        content = log(model, [1], evaluation_results=[result([1], score_details=known)])
        write_log(tmp_path, model, content)
    with pytest.raises(UserError, match=r"no standard error above 0; give their instances too"):
        read_inputs([tmp_path], WANTED)


def test_a_standard_error_that_is_not_that_of_counts_is_used_itself(tmp_path: Path) -> None:
    # As where items of one question are resampled together.
    for model, right in ANSWERS.items():
        mean = sum(right) / len(right)
        known = {"num_samples": 10, "standard_error": {"value": 0.3}}
        outcome = result(right, score_details={"score": mean, "uncertainty": known})
        write_log(tmp_path, model, log(model, right, evaluation_results=[outcome]))
    _, data = only(read_every_eval_ever([tmp_path], WANTED))
    assert isinstance(data, Means)
    assert data.errors.tolist() == [0.3] * 3


def test_rounded_accuracies_give_the_nearest_count_with_a_note(tmp_path: Path) -> None:
    for model, share in zip(ANSWERS, (0.544, 0.227, 0.681), strict=True):
        known = {"score": share, "uncertainty": {"num_samples": 700}}
        content = log(model, [1], evaluation_results=[result([1], score_details=known)])
        write_log(tmp_path, model, content)
    curve, data = only(read_every_eval_ever([tmp_path], WANTED))
    assert (data.k.tolist(), data.n.tolist()) == ([381, 159, 477], [700] * 3)
    assert any("nearest to rounded shares: org/tiny-1b" in flag for flag in curve.flags)


def test_a_table_gives_family_and_scale(tmp_path: Path) -> None:
    bare = {"additional_details": {}}
    for model, right in ANSWERS.items():
        info = {"name": model, "id": f"org/{model}", **bare}
        write_log(tmp_path / "logs", model, log(model, right, model_info=info))
    rows = "".join(f"org/{model},mine,{scale}\n" for model, scale in SIZES.items())
    models = tmp_path / "models.csv"
    models.write_text(f"model,family,scale\n{rows}")
    curve, _ = only(read_every_eval_ever([tmp_path / "logs"], Wanted(models=models)))
    assert (curve.family, curve.flops.tolist()) == ("mine", list(SIZES.values()))


def test_models_without_compute_are_left_out_and_named(tmp_path: Path) -> None:
    write_logs(tmp_path)
    write_log(tmp_path, "other", log("other", [1, 0], **details(family="tiny")))
    reading = read_every_eval_ever([tmp_path], WANTED)
    assert only(reading)[0].sizes == ("1e20", "1e21", "1e22")
    (line,) = reading.lines()
    assert "other.json, model 'org/m': its training compute is unknown; give --models" in line


def test_compute_follows_from_parameters_and_tokens(tmp_path: Path) -> None:
    write_logs(tmp_path, with_instances=False)
    known = details(family="tiny", num_parameters="1000000000", training_tokens="2e12")
    write_log(tmp_path, "zz", log("zz", [1] * 10, **known))
    curve, _ = only(read_every_eval_ever([tmp_path], WANTED))
    assert curve.flops.max() == pytest.approx(1.2e22)
    assert "training FLOPs not given, 6 × parameters × tokens used: org/m" in curve.flags


def test_parameters_may_be_the_scale(tmp_path: Path) -> None:
    for billions, (model, right) in zip(("1.5", "8", "62"), ANSWERS.items(), strict=True):
        known = details(family="tiny", params_billions=billions)
        known["model_info"]["id"] = model
        write_log(tmp_path, model, log(model, right, **known))
    curve, _ = only(read_every_eval_ever([tmp_path], Wanted(axis=PARAMETERS)))
    assert curve.scale_values.tolist() == [1.5e9, 8e9, 62e9]
    assert curve.sizes == ("1.5B", "8B", "62B")


def test_models_of_unknown_family_need_one(tmp_path: Path) -> None:
    write_log(tmp_path, "m", log("m", [1, 0], **details(training_flops="1e20")))
    with pytest.raises(UserError, match="its family is unknown; give --models"):
        read_inputs([tmp_path], WANTED)
    curve, _ = only(read_every_eval_ever([tmp_path], Wanted(family="mine")))
    assert curve.family == "mine"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": "0.1.0"}, "schema_version is '0.1.0', not 0.2.x or 0.3.x; convert it"),
        ({"schema_version": "1.0"}, "schema_version is '1.0'"),
        ({"schema_version": None}, "schema_version is 'None'"),
        ({"model_info": {}}, "model_info.id: is no name"),
        ({"model_info": None}, "model_info: is missing"),
        ({"evaluation_results": {}}, "evaluation_results: is no list"),
        ({"evaluation_results": [3]}, r"evaluation_results\[0\], the result: is no mapping"),
        (
            {"evaluation_results": [result([1], metric_config={})]},
            r"evaluation_results\[0\], metric_config.lower_is_better: is not true or false",
        ),
        (
            {"evaluation_results": [result([1], score_details={"score": "0.5"})]},
            r"score_details.score: is no finite number; leave the result out",
        ),
    ],
)
def test_a_wrong_file_is_named_and_the_rest_goes_on(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    write_logs(tmp_path)
    write_log(tmp_path, "wrong", log("wrong", [1], **change))
    reading = read_every_eval_ever([tmp_path], WANTED)
    assert len(only(reading)[0].sizes) == 3
    (line,) = reading.lines()
    assert "wrong.json" in line
    with pytest.raises(UserError, match=words):
        read_inputs([tmp_path / "wrong.json"], WANTED)


def test_percentages_are_no_shares(tmp_path: Path) -> None:
    for model, right in ANSWERS.items():
        known = {"score": 100 * sum(right) / len(right), "uncertainty": {"num_samples": 10}}
        content = log(model, right, evaluation_results=[result(right, score_details=known)])
        write_log(tmp_path, model, content)
    with pytest.raises(UserError, match=r"score is 90, which looks like percent; .*divide by 100"):
        read_inputs([tmp_path], WANTED)


def test_models_that_were_asked_differently_are_no_curve(tmp_path: Path) -> None:
    shots = {"generation_config": {"additional_details": {"num_fewshot": "5"}}}
    other = {"evaluation_results": [result(ANSWERS["tiny-8b"], **shots)]}
    write_logs(tmp_path, changes={"tiny-8b": other})
    with pytest.raises(UserError, match=r"'org/tiny-1b' was asked with '0-shot', .* '5-shot'"):
        read_inputs([tmp_path], WANTED)


def test_of_equal_results_one_counts_and_different_ones_are_refused(tmp_path: Path) -> None:
    write_logs(tmp_path)
    write_log(tmp_path / "again", "tiny-8b", log("tiny-8b", ANSWERS["tiny-8b"]))
    curve, _ = only(read_every_eval_ever([tmp_path], WANTED))
    assert any("2 times with the same score" in flag for flag in curve.flags)
    write_log(tmp_path / "again", "tiny-8b", log("tiny-8b", [1] * 10))
    with pytest.raises(UserError, match=r"has another score than in .*give one result per model"):
        read_inputs([tmp_path], WANTED)


def test_a_direction_that_contradicts_the_metric_is_refused(tmp_path: Path) -> None:
    # Converters write "higher is better" where they do not know it.
    metric = {"evaluation_description": "perplexity", "lower_is_better": False}
    for model, right in ANSWERS.items():
        outcome = result(right, metric_config=metric)
        write_log(tmp_path, model, log(model, right, evaluation_results=[outcome]))
    with pytest.raises(UserError, match="of 'perplexity', lower_is_better is wrong"):
        read_inputs([tmp_path], WANTED)


def test_where_lower_is_better_values_are_a_loss(tmp_path: Path) -> None:
    metric = {"evaluation_description": "regret", "lower_is_better": True}
    for model, right in ANSWERS.items():
        outcome = result(right, metric_config=metric)
        content = log(model, right, evaluation_results=[outcome])
        write_log(tmp_path, model, content, instances(model, right))
    curve, data = only(read_every_eval_ever([tmp_path], WANTED))
    assert curve.metric == "sequence_loss"
    assert data.values[1].tolist() == [-one for one in ANSWERS["tiny-8b"]]


def test_one_of_several_metrics_can_be_named(tmp_path: Path) -> None:
    for model, right in ANSWERS.items():
        other = {"evaluation_description": "acc_norm", "lower_is_better": False}
        flipped = [1 - one for one in right]
        results = [result(right), result(flipped, metric_config=other)]
        content = log(model, right, evaluation_results=results)
        write_log(tmp_path, model, content, instances(model, right))
    curve, data = only(read_every_eval_ever([tmp_path], WANTED))
    assert curve.values.tolist() == [0.9, 0.2, 0.9]
    assert isinstance(data, Items)
    # Instances have the score of one metric alone.
    curve, data = only(read_every_eval_ever([tmp_path], Wanted(metric="acc_norm")))
    assert curve.values.tolist() == pytest.approx([0.1, 0.8, 0.1])
    assert isinstance(data, Counts)
    assert any("instances not used, since their mean is 0.9" in flag for flag in curve.flags)
    with pytest.raises(UserError, match=r"no metric 'f1'.*acc, acc_norm"):
        read_inputs([tmp_path], Wanted(metric="f1"))


def test_instances_of_two_equal_scores_are_those_of_neither(tmp_path: Path) -> None:
    other = {"evaluation_description": "acc_norm", "lower_is_better": False}
    for model, right in ANSWERS.items():
        results = [result(right), result(right, metric_config=other)]
        content = log(model, right, evaluation_results=results)
        write_log(tmp_path, model, content, instances(model, right))
    _, data = only(read_every_eval_ever([tmp_path], WANTED))
    assert isinstance(data, Counts)


def test_instances_may_be_packed(tmp_path: Path) -> None:
    write_logs(tmp_path)
    for path in tmp_path.glob("*.json"):
        content = json.loads(path.read_text())
        rows = tmp_path / f"{path.stem}_samples.jsonl"
        packed = rows.with_suffix(".jsonl.gz")
        packed.write_bytes(gzip.compress(rows.read_bytes()))
        rows.unlink()
        content["detailed_evaluation_results"] = {"format": "jsonl", "file_path": packed.name}
        path.write_text(json.dumps(content))
    _, data = only(read_every_eval_ever([tmp_path], WANTED))
    assert isinstance(data, Items)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}\n", "line 1: has no evaluation, no sample_id or no evaluation.score"),
        ('{"sample_id": 1', "line 1: is no instance"),
        (None, "is not the file that its aggregate file names (other SHA-256)"),
    ],
)
def test_damaged_instances_are_named_and_counts_are_used(
    tmp_path: Path, text: str | None, words: str
) -> None:
    write_logs(tmp_path)
    path = tmp_path / "tiny-8b_samples.jsonl"
    path.write_text(path.read_text() + "\n" if text is None else text)
    if text is not None:
        aggregate = tmp_path / "tiny-8b.json"
        content = json.loads(aggregate.read_text())
        del content["detailed_evaluation_results"]["checksum"]
        aggregate.write_text(json.dumps(content))
    reading = read_every_eval_ever([tmp_path], WANTED)
    assert isinstance(only(reading)[1], Counts)
    (line,) = reading.lines()
    assert words in line


def test_several_epochs_of_an_item_are_no_items(tmp_path: Path) -> None:
    write_logs(tmp_path, with_instances=False)
    rows = instances("tiny-8b", ANSWERS["tiny-8b"])
    content = log("tiny-8b", ANSWERS["tiny-8b"])
    write_log(tmp_path, "tiny-8b", content, [*rows, rows[0]])
    for model in ("tiny-1b", "tiny-62b"):
        write_log(tmp_path, model, log(model, ANSWERS[model]), instances(model, ANSWERS[model]))
    reading = read_every_eval_ever([tmp_path], WANTED)
    assert isinstance(only(reading)[1], Counts)
    assert "sample '0' of 'neqa' is there twice; give one answer per item" in reading.lines()[0]


def test_a_file_of_instances_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_logs(tmp_path)
    (tmp_path / "tiny-1b_samples.jsonl").unlink()
    reading = read_every_eval_ever([tmp_path], WANTED)
    assert isinstance(only(reading)[1], Counts)
    assert "tiny-1b_samples.jsonl' is not there; add it" in reading.lines()[0]


def test_other_files_of_a_folder_are_counted(tmp_path: Path) -> None:
    write_logs(tmp_path)
    (tmp_path / "notes.json").write_text("[]")
    reading = read_every_eval_ever([tmp_path], WANTED)
    assert reading.lines()[0].endswith("1 JSON files are of another format; they were not read")


def test_formats_are_told_by_content(tmp_path: Path) -> None:
    path = write_log(tmp_path, "one", log("one", [1]))
    assert format_of(path) == format_of(tmp_path) == EVERY_EVAL_EVER
    (tmp_path / "log.json").write_text('{"version": 2, "eval": {}, "plan": {}}')
    for inspect in (tmp_path / "log.json", tmp_path / "log.eval"):
        inspect.touch()
        with pytest.raises(UserError, match=r"is a log of Inspect; convert it first: every_eval"):
            format_of(inspect)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UserError, match="is of no format that is read"):
        format_of(tmp_path / "other.json")
    table = tmp_path / "curve.csv"
    table.write_text("scale,k,n\n1,5,9\n2,6,9\n")
    with pytest.raises(UserError, match="are Every Eval Ever and table; give one format"):
        read_inputs([path, table], WANTED)


# -- logs of Inspect, as the converter of the package writes them ----------------------------------


def of_inspect(model: str, right: list[int]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An aggregate file without family and compute, and its instances; two metrics of a scorer."""
    accuracy = result(right, evaluation_result_id="match:accuracy", evaluation_name="negation")
    accuracy["metric_config"] = {
        "evaluation_description": "accuracy from scorer match",
        "metric_id": "accuracy",
        "lower_is_better": False,
    }
    mean = sum(right) / len(right)
    error = math.sqrt(mean * (1 - mean) / (len(right) - 1))
    accuracy["score_details"]["uncertainty"]["standard_error"] = {"value": error}
    std = accuracy | {"evaluation_result_id": "match:std", "score_details": {"score": 0.4}}
    std |= {"metric_config": {"metric_id": "std", "lower_is_better": False}}
    named = {"evaluation_name": "negation", "evaluation_result_id": "match:accuracy"}
    content = log(
        model,
        right,
        schema_version="0.3.0",
        model_info={"name": f"hf/{model}", "id": f"hf/{model}", "developer": "hf"},
        eval_library={"name": "inspect", "version": "inspect_ai:0.3.285"},
        evaluation_results=[std, accuracy],
    )
    return content, instances(model, right, **named, metadata={"epoch": "1"})


def test_a_converted_log_of_inspect_is_judged_by_its_items(tmp_path: Path) -> None:
    for model, right in ANSWERS.items():
        # Each in a folder of its own, under a UUID.
        folder = tmp_path / "data/negation/hf" / model
        write_log(folder, "d4b4bd4d-ec66-46b9-abc0-9b483bccd548", *of_inspect(model, right))
    models = tmp_path / "models.csv"
    rows = "".join(f"hf/{model},tiny,{scale}\n" for model, scale in SIZES.items())
    models.write_text(f"model,family,scale\n{rows}")
    reading = read_every_eval_ever([tmp_path / "data"], Wanted(models=models))
    curve, data = only(reading)
    assert (curve.family, curve.task, curve.source) == ("tiny", "negation", "inspect")
    assert isinstance(data, Items)
    assert data.values.tolist() == list(map(list, ANSWERS.values()))
    assert reading.lines() == []


def test_a_standard_error_that_divides_by_n_minus_one_is_that_of_counts(tmp_path: Path) -> None:
    for model, right in ANSWERS.items():
        content, _ = of_inspect(model, right)
        known = {"family": "tiny", "training_flops": repr(SIZES[model])}
        content["model_info"]["additional_details"] = known
        write_log(tmp_path, model, content)
    _, data = only(read_every_eval_ever([tmp_path], WANTED))
    assert isinstance(data, Counts)
