"""The open question on frequencies: where curves of ladders turn that differ in nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fabricate import answers, metrics
from ushaped.questions import asked
from ushaped.questions import onsets as question
from ushaped.questions.inputs import Inputs
from ushaped.questions.onsets import ALL_TASKS, NO_VALLEY, OUTCOMES
from ushaped.report.onsets import describe_onsets, onsets_view
from ushaped.results import tables
from ushaped.results.text_files import write_table
from ushaped.shapes.rules import Rule

SIZES = (1_000, 10_000, 100_000, 1_000_000)
# Accuracy by size; the rarer the true regularity, the later the curve turns.
CURVES = {
    "rare": (0.05, [0.5, 0.02, 0.02, 0.02]),
    "middle": (0.1, [0.5, 0.02, 0.02, 0.9]),
    "common": (0.2, [0.5, 0.02, 0.9, 0.95]),
}
TASKS = ("neqa", "memo-trap")


def ladders(**frequencies: float) -> dict[str, Any]:
    """Settings of ladders that differ in the true frequency alone."""
    return {
        name: {"corpus": {"true_frequency": share, "background": 0.1}, "vocabulary": 512}
        for name, share in frequencies.items()
    }


def answered(
    folder: Path,
    settings: dict[str, Any],
    curves: dict[str, list[float]],
    own: tuple[str, ...] = (),
    **options: Any,
) -> Any:
    """Answer the question from made-up answers; each family has the accuracy of its curve.

    The tasks ``own`` are not the prize's.
    """
    measured = metrics(TASKS, ("zero-shot",), SIZES, seeds=2, families=list(curves), **options)
    accuracy = measured["metric"] == "accuracy"
    places = measured["parameters"].map(dict(zip(SIZES, range(len(SIZES)), strict=True)))
    found = [curves[f][p] for f, p in zip(measured["family"], places, strict=True)]
    measured["value"] = measured["value"].where(~accuracy, pd.Series(found, measured.index))
    measured, items = answers(measured)
    measured.loc[measured["task"].isin(own), "protocol"] = "own"
    measured.to_csv(folder / "metrics.csv", index=False)
    items.to_parquet(folder / "items.parquet")
    files = {"metrics": folder / "metrics.csv", "items": folder / "items.parquet"}
    unread = dict.fromkeys(("published", "protocols", "prompts", "scores"), folder / "none")
    rule = Rule.published_equivalent()
    inputs = Inputs(**files, **unread, rule=rule, draws=200, seed=0, ladders=settings)
    path = folder / "onsets.csv"
    write_table(path, question.COLUMNS, question.answer(inputs))
    return tables.read_question(path)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    settings = ladders(**{name: share for name, (share, _) in CURVES.items()})
    curves = {name: curve for name, (_, curve) in CURVES.items()}
    found: pd.DataFrame = answered(tmp_path_factory.mktemp("onsets"), settings, curves)
    return found


def test_each_task_and_ladder_has_three_onsets_in_non_embedding_parameters(
    table: pd.DataFrame,
) -> None:
    onsets = table[table["kind"] == "onset"]
    assert len(onsets) == 2 * 3 * 3
    assert set(onsets["draws_with"]) == {1.0}
    middle = onsets[(onsets["family"] == "middle") & (onsets["task"] == "neqa")].set_index("onset")
    # Between 1,000 and 10,000 parameters, three quarters of which are not embeddings.
    assert 750 < middle.loc["distractor", "value"] < 7_500
    assert 75_000 < middle.loc["true task", "value"] < middle.loc["end of the valley", "value"]
    assert (onsets["low"] <= onsets["value"]).all()
    assert (onsets["value"] <= onsets["high"]).all()


def test_a_curve_that_does_not_come_back_has_its_end_beyond_the_sizes(table: pd.DataFrame) -> None:
    rare = table[(table["family"] == "rare") & (table["onset"] != "distractor")]
    assert set(rare["outside"]) == {"beyond the largest"}
    assert set(rare["value"]) == {750_000}


def test_ends_of_valleys_move_as_expected_and_the_distractor_stays(table: pd.DataFrame) -> None:
    slopes = table[table["kind"] == "slope"]
    assert list(slopes["task"].unique()) == ["neqa", "memo-trap", ALL_TASKS]
    mean = slopes[slopes["task"] == ALL_TASKS].set_index("onset")
    assert set(mean["outcome"]) == {"as expected"}
    assert mean.loc["end of the valley", "high"] < -0.4
    assert abs(mean.loc["distractor", "value"]) < 0.02
    by_task = slopes[slopes["task"] != ALL_TASKS].groupby("onset")["value"].mean()
    assert by_task.to_dict() == pytest.approx(mean["value"].to_dict())


def test_a_turn_that_moves_the_other_way_is_contrary(tmp_path: Path) -> None:
    curves = {"a": [0.5, 0.02, 0.9, 0.9], "b": [0.5, 0.5, 0.02, 0.9]}
    table = answered(tmp_path, ladders(a=0.1, b=0.4), curves)
    mean = table[table["task"] == ALL_TASKS].set_index("onset")
    assert set(mean["outcome"]) == {"contrary"}


def test_without_a_valley_there_is_no_onset_and_nothing_to_judge(tmp_path: Path) -> None:
    curves = {"a": [0.5, 0.02, 0.9, 0.9], "b": [0.5, 0.6, 0.7, 0.9]}
    table = answered(tmp_path, ladders(a=0.1, b=0.4), curves)
    flat = table[table["family"] == "b"]
    assert set(flat["outside"]) == {NO_VALLEY}
    assert flat["value"].isna().all()
    assert set(table.loc[table["kind"] == "slope", "outcome"]) == {"not judged"}


def test_distractors_that_are_outside_of_the_sizes_are_not_called_still(tmp_path: Path) -> None:
    curves = {"a": [0.02, 0.02, 0.02, 0.9], "b": [0.02, 0.02, 0.9, 0.9]}
    table = answered(tmp_path, ladders(a=0.1, b=0.4), curves)
    mean = table[table["task"] == ALL_TASKS].set_index("onset")["outcome"]
    assert mean["distractor"] == "not judged"
    assert mean["end of the valley"] == "as expected"


def test_ladders_that_differ_in_more_than_the_frequency_are_not_compared(tmp_path: Path) -> None:
    settings = ladders(a=0.1, b=0.4)
    settings["b"]["vocabulary"] = 1024
    curves = {"a": [0.5, 0.02, 0.9, 0.9], "b": [0.5, 0.02, 0.02, 0.9]}
    assert answered(tmp_path, settings, curves).empty


def test_a_tasks_own_frequency_counts(tmp_path: Path) -> None:
    settings = ladders(a=0.1, b=0.4)
    settings["b"]["corpus"]["tasks"] = {"neqa": {"true_frequency": 0.1}}
    curves = {"a": [0.5, 0.02, 0.9, 0.9], "b": [0.5, 0.02, 0.02, 0.9]}
    table = answered(tmp_path, settings, curves)
    # Both ladders have the same frequency of neqa.
    assert set(table["task"]) == {"memo-trap"}


def test_items_of_two_sources_have_no_mean_in_common(tmp_path: Path) -> None:
    curves = {"a": [0.5, 0.02, 0.9, 0.9], "b": [0.5, 0.02, 0.02, 0.9]}
    table = answered(tmp_path, ladders(a=0.4, b=0.1), curves, official=("neqa",))
    assert set(table["source"]) == {"official", "replica"}
    assert ALL_TASKS not in set(table["task"])


def test_only_a_run_with_several_ladders_is_asked() -> None:
    config = {"ladder": {}, "ladders": {"rare": {}}}
    assert "onsets" not in asked(config | {"families": ["ladder"]})
    assert "onsets" in asked(config | {"families": ["ladder", "rare"]})


def test_the_page_says_what_was_expected_and_what_came_out(table: pd.DataFrame) -> None:
    (view,) = onsets_view(table)
    assert [moved.task for moved in view.overall] == [ALL_TASKS] * 3
    assert "distractor: 0.00 decades" in view.sentence.replace("−", "")
    assert view.sentence.count("(as expected)") == 3
    assert [row.frequency for row in view.located] == ["5%", "10%", "20%"] * 2
    assert view.located[0].places[1] == "beyond the largest (750k)"
    assert {moved.outcome for moved in view.moved} <= set(OUTCOMES)
    assert "distractor: " in describe_onsets(table)
    assert onsets_view(None) == onsets_view(table.iloc[:0]) == []


def test_a_task_outside_the_prize_enters_no_mean_with_tasks_of_the_prize(tmp_path: Path) -> None:
    settings = ladders(**{name: share for name, (share, _) in CURVES.items()})
    curves = {name: curve for name, (_, curve) in CURVES.items()}
    found = answered(tmp_path, settings, curves, own=("neqa",))
    assert set(found["task"]) == {"neqa", "memo-trap"}
    assert set(found.loc[found["task"] == "neqa", "protocol"]) == {"own"}
