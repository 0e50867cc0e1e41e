"""Metrics: hand-computed cases, and the measuring step on small files."""

from __future__ import annotations

import csv
import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import metrics as step
from ushaped.errors import UserError
from ushaped.literature.measured_rows import published_average, read_points
from ushaped.metrics.definitions import (
    CONSTANT_SHARE,
    Measured,
    Questions,
    commonest_share,
    contrasts,
    item_metrics,
)
from ushaped.metrics.flags import FLAGS
from ushaped.metrics.intervals import generator, interval, resampled_means, share_interval, wilson
from ushaped.metrics.read import read_unsplit
from ushaped.metrics.table import one_protocol, ten_task_mean
from ushaped.results.columns import METRICS as COLUMNS
from ushaped.results.text_files import Row
from ushaped.terms import TEN_TASKS

PADDING = -np.inf


def ask(
    classes: list[list[str]],
    answer: list[int],
    distractor: list[int] | None = None,
    chain: bool = False,
    metric: str = "accuracy",
) -> Questions:
    """Questions about the given classes."""
    texts = {text: code for code, text in enumerate(dict.fromkeys(itertools.chain(*classes)))}
    widest = max(map(len, classes))
    return Questions(
        where="prompts",
        item=np.arange(len(classes)),
        count=np.array([len(names) for names in classes]),
        answer=np.array(answer),
        distractor=np.array(distractor or [-1] * len(classes)),
        text=np.array(
            [[texts[name] for name in names] + [-1] * (widest - len(names)) for names in classes]
        ),
        protocol="official",
        modified="",
        chain=chain,
        metric=metric,
        part=np.zeros(len(classes), dtype=int),
        cluster=np.zeros(len(classes), dtype=int),
    )


def mean(found: dict[str, Measured], metric: str) -> float:
    """Mean of a metric for the first model."""
    return float(found[metric].values[0].mean())


# -- definitions ----------------------------------------------------------------------------------


def test_accuracy_is_the_share_of_items_whose_likeliest_class_is_right() -> None:
    found = item_metrics(
        np.log([[[0.6, 0.1], [0.3, 0.4], [0.2, 0.5]]]), ask([[" A", " B"]] * 3, [0, 0, 1])
    )
    assert mean(found, "accuracy") == pytest.approx(2 / 3)
    assert found["accuracy"].chance == 0.5


def test_the_first_class_wins_a_tie() -> None:
    tied = np.log([[[0.25, 0.25], [0.25, 0.25]]])
    found = item_metrics(tied, ask([[" A", " B"]] * 2, [0, 1]))
    assert found["accuracy"].values.tolist() == [[1.0, 0.0]]
    assert mean(found, "answer_rate_0") == 1.0


def test_loss_and_label_mass_of_one_item_by_hand() -> None:
    found = item_metrics(np.log([[[0.2, 0.6]]]), ask([[" A", " B"]], [0]))
    assert mean(found, "loss") == pytest.approx(-np.log(0.2 / 0.8))
    assert mean(found, "label_mass") == pytest.approx(0.8)
    assert found["loss"].chance == pytest.approx(np.log(2))


def test_two_models_of_equal_accuracy_differ_in_loss() -> None:
    sure, unsure = [[0.9, 0.01]], [[0.4, 0.39]]
    found = item_metrics(np.log([sure, unsure]), ask([[" A", " B"]], [0]))
    assert found["accuracy"].values.tolist() == [[1.0], [1.0]]
    assert found["loss"].values[0, 0] < found["loss"].values[1, 0]


def test_likelihoods_are_not_divided_by_length() -> None:
    # A long class with summed log-likelihood -9 loses against a short one with -8.
    found = item_metrics(np.array([[[-9.0, -8.0]]]), ask([[" a b c d e f", " g"]], [0]))
    assert mean(found, "accuracy") == 0.0


def test_tiny_likelihoods_do_not_underflow() -> None:
    found = item_metrics(np.array([[[-2000.0, -2001.0]]]), ask([[" A", " B"]], [0]))
    assert mean(found, "loss") == pytest.approx(np.log(1 + np.exp(-1)))


def test_items_may_have_different_numbers_of_classes() -> None:
    classes = [[" 1", " 2"], [" 1", " 2", " 3", " 4"]]
    values = np.log([[[0.5, 0.1, 1, 1], [0.1, 0.1, 0.1, 0.5]]])
    values[0, 0, 2:] = PADDING
    found = item_metrics(values, ask(classes, [0, 3]))
    assert mean(found, "accuracy") == 1.0
    assert found["accuracy"].chance == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert found["loss"].chance == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert [mean(found, f"answer_rate_{place}") for place in range(4)] == [0.5, 0, 0, 0.5]


def test_distractor_share_counts_only_items_that_have_a_distractor() -> None:
    values = np.log([[[0.1, 0.5], [0.5, 0.1], [0.5, 0.1]]])
    found = item_metrics(values, ask([[" A", " B"]] * 3, [0, 0, 0], [1, -1, 1]))
    assert found["distractor_share"].values.tolist() == [[1.0, 0.0]]


def test_no_distractor_share_where_no_item_has_a_distractor() -> None:
    assert "distractor_share" not in item_metrics(np.zeros((1, 1, 2)), ask([[" A", " B"]], [0]))


