"""Output of lm-evaluation-harness: direction of metrics, odd numbers, links, contradictions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness_runs import (
    DATE,
    LARGE,
    LATER,
    MODELS,
    SMALL,
    only,
    write_run,
    written_results,
    written_sample,
)
from ushaped.errors import UserError
from ushaped.shapes.curves import Curve
from ushaped.shapes.data import Counts, Data, Items, Means
from ushaped.shapes.standalone.lm_eval_input import HIGHER, LOWER, read_harness

ANSWERS = {"org/tiny-1b": SMALL, "org/tiny-8b": LARGE}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models.csv").write_text(MODELS, encoding="utf-8")
    return tmp_path / "models.csv"


def write_all(folder: Path, **more: Any) -> None:
    """Output of both models, results and samples."""
    for model, right in ANSWERS.items():
        write_run(folder, model, {"neqa": right}, **more)


def with_results(folder: Path, change: Mapping[str, Any], of_model: str = "org/tiny-8b") -> None:
    """Results of both models without samples; one with some of a task's values changed."""
    for model, right in ANSWERS.items():
        results = written_results(model, {"neqa": right})["results"]
        if model == of_model:
            results["neqa"] |= change
        write_run(folder, model, {"neqa": right}, with_samples=False, results=results)


def without_date(results: Mapping[str, Any]) -> dict[str, Any]:
    """Results as `write_run` takes them, which has a date of its own."""
    return {key: value for key, value in results.items() if key != "date"}


