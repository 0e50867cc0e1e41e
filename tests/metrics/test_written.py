"""Metrics of written answers: what cannot be read is wrong, and both readings are there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ushaped.metrics.definitions import Questions
from ushaped.metrics.intervals import interval
from ushaped.metrics.written import WrittenAnswers

N = 4
ONES = np.ones(N, dtype=int)
ASKED = Questions(
    "", np.arange(N), 2 * ONES, 0 * ONES, ONES, np.tile([0, 1], (N, 1)), "modified", "written",
    False, "accuracy", ONES, ONES, generated=True,
)  # fmt: skip


def written(read: list[list[int]], thinks: bool = False) -> WrittenAnswers:
    """One model's answers; -1 for one that cannot be read."""
    found = np.array([read])
    false = np.zeros(found.shape, dtype=bool)
    return WrittenAnswers(thinks, found, found < 0, 5 + 0 * found, ~false, 3 + 0 * found, false)


def test_what_cannot_be_read_is_wrong_and_left_out_of_the_other_reading() -> None:
    metrics = written([[0], [1], [-1], [0]]).metrics(ASKED)
    means = {name: float(one.values.mean()) for name, one in metrics.items()}
    assert next(iter(metrics)) == "accuracy"
    assert means["accuracy"] == 0.5
    assert means["answered_accuracy"] == pytest.approx(2 / 3)
    assert means["unanswered_share"] == means["refused_share"] == 0.25
    assert means["distractor_share"] == 0.25
    assert (means["answer_rate_0"], means["answer_rate_1"]) == (0.5, 0.25)
    assert means["answer_tokens"] == 5
    assert "agreement" not in metrics
    assert "thinking_tokens" not in metrics


def test_samples_of_an_item_are_averaged_and_compared() -> None:
    metrics = written([[0, 0, 0], [0, 1, 0], [-1, -1, -1], [-1, 0, 1]]).metrics(ASKED)
    assert metrics["accuracy"].values[0] == pytest.approx([1, 2 / 3, 0, 1 / 3])
    # Pairs of readable samples: 3 + 3 + 0 + 1, of which 3 + 1 + 0 + 0 agree.
    assert float(metrics["agreement"].values.mean()) == pytest.approx(4 / 7)


def test_nothing_readable_has_no_other_reading() -> None:
    metrics = written([[-1, -1]] * N).metrics(ASKED)
    assert float(metrics["accuracy"].values.mean()) == 0
    assert np.isnan(metrics["answered_accuracy"].values).all()
    assert np.isnan(metrics["agreement"].values).all()


def test_the_interval_of_a_ratio_is_that_of_the_readable_ones() -> None:
    rng = np.random.default_rng(0)
    read = rng.choice([-1, 0, 1], size=(2000, 1), p=[0.3, 0.5, 0.2])
    asked = replace(
        ASKED,
        **{name: np.resize(getattr(ASKED, name), 2000) for name in ("item", "count", "answer")},
        distractor=np.ones(2000, dtype=int),
        text=np.tile([0, 1], (2000, 1)),
    )
    ratio = written(read.tolist()).metrics(asked)["answered_accuracy"]
    low, high = interval(ratio)
    answered = int((read >= 0).sum())
    share = float((read == 0).sum() / answered)
    half = 1.96 * np.sqrt(share * (1 - share) / answered)
    assert (low[0] + high[0]) / 2 == pytest.approx(share)
    assert (high[0] - low[0]) / 2 == pytest.approx(half, rel=0.01)


def test_thoughts_are_counted_where_there_are_any() -> None:
    metrics = written([[0]] * N, thinks=True).metrics(ASKED)
    assert float(metrics["thinking_tokens"].values.mean()) == 3
    assert float(metrics["thought_cut_share"].values.mean()) == 0


def test_one_answer_to_everything_is_seen() -> None:
    assert written([[0, 0]] * N).commonest_share(ASKED).tolist() == [1.0]
    assert written([[0, 1]] * N).commonest_share(ASKED).tolist() == [0.5]
    assert written([[-1, -1]] * N).commonest_share(ASKED).tolist() == [0.0]