def test_sequence_loss_is_the_negated_summed_log_likelihood() -> None:
    found = item_metrics(np.array([[[-1.5], [-0.5]]]), ask([[" yes"], [" no"]], [0, 0]))
    assert list(found) == ["sequence_loss", "sequence_probability"]
    assert found["sequence_loss"].values.tolist() == [[1.5, 0.5]]
    assert np.isnan(found["sequence_loss"].chance)


def test_sequence_probability_is_the_mean_of_the_probabilities() -> None:
    found = item_metrics(np.log([[[0.5], [0.1]]]), ask([[" yes"], [" no"]], [0, 0]))
    assert mean(found, "sequence_probability") == pytest.approx(0.3)


def test_log_odds_by_hand() -> None:
    # After the prompt " A" is likelier by a factor of 4, after the other prompt by one of 2.
    last, other = np.log([[[0.8, 0.2], [0.8, 0.2]]]), np.log([[[0.6, 0.3], [0.6, 0.3]]])
    contrast = contrasts(last, other)
    assert contrast == pytest.approx(np.full((1, 2), np.log(4 / 2)))
    asked = ask([[" A", " B"]] * 2, [0, 1], metric="log-odds")
    found = item_metrics(np.log(np.full((1, 2, 2), 0.25)), asked, contrast=contrast)
    # The sign is turned where the second class is right.
    assert found["log_odds"].values == pytest.approx(np.array([[np.log(2), -np.log(2)]]))
    assert found["log_odds"].chance == 0
    assert mean(found, "label_mass") == pytest.approx(0.5)
    assert "accuracy" not in found


def test_absolute_log_odds_do_not_depend_on_which_class_is_right() -> None:
    contrast = np.array([[1.5, -0.5]])
    asked = ask([[" A", " B"]] * 2, [0, 1], metric="absolute-log-odds")
    found = item_metrics(np.log(np.full((1, 2, 2), 0.25)), asked, contrast=contrast)
    assert found["absolute_log_odds"].values.tolist() == [[1.5, 0.5]]
    assert list(found) == ["absolute_log_odds", "label_mass"]


def test_an_answer_that_cannot_be_parsed_is_wrong() -> None:
    asked = ask([[" A", " B"]] * 4, [0, 1, 0, 1], chain=True)
    stopped = np.array([[True, False, False, False]])
    found = item_metrics(np.zeros((1, 4, 2)), asked, np.array([[0, 1, -1, 0]]), stopped)
    assert mean(found, "parsed_accuracy") == 0.5
    assert mean(found, "unparsed_share") == 0.25
    assert mean(found, "unstopped_share") == 0.75


# -- constant answers -----------------------------------------------------------------------------


def test_always_answering_a_scores_45_67_percent_on_neqa_and_is_flagged() -> None:
    asked = ask([[" A", " B"]] * 300, [0] * 137 + [1] * 163)
    always_a = np.log(np.tile([0.6, 0.3], (1, 300, 1)))
    assert round(100 * mean(item_metrics(always_a, asked), "accuracy"), 2) == 45.67
    assert (commonest_share(always_a, asked) >= CONSTANT_SHARE).tolist() == [True]


def test_one_percent_of_other_answers_is_still_constant_but_two_are_not() -> None:
    asked = ask([[" A", " B"]] * 100, [0] * 100)
    values = np.log(np.tile([0.6, 0.3], (2, 100, 1)))
    values[0, :1] = values[0, :1, ::-1]
    values[1, :2] = values[1, :2, ::-1]
    assert (commonest_share(values, asked) >= CONSTANT_SHARE).tolist() == [True, False]


def test_the_same_place_with_different_texts_is_no_constant_answer() -> None:
    asked = ask([[f" {number}", f" {number + 1}"] for number in range(0, 200, 2)], [0] * 100)
    assert (
        commonest_share(np.log(np.tile([0.6, 0.3], (1, 100, 1))), asked) >= CONSTANT_SHARE
    ).tolist() == [False]


def test_the_same_text_at_changing_places_is_a_constant_answer() -> None:
    asked = ask([[" yes", " no"], [" no", " yes"]] * 50, [0] * 100)
    values = np.log([[[0.6, 0.3], [0.3, 0.6]] * 50])
    assert (commonest_share(values, asked) >= CONSTANT_SHARE).tolist() == [True]


# -- intervals ------------------------------------------------------------------------------------


def test_wilson_interval_by_hand() -> None:
    low, high = wilson(np.array([0.0, 0.5, 1.0]), 10)
    # z^2 / (n + z^2) with z = 1.96 is what is left above zero of ten.
    assert np.round(low, 4).tolist() == [0.0, 0.2366, 0.7225]
    assert np.round(high, 4).tolist() == [0.2775, 0.7634, 1.0]


def test_interval_of_a_loss_uses_the_population_standard_deviation() -> None:
    low, high = interval(Measured(np.array([[1.0, 3.0, 1.0, 3.0]]), False, float("nan")))
    assert (high[0] - low[0]) / 2 == pytest.approx(1.959964 * 1.0 / 2, abs=1e-6)


def test_a_share_that_no_item_has_still_has_an_upper_end() -> None:
    low, high = share_interval(np.zeros((1, 128)))
    assert low[0] == 0
    assert high[0] == pytest.approx(wilson(np.array(0.0), 128)[1])


