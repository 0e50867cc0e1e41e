"""Metrics that do not jump: values by hand, and what holds for any log-likelihoods."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ushaped.errors import UserError
from ushaped.metrics import continuous
from ushaped.metrics.definitions import Questions, item_metrics
from ushaped.metrics.read import read_answer_bytes

# Two items: two classes of a fifth and three fifths, three of a tenth, a tenth and a fifth.
PADDED = np.array(
    [[np.log(0.2), np.log(0.6), -np.inf], [np.log(0.1), np.log(0.1), np.log(0.2)]],
)
ANSWER = np.array([0, 2])
# " Yes", and " é" of one more byte than characters.
LENGTHS = np.array([4, 3])


def random_items(models: int = 3, n: int = 50, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return 20 * rng.normal(size=(models, n, classes)) - 30, rng.integers(classes, size=n)


def test_every_metric_by_hand() -> None:
    found = continuous.continuous_metrics(PADDED, ANSWER, LENGTHS)
    assert set(found) == set(continuous.CONTINUOUS)
    assert found["answer_probability"] == pytest.approx([0.25, 0.5])
    assert found["loss"] == pytest.approx([math.log(4), math.log(2)])
    # 0.75² for each of two classes; 0.25² + 0.25² + 0.5².
    assert found["brier"] == pytest.approx([1.125, 0.375])
    assert found["answer_log_likelihood"] == pytest.approx([math.log(0.2), math.log(0.2)])
    assert found["bits_per_byte"] == pytest.approx([math.log2(5) / 4, math.log2(5) / 3])


def test_probabilities_of_the_classes_sum_to_one_and_a_missing_class_has_none() -> None:
    values, _ = random_items()
    assert continuous.class_probabilities(values).sum(axis=-1) == pytest.approx(np.ones((3, 50)))
    assert continuous.class_probabilities(PADDED)[0, 2] == 0


def test_the_brier_score_lies_between_0_and_2_and_reaches_both() -> None:
    values, answer = random_items()
    scores = continuous.brier_score(values, answer)
    assert ((scores >= 0) & (scores <= 2)).all()
    sure = np.array([[0.0, -800.0], [0.0, -800.0]])
    assert continuous.brier_score(sure, np.array([0, 1])).tolist() == [0, 2]


def test_only_the_metrics_of_the_answer_alone_depend_on_the_label_mass() -> None:
    values, answer = random_items()
    lengths = np.full(len(answer), 2)
    before = continuous.continuous_metrics(values, answer, lengths)
    after = continuous.continuous_metrics(values - 1, answer, lengths)
    for metric in ("answer_probability", "loss", "brier"):
        assert after[metric] == pytest.approx(before[metric])
    assert after["answer_log_likelihood"] == pytest.approx(before["answer_log_likelihood"] - 1)
    assert after["bits_per_byte"] == pytest.approx(before["bits_per_byte"] + 0.5 / math.log(2))


def test_the_order_of_the_classes_means_nothing() -> None:
    values, answer = random_items()
    lengths = np.full(len(answer), 2)
    straight = continuous.continuous_metrics(values, answer, lengths)
    turned = continuous.continuous_metrics(values[..., ::-1], 3 - answer, lengths)
    for metric, expected in straight.items():
        assert turned[metric] == pytest.approx(expected)


def test_the_loss_is_that_of_the_metrics_table() -> None:
    values, answer = random_items()
    zeros = np.zeros(len(answer), dtype=int)
    text = np.tile(np.arange(4), (len(answer), 1))
    asked = ("official", "", False, "accuracy", zeros, zeros)
    questions = Questions("", zeros, zeros + 4, answer, zeros - 1, text, *asked)
    expected = item_metrics(values, questions)["loss"].values
    assert continuous.loss(values, answer) == pytest.approx(expected)
    assert -np.log(continuous.answer_probability(values, answer)) == pytest.approx(expected)


def test_tiny_likelihoods_do_not_underflow() -> None:
    values = np.array([[-2000.0, -2001.0]])
    assert continuous.answer_probability(values, np.array([1])) == pytest.approx([1 / (1 + math.e)])
    far = np.array([[0.0, -2000.0]])
    assert continuous.loss(far, np.array([1])).tolist() == [2000]


def test_an_answer_without_text_has_no_bits_per_byte() -> None:
    with pytest.raises(UserError, match="right answer 1: has no text"):
        continuous.bits_per_byte(PADDED, ANSWER, np.array([3, 0]))


def test_practical_equivalence_is_a_step_of_the_same_size_in_every_unit() -> None:
    margins = continuous.equivalences(0.02, LENGTHS)
    assert set(margins) == set(continuous.CONTINUOUS)
    # Models whose probabilities are 0 or 1: one of fifty answers more is right.
    sure = np.tile([0.0, -800.0], (50, 1))
    before, after = np.zeros(50, dtype=int), np.zeros(50, dtype=int)
    before[:10], after[:9] = 1, 1
    for metric, of in (
        ("answer_probability", continuous.answer_probability),
        ("brier", continuous.brier_score),
    ):
        assert abs(of(sure, after).mean() - of(sure, before).mean()) == pytest.approx(
            margins[metric]
        )
    # An answer of mean length whose log-likelihood is better by the margin in nats.
    step = margins["answer_log_likelihood"] / math.log(2) / LENGTHS.mean()
    assert margins["bits_per_byte"] == pytest.approx(step)


def test_bytes_of_an_answer_are_those_of_utf_8_with_the_leading_space(tmp_path: Path) -> None:
    path = tmp_path / "zero-shot.parquet"
    columns = {"item": [1, 0], "classes": [[" a", " é"], [" Yes", " No"]], "answer_index": [1, 0]}
    pq.write_table(pa.table(columns), path)
    # In the order of the items.
    assert read_answer_bytes(path).tolist() == [4, 3]