def rewrite(path: Path, change: Mapping[str, Any]) -> None:
    """Change keys of every sample of a file."""
    lines = [json.loads(line) | change for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def name_metric(folder: Path, name: str) -> None:
    """Call the metric of all samples otherwise."""
    for path in folder.rglob("samples_*"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        lines = [line | {"metrics": [name], name: line["acc"]} for line in lines]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


# -- direction ------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_results", [True, False])
def test_a_metric_whose_direction_nothing_says_is_refused(
    tmp_path: Path, models: Path, with_results: bool
) -> None:
    write_all(tmp_path, with_results=with_results)
    name_metric(tmp_path, "biased")
    with pytest.raises(UserError, match=r"of 'biased', it is not known.*--lower-is-better"):
        read_harness([tmp_path], models, "biased")


def test_the_caller_can_say_the_direction(tmp_path: Path, models: Path) -> None:
    write_all(tmp_path, with_results=False)
    name_metric(tmp_path, "biased")
    lower, data = only(read_harness([tmp_path], models, "biased", higher_is_better=False))
    assert (lower.metric, lower.values.tolist()) == ("sequence_loss", [6 / 8, 3 / 8])
    assert data.values.tolist() == [[-one for one in SMALL], [-one for one in LARGE]]
    assert math.isnan(lower.chance)
    assert lower.flags == (
        "of 'biased', lower is better, as --lower-is-better says: it is read as a loss",
    )
    higher, data = only(read_harness([tmp_path], models, "biased", higher_is_better=True))
    assert (higher.metric, data.values.tolist()) == ("accuracy", [SMALL, LARGE])
    assert higher.flags == ("of 'biased', higher is better, as --higher-is-better says",)


@pytest.mark.parametrize("name", ["acc", "biased"])
def test_results_say_the_direction_of_their_metrics(
    tmp_path: Path, models: Path, name: str
) -> None:
    write_all(tmp_path, higher_is_better={"neqa": {name: False}})
    name_metric(tmp_path, name)
    curve, _ = only(read_harness([tmp_path], models, name))
    assert curve.metric == "sequence_loss"
    assert "lower is better, as its results say" in curve.flags[0]


def test_results_that_disagree_on_a_direction_are_refused(tmp_path: Path, models: Path) -> None:
    for (model, right), higher in zip(ANSWERS.items(), (True, False), strict=True):
        write_run(tmp_path, model, {"neqa": right}, higher_is_better={"neqa": {"acc": higher}})
    with pytest.raises(UserError, match="of 'acc', results disagree whether"):
        read_harness([tmp_path], models)


def test_an_option_against_what_is_known_is_refused(tmp_path: Path, models: Path) -> None:
    write_all(tmp_path)
    with pytest.raises(UserError, match=r"of 'acc', higher is better; leave out --lower-is-better"):
        read_harness([tmp_path], models, higher_is_better=False)


@pytest.mark.parametrize("said", [True, False, None])
def test_usual_metrics_have_a_known_direction(
    tmp_path: Path, models: Path, said: bool | None
) -> None:
    assert not HIGHER & LOWER
    # Of TER the harness says that higher is better, which is wrong.
    for number, (model, right) in enumerate(ANSWERS.items()):
        results = written_results(model, {"neqa": right})
        results["results"]["neqa"] |= {"ter,none": 50.0 + number, "ter_stderr,none": 1.5}
        results["higher_is_better"]["neqa"]["ter"] = said
        write_run(tmp_path, model, {"neqa": right}, **without_date(results))
    curve, data = only(read_harness([tmp_path], models, "ter"))
    assert isinstance(data, Means)
    assert (curve.metric, curve.values.tolist()) == ("sequence_loss", [50, 51])
    assert "of 'ter', lower is better, as is usual: it is read as a loss" in curve.flags


def test_of_perplexity_samples_hold_log_likelihoods_and_are_not_read(
    tmp_path: Path, models: Path
) -> None:
    for number, (model, right) in enumerate(ANSWERS.items()):
        results = written_results(model, {"neqa": right})
        results["results"]["neqa"] |= {
            "perplexity,none": 12.5 - number,
            "perplexity_stderr,none": 0.5,
        }
        write_run(tmp_path, model, {"neqa": right}, **without_date(results))
    for path in tmp_path.rglob("samples_*"):
        rewrite(path, {"metrics": ["acc", "perplexity"], "perplexity": -2.5})
    curve, data = only(read_harness([tmp_path], models, "perplexity"))
    assert (curve.metric, curve.values.tolist()) == ("sequence_loss", [12.5, 11.5])
    assert isinstance(data, Means)
    for path in tmp_path.rglob("results_*"):
        path.unlink()
    with pytest.raises(UserError, match="no metric 'perplexity' in common"):
        read_harness([tmp_path], models, "perplexity")


# -- odd numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [[], None, math.nan, math.inf, "N/A", "0.1", -0.1, {}, True])
def test_a_standard_error_that_is_no_number_is_unknown(
    tmp_path: Path, models: Path, error: object
) -> None:
    with_results(tmp_path, {"acc_stderr,none": error})
    with pytest.raises(UserError, match="'org/tiny-8b' has no standard error above 0") as told:
        read_harness([tmp_path], models)
    assert "--log_samples" in str(told.value)


@pytest.mark.parametrize("mean", [math.nan, None, "0.5", [0.5], math.inf, -math.inf, True, 10**400])
def test_a_mean_that_is_no_number_is_refused_with_file_and_model(
    tmp_path: Path, models: Path, mean: object
) -> None:
    with_results(tmp_path, {"acc,none": mean})
    with pytest.raises(UserError, match=r"results_.*\.json, model 'org/tiny-8b', task 'neqa'"):
        read_harness([tmp_path], models)


@pytest.mark.parametrize("mean", [1.5, -0.25, 2.0, 50])
@pytest.mark.parametrize("error", [0.0, 0.1])
def test_a_mean_beyond_shares_is_refused(
    tmp_path: Path, models: Path, mean: float, error: float
) -> None:
    with_results(tmp_path, {"acc,none": mean, "acc_stderr,none": error})
    with pytest.raises(UserError, match="no share from 0 to 1"):
        read_harness([tmp_path], models)


@pytest.mark.parametrize("n", [0, -8, "8", None, [], math.nan, 7.5, 1e300, True])
def test_a_number_of_items_that_can_be_none_is_unknown(
    tmp_path: Path, models: Path, n: object
) -> None:
    for model, right in ANSWERS.items():
        results = written_results(model, {"neqa": right})
        results["results"]["neqa"]["sample_len"] = n
        results["n-samples"] = {"neqa": {"original": n, "effective": n}}
        write_run(tmp_path, model, {"neqa": right}, with_samples=False, **without_date(results))
    _, data = only(read_harness([tmp_path], models))
    assert isinstance(data, Means)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("configs", None, Counts),
        ("configs", {}, Counts),
        ("n-samples", None, Counts),
        ("model_name", None, Counts),
        ("model_name", 7, Counts),
        ("higher_is_better", None, Counts),
        ("versions", None, Counts),
        ("n-shot", None, Counts),
        ("config", None, Counts),
        ("config", "no mapping", Counts),
        ("results", [], "'results' is no mapping of tasks"),
        ("results", {"neqa": 0.5}, "'results' of task 'neqa' is no mapping"),
        ("configs", ["neqa"], "'configs' is no mapping"),
        ("n-samples", {"neqa": 8}, "'n-samples' of task 'neqa' is no mapping"),
        ("results", {}, "no metric"),
    ],
)
def test_results_may_lack_what_the_curve_does_not_need(
    tmp_path: Path, models: Path, key: str, value: object, expected: type | str
) -> None:
    write_all(tmp_path, with_samples=False, **{key: value})
    if isinstance(expected, str):
        with pytest.raises(UserError, match=expected):
            read_harness([tmp_path], models)
        return
    _, data = only(read_harness([tmp_path], models))
    assert isinstance(data, expected)