def test_items_of_one_model_are_as_many_trials() -> None:
    values = (np.arange(20) < 7).astype(float)[None]
    assert share_interval(values)[1] == pytest.approx(wilson(np.array([0.35]), 20)[1])


def test_seeds_that_do_not_agree_say_more_than_one_seed() -> None:
    rng = np.random.default_rng(0)
    alike = (rng.random(4000) < 0.3).astype(float)
    apart = (alike + (rng.random(4000) < 0.3)) / 2
    widths = [
        float((high - low)[0]) for low, high in map(share_interval, (alike[None], apart[None]))
    ]
    assert widths[1] / widths[0] == pytest.approx(0.5**0.5, rel=0.05)


def test_bootstrap_agrees_with_the_standard_error() -> None:
    values = np.repeat([0.0, 1.0], 200)[:, None]
    drawn = resampled_means(values, 4000, generator(0, "task"))
    assert drawn.mean() == pytest.approx(0.5, abs=0.002)
    assert drawn.std() == pytest.approx(0.5 / np.sqrt(400), rel=0.05)


def test_bootstrap_draws_the_same_items_for_every_column() -> None:
    values = np.random.default_rng(1).random((50, 1))
    drawn = resampled_means(np.hstack([values, values + 1]), 100, generator(0, "task"))
    assert np.allclose(drawn[:, 1] - drawn[:, 0], 1)
    assert np.allclose(drawn[:, :1], resampled_means(values, 100, generator(0, "task")))


# -- averages -------------------------------------------------------------------------------------


def test_ten_task_mean_weighs_tasks_alike() -> None:
    by_task = {task: np.array([float(place)]) for place, task in enumerate(TEN_TASKS)}
    assert ten_task_mean(by_task | {"prompt-injection": np.array([99.0])}).tolist() == [4.5]


def test_an_average_that_mixes_protocols_is_refused() -> None:
    protocols = dict.fromkeys(TEN_TASKS, "official") | {"neqa": "modified"}
    with pytest.raises(UserError, match=r"would mix the protocols 'modified' \(neqa\) and 'offici"):
        one_protocol("ladder/replica/ten-task-average/zero-shot", protocols)


# -- the step -------------------------------------------------------------------------------------


