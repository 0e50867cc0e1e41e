"""Published files as they are become points; what cannot be used costs one line, no more."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import published_results
from ushaped.atlas.fetching import mirror_folder
from ushaped.atlas.points import Point, Read, read_points, write_points
from ushaped.atlas.readers import read_set
from ushaped.atlas.sources import read_sources

ROOT = Path(__file__).parents[2]
SIZE = 190_354_176


def read_gadre(folder: Path, accuracies: dict[str, dict[str, float]]) -> Read:
    published_results.gadre(folder, accuracies)
    return read_set("set", published_results.source("gadre", folder), folder)


def test_a_model_of_gadre_has_its_facts(tmp_path: Path) -> None:
    found = read_gadre(tmp_path, {"web-a": {"copa": 0.51, "mmlu": 0.25}})
    assert not found.left_out
    copa, mmlu = found.points
    assert (copa.corpus, copa.model, copa.size, copa.n, copa.chance) == (
        "web",
        "web-a",
        "10M",
        100,
        0.5,
    )
    assert (copa.training_tokens, copa.token_multiple, copa.validation_loss) == (2e8, 1.0, 4.0)
    assert copa.training_flops == 6 * 1e7 * 2e8
    assert (mmlu.protocol, mmlu.n, mmlu.value) == ("5-shot, multiple choice", 40, 0.25)


def test_a_wrong_number_of_items_is_corrected(tmp_path: Path) -> None:
    published_results.gadre(tmp_path, {"a": {"copa": 0.5}})
    source = published_results.source("gadre", tmp_path, items={"copa": 50})
    assert [point.n for point in read_set("set", source, tmp_path).points] == [50]


def test_a_task_without_items_is_left_out_once(tmp_path: Path) -> None:
    found = read_gadre(tmp_path, {"a": {"copa": 0.5, "new": 0.5}, "b": {"copa": 0.5, "new": 0.5}})
    assert [point.task for point in found.points] == ["copa", "copa"]
    assert [(one.what, "number of items" in one.reason) for one in found.left_out] == [
        ("new", True)
    ]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "models/a.json").unlink(), "no such file"),
        (lambda folder: (folder / "models/a.json").write_text("{}"), "hyperparameters"),
        (lambda folder: (folder / "evals/evaluation_a_heavy.json").write_text("["), "not readable"),
        (
            lambda folder: (folder / "evals/evaluation_a_heavy.json").write_text(
                json.dumps({"results": {}})
            ),
            "eval_metrics.icl: is missing",
        ),
    ],
)
def test_a_damaged_model_of_gadre_costs_its_own_points(
    tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    published_results.gadre(tmp_path, {"a": {"copa": 0.5}, "b": {"copa": 0.6}})
    source = published_results.source("gadre", tmp_path)
    damage(tmp_path / "exp_data")
    found = read_set("set", source, tmp_path)
    assert [point.model for point in found.points] == ["b"]
    (line,) = found.left_out
    assert reason in line.reason
    assert str(tmp_path) not in line.reason


def test_percentages_are_left_out_in_one_line(tmp_path: Path) -> None:
    found = read_gadre(tmp_path, {"a": {"copa": 51.0}, "b": {"copa": 52.0}, "c": {"mmlu": 0.5}})
    assert [point.task for point in found.points] == ["mmlu"]
    (line,) = found.left_out
    assert "divide percentages by 100 (2 values)" in line.reason


def test_the_last_evaluation_of_an_olmo_run_is_read(tmp_path: Path) -> None:
    counts = list(range(30, 60))
    published_results.olmo(tmp_path, "190M-1xC.csv", counts, 20 * SIZE)
    published_results.olmo(tmp_path, "190M-1xC-rerun.csv", counts[::-1], 20 * SIZE)
    found = read_set("set", published_results.source("olmo-ladder", tmp_path), tmp_path)
    assert not found.left_out
    accuracy = {point.run: point for point in found.points if point.metric == "accuracy"}
    assert (accuracy[""].value, accuracy["rerun"].value) == (59 / 97, 30 / 97)
    assert (accuracy[""].n, accuracy[""].training_flops, accuracy[""].token_multiple) == (
        97,
        1e18,
        1,
    )
    assert {point.metric for point in found.points} == {"accuracy", "bits_per_byte"}


def test_a_run_that_ended_early_is_left_out(tmp_path: Path) -> None:
    published_results.olmo(tmp_path, "190M-2xC.csv", [30, 31], 20 * SIZE)
    found = read_set("set", published_results.source("olmo-ladder", tmp_path), tmp_path)
    assert not found.points
    assert "50% of its training" in found.left_out[0].reason


def test_shares_that_do_not_tell_of_how_many_items_are_left_untested(tmp_path: Path) -> None:
    published_results.olmo(tmp_path, "190M-1xC.csv", [30, 31], 20 * SIZE)
    found = read_set("set", published_results.source("olmo-ladder", tmp_path), tmp_path)
    assert {point.n for point in found.points} == {None}
    assert [one.what for one in found.left_out] == ["piqa_val"]


def test_groups_are_numbered_from_the_hardest(tmp_path: Path) -> None:
    rows = [["m/a", "M", 1, 2.0, 0.1, 0.9], ["m/b", "M", 2, 5.0, 0.2, 0.8]]
    published_results.wu_lo(tmp_path, "acc_quiz_10_redist.csv", ["0_50_acc", "50_90_acc"], rows)
    published_results.wu_lo(tmp_path, "quiz_10_redist.csv", ["0_50_brier", "50_90_brier"], rows)
    found = read_set("set", published_results.source("wu-lo", tmp_path), tmp_path)
    by = {(p.metric, p.part, p.model): (p.value, p.n) for p in found.points}
    assert by["accuracy", "0", "m/a"] == (0.1, 50)
    assert by["brier", "1", "m/a"] == (0.1, 50)
    assert by["brier", "0", "m/b"] == (0.8, 40)


def test_models_without_compute_or_values_are_named(tmp_path: Path) -> None:
    rows = [["a", "M", 1, "", 0.1], ["b", "M", 1, 2.0, ""], ["c", "M", 1, 2.0, 0.1]]
    published_results.wu_lo(tmp_path, "acc_quiz_10_redist.csv", ["0_50_acc"], rows)
    found = read_set("set", published_results.source("wu-lo", tmp_path), tmp_path)
    assert [point.model for point in found.points] == ["c"]
    assert sorted(one.reason.split(": ")[1] for one in found.left_out) == [
        "no values",
        "unknown compute, so no place on an axis",
    ]


def test_two_values_of_one_model_are_both_left_out(tmp_path: Path) -> None:
    rows = [["a", "M", 1, 2.0, 0.1], ["a", "M", 1, 2.0, 0.2], ["c", "M", 1, 2.0, 0.1]]
    rows.append(rows[2])
    published_results.wu_lo(tmp_path, "acc_quiz_10_redist.csv", ["0_50_acc"], rows)
    found = read_set("set", published_results.source("wu-lo", tmp_path), tmp_path)
    assert [point.model for point in found.points] == ["c"]
    assert len(found.left_out) == 2


def test_points_are_read_as_they_were_written(tmp_path: Path) -> None:
    points = read_gadre(tmp_path / "a", {"a": {"copa": 1 / 3}}).points
    write_points(tmp_path / "curves.csv", points)
    assert read_points(tmp_path / "curves.csv") == points


# -- the published files --------------------------------------------------------------------------


def published(name: str) -> list[Point]:
    source = read_sources(ROOT / "literature/atlas.yaml")[name]
    found = read_set(name, source, Path(mirror_folder("")) / source.folder)
    return found.points


def tidy(name: str) -> list[dict[str, str]]:
    """The same numbers as somebody else read them from the same files."""
    with open(Path(mirror_folder("")).parent / f"{name}.csv", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.needs("atlas")
def test_gadre_is_as_in_the_tidy_table() -> None:
    read = {(p.corpus, p.model, p.task): p for p in published("gadre-2024")}
    rows = tidy("gadre-2024")
    assert len(rows) == len(read)
    for row in rows:
        point = read[row["corpus"], row["model"], row["task"]]
        assert point.value == pytest.approx(float(row["accuracy"]), abs=6e-7)
        assert point.n == (1172 if point.task == "arc_challenge" else int(row["n"]))
        assert point.chance == float(row["chance"])
        assert point.parameters == float(row["parameters"])
        assert point.training_tokens == float(row["training_tokens"])
        assert point.token_multiple == pytest.approx(float(row["token_multiple"]), rel=1e-3)


@pytest.mark.needs("atlas")
def test_shares_of_arc_challenge_are_counts_of_the_corrected_items() -> None:
    counts = [p.value * 1172 for p in published("gadre-2024") if p.task == "arc_challenge"]
    assert max(abs(count - round(count)) for count in counts) < 1e-3


@pytest.mark.needs("atlas")
def test_the_olmo_ladder_is_as_in_the_tidy_table() -> None:
    read = {
        (p.size, p.token_multiple, p.run, p.task, p.metric): p
        for p in published("olmo-ladder-2024")
    }
    rows = tidy("olmo-ladder-2024")
    assert len(rows) == len(read)
    for row in rows:
        run = "rerun" if row["rerun"] == "1" else ""
        task = row["task"].removesuffix("_rc_5shot")
        point = read[row["size"], float(row["token_multiple"]), run, task, row["metric"]]
        assert point.value == pytest.approx(float(row["value"]), rel=1e-5, abs=1e-6)
        assert point.training_tokens == float(row["training_tokens"])
        assert point.training_flops == pytest.approx(1e9 * float(row["training_gflops"]), rel=1e-5)


@pytest.mark.needs("atlas")
def test_items_of_the_olmo_ladder_are_those_of_the_data_sets() -> None:
    n = {p.task: p.n for p in published("olmo-ladder-2024")}
    assert len(n) == 20
    expected = {"hellaswag_val": 10042, "boolq_val": 3270, "arc_challenge_test": 1172}
    assert {task: n[task] for task in expected} == expected


@pytest.mark.needs("atlas")
def test_wu_and_lo_is_as_in_the_tidy_table_where_compute_is_known() -> None:
    read = {(p.task, p.metric, p.model, int(p.part)): p for p in published("wu-lo-2024")}
    rows = [row for row in tidy("wu-lo-2024") if row["training_flops_e21"]]
    assert len(rows) == len(read)
    for row in rows:
        group = int(row["group"])
        rank = 9 - group if row["metric"] == "brier" else group
        point = read[row["task"], row["metric"], row["model"], rank]
        assert point.value == pytest.approx(float(row["value"]))
        assert point.training_flops == pytest.approx(1e21 * float(row["training_flops_e21"]))
        first, last, _ = row["column"].split("_")
        assert point.n == int(last) - int(first)


@pytest.mark.needs("atlas")
def test_group_0_is_the_hardest_of_its_task() -> None:
    sums: dict[tuple[str, str], dict[str, list[float]]] = {}
    for p in published("wu-lo-2024"):
        sums.setdefault((p.task, p.metric), {}).setdefault(p.part, []).append(p.value)
    for (_, metric), groups in sums.items():
        means = {part: sum(values) / len(values) for part, values in groups.items()}
        harder = means["0"] < means["9"] if metric == "accuracy" else means["0"] > means["9"]
        assert harder
