"""Curves along other axes: which numbers stand on which curve, and what is left out."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import axes as step
import shapes as judge
from fabricate import RUN_NOISE, SETTINGS, answers, metrics, with_published
from ushaped.axes import PARAMETERS, SHOTS, THINKING_TOKENS, TRAINING_TOKENS
from ushaped.metrics.regroup import Regrouped, regroup
from ushaped.results.parquet import ITEMS
from ushaped.terms import AVERAGE, TEN_TASKS

SIZES = (1_000, 8_000)
WRITTEN = "the model writes its answer"


def of_variants(variants: Sequence[str], tasks: Sequence[str] = ("neqa",)) -> pd.DataFrame:
    """Metrics of two sizes with two seeds, all of the official protocol."""
    table = metrics(tasks, variants, SIZES, 2)
    return table.assign(protocol="official", modified="")


def thinking(variants: Sequence[str]) -> pd.DataFrame:
    """The same of written answers, with the tokens of thinking that were used."""
    table = of_variants(variants).assign(protocol="modified", modified=WRITTEN)
    budget = table["variant"].str.extract(r"think-(\d+)")[0]
    said = "the model thinks for at most " + budget + f" tokens before its answer; {WRITTEN}"
    table["modified"] = table["modified"].where(budget.isna(), said)
    used = table[table["metric"].eq("accuracy") & budget.notna()]
    used = used.assign(metric="thinking_tokens", value=0.5 * budget[used.index].astype(float))
    return pd.concat([table, used], ignore_index=True)


def along(axis, table: pd.DataFrame) -> Regrouped:
    measured, items = answers(table)
    return regroup(axis, measured, items)


def points(found: Regrouped, column: str = "size") -> dict[str, list[object]]:
    """Values of a column at the points of each curve of accuracies, smallest first."""
    means = found.metrics[(found.metrics["model"] == "") & (found.metrics["metric"] == "accuracy")]
    return {str(name): list(rows[column]) for name, rows in means.groupby("family")}


def test_a_curve_over_shots_is_of_one_size_with_the_item_alone_at_0() -> None:
    found = along(SHOTS, of_variants(["few-shot-4", "zero-shot", "few-shot-2", "one-shot"]))
    assert {name: sorted(map(str, own)) for name, own in points(found).items()} == {
        "ladder 1k": ["0", "2", "4"],
        "ladder 8k": ["0", "2", "4"],
    }
    assert set(found.metrics["variant"]) == {"few-shot-k"}
    assert set(found.metrics["shots"]) == {0.0, 2.0, 4.0}
    assert found.left_out.empty


def test_every_model_of_a_point_has_its_answers_under_the_name_of_the_point() -> None:
    found = along(SHOTS, of_variants(["zero-shot", "few-shot-2"]))
    own = found.metrics[(found.metrics["model"] != "") & (found.metrics["metric"] == "accuracy")]
    means = found.items.groupby(["family", "variant", "model"])["correct"].mean()
    keys = own.set_index(["family", "variant", "model"])["value"]
    assert len(means) == len(keys) == 8
    pd.testing.assert_series_equal(means, keys.sort_index(), check_names=False)


def test_suffixes_of_variants_make_curves_of_their_own() -> None:
    found = along(SHOTS, of_variants(["zero-shot", "few-shot-2", "few-shot-2-chat"]))
    assert set(found.metrics["variant"]) == {"few-shot-k"}
    assert set(found.left_out["variant"]) == {"few-shot-k-chat"}
    assert set(found.left_out["reason"]) == {"it has one point"}


def test_a_point_of_another_protocol_is_left_out_and_named() -> None:
    table = of_variants(["zero-shot", "few-shot-2", "few-shot-4"])
    table.loc[table["variant"] == "zero-shot", "protocol"] = "modified"
    found = along(SHOTS, table)
    assert set(found.metrics["size"]) == {"2", "4"}
    (row,) = found.left_out.to_dict("records")
    assert row["variant"] == "zero-shot"
    assert row["reason"] == "its protocol is modified, that of the others official"


def test_a_point_that_differs_in_more_than_its_number_is_left_out() -> None:
    table = thinking(["zero-shot-generated", "think-16", "think-64", "think-256"])
    odd = table["variant"] == "think-64"
    table.loc[odd, "modified"] = table.loc[odd, "modified"] + "; another ending"
    found = along(THINKING_TOKENS, table)
    assert set(found.metrics["size"]) == {"0", "16", "256"}
    (row,) = found.left_out.to_dict("records")
    assert row["variant"] == "think-64"
    assert "(another ending)" in row["reason"]


def test_an_item_alone_that_is_modified_otherwise_is_left_out() -> None:
    table = thinking(["zero-shot-generated", "think-16", "think-64"])
    alone = table["variant"] == "zero-shot-generated"
    table.loc[alone, "modified"] = "the model writes its answer in verse"
    found = along(THINKING_TOKENS, table)
    assert set(found.metrics["size"]) == {"16", "64"}
    assert set(found.left_out["variant"]) == {"zero-shot-generated"}


def test_thinking_has_the_budget_and_what_was_used_and_one_modification() -> None:
    found = along(THINKING_TOKENS, thinking(["zero-shot-generated", "think-16", "think-64"]))
    assert points(found, "thinking_budget") == {
        key: [0.0, 16.0, 64.0] for key in ("ladder 1k", "ladder 8k")
    }
    assert points(found, "thinking_tokens") == {
        key: [0.0, 8.0, 32.0] for key in ("ladder 1k", "ladder 8k")
    }
    assert set(found.metrics["modified"]) == {
        f"the model thinks for at most k tokens before its answer; {WRITTEN}"
    }


def test_a_budget_of_nothing_stands_at_0_in_place_of_the_item_alone() -> None:
    found = along(THINKING_TOKENS, thinking(["zero-shot-generated", "think-0", "think-64"]))
    single = set(found.metrics.loc[found.metrics["size"] == "0", "model"]) - {""}
    assert single
    assert all(name.endswith(", think-0") for name in single)


def test_an_average_has_only_the_points_that_all_ten_tasks_have() -> None:
    table = of_variants(["zero-shot", "few-shot-2", "few-shot-4"], [*TEN_TASKS])
    lacking = (table["task"] == "neqa") & (table["variant"] == "few-shot-4")
    found = along(SHOTS, table[~lacking])
    average = found.metrics[found.metrics["task"] == AVERAGE]
    assert set(average["size"]) == {"0", "2"}


def checkpoints() -> pd.DataFrame:
    """Two numbers of parameters, three checkpoints of each."""
    table = metrics(["neqa"], ["zero-shot"], SIZES, 1)
    tables = [
        table.assign(
            size=table["size"] + f"-{tokens}",
            model=table["model"].where(table["model"] == "", table["model"] + f"-{tokens}"),
            training_tokens=float(tokens),
            training_flops=6 * table["parameters"] * tokens,
        )
        for tokens in (1_000, 2_000, 4_000)
    ]
    return pd.concat(tables, ignore_index=True)


def test_checkpoints_of_each_size_are_a_curve_over_training_tokens() -> None:
    found = along(TRAINING_TOKENS, checkpoints())
    tokens = points(found, "training_tokens")
    assert tokens == {key: [1000.0, 2000.0, 4000.0] for key in ("ladder 1k", "ladder 8k")}


def test_sizes_of_one_budget_are_a_curve_over_parameters() -> None:
    found = along(PARAMETERS, checkpoints())
    names = [f"ladder {tokens} tokens" for tokens in ("1k", "2k", "4k")]
    assert points(found, "parameters") == {key: [1000, 8000] for key in names}


def test_a_family_of_different_sizes_is_one_curve_over_parameters() -> None:
    table = of_variants(["zero-shot"])
    table["training_tokens"] = table["parameters"] * 20
    found = along(PARAMETERS, table)
    assert list(points(found)) == ["ladder"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "all of its sizes have the same number of training tokens"),
        ({"training_tokens": float("nan")}, "training tokens is not known of 1k, 8k"),
    ],
)
def test_a_family_without_a_curve_over_tokens_is_named(
    change: dict[str, float], reason: str
) -> None:
    found = along(TRAINING_TOKENS, of_variants(["zero-shot"]).assign(**change))
    assert found.metrics.empty
    assert found.items.empty
    (row,) = found.left_out.to_dict("records")
    assert row["family"] == "ladder"
    assert reason in row["reason"]


def test_tokens_that_grow_with_the_parameters_make_no_curve() -> None:
    table = of_variants(["zero-shot"])
    table["training_tokens"] = table["parameters"] * 20
    (row,) = along(TRAINING_TOKENS, table).left_out.to_dict("records")
    assert "alone: the number of parameters differs too" in row["reason"]


def test_published_points_stay_on_the_axis_of_sizes() -> None:
    table = with_published(of_variants(["zero-shot"]))
    found = along(PARAMETERS, table)
    assert "175B" not in set(found.metrics["size"])


# -- the steps ------------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, program, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", [program.__name__, *map(str, words)])
    program.main()


def judged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, axis: str, table: pd.DataFrame
) -> list[dict]:
    """The evidence on the curves along an axis, by both steps."""
    measured, items = answers(table)
    measured.to_csv(folder / "metrics.csv", index=False)
    pq.write_table(pa.Table.from_pandas(items).select(ITEMS.names).cast(ITEMS), folder / "items")
    of_axis = {name: folder / f"axis-{name}" for name in ("metrics", "items", "left-out")}
    inputs = ("--metrics", folder / "metrics.csv", "--items", folder / "items")
    outputs = ("--regrouped-items", of_axis["items"], "--left-out", of_axis["left-out"])
    run(monkeypatch, step, axis, *inputs, "--output", of_axis["metrics"], *outputs)
    inputs = ("--metrics", of_axis["metrics"], "--items", of_axis["items"])
    outputs = ("--output", folder / "shapes.csv", "--evidence", folder / "evidence.json")
    run(monkeypatch, judge, "--axis", axis, *inputs, *SETTINGS, *RUN_NOISE, *outputs)
    return json.loads((folder / "evidence.json").read_text())["curves"]


def test_a_curve_over_shots_is_judged_on_these_very_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = of_variants(["zero-shot", "few-shot-2", "few-shot-4", "few-shot-16"])
    for curve in judged(tmp_path, monkeypatch, "shots", table):
        assert curve["scale"] == "shots"
        assert curve["at"] == [0.0, 2.0, 4.0, 16.0]
        assert curve["sizes"] == ["0", "2", "4", "16"]
        assert curve["run_noise"] == {"source": "zero", "study": "", "sd": 0.0, "degrees": None}
        verdict = curve["verdict"]
        assert verdict["these_models"] == verdict["statistical"]
        assert verdict["p_u"] is not None
        assert verdict["q_u"] is not None
        assert "tipping_point" not in verdict
        assert curve["mechanism"] is curve["broken"] is curve["prediction"] is None
        assert curve["two_lines"]
        assert curve["neighbours"]
        assert curve["seeds"] == [2] * 4


def test_a_curve_over_parameters_keeps_the_noise_between_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = metrics(["neqa"], ["zero-shot"], (1_000, 3_000, 8_000, 45_000), 2)
    (curve,) = judged(tmp_path, monkeypatch, "parameters", table)
    assert curve["scale"] == "parameters"
    assert curve["at"] == [1000.0, 3000.0, 8000.0, 45000.0]
    assert curve["run_noise"]["source"] == "estimated"
    assert "ordered-by-parameters" not in curve["verdict"]["notes"]


def test_an_axis_without_any_curve_has_empty_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judged(tmp_path, monkeypatch, "training-tokens", of_variants(["zero-shot"])) == []
    assert len((tmp_path / "shapes.csv").read_text().splitlines()) == 1
    assert "ladder" in (tmp_path / "axis-left-out").read_text()