class House:
    """A folder with prompts, scores and models, and the step that measures them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def model(self, name: str, size: str = "1k", seed: int = 0, **told: Any) -> None:
        """Write a model.json."""
        entry = {
            "model": name,
            "family": "ladder",
            "size": size,
            "seed": seed,
            "parameters": 1000,
            "non_embedding_parameters": 500,
            "training_tokens": 10,
            "training_flops": 6e4,
        }
        path = self.folder / "models" / name / "model.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(entry | told))

    def prompts(
        self,
        task: str,
        answer: list[int],
        classes: list[list[str]] | None = None,
        distractor: list[int | None] | None = None,
        protocol: str = "official",
        chain: bool = False,
        metric: str = "accuracy",
        part: list[int] | None = None,
        cluster: list[int] | None = None,
    ) -> None:
        """Write the zero-shot prompts of a task."""
        n = len(answer)
        columns = {
            "item": pa.array(range(n), pa.int64()),
            "prompt": ["?"] * n,
            "classes": classes or [[" A", " B"]] * n,
            "answer_index": pa.array(answer, pa.int64()),
            "distractor_index": pa.array(distractor or [None] * n, pa.int64()),
            "part": pa.array(part or [0] * n, pa.int64()),
            "cluster": pa.array(cluster or part or [0] * n, pa.int64()),
            "protocol": [protocol] * n,
            "modified": [""] * n,
            "chain": [chain] * n,
            "generated": [False] * n,
            "think": pa.array([None] * n, pa.int64()),
            "metric": [metric] * n,
        }
        self._write(self.folder / "prompts" / "replica" / task, columns)

    def scores(
        self,
        model: str,
        task: str,
        values: list[list[float]],
        items: list[int] | None = None,
        **told: list[Any],
    ) -> None:
        """Write a model's zero-shot scores of a task; ``told`` are columns that say otherwise."""
        n = len(values)
        columns = {
            "item": pa.array(items or range(n), pa.int64()),
            "log_likelihood": pa.array(values, pa.list_(pa.float64())),
            "last_token": pa.array([None] * n, pa.list_(pa.float64())),
            "other_last_token": pa.array([None] * n, pa.list_(pa.float64())),
            "prompt_tokens": pa.array([1] * n, pa.int64()),
            "class_tokens": [[1] * len(some) for some in values],
            "boundary_merged": [False] * n,
            "cut": [0] * n,
            "chain": [""] * n,
            "chain_stopped": pa.array([None] * n, pa.bool_()),
            "parsed": pa.array([None] * n, pa.int64()),
        } | told
        self._write(self.folder / "scores" / model / "replica" / task, columns)

    def measure(self, monkeypatch: pytest.MonkeyPatch, *more: str) -> list[dict[str, str]]:
        """Run the step in this process and read its table."""
        paths: dict[str, list[Any]] = {
            "--prompts": sorted(self.folder.glob("prompts/*/*/*.parquet")),
            "--scores": sorted(self.folder.glob("scores/*/*/*/*.parquet")),
            "--models": sorted(self.folder.glob("models/*/model.json")),
            "--output": [self.folder / "metrics.csv"],
            "--items": [self.folder / "items.parquet"],
            "--parts": [self.folder / "parts.csv"],
            "--draws": [200],
            "--seed": [0],
        }
        words = [str(word) for name, values in paths.items() for word in (name, *values)]
        monkeypatch.setattr(sys, "argv", ["metrics.py", *words, *more])
        step.main()
        with open(self.folder / "metrics.csv", encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle))

    @staticmethod
    def _write(folder: Path, columns: dict[str, Any]) -> None:
        folder.mkdir(parents=True)
        pq.write_table(pa.table(columns), folder / "zero-shot.parquet")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two seeds of one size, four neqa items: three and one of them right."""
    house = House(tmp_path)
    house.model("ladder-1k-s0")
    house.model("ladder-1k-s1", seed=1)
    house.prompts("neqa", [0, 0, 1, 1], distractor=[1, 1, 0, None])
    house.scores("ladder-1k-s0", "neqa", [[-1.0, -2.0], [-1, -2], [-2, -1], [-1, -2]])
    house.scores("ladder-1k-s1", "neqa", [[-2.0, -1.0], [-2, -1], [-2, -1], [-1, -2]])
    return house


def pick(rows: list[dict[str, str]], model: str, metric: str) -> dict[str, str]:
    """The one row of a model and metric."""
    (row,) = [row for row in rows if (row["model"], row["metric"]) == (model, metric)]
    return row


def test_each_model_and_the_mean_over_seeds_get_a_row(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = house.measure(monkeypatch)
    assert pick(rows, "ladder-1k-s0", "accuracy")["value"] == "0.75"
    assert pick(rows, "ladder-1k-s1", "accuracy")["value"] == "0.25"
    mean_row = pick(rows, "", "accuracy")
    assert (mean_row["value"], mean_row["seed"], mean_row["n"]) == ("0.5", "", "4")
    assert float(mean_row["low"]) <= 0.5 <= float(mean_row["high"])
    assert pick(rows, "ladder-1k-s0", "distractor_share")["n"] == "3"
    assert pick(rows, "", "label_mass")["chance"] == ""


def test_a_folder_of_scores_stands_for_its_files(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_file = house.measure(monkeypatch)
    assert house.measure(monkeypatch, "--scores", str(house.folder / "scores")) == by_file


def test_chains_that_did_not_end_by_themselves_are_counted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [[-1.0, -2.0]] * 4
    house.prompts("sig-figs", [0, 0, 0, 0], chain=True)
    house.scores(
        *("ladder-1k-s0", "sig-figs", values),
        chain_stopped=[True, False, True, True],
        parsed=pa.array([0, None, None, 1], pa.int64()),
    )
    house.scores(
        *("ladder-1k-s1", "sig-figs", values),
        chain_stopped=[False] * 4,
        parsed=pa.array([None] * 4, pa.int64()),
    )
    rows = house.measure(monkeypatch)
    chained = [row for row in rows if row["task"] == "sig-figs"]
    assert pick(chained, "ladder-1k-s0", "unstopped_share")["value"] == "0.25"
    assert pick(chained, "ladder-1k-s0", "unparsed_share")["value"] == "0.5"
    assert pick(chained, "ladder-1k-s0", "parsed_accuracy")["value"] == "0.25"
    assert pick(chained, "", "unstopped_share")["value"] == "0.625"
    assert "unstopped_share" not in {row["metric"] for row in rows if row["task"] == "neqa"}


def test_a_log_odds_task_is_measured_by_its_last_tokens(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.prompts("bias", [0, 1], metric="log-odds")
    for model in ("ladder-1k-s0", "ladder-1k-s1"):
        house.scores(
            *(model, "bias", [[-9.0, -9.0]] * 2),
            last_token=[[-1.0, -2.0], [-1.0, -2.0]],
            other_last_token=[[-1.5, -1.0], [-2.0, -1.0]],
        )
    rows = [row for row in house.measure(monkeypatch) if row["task"] == "bias"]
    # (1 + 0.5) for the first item, and -(1 + 1) for the second, whose second class is right.
    assert pick(rows, "", "log_odds")["value"] == "-0.25"
    assert {row["metric"] for row in rows} == {"log_odds", "label_mass"}
    items = pq.read_table(house.folder / "items.parquet").to_pylist()
    assert [row["correct"] for row in items if row["task"] == "bias"] == [1.5, -2.0, 1.5, -2.0]


def test_a_log_odds_task_without_its_last_tokens_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.prompts("bias", [0, 1], metric="log-odds")
    house.scores("ladder-1k-s0", "bias", [[-9.0, -9.0]] * 2)
    with pytest.raises(UserError, match="'last_token' is empty"):
        house.measure(monkeypatch)


def test_parts_of_a_task_are_measured_on_their_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.prompts("sig-figs", [0, 0, 0], part=[1, 1, 2])
    for model in ("ladder-1k-s0", "ladder-1k-s1"):
        house.scores(model, "sig-figs", [[-1.0, -2.0], [-2.0, -1.0], [-1.0, -2.0]])
    house.measure(monkeypatch)
    with open(house.folder / "parts.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    # neqa is of one part, so it has no rows here.
    told = [(row["task"], row["part"], row["value"], row["n"]) for row in rows]
    assert told == [("sig-figs", "1", "0.5", "2"), ("sig-figs", "2", "1", "1")]
    # One item is little evidence, even if it is right in both seeds.
    assert float(rows[1]["low"]) == pytest.approx(0.2065, abs=1e-4)
    assert (rows[1]["high"], rows[1]["chance"]) == ("1", "0.5")


def flags(rows: list[dict[str, str]]) -> dict[str, str]:
    """Flags of a task's rows by model and metric, without those that have none."""
    return {f"{row['model']} {row['metric']}": row["flags"] for row in rows if row["flags"]}


