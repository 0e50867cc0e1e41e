"""The open question on difficulty groups: curves of thirds of the items under two groupings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fabricate import answers, metrics, with_published
from ushaped.questions import difficulty as question
from ushaped.questions.inputs import Inputs
from ushaped.results import tables
from ushaped.results.text_files import write_table
from ushaped.shapes.rules import Rule, verdict

RULE = Rule.published_equivalent()
SMALL: dict[str, Any] = {
    "tasks": ("neqa", "redefine"),
    "variants": ("zero-shot",),
    "sizes": (1_000, 8_000, 45_000),
}


def answer(folder: Path, measured: pd.DataFrame, items: pd.DataFrame, seed: int = 0) -> Path:
    """Answer the question from made-up answers."""
    measured.to_csv(folder / "metrics.csv", index=False)
    items.to_parquet(folder / "items.parquet")
    files = {"metrics": folder / "metrics.csv", "items": folder / "items.parquet"}
    unread = dict.fromkeys(("published", "protocols", "prompts", "scores"), folder / "none")
    inputs = Inputs(**files, **unread, rule=RULE, draws=10, seed=seed)
    path = folder / "difficulty.csv"
    write_table(path, question.COLUMNS, question.answer(inputs))
    return path


def answered(folder: Path, **options: Any) -> pd.DataFrame:
    return tables.read_question(answer(folder, *answers(metrics(**(SMALL | options)))))


def test_there_is_a_row_per_task_group_grouping_and_size(tmp_path: Path) -> None:
    table = answered(tmp_path, seeds=2)
    assert len(table) == 2 * 3 * 2 * 3
    assert not table.duplicated(["task", "group", "grouping", "size"]).any()
    assert set(table["difficulty_from"]) == {"the same models", "other training runs"}
    assert set(table["chance"]) == {0.5}
    assert (table["gap"] - (table["value"] - table["all_items"])).abs().max() < 1e-9
    assert (table["all_low"] < table["all_items"]).all()
    assert (table["all_items"] < table["all_high"]).all()
    # Two hundred items in thirds; the groups of each kind of grouping have all items as their mean.
    assert table.groupby("group")["n"].first().to_dict() == {
        **{"hardest": 67, "middle": 67, "easiest": 66}
    }
    weighted = (table["gap"] * table["n"]).groupby([table["grouping"], table["size"]]).sum()
    assert weighted.abs().max() == pytest.approx(0, abs=1e-6)


def test_independent_answers_have_groups_by_selection_alone(tmp_path: Path) -> None:
    # Made-up answers of different models have nothing in common.
    table = answered(tmp_path, seeds=2)
    for task, rows in table.groupby("task"):
        gaps = rows.pivot_table(index="group", columns="grouping", values="gap")
        assert gaps.loc["hardest", "same models"] < -0.1, task
        assert gaps.loc["easiest", "same models"] > 0.1, task
        assert gaps["cross-fitted"].abs().max() < 0.07, task
    share = table.loc[table["group"] != "middle", "gap_share"]
    assert share.median() < 0.3


def test_shared_difficulty_remains_when_cross_fitted(tmp_path: Path) -> None:
    measured, items = answers(metrics(**SMALL, seeds=2))
    # One half of the items has an odd answer, which all models give too rarely.
    shared = np.where(items["item"] % 2 == 1, 0.1, 0.9)
    items["correct"] = (np.random.default_rng(0).random(len(items)) < shared).astype(float)
    models = items.groupby(["task", "model"])["correct"].mean()
    own = measured["metric"] == "accuracy"
    single = own & (measured["model"] != "")
    measured.loc[single, "value"] = [
        models[task, model] for task, model in measured.loc[single, ["task", "model"]].to_numpy()
    ]
    means = measured[single].groupby(["task", "size"])["value"].mean()
    pooled = own & (measured["model"] == "")
    measured.loc[pooled, "value"] = [
        means[task, size] for task, size in measured.loc[pooled, ["task", "size"]].to_numpy()
    ]
    table = tables.read_question(answer(tmp_path, measured, items))
    rows = table[table["group"] == "hardest"]
    assert (rows["gap"] < -0.25).all()
    assert (rows.loc[rows["grouping"] == "cross-fitted", "gap_share"] > 0.7).all()


def test_the_share_is_left_out_of_the_same_models_and_of_a_negligible_gap(tmp_path: Path) -> None:
    table = answered(tmp_path, seeds=2)
    same = table[table["grouping"] == "same models"]
    crossed = table[table["grouping"] == "cross-fitted"]
    assert same["gap_share"].isna().all()
    negligible = (same["gap"].abs() <= RULE.equivalence).to_numpy()
    assert np.array_equal(crossed["gap_share"].isna().to_numpy(), negligible)


def test_the_verdict_is_that_of_the_rule_on_the_curve_of_the_group(tmp_path: Path) -> None:
    table = answered(tmp_path, seeds=2)
    for _, rows in table.groupby(["task", "group", "grouping"]):
        assert set(rows["equivalent"]) == {verdict(rows["value"], RULE)}


def test_families_of_one_run_are_grouped_by_each_other_and_a_single_one_by_its_sizes(
    tmp_path: Path,
) -> None:
    two = answered(tmp_path, seeds=1, families=("ladder", "pythia"))
    crossed = two[two["grouping"] == "cross-fitted"]
    assert crossed.groupby("family")["difficulty_from"].unique().map(list).to_dict() == {
        "ladder": ["other families: pythia"],
        "pythia": ["other families: ladder"],
    }
    one = answered(tmp_path, seeds=1)
    assert set(one.loc[one["grouping"] == "cross-fitted", "difficulty_from"]) == {
        "alternating sizes"
    }


def test_only_accuracy_under_the_main_variant_over_several_sizes_is_grouped(
    tmp_path: Path,
) -> None:
    tasks = ("neqa", "prompt-injection")
    table = answered(tmp_path, tasks=tasks, variants=("zero-shot", "cot"), seeds=1)
    assert set(zip(table["task"], table["variant"], strict=True)) == {("neqa", "zero-shot")}
    assert answered(tmp_path, sizes=(1_000,), seeds=2).empty


def test_published_points_have_no_items_and_are_left_out(tmp_path: Path) -> None:
    measured, items = answers(metrics(**SMALL, seeds=2))
    table = tables.read_question(answer(tmp_path, with_published(measured), items))
    assert set(table["size"]) == {"1k", "8k", "45k"}


def test_without_one_number_of_classes_the_chance_of_a_group_is_unknown(tmp_path: Path) -> None:
    measured, items = answers(metrics(**SMALL, seeds=2))
    measured.loc[measured["task"] == "redefine", "chance"] = 0.3942
    table = tables.read_question(answer(tmp_path, measured, items))
    assert table.loc[table["task"] == "redefine", "chance"].isna().all()
    assert set(table.loc[table["task"] == "neqa", "chance"]) == {0.5}


def test_the_same_seed_gives_the_same_table(tmp_path: Path) -> None:
    made = answers(metrics(**SMALL, seeds=2))
    first = answer(tmp_path, *made).read_bytes()
    assert answer(tmp_path, *made).read_bytes() == first
    assert answer(tmp_path, *made, seed=1).read_bytes() != first