def test_metrics_without_filters_are_read(tmp_path: Path, models: Path) -> None:
    # As versions before 0.4 wrote them; groups are known by their tasks.
    for model, right in ANSWERS.items():
        mean = sum(right) / len(right)
        error = math.sqrt(mean * (1 - mean) / (len(right) - 1))
        own = {"alias": "neqa", "sample_len": len(right), "acc": mean, "acc_stderr": error}
        old = {"results": {"neqa": own, "group": {"acc": 0.5}}, "configs": {}}
        write_run(tmp_path, model, {"neqa": right}, with_samples=False, **old)
    curve, data = only(read_harness([tmp_path], models, "acc"))
    assert isinstance(data, Counts)
    assert data.k.tolist() == [6, 3]
    assert curve.task == "neqa"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"results": {"neqa": {"acc,none": 0.5', "holds no results"),
        ('{"results": {}, "results": {}}', "key 'results' is there twice"),
        ('{"results": {"\\ud83d": {}}}', "control character or half"),
        ('{"a":' * 20_000, "nested too deeply"),
        ("", "holds no results"),
        ("\x00\x01", "holds no results"),
    ],
)
def test_results_that_break_off_are_refused(
    tmp_path: Path, models: Path, text: str, reason: str
) -> None:
    write_all(tmp_path)
    (path,) = (tmp_path / "org__tiny-8b").glob("results_*")
    path.write_text(text)
    with pytest.raises(UserError, match=f"{path.name}: .*{reason}"):
        read_harness([tmp_path], models)


def with_samples(folder: Path, lines: Sequence[str], with_results: bool = False) -> None:
    """Samples of both models; of one, those lines."""
    write_all(folder, with_results=with_results)
    (path,) = (folder / "org__tiny-8b").glob("samples_*")
    path.write_text("\n".join(lines))


def sample(item: int, **change: Any) -> str:
    """A line of samples; a key whose value is ``...`` is left out."""
    whole = written_sample(item, LARGE[item]) | change
    return json.dumps({key: value for key, value in whole.items() if value is not ...})


LINES = [sample(item) for item in range(8)]