def test_every_row_says_where_a_join_was_merged_or_a_prompt_cut(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    always_a, mixed = [[-1.0, -2.0]] * 4, [[-1.0, -2.0], [-2.0, -1.0]] * 2
    house.prompts("sig-figs", [0, 0, 1, 1])
    house.scores("ladder-1k-s0", "sig-figs", always_a, boundary_merged=[False, False, True, False])
    house.scores("ladder-1k-s1", "sig-figs", mixed, cut=[0, 0, 0, 7])
    rows = house.measure(monkeypatch)
    own = [row for row in rows if row["task"] == "sig-figs"]
    metrics = {row["metric"] for row in own}
    assert len(metrics) > 4
    expected = {f"ladder-1k-s0 {name}": "boundary-merged" for name in metrics}
    expected |= {f"ladder-1k-s1 {name}": "prompt-cut" for name in metrics}
    expected |= {f" {name}": "boundary-merged;prompt-cut" for name in metrics}
    expected["ladder-1k-s0 accuracy"] = "constant-answer;boundary-merged"
    expected[" accuracy"] = "constant-answer;boundary-merged;prompt-cut"
    assert flags(own) == expected
    assert flags([row for row in rows if row["task"] == "neqa"]) == {}


def test_the_average_says_what_was_done_to_any_of_its_prompts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, task in enumerate(TEN_TASKS):
        if task != "neqa":
            house.prompts(task, [0, 1])
            told: dict[str, list[Any]] = {"cut": [0, 3]} if place in (0, 4) else {}
            told |= {"boundary_merged": [True, True]} if place == 2 else {}
            house.scores("ladder-1k-s0", task, [[-1.0, -2.0]] * 2, **told)
            house.scores("ladder-1k-s1", task, [[-1.0, -2.0]] * 2)
    rows = house.measure(monkeypatch)
    found = flags([row for row in rows if row["task"] == "ten-task-average"])
    both = {"prompt-cut", "boundary-merged"}
    assert {name: set(said.split(";")) for name, said in found.items()} == {
        "ladder-1k-s0 accuracy": both,
        " accuracy": both,
    }


def test_scores_that_do_not_say_whether_prompts_were_cut_are_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = house.folder / "scores/ladder-1k-s0/replica/neqa/zero-shot.parquet"
    pq.write_table(pq.read_table(path).drop_columns("cut"), path)
    with pytest.raises(UserError, match="column 'cut' is missing; delete it and run"):
        house.measure(monkeypatch)


def test_items_file_holds_one_row_per_model_and_item(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.measure(monkeypatch)
    items = pq.read_table(house.folder / "items.parquet").to_pydict()
    assert items["item"] == [0, 1, 2, 3] * 2
    assert items["correct"] == [1, 1, 1, 0, 0, 0, 1, 0]
    assert items["model"] == ["ladder-1k-s0"] * 4 + ["ladder-1k-s1"] * 4


def test_items_file_tells_the_template_of_an_item_and_the_text_of_its_right_answer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = [[" yes", " no"], [" no", " yes"], [" yes", " no"]]
    house.prompts("redefine", [0, 1, 1], classes, part=[1, 1, 2], cluster=[7, 8, 8])
    house.scores("ladder-1k-s0", "redefine", [[-1.0, -2.0]] * 3)
    house.measure(monkeypatch)
    items = pq.read_table(house.folder / "items.parquet").to_pylist()
    rows = [row for row in items if row["task"] == "redefine"]
    assert [row["cluster"] for row in rows] == [7, 8, 8]
    yes, also_yes, no = (row["answer"] for row in rows)
    assert yes == also_yes != no


def test_measuring_twice_gives_the_same_bytes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.measure(monkeypatch)
    first = [(house.folder / name).read_bytes() for name in ("metrics.csv", "items.parquet")]
    house.measure(monkeypatch)
    second = [(house.folder / name).read_bytes() for name in ("metrics.csv", "items.parquet")]
    assert first == second


def test_sequence_items_are_measured_by_their_loss_and_probability(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.prompts("prompt-injection", [0, 0], classes=[[" one two"], [" three"]])
    house.scores("ladder-1k-s0", "prompt-injection", [[-3.0], [-1.0]])
    rows = [row for row in house.measure(monkeypatch) if row["task"] == "prompt-injection"]
    assert {row["metric"] for row in rows} == {"sequence_loss", "sequence_probability"}
    assert pick(rows, "", "sequence_loss")["value"] == "2"
    expected = (math.exp(-3) + math.exp(-1)) / 2
    assert float(pick(rows, "", "sequence_probability")["value"]) == pytest.approx(expected)


def test_ten_task_average_appears_once_all_ten_tasks_are_there(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in TEN_TASKS:
        if task != "neqa":
            house.prompts(task, [0, 1])
            house.scores("ladder-1k-s0", task, [[-1.0, -2.0], [-2.0, -1.0]])
    rows = [row for row in house.measure(monkeypatch) if row["task"] == "ten-task-average"]
    # neqa: 0.75 with seed 0 and 0.5 as the mean of both seeds; all others 1.
    assert [(row["model"], row["value"]) for row in rows] == [
        ("ladder-1k-s0", "0.975"),
        ("", "0.95"),
    ]
    assert rows[0]["n"] == "22"
    assert rows[0]["chance"] == "0.5"


def test_ten_task_average_of_two_protocols_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in TEN_TASKS:
        if task != "neqa":
            house.prompts(task, [0], protocol="modified")
            house.scores("ladder-1k-s0", task, [[-1.0, -2.0]])
    with pytest.raises(UserError, match="would mix the protocols"):
        house.measure(monkeypatch)


@pytest.mark.parametrize(
    ("values", "items", "message"),
    [
        ([[-1.0, float("nan")]] * 4, None, r"neqa/zero-shot.parquet, item 0: log_likelihood is n"),
        ([[-1.0, float("-inf")]] * 4, None, "item 0: log_likelihood is -inf"),
        ([[-1.0, -2.0]] * 3, None, r"item 3 is missing \(1 of 4 are\)"),
        ([[-1.0, -2.0]] * 4, [0, 1, 2, 7], r"item 3 is missing"),
        ([[-1.0, -2.0]] * 5, None, r"item 4 is not among the prompts"),
        ([[-1.0, -2.0]] * 4, [0, 1, 1, 2], "item 1 occurs twice"),
        ([[-1.0]] * 4, None, "item 0: log_likelihood has 1 values for 2 classes"),
        ([[]] * 4, None, "item 0: 'log_likelihood' is empty"),
    ],
)
def test_scores_that_cannot_be_right_are_named_in_one_line(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    values: list[list[float]],
    items: list[int] | None,
    message: str,
) -> None:
    house.model("bad", seed=2)
    house.scores("bad", "neqa", values, items)
    with pytest.raises(UserError, match=message) as told:
        house.measure(monkeypatch)
    assert "\n" not in str(told.value)
    assert not (house.folder / "metrics.csv").exists()


def test_scores_of_an_unknown_model_are_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.scores("stranger", "neqa", [[-1.0, -2.0]] * 4)
    with pytest.raises(UserError, match=r"no model.json of model 'stranger'"):
        house.measure(monkeypatch)


def test_scores_without_prompts_are_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.scores("ladder-1k-s0", "sig-figs", [[-1.0, -2.0]])
    with pytest.raises(UserError, match="no prompts replica/sig-figs/zero-shot"):
        house.measure(monkeypatch)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"seed": 1}, "both are size '1k', seed 1 of family 'ladder'"),
        ({"seed": 2, "parameters": 7}, "have 1000 and 7 parameters"),
        ({"seed": 2, "training_flops": "6ND"}, "training_flops is '6ND'"),
        ({"seed": 2, "training_flops": float("nan")}, "training_flops is nan"),
    ],
)
def test_models_that_cannot_stand_on_one_curve_are_refused(
    house: House, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], message: str
) -> None:
    house.model("other", **told)
    house.scores("other", "neqa", [[-1.0, -2.0]] * 4)
    with pytest.raises(UserError, match=message):
        house.measure(monkeypatch)


