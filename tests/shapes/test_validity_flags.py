"""Traps that make many items little evidence, and the verdicts of a task's parts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ushaped.errors import UserError
from ushaped.results.columns import METRICS as COLUMNS
from ushaped.shapes.curves import Answers, Curve
from ushaped.shapes.parts import verdicts_by_part
from ushaped.shapes.read import read_metrics, read_published
from ushaped.shapes.rules import Rule
from ushaped.shapes.validity_flags import (
    add_validity_flags,
    answer_counts,
    deciding_sizes,
    read_answer_counts,
)

PUBLISHED = Path(__file__).parents[2] / "literature"
EQUIVALENT = Rule.published_equivalent()
BALANCED = np.array([50, 50])


def curve(*values: float, **told: Any) -> Curve:
    """A curve of one model per size."""
    sizes = tuple(f"{2**place}k" for place in range(len(values)))
    about: dict[str, Any] = {
        "family": "f",
        "source": "replica",
        "task": "neqa",
        "variant": "zero-shot",
        "protocol": "official",
        "modified": "",
        "metric": "accuracy",
        "sizes": sizes,
        "flops": 10.0 ** np.arange(len(values)),
        "values": np.array(values),
        "n": 100,
        "models": tuple((size,) for size in sizes),
    }
    return Curve(**(about | told))


def flags_of(made: Curve, labels: np.ndarray | None = BALANCED) -> tuple[str, ...]:
    """Flags of a curve."""
    return add_validity_flags(made, labels).flags


# -- flags ----------------------------------------------------------------------------------------


def test_a_curve_without_validity_flags_keeps_its_flags() -> None:
    assert flags_of(curve(0.9, 0.3, 0.8, flags=("relabelled-sizes",))) == ("relabelled-sizes",)


@pytest.mark.parametrize("size", ["1k", "4k", "16k"])
def test_a_constant_answer_is_flagged_at_a_size_that_decides_the_shape(size: str) -> None:
    assert flags_of(curve(0.9, 0.6, 0.3, 0.4, 0.8, constant=(size,))) == ("constant-answer",)


def test_a_constant_answer_on_the_way_down_or_up_is_not_flagged() -> None:
    assert flags_of(curve(0.9, 0.6, 0.3, 0.4, 0.8, constant=("2k", "8k"))) == ()


def test_the_highest_value_before_the_lowest_decides_a_u() -> None:
    heights = np.array([0.5, 0.6, 0.55, 0.2, 0.3, 0.9])
    assert deciding_sizes(heights) == [0, 1, 3, 5]
    # And the lowest before the highest its mirror image.
    assert deciding_sizes(-heights) == [0, 1, 3, 5]


def test_one_right_answer_for_all_items_is_flagged() -> None:
    assert flags_of(curve(0.9, 0.3, 0.8), np.array([100])) == ("one-answer",)
    # A class that is offered and never right makes no difference.
    assert flags_of(curve(0.9, 0.3, 0.8), np.array([0, 100])) == ("one-answer",)


def test_labels_are_unbalanced_above_two_thirds() -> None:
    assert flags_of(curve(0.9, 0.3, 0.8), np.array([34, 68])) == ()
    assert flags_of(curve(0.9, 0.3, 0.8), np.array([33, 69])) == ("unbalanced-labels",)


def test_nearly_all_items_that_change_alike_are_flagged() -> None:
    assert flags_of(curve(1.0, 0.1, 0.6)) == ("moves-together",)
    assert flags_of(curve(0.05, 0.95)) == ("moves-together",)
    assert flags_of(curve(1.0, 0.11, 0.6)) == ()
    # Two steps of half the way are no single one.
    assert flags_of(curve(1.0, 0.5, 0.0)) == ()


def test_a_loss_and_an_average_have_none_of_these_flags() -> None:
    loss = curve(3.0, 0.1, 2.0, metric="sequence_loss", constant=("1k",))
    average = curve(1.0, 0.0, 1.0, task="ten-task-average", constant=("1k",))
    assert flags_of(loss, np.array([100])) == ()
    assert flags_of(average, None) == ()


def test_the_labels_of_answers_count_how_often_each_text_is_right() -> None:
    some = np.array([3, 1, 3, 3])
    answers = Answers(np.arange(4), {}, np.empty((0, 4)), np.zeros(4, dtype=int), some)
    assert answer_counts(answers).tolist() == [1, 3]


# -- from the tables ------------------------------------------------------------------------------


def test_a_constant_answer_in_the_metrics_reaches_the_curve_by_size(tmp_path: Path) -> None:
    rows = [
        dict.fromkeys(COLUMNS, "")
        | {"family": "f", "size": f"s{place}", "training_flops": 10**place, "task": "neqa"}
        | {"metric": "accuracy", "value": value, "n": 100, "flags": flags}
        for place, (value, flags) in enumerate(
            [(0.9, ""), (0.5, "constant-answer;prompt-cut"), (0.2, "")]
        )
    ]
    with open(tmp_path / "metrics.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    (found,) = read_metrics(tmp_path / "metrics.csv")
    assert found.constant == ("s1",)
    assert [flag for flag in found.flags if flag] == ["prompt-cut"]
    assert "constant-answer" not in flags_of(found)


def test_the_published_curves_have_their_validity_flags(literature: Path) -> None:
    with open(literature / "shapes.csv", encoding="utf-8", newline="") as handle:
        rows = {(row["family"], row["task"]): row for row in csv.DictReader(handle)}
    flags = {key: row["flags"].split(";") for key, row in rows.items()}
    # From 100 % to 0 %, where every answer is "Yes": one word said always, then never.
    palm = flags["PaLM", "modus-tollens"]
    assert palm == ["one-answer", "label-share-score", "moves-together"]
    assert rows["PaLM", "modus-tollens"]["equivalent"] == "U-shaped"
    assert all(("one-answer" in flags[key]) == (key[1] == "modus-tollens") for key in flags)
    # 137 of 300 items: "A" to all of them.
    assert "label-share-score" in flags["Anthropic LM", "neqa"]
    assert flags["PaLM", "neqa"] == [""]


def test_the_labels_of_the_released_files_count_every_item() -> None:
    items = {one.task: one.n for one in read_published(PUBLISHED / "series.csv")}
    labels = read_answer_counts(PUBLISHED / "labels.csv")
    assert {task: int(counts.sum()) for task, counts in labels.items()} == {
        task: items[task] for task in ("modus-tollens", "neqa")
    }


@pytest.mark.parametrize("count", ["-1", "1.5", "many"])
def test_labels_that_are_no_counts_are_refused(tmp_path: Path, count: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"task,answer,items\nneqa,A,{count}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"labels.csv, line 2: items is"):
        read_answer_counts(path)


# -- parts ----------------------------------------------------------------------------------------


def in_parts(shares: list[tuple[float, ...]], items: int = 20) -> tuple[Curve, Answers]:
    """A curve whose parts have these shares of right answers, and the answers behind it."""
    right = np.array(shares).T[..., None] * items > np.arange(items)
    correct = right.reshape(len(right), -1).astype(float)
    made = curve(*correct.mean(axis=1), n=correct.shape[1])
    clusters = np.repeat(np.arange(1, len(shares) + 1), items)
    models = {names[0]: place for place, names in enumerate(made.models)}
    return made, Answers(np.arange(correct.shape[1]), models, correct, clusters, clusters)


def test_each_part_gets_the_verdict_of_its_own_curve() -> None:
    made, answers = in_parts([(0.9, 0.1, 0.8), (0.2, 0.5, 0.9)])
    assert verdicts_by_part(made, answers, EQUIVALENT) == [
        {"part": 1, "n": 20, "equivalent": "U-shaped"},
        {"part": 2, "n": 20, "equivalent": "positive"},
    ]


def test_the_parts_of_a_size_of_several_seeds_are_averaged_over_them() -> None:
    made, answers = in_parts([(0.9, 0.1, 0.8), (0.9, 0.1, 0.8)])
    # A second seed of the middle size that gets everything right: no U is left.
    both = {**answers.models, "2k-s1": 3}
    correct = np.vstack([answers.correct, np.ones(40)])
    seeded = Answers(answers.items, both, correct, answers.clusters, answers.answers)
    models = (("1k",), ("2k", "2k-s1"), ("4k",))
    pooled = curve(0.9, 0.55, 0.8, models=models, n=40)
    shallow = Rule.published_equivalent(equivalence=0.4)
    assert [row["equivalent"] for row in verdicts_by_part(made, answers, shallow)] == [
        "U-shaped"
    ] * 2
    assert [row["equivalent"] for row in verdicts_by_part(pooled, seeded, shallow)] == ["flat"] * 2


def test_a_task_of_one_part_or_of_very_many_has_no_verdicts_by_part() -> None:
    assert verdicts_by_part(*in_parts([(0.9, 0.1, 0.8)]), EQUIVALENT) == []
    assert verdicts_by_part(*in_parts([(0.9, 0.1, 0.8)] * 10), EQUIVALENT) == []
    assert len(verdicts_by_part(*in_parts([(0.9, 0.1, 0.8)] * 9), EQUIVALENT)) == 9


def test_one_size_and_published_points_give_no_verdicts_by_part() -> None:
    assert verdicts_by_part(*in_parts([(0.9,), (0.2,)]), EQUIVALENT) == []
    made, answers = in_parts([(0.9, 0.1), (0.2, 0.5)])
    longer = curve(*made.values, 0.8, models=(*made.models, ()))
    assert verdicts_by_part(longer, answers, EQUIVALENT) == []