def test_blank_lines_between_samples_are_none(tmp_path: Path, models: Path) -> None:
    with_samples(tmp_path, ["", *LINES[:4], "  ", *LINES[4:], "", ""])
    _, data = only(read_harness([tmp_path], models))
    assert data.values.tolist() == [SMALL, LARGE]


def test_fields_that_older_versions_lack_are_not_needed(tmp_path: Path, models: Path) -> None:
    missing = dict.fromkeys(("metrics", "filter", "doc_hash", "arguments", "resps"), ...)
    write_all(tmp_path, with_results=False)
    for model, right in ANSWERS.items():
        (path,) = (tmp_path / model.replace("/", "__")).glob("samples_*")
        lines = [sample(item, acc=bool(one), **missing) for item, one in enumerate(right)]
        path.write_text("\n".join(lines))
    curve, data = only(read_harness([tmp_path], models))
    assert data.values.tolist() == [SMALL, LARGE]
    assert math.isnan(curve.chance)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"doc_id": 3, "acc', r"line 4: is no sample"),
        (sample(2), "line 4: document 2 is there twice"),
        (sample(2, doc_hash="another"), "line 4: document 2 is there twice"),
        (sample(3, doc_id=...), "line 4: is no sample"),
        (sample(3, doc_id=None), "line 4: is no sample"),
        (sample(3, metrics="acc"), "line 4: is no sample"),
        (sample(3, metrics=[["acc"]]), "line 4: names metrics that are no text"),
        (sample(3, filter=7), "line 4: is no sample"),
        (sample(3, acc=math.nan), "line 4: of model 'org/tiny-8b', has no number for 'acc,none'"),
        (sample(3, acc=...), "line 4: of model 'org/tiny-8b', has no number for 'acc,none'"),
        (sample(3, acc=None), "line 4: .*has no number"),
        (sample(3, acc="1"), "line 4: .*has no number"),
        (sample(3, acc=[1]), "line 4: .*has no number"),
        (sample(3, acc=10**400), "line 4: .*has no number"),
        (sample(3, acc=50), "a value is 50, which looks like percent"),
        ('{"doc_id": 3, "doc_id": 3}', "key 'doc_id' is there twice"),
        ("[1]", "line 4: is no sample"),
    ],
)
def test_a_wrong_sample_is_refused_with_its_line(
    tmp_path: Path, models: Path, line: str, reason: str
) -> None:
    with_samples(tmp_path, [*LINES[:3], line, *LINES[4:]])
    with pytest.raises(UserError, match=reason):
        read_harness([tmp_path], models)


def test_samples_that_results_leave_out_too_are_left_out_and_counted(
    tmp_path: Path, models: Path
) -> None:
    # A mean over the documents that have a value, as the harness's nanmean.
    results = written_results("org/tiny-8b", {"neqa": LARGE})
    results["results"]["neqa"]["acc,none"] = sum(LARGE[:7]) / 7
    with_samples(tmp_path, [*LINES[:7], sample(7, acc=math.nan)])
    write_run(tmp_path, "org/tiny-1b", {"neqa": SMALL})
    (tmp_path / "org__tiny-8b" / f"results_{DATE}.json").write_text(json.dumps(results))
    curve, data = only(read_harness([tmp_path], models))
    assert data.values.shape == (2, 7)
    told = "left out, as in its results: samples of org/tiny-8b without a number for 'acc,none' (1)"
    assert told in curve.flags


def test_samples_of_another_run_than_the_results_are_refused(tmp_path: Path, models: Path) -> None:
    with_samples(tmp_path, LINES[:6], with_results=True)
    with pytest.raises(UserError, match=r"samples' mean of 'acc,none' is 0\.333333.* 0\.375"):
        read_harness([tmp_path], models)


def test_a_task_can_be_read_beside_one_that_is_broken(tmp_path: Path, models: Path) -> None:
    write_all(tmp_path)
    (tmp_path / "org__tiny-8b" / f"samples_other_{DATE}.jsonl").write_text("broken")
    curve, _ = only(read_harness([tmp_path], models, task="neqa"))
    assert curve.task == "neqa"
    with pytest.raises(UserError, match="is no sample"):
        read_harness([tmp_path], models)