SERIES = Path(__file__).parents[2] / "literature" / "series.csv"
OPT = json.dumps({"ladder": {"series": "OPT", "sizes": ["175B"]}})
WITH_OPT = ("--published", str(SERIES), "--points", OPT)


@pytest.fixture
def official(tmp_path: Path) -> House:
    """One model's answers to three hundred official items of neqa."""
    house = House(tmp_path)
    house.model("ladder-1k-s0")
    house.prompts("neqa", [0] * 300)
    house.scores("ladder-1k-s0", "neqa", [[-1.0, -2.0]] * 300)
    for folder in (tmp_path / "prompts", tmp_path / "scores/ladder-1k-s0"):
        (folder / "replica").rename(folder / "official")
    return house


def test_a_published_point_stands_beside_the_sizes_that_were_measured(
    official: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = official.measure(monkeypatch, *WITH_OPT)
    (row,) = [row for row in rows if row["flags"] == "published"]
    named = ("family", "model", "size", "seed", "source", "task", "variant", "protocol", "metric")
    assert [row[name] for name in named] == [
        *("ladder", "", "175B", "", "official", "neqa", "zero-shot", "official", "accuracy")
    ]
    assert (row["parameters"], row["training_flops"]) == ("175000000000", "1.89e+23")
    assert (row["non_embedding_parameters"], row["training_tokens"]) == ("", "")
    assert (row["value"], row["n"], row["chance"]) == ("0.516667", "300", "0.5")
    # Wilson: middle (155/300 + z^2/600) / (1 + z^2/300), half z/(1 + z^2/300) sqrt(...).
    assert (float(row["low"]), float(row["high"])) == pytest.approx((0.4603, 0.5726), abs=1e-4)
    models = pq.read_table(official.folder / "items.parquet")["model"].unique().to_pylist()
    assert models == ["ladder-1k-s0"]


def test_a_published_point_joins_no_other_family(
    official: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = OPT.replace("ladder", "opt")
    rows = official.measure(monkeypatch, "--published", str(SERIES), "--points", other)
    assert not [row for row in rows if row["flags"] == "published"]


def test_a_published_point_joins_no_replica(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = house.measure(monkeypatch, *WITH_OPT)
    assert not [row for row in rows if row["flags"] == "published"]


def test_a_published_point_of_other_items_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    house.model("ladder-1k-s0")
    house.prompts("neqa", [0] * 4)
    house.scores("ladder-1k-s0", "neqa", [[-1.0, -2.0]] * 4)
    for folder in (tmp_path / "prompts", tmp_path / "scores/ladder-1k-s0"):
        (folder / "replica").rename(folder / "official")
    with pytest.raises(UserError, match="published result is of 300 items, those here are 4"):
        house.measure(monkeypatch, *WITH_OPT)


def published_row(task: str, value: float) -> Row:
    told = {"size": "175B", "task": task, "value": value, "n": 100, "chance": 0.5, "modified": ""}
    return dict.fromkeys(COLUMNS) | told | {"flags": "published"}


def test_published_points_are_averaged_only_where_all_ten_tasks_have_them() -> None:
    rows = {task: [published_row(task, place / 10)] for place, task in enumerate(TEN_TASKS)}
    (average,) = published_average(rows)
    assert (average["task"], average["value"], average["n"]) == ("ten-task-average", 0.45, 1000)
    assert (average["low"], average["high"], average["flags"]) == (None, None, "published")
    del rows["neqa"]
    assert published_average(rows) == []


def test_opt_175b_averages_to_what_was_published() -> None:
    points = read_points(SERIES, json.loads(OPT))
    values = [points["ladder", task][0].value for task in TEN_TASKS]
    assert sum(values) / 10 == pytest.approx(0.431946, abs=1e-5)
    (loss,) = points["ladder", "prompt-injection"]
    assert (loss.metric, loss.counted) == ("sequence_loss", False)


NOT_PUBLISHED = {"training_tokens": None, "training_flops": None}


def test_sizes_of_unknown_compute_stand_in_the_order_of_their_parameters(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.model("large", size="9k", parameters=9000, training_flops=1e3)
    house.model("small", size="0.5k", parameters=500, non_embedding_parameters=None)
    house.model("middle", size="5k", parameters=5000, **NOT_PUBLISHED)
    for name in ("large", "small", "middle"):
        house.scores(name, "neqa", [[-1.0, -2.0]] * 4)
    rows = [row for row in house.measure(monkeypatch) if row["metric"] == "accuracy"]
    assert [row["size"] for row in rows if not row["model"]] == ["0.5k", "1k", "5k", "9k"]
    (middle,) = [row for row in rows if row["model"] == "middle"]
    assert (middle["training_tokens"], middle["training_flops"]) == ("", "")
    assert (middle["parameters"], middle["value"]) == ("5000", "0.5")


def test_seeds_of_known_and_unknown_compute_have_no_mean_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.model("other", seed=2, **NOT_PUBLISHED)
    house.scores("other", "neqa", [[-1.0, -2.0]] * 4)
    assert pick(house.measure(monkeypatch), "", "accuracy")["training_flops"] == ""


def test_a_family_that_nothing_puts_in_order_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.model("other", size="?", parameters=None, **NOT_PUBLISHED)
    house.scores("other", "neqa", [[-1.0, -2.0]] * 4)
    with pytest.raises(UserError, match=r"size '\?': neither training compute nor parameters"):
        house.measure(monkeypatch)


def test_an_answer_index_out_of_range_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.prompts("sig-figs", [0, 2])
    house.scores("ladder-1k-s0", "sig-figs", [[-1.0, -2.0]] * 2)
    with pytest.raises(UserError, match="item 1: answer or distractor index is out of range"):
        house.measure(monkeypatch)


def test_a_file_cut_short_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = house.folder / "scores/ladder-1k-s0/replica/neqa/zero-shot.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="is not readable Parquet"):
        house.measure(monkeypatch)


# -- flags ----------------------------------------------------------------------------------------


def flagged(house: House, monkeypatch: pytest.MonkeyPatch, task: str) -> list[dict[str, str]]:
    """Rows of a task, measured."""
    return [row for row in house.measure(monkeypatch) if row["task"] == task]


def test_accuracy_with_ties_broken_either_way_or_counted_in_part() -> None:
    # Tied with the right one, tied among three of which one is right, tied beside it, not tied.
    values = np.log([[[0.4, 0.4, 0.1], [0.2, 0.2, 0.2], [0.3, 0.3, 0.1], [0.1, 0.5, 0.2]]])
    found = item_metrics(values, ask([[" A", " B", " C"]] * 4, [1, 2, 2, 1]))
    assert found["tie_share"].values.tolist() == [[1, 1, 1, 0]]
    assert found["accuracy"].values.tolist() == [[0, 0, 0, 1]]
    assert found["accuracy_ties_against"].values.tolist() == [[0, 0, 0, 1]]
    assert found["accuracy_ties_for"].values.tolist() == [[1, 1, 0, 1]]
    assert found["accuracy_ties_shared"].values[0] == pytest.approx([1 / 2, 1 / 3, 0, 1])


def test_a_tie_of_classes_that_are_not_the_likeliest_is_none() -> None:
    found = item_metrics(np.log([[[0.1, 0.6, 0.1]]]), ask([[" A", " B", " C"]], [1]))
    assert mean(found, "tie_share") == 0
    assert not [name for name in found if name.startswith("accuracy_ties")]


def test_classes_that_an_item_does_not_have_tie_with_nothing() -> None:
    values = np.array([[[-800.0, -801.0, PADDING], [-1.0, -2.0, -3.0]]])
    found = item_metrics(values, ask([[" A", " B"], [" A", " B", " C"]], [0, 0]))
    assert mean(found, "tie_share") == 0


def test_ties_are_counted_and_flagged_at_the_model_and_the_size_that_have_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.prompts("sig-figs", [0, 1, 0, 1])
    house.scores("ladder-1k-s0", "sig-figs", [[-1.0, -1.0]] * 2 + [[-1.0, -0.9], [-0.9, -1.0]])
    house.scores("ladder-1k-s1", "sig-figs", [[-1.0, -0.9], [-0.9, -1.0]] * 2)
    rows = flagged(house, monkeypatch, "sig-figs")
    told = {model: pick(rows, model, "tie_share") for model in ("ladder-1k-s0", "ladder-1k-s1")}
    assert {model: (row["value"], row["n"]) for model, row in told.items()} == {
        "ladder-1k-s0": ("0.5", "4"),
        "ladder-1k-s1": ("0", "4"),
    }
    assert pick(rows, "ladder-1k-s0", "accuracy_ties_for")["value"] == "0.5"
    assert pick(rows, "ladder-1k-s0", "accuracy_ties_shared")["value"] == "0.25"
    for metric in ("accuracy", "answer_rate_0"):
        assert "ties" in pick(rows, "ladder-1k-s0", metric)["flags"].split(";")
        assert "ties" in pick(rows, "", metric)["flags"].split(";")
        assert "ties" not in pick(rows, "ladder-1k-s1", metric)["flags"]
    assert "ties" not in pick(rows, "", "loss")["flags"]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"label_mass": 0.47}, ["low-label-mass"]),
        ({"label_mass": 0.5}, []),
        ({"unparsed_share": 0.1, "unstopped_share": 0.1}, []),
        ({"unparsed_share": 0.675, "unstopped_share": 0.0}, ["chains-unparsed"]),
        ({"unparsed_share": 0.0, "unstopped_share": 0.27}, ["chains-cut"]),
        ({"tie_share": 1 / 300}, ["ties"]),
        ({"unsplit_share": 1 / 300}, ["items-left-out"]),
        ({"commonest_share": 0.99}, ["constant-answer"]),
        ({}, []),
    ],
)
def test_a_flag_holds_beyond_its_threshold(values: dict[str, float], names: list[str]) -> None:
    assert [flag.name for flag in FLAGS.values() if flag.holds(values)] == names