def test_models_that_were_run_on_nothing_are_told(tmp_path: Path, models: Path) -> None:
    write_all(tmp_path, with_samples=False, results={}, configs={})
    with pytest.raises(UserError, match="names models that were run on no task"):
        read_harness([tmp_path], models)


# -- links ----------------------------------------------------------------------------------------


def linked(folder: Path, models: Path) -> tuple[Curve, Data]:
    curve, data = only(read_harness([folder], models))
    assert isinstance(data, Items)
    assert data.values.tolist() == [SMALL, LARGE]
    return curve, data


def test_what_is_there_twice_through_links_is_read_once(tmp_path: Path, models: Path) -> None:
    out = tmp_path / "out"
    write_all(out)
    (out / "a-link").symlink_to(out / "org__tiny-1b")
    (out / "z-link").symlink_to("org__tiny-8b")
    (out / "best").mkdir()
    for path in (out / "org__tiny-8b").iterdir():
        (out / "best" / path.name).symlink_to(path)
    curve, _ = linked(out, models)
    assert curve.flags == ()


def test_folders_and_files_elsewhere_are_read_through_links(tmp_path: Path, models: Path) -> None:
    write_all(tmp_path / "elsewhere", model_name=None)
    out = tmp_path / "out"
    (out / "org__tiny-8b").mkdir(parents=True)
    (tmp_path / "elsewhere" / "org__tiny-1b").rename(tmp_path / "elsewhere" / "run-17")
    (out / "org__tiny-1b").symlink_to(tmp_path / "elsewhere" / "run-17")
    # As a hub's cache: names are links to files that are named by their content.
    for number, path in enumerate((tmp_path / "elsewhere" / "org__tiny-8b").iterdir()):
        blob = path.rename(tmp_path / f"blob{number}")
        (out / "org__tiny-8b" / path.name).symlink_to(blob)
    linked(out, models)


def test_links_in_a_circle_end(tmp_path: Path, models: Path) -> None:
    out = tmp_path / "out"
    write_all(out)
    (out / "org__tiny-1b" / "up").symlink_to(out)
    (out / "itself").symlink_to(out / "itself")
    (out / f"results_{DATE}.json").symlink_to(out / f"results_{DATE}.json")
    linked(out, models)


def test_links_to_nothing_get_a_line(tmp_path: Path, models: Path) -> None:
    out = tmp_path / "out"
    write_all(out)
    link = out / "org__tiny-1b" / f"samples_redefine_{DATE}.jsonl"
    link.symlink_to(tmp_path / "gone.jsonl")
    curve, _ = linked(out, models)
    assert curve.flags == (f"a link to nothing, left out: {link}",)
    for path in (out / "org__tiny-1b").iterdir():
        path.unlink()
    (out / "org__tiny-1b").rmdir()
    (out / "org__tiny-1b").symlink_to(tmp_path / "gone")
    with pytest.raises(
        UserError, match=r"no output of model 'org/tiny-1b'.*links to nothing: .*1b"
    ):
        read_harness([out], models)
    with pytest.raises(UserError, match="org__tiny-1b: is a link to nothing"):
        read_harness([out / "org__tiny-1b"], models)


def test_two_results_of_one_date_that_differ_are_refused(tmp_path: Path, models: Path) -> None:
    write_all(tmp_path, date=LATER)
    (path,) = (tmp_path / "org__tiny-8b").glob("results_*")
    other = path.with_name(path.name.replace("results", "run"))
    other.write_text(path.read_text())
    linked(tmp_path, models)
    other.write_text(path.read_text().replace("0.375", "0.5"))
    with pytest.raises(UserError, match="are results of one date that differ"):
        read_harness([tmp_path], models)