def test_a_flag_says_its_numbers() -> None:
    ties = {"accuracy_ties_against": 0.5, "accuracy_ties_for": 2 / 3, "accuracy_ties_shared": 0.58}
    said = FLAGS["ties"].says({"tie_share": 50 / 300, "n": 300} | ties)
    assert said == "50 of 300 items, accuracy 50.0% to 66.7%, 58.0% at 1/m"
    # A mean over seeds need not be a whole number of items.
    assert FLAGS["ties"].says({"tie_share": 1 / 600, "n": 300}) == "0.2% of 300 items"
    assert FLAGS["items-left-out"].says({"unsplit_share": 5 / 315, "n": 310}) == (
        "5 of 315 items left out"
    )
    assert FLAGS["low-label-mass"].says({"label_mass": 0.47, "base_label_mass": 0.91}) == (
        "label mass 47.0% (91.0% zero-shot)"
    )


@pytest.mark.parametrize(
    ("told", "count"),
    [("3", 3), ('{"count": 3, "of": 7}', 3), ('{"items": [4, 5, 6]}', 3), ("[1, 2]", 2), ("0", 0)],
)
def test_items_that_a_variant_leaves_out_are_counted_and_flagged(
    house: House, monkeypatch: pytest.MonkeyPatch, told: str, count: int
) -> None:
    house.prompts("sig-figs", [0, 1, 0, 1])
    (path,) = house.folder.glob("prompts/**/sig-figs/*.parquet")
    pq.write_table(pq.read_table(path).replace_schema_metadata({"unsplit": told}), path)
    for model in ("ladder-1k-s0", "ladder-1k-s1"):
        house.scores(model, "sig-figs", [[-0.5, -2.0], [-2.0, -0.5]] * 2)
    rows = flagged(house, monkeypatch, "sig-figs")
    assert pick(rows, "", "accuracy")["n"] == "4"
    has = ["items-left-out" in row["flags"].split(";") for row in rows]
    assert all(has) if count else not any(has)
    if count:
        row = pick(rows, "", "unsplit_share")
        assert (float(row["value"]), row["n"]) == (
            pytest.approx(count / (4 + count)),
            f"{4 + count}",
        )
        assert (row["low"], row["high"]) == ("", "")


@pytest.mark.parametrize("told", ["many", "-1", "1.5", "true", "{}", '"3"'])
def test_a_prompts_file_that_does_not_say_how_many_it_leaves_out_is_named(
    tmp_path: Path, told: str
) -> None:
    path = tmp_path / "inside-2.parquet"
    pq.write_table(pa.table({"item": [0]}).replace_schema_metadata({"unsplit": told}), path)
    with pytest.raises(UserError, match=r"inside-2\.parquet: does not say how many items"):
        read_unsplit(path)
